//! A record: a head, and every request with its answer, one a line of JSON.

use crate::Site;
use cmdlets::{Hello, Request, Row};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub head: Head,
    pub exchanges: Vec<Exchange>,
}

/// What was recorded, and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// drover's version.
    pub drover: String,
    /// `simulated host`, or the system of a real one.
    pub host: String,
    pub hello: Hello,
}

/// `{"step":"..","request":{..},"rows":[..]}`, or with an error in place of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub step: String,
    pub request: Request,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Head {
    pub fn of(hello: &Hello) -> Self {
        Self { drover: env!("CARGO_PKG_VERSION").to_owned(), host: hello.os.clone(), hello: hello.clone() }
    }
}

impl Record {
    pub fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let wrong = |error: serde_json::Error| error.to_string();
        let head = serde_json::from_str(lines.next().ok_or("it is empty")?).map_err(wrong)?;
        let exchanges = lines.map(|line| serde_json::from_str(line).map_err(wrong)).collect::<Result<_, _>>()?;
        Ok(Self { head, exchanges })
    }

    pub fn text(&self) -> String {
        let line = |value: Result<String, serde_json::Error>| value.expect("a record has only text keys") + "\n";
        let head = line(serde_json::to_string(&self.head));
        self.exchanges.iter().fold(head, |text, exchange| text + &line(serde_json::to_string(exchange)))
    }

    /// The same with stand-ins for what it is not to tell.
    #[must_use]
    pub fn without(self, site: &Site) -> Self {
        let mut value = serde_json::to_value(&self.exchanges).expect("a record has only text keys");
        site.hide(&mut value);
        Self { exchanges: serde_json::from_value(value).expect("texts stay texts"), ..self }
    }
}

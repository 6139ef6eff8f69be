//! A record: a head, and every request with its answer, one a line of JSON.

use crate::Site;
use cmdlets::{Hello, Request, Row, Step};
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
    /// The folder where the VM's own one was made.
    pub storage: String,
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
    pub fn of(hello: &Hello, storage: &str) -> Self {
        let (drover, storage) = (env!("CARGO_PKG_VERSION").to_owned(), storage.to_owned());
        Self { drover, host: hello.os.clone(), storage, hello: hello.clone() }
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
    pub fn without(mut self, site: &Site) -> Self {
        for exchange in &mut self.exchanges {
            for step in &mut exchange.request.steps {
                match step {
                    Step::Call { args, .. } => args.values_mut().for_each(|value| site.hide(value)),
                    Step::Where { is, .. } => *is = site.hidden(is),
                    Step::Put { .. } | Step::Get { .. } => {}
                }
            }
            exchange.rows.iter_mut().flatten().flat_map(Row::values_mut).for_each(|value| site.hide(value));
            exchange.error = exchange.error.as_ref().map(|error| site.hidden(error));
        }
        self
    }
}

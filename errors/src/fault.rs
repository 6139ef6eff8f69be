//! A failure that happened: a catalogue entry with its holes filled, and what is known of where it came from.

use crate::Entry;
use std::error::Error;
use std::fmt;

#[derive(Debug)]
pub struct Fault {
    pub entry: &'static Entry,
    pub holes: Vec<(&'static str, String)>,
    /// The step of a verb in which it happened.
    pub step: Option<String>,
    /// The outside command that failed, its arguments joined for reading; never holds a secret, as no argv does.
    pub command: Option<String>,
    pub exit_status: Option<i32>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    pub fn new(entry: &'static Entry) -> Self {
        Self { entry, holes: Vec::new(), step: None, command: None, exit_status: None, source: None }
    }

    #[must_use]
    pub fn hole(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.holes.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    #[must_use]
    pub fn command(mut self, argv: impl Into<String>, exit_status: Option<i32>) -> Self {
        self.command = Some(argv.into());
        self.exit_status = exit_status;
        self
    }

    /// The entry's text with its holes filled, without the sources.
    pub fn text(&self) -> String {
        fill(self.entry.text, &self.holes)
    }

    /// The remedy, with the same holes filled.
    pub fn remedy(&self) -> String {
        fill(self.entry.remedy, &self.holes)
    }

    /// The text followed by each source once, as it is logged and kept in the history.
    pub fn chain(&self) -> String {
        let mut out = self.text();
        let mut next: Option<&(dyn Error + 'static)> = self.source();
        while let Some(error) = next {
            out.push_str(": ");
            out.push_str(&error.to_string());
            next = error.source();
        }
        out
    }
}

fn fill(template: &str, holes: &[(&'static str, String)]) -> String {
    holes.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ENTRY: Entry = Entry {
        code: "2001",
        text: "{command} ended with status {status}.",
        cause: "The program refused.",
        remedy: "Read what {command} said.",
        category: crate::Category::HostRefused,
    };

    #[test]
    fn holes_are_filled_and_the_chain_is_printed_once() {
        let fault = Fault::new(&ENTRY)
            .hole("command", "virsh")
            .hole("status", 1)
            .because(std::io::Error::other("domain not found"));
        assert_eq!(fault.to_string(), "virsh ended with status 1.");
        assert_eq!(fault.chain(), "virsh ended with status 1.: domain not found");
        assert_eq!(fault.remedy(), "Read what virsh said.");
    }
}

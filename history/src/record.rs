//! The lines of a history: who was granted a lock, and what reached the host under it. Each lock has a history of its own.

use anyhow::{Context, Result, bail};
use model::Fence;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// From the grant of one acquire to its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    pub fence: Fence,
    pub owner: Owner,
    /// Above 0 it is a re-entry: the owner asked for what it holds.
    pub number: u32,
}

/// Each operation of a client is an owner of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    pub client: u32,
    pub operation: u64,
}

/// Times are of the monotonic clock, which all processes of a machine share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// `asked` is before the request was sent, `granted` after its answer came.
    Granted { section: Section, asked: Duration, granted: Duration },
    /// A command that the host carried out, or refused for its fence.
    Command { section: Section, index: u32, at: Duration, admitted: bool },
}

impl Line {
    pub fn section(&self) -> Section {
        match self {
            Self::Granted { section, .. } | Self::Command { section, .. } => *section,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Section { fence, owner: Owner { client, operation }, number } = self.section();
        match self {
            Self::Granted { asked, granted, .. } => {
                write!(f, "granted {fence} {client} {operation} {number} {} {}", asked.as_nanos(), granted.as_nanos())
            }
            Self::Command { index, at, admitted, .. } => {
                let verdict = if *admitted { "admitted" } else { "refused" };
                write!(f, "{verdict} {fence} {client} {operation} {number} {index} {}", at.as_nanos())
            }
        }
    }
}

impl FromStr for Line {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split(' ');
        let what = words.next().unwrap_or_default();
        let mut number = || -> Result<u64> {
            let word = words.next().with_context(|| format!("the line ends early: {line}"))?;
            word.parse().with_context(|| format!("{word} is no number: {line}"))
        };
        let fence = Fence(i64::try_from(number()?)?);
        let owner = Owner { client: u32::try_from(number()?)?, operation: number()? };
        let section = Section { fence, owner, number: u32::try_from(number()?)? };
        let (first, last) = (number()?, Duration::from_nanos(number()?));
        let command = |admitted| -> Result<Self> {
            Ok(Self::Command { section, index: u32::try_from(first)?, at: last, admitted })
        };
        match what {
            "granted" => Ok(Self::Granted { section, asked: Duration::from_nanos(first), granted: last }),
            "admitted" => command(true),
            "refused" => command(false),
            _ => bail!("it is no line of a history: {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let section = Section { fence: Fence(7), owner: Owner { client: 3, operation: 12 }, number: 1 };
        let (asked, at) = (Duration::from_nanos(5), Duration::from_secs(9));
        for line in [
            Line::Granted { section, asked, granted: at },
            Line::Command { section, index: 2, at, admitted: true },
            Line::Command { section, index: 3, at, admitted: false },
        ] {
            assert_eq!(line.to_string().parse::<Line>().unwrap(), line);
        }
        assert!("admitted 7 3 12 1 2".parse::<Line>().is_err());
        assert!("rejected 7 3 12 1 2 9".parse::<Line>().is_err());
    }
}

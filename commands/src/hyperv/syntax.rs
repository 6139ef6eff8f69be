//! What a host says of its own cmdlets: `Get-Command -Syntax`, which is in no human language.

use super::{looks, rows};
use cmdlets::{ITSELF, Request};
use hosts::Command;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// As [`plain`] writes it; none of a switch.
    pub of: Option<String>,
}

/// The parameters of one cmdlet, of all its sets together.
pub fn of(cmd: &str) -> Command<Vec<Parameter>> {
    let request = Request::call("Get-Command", [("Name", cmd.into()), ("Syntax", true.into())]).props([ITSELF]);
    looks(&request, |output| {
        let rows = rows(output)?;
        Ok(read(rows.iter().filter_map(|row| row.get(ITSELF)?.as_str())))
    })
}

/// `Get-VM [[-Name] <string[]>] [-ComputerName <string[]>] [<CommonParameters>]`, one set a line.
fn read<'a>(sets: impl Iterator<Item = &'a str>) -> Vec<Parameter> {
    let mut found = BTreeMap::new();
    for set in sets {
        let mut name: Option<String> = None;
        for word in set.split_whitespace().filter(|word| !word.contains("<CommonParameters>")) {
            let bare = word.trim_matches(['[', ']']);
            match (bare.strip_prefix('-'), &name) {
                (Some(next), _) => {
                    let next = next.trim_end_matches(']').to_owned();
                    found.entry(next.clone()).or_insert(None);
                    name = Some(next);
                }
                (None, Some(before)) if word.trim_start_matches('[').starts_with('<') => {
                    let of = word.trim_start_matches(['[', '<']);
                    found.insert(before.clone(), of.split('>').next().map(plain));
                    name = None;
                }
                // Behind an enum's name stand its words, in braces.
                _ => name = None,
            }
        }
    }
    found.into_iter().map(|(name, of)| Parameter { name, of }).collect()
}

/// A type's name as the contract and a host both have it: `string[]` and `String[]` are one, `long` and `Int64` too.
pub fn plain(of: &str) -> String {
    let (item, list) = of.strip_suffix("[]").map_or((of, ""), |item| (item, "[]"));
    let item = item.rsplit('.').next().unwrap_or(item).to_lowercase();
    let item = match item.as_str() {
        "bool" => "boolean",
        "short" => "int16",
        "ushort" => "uint16",
        "int" => "int32",
        "uint" => "uint32",
        "long" => "int64",
        "ulong" => "uint64",
        "switchparameter" => "switch",
        other => other,
    };
    format!("{item}{list}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_every_form_are_read() {
        let sets = [
            "\r\nGet-X [[-Name] <string[]>] [-Force] [-Kind <Kind> {One | Two}] [<CommonParameters>]\r\n",
            "Get-X [-Id] <guid> -Size <long> [-Force] [<CommonParameters>]",
        ];
        let found = read(sets.into_iter());
        let found: Vec<_> = found.iter().map(|found| (found.name.as_str(), found.of.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("Force", None),
                ("Id", Some("guid")),
                ("Kind", Some("kind")),
                ("Name", Some("string[]")),
                ("Size", Some("int64")),
            ]
        );
    }

    #[test]
    fn one_type_has_one_name() {
        assert_eq!(plain("String[]"), plain("string[]"));
        assert_eq!((plain("UInt32"), plain("uint")), ("uint32".into(), "uint32".into()));
    }
}

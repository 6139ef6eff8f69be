//! nftables: tables of the family inet, whose rules have handles. Whether a rule makes sense only the real one knows.

use super::ip::open;
use super::programs::text;
use super::state::{Answer, State, refused};

/// A table's lines, and the handles of those that are rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    lines: Vec<(String, Option<u32>)>,
    /// The last one given out.
    handle: u32,
}

impl Table {
    fn read(body: &str) -> Self {
        // Chains and sets have handles too, and come first.
        let blocks = body.lines().filter(|line| line.starts_with("\tchain ") || line.starts_with("\tset ")).count();
        let mut table = Self { handle: blocks as u32, ..Self::default() };
        let mut in_chain = false;
        for line in body.lines() {
            if line.starts_with('\t') && !line.starts_with("\t\t") {
                in_chain = line.starts_with("\tchain ");
            }
            let is_rule = in_chain && line.starts_with("\t\t") && !line.trim_start().starts_with("type ");
            let handle = is_rule.then(|| table.next());
            table.lines.push((line.to_owned(), handle));
        }
        table
    }

    fn next(&mut self) -> u32 {
        self.handle += 1;
        self.handle
    }

    pub fn text(&self) -> String {
        self.lines.iter().map(|(line, _)| format!("{line}\n")).collect()
    }

    fn listed(&self) -> String {
        let handle = |handle: &Option<u32>| handle.map_or(String::new(), |handle| format!(" # handle {handle}"));
        self.lines.iter().map(|(line, own)| format!("{line}{}\n", handle(own))).collect()
    }

    fn place(&self, handle: &str) -> Option<usize> {
        self.lines.iter().position(|(_, own)| own.map(|own| own.to_string()).as_deref() == Some(handle))
    }

    fn end_of(&self, chain: &str) -> Option<usize> {
        let begin = self.lines.iter().position(|(line, _)| *line == format!("\tchain {chain} {{"))?;
        let end = self.lines[begin..].iter().position(|(line, _)| line == "\t}")?;
        Some(begin + end)
    }

    /// Where it is done; none when what it names is not there.
    fn carry_out(&mut self, words: &[&str], rule: &str) -> Option<usize> {
        match words {
            ["delete", "rule", "inet", _, _, "handle", handle] => {
                let at = self.place(handle)?;
                self.lines.remove(at);
                Some(at)
            }
            ["insert", "rule", "inet", _, _, "handle", handle, ..] => {
                let (at, own) = (self.place(handle)?, self.next());
                self.lines.insert(at, (format!("\t\t{rule}"), Some(own)));
                Some(at)
            }
            ["add", "rule", "inet", _, chain, ..] => {
                let (at, own) = (self.end_of(chain)?, self.next());
                self.lines.insert(at, (format!("\t\t{rule}"), Some(own)));
                Some(at)
            }
            _ => panic!("this change of a table is not simulated: {}", words.join(" ")),
        }
    }
}

pub(super) fn table(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let name = argv[6];
    match open(state, space)?.tables.get(name) {
        Some(table) => Ok(format!("table inet {name} {{\n{}", table.listed())),
        None => {
            refused(1, format!("Error: No such file or directory\nlist table inet {name}\n                ^^^^^^\n"))
        }
    }
}

/// One table, made, deleted and made anew.
pub(super) fn load(state: &mut State, space: &str, argv: &[&str]) -> Answer {
    let path = argv[2];
    let Some(text) = text(state, path) else {
        return refused(1, format!("Error: Could not open file \"{path}\": No such file or directory\n"));
    };
    let (opened, closed) = (text.matches('{').count(), text.matches('}').count());
    if opened != closed {
        return refused(1, format!("{path}:1:1-1: Error: syntax error, unexpected end of file\n"));
    }
    let table = text.lines().find_map(|line| line.strip_prefix("delete table inet "));
    let table = table.unwrap_or_else(|| panic!("a ruleset that replaces no table is not simulated"));
    let body = text.rsplit_once(&format!("\ntable inet {table} {{\n")).map(|(_, body)| Table::read(body));
    let body = body.unwrap_or_else(|| panic!("a ruleset without its table is not simulated"));
    if let Some(space) = state.spaces.get_mut(space) {
        space.tables.insert(table.to_owned(), body);
    }
    Ok(String::new())
}

/// Rules that come and go: all of it, or nothing.
pub(super) fn change(state: &mut State, space: &str, commands: &[u8]) -> Answer {
    let mut tables = open(state, space)?.tables.clone();
    for (at, line) in String::from_utf8_lossy(commands).lines().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let before = if words.first() == Some(&"insert") { 7 } else { 5 };
        let rule = words.get(before..).unwrap_or_default().join(" ");
        let table = words.get(3).and_then(|name| tables.get_mut(*name));
        if table.and_then(|table| table.carry_out(&words, &rule)).is_none() {
            let absent = if words.get(5) == Some(&"handle") { 6 } else { 4 };
            let (first, length) = (words[..absent].join(" ").len() + 2, words[absent].len());
            let (last, marks) = (first + length - 1, " ".repeat(first - 1) + &"^".repeat(length));
            let said = "Error: Could not process rule: No such file or directory";
            return refused(1, format!("/dev/stdin:{}:{first}-{last}: {said}\n{line}\n{marks}\n", at + 1));
        }
    }
    if let Some(space) = state.spaces.get_mut(space) {
        space.tables = tables;
    }
    Ok(String::new())
}

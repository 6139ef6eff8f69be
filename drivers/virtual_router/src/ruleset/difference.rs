//! What is to be done so that a table that was loaded as one ruleset is as another: one transaction for `nft -f`, a pure
//! function. What stays the same is not touched, and goes on counting.

use super::TABLE;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A chain or a set, as a line for itself, and the lines in it.
type Blocks<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Of a text that was made by [`super::ruleset`], or by nftables, who writes alike.
fn blocks(text: &str) -> Blocks<'_> {
    let mut blocks = Blocks::new();
    let mut inside = None;
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches('\t').len();
        match depth {
            1 => inside = line.trim_start().split_once(" {").map(|(head, _)| head),
            2.. => blocks.entry(inside.unwrap_or_default()).or_default().push(line.trim_start()),
            _ => inside = None,
        }
        if let Some(head) = inside.filter(|_| depth == 1) {
            blocks.entry(head).or_default();
        }
    }
    blocks
}

/// The number by which nftables knows a rule.
fn handle(line: &str) -> Option<&str> {
    line.rsplit_once(" # handle ").map(|(_, handle)| handle)
}

/// A listing without what differs from load to load: handles, and the order of what has come since.
pub fn plain(listed: &str) -> String {
    let mut text = String::new();
    for (block, lines) in blocks(listed) {
        let lines = lines.into_iter().map(|line| line.rsplit_once(" # handle ").map_or(line, |(line, _)| line));
        let _ = writeln!(text, "{block}\n{}", lines.collect::<Vec<_>>().join("\n"));
    }
    text
}

/// A set's type, or where a chain is hooked in: another one is another set or chain.
fn nature<'a>(block: &str, lines: &[&'a str]) -> Vec<&'a str> {
    let own = if block.starts_with("set ") {
        2
    } else {
        usize::from(lines.first().is_some_and(|line| line.starts_with("type ")))
    };
    lines.iter().take(own).copied().collect()
}

/// From the text that was loaded, what nftables lists of it with handles, and the text that is wanted. None where that is more
/// than rules and sets, or the listing is not of that text: then the table is replaced as a whole.
pub fn difference(loaded: &str, listed: &str, wanted: &str) -> Option<String> {
    let (before, there, after) = (blocks(loaded), blocks(listed), blocks(wanted));
    let is_set = |block: &&&str| block.starts_with("set ");
    let chains =
        |blocks: &Blocks<'_>| blocks.keys().filter(|block| !is_set(block)).map(ToString::to_string).collect::<Vec<_>>();
    if chains(&before) != chains(&after) {
        return None;
    }
    let (mut flushed, mut made, mut rules, mut gone) = (String::new(), String::new(), String::new(), String::new());
    for (block, lines) in after.iter() {
        match before.get(block) {
            Some(old) if old == lines => {}
            Some(old) if nature(block, old) != nature(block, lines) => return None,
            Some(old) if !is_set(&block) => chain(block, old, there.get(block)?, lines, &mut rules)?,
            old => {
                if old.is_some() {
                    let _ = writeln!(flushed, "flush {}", named(block));
                }
                let _ = writeln!(made, "\t{block} {{\n\t\t{}\n\t}}", lines.join("\n\t\t"));
            }
        }
    }
    for block in before.keys().filter(|block| !after.contains_key(*block)) {
        let _ = writeln!(gone, "delete {}", named(block));
    }
    if !made.is_empty() {
        made = format!("table inet {TABLE} {{\n{made}}}\n");
    }
    Some(format!("{flushed}{made}{rules}{gone}"))
}

/// `chain firewall` as a command names it.
fn named(block: &str) -> String {
    let (sort, name) = block.split_once(' ').unwrap_or(("chain", block));
    format!("{sort} inet {TABLE} {name}")
}

/// Each rule that comes goes before the next one that stays, or to the end.
fn chain(block: &str, before: &[&str], there: &[&str], after: &[&str], out: &mut String) -> Option<()> {
    let place = named(block).split_once(' ').map(|(_, place)| place.to_owned())?;
    if before.len() != there.len() {
        return None;
    }
    let changes = capture_diff_slices(Algorithm::Myers, before, after);
    for (at, change) in changes.iter().enumerate() {
        if let DiffOp::Equal { .. } = change {
            continue;
        }
        for line in &there[change.old_range()] {
            let _ = writeln!(out, "delete rule {place} handle {}", handle(line)?);
        }
        let stays = changes[at..].iter().find(|change| matches!(change, DiffOp::Equal { .. }));
        let next = stays.map(|stays| handle(there[stays.old_range().start]));
        for line in &after[change.new_range()] {
            let _ = match next {
                Some(next) => writeln!(out, "insert rule {place} handle {} {line}", next?),
                None => writeln!(out, "add rule {place} {line}"),
            };
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sets: &str, rules: &[&str]) -> String {
        let rules: String = rules.iter().map(|rule| format!("\t\t{rule}\n")).collect();
        format!(
            "table inet drover {{}}\ndelete table inet drover\ntable inet drover {{\n{sets}\tchain firewall {{\n{rules}\t}}\n\n\t\
             chain forward {{\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tjump firewall\n\t}}\n}}\n"
        )
    }

    fn set(name: &str, members: &str) -> String {
        format!("\tset {name} {{\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = {{ {members} }}\n\t}}\n\n")
    }

    /// As nftables lists it: each rule with a handle from 1 on.
    fn listed(text: &str) -> String {
        let body = text.rsplit_once("table inet drover {\n").map_or(text, |(_, body)| body);
        let mut next = 0;
        let mut in_chain = false;
        let line = |line: &str| {
            in_chain = if line.starts_with("\t\t") { in_chain } else { line.starts_with("\tchain") };
            if !in_chain || !line.starts_with("\t\t") || line.starts_with("\t\ttype") {
                return format!("{line}\n");
            }
            next += 1;
            format!("{line} # handle {next}\n")
        };
        format!("table inet drover {{ # handle 9\n{}", body.lines().map(line).collect::<String>())
    }

    fn between(before: &str, after: &str) -> Option<String> {
        difference(before, &listed(before), after)
    }

    #[test]
    fn rules_come_and_go_and_the_others_stay() {
        let before = table("", &["one", "two", "three", "four"]);
        assert_eq!(between(&before, &before).as_deref(), Some(""));
        let after = table("", &["zero", "one", "other", "another", "four", "five"]);
        let wanted = "insert rule inet drover firewall handle 1 zero\n\
                      delete rule inet drover firewall handle 2\ndelete rule inet drover firewall handle 3\n\
                      insert rule inet drover firewall handle 4 other\ninsert rule inet drover firewall handle 4 another\n\
                      add rule inet drover firewall five\n";
        assert_eq!(between(&before, &after).as_deref(), Some(wanted));
        let none = table("", &[]);
        assert_eq!(between(&none, &table("", &["one"])).as_deref(), Some("add rule inet drover firewall one\n"));
    }

    #[test]
    fn sets_come_before_the_rules_that_name_them_and_go_after() {
        let before = table(&(set("a", "192.0.2.1") + &set("b", "192.0.2.2")), &["ip saddr @b"]);
        let after = table(&(set("a", "192.0.2.3") + &set("c", "192.0.2.2")), &["ip saddr @c"]);
        let wanted = "flush set inet drover a\ntable inet drover {\n\
                      \tset a {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 192.0.2.3 }\n\t}\n\
                      \tset c {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 192.0.2.2 }\n\t}\n}\n\
                      delete rule inet drover firewall handle 1\nadd rule inet drover firewall ip saddr @c\n\
                      delete set inet drover b\n";
        assert_eq!(between(&before, &after).as_deref(), Some(wanted));
    }

    #[test]
    fn what_is_more_than_rules_and_sets_is_no_difference() {
        let before = table(&set("a", "192.0.2.1"), &["one"]);
        assert_eq!(between(&before, &before.replace("policy drop", "policy accept")), None);
        assert_eq!(between(&before, &before.replace("chain firewall", "chain tenant")), None);
        assert_eq!(between(&before, &before.replace("ipv4_addr", "ipv6_addr")), None);
        let less = listed(&table("", &[]));
        assert_eq!(difference(&before, &less, &table("", &["one", "two"])), None, "the listing is of another one");
    }

    #[test]
    fn a_listing_is_the_same_whatever_its_handles_and_its_order() {
        let one = table(&(set("a", "192.0.2.1") + &set("b", "192.0.2.2")), &["one"]);
        let other = table(&(set("b", "192.0.2.2") + &set("a", "192.0.2.1")), &["one"]);
        assert_eq!(plain(&listed(&one)), plain(&listed(&other).replace("handle 1", "handle 71")));
        assert_ne!(plain(&listed(&one)), plain(&listed(&one.replace("one", "two"))));
    }
}

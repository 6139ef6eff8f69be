//! The two scripts that run on a Windows host, as a parser of PowerShell reads them: no more than Windows PowerShell 5.1
//! has, and no command but the agent's own functions and documented cmdlets by their full names.

use cmdlets::contract::{self, ALLOWED};
use hosts::powershell::{AGENT, STAGE0};
use std::collections::BTreeSet;
use tree_sitter::{Node, Parser, Tree};

fn parse(script: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_pwsh::LANGUAGE.into()).unwrap();
    parser.parse(script, None).unwrap()
}

fn nodes<'a>(node: Node<'a>, all: &mut Vec<Node<'a>>) {
    all.push(node);
    (0..node.child_count()).filter_map(|at| node.child(at)).for_each(|child| nodes(child, all));
}

/// What is wrong with a script.
fn findings(script: &str) -> Vec<String> {
    let tree = parse(script);
    let mut all = Vec::new();
    nodes(tree.root_node(), &mut all);
    let text = |node: &Node| script[node.byte_range()].to_owned();
    let own: BTreeSet<String> = all.iter().filter(|node| node.kind() == "function_name").map(text).collect();
    let mut found = Vec::new();
    if tree.root_node().has_error() {
        found.push("it does not parse".to_owned());
    }
    for node in &all {
        let said = text(node);
        match node.kind() {
            // PowerShell 7 has them, and the parser takes them.
            kind @ ("&&" | "||" | "?" | "??" | "??=" | "?." | "?[" | "ternary_expression") => {
                found.push(format!("{kind} is of PowerShell 7"));
            }
            // With it PowerShell reads stdin itself.
            "variable" if said.eq_ignore_ascii_case("$input") => found.push("$input".into()),
            "command_name" if !own.contains(&said) => {
                let Ok(cmdlet) = contract::find(&said) else {
                    found.push(format!("{said} is no documented cmdlet"));
                    continue;
                };
                let mut parts = Vec::new();
                nodes(node.parent().unwrap(), &mut parts);
                for part in parts.iter().filter(|part| part.kind() == "command_parameter").map(text) {
                    if !cmdlet.parameters.contains_key(part.trim_start_matches('-').trim_end_matches(':')) {
                        found.push(format!("{said} has no parameter {part}"));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_agent_and_what_starts_it_are_sound() {
    assert_eq!(findings(AGENT), Vec::<String>::new());
    assert_eq!(findings(STAGE0), Vec::<String>::new());
}

#[test]
fn what_is_unsound_is_found() {
    for (script, reason) in [
        ("Get-VM && Get-VM", "PowerShell 7"),
        ("$a = $b ?? 1", "PowerShell 7"),
        ("$a = $b ? 1 : 2", "PowerShell 7"),
        ("$input | Get-VM", "$input"),
        ("Wait-VM", "no documented cmdlet"),
        ("gci", "no documented cmdlet"),
        ("Get-VM -Nam x", "no parameter -Nam"),
        ("if ($true) {", "does not parse"),
    ] {
        let found = findings(script);
        assert!(found.iter().any(|finding| finding.contains(reason)), "{script}: {found:?}");
    }
}

#[test]
fn the_agent_calls_what_the_contract_allows_and_nothing_else() {
    let (_, rest) = AGENT.split_once("$allowed = -split '").unwrap();
    let (list, _) = rest.split_once('\'').unwrap();
    assert_eq!(list.split(' ').collect::<Vec<_>>(), ALLOWED);
}

#[test]
fn a_changed_letter_in_a_parameter_is_found() {
    for (at, _) in AGENT.match_indices(" -Name ").chain(AGENT.match_indices(" -InputObject ")) {
        let changed = format!("{} -X{}", &AGENT[..at], &AGENT[at + 3..]);
        assert!(!findings(&changed).is_empty());
    }
}

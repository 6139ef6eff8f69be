//! The chores: `cargo xtask check` is what CI runs, `cargo xtask test` is the README's second command.

mod backends;
mod bench;
mod debian;
mod docs;
mod guest;
mod run;
mod test;
mod tidy;

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project")]
enum Chore {
    /// Everything that CI checks: format, lints, tidy, generated pages, tests
    Check {
        /// Without the tests that need outside programs
        #[arg(long)]
        fast: bool,
    },
    /// Installs what is missing, starts private instances, runs every test, takes everything down
    Test {
        /// Only what needs no outside program
        #[arg(long)]
        fast: bool,
        /// Passed on to the test runner
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Measures drover beside its peers, on private instances
    Bench {
        /// Parts, if not all: queue, builds, kvm, drivers, locks; --debug; passed on: --json, --runs N
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The generated pages of the book
    Docs {
        /// Only say which are stale
        #[arg(long)]
        check: bool,
    },
    /// The rules of the house that a machine can check
    Tidy,
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Check { fast } => check(fast),
        Chore::Test { fast, arguments } => test::run(fast, &arguments),
        Chore::Bench { arguments } => bench::run(&arguments),
        Chore::Docs { check } => docs::run(check),
        Chore::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The tests last: they take longest, and their closing lines close the output.
fn check(fast: bool) -> Result<()> {
    run::say("format");
    run::cargo(&["fmt", "--all", "--check"])?;
    run::say("tidy");
    tidy::run()?;
    run::say("lints");
    run::cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    run::say("generated pages");
    docs::run(true)?;
    test::run(fast, &[])
}

//! `pixmill completions`: what a shell needs to complete our commands and flags.

use std::process::ExitCode;

use crate::{args, print};

pub(crate) fn run(args: &args::Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::definitions(), "pixmill", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

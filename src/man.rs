//! `pixmill man`: the help of a command as a manual page.

use std::process::ExitCode;

use anyhow::bail;
use clap::builder::Resettable;

use crate::{args, print};

pub(crate) fn run(args: &args::Man) -> anyhow::Result<ExitCode> {
    let mut root = args::definitions();
    // So that the commands know their full names and the flags that they share.
    root.build();
    let mut command = &root;
    for name in &args.command {
        command = match command.find_subcommand(name) {
            Some(command) => command,
            None => bail!("there is no command `{name}`; `pixmill --help` lists those there are"),
        };
    }
    let rest = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().after_help(Resettable::Reset))
        .source(concat!("pixmill ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    print(&(String::from_utf8(page)? + &sections(&rest)))?;
    Ok(ExitCode::SUCCESS)
}

/// What follows the flags in a help, whose lines stay lines: a page of its own would fill them up.
fn sections(help: &str) -> String {
    let mut text = String::new();
    for part in help.split("\n\n") {
        let (heading, body) = match part.split_once(":\n") {
            Some((heading, body)) if !heading.contains('\n') => (heading, body),
            Some(_) | None => ("Notes", part),
        };
        let body = body.replace('\\', "\\e").replace('-', "\\-");
        text.push_str(&format!(".SH \"{}\"\n.nf\n{body}\n.fi\n", heading.to_uppercase()));
    }
    text
}

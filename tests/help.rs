//! What explains pixmill: help, manual pages, completions and README, which agree with each other.

use std::ffi::OsStr;
use std::fs;

use crate::harness::{Invocation, pixmill, source_tree};

/// The commands that the help names.
fn commands() -> Vec<String> {
    let help = pixmill().arg("--help").go().expect(0).stdout;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn readme() -> String {
    fs::read_to_string(source_tree().join("README.md")).unwrap()
}

#[test]
fn the_help_and_the_readme_have_one_table_of_exit_codes() {
    let help = pixmill().arg("--help").go().expect(0).stdout;
    let table = help.split("Exit codes:\n").nth(1).unwrap();
    let in_help: Vec<_> = table
        .lines()
        .map(|line| line.trim().split_once(' ').unwrap())
        .map(|(code, meaning)| (code.to_owned(), meaning.trim().to_owned()))
        .collect();
    let readme = readme();
    let rows = readme.split("| Exit code | Meaning |\n|---|---|\n").nth(1).unwrap();
    let in_readme: Vec<_> = rows
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches(['|', ' ']).split_once(" | ").unwrap())
        .map(|(code, meaning)| (code.to_owned(), meaning.replace('`', "")))
        .collect();
    assert_eq!(in_help, in_readme);
}

#[test]
fn every_command_teaches_by_examples_and_says_how_it_ends() {
    let commands = commands();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let help = pixmill().args([&command, "--help"]).go().expect(0).stdout;
        assert!(help.contains(&format!("\nExamples:\n  pixmill {command}")), "{help}");
        assert!(help.contains("\nExit codes:\n  0 "), "{help}");
    }
}

#[test]
fn manual_pages_hold_every_flag_of_the_help() {
    for command in commands() {
        let page = pixmill().args(["man", &command]).go().expect(0).stdout;
        assert!(page.contains(&format!(".TH pixmill-{command} 1")), "{page}");
        let help = pixmill().args([&command, "--help"]).go().expect(0).stdout;
        let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
        let flags = flags.map(|flag| flag.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
        for flag in flags {
            let flag = format!("\\-\\-{}", flag.replace('-', "\\-"));
            assert!(page.contains(&flag), "{flag} is not in\n{page}");
        }
    }
    let page = pixmill().arg("man").go().expect(0).stdout;
    assert!(page.contains(".SH \"EXIT CODES\"\n.nf\n  0 "), "{page}");
    pixmill().args(["man", "nothing"]).go().expect(2).says(&["no command `nothing`"]);
}

#[test]
fn bash_completes_commands_flags_and_shells() {
    let script = pixmill().args(["completions", "bash"]).go().expect(0).stdout;
    for (line, before, current, wanted) in [
        ("pixmill oper", "pixmill", "oper", "operations"),
        ("pixmill run --overw", "run", "--overw", "--overwrite"),
        ("pixmill completions z", "completions", "z", "zsh"),
    ] {
        let last = line.split(' ').count() - 1;
        let ask = format!(
            "{script}\nCOMP_WORDS=({line}); COMP_CWORD={last}\n\
             _pixmill pixmill '{current}' '{before}'; echo \"${{COMPREPLY[@]}}\""
        );
        let answer = Invocation::new(OsStr::new("bash")).args(["-c", &ask]).go().expect(0);
        assert_eq!(answer.stdout.trim(), wanted, "{}", answer.stderr);
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = pixmill().args(["completions", shell]).go().expect(0).stdout;
        assert!(script.contains("overwrite"), "{shell}");
    }
    pixmill().args(["completions", "dash"]).go().expect(2).says(&["bash", "zsh"]);
}

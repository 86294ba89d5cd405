//! What is written in infra: the template before judges that are not ours, and the units before
//! systemd.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Ended, Invocation, Place, source_tree, tool};

/// CloudFormation takes no longer template without a bucket to read it from.
const MOST_BYTES: u64 = 51_200;

/// What `systemd-analyze security` may find: it goes from 0, nothing exposed, to 10.
const MOST_EXPOSED: f64 = 1.6;

fn template() -> PathBuf {
    source_tree().join("infra/pixmill.yaml")
}

fn units() -> Vec<PathBuf> {
    let entries = fs::read_dir(source_tree().join("infra/units")).unwrap();
    let mut units: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    units.sort();
    units.retain(|path| path.extension().is_some());
    units
}

#[test]
fn the_template_fits_and_cfn_lint_finds_nothing() {
    assert!(fs::metadata(template()).unwrap().len() <= MOST_BYTES);
    let lint = Invocation::new(tool("cfn-lint").as_os_str()).arg(template()).go();
    assert_eq!(lint.expect(0).stdout, "");
}

#[test]
fn what_a_message_may_name_is_kept_for_longer_than_a_message() {
    let text = fs::read_to_string(template()).unwrap();
    let seconds = |text: &str| text.trim().split(' ').next().unwrap().parse::<u64>().unwrap();
    let retentions = text.split("MessageRetentionPeriod:").skip(1).map(seconds);
    let longest = retentions.max().unwrap();
    let days = text.split_once("  KeepDays:").unwrap().1;
    let days = seconds(days.split_once("MinValue:").unwrap().1.lines().next().unwrap());
    assert!(days * 24 * 60 * 60 > longest, "{days} days against {longest} s");
    for prefix in ["inputs", "results", "attempts", "batches", "backfills", "requests"] {
        let rule = format!("Prefix: {prefix}/, Status: Enabled, ExpirationInDays: !Ref KeepDays");
        assert!(text.contains(&rule), "{rule}");
    }
}

#[test]
fn a_policy_scanner_finds_nothing_but_what_is_argued_in_the_file() {
    let checkov = source_tree().join("target/scanner/bin/checkov");
    assert!(checkov.exists(), "no scanner in {}: `make test` installs it", checkov.display());
    let place = Place::new();
    let scan = Invocation::new(checkov.as_os_str()).env("HOME", place.path(""));
    // It asks nobody on the network.
    let scan =
        scan.args(["--quiet", "--compact", "--skip-download", "--framework", "cloudformation"]);
    let said = scan.args(["--output", "json", "--file"]).arg(template()).go().expect(0).json();
    assert_eq!(said["summary"]["failed"], 0, "{said:#}");
    assert!(said["summary"]["passed"].as_u64().unwrap() > 50, "{}", said["summary"]);
}

/// What `systemd-analyze` says about units. Nothing, and it says so, where there is no systemd; a
/// test cannot be marked as ignored once it runs.
fn analyze(verb: &[&str], units: &[PathBuf]) -> Option<Ended> {
    let there = Invocation::new("sh".as_ref()).args(["-c", "command -v systemd-analyze"]).go();
    if !there.status.success() {
        eprintln!("ignored: there is no systemd here: sh tools/setup.sh systemd");
        return None;
    }
    let analyze = Invocation::new("systemd-analyze".as_ref()).args(verb);
    Some(analyze.env("SYSTEMD_LOG_LEVEL", "warning").args(units).go())
}

#[test]
fn systemd_takes_the_units() {
    let place = Place::new();
    let copies: Vec<_> = units()
        .iter()
        .map(|unit| {
            let text = fs::read_to_string(unit).unwrap();
            // It looks whether the programs are there.
            let text = text.replace("/usr/local/lib/pixmill/", "/bin/true ");
            let copy = place.path(unit.file_name().unwrap());
            fs::write(&copy, text).unwrap();
            copy
        })
        .collect();
    assert_eq!(copies.len(), 5);
    let Some(said) = analyze(&["verify", "--man=no"], &copies) else { return };
    assert_eq!(said.expect(0).stderr, "");
}

#[test]
fn the_units_expose_next_to_nothing() {
    for unit in units().into_iter().filter(|unit| unit.extension().unwrap() == "service") {
        let name = unit.display().to_string();
        let verb = ["security", "--offline=true", "--no-pager"];
        let Some(Ended { stdout: said, .. }) = analyze(&verb, &[unit]) else { return };
        let level = said.lines().find_map(|line| line.split_once("Overall exposure level for"));
        let level = level.and_then(|(_, rest)| rest.split_once(": ")).unwrap().1;
        let level: f64 = level.split(' ').next().unwrap().parse().unwrap();
        assert!(level <= MOST_EXPOSED, "{name}: {level}\n{said}");
    }
}

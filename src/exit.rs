//! How commands end. README has the same table.

/// Pictures failed, something that was asked for was left, or something is wrong.
pub(crate) const FAILED: u8 = 1;
/// It could not do what it was told to.
pub(crate) const CANNOT: u8 = 2;
/// Something outside stopped it.
pub(crate) const STALLED: u8 = 3;
/// A worker lost a thread in a picture. It is `EX_TEMPFAIL`: whoever started it starts another one.
pub(crate) const STUCK: u8 = 75;
/// Somebody stopped it; a shell's code for SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// The codes, the commands that end with them (none stands for all) and what they mean.
const CODES: [(u8, &[&str], &str); 6] = [
    (0, &[], "done; every picture was processed, now or before"),
    (
        FAILED,
        &["run", "submit", "status", "retry", "dead", "doctor"],
        "jobs failed or were left, or something is wrong",
    ),
    (
        CANNOT,
        &[],
        "it could not: a bad argument, nothing to do, names that collide, a directory in use",
    ),
    (
        STALLED,
        &["run"],
        "something outside stopped it, as a full disk; run it again when that is mended",
    ),
    (STUCK, &["consumer"], "a picture took too long and holds a thread; start another worker"),
    (INTERRUPTED, &["run", "submit", "retry"], "interrupted; run it again to continue"),
];

/// The table for the help: of one command, or of all with the commands named.
pub(crate) fn table(command: Option<&str>) -> String {
    let mut text = "Exit codes:".to_owned();
    for (code, commands, meaning) in CODES {
        let among = command.is_none_or(|name| commands.is_empty() || commands.contains(&name));
        if !among {
            continue;
        }
        text.push_str(&format!("\n  {code:<4} {meaning}"));
        if command.is_none() && !commands.is_empty() {
            text.push_str(&format!(" ({})", commands.join(", ")));
        }
    }
    text
}

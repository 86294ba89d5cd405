//! The emulator as a process: one for this test process, and gone with it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::super::{eventually, source_tree};
use super::http;

/// Starting takes a second or two on an idle machine.
const START: Duration = Duration::from_mins(2);

/// It runs until its standard input ends, which is when this process does, however it goes.
pub(super) const UNTIL_WE_END: &str = r#""$@" >/dev/null 2>&1 </dev/null & read end; kill -9 $!"#;

struct Emulator {
    port: u16,
    /// Its standard input is what keeps it.
    _process: Child,
    _directory: tempfile::TempDir,
}

static EMULATOR: OnceLock<Emulator> = OnceLock::new();

/// The port of the emulator, which is started by the first who asks.
pub(super) fn port() -> u16 {
    EMULATOR.get_or_init(start).port
}

fn start() -> Emulator {
    let program = tool("ministack");
    assert!(program.exists(), "no emulator in {}: `make test` installs it", program.display());
    let directory = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new("sh")
        .args(["-c", UNTIL_WE_END, "sh"])
        .arg(program)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("LOG_LEVEL", "ERROR")
        .env("HOME", directory.path())
        .env("TMPDIR", directory.path())
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the emulator", START, || http::try_to_ask(port, "GET", "/", &[], b"").ok());
    Emulator { port, _process: process, _directory: directory }
}

/// A program of the Python environment that `make test` installs; `PIXMILL_TEST_VENV` names another
/// one.
pub(crate) fn tool(name: &str) -> PathBuf {
    let named = std::env::vars_os().find(|(name, _)| name == "PIXMILL_TEST_VENV");
    let venv = named.map_or_else(|| source_tree().join("target/venv"), |(_, venv)| venv.into());
    venv.join("bin").join(name)
}

//! README's session with curl, typed as it is printed.

use std::ffi::OsStr;
use std::path::Path;

use super::{Server, worker};
use crate::harness::{Invocation, Place, source_tree};

#[test]
fn the_session_with_curl_goes_as_it_is_printed() {
    let readme = std::fs::read_to_string(source_tree().join("README.md")).unwrap();
    let section = readme.split("### Over HTTP\n").nth(1).unwrap();
    let block = section.split("```sh\n").nth(2).unwrap().split("```").next().unwrap();
    assert!(block.contains("curl"), "{block}");
    let place = Place::new();
    std::fs::copy(source_tree().join("samples/photos/harbour.jpg"), place.path("harbour.jpg"))
        .unwrap();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let block = block.replace("127.0.0.1:8000", &server.at.to_string());
    let binaries = Path::new(env!("CARGO_BIN_EXE_pixmill")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display());
    let shell = Invocation::new(OsStr::new("sh")).env("PATH", path).working_in(&place.path(""));
    let ended = shell.args(["-e", "-x", "-c", &block]).go().expect(0);
    let said = &ended.stdout;
    for wanted in
        ["\"state\":\"done\"", "\"code\":\"bad_recipe\"", "event: hello", "\"ended\":true"]
    {
        assert!(said.contains(wanted), "{wanted} is not in\n{said}\n{}", ended.stderr);
    }
    let made = std::fs::read(place.path("small.webp")).unwrap();
    assert!(made.starts_with(b"RIFF"), "{said}");
    assert!(std::fs::read(place.path("preview.jpg")).unwrap().starts_with(b"\xff\xd8\xff"));
}

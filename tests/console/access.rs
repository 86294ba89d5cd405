//! Who may look, and what a browser is told so that nobody else can.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn files_come_with_strict_rules_and_are_asked_for_again() {
    let place = Place::new();
    let server = Served::of(&place);
    let page = ask(server.at, "GET /", &["Connection: close"]).unwrap();
    assert_eq!(page.status, 200);
    for rule in [
        "script-src 'self'",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
        "nosniff",
        "no-referrer",
        "cache-control: no-cache",
    ] {
        assert!(page.head.contains(rule), "{rule} is not in\n{}", page.head);
    }
    assert!(!page.head.contains("unsafe"));
    let etag = page.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = format!("If-None-Match: {etag}");
    let known = ask(server.at, "GET /", &["Connection: close", &again]).unwrap();
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert!(known.head.contains("content-security-policy"));
    let packed =
        ask(server.at, "HEAD /console/app.js", &["Connection: close", "Accept-Encoding: gzip, br"]);
    let packed = packed.unwrap().head;
    assert!(packed.contains("content-encoding: gzip") && packed.contains("-gzip\""), "{packed}");
    for other in
        ["/console/", "/console/../Cargo.toml", "/console/%2e%2e/Cargo.toml", "/index.html"]
    {
        assert_eq!(
            ask(server.at, &format!("GET {other}"), &["Connection: close"]).unwrap().status,
            404,
            "{other}"
        );
    }
    let foreign =
        ask(server.at, "GET /", &["Connection: close", "Origin: http://elsewhere.example"]);
    assert_eq!(foreign.unwrap().status, 403);
}

#[test]
fn a_token_is_asked_for_and_kept_where_no_script_reads_it() {
    let place = Place::new();
    let tokens = place.path("tokens");
    fs::write(&tokens, "ada 0123456789abcdef-of-a-test\n").unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    let server = Served::at(&place, "127.0.0.1:0", &["--token-file", tokens.to_str().unwrap()]);
    let browser = desktop(&place);
    browser.go(&server.page("jobs"));
    browser.until_text("dialog", "This pipeline wants a token");
    browser.write("dialog input", "not-the-token-at-all");
    browser.press("dialog button", "Sign in");
    browser.until_text("dialog", "none of the server's tokens");
    browser.write("dialog input", "0123456789abcdef-of-a-test");
    browser.press("dialog button", "Sign in");
    browser.until_text("main", "Nothing ground yet");
    browser.until_text("#foot .badge", "Live");
    let seen = browser.script(
        "return document.cookie + JSON.stringify({ ...localStorage }) + \
        JSON.stringify({ ...sessionStorage }) + document.body.innerHTML",
    );
    assert!(!seen.as_str().unwrap().contains("0123456789abcdef"), "{seen}");
    browser.reload();
    browser.until_text("main", "Nothing ground yet");
    assert_eq!(browser.script("return document.querySelectorAll('dialog').length"), 0);
}

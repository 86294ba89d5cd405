//! A browser, driven as the standard for drivers has it, by way of Chromium's own driver. What a
//! page does wrong, such as an error that nobody caught or a breach of its policy, fails the test
//! that opened it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Invocation, Place, Running, eventually, source_tree};

/// How long anything may take that somebody waits for, on a machine that is busy.
pub(super) const SOON: Duration = Duration::from_mins(1);

/// What names an element in answers of a driver.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Runs before any page: what goes wrong there is remembered.
const WITNESS: &str = "window.wrongs = []; \
    addEventListener('error', (e) => wrongs.push(String(e.message))); \
    addEventListener('unhandledrejection', (e) => { if (e.reason?.name !== 'AbortError') \
    wrongs.push(String(e.reason?.stack ?? e.reason)); }); \
    document.addEventListener('securitypolicyviolation', (e) => \
    wrongs.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));";

/// A window of its own, gone with the test.
pub(super) struct Browser {
    driver: Running,
    port: u16,
    session: String,
    downloads: PathBuf,
}

impl Browser {
    /// Opens one of this size, which counts as a phone if it is narrow.
    pub(super) fn open(place: &Place, width: u32, height: u32) -> Self {
        let home = place.path("browser");
        let downloads = place.path("downloads");
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&downloads).unwrap();
        let driver = Invocation::new("chromedriver".as_ref()).arg("--port=0");
        let driver = driver.env("HOME", &home).env("TMPDIR", &home).bound(10 * SOON).start();
        let port = eventually("a driver: `make test` installs one", SOON, || {
            let said = driver.stdout();
            said.split("started successfully on port ").nth(1)?.split('.').next()?.parse().ok()
        });
        // Without the sandbox, as containers and root have none.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ];
        let profile = format!("--user-data-dir={}", home.join("profile").display());
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).chain([profile]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "unhandledPromptBehavior": "accept",
            "goog:chromeOptions": { "args": arguments },
        } } });
        let session = request(port, "POST", "/session", &wanted);
        let session = session["sessionId"].as_str().unwrap_or_else(|| panic!("{session}"));
        let session = session.to_owned();
        let browser = Self { driver, port, session, downloads };
        browser.tool("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WITNESS }));
        let folder = browser.downloads.display().to_string();
        browser.tool(
            "Browser.setDownloadBehavior",
            &json!({ "behavior": "allow", "downloadPath": folder }),
        );
        browser.size(width, height);
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        request(self.port, method, &format!("/session/{}{path}", self.session), body)
    }

    /// Asks Chromium itself for what the standard has not.
    pub(super) fn tool(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("POST", "/goog/cdp/execute", &body)
    }

    pub(super) fn size(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.tool("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// For somebody who wants this theme, and nothing that moves: what is only fading in cannot be
    /// judged.
    pub(super) fn theme(&self, theme: &str) {
        self.media(&[("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]);
    }

    /// For somebody who wants it so, and everything else as it is.
    pub(super) fn media(&self, features: &[(&str, &str)]) {
        let feature = |(name, value): &(&str, &str)| json!({ "name": name, "value": value });
        let features: Vec<_> = features.iter().map(feature).collect();
        self.tool("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    pub(super) fn offline(&self, is_offline: bool) {
        self.tool("Network.enable", &json!({}));
        let conditions = json!({
            "offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.tool("Network.emulateNetworkConditions", &conditions);
    }

    /// Whether requests to addresses like this one fail.
    pub(super) fn block(&self, addresses: &[&str]) {
        self.tool("Network.enable", &json!({}));
        self.tool("Network.setBlockedURLs", &json!({ "urls": addresses }));
    }

    pub(super) fn go(&self, address: &str) {
        self.ask("POST", "/url", &json!({ "url": address }));
    }

    pub(super) fn reload(&self) {
        self.ask("POST", "/refresh", &json!({}));
    }

    /// What a script returns; promises are waited for.
    pub(super) fn script(&self, script: &str) -> Value {
        self.script_with(script, &json!([]))
    }

    pub(super) fn script_with(&self, script: &str, arguments: &Value) -> Value {
        let script = format!("return (async (...arguments) => {{ {script} }})(...arguments)");
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until a script's expression is true.
    pub(super) fn until(&self, what: &str, expression: &str) {
        self.until_within(what, SOON, expression);
    }

    pub(super) fn until_within(&self, what: &str, time: Duration, expression: &str) {
        let holds = format!("return Boolean({expression})");
        eventually(what, time, || (self.script(&holds) == true).then_some(()));
    }

    fn element(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        eventually(selector, SOON, || {
            let found = self.ask("POST", "/element", &wanted);
            Some(found[ELEMENT].as_str()?.to_owned())
        })
    }

    /// Clicks as a person does: it has to be in view, and nothing over it.
    pub(super) fn click(&self, selector: &str) {
        eventually(&format!("a click on {selector}"), SOON, || {
            let element = self.element(selector);
            self.ask("POST", &format!("/element/{element}/click"), &json!({}))
                .is_null()
                .then_some(())
        });
    }

    /// Clicks on what bears this text.
    pub(super) fn press(&self, selector: &str, text: &str) {
        let mark = "const [selector, text] = arguments; \
             document.querySelectorAll('[data-pressed]').forEach((e) => \
             e.removeAttribute('data-pressed')); \
             const found = [...document.querySelectorAll(selector)].find((e) => \
             e.textContent.includes(text) && e.checkVisibility()); \
             found?.setAttribute('data-pressed', ''); return Boolean(found);";
        let given = json!([selector, text]);
        eventually(text, SOON, || (self.script_with(mark, &given) == true).then_some(()));
        self.click("[data-pressed]");
    }

    /// Types into a field; once more if it was drawn anew meanwhile.
    pub(super) fn write(&self, selector: &str, text: &str) {
        eventually(&format!("{text:?} in {selector}"), SOON, || {
            let element = self.element(selector);
            let cleared = self.ask("POST", &format!("/element/{element}/clear"), &json!({}));
            let typed = json!({ "text": text });
            let typed = self.ask("POST", &format!("/element/{element}/value"), &typed);
            (cleared.is_null() && typed.is_null()).then_some(())
        });
    }

    /// Chooses files in a field for files.
    pub(super) fn choose(&self, selector: &str, files: &[PathBuf]) {
        let element = self.element(selector);
        let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        let given = json!({ "text": files.join("\n") });
        self.ask("POST", &format!("/element/{element}/value"), &given);
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    pub(super) fn keys(&self, keys: &[&str]) {
        let actions: Vec<_> = keys
            .iter()
            .flat_map(|key| {
                [
                    json!({ "type": "keyDown", "value": key }),
                    json!({ "type": "keyUp", "value": key }),
                ]
            })
            .collect();
        self.act(&actions);
    }

    /// Presses a key while another one is held.
    pub(super) fn chord(&self, held: &str, key: &str) {
        let action = |kind: &str, key: &str| json!({ "type": kind, "value": key });
        let actions = [("keyDown", held), ("keyDown", key), ("keyUp", key), ("keyUp", held)]
            .map(|(kind, key)| action(kind, key));
        self.act(&actions);
    }

    fn act(&self, actions: &[Value]) {
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.ask("POST", "/actions", &json!({ "actions": [keyboard] }));
    }

    /// Drops files on the page, as they come from a desktop.
    pub(super) fn drop_files(&self, files: &[(&str, &[u8])]) {
        let files: Vec<_> = files.iter().map(|(name, bytes)| json!([name, bytes])).collect();
        let drop = "const transfer = new DataTransfer(); \
             for (const [name, bytes] of arguments[0]) transfer.items.add(new File([new \
             Uint8Array(bytes)], name, { lastModified: 1 })); \
             for (const kind of ['dragenter', 'dragover', 'drop']) \
             document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: \
             true, cancelable: true }));";
        self.script_with(drop, &json!([files]));
    }

    /// Drops what is at these paths, files and folders, as a desktop does.
    pub(super) fn drop_paths(&self, paths: &[&Path]) {
        let data = json!({ "items": [], "files": paths, "dragOperationsMask": 1 });
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": kind, "x": 300, "y": 300, "data": data });
            self.tool("Input.dispatchDragEvent", &event);
        }
    }

    /// Puts a PNG on the clipboard, and pastes it wherever the focus is.
    pub(super) fn paste_picture(&self, png: &[u8]) {
        let may = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.tool("Browser.grantPermissions", &may);
        let write = "const image = new Blob([new Uint8Array(arguments[0])], { type: 'image/png' }); \
             await navigator.clipboard.write([new ClipboardItem({ 'image/png': image })]); \
             return true;";
        assert_eq!(self.script_with(write, &json!([png])), true);
        let key = |kind: &str, commands: &[&str]| {
            let key = json!({
                "type": kind, "key": "v", "code": "KeyV", "modifiers": 2, "commands": commands,
            });
            self.tool("Input.dispatchKeyEvent", &key);
        };
        key("rawKeyDown", &["paste"]);
        key("keyUp", &[]);
    }

    /// The visible text of an element; none if there is no such element.
    pub(super) fn text(&self, selector: &str) -> String {
        let text = self.script_with(
            "return document.querySelector(arguments[0])?.innerText ?? ''",
            &json!([selector]),
        );
        text.as_str().unwrap().to_owned()
    }

    /// Waits for a text in an element.
    pub(super) fn until_text(&self, selector: &str, text: &str) {
        eventually(&format!("{text:?} in {selector}"), SOON, || {
            self.text(selector).contains(text).then_some(())
        });
    }

    /// A file that was downloaded, whole.
    pub(super) fn downloaded(&self, extension: &str) -> Vec<u8> {
        eventually("a download", SOON, || {
            let files: Vec<_> =
                fs::read_dir(&self.downloads).unwrap().map(|entry| entry.unwrap().path()).collect();
            let whole =
                files.iter().find(|path| path.extension().is_some_and(|e| e == extension))?;
            Some(fs::read(whole).unwrap())
        })
    }

    /// Keeps what the page looks like, for people to look at.
    pub(super) fn shot(&self, name: &str) {
        let image = self.tool("Page.captureScreenshot", &json!({ "format": "png" }));
        let folder = source_tree().join("target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        let bytes = decoded(image["data"].as_str().unwrap());
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What went wrong on the page since it was opened.
    pub(super) fn wrongs(&self) -> Value {
        self.script("return window.wrongs")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let wrongs = self.wrongs();
            assert_eq!(wrongs, json!([]), "the page did something wrong");
        } else if self.driver.is_running() {
            self.shot("failed");
            eprintln!("the page: {} {}", self.script("return location.href"), self.wrongs());
            eprintln!("{}", self.text("body"));
        }
        self.ask("DELETE", "", &json!({}));
    }
}

/// The file of the checker of accessibility.
pub(super) fn checker() -> String {
    let folder = source_tree().join("target/browser");
    let found = fs::read_dir(&folder).into_iter().flatten().flatten();
    let file = found.map(|entry| entry.path().join("axe.min.js")).find(|path| Path::exists(path));
    let file = file
        .unwrap_or_else(|| panic!("no axe-core in {}: `make test` installs it", folder.display()));
    fs::read_to_string(file).unwrap()
}

/// Asks the driver; what it answers to what cannot be has an `error`.
fn request(port: u16, method: &str, path: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(3 * SOON)).unwrap();
    let body = if method == "POST" { body.to_string() } else { String::new() };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\nConnection: \
        close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let document = body_of(&mut stream);
    let document: Value = serde_json::from_slice(&document).unwrap();
    document["value"].clone()
}

/// The body of an answer, as long as its head says: the driver keeps the line open.
fn body_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = vec![];
    let mut piece = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the driver has gone");
        answer.extend_from_slice(&piece[..count]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap().trim().parse().unwrap();
        if answer.len() >= end + 4 + length {
            return answer.split_off(end + 4);
        }
    }
}

/// Base 64.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |c: u8| DIGITS.iter().position(|digit| *digit == c).unwrap_or(0);
    let mut bytes = vec![];
    for four in text.as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, c| (bits << 6) | value(*c));
        let count = four.iter().take_while(|c| **c != b'=').count() - 1;
        bytes.extend(
            [bits >> 16, bits >> 8, bits]
                .iter()
                .take(count)
                .map(|b| u8::try_from(b & 255).unwrap()),
        );
    }
    bytes
}

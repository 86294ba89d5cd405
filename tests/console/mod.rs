//! The web console in a browser, doing what people do there.

mod access;
mod browser;
mod choosing;
mod dead;
mod fleet;
mod grind;
mod lasting;
mod looks;
mod many;
mod recipes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Place, Running, ask, eventually};
use browser::{Browser, SOON};

/// A server with its console, and where it is. It is killed if it is dropped.
struct Served {
    process: Running,
    at: SocketAddr,
}

impl Served {
    fn of(place: &Place) -> Self {
        Self::at(place, "127.0.0.1:0", &[])
    }

    fn at(place: &Place, address: &str, more: &[&str]) -> Self {
        let producer = place.on_data("producer").args(["--listen", address]).args(more);
        let process = producer.bound(10 * SOON).start();
        let at = eventually("an address", SOON, || {
            let said = process.stdout();
            let at = said.lines().find_map(|line| line.strip_prefix("Serving at http://"));
            Some(at?.parse().unwrap())
        });
        Self { process, at }
    }

    fn page(&self, hash: &str) -> String {
        format!("http://{}/#/{hash}", self.at)
    }

    fn get(&self, path: &str) -> Value {
        ask(self.at, &format!("GET {path}"), &["Connection: close"]).unwrap().json()
    }
}

/// A worker of the same pipeline, quick to notice work.
fn worker(place: &Place) -> Running {
    place.on_data("consumer").args(["--worker", "w", "--poll", "100ms"]).bound(10 * SOON).start()
}

/// A file of a test's own, to be chosen.
fn file(place: &Place, name: &str, bytes: &[u8]) -> PathBuf {
    place.put(name, bytes)
}

const DESKTOP: (u32, u32) = (1280, 800);
const PHONE: (u32, u32) = (390, 844);

fn desktop(place: &Place) -> Browser {
    Browser::open(place, DESKTOP.0, DESKTOP.1)
}

/// A browser on the screen that people begin with.
fn on_grind(place: &Place, server: &Served) -> Browser {
    let browser = desktop(place);
    browser.go(&server.page("grind"));
    browser.until_text("main", "Drop pictures anywhere");
    browser
}

/// Longer than a batch takes, on a machine that is busy.
const LONG: Duration = Duration::from_mins(3);

//! Spans of OpenTelemetry: what one process sends another works on, and both are of one trace.

use serde_json::Value;

use rustix::process::Signal;

use crate::api::Server;
use crate::harness::{
    Invocation, Mill, Place, Running, SOON, eventually, now, photo, pixmill, results, source_tree,
    tool,
};

/// A collector that is not ours, as a process.
struct Collector {
    process: Running,
    at: String,
}

impl Collector {
    fn start() -> Self {
        let python = Invocation::new(tool("python").as_os_str());
        let process = python.arg(source_tree().join("tests/otel/receiver.py")).start();
        let at = eventually("an address", SOON, || {
            process
                .stdout()
                .lines()
                .next()
                .filter(|line| line.starts_with("http"))
                .map(str::to_owned)
        });
        Self { process, at }
    }

    /// The spans that have come, by name.
    fn spans(&self, name: &str) -> Vec<Value> {
        let said = self.process.stdout();
        let spans =
            said.lines().skip(1).filter_map(|line| serde_json::from_str::<Value>(line).ok());
        spans.filter(|span| span["name"] == name).collect()
    }

    /// The one of this name.
    #[track_caller]
    fn span(&self, name: &str) -> Value {
        let mut spans = self.spans(name);
        assert_eq!(spans.len(), 1, "{name}: {spans:?} in\n{}", self.process.stdout());
        spans.remove(0)
    }
}

#[test]
#[cfg_attr(not(feature = "otel"), ignore = "built without OpenTelemetry: --features otel")]
fn a_request_its_job_and_what_a_worker_does_are_one_trace_across_processes() {
    let (place, collector) = (Place::new(), Collector::start());
    let server = Server::start(place.on_data("producer").args(["--otel", &collector.at]));
    let consumer = place.on_data("consumer").args(["--worker", "w", "--poll", "100ms"]);
    // As every program of OpenTelemetry is told, too.
    let consumer = consumer.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.at);
    let worker = consumer.env("OTEL_SERVICE_NAME", "grinder").start();
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let parent = format!("traceparent: 00-{trace}-{caller}-01");
    let fields = ["Content-Type: image/jpeg", &parent];
    let request = "POST /v1/jobs?recipe=resize:32+-%3E+png&wait=60&batch=one&name=a.jpg";
    let done = server.send(request, &fields, &photo(1)).expect(200).json();
    let id = done["jobs"][0]["id"].as_str().unwrap();
    // Whoever ends hands over what it has, and waits for no next time.
    for process in [server.process, worker] {
        process.signal(Signal::TERM);
        process.end().expect(0);
    }
    let names = ["request", "submit", "send", "job", "prepare", "grind", "store"];
    let [request, submit, send, job, prepare, grind, store] =
        names.map(|name| collector.span(name));
    for span in [&request, &submit, &send, &job, &prepare, &grind, &store] {
        assert_eq!(span["trace"], trace, "{span}");
    }
    assert_eq!(request["parent"], caller);
    assert_eq!(request["attributes"]["path"], "/v1/jobs");
    assert_eq!((&submit["parent"], &send["parent"]), (&request["id"], &submit["id"]));
    assert_eq!(submit["attributes"]["batch"], "one");
    assert_eq!(job["parent"], send["id"], "it goes on in another process");
    assert_eq!(job["attributes"]["batch"], "one");
    assert_eq!(job["attributes"]["id"], id);
    assert!(job["events"].as_array().unwrap().contains(&"ended".into()), "{job}");
    for span in [&prepare, &grind, &store] {
        assert_eq!(span["parent"], job["id"], "{span}");
    }
    assert_eq!(request["resource"]["service.name"], "pixmill");
    assert_eq!(job["resource"]["service.name"], "grinder");
    // A result says in which trace it came to be.
    let result = results(&place.data()).into_values().next().unwrap();
    let here = format!("00-{trace}-{}-01", send["id"].as_str().unwrap());
    assert_eq!(result["job"]["traceparent"], here);
}

#[test]
#[cfg_attr(not(feature = "otel"), ignore = "built without OpenTelemetry: --features otel")]
fn workers_that_a_command_starts_tell_of_their_work_as_it_does() {
    let collector = Collector::start();
    let mill = Mill::new(&[("web", "resize:32 -> png")]);
    let up = mill.up().args(["--otel", &collector.at]).start();
    mill.put("web/a.jpg", &photo(1));
    mill.until_there("done/web/a.jpg");
    up.signal(Signal::TERM);
    up.end().expect(0);
    let (send, job) = (collector.span("send"), collector.span("job"));
    assert_eq!((&job["trace"], &job["parent"]), (&send["trace"], &send["id"]));
    assert_eq!(job["attributes"]["batch"], "drop-web");

    let place = Place::new();
    place.put_photos(3);
    place.run("resize:16").args(["--otel", &collector.at, "--jobs", "1"]).go().expect(0);
    assert_eq!(collector.spans("job").len(), 1 + 3);
}

#[test]
#[cfg_attr(not(feature = "otel"), ignore = "built without OpenTelemetry: --features otel")]
fn a_collector_that_is_not_there_holds_up_nothing_and_one_that_cannot_be_is_refused() {
    let place = Place::new();
    place.put_photos(2);
    let begun = now();
    place.run("resize:16").args(["--otel", "http://127.0.0.1:9"]).go().expect(0);
    // One that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/", silent.local_addr().unwrap());
    place.run("resize:17").args(["--otel", &silent]).go().expect(0);
    assert!(begun.elapsed() < SOON / 4, "{:?}", begun.elapsed());
    let far = pixmill().args(["operations", "--otel", "https://collector.example"]);
    far.go().expect(2).says(&["begins with http://"]);
}

#[test]
#[cfg_attr(feature = "otel", ignore = "built with OpenTelemetry")]
fn without_opentelemetry_there_is_no_flag_for_it_and_its_variable_is_passed_over() {
    let place = Place::new();
    place.put_photos(1);
    let run = place.run("resize:16").env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://elsewhere");
    run.go().expect(0);
    pixmill().args(["operations", "--otel", "http://127.0.0.1:4318"]).go().expect(2);
}

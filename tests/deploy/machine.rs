//! A machine of a stack, without a boot: its user data runs as it is, in a scratch root, and its unit
//! is started by what stands in it. What belongs to the system alone is noted instead of done.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use super::{BINARY, SOON, Stack, write_program};
use crate::harness::{
    Cloud, Ended, Invocation, MetadataService, Place, Running, TWO, files, photo, source_tree,
};

/// What only the system itself can do, and what it is told instead.
const SYSTEM: [&str; 3] = ["systemctl", "useradd", "chown"];

const INSTANCE: &str = "i-0123456789abcdef0";

/// Credentials as the metadata service has them; with everything that a shell could trip over.
const CREDENTIALS: &str = r#"{
  "Code" : "Success",
  "LastUpdated" : "2026-01-01T00:00:00Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "AKIAIOSFODNN7EXAMPLE",
  "SecretAccessKey" : "wJalr+XUtn/FEMI$bPxR",
  "Token" : "IQoJb3JpZ2luX2VjE+/==",
  "Expiration" : "2099-01-01T00:00:00Z"
}"#;

pub(super) struct Machine<'s> {
    stack: &'s Stack,
    /// The way of this machine alone.
    pub(super) cloud: Cloud,
    pub(super) metadata: MetadataService,
    role: &'static str,
    root: PathBuf,
    system: PathBuf,
}

impl<'s> Machine<'s> {
    /// A machine that is not booted yet.
    pub(super) fn new(stack: &'s Stack, role: &'static str) -> Self {
        let metadata = MetadataService::start(INSTANCE);
        metadata.say("iam/security-credentials/", role);
        metadata.say(&format!("iam/security-credentials/{role}"), CREDENTIALS);
        let (root, system) = (stack.place.path(role), stack.place.path(format!("{role}-system")));
        fs::create_dir_all(&root).unwrap();
        for program in SYSTEM {
            let note = format!("echo {program} \"$@\" >> '{}'", system.join("told").display());
            write_program(&system.join(program), &note);
        }
        let cloud = Cloud::of_stack(&stack.name);
        Self { stack, cloud, metadata, role, root, system }
    }

    /// Boots it with the user data of a launch template.
    pub(super) fn boot(&self, seen: &Value, template: &str) -> Ended {
        let user_data = seen["templates"][template]["UserData"].as_str().unwrap();
        let script = self.stack.place.path(format!("{}-user-data", self.role));
        fs::write(&script, user_data).unwrap();
        let boot = Invocation::new("sh".as_ref()).arg(script);
        self.on_machine(boot).env("PIXMILL_ROOT", &self.root).go()
    }

    /// What runs here finds the metadata service and AWS, and no credentials but those of the role.
    fn on_machine(&self, invocation: Invocation) -> Invocation {
        let path = format!("{}:/usr/bin:/bin", self.system.display());
        invocation
            .env("PATH", path)
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.metadata.url())
            .env("AWS_ENDPOINT_URL", self.cloud.gateway.url())
            .env("AWS_ENDPOINT_URL_S3", self.cloud.gateway.url())
            .env("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", self.cloud.gateway.url())
            .bound(2 * SOON)
    }

    /// What the system was told, a line each.
    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(self.system.join("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }

    /// The main program of a unit, with what systemd would give it. Nothing listens beyond this
    /// machine here, whatever the unit says.
    pub(super) fn unit(&self, name: &str) -> Invocation {
        let unit = fs::read_to_string(self.path("/etc/systemd/system").join(name)).unwrap();
        let of = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        let line = of("ExecStart=").replace("0.0.0.0:8080", "127.0.0.1:0");
        let line = line.replace("127.0.0.1:8000", "127.0.0.1:0");
        let mut words = line.split(' ').map(|word| self.placed(word));
        let program = Invocation::new(words.next().unwrap().as_ref()).args(words);
        let program = self.on_machine(program);
        let settings = fs::read_to_string(self.placed(of("EnvironmentFile="))).unwrap();
        let settings = settings.lines().filter_map(|line| line.split_once('='));
        settings.fold(program, |program, (name, value)| program.env(name, value))
    }

    /// The role's own unit, with polls that suit a test.
    pub(super) fn start(&self, settings: &[&str]) -> Running {
        let unit = self.unit(&format!("pixmill-{}.service", self.role));
        unit.args(settings).start()
    }

    /// Sends what was said to CloudWatch Logs, as the timer has it done. The journal is these lines.
    pub(super) fn send_log(&self, journal: &str) -> Ended {
        let state = self.path("/var/lib/pixmill-logs");
        fs::create_dir_all(&state).unwrap();
        fs::write(self.system.join("journal"), journal).unwrap();
        let journal = format!("cat '{}'", self.system.join("journal").display());
        write_program(&self.system.join("journalctl"), &journal);
        self.unit("pixmill-logs.service").env("STATE_DIRECTORY", state).go()
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// A word of a unit, with paths below the scratch root.
    fn placed(&self, word: &str) -> String {
        if word.starts_with('/') { self.path(word).display().to_string() } else { word.to_owned() }
    }
}

/// A stack with a release in its bucket, ready for machines; and what is seen of it.
pub(super) fn ready(parameters: &[(&str, &str)]) -> (Stack, Value) {
    let place = Place::new();
    fs::copy(BINARY, place.input().join("pixmill")).unwrap();
    for entry in fs::read_dir(source_tree().join("infra/units")).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), place.input().join(entry.file_name())).unwrap();
    }
    let sum = "sha256sum pixmill pixmill-* > SHA256SUMS; sha256sum SHA256SUMS";
    let sum = Invocation::new("sh".as_ref()).args(["-c", sum]).working_in(&place.input());
    let release = sum.go().expect(0).stdout.split(' ').next().unwrap().to_owned();
    let stack = Stack::made(&release, parameters);
    for (name, bytes) in files(&place.input()) {
        let key = format!("/releases/{release}/{}", name.display());
        stack.cloud.s3("PUT", &key, &bytes).expect(200);
    }
    stack.cloud.s3("PUT", "/fleet/token", b"0123456789abcdef0123456789abcdef").expect(200);
    let seen = stack.look();
    (stack, seen)
}

#[test]
fn a_machine_boots_into_a_worker_and_sends_its_log() {
    let (stack, seen) = ready(&[]);
    let machine = Machine::new(&stack, "consumer");
    machine.boot(&seen, "Consumer").expect(0);
    let token = machine.path("/etc/pixmill/token");
    assert_eq!(mode(&token), 0o600);
    assert_eq!(
        machine.told(),
        [
            "useradd --system --no-create-home --shell /usr/sbin/nologin pixmill".to_owned(),
            format!("chown pixmill {}", token.display()),
            "systemctl daemon-reload".to_owned(),
            "systemctl enable --now pixmill-consumer.service pixmill-logs.timer".to_owned(),
        ]
    );
    let worker = machine.start(&["--poll", "1s"]);
    stack.cloud.s3("PUT", "/recipes/web.toml", b"recipe = 'resize:16 -> png'").expect(200);
    stack.cloud.s3("PUT", "/drop/web/a.jpg", &photo(1)).expect(200);
    stack.place.put_photos(3);
    let submit = stack.cloud.submit(&stack.place, TWO).arg("--wait");
    let said = submit.bound(SOON).go().expect(0).stdout;
    assert!(said.contains("3 done, 0 failed"), "{said}");
    stack.cloud.until_results(4, SOON);
    for (key, result) in stack.cloud.results() {
        assert_eq!(
            (&result["state"], &result["instance"]),
            (&"done".into(), &INSTANCE.into()),
            "{key}"
        );
    }
    worker.signal(Signal::TERM);
    worker.end().expect(0);

    let journal = concat!(
        r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1764160000123456","MESSAGE":"said \"so\" \\"}"#,
        "\n",
        r#"{"__CURSOR":"s=2","MESSAGE":[27,91],"__REALTIME_TIMESTAMP":"1764160000123457"}"#,
        "\n",
        r#"{"__CURSOR":"s=3","MESSAGE":"and so","__REALTIME_TIMESTAMP":"1764160001123456"}"#,
        "\n",
    );
    machine.send_log(journal).expect(0);
    machine.send_log("").expect(0);
    let logs = &stack.look()["logs"];
    assert_eq!(logs[INSTANCE], serde_json::json!([r#"said "so" \"#, "and so"]), "{logs}");
}

#[test]
fn a_machine_with_another_release_than_its_stack_names_starts_nothing() {
    let (stack, seen) = ready(&[]);
    let release = seen["outputs"]["Release"].as_str().unwrap();
    let at = format!("/releases/{release}");
    let list = stack.cloud.object(&format!("releases/{release}/SHA256SUMS"));
    let refuses = |what: &str| {
        let machine = Machine::new(&stack, "consumer");
        let said = machine.boot(&seen, "Consumer");
        assert!(
            !said.status.success() && said.stderr.contains("WARNING"),
            "{what}: {}",
            said.stderr
        );
        assert!(machine.told().is_empty(), "it starts with {what}");
    };
    stack.cloud.s3("PUT", &format!("{at}/pixmill"), b"#!/bin/sh\nevil").expect(200);
    refuses("another binary");
    stack.cloud.s3("PUT", &format!("{at}/SHA256SUMS"), &[&list[..], b"\n"].concat()).expect(200);
    refuses("another list");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

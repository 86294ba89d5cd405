//! A pipeline in an AWS account of one's own: the template, the units, the scripts, the roles.
//!
//! The stack is made by an emulator of CloudFormation, and looked at through the services that its
//! objects are of. What the emulator takes and does not keep (the bucket's lifecycle and encryption,
//! a group's instance types) is checked where it is written, and by judges that are not ours.

mod machine;
mod policy;
mod roles;
mod stack;
mod template;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Cloud, Invocation, Place, Running, eventually, source_tree, tool};

/// Long enough for what is under way, on a machine as slow as may be.
const SOON: Duration = Duration::from_mins(2);

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_pixmill");

/// A stack of a test's own, on the emulator that all tests share.
struct Stack {
    name: String,
    place: Place,
    /// The way of whoever looks at it from outside.
    cloud: Cloud,
}

impl Stack {
    /// A name, and nothing made by it yet.
    fn unmade() -> Self {
        static STACKS: AtomicU32 = AtomicU32::new(0);
        let name = format!("mill-{}", STACKS.fetch_add(1, Ordering::Relaxed));
        let (place, cloud) = (Place::new(), Cloud::of_stack(&name));
        let infra = place.path("infra");
        let units = infra.join("units");
        fs::create_dir_all(&units).unwrap();
        for from in [source_tree().join("infra"), source_tree().join("infra/units")] {
            let to = place.path(from.strip_prefix(source_tree()).unwrap());
            for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
                }
            }
        }
        let template = infra.join("pixmill.yaml");
        fs::write(&template, for_the_emulator(&fs::read_to_string(&template).unwrap())).unwrap();
        Self { name, place, cloud }
    }

    /// A stack with this release, made by CloudFormation without the scripts.
    fn made(release: &str, parameters: &[(&str, &str)]) -> Self {
        let stack = Self::unmade();
        let template = fs::read_to_string(stack.place.path("infra/pixmill.yaml")).unwrap();
        let all = [&[("Release", release)], parameters].concat();
        let names: Vec<_> = (1..=all.len())
            .map(|n| ["Key", "Value"].map(|what| format!("Parameters.member.{n}.Parameter{what}")))
            .collect();
        let mut fields = vec![
            ("StackName", stack.name.as_str()),
            ("TemplateBody", &template),
            ("Capabilities.member.1", "CAPABILITY_IAM"),
        ];
        for ([key, value], (parameter, is)) in names.iter().zip(all) {
            fields.extend([(key.as_str(), parameter), (value.as_str(), is)]);
        }
        stack.cloud.form("CreateStack", &fields).expect(200);
        eventually("the stack", SOON, || {
            let answer = stack.cloud.form("DescribeStacks", &[("StackName", &stack.name)]);
            let said = String::from_utf8(answer.expect(200).body).unwrap();
            assert!(!said.contains("ROLLBACK"), "{said}");
            said.contains("<StackStatus>CREATE_COMPLETE").then_some(())
        });
        stack
    }

    /// `make deploy` or `make destroy`, by the script behind it, with these settings.
    fn script(&self, name: &str, settings: &[(&str, &str)]) -> Invocation {
        let script = Invocation::new("sh".as_ref()).arg(self.place.path("infra").join(name));
        let script = self.cloud.reach_directly(script).env("STACK", &self.name);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.place.path("bin").display());
        let script = script.env("PATH", path).env("HOME", self.place.path(""));
        let script = script.env("BINARY", BINARY);
        settings
            .iter()
            .fold(script, |script, (name, value)| script.env(name, value))
            .bound(2 * SOON)
    }

    /// The AWS CLI for scripts, loaded once for all of their calls; it goes with what is returned.
    fn aws(&self) -> Running {
        let (socket, python) = (self.place.path("aws.socket"), tool("python"));
        let program = source_tree().join("tests/deploy/aws.py");
        let [shown, program_shown, at] = [&python, &program, &socket].map(|path| path.display());
        let call = format!("exec '{shown}' -S -E '{program_shown}' call '{at}' \"$@\"");
        write_program(&self.place.path("bin/aws"), &call);
        let server = Invocation::new(python.as_os_str()).arg(program).arg("serve").arg(socket);
        let server =
            self.cloud.reach_directly(server).bound(5 * SOON).input(Stdio::piped()).start();
        eventually("the AWS CLI", SOON, || server.stdout().contains("ready").then_some(()));
        server
    }

    /// What it has made, as the services themselves tell it.
    fn look(&self) -> Value {
        let script = source_tree().join("tests/deploy/look.py");
        let look = Invocation::new(tool("python").as_os_str()).arg(script).arg(&self.name);
        self.cloud.reach_directly(look).go().expect(0).json()
    }
}

/// The template without what the emulator refuses: alarms of expressions, and rules of security groups
/// that stand by themselves. cfn-lint judges these.
fn for_the_emulator(template: &str) -> String {
    let mut kept = String::new();
    let mut is_refused = false;
    for line in template.lines() {
        if line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  #") {
            is_refused = ["  NobodyWorks:", "  BalancerToWorkers:"].contains(&line);
        }
        if !is_refused {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Writes a script that can be executed, and the folder that it is in.
fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

//! What the help of each command shows below its flags: examples first, as people learn by them.

use crate::exit;

pub(super) fn all() -> String {
    let examples = "\
Examples:
  pixmill run photos/ --recipe 'resize:1600 -> webp' --out out/   # a folder of pictures, smaller
  pixmill run photos/ --recipe web --out out/                     # by a recipe in recipes/web.toml
  pixmill up                                                      # everything here, until told to stop
  pixmill operations                                              # what recipes are made of
  pixmill run --help                                              # a command, with its examples";
    format!("{examples}\n\n{}", exit::table(None))
}

fn with_codes(examples: &str, command: &str) -> String {
    format!("{examples}\n\n{}", exit::table(Some(command)))
}

pub(super) fn run() -> String {
    let text = "\
Examples:
  pixmill run photos/ --recipe 'resize:1600 -> jpeg:q=82' --out out/
  pixmill run photos/ --recipe 'thumb = resize:256 -> jpeg; gray = grayscale -> png' --out out/
  pixmill run photos/ holiday.jpg --recipe web --out out/ --jobs 2
  pixmill run photos/ --recipe ./mine.toml --out out/ --name '{dir}/{name}/{stem}.{ext}' --json

Run it again after a crash, a Ctrl-C or with more pictures: what is done is not done again, what
failed is tried again. A picture counts as done while its path, size and modification time, the
recipe and pixmill's engine are the same and its outputs are there.";
    with_codes(text, "run")
}

pub(super) fn up() -> String {
    let text = "\
Examples:
  pixmill up
  pixmill up --data mill/ --recipes my-recipes/
  pixmill up --data mill/ --min 1 --max 4 --target-latency 30s
  pixmill up --data mill/ --folders ~/share     # the folders elsewhere, as on a share
  pixmill up --listen 10.0.0.5:8000 --token-file tokens     # for others too, who send a token

It serves the console and the HTTP API to this machine alone, at the address that it prints;
/openapi.json tells what there is. Recipes that are put there are files of --recipes, too.

What is put into drop/web/ is worked on by the recipe web.toml, what is directly in drop/ by
default.toml. Results appear in out/web/ under the same path; the original goes to done/, or to
failed/ with the reason beside it in NAME.reason.txt, and is tried again once it is moved back to
drop/. The same name again has its outputs replaced. Hidden files and those that programs have not
finished (.part, .tmp, .crdownload and so on) are left alone, as are links.

It may be killed at any moment and goes on when it is started again. Ctrl-C drains: what is in work
is finished or given back, and the workers end. A second one gives back everything at once.";
    with_codes(text, "up")
}

pub(super) fn submit() -> String {
    let text = "\
Examples:
  pixmill submit photos/ --recipe 'resize:512 -> jpeg' --data mill/
  pixmill submit photos/ --recipe web --data mill/ --batch monday --wait
  pixmill submit photos/ --recipe web --backend aws --bucket pictures --queue jobs

Some `pixmill consumer --data mill/` has to run for the jobs to be worked on. The same command with
the same --batch goes on where one was that was killed, and sends nothing that has ended.

s3://BUCKET/PREFIX, which takes a pipeline on AWS, sends jobs for the pictures that are there, and
copies none. Given again it goes on where it was; once it was complete, it sends what is new. With
--wait it waits for what this very command has sent.";
    with_codes(text, "submit")
}

pub(super) fn producer() -> String {
    let text = "\
Examples:
  pixmill producer --data mill/
  pixmill producer --data mill/ --listen 127.0.0.1:8000 --token-file tokens
  pixmill producer --backend aws --bucket pictures --queue jobs --listen 10.0.0.5:8000 --token-file tokens

Some `pixmill consumer --data mill/` has to run for the jobs to be worked on. What there is, is
told by GET /openapi.json: jobs, batches, events, recipes, previews, dead letters, the fleet, and
/process_image for the prototype's clients.

SIGTERM or Ctrl-C finishes the requests that it has, for half a minute at most. A second one ends it
at once. What was answered with 202 is worked on in any case.";
    with_codes(text, "producer")
}

pub(super) fn preview() -> String {
    let text = "\
Examples:
  pixmill preview harbour.jpg --recipe 'resize:512 -> webp'";
    with_codes(text, "preview")
}

pub(super) fn consumer() -> String {
    let text = "\
Examples:
  pixmill consumer --data mill/
  pixmill consumer --data mill/ --slots 2 --memory 800MB --log info
  pixmill consumer --backend aws --bucket pictures --queue jobs --log info
  pixmill consumer --data mill/ --listen 127.0.0.1:8080

SIGTERM or Ctrl-C drains: nothing more is received, what is held is finished or given back. A second
one gives everything back at once.

With --listen it answers GET /health (200, or 503 while a loop of its own is stuck), GET /status (a
report as JSON), GET /metrics (for Prometheus) and POST /drain, which is as good as SIGTERM. With
--token-file all but /health need `Authorization: Bearer TOKEN`. Ask by an address or as localhost:
other names and web pages are refused.";
    with_codes(text, "consumer")
}

pub(super) fn controller() -> String {
    let text = "\
Examples:
  pixmill controller --data mill/
  pixmill controller --data mill/ --min 1 --max 8 --target-latency 30s --explain
  pixmill controller --data mill/ --dry-run --explain      # what it would do, and why
  pixmill controller --data mill/ --target-latency 30s --show-policy
  pixmill controller --data mill/ --max 0                  # everybody home
  pixmill controller --backend aws --bucket pictures --queue jobs --asg grinders --token-file token

Workers are processes of this machine, or instances of EC2 that start `pixmill consumer --ec2` with
--listen and --token-file: those of an Auto Scaling group, or launched from a template. They go on working when the controller ends, and the next one
finds them again. Several controllers may run: one acts, the others stand by. Nobody who works is
ended: who is to go finishes first, and an idle fleet goes home by itself. With --max 0 everybody
is sent home, and the command ends when they have gone.

`pixmill status --data mill/ --watch` shows the fleet and why it has its size; on AWS with --fleet, and
the flags that name the fleet.";
    with_codes(text, "controller")
}

pub(super) fn status() -> String {
    let text = "\
Examples:
  pixmill status --data mill/
  pixmill status monday --data mill/ --watch   # one batch, with its failures, until it has ended
  pixmill status monday/3f2a --data mill/      # the whole story of one job
  pixmill status --fleet --data mill/          # the fleet alone, and why each instance is as it is
  pixmill status --data out/.pixmill           # what a `pixmill run --out out/` has done

With --watch it goes on until the batch or the job has ended, of a whole pipeline until it is
interrupted: redrawn in place on a terminal, a line now and then elsewhere. A job that was retried
counts as its latest retry that has ended.";
    with_codes(text, "status")
}

pub(super) fn retry() -> String {
    let text = "\
Examples:
  pixmill retry monday/3f2a --data mill/
  pixmill retry --batch monday --only failed --data mill/ --wait

A retry is a new job: the same message under an id that follows from the old one, so that asking
twice sends one job. What failed again is retried by its latest retry. A dead job can also be
redriven, which keeps its id: see `pixmill dead`.";
    with_codes(text, "retry")
}

pub(super) fn dead() -> String {
    let text = "\
Examples:
  pixmill dead list --data mill/
  pixmill dead show monday/3f2a --data mill/
  pixmill dead redrive --batch monday --data mill/
  pixmill dead discard --all --data mill/

A job is given up after too many attempts, as when its picture kills its workers. Its result says
`dead`, and its message becomes a dead letter. Messages that are no jobs end there too, under names
of their own.

A queue can only be looked at by receiving from it: while one of these commands runs, what it looks
at is hidden from others, and for half a minute after one that was killed.";
    with_codes(text, "dead")
}

pub(super) fn doctor() -> String {
    let text = "\
Examples:
  pixmill doctor --data mill/
  pixmill doctor --backend aws --bucket pictures --queue jobs
  pixmill doctor --backend aws --bucket pictures --queue jobs --json
  pixmill doctor --backend aws --bucket pictures --queue jobs --asg grinders --max 20

Each line begins with ok, warning, error, or ? for what cannot be known; below what is wrong stands
what mends it. No job is touched. On AWS it writes one small object, probes/doctor, and removes it;
what the queues allow is asked in ways that change nothing: `not denied` is as much as that can tell.
With a fleet (--asg, or --launch-template, and --target-group) it tells what its controller needs of
EC2, Auto Scaling and load balancing, likewise; to be asked with the controller's own credentials.";
    with_codes(text, "doctor")
}

pub(super) fn operations() -> String {
    let text = "\
Examples:
  pixmill operations
  pixmill operations resize     # an operation, with its parameters and an example
  pixmill operations web        # a recipe, with its outputs";
    with_codes(text, "operations")
}

pub(super) fn completions() -> String {
    let text = "\
Examples:
  pixmill completions bash > ~/.local/share/bash-completion/completions/pixmill
  pixmill completions zsh > ~/.zfunc/_pixmill     # with ~/.zfunc in zsh's fpath
  pixmill completions fish > ~/.config/fish/completions/pixmill.fish";
    with_codes(text, "completions")
}

pub(super) fn man() -> String {
    let text = "\
Examples:
  pixmill man run | man -l -
  pixmill man > ~/.local/share/man/man1/pixmill.1";
    with_codes(text, "man")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::args::Cli;

    /// The words of a line as a shell would split it, up to where the command ends.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![];
        for (i, part) in line.split('\'').enumerate() {
            if i % 2 == 1 {
                words.push(part.to_owned());
                continue;
            }
            for word in part.split_whitespace() {
                if ["|", ">", "#"].contains(&word) {
                    return words;
                }
                words.push(word.to_owned());
            }
        }
        words
    }

    #[test]
    fn every_command_has_examples_and_they_are_ones_of_it() {
        let mut root = Cli::command();
        root.build();
        for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = command.get_name();
            let lines: Vec<_> = help.lines().filter(|l| l.starts_with("  pixmill ")).collect();
            assert!(!lines.is_empty(), "{name} has no example");
            for line in lines {
                let matches = Cli::command().try_get_matches_from(words(line));
                let matches = matches.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(matches.subcommand_name(), Some(name), "{line}");
            }
        }
    }
}

//! The composition root: the one program, and the only code that names a role and an adapter.

mod args;
mod backend;
mod backfill;
mod completions;
mod consumer;
mod controller;
mod dead;
mod doctor;
mod drop;
#[cfg(feature = "aws")]
mod ec2;
mod exit;
mod follow;
mod inputs;
mod interrupt;
mod late_fleet;
mod listener;
mod machine;
mod man;
mod operations;
mod overlays;
mod overseer;
mod preview;
mod private_file;
mod producer;
mod recipe;
mod retry;
mod run;
mod sandbox;
mod sending;
mod shown;
mod shutdown;
mod status;
mod submit;
mod telemetry;
mod up;

use std::io::Write as _;
use std::process::ExitCode;

use args::{Backend, Cli, Command};
use telemetry::Style;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    match Cli::read().and_then(begin) {
        Ok(code) => code,
        Err(error) => {
            // The whole chain, once, here.
            eprintln!("pixmill: {error:#}");
            ExitCode::from(exit::CANNOT)
        }
    }
}

fn begin(cli: Cli) -> anyhow::Result<ExitCode> {
    let style = match &cli.command {
        Command::Consumer(consumer) if consumer.child => Style::Embedded,
        Command::Run(_) => Style::Embedded,
        Command::Consumer(_)
        | Command::Controller(_)
        | Command::Producer(_)
        | Command::Preview(_)
        | Command::Submit(_)
        | Command::Up(_)
        | Command::Status(_)
        | Command::Retry(_)
        | Command::Dead(_)
        | Command::Doctor(_)
        | Command::Operations(_)
        | Command::Completions(_)
        | Command::Man(_) => Style::Auto,
    };
    // Before there are other threads, which would not be confined.
    let confined = if let Command::Consumer(args) = &cli.command {
        sandbox::confine_worker(args, &cli.telemetry)
    } else {
        None
    };
    let runtime = runtime(&cli.command).enable_all().build()?;
    let code = runtime.block_on(async {
        telemetry::start(&cli.telemetry, style)?;
        tracing::debug!(confined);
        match cli.command {
            Command::Run(args) => run::run(args, &cli.telemetry).await,
            Command::Up(args) => up::run(args, &cli.telemetry).await,
            Command::Submit(args) => submit::run(args).await,
            Command::Consumer(args) => consumer::run(args).await,
            Command::Producer(args) => producer::run(args).await,
            Command::Preview(args) => preview::run(&args),
            Command::Controller(args) => controller::run(args, &cli.telemetry).await,
            Command::Status(args) => status::run(args).await,
            Command::Retry(args) => retry::run(args).await,
            Command::Dead(args) => dead::run(args).await,
            Command::Doctor(args) => Box::pin(doctor::run(args)).await,
            Command::Operations(args) => operations::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    });
    // What is exported last is sent by the runtime, which may have no thread but this one.
    let farewell = runtime.spawn_blocking(telemetry::finish);
    drop(runtime.block_on(farewell));
    // A thread that is lost in a picture must not keep the process.
    runtime.shutdown_background();
    code
}

/// Pixels have threads of their own, and so has what waits for a disk; what is left is waiting. Of who
/// works on this machine one thread does that: two would wake each other several times for every picture.
fn runtime(command: &Command) -> Builder {
    match command {
        Command::Consumer(args) if args.data.backend == Backend::Local => {
            Builder::new_current_thread()
        }
        Command::Run(_) => Builder::new_current_thread(),
        Command::Consumer(_)
        | Command::Controller(_)
        | Command::Producer(_)
        | Command::Preview(_)
        | Command::Submit(_)
        | Command::Up(_)
        | Command::Status(_)
        | Command::Retry(_)
        | Command::Dead(_)
        | Command::Doctor(_)
        | Command::Operations(_)
        | Command::Completions(_)
        | Command::Man(_) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        }
    }
}

/// Prints to standard output; a reader that has gone away is not an error worth a word.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

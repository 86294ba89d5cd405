//! Signals. The first one drains, the second one aborts.

use pixmill_consumer::Stage;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Starts to listen, and returns what the signals so far amount to.
pub(crate) fn listen() -> std::io::Result<watch::Receiver<Stage>> {
    let (sender, stage) = watch::channel(Stage::Running);
    listen_for(sender)?;
    Ok(stage)
}

/// Starts to listen for somebody who may raise the stage for other reasons, too.
pub(crate) fn listen_for(sender: watch::Sender<Stage>) -> std::io::Result<()> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let hangup = signal(SignalKind::hangup())?;
    tokio::spawn(count(sender, interrupt, terminate, hangup));
    Ok(())
}

/// Asks for a stage, and says whether that is more than was asked for so far: it only ever grows.
pub(crate) fn raise(stage: &watch::Sender<Stage>, wanted: Stage) -> bool {
    stage.send_if_modified(|stage| {
        let raises = wanted > *stage;
        *stage = wanted.max(*stage);
        raises
    })
}

async fn count(
    stage: watch::Sender<Stage>,
    mut interrupt: Signal,
    mut terminate: Signal,
    mut hangup: Signal,
) {
    for wanted in [Stage::Draining, Stage::Aborting] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        raise(&stage, wanted);
    }
    // Whoever listens sees the last stage for as long as there is somebody to listen.
    stage.closed().await;
}

//! Processes that stand still, as after SIGSTOP, for longer than their leases last.
//!
//! SQLite's locks and those of files go with their process, and only with it: one that is stopped in
//! the middle of a write keeps everybody else from writing for as long as it stands still. Whoever
//! started it can be sure that it is of no use any more, as its deliveries are somebody else's by
//! then, and kills it; the lock falls and the pipeline goes on. That it is stopped is said by the
//! kernel and not guessed from its silence, so nobody is killed over a disk that is slow.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use tokio::time::Instant;

/// Since when which processes have stood still.
#[derive(Debug)]
pub struct Standstill {
    patience: Duration,
    since: HashMap<u32, Instant>,
}

impl Standstill {
    /// Of processes that may stand still for so long, which is for as long as their deliveries stay
    /// hidden.
    pub fn new(patience: Duration) -> Self {
        Self { patience, since: HashMap::new() }
    }

    /// Those of these processes that have stood still at every look for longer than they may. All of
    /// them are looked at, each time, and none may have been waited for: its number would be
    /// somebody else's.
    pub fn look(&mut self, processes: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let stopped: Vec<_> = processes.into_iter().filter(|id| is_stopped(*id)).collect();
        self.since.retain(|id, _| stopped.contains(id));
        let (now, patience) = (Instant::now(), self.patience);
        let mut is_too_long = |id: &u32| now - *self.since.entry(*id).or_insert(now) > patience;
        stopped.into_iter().filter(|id| is_too_long(id)).collect()
    }
}

/// Whether a process is stopped by a signal. One under a debugger is not: whoever looks at it knows
/// what that holds up. Where the system does not tell, none is.
fn is_stopped(process: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Its name is in parentheses and may hold any character; the state follows.
    text.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> Self {
            Self(Command::new("sleep").arg("600").spawn().unwrap())
        }

        /// Signals it, and waits until the kernel has seen to that.
        fn signal(&self, signal: Signal, stopped: bool) {
            kill_process(Pid::from_child(&self.0), signal).unwrap();
            while is_stopped(self.0.id()) != stopped {
                std::thread::yield_now();
            }
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_stands_still_for_longer_than_its_lease_is_told_and_who_goes_on_is_not() {
        let (still, slow) = (Sleeper::new(), Sleeper::new());
        let ids = [still.0.id(), slow.0.id(), u32::MAX];
        let mut standstill = Standstill::new(Duration::from_secs(5));
        assert_eq!(standstill.look(ids), [0; 0]);
        for sleeper in [&still, &slow] {
            sleeper.signal(Signal::STOP, true);
        }
        assert_eq!(standstill.look(ids), [0; 0], "only just");
        tokio::time::advance(Duration::from_secs(3)).await;
        slow.signal(Signal::CONT, false);
        assert_eq!(standstill.look(ids), [0; 0]);
        slow.signal(Signal::STOP, true);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(standstill.look(ids), [still.0.id()]);
    }
}

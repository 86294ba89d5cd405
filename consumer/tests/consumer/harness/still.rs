//! Holds paused time still while a picture is on a compute thread, and remembers all calls.
//!
//! Paused time moves by itself as soon as no task can run. The runtime knows of its own blocking
//! threads and waits for them, but not of the consumer's: deadlines would pass while a picture is
//! being ground. So from reading a job's source until its next call, a blocking thread waits
//! here. A source whose name says `hang` gets none: it is there to miss its deadline.

use std::collections::HashMap;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixmill_contract::Key;
use pixmill_contract::testing::{Call, Fault, Operation, Plan};

#[derive(Debug, Default)]
pub(super) struct Still {
    grinding: Mutex<HashMap<String, mpsc::Sender<()>>>,
    calls: Mutex<Vec<String>>,
}

impl Still {
    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// Lets time go on, whatever is being ground.
    pub(super) fn let_go(&self) {
        self.grinding.lock().unwrap().clear();
    }

    /// The plan, watched: `name` is the port's and the worker's in the list of calls. Time is held
    /// for `longest` at most, which is real.
    pub(super) fn watch(self: &Arc<Self>, name: &str, longest: Duration, plan: Plan) -> Plan {
        let (still, name) = (Arc::clone(self), name.to_owned());
        Arc::new(move |call| {
            let key = call.key.map(|key| format!(" {key}")).unwrap_or_default();
            still.calls.lock().unwrap().push(format!("{name} {:?}{key}", call.operation));
            let fault = plan(call);
            still.follow(call, fault, longest);
            fault
        })
    }

    fn follow(self: &Arc<Self>, call: &Call<'_>, fault: Fault, longest: Duration) {
        let Some(key) = call.key else { return };
        let Some(id) = source_of(call, key) else {
            self.release(key.as_str());
            return;
        };
        match fault {
            Fault::None | Fault::Duplicate | Fault::Stale => self.hold(id, longest),
            Fault::Delay(delay) => {
                let still = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    still.hold(id, longest);
                });
            }
            Fault::Fail(_) | Fault::Lose | Fault::Cut => {
                self.grinding.lock().unwrap().remove(&id);
            }
        }
    }

    /// Lets go of the job that a key names; of all of them at an output that can be anybody's.
    fn release(&self, key: &str) {
        let names =
            |id: &str| key.contains(&format!("/{id}/")) || key.ends_with(&format!("/{id}.json"));
        let anybodys = key.starts_with("outputs/") && key.matches('/').count() == 2;
        // What was dropped has a job whose name nobody here knows.
        let anybodys = anybodys || key.starts_with("outputs/s3-") || key.starts_with("results/s3-");
        self.grinding.lock().unwrap().retain(|id, _| !anybodys && !names(id));
    }

    fn hold(&self, id: String, longest: Duration) {
        let (sender, receiver) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || receiver.recv_timeout(longest));
        self.grinding.lock().unwrap().insert(id, sender);
    }
}

/// The job whose source a call reads.
fn source_of(call: &Call<'_>, key: &Key) -> Option<String> {
    let of_job = || key.as_str().strip_prefix("inputs/")?.strip_suffix(".png");
    let name = of_job().or_else(|| key.as_str().strip_prefix("drop/"))?;
    (call.operation == Operation::Get && !name.contains("hang")).then(|| name.to_owned())
}

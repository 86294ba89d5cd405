//! Plans of what goes wrong, as tests speak of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pixmill_contract::ErrorKind;
use pixmill_contract::testing::{Call, Fault, Operation, Plan};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// Something that a test turns on and off.
#[derive(Clone, Default)]
pub(crate) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(crate) fn on() -> Self {
        let switch = Self::default();
        switch.set(true);
        switch
    }

    pub(crate) fn set(&self, on: bool) {
        self.0.store(on, Ordering::SeqCst);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Whether a call is of this operation and, if it is of an object, of a key with this prefix.
pub(crate) fn concerns(call: &Call<'_>, operation: Operation, prefix: &str) -> bool {
    call.operation == operation && call.key.is_none_or(|key| key.as_str().starts_with(prefix))
}

/// Whether a call reads the source of this job.
pub(crate) fn is_source(call: &Call<'_>, id: &str) -> bool {
    concerns(call, Operation::Get, &format!("inputs/{id}.png"))
}

/// A fault for some calls.
fn when(hits: impl Fn(&Call<'_>) -> bool + Send + Sync + 'static, fault: Fault) -> Plan {
    Arc::new(move |call| if hits(call) { fault } else { Fault::None })
}

/// All calls of one operation and prefix fail.
pub(crate) fn fails(operation: Operation, prefix: &'static str, kind: ErrorKind) -> Plan {
    when(move |call| concerns(call, operation, prefix), Fault::Fail(kind))
}

/// All calls of one operation and prefix take so long.
pub(crate) fn slow(operation: Operation, prefix: &'static str, delay: Duration) -> Plan {
    when(move |call| concerns(call, operation, prefix), Fault::Delay(delay))
}

/// All calls of one operation and prefix never return.
pub(crate) fn hangs_at(operation: Operation, prefix: &'static str) -> Plan {
    slow(operation, prefix, FOR_EVER)
}

/// The first calls of one operation and prefix, so many of them.
pub(crate) fn nth_for(
    operation: Operation,
    prefix: &'static str,
    first: u64,
    fault: Fault,
) -> Plan {
    let seen = AtomicU64::new(0);
    let hits = move |call: &Call<'_>| {
        concerns(call, operation, prefix) && seen.fetch_add(1, Ordering::SeqCst) < first
    };
    when(hits, fault)
}

/// The plan holds while the switch is on.
pub(crate) fn while_on(switch: &Switch, plan: Plan) -> Plan {
    let switch = switch.clone();
    Arc::new(move |call| if switch.is_on() { plan(call) } else { Fault::None })
}

/// The first of the plans that has a fault for a call.
pub(crate) fn all_of(plans: Vec<Plan>) -> Plan {
    Arc::new(move |call| {
        let faults = plans.iter().map(|plan| plan(call));
        faults.fold(Fault::None, |first, next| if first == Fault::None { next } else { first })
    })
}

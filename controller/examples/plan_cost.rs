//! What a plan costs for a large fleet: milliseconds a plan, and bytes of the memory.
//!
//! `cargo run --release -p pixmill-controller --example plan_cost -- 10000`

#![allow(clippy::unwrap_used, reason = "an example may panic")]
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::BTreeMap;
use std::time::Duration;

use pixmill_contract::document::{JobSeconds, Report, Version};
use pixmill_contract::port::{Depth, Instance, Lifecycle};
use pixmill_contract::{Clock as _, InstanceId, IntentId, SystemClock, Timestamp, WorkerId};
use pixmill_controller::{MAX_INSTANCES, Memory, Policy, Snapshot, plan};

/// Plans that are timed; the first ones meet the instances.
const PLANS: u32 = 20;

fn main() {
    let asked = std::env::args().nth(1).map(|many| many.parse().unwrap());
    let many = asked.unwrap_or(MAX_INSTANCES);
    let policy = Policy { max: MAX_INSTANCES, slots: 8, ..Policy::default() };
    let mut memory = Memory::default();
    let mut spent = Vec::new();
    for tick in 0..PLANS {
        let now = Timestamp::from_millis(1_750_000_000_000) + policy.interval * tick;
        let snapshot = snapshot(many, tick, now);
        let begun = SystemClock.now();
        let (plan, after) = plan(&policy, &snapshot, &memory, 1, now);
        spent.push(SystemClock.now().since(begun));
        memory = after;
        if tick + 1 == PLANS {
            println!("{}", plan.record.explain());
        }
    }
    spent.sort();
    let bytes = serde_json::to_string(&memory).unwrap().len();
    println!("instances        {many}");
    println!("a plan, median   {} ms", spent[spent.len() / 2].as_millis());
    println!("a plan, most     {} ms", spent[spent.len() - 1].as_millis());
    println!("memory           {bytes} bytes, {} an instance", bytes / many.max(1) as usize);
}

/// Busy instances with a backlog; a hundredth does not answer.
fn snapshot(many: u32, tick: u32, now: Timestamp) -> Snapshot {
    let instances = (0..many).map(|number| instance(number, tick, now)).collect();
    let queue = Depth { visible: 100_000, in_flight: u64::from(many) * 8, delayed: 0 };
    Snapshot { queue: Some(queue), dead_letters: Some(0), instances: Some(instances) }
}

fn instance(number: u32, tick: u32, now: Timestamp) -> Instance {
    let id = InstanceId::derived(&[&number.to_le_bytes()]);
    let ended = u64::from(tick) * 80;
    let seconds = f64::from(tick) * 80.0;
    let report = Report {
        pixmill: Version,
        instance: Some(id.clone()),
        worker: WorkerId::derived(&[&number.to_le_bytes()]),
        pid: 1,
        started_at: now,
        at: now,
        slots: 8,
        busy: 8,
        busy_peak: 8,
        leases: 8,
        jobs: vec![],
        draining: false,
        progressed_at: now,
        storm: None,
        received: ended + 8,
        waited_seconds: None,
        ended,
        job_seconds: JobSeconds { count: ended, sum: seconds, sum_of_squares: seconds },
        paces: BTreeMap::new(),
    };
    Instance {
        id,
        lifecycle: Lifecycle::Running,
        intent: IntentId::derived(&[b"plan_cost"]),
        launched_at: now + Duration::ZERO,
        draining_since: None,
        target: None,
        impaired: None,
        report: (number % 100 != tick % 100).then_some(report),
    }
}

//! What a seed decides: how large the fleet may be, which jobs come when, and what goes wrong when.

use std::time::Duration;

use fastrand::Rng;
use pixmill_contract::ErrorKind;
use pixmill_controller::{Objective, Policy};

use crate::calls::Port;
use crate::jobs::Kind;

/// How long things go wrong.
const ROUGH: Duration = Duration::from_secs(150);

/// Something that befalls the world.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blow {
    /// An instance dies.
    Kill,
    /// An instance does nothing for so long, and then goes on as if nothing had been.
    Freeze(Duration),
    /// An instance is told that it has to go, and drains by itself.
    Reclaim,
    /// A port does not work for so long, for everybody.
    Outage(Port, ErrorKind, Duration),
    /// The clock of the queue is wrong by so many milliseconds from now on.
    QueueClock(i64),
    /// The clock of a worker is.
    WorkerClock(i64),
    /// The clock of the controllers is.
    ControllerClock(i64),
    /// The controller dies, and is started anew after so long; under another name if that is so.
    CrashController(Duration, bool),
    /// A second controller is started, for so long.
    SecondController(Duration),
}

/// What a seed decides.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) policy: Policy,
    /// How long instances boot, about.
    pub(crate) boot: Duration,
    /// Pictures that a worker holds beyond its slots.
    pub(crate) prefetch: usize,
    pub(crate) jobs: Vec<(Duration, Kind)>,
    pub(crate) blows: Vec<(Duration, Blow)>,
    /// How many of ten thousand calls meet a fault of their own.
    pub(crate) faults: u32,
    /// When everything is well from then on.
    pub(crate) calm_at: Duration,
}

impl Script {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let boot = Duration::from_secs(dice.u64(4..20));
        let policy = Policy {
            objective: Objective::TargetLatency(Duration::from_secs(dice.u64(20..120))),
            min: dice.u32(0..2),
            max: dice.u32(2..5),
            slots: dice.u32(1..4),
            boot,
            job: Duration::from_secs(2),
            interval: Duration::from_secs(5),
            longest_job: Duration::from_secs(25),
        };
        let jobs = (0..dice.usize(6..28)).map(|_| (moment(&mut dice), Kind::draw(&mut dice)));
        let jobs = jobs.collect();
        // Some seeds are nearly calm: what goes wrong alone must be found too.
        let blows = if dice.u32(0..6) == 0 { dice.usize(0..3) } else { dice.usize(2..14) };
        let mut blows: Vec<_> =
            (0..blows).map(|_| (moment(&mut dice), Blow::draw(&mut dice))).collect();
        blows.sort_by_key(|(at, _)| *at);
        let faults = [0, 50, 200, 600][dice.usize(0..4)];
        let prefetch = dice.usize(0..4);
        Self { policy, boot, prefetch, jobs, blows, faults, calm_at: ROUGH }
    }
}

fn moment(dice: &mut Rng) -> Duration {
    Duration::from_millis(dice.u64(0..140_000))
}

impl Blow {
    fn draw(dice: &mut Rng) -> Self {
        let long = Duration::from_millis(dice.u64(1_000..60_000));
        match dice.u32(0..18) {
            0..5 => Self::Kill,
            // Half of them are over while what was begun before goes on, and is another's by then.
            5..7 => Self::Freeze(long),
            7..9 => Self::Freeze(Duration::from_secs(9) + long / 8),
            9 | 10 => Self::Reclaim,
            11 | 12 => {
                let ports = [Port::Store, Port::Jobs, Port::DeadLetters, Port::Fleet];
                let kinds = [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::Denied];
                Self::Outage(ports[dice.usize(0..4)], kinds[dice.usize(0..3)], long / 2)
            }
            // Backwards it only hides messages for longer, so a little will do.
            13 => Self::QueueClock(dice.i64(-8_000..3_600_000)),
            14 => Self::WorkerClock(dice.i64(-3_600_000..3_600_000)),
            15 => Self::ControllerClock(dice.i64(-3_600_000..3_600_000)),
            16 => Self::CrashController(long, dice.bool()),
            _ => Self::SecondController(long),
        }
    }
}

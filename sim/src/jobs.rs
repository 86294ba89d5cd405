//! The jobs of a simulation: what is sent, and what has to come of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use fastrand::Rng;
use pixmill_contract::{BatchId, Job, JobId, Key, Limits, Recipe, Timestamp};
use pixmill_ops::{Mill, Overlays};

/// Kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A picture.
    Good,
    /// A picture whose message is sent more than once.
    Repeated,
    /// A picture that is cut off.
    Corrupt,
    /// A picture that is not there.
    Missing,
    /// A picture that takes longer than any may, while things go wrong.
    Hang,
    /// A picture that kills whoever reads it, while things go wrong.
    Killer,
    /// Two jobs of one name.
    Twins,
    /// No job at all.
    Foreign,
}

/// What a message is about, and what has to come of it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) kind: Kind,
    /// The job's name, if it is a job.
    pub(crate) id: Option<JobId>,
    /// The messages that are sent.
    pub(crate) bodies: Vec<String>,
    /// The source's key and content, if there is one.
    pub(crate) source: Option<(Key, Vec<u8>)>,
    /// The outputs by the digest of the job that made them; none, if it cannot be done.
    pub(crate) outputs: BTreeMap<String, Outputs>,
}

/// Outputs by their keys.
pub(crate) type Outputs = BTreeMap<String, Vec<u8>>;

const RECIPES: [&str; 3] = [
    "small = resize:4 -> png; negative = invert -> png",
    "turned = rotate:90 -> png",
    "gray = grayscale -> png",
];

/// Of the twin of a job with the second recipe: another picture under the same key.
const TWIN: &str = "turned = rotate:180 -> png";

/// Behind a picture: how many milliseconds it takes.
const TAKES: &[u8] = b"takes ";

impl Kind {
    pub(crate) fn draw(dice: &mut Rng) -> Self {
        match dice.u32(0..40) {
            0..26 => Self::Good,
            26..31 => Self::Repeated,
            31 | 32 => Self::Corrupt,
            33 | 34 => Self::Missing,
            35 => Self::Hang,
            36 | 37 => Self::Killer,
            38 => Self::Twins,
            _ => Self::Foreign,
        }
    }

    /// Whether its key says that it kills whoever reads it.
    pub(crate) fn kills(key: &Key) -> bool {
        key.as_str().starts_with("inputs/killer-")
    }
}

impl Sent {
    /// What it is called, for people.
    pub(crate) fn name(&self) -> &str {
        self.id.as_ref().map_or(&self.bodies[0], JobId::as_str)
    }

    /// What is sent as number `n`.
    pub(crate) fn new(kind: Kind, n: usize, now: Timestamp, dice: &mut Rng) -> Self {
        let mut sent =
            Self { kind, id: None, bodies: vec![], source: None, outputs: BTreeMap::new() };
        if kind == Kind::Foreign {
            sent.bodies.push(format!("no job, number {n}"));
            return sent;
        }
        let name = format!("{}-{n}", format!("{kind:?}").to_lowercase());
        let key: Key = format!("inputs/{name}.bmp").parse().expect("a good key");
        let id = JobId::new(name).expect("a good name");
        let picture = bitmap(dice.u8(0..6));
        let recipe = if kind == Kind::Twins { RECIPES[1] } else { RECIPES[dice.usize(0..3)] };
        let recipes = if kind == Kind::Twins { vec![recipe, TWIN] } else { vec![recipe] };
        let bytes = match kind {
            Kind::Corrupt => picture[..picture.len() / 2].to_vec(),
            Kind::Hang => taking(&picture, Duration::from_mins(10)),
            Kind::Good | Kind::Repeated | Kind::Missing | Kind::Killer | Kind::Twins => {
                // Some take longer than a drain may, and than a look of the controller.
                let long = dice.u32(0..5) == 0;
                let millis = if long { dice.u64(5_000..24_000) } else { dice.u64(100..4_000) };
                taking(&picture, Duration::from_millis(millis))
            }
            Kind::Foreign => unreachable!("it has no picture"),
        };
        for text in recipes {
            let recipe: Recipe = text.parse().expect("a good recipe");
            let job = Job::new(id.clone(), BatchId::single(), key.clone(), recipe, now);
            let job = Job { reply_to: dice.bool().then(|| "replies-sim".to_owned()), ..job };
            if !matches!(kind, Kind::Corrupt | Kind::Missing) {
                sent.outputs.insert(job.digest(), outputs(&id, &picture, text));
            }
            sent.bodies.push(job.body());
        }
        if kind == Kind::Repeated {
            sent.bodies = vec![sent.bodies[0].clone(); dice.usize(2..4)];
        }
        sent.source = (kind != Kind::Missing).then_some((key, bytes));
        sent.id = Some(id);
        sent
    }
}

/// How long the work on a source takes; pictures that hang do so while things go wrong.
pub(crate) fn takes(source: &[u8], calm: bool) -> Duration {
    let at = source.windows(TAKES.len()).rposition(|window| window == TAKES);
    let text = at.and_then(|at| std::str::from_utf8(&source[at + TAKES.len()..]).ok());
    let millis = text.and_then(|text| text.parse().ok()).unwrap_or(0);
    Duration::from_millis(if calm { millis.min(1000) } else { millis })
}

fn taking(picture: &[u8], time: Duration) -> Vec<u8> {
    [picture, TAKES, time.as_millis().to_string().as_bytes()].concat()
}

/// What comes out where nothing goes wrong.
fn outputs(id: &JobId, picture: &[u8], recipe: &'static str) -> Outputs {
    type Made = BTreeMap<(Vec<u8>, &'static str), Vec<(String, Vec<u8>)>>;
    static MADE: OnceLock<Mutex<Made>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().expect("nobody panics with this lock");
    let made = made.entry((picture.to_vec(), recipe)).or_insert_with(|| {
        let parsed = recipe.parse().expect("a good recipe");
        let ground = Mill::new(Limits::default()).grind(picture, &parsed, &Overlays::default());
        let pictures = ground.expect("a good picture").pictures;
        pictures.into_iter().map(|picture| (picture.name, picture.bytes)).collect()
    });
    let key = |name: &str| format!("outputs/{}/{id}/{name}.png", BatchId::single());
    made.iter().map(|(name, bytes)| (key(name), bytes.clone())).collect()
}

/// A small BMP.
fn bitmap(variant: u8) -> Vec<u8> {
    const WIDTH: u8 = 8;
    const HEIGHT: u8 = 6;
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend([WIDTH, 0, 0, 0, HEIGHT, 0, 0, 0, 1, 0, 24, 0]);
    file.extend([0; 24]);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            file.extend([x.wrapping_mul(31), y.wrapping_mul(41), (x * y) ^ (variant * 40)]);
        }
    }
    file
}

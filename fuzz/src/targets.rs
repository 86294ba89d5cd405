//! What is tried, and what has to hold however hostile the input is.

use fastrand::Rng;
use pixmill_contract::document::{Job, JobReading, read_event};
use pixmill_contract::operation::{ENCODINGS, Entry, Kind, OPERATIONS, Parameter};
use pixmill_contract::{Limits, Recipe, RecipeFile};
use pixmill_ops::{Mill, Overlays, estimate, inspect};

use crate::corpus::Corpus;
use crate::mutate::mutate;

/// Something that is tried.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    corpus: fn() -> Corpus,
    /// Tries one input that was made of the corpus; panics if a promise is broken.
    run: fn(&Corpus, &mut Rng, &mut Mill),
}

/// All of them: a decoder each, parsers, operations.
pub const TARGETS: [Target; 10] = [
    Target { name: "jpeg", corpus: || Corpus::pictures(&["jpg"]), run: decode },
    Target { name: "png", corpus: || Corpus::pictures(&["png"]), run: decode },
    Target { name: "webp", corpus: || Corpus::pictures(&["webp"]), run: decode },
    Target { name: "gif", corpus: || Corpus::pictures(&["gif"]), run: decode },
    Target { name: "bmp", corpus: || Corpus::pictures(&["bmp"]), run: decode },
    Target { name: "tiff", corpus: || Corpus::pictures(&["tif"]), run: decode },
    Target { name: "recipe", corpus: Corpus::recipes, run: recipe },
    Target { name: "message", corpus: Corpus::messages, run: message },
    Target { name: "operation", corpus: || Corpus(vec![]), run: operation },
    Target { name: "encoding", corpus: || Corpus(vec![]), run: encoding },
];

/// Small enough that a claim of much is refused and a claim of little is quick.
fn limits() -> Limits {
    Limits { pixels: 400_000, side: 4000, memory_bytes: 128 << 20, ..Limits::default() }
}

impl Target {
    /// The target of that name.
    pub fn find(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// Tries the inputs with these numbers. `at` is told each number before it is tried.
    pub fn try_all(&self, numbers: impl Iterator<Item = u64>, mut at: impl FnMut(u64)) {
        let corpus = (self.corpus)();
        let mut mill = Mill::new(limits());
        for number in numbers {
            at(number);
            (self.run)(&corpus, &mut Rng::with_seed(number), &mut mill);
        }
    }

    /// The input with this number, for whoever looks into it.
    pub fn input(&self, number: u64) -> Vec<u8> {
        let corpus = (self.corpus)();
        if corpus.0.is_empty() { vec![] } else { mutate(&corpus, &mut Rng::with_seed(number)) }
    }
}

/// What decoded pictures go through, so that all ways of decoding are taken.
const RECIPES: [&str; 6] = [
    "rotate:0 -> png",
    "resize:9",
    "a = resize:40 -> jpeg; b = grayscale | rotate:90 -> png",
    "flip -> webp",
    "rotate:0 -> png:icc=keep,metadata=all",
    "trim | blur:3 -> jpeg:icc=keep,metadata=copyright",
];

/// A picture is ground or refused; what grinding does not refuse, looking at it does not either.
fn decode(corpus: &Corpus, dice: &mut Rng, mill: &mut Mill) {
    let source = mutate(corpus, dice);
    let recipe: Recipe = RECIPES[dice.usize(0..RECIPES.len())].parse().expect("a good recipe");
    let looked = inspect(&source, &limits());
    let ground = mill.grind(&source, &recipe, &Overlays::default());
    let Ok(ground) = ground else { return };
    let header = looked.unwrap_or_else(|why| panic!("ground, and yet refused: {why}"));
    assert_eq!(header, ground.header);
    let estimated = estimate(&header, &recipe, &Overlays::default(), &limits());
    assert!(estimated.is_ok(), "ground, and yet not estimated: {estimated:?}");
    assert_eq!(ground.pictures.len(), recipe.outputs().len());
    for picture in &ground.pictures {
        assert!(picture.width > 0 && picture.height > 0 && !picture.bytes.is_empty());
        assert!(u64::from(picture.width) * u64::from(picture.height) <= limits().pixels);
        let again = inspect(&picture.bytes, &limits());
        let again = again.unwrap_or_else(|why| panic!("we refuse what we made: {why}"));
        assert_eq!((again.width, again.height), (picture.width, picture.height));
    }
}

/// A text is a recipe that is printed and read as the same, or refused at a place in it.
fn recipe(corpus: &Corpus, dice: &mut Rng, _: &mut Mill) {
    let bytes = mutate(corpus, dice);
    let text = String::from_utf8_lossy(&bytes);
    match text.parse::<Recipe>() {
        Ok(recipe) => {
            let printed = recipe.to_string();
            assert_eq!(printed.parse::<Recipe>().as_ref(), Ok(&recipe), "{printed}");
            assert_eq!(Recipe::from_json(&recipe.to_json()).as_ref(), Ok(&recipe), "{printed}");
        }
        Err(error) => assert!(!error.underlined(&text).is_empty()),
    }
    if let Err(error) = text.parse::<RecipeFile>() {
        assert!(!error.underlined(&text).is_empty());
    }
}

/// A message is a job that says the same when it is sent again, an event, or neither.
fn message(corpus: &Corpus, dice: &mut Rng, _: &mut Mill) {
    let bytes = mutate(corpus, dice);
    let body = String::from_utf8_lossy(&bytes);
    if let JobReading::Job { job, digest } = Job::read(&body) {
        assert_eq!(job.digest(), Job::digest(&job));
        match Job::read(&job.body()) {
            JobReading::Job { job: again, digest: same } => {
                assert_eq!(again, job);
                assert_eq!(same, job.digest(), "{digest}: {body}");
            }
            other @ (JobReading::Refused { .. } | JobReading::Foreign(_)) => {
                panic!("{body} is no job any more: {other:?}")
            }
        }
    }
    if let Some(records) = read_event(&body) {
        drop(format!("{records:?}"));
    }
}

/// Operations with parameters at random, on a small picture of any kind.
fn operation(_: &Corpus, dice: &mut Rng, mill: &mut Mill) {
    let chain: Vec<_> = (0..dice.usize(1..4)).map(|_| used(OPERATIONS, dice)).collect();
    grinds(&format!("{} -> png", chain.join(" | ")), dice, mill);
}

/// Encodings with parameters at random.
fn encoding(_: &Corpus, dice: &mut Rng, mill: &mut Mill) {
    let encoding = used(ENCODINGS, dice);
    grinds(&format!("rotate:0 -> {encoding}"), dice, mill);
}

/// A recipe that may be refused; if it is not, its pictures are whole.
fn grinds(text: &str, dice: &mut Rng, mill: &mut Mill) {
    let Ok(recipe) = text.parse::<Recipe>() else { return };
    let source = picture(dice);
    // An overlay is the picture itself.
    let layers = recipe.overlays().map(|name| (name.to_owned(), source.clone().into()));
    let layers: Vec<_> = layers.collect();
    let Ok(overlays) = Overlays::inspect(layers, &limits()) else { return };
    let Ok(ground) = mill.grind(&source, &recipe, &overlays) else { return };
    assert_eq!(ground.pictures.len(), recipe.outputs().len(), "{text}");
    for picture in &ground.pictures {
        assert!(!picture.bytes.is_empty(), "{text}");
    }
}

/// A use of some row of a table with some of its parameters.
fn used<T>(table: &[Entry<T>], dice: &mut Rng) -> String {
    let entry = &table[dice.usize(0..table.len())];
    let mut given = vec![];
    for parameter in entry.parameters {
        if dice.bool() {
            given.push(format!("{}={}", parameter.name, value(parameter, dice)));
        }
    }
    if given.is_empty() {
        return entry.name.to_owned();
    }
    format!("{}:{}", entry.name, given.join(","))
}

/// A value that a parameter may have, mostly; at the edges of what it may often.
fn value(parameter: &Parameter, dice: &mut Rng) -> String {
    let edge = dice.u32(0..4) == 0;
    let whole = |min: i64, max: i64, dice: &mut Rng| match (edge, dice.bool()) {
        (true, true) => min,
        (true, false) => max,
        // Small numbers are what a small picture is interested in.
        (false, true) => min.saturating_add(dice.i64(0..40)).min(max),
        (false, false) => dice.i64(min..=max),
    };
    match parameter.kind {
        Kind::Integer { min, max } => whole(min, max, dice).to_string(),
        Kind::Odd { min, max } => (whole(min, max, dice) | 1).to_string(),
        Kind::Number { min, max } => match (edge, dice.bool()) {
            (true, true) => min.to_string(),
            (true, false) => max.to_string(),
            (false, _) => (min + (max - min) * dice.f64().powi(4)).to_string(),
        },
        Kind::Choice(words) => words[dice.usize(0..words.len())].to_owned(),
        Kind::Flag => dice.bool().to_string(),
        Kind::Color => format!("#{:08x}", dice.u32(..)),
        Kind::Text => "layer".to_owned(),
    }
}

/// A small BMP: gray by its palette, or RGB, of sides that kernels find awkward.
fn picture(dice: &mut Rng) -> Vec<u8> {
    let sides = [1_u8, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65];
    let (width, height) = (sides[dice.usize(0..13)], sides[dice.usize(0..13)]);
    let gray = dice.bool();
    let (bits, palette) = if gray { (8, 1024) } else { (24, 0) };
    let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
    file.extend((54_u32 + palette).to_le_bytes());
    file.extend([40, 0, 0, 0, width, 0, 0, 0, height, 0, 0, 0, 1, 0, bits, 0]);
    file.extend([0; 24]);
    if gray {
        (0..=255).for_each(|level| file.extend([level, level, level, 0]));
    }
    let row = usize::from(width) * usize::from(bits / 8);
    let smooth = dice.bool();
    for y in 0..height {
        let start = file.len();
        file.extend((0..row).map(|x| {
            let x = u8::try_from(x % 256).unwrap_or(0);
            if smooth { x.wrapping_mul(3) ^ y } else { dice.u8(..) }
        }));
        file.resize(start + row.next_multiple_of(4), 0);
    }
    file
}

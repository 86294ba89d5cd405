//! The estimate of memory is an upper bound, and a mill that is used again allocates little.
//!
//! Counts what Rust allocates; what libjpeg allocates in C is not seen, but is part of the
//! estimate. A binary of its own, because the allocator counts for the whole process.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pixmill_contract::{Limits, Recipe};
use pixmill_ops::{Mill, Overlays, estimate, inspect};

#[expect(dead_code, reason = "this binary needs a few of the helpers only")]
#[path = "ops/files.rs"]
mod files;
#[expect(dead_code, reason = "this binary needs a few of the helpers only")]
#[path = "ops/make.rs"]
mod make;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: as promised by our caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(at, layout) }
    }
}

fn grown(bytes: usize) {
    PEAK.fetch_max(NOW.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once while `work` ran, beyond what there was before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    (result, PEAK.load(Relaxed) - before)
}

/// One test, because two at once would count each other's bytes.
#[test]
fn the_estimate_bounds_what_is_allocated() {
    formats_and_encodings();
    operations();
}

/// Every format in, every encoding out, with profiles and metadata.
fn formats_and_encodings() {
    let limits = Limits::default();
    let png = make::png(1000, 800, png::ColorType::Rgba);
    let written = |how: &str| make::grind(&png, &format!("rotate:0 -> {how}")).remove(0).bytes;
    let wide = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let pixels = make::pixels(1000, 800, 3);
    let strip = files::Tiff::new(1000, 800, 3, &pixels);
    let gif = files::Gif {
        canvas: (1000, 800),
        frame: (100, 0, 900, 800),
        palette: vec![[1, 2, 3]; 16],
        transparent: None,
        interlaced: true,
        numbers: make::pixels(900, 800, 1).iter().map(|n| n & 15).collect(),
    };
    let sources = [
        written("webp"),
        written("webp:lossless=true"),
        gif.file(),
        files::bmp(1000, 800, &pixels),
        strip.file(),
        make::jpeg(1000, 800, 4, false),
        make::with_profile(&make::jpeg(1000, 800, 3, false), &wide),
        make::png_of((1000, 800), png::ColorType::Rgb, png::BitDepth::Eight, &pixels, |info| {
            info.icc_profile = Some(wide.clone().into());
        }),
    ];
    let recipes = [
        "rotate:0 -> webp",
        "grayscale -> webp:lossless=true",
        "rotate:0 -> png:effort=small,metadata=all",
        "resize:300 -> auto",
        "a = flip -> jpeg:icc=keep,progressive=true; b = flip -> png:metadata=copyright",
        "rotate:0 -> contours:100",
        "a = invert -> lines:0,0,1; b = flip -> contours; c = rotate:0 -> lines",
        "a = rotate:0 -> info; b = rotate:0 -> palette; c = invert -> blurhash; d = flip -> phash",
    ];
    for (number, source) in sources.iter().enumerate() {
        let header = inspect(source, &limits).unwrap();
        for text in recipes {
            let recipe: Recipe = text.parse().unwrap();
            let bound =
                estimate(&header, &recipe, &Overlays::default(), &limits).unwrap().memory_bytes;
            let mut mill = Mill::new(limits.clone());
            let (_, peak_bytes) =
                peak(|| mill.grind(source, &recipe, &Overlays::default()).unwrap());
            assert!(peak_bytes as u64 <= bound, "{number}, {text}: {peak_bytes} of {bound} bytes");
        }
    }
}

/// The overlays that a recipe names: one that is turned, one with a profile.
fn overlays_of(recipe: &Recipe) -> Overlays {
    let exif = make::segment(0xe1, &[b"Exif\0\0", &make::exif(6)[..]].concat());
    let wide = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let jpeg = make::jpeg(800, 600, 3, false);
    let file = |name: &str| match name {
        "turned" => (name.to_owned(), make::insert(&jpeg, 2, &exif).into()),
        _ => (name.to_owned(), make::with_profile(&jpeg, &wide).into()),
    };
    Overlays::inspect(recipe.overlays().map(file), &Limits::default()).unwrap()
}

fn operations() {
    let limits = Limits::default();
    let recipes = [
        "invert -> jpeg",
        "grayscale -> png",
        "blur:31 -> png",
        "resize:300 -> jpeg",
        "resize:1500,1100,fit=fill,enlarge=true | rotate:90 -> png",
        "a = invert | blur:5 -> png; b = invert | rotate:90 -> jpeg; c = resize:90 -> png",
        "a = flip; b = flip:horizontal; c = rotate:90; d = crop:500,500; e = grayscale | blur",
        "edges -> png",
        "lines:votes=900 -> jpeg",
        "contours | median:5 | morphology | sharpen -> png",
        "adaptive_threshold:31,2,gaussian | dilate:101 | pad:9,9,9,9,#ff000080 -> png",
        "a = threshold:otsu=true; b = equalize | edges; c = tint:#704214 | pixelate:9 | median",
        "pad:0,900,0,900 | trim | resize:700 -> jpeg",
        "a = pad:9,900,0,900 | trim | resize:500; b = pad:9,900,0,900 | trim | blur:9 -> png; \
         c = pad:9,900,0,900 | trim | resize:600,900,enlarge=true | trim:3 | median -> png; \
         d = pad:9,900,0,900 | trim | edges | rotate:90 | adaptive_threshold -> png",
        "a = composite:turned,opacity=0.5 -> png; b = trim | composite:wide,tile=true -> jpeg",
        "resize:200,1900,fit=fill,enlarge=true | resize:1900,200,fit=fill,enlarge=true -> jpeg",
    ];
    let noise = [make::jpeg(1200, 900, 3, true), make::jpeg(900, 700, 1, false)];
    let pngs = [png::ColorType::Rgba, png::ColorType::GrayscaleAlpha, png::ColorType::Rgb];
    let sources = noise.into_iter().chain(pngs.map(|color| make::png(1000, 800, color)));
    let mut used = Mill::new(limits.clone());
    for source in sources {
        let header = inspect(&source, &limits).unwrap();
        for text in recipes {
            let recipe: Recipe = text.parse().unwrap();
            let overlays = overlays_of(&recipe);
            let bound = estimate(&header, &recipe, &overlays, &limits).unwrap().memory_bytes;
            let mut fresh = Mill::new(limits.clone());
            let (ground, peak_bytes) = peak(|| fresh.grind(&source, &recipe, &overlays).unwrap());
            assert!(peak_bytes as u64 <= bound, "{text}: {peak_bytes} of {bound} bytes");
            drop(fresh);

            let (_, peak_bytes) = peak(|| used.grind(&source, &recipe, &overlays).unwrap());
            assert!(peak_bytes as u64 <= bound, "{text}, used: {peak_bytes} of {bound} bytes");
            let outputs: usize = ground.pictures.iter().map(|picture| picture.bytes.len()).sum();
            let (_, again) = peak(|| used.grind(&source, &recipe, &overlays).unwrap());
            // Rows and histograms that kernels make for themselves are a few hundred thousand bytes.
            // Overlays are decoded for each job.
            let layers = if recipe.overlays().count() > 0 { bound } else { 0 };
            let allowance = outputs + 1024 * 1024 + usize::try_from(layers).unwrap();
            assert!(again <= allowance, "{text}, again: {again} bytes for {outputs} of output");
        }
    }
}

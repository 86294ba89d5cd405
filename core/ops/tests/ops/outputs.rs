//! Recipes of several outputs, and mills that are used again.

use pixmill_contract::{Limits, Recipe, RejectCode};
use pixmill_ops::{Mill, Overlays, inspect};
use png::ColorType;
use proptest::prelude::*;

use crate::make::{self, grind, pixels_of};

/// The text of some operation that is applicable to every picture of at least 40×40 pixels.
fn operations() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("invert".to_owned()),
        Just("grayscale".to_owned()),
        prop::sample::select(vec![
            "rotate:90",
            "rotate:180",
            "rotate:270",
            "flip",
            "flip:horizontal"
        ])
        .prop_map(str::to_owned),
        (0_u32..4).prop_map(|n| format!("blur:{}", 2 * n + 1)),
        (20_u32..300).prop_map(|side| format!("resize:{side}")),
        (20_u32..200, 20_u32..200, prop::sample::select(vec!["inside", "cover", "fill"]))
            .prop_map(|(w, h, fit)| format!("resize:{w},{h},fit={fit}")),
        Just("pad:3,7,0,40,white | trim:2".to_owned()),
        (0_u32..250).prop_map(|threshold| format!("trim:{threshold}")),
        Just("resize:40,40,fit=cover,filter=nearest | crop:3,4".to_owned()),
    ]
}

/// Chains that often begin alike.
fn chains() -> impl Strategy<Value = Vec<String>> {
    let encoding = prop::sample::select(vec!["", " -> png", " -> jpeg:q=70"]);
    let chain = (0_usize..3, prop::collection::vec(operations(), 1..3), encoding);
    (prop::collection::vec(operations(), 3), prop::collection::vec(chain, 1..6)).prop_map(
        |(beginning, chains)| {
            let crop_last = |chain: Vec<String>| {
                // A crop needs to know its size, so nothing may follow the operation with one.
                let end = chain.iter().position(|step| step.contains("crop"));
                chain[..end.map_or(chain.len(), |end| end + 1)].join(" | ")
            };
            let whole = |(shared, own, encoding): (usize, Vec<String>, &str)| {
                crop_last([&beginning[..shared], &own].concat()) + encoding
            };
            chains.into_iter().map(whole).collect()
        },
    )
}

fn sources() -> Vec<Vec<u8>> {
    let jpeg = make::jpeg(431, 277, 3, false);
    let exif = make::segment(0xe1, &[&b"Exif\0\0"[..], &make::exif(7)].concat());
    vec![
        make::insert(&jpeg, 2, &exif),
        jpeg,
        make::jpeg(277, 431, 1, true),
        make::png(131, 97, ColorType::Rgba),
        make::png(131, 97, ColorType::Grayscale),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn many_outputs_are_the_same_bytes_as_each_alone(chains in chains()) {
        let mut used = Mill::new(Limits::default());
        for source in sources() {
            let named = chains.iter().enumerate().map(|(i, chain)| format!("o{i} = {chain}"));
            let recipe: Recipe = named.collect::<Vec<_>>().join("; ").parse().unwrap();
            let together = match used.grind(&source, &recipe, &Overlays::default()) {
                Ok(ground) => ground.pictures,
                Err(rejection) => {
                    // A crop of a picture that was made too small.
                    prop_assert_eq!(rejection.code, RejectCode::Inapplicable);
                    continue;
                }
            };
            for (i, (chain, picture)) in chains.iter().zip(&together).enumerate() {
                let alone = &grind(&source, chain)[0];
                prop_assert_eq!(&picture.name, &format!("o{i}"));
                prop_assert_eq!((picture.width, picture.height), (alone.width, alone.height));
                prop_assert!(picture.bytes == alone.bytes, "{} of {}", chain, recipe);
            }
        }
    }
}

#[test]
fn results_have_the_sizes_that_they_say() {
    for source in sources() {
        for picture in grind(&source, "a = resize:50; b = rotate:90 -> png; c = crop:20,10 -> jpeg")
        {
            let header = inspect(&picture.bytes, &Limits::default()).unwrap();
            assert_eq!((header.width, header.height), (picture.width, picture.height));
            assert_eq!(header.format, picture.format);
        }
    }
}

#[test]
fn a_rejection_leaves_the_mill_as_good_as_new() {
    let good = make::jpeg(120, 80, 3, true);
    let recipe: Recipe = "a = blur:9; b = resize:30,30,fit=cover -> png".parse().unwrap();
    let fresh = Mill::new(Limits::default()).grind(&good, &recipe, &Overlays::default()).unwrap();
    let mut mill = Mill::new(Limits::default());
    for cut in [0, 10, 300, good.len() / 2, good.len() - 2] {
        mill.grind(&good[..cut], &recipe, &Overlays::default()).unwrap_err();
        assert_eq!(
            mill.grind(&good, &recipe, &Overlays::default()).unwrap(),
            fresh,
            "after a cut at {cut}"
        );
    }
}

#[test]
fn a_reduced_decode_looks_like_a_full_one() {
    let source = make::jpeg(1600, 1200, 1, false);
    let fast = pixels_of(&source, "resize:200 -> png");
    let slow = pixels_of(&source, "flip | flip | resize:200 -> png");
    let squares =
        fast.pixels.iter().zip(&slow.pixels).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    let (sum, count) = (squares.sum::<u64>(), slow.pixels.len() as u64);
    assert!(sum < 36 * count, "mean square {}", sum / count);
}

#[cfg(feature = "test-hooks")]
#[test]
fn a_panic_leaves_the_mill_as_good_as_new() {
    let good = make::png(60, 40, ColorType::Rgb);
    let bad = [&good[..], b"pixmill-test:panic"].concat();
    let recipe: Recipe = "blur:9".parse().unwrap();
    let mut mill = Mill::new(Limits::default());
    let before = mill.grind(&good, &recipe, &Overlays::default()).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        mill.grind(&bad, &recipe, &Overlays::default()).unwrap();
    }));
    assert!(panicked.is_err());
    assert_eq!(mill.grind(&good, &recipe, &Overlays::default()).unwrap(), before);
}

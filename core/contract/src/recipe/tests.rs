//! What recipes mean, and how they are refused.

use proptest::prelude::*;

use super::*;
use crate::operation::{Axis, Filter, Fit, QuarterTurns, Resize};

fn parse(text: &str) -> Recipe {
    text.parse().unwrap()
}

fn refused(text: &str) -> RecipeError {
    text.parse::<Recipe>().unwrap_err()
}

#[test]
fn reads_several_named_outputs() {
    let recipe = parse("thumb = resize:256 -> jpeg:q=70; gray = grayscale | blur:9 -> png;");
    assert_eq!(recipe.outputs().len(), 2);
    assert_eq!(recipe.outputs()[0].name, "thumb");
    assert_eq!(recipe.outputs()[0].encoding, Encoding::Jpeg { quality: 70 });
    assert_eq!(recipe.outputs()[1].chain[1], Operation::Blur { kernel: 9, sigma: None });
}

#[test]
fn the_prototypes_names_are_accepted() {
    assert_eq!(parse("color_inversion"), parse("invert"));
}

#[test]
fn unknown_operation_points_at_it_and_suggests_the_nearest() {
    let source = "resize:512 | grayscal -> jpeg";
    let error = refused(source);
    assert_eq!(error.code, RecipeErrorCode::UnknownOperation);
    assert_eq!(error.place, Place::Text { start: 13, end: 21 });
    assert_eq!(error.hint.as_deref(), Some("did you mean `grayscale`?"));
    assert_eq!(
        error.underlined(source),
        "unknown operation `grayscal`\n  resize:512 | grayscal -> jpeg\n               ^^^^^^^^\n  \
         did you mean `grayscale`?"
    );
}

#[test]
fn out_of_range_names_what_is_allowed() {
    let error = refused("blur:kernel=4");
    assert_eq!(error.code, RecipeErrorCode::OutOfRange);
    assert_eq!(error.place, Place::Text { start: 12, end: 13 });
    assert_eq!(error.hint.as_deref(), Some("allowed: odd, 1..1023"));
}

#[test]
fn every_way_to_be_wrong_has_its_code() {
    use RecipeErrorCode as Code;
    for (text, code) in [
        ("", Code::EmptyChain),
        ("   ", Code::EmptyChain),
        ("-> jpeg", Code::EmptyChain),
        ("invert |", Code::EmptyChain),
        ("a = invert;; b = invert", Code::BadOutputName),
        ("invert; blur", Code::BadOutputName),
        ("a = invert; a = blur", Code::BadOutputName),
        ("a/b = invert", Code::BadOutputName),
        ("invert -> bmp3", Code::UnknownEncoding),
        ("invert:1", Code::TooManyParameters),
        ("resize:1,2,inside,box,true,7", Code::TooManyParameters),
        ("resize:width=1,width=2", Code::TooManyParameters),
        ("resize:width=1,2", Code::BadParameters),
        ("resize", Code::BadParameters),
        ("resize:5,fit=cover", Code::BadParameters),
        ("crop:5", Code::BadParameters),
        ("rotate", Code::BadParameters),
        ("rotate:45", Code::OutOfRange),
        ("resize:0", Code::OutOfRange),
        ("resize:-5", Code::OutOfRange),
        ("resize:1e3", Code::OutOfRange),
        ("resize:99999999999999999999", Code::OutOfRange),
        ("blur:sigma=NaN", Code::OutOfRange),
        ("blur:sigma=inf", Code::OutOfRange),
        ("blur:kernel=", Code::OutOfRange),
        ("blur:size=3", Code::UnknownParameter),
        ("{\"outputs\": 5}", Code::Malformed),
        ("{", Code::Malformed),
    ] {
        assert_eq!(refused(text).code, code, "{text:?}");
    }
    assert_eq!(refused(&"invert|".repeat(9000)).code, Code::TooLong);
}

#[test]
fn json_errors_point_into_the_document() {
    let value = serde_json::json!({ "outputs": [{ "operations": ["invert", { "operation": "blur", "kernal": 3 }] }] });
    let error = Recipe::from_json(&value).unwrap_err();
    assert_eq!(error.place, Place::Pointer("/outputs/0/operations/1/kernal".into()));
    assert_eq!(error.hint.as_deref(), Some("did you mean `kernel`?"));
}

#[test]
fn multibyte_text_is_refused_at_the_right_column() {
    let source = "größe:5";
    assert!(refused(source).underlined(source).contains("\n  größe:5\n  ^^^^^\n"));
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let side = || prop::option::of(1_u32..=65_535);
    let resize = (1_u32..=65_535, side(), 0_usize..4, 0_usize..5, any::<bool>()).prop_map(
        |(width, height, fit, filter, enlarge)| {
            let fit = if height.is_some() { Fit::ALL[fit] } else { Fit::Inside };
            let filter = Filter::ALL[filter];
            Operation::Resize(Resize { width: Some(width), height, fit, filter, enlarge })
        },
    );
    prop_oneof![
        Just(Operation::Invert),
        Just(Operation::Grayscale),
        (0_u32..512, prop::option::of(0.01_f64..1000.0))
            .prop_map(|(n, sigma)| Operation::Blur { kernel: 2 * n + 1, sigma }),
        resize,
        (1_u32..=65_535, 1_u32..=65_535, prop::option::of(0_u32..=65_535), side())
            .prop_map(|(width, height, left, top)| Operation::Crop { width, height, left, top }),
        (0_usize..4).prop_map(|n| Operation::Rotate(QuarterTurns::ALL[n])),
        prop_oneof![Just(Axis::Horizontal), Just(Axis::Vertical)].prop_map(Operation::Flip),
    ]
}

fn any_recipe() -> impl Strategy<Value = Recipe> {
    let encoding = prop_oneof![
        Just(Encoding::Same),
        Just(Encoding::Png),
        (1_u8..=100).prop_map(|quality| Encoding::Jpeg { quality }),
    ];
    let output = (prop::collection::vec(any_operation(), 1..5), encoding);
    prop::collection::vec(output, 1..4).prop_map(|outputs| Recipe {
        outputs: outputs
            .into_iter()
            .enumerate()
            .map(|(i, (chain, encoding))| Output { name: format!("out-{i}"), chain, encoding })
            .collect(),
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(recipe in any_recipe()) {
        prop_assert_eq!(&parse(&recipe.to_string()), &recipe);
        prop_assert_eq!(&Recipe::from_json(&recipe.to_json()).unwrap(), &recipe);
        prop_assert_eq!(&parse(&recipe.to_json().to_string()), &recipe);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}|[a-z:=,|;> -]{0,80}") {
        if let Err(error) = text.parse::<Recipe>() {
            prop_assert!(!error.underlined(&text).is_empty());
        }
    }
}

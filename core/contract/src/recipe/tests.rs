//! What recipes mean, and how they are refused.

use proptest::prelude::*;

use super::*;
use crate::operation::{
    Axis, Carry, Effort, Filter, Fit, Icc, Kind, Length, Lines, Metadata, OPERATIONS, Parameter,
    QuarterTurns, Resize, Subsampling,
};

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
    assert_eq!(recipe.outputs()[0].encoding, Encoding::jpeg(70));
    assert_eq!(recipe.outputs()[1].chain[1], Operation::Blur { kernel: 9, sigma: None });
}

#[test]
fn the_prototypes_names_are_accepted() {
    for (theirs, ours) in [
        ("color_inversion", "invert"),
        ("grayscale", "grayscale"),
        ("blur", "blur:15"),
        ("edge_detection", "edges:100,200"),
        ("thresholding", "threshold:127,255"),
        ("line_detection", "lines:50,150,200,prototype"),
        ("frame_contour_detection", "contours:127"),
        ("morphological_operations", "morphology"),
    ] {
        assert_eq!(parse(theirs), parse(ours));
    }
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
fn operations_and_encodings_of_one_name_are_told_apart_by_their_place() {
    let recipe = parse("lines:votes=30 | flip -> lines:length=full");
    let output = &recipe.outputs()[0];
    assert_eq!(output.chain[0].entry().name, "lines");
    assert!(matches!(output.encoding, Encoding::Lines(lines) if lines.length == Length::Full));
    let hint = |text| refused(text).hint.unwrap();
    assert_eq!(hint("invert -> blur"), "`blur` is an operation: it goes before `->`");
    assert_eq!(hint("invert | jpeg"), "`jpeg` is an encoding: it goes after `->`");
    assert_eq!(hint("invert -> lines:votes=0"), "allowed: 1..1000000");
    assert_eq!(hint("invert -> line"), "did you mean `lines`?");
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

/// A use of any row, with every parameter given, from a number for each.
fn any_row() -> impl Strategy<Value = Operation> {
    let numbers = prop::collection::vec(0.0_f64..1.0, 6);
    (0..OPERATIONS.len(), numbers).prop_filter_map("together out of range", |(row, numbers)| {
        let entry = &OPERATIONS[row];
        let argument = |(parameter, at): (&Parameter, &f64)| argument(parameter.kind, *at);
        let arguments: Vec<_> = entry.parameters.iter().zip(&numbers).map(argument).collect();
        let colon = if arguments.is_empty() { "" } else { ":" };
        let text = format!("{}{colon}{}", entry.name, arguments.join(","));
        text.parse::<Recipe>().ok().map(|recipe| recipe.outputs()[0].chain[0].clone())
    })
}

/// Names of files, as the text form has them.
const NAMES: [&str; 5] = [
    "logo.png",
    "overlays/\u{e4}/b_1.png",
    "\"my logo.png\"",
    "\"a;b|c -> d:e=f,g's.png\"",
    "\"#=\"",
];

/// A value of a kind, from how far it is between the ends.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "ends are small"
)]
fn argument(kind: Kind, at: f64) -> String {
    let between = |min: i64, max: i64| min + ((max - min) as f64 * at) as i64;
    match kind {
        Kind::Integer { min, max } => between(min, max).to_string(),
        Kind::Odd { min, max } => (between(min, max - 1) / 2 * 2 + 1).to_string(),
        Kind::Number { min, max } => (min + (max - min) * at).to_string(),
        Kind::Choice(words) => words[(words.len() as f64 * at) as usize].to_owned(),
        Kind::Flag => (at < 0.5).to_string(),
        Kind::Color => format!("#{:06x}", between(0, 0xff_ffff)),
        Kind::Text => NAMES[(NAMES.len() as f64 * at) as usize].to_owned(),
    }
}

#[test]
fn names_may_be_quoted_and_then_hold_separators() {
    let recipe = parse(r#"a = composite:"x; y|z, -> w:=.png",centre -> png; b = flip"#);
    assert_eq!(recipe.outputs().len(), 2);
    assert_eq!(recipe.overlays().collect::<Vec<_>>(), ["x; y|z, -> w:=.png"]);
    assert_eq!(parse("composite:logo.png"), parse(r#"composite:image="logo.png""#));
    for (text, place) in [
        (r#"composite:"logo.png"#, 10..19),
        (r#"composite:" logo.png""#, 10..21),
        (r#"composite:"a"b"c""#, 10..17),
        (r#"composite:a"b".png"#, 10..18),
    ] {
        let error = refused(text);
        assert_eq!(error.code, RecipeErrorCode::OutOfRange, "{text}");
        assert_eq!(error.place, Place::Text { start: place.start, end: place.end }, "{text}");
    }
}

#[test]
fn overlays_of_a_job_are_keys_below_overlays() {
    let refusal = |text: &str| parse(text).check_overlays().map_err(|error| error.place);
    assert_eq!(refusal("flip | composite:overlays/a/logo.png"), Ok(()));
    let place = Place::Pointer("/outputs/0/operations/1/image".into());
    for image in ["inputs/a.png", "logo.png", "overlays/../inputs/a.png", "overlays/"] {
        assert_eq!(refusal(&format!("flip | composite:{image}")), Err(place.clone()), "{image}");
    }
    let many: Vec<_> = (0..9).map(|n| format!("composite:overlays/{n}.png")).collect();
    assert!(refusal(&many.join(" | ")).is_err());
    assert_eq!(refusal(&many[..8].join(" | ")), Ok(()));
}

fn any_carry() -> impl Strategy<Value = Carry> {
    (0_usize..2, 0_usize..3)
        .prop_map(|(icc, metadata)| Carry { icc: Icc::ALL[icc], metadata: Metadata::ALL[metadata] })
}

fn any_encoding() -> impl Strategy<Value = Encoding> {
    let quality = || 1_u8..=100;
    prop_oneof![
        Just(Encoding::Same),
        (quality(), any_carry()).prop_map(|(quality, carry)| Encoding::Auto { quality, carry }),
        (0_usize..2, any_carry())
            .prop_map(|(effort, carry)| Encoding::Png { effort: Effort::ALL[effort], carry }),
        (quality(), 0_usize..3, any::<bool>(), any_carry()).prop_map(
            |(quality, subsampling, progressive, carry)| {
                let subsampling = Subsampling::ALL[subsampling];
                Encoding::Jpeg { quality, subsampling, progressive, carry }
            }
        ),
        (quality(), any::<bool>(), 0_u8..=6, any_carry()).prop_map(
            |(quality, lossless, effort, carry)| {
                Encoding::Webp { quality, lossless, effort, carry }
            }
        ),
        Just(Encoding::Info),
        (1_u8..=32).prop_map(|count| Encoding::Palette { count }),
        (1_u8..=9, 1_u8..=9).prop_map(|(across, down)| Encoding::Blurhash { across, down }),
        Just(Encoding::Phash),
        (0_u32..50, 50_u32..=2040, 1_u32..=1_000_000, 0_usize..2).prop_map(
            |(low, high, votes, length)| {
                Encoding::Lines(Lines { low, high, votes, length: Length::ALL[length] })
            }
        ),
        any::<u8>().prop_map(|value| Encoding::Contours { value }),
    ]
}

fn any_recipe() -> impl Strategy<Value = Recipe> {
    let output =
        (prop::collection::vec(prop_oneof![any_operation(), any_row()], 1..5), any_encoding());
    prop::collection::vec(output, 1..4).prop_map(|outputs| Recipe {
        outputs: outputs
            .into_iter()
            .enumerate()
            .map(|(i, (chain, encoding))| Output { name: format!("out-{i}"), chain, encoding })
            .collect(),
    })
}

/// A recipe in the TOML form: outputs alternate between their texts and tables of the JSON form.
fn toml_of(recipe: &Recipe) -> String {
    let json = recipe.to_json();
    let outputs = recipe.outputs.iter().zip(json["outputs"].as_array().unwrap());
    let lines = outputs.enumerate().map(|(i, (output, json))| {
        let name = &output.name;
        if i % 2 == 0 {
            let sole = Output { name: SOLE_OUTPUT.to_owned(), ..output.clone() };
            return format!("{name} = '''{}'''\n", Recipe { outputs: vec![sole] });
        }
        let mut members = json.as_object().unwrap().clone();
        members.shift_remove("name");
        format!("{name} = {}\n", toml_value(&members.into()))
    });
    format!("[outputs]\n{}", lines.collect::<String>())
}

fn toml_value(value: &serde_json::Value) -> String {
    if let Some(items) = value.as_array() {
        return format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", "));
    }
    if let Some(members) = value.as_object() {
        let pair = |(key, value)| format!("{key} = {}", toml_value(value));
        return format!("{{ {} }}", members.iter().map(pair).collect::<Vec<_>>().join(", "));
    }
    value.to_string()
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(recipe in any_recipe()) {
        prop_assert_eq!(&parse(&recipe.to_string()), &recipe);
        prop_assert_eq!(&Recipe::from_json(&recipe.to_json()).unwrap(), &recipe);
        prop_assert_eq!(&parse(&recipe.to_json().to_string()), &recipe);
        prop_assert_eq!(&toml_of(&recipe).parse::<RecipeFile>().unwrap().recipe, &recipe);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}|[a-z:=,|;> -]{0,80}") {
        if let Err(error) = text.parse::<Recipe>() {
            prop_assert!(!error.underlined(&text).is_empty());
        }
    }
    #[test]
    fn no_file_makes_the_reader_panic(text in "\\PC{0,80}|[a-z\"'\\[\\]{}=.,:>\n -]{0,120}") {
        for source in [text.clone(), format!("[outputs]\na = {text}"), format!("recipe = '{text}'")] {
            if let Err(error) = source.parse::<RecipeFile>() {
                prop_assert!(!error.underlined(&source).is_empty());
                prop_assert!(error.position(&source).is_some());
            }
        }
    }
}

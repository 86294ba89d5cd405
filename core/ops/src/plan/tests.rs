//! Plans: what is shared, what is refused.

use std::sync::Arc;

use pixmill_contract::Format;
use pixmill_contract::operation::Axis;
use proptest::prelude::*;

use super::*;
use crate::header::Orientation;

fn header(format: Format, width: u32, height: u32) -> Header {
    let orientation = Orientation::UPRIGHT;
    let (profile, gray_alpha, ink, sampling, decoder_bytes) = (false, false, false, None, 0);
    let channels = 3;
    Header {
        format,
        width,
        height,
        channels,
        orientation,
        profile,
        gray_alpha,
        ink,
        sampling,
        decoder_bytes,
    }
}

/// A coloured overlay of 30×20 pixels, `rgb`.
fn overlays() -> Overlays {
    let mut bmp = vec![0; 54 + 20 * 92];
    bmp[..2].copy_from_slice(b"BM");
    for (at, value) in [(10, 54), (14, 40), (18, 30), (22, 20), (26, 1), (28, 24)] {
        bmp[at] = value;
    }
    Overlays::inspect([("rgb".to_owned(), Arc::from(bmp))], &Limits::default()).unwrap()
}

fn plan(header: &Header, recipe: &str) -> Result<Plan, Rejection> {
    Plan::new(header, &recipe.parse().unwrap(), &overlays(), &Limits::default())
}

fn steps(plan: &Plan) -> Vec<Step> {
    let mut steps = vec![];
    plan.for_each_step(|step, _, _| steps.push(*step));
    steps
}

#[test]
fn equal_beginnings_run_once() {
    let recipe = "a = invert | blur:5; b = invert | blur:5 | flip; c = invert | rotate:90";
    let plan = plan(&header(Format::Png, 40, 30), recipe).unwrap();
    assert_eq!(plan.decodes.len(), 1);
    assert_eq!(steps(&plan).len(), 4);
}

#[test]
fn outputs_of_one_scale_share_their_decode() {
    let recipe = "a = resize:100; b = resize:120; c = resize:1000; d = grayscale";
    let jpeg = plan(&header(Format::Jpeg, 4000, 3000), recipe).unwrap();
    let scales: Vec<_> = jpeg.decodes.iter().map(|decode| decode.wanted.scale).collect();
    assert_eq!(scales, [Scale::Eighth, Scale::Half, Scale::Full]);
    let png = plan(&header(Format::Png, 4000, 3000), recipe).unwrap();
    assert_eq!(png.decodes.len(), 1);
}

#[test]
fn single_pixels_are_picked_at_full_scale() {
    let plan = plan(&header(Format::Jpeg, 4000, 3000), "resize:100,filter=nearest").unwrap();
    assert_eq!(plan.decodes[0].wanted.scale, Scale::Full);
}

#[test]
fn steps_that_change_nothing_do_not_exist() {
    let recipe = "rotate:0 | blur:1 | resize:9000 | crop:40,30 | grayscale | grayscale";
    let plan = plan(&header(Format::Png, 40, 30), recipe).unwrap();
    assert_eq!(steps(&plan), [Step::Luma]);
}

#[test]
fn a_chain_of_point_operations_needs_one_buffer_and_of_others_two() {
    let header = header(Format::Png, 40, 30);
    let buffers = |recipe| plan(&header, recipe).unwrap().slots.sizes().to_vec();
    assert_eq!(buffers("invert | flip | rotate:180 | invert"), [3600]);
    assert_eq!(buffers("blur:3 | rotate:90 | invert | blur:5 | crop:9,9"), [3600, 3600]);
    assert_eq!(buffers("a = invert; b = flip; c = rotate:180"), [3600, 3600]);
}

#[test]
fn what_cannot_be_done_is_refused_with_its_code() {
    let code = |recipe: &str| plan(&header(Format::Png, 400, 300), recipe).unwrap_err().code;
    assert_eq!(code("crop:401,10"), RejectCode::Inapplicable);
    assert_eq!(code("resize:100 | crop:101,10"), RejectCode::Inapplicable);
    assert_eq!(code("resize:500,300,fit=exact"), RejectCode::Inapplicable);
    assert_eq!(code("resize:17000,enlarge=true"), RejectCode::SideTooLarge);
    assert_eq!(code("resize:16000,enlarge=true | resize:10"), RejectCode::TooManyPixels);
    assert_eq!(code("blur:257"), RejectCode::KernelTooLarge);
    assert_eq!(code(&["flip"; 33].join("|")), RejectCode::TooManyOperations);
    let many: Vec<_> = (0..17).map(|i| format!("o{i} = flip")).collect();
    assert_eq!(code(&many.join(";")), RejectCode::TooManyOutputs);
}

#[test]
fn pictures_get_the_channels_that_an_operation_needs() {
    let of = |channels| Header { channels, ..header(Format::Png, 40, 30) };
    let layouts = |header: &Header, recipe| {
        let mut layouts = vec![];
        plan(header, recipe).unwrap().for_each_end(|_, _, shape| layouts.push(shape.layout));
        layouts[0]
    };
    for (recipe, [gray, rgb, rgba]) in [
        ("edges", [Layout::Gray, Layout::Gray, Layout::Gray]),
        ("threshold", [Layout::Gray, Layout::Rgb, Layout::Rgba]),
        ("threshold:otsu=true", [Layout::Gray, Layout::Gray, Layout::Rgba]),
        ("adaptive_threshold", [Layout::Gray, Layout::Gray, Layout::Rgba]),
        ("lines", [Layout::Rgb, Layout::Rgb, Layout::Rgba]),
        ("contours", [Layout::Rgb, Layout::Rgb, Layout::Rgba]),
        ("tint:red", [Layout::Rgb, Layout::Rgb, Layout::Rgba]),
        ("trim", [Layout::Gray, Layout::Rgb, Layout::Rgba]),
        ("composite:rgb", [Layout::Rgb, Layout::Rgb, Layout::Rgba]),
        ("pad:1,color=white", [Layout::Gray, Layout::Rgb, Layout::Rgba]),
        ("pad:1,color=red", [Layout::Rgb, Layout::Rgb, Layout::Rgba]),
        ("pad:1,color=transparent", [Layout::Rgba, Layout::Rgba, Layout::Rgba]),
    ] {
        let found = [1, 3, 4].map(|channels| layouts(&of(channels), recipe));
        assert_eq!(found, [gray, rgb, rgba], "{recipe}");
    }
}

#[test]
fn a_trim_is_refused_for_what_not_even_the_whole_picture_allows() {
    let code = |recipe: &str| plan(&header(Format::Png, 400, 300), recipe).unwrap_err().code;
    assert_eq!(code("trim | crop:401,10"), RejectCode::Inapplicable);
    assert_eq!(code("trim | resize:500,300,fit=exact"), RejectCode::Inapplicable);
    assert_eq!(code("trim | resize:17000,enlarge=true"), RejectCode::SideTooLarge);
}

#[test]
fn room_is_made_for_whatever_a_trim_may_leave() {
    let header = header(Format::Png, 400, 300);
    for (recipe, most) in [
        ("trim | resize:40", (40, 300)),
        ("trim | resize:height=30", (400, 30)),
        ("trim | resize:500,20", (400, 20)),
        ("trim | resize:500,20,enlarge=true", (500, 20)),
        ("trim | resize:800,enlarge=true", (800, 600)),
        ("trim | resize:40 | rotate:90 | resize:100,100 | trim | pad:1", (100, 41)),
    ] {
        let recipe: Recipe = recipe.parse().unwrap();
        let planned = Plan::new(&header, &recipe, &overlays(), &Limits::default()).unwrap();
        planned.for_each_end(|_, _, shape| {
            assert_eq!((shape.width, shape.height), most, "{recipe}");
        });
    }
}

#[test]
fn what_follows_a_trim_is_planned_for_what_is_left() {
    let recipe = "a = blur:5 | trim | invert | flip; b = blur:5 | trim | invert | resize:20; \
                  c = blur:5";
    let recipe: Recipe = recipe.parse().unwrap();
    let whole = header(Format::Png, 400, 300);
    let whole = Plan::new(&whole, &recipe, &overlays(), &Limits::default()).unwrap();
    assert!(matches!(steps(&whole)[..2], [Step::Blur { .. }, Step::Trim { .. }]));
    let trimmed = &whole.roots[0].branches[0].node.branches[0].node;
    let sequel = |width, height| {
        let left = Shape { width, height, layout: Layout::Rgb };
        whole.sequel(trimmed, left, &recipe, &overlays(), &Limits::default()).unwrap()
    };
    // The inversion is shared still, and what was small enough is not resized.
    assert_eq!(steps(&sequel(10, 20)), [Step::Invert, Step::Flip(Axis::Vertical)]);
    assert_eq!(steps(&sequel(30, 300)).len(), 3);
    assert_eq!(sequel(400, 300).slots.sizes(), whole.slots.sizes());
    assert_eq!(sequel(30, 300).encoded_bytes, whole.encoded_bytes);
}

#[test]
fn every_operation_tells_its_kernel_to_the_limits() {
    let header = header(Format::Png, 40, 30);
    for recipe in
        ["sharpen:sigma=50", "erode:3,iterations=128", "adaptive_threshold:257", "dilate:257"]
    {
        assert_eq!(plan(&header, recipe).unwrap_err().code, RejectCode::KernelTooLarge, "{recipe}");
    }
    assert!(plan(&header, "median:255 | erode:3,iterations=127").is_ok());
}

#[test]
fn a_jpeg_cannot_be_longer_than_libjpeg_writes() {
    let limits = Limits { side: u32::MAX, ..Limits::default() };
    let header = header(Format::Png, 65_501, 1);
    let code = |recipe: &str| {
        Plan::new(&header, &recipe.parse().unwrap(), &overlays(), &limits)
            .map(|_| ())
            .map_err(|r| r.code)
    };
    assert_eq!(code("invert -> jpeg"), Err(RejectCode::SideTooLarge));
    assert_eq!(code("invert -> png"), Ok(()));
}

/// Chains that trim, of operations that are not always applicable. No single side is enlarged.
fn trimming() -> impl Strategy<Value = String> {
    let operation = prop_oneof![
        prop::sample::select(vec![
            "trim",
            "trim:3",
            "invert",
            "blur:9",
            "rotate:90",
            "edges",
            "grayscale",
            "lines",
            "pad:1,2,3,4,transparent",
            "median",
            "sharpen",
            "adaptive_threshold",
            "contours",
            "composite:rgb,left=9",
        ])
        .prop_map(str::to_owned),
        (1_u32..500).prop_map(|side| format!("resize:{side}")),
        (1_u32..500).prop_map(|side| format!("resize:height={side}")),
        (1_u32..200, 1_u32..200).prop_map(|(w, h)| format!("crop:{w},{h}")),
        (1_u32..500, 1_u32..500, 0_usize..4, any::<bool>()).prop_map(|(w, h, fit, enlarge)| {
            let fit = ["inside", "cover", "fill", "exact"][fit];
            format!("resize:{w},{h},{fit},enlarge={enlarge}")
        }),
    ];
    let encoding = prop::sample::select(vec!["jpeg", "png", "webp", "auto", "lines", "contours"]);
    let before = prop::sample::select(vec!["", "rotate:90 | ", "resize:300 | "]);
    (before, prop::collection::vec(operation, 0..5), encoding).prop_map(|(before, chain, to)| {
        [&[format!("{before}trim")], &chain[..]].concat().join(" | ") + " -> " + to
    })
}

/// Trims again and again, and says whether each rest fits into the room of the whole.
fn fits(
    header: &Header,
    recipe: &Recipe,
    plan: &Plan,
    sides: &[(u32, u32)],
) -> Result<(), Rejection> {
    let Some(((across, down), sides)) = sides.split_first() else { return Ok(()) };
    let mut nodes: Vec<&Node> = plan.roots.iter().collect();
    while let Some(node) = nodes.pop() {
        if node.rest.is_none() {
            nodes.extend(node.branches.iter().map(|branch| &branch.node));
            continue;
        }
        let share = |side: u32, percent: u32| (side * percent / 100).max(1);
        let (width, height) = (share(node.shape.width, *across), share(node.shape.height, *down));
        let left = Shape { width, height, ..node.shape };
        // What does not apply to this rest may apply to others.
        if let Ok(sequel) = plan.sequel(node, left, recipe, &overlays(), &Limits::default()) {
            crate::estimate::admit_sequel(header, plan, &sequel)?;
            fits(header, recipe, &sequel, sides)?;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_a_trim_leaves_fits_into_the_room_of_the_whole(
        chains in prop::collection::vec(trimming(), 1..5),
        channels in prop::sample::select(vec![1_u8, 3, 4]),
        sides in prop::collection::vec((1_u32..=100, 1_u32..=100), 4),
    ) {
        let header = Header { channels, ..header(Format::Png, 400, 300) };
        let named = chains.iter().enumerate().map(|(i, chain)| format!("o{i} = {chain}"));
        let recipe: Recipe = named.collect::<Vec<_>>().join("; ").parse().unwrap();
        if let Ok(plan) = Plan::new(&header, &recipe, &overlays(), &Limits::default()) {
            prop_assert_eq!(fits(&header, &recipe, &plan, &sides), Ok(()), "{}", recipe);
        }
    }
}

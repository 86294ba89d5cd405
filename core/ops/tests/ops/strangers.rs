//! GIF, BMP, TIFF and WebP as sources: what each kind is read as, and what is refused.

use pixmill_contract::{Format, Limits, RejectCode};
use pixmill_ops::{Overlays, estimate, inspect};
use png::ColorType;

use crate::files::{self, Gif, Tiff};
use crate::make::{self, grind, pixels_of, refusal};

const ASIS: &str = "rotate:0 -> png";

fn reject(source: &[u8]) -> Option<RejectCode> {
    refusal(source, ASIS, Limits::default())
}

#[test]
fn formats_that_are_not_written_become_png() {
    let pixels = make::pixels(5, 4, 3);
    let sources = [
        (Format::Gif, files::gif()),
        (Format::Bmp, files::bmp(5, 4, &pixels)),
        (Format::Tiff, Tiff::new(5, 4, 3, &pixels).file()),
    ];
    for (format, source) in sources {
        assert_eq!(inspect(&source, &Limits::default()).unwrap().format, format);
        assert_eq!(grind(&source, "invert")[0].format, Format::Png);
    }
}

#[test]
fn a_gif_is_its_first_frame_on_its_canvas() {
    let result = pixels_of(&files::gif(), ASIS);
    assert_eq!((result.size, result.color), ((13, 9), ColorType::Rgba));
    let pixel = |x: usize, y: usize| &result.pixels[(y * 13 + x) * 4..][..4];
    assert_eq!(pixel(0, 0), [0; 4]);
    assert_eq!(pixel(2, 1), [255, 0, 0, 255]);
    assert_eq!(pixel(3, 1), [0, 0, 255, 255]);
    // 2 · 7 mod 5 is the transparent colour.
    assert_eq!(pixel(4, 1), [0; 4]);
    assert_eq!(pixel(12, 6), [0; 4]);
}

#[test]
fn an_interlaced_gif_has_its_rows_in_order() {
    let rows = [0, 8, 4, 2, 6, 10, 1, 3, 5, 7, 9];
    let gif = Gif {
        canvas: (1, 11),
        frame: (0, 0, 1, 11),
        palette: (0..11).map(|n| [n, n, n]).collect(),
        transparent: None,
        interlaced: true,
        numbers: rows.to_vec(),
    };
    let result = pixels_of(&gif.file(), ASIS);
    assert_eq!(result.color, ColorType::Rgb);
    let expected: Vec<u8> = (0..11).flat_map(|n| [n, n, n]).collect();
    assert_eq!(result.pixels, expected);
}

#[test]
fn a_canvas_that_is_far_larger_than_its_frame_is_held_against_the_limits() {
    let gif = Gif {
        canvas: (65_535, 65_535),
        frame: (0, 0, 1, 1),
        palette: vec![[1, 2, 3]],
        transparent: None,
        interlaced: false,
        numbers: vec![0],
    };
    assert_eq!(reject(&gif.file()), Some(RejectCode::SideTooLarge));
    let wide = Gif { canvas: (10_000, 10_000), ..gif };
    assert_eq!(reject(&wide.file()), Some(RejectCode::TooManyPixels));
    // A frame that reaches outside makes the canvas grow, and counts.
    let outside = Gif { canvas: (1, 1), frame: (65_000, 0, 1, 1), ..wide };
    assert_eq!(reject(&outside.file()), Some(RejectCode::SideTooLarge));
}

#[test]
fn colours_that_the_palette_does_not_have_are_refused() {
    let mut source = files::gif();
    // Without its palette every number is one too many.
    source[10] = 0;
    source.drain(13..13 + 48);
    assert_eq!(reject(&source), Some(RejectCode::Corrupt));
}

#[test]
fn bitmaps_stand_upright() {
    let pixels = make::pixels(7, 5, 3);
    let result = pixels_of(&files::bmp(7, 5, &pixels), ASIS);
    assert_eq!((result.color, result.pixels), (ColorType::Rgb, pixels));
}

#[test]
fn a_palette_of_grays_makes_a_gray_picture() {
    let bitmap = |palette: [u8; 8]| {
        let mut file = files::bmp_head(10, 1, 1, 0, 2, 4);
        file.extend(palette);
        file.extend([0b0110_0000, 0b0100_0000, 0, 0]);
        file
    };
    let gray = pixels_of(&bitmap([5, 5, 5, 0, 9, 9, 9, 0]), ASIS);
    assert_eq!(gray.color, ColorType::Grayscale);
    assert_eq!(gray.pixels, [5, 9, 9, 5, 5, 5, 5, 5, 5, 9]);
    let colour = pixels_of(&bitmap([5, 5, 5, 0, 1, 2, 3, 0]), ASIS);
    assert_eq!(colour.color, ColorType::Rgb);
    assert_eq!(colour.pixels[..6], [5, 5, 5, 3, 2, 1]);
}

#[test]
fn runs_of_a_bitmap_are_followed() {
    let mut file = files::bmp_head(5, 2, 8, 1, 3, 0);
    file.extend([0, 0, 0, 0, 10, 11, 12, 0, 20, 21, 22, 0]);
    // A run, a jump, an absolute run of odd length, the end.
    file.extend([2, 1, 0, 2, 1, 1, 0, 3, 2, 1, 2, 0, 0, 1]);
    let result = pixels_of(&file, ASIS);
    let first: Vec<u8> = result.pixels[..15].to_vec();
    // The jump leaves columns 0 to 2 of the upper row; of three pixels two fit.
    assert_eq!(first, [0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 21, 20, 12, 11, 10]);
    assert_eq!(result.pixels[15..24], [12, 11, 10, 12, 11, 10, 0, 0, 0]);
    file.truncate(file.len() - 2);
    assert_eq!(reject(&file), Some(RejectCode::Truncated));
}

#[test]
fn bitmaps_that_claim_much_are_refused_by_their_header() {
    let huge = |width, height, bits, compression| {
        let mut file = files::bmp_head(width, height, bits, compression, 1, 4);
        file.extend([0; 8]);
        reject(&file)
    };
    assert_eq!(huge(40_000, 1, 8, 1), Some(RejectCode::SideTooLarge));
    assert_eq!(huge(10_000, 10_000, 8, 1), Some(RejectCode::TooManyPixels));
    assert_eq!(huge(1000, 1000, 24, 0), Some(RejectCode::Truncated));
    assert_eq!(huge(10, 10, 24, 5), Some(RejectCode::Unsupported));
    assert_eq!(huge(10, 10, 7, 0), Some(RejectCode::Corrupt));
}

#[test]
fn kinds_of_tiff_are_read() {
    let rgb = make::pixels(6, 5, 3);
    let result = pixels_of(&Tiff::new(6, 5, 3, &rgb).file(), ASIS);
    assert_eq!((result.color, result.pixels), (ColorType::Rgb, rgb));

    let gray = make::pixels(6, 5, 1);
    let white_is_zero = Tiff::new(6, 5, 1, &gray).with(262, 3, &[0]).file();
    let inverted: Vec<u8> = gray.iter().map(|sample| 255 - sample).collect();
    let result = pixels_of(&white_is_zero, ASIS);
    assert_eq!((result.color, result.pixels), (ColorType::Grayscale, inverted));

    let palette: Vec<u32> =
        (0..3).flat_map(|c| (0..4).map(move |n| (c * 60 + n * 10) << 8)).collect();
    let numbers = Tiff::new(4, 1, 1, &[0b00_01_10_11]).with(258, 3, &[2]).with(262, 3, &[3]);
    let result = pixels_of(&numbers.with(320, 3, &palette).file(), ASIS);
    assert_eq!(result.pixels, [0, 60, 120, 10, 70, 130, 20, 80, 140, 30, 90, 150]);

    let sixteen = Tiff::new(2, 1, 1, &[0x34, 0x12, 0xff, 0xfe]).with(258, 3, &[16]).file();
    assert_eq!(pixels_of(&sixteen, ASIS).pixels, [0x12, 0xfe]);

    let ink = Tiff::new(2, 1, 4, &[0, 0, 0, 0, 255, 0, 0, 128]).with(262, 3, &[5]).file();
    assert_eq!(pixels_of(&ink, ASIS).pixels, [255, 255, 255, 0, 127, 127]);

    let planes =
        Tiff { strips: vec![vec![1, 2], vec![3, 4], vec![5, 6]], ..Tiff::new(2, 1, 3, &[]) };
    let result = pixels_of(&planes.with(284, 3, &[2]).file(), ASIS);
    assert_eq!(result.pixels, [1, 3, 5, 2, 4, 6]);

    let premultiplied = Tiff::new(1, 1, 4, &[50, 100, 0, 128]).with(338, 3, &[1]).file();
    assert_eq!(pixels_of(&premultiplied, ASIS).pixels, [100, 199, 0, 128]);
}

#[test]
fn packed_strips_are_unpacked() {
    let bits = Tiff { strips: vec![vec![254, 7, 1, 8, 9]], ..Tiff::new(5, 1, 1, &[]) };
    let bits = bits.with(259, 3, &[32773]);
    assert_eq!(pixels_of(&bits.file(), ASIS).pixels, [7, 7, 7, 8, 9]);
    let short = Tiff { strips: vec![vec![254, 7]], ..bits };
    assert_eq!(reject(&short.file()), Some(RejectCode::Truncated));
    // LZW in nine bits: clear, 7, 8, 9, and 300, which does not exist yet.
    let codes = [256, 7, 8, 9, 300].iter().fold(0_u64, |bits, code| bits << 9 | code) << 19;
    let lzw = |width| {
        let strips = vec![codes.to_be_bytes().to_vec()];
        Tiff { strips, ..Tiff::new(width, 1, 1, &[]) }.with(259, 3, &[5]).file()
    };
    assert_eq!(pixels_of(&lzw(3), ASIS).pixels, [7, 8, 9]);
    assert_eq!(reject(&lzw(4)), Some(RejectCode::Corrupt));
}

#[test]
fn kinds_of_tiff_that_are_not_read_are_refused_by_name() {
    let tiff = || Tiff::new(4, 4, 3, &make::pixels(4, 4, 3));
    for (tag, number) in [(259, 7), (259, 4), (262, 6), (262, 8), (317, 3), (339, 3)] {
        let source = tiff().with(tag, 3, &[number]).file();
        assert_eq!(reject(&source), Some(RejectCode::Unsupported), "tag {tag} of {number}");
    }
    let backwards = tiff().with(266, 3, &[2]).file();
    assert_eq!(reject(&backwards), Some(RejectCode::Unsupported));
    for (number, name) in [(3, "fax (compression 3)"), (7, "JPEG (compression 7)")] {
        let source = tiff().with(259, 3, &[number]).file();
        let rejection = inspect(&source, &Limits::default()).unwrap_err();
        assert_eq!(rejection.reason, format!("TIFF of {name} is not read"));
    }
    let raw = tiff().with(50706, 4, &[1]).file();
    assert_eq!(reject(&raw), Some(RejectCode::Unsupported));
}

#[test]
fn a_directory_that_loops_is_read_once() {
    let source = Tiff::new(4, 4, 3, &make::pixels(4, 4, 3)).file();
    let directory = u32::from_le_bytes(*source[4..].first_chunk().unwrap());
    let mut looped = source.clone();
    let end = looped.len() - 4;
    looped[end..].copy_from_slice(&directory.to_le_bytes());
    assert_eq!(pixels_of(&looped, ASIS), pixels_of(&source, ASIS));
    // A directory inside itself, and one that points nowhere.
    let mut nowhere = source;
    nowhere[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(reject(&nowhere), Some(RejectCode::Truncated));
}

#[test]
fn strips_and_tiles_that_claim_much_are_refused() {
    let tiff = || Tiff::new(4, 4, 3, &make::pixels(4, 4, 3));
    let huge = tiff().with(256, 4, &[60_000]).file();
    assert_eq!(reject(&huge), Some(RejectCode::SideTooLarge));
    let lines = tiff().with(278, 4, &[1]).file();
    assert_eq!(reject(&lines), Some(RejectCode::Corrupt), "strips that are not listed");
    // One tile of gigabytes for sixteen pixels.
    let tile = |width: u32, height: u32| {
        let tile = tiff().with(322, 4, &[width]).with(323, 4, &[height]);
        reject(&tile.with(324, 4, &[8]).with(325, 4, &[48]).file())
    };
    assert_eq!(tile(65_536, 65_536), Some(RejectCode::Unsupported));
    assert_eq!(tile(u32::MAX - 15, u32::MAX - 15), Some(RejectCode::Unsupported));
    assert_eq!(tile(16, 1040), Some(RejectCode::Unsupported));
    assert_eq!(tile(1024, 1024), Some(RejectCode::Truncated));
    // Deflate that would go on and on is asked for one strip only.
    let zeros = Tiff { strips: vec![vec![0x78, 0x9c, 0x63]], ..tiff() }.with(259, 3, &[8]).file();
    assert_eq!(reject(&zeros), Some(RejectCode::Truncated));
}

#[test]
fn webp_keeps_what_it_can_hold() {
    for color in [ColorType::Rgb, ColorType::Rgba] {
        let source = make::png(61, 43, color);
        let webp = &grind(&source, "rotate:0 -> webp:lossless=true")[0];
        assert_eq!(webp.format, Format::Webp);
        let header = inspect(&webp.bytes, &Limits::default()).unwrap();
        assert_eq!((header.width, header.height), (61, 43));
        let (back, was) = (pixels_of(&webp.bytes, ASIS), pixels_of(&source, ASIS));
        assert_eq!((back.size, back.color), (was.size, was.color));
        let channels = color.samples();
        for (a, b) in back.pixels.chunks(channels).zip(was.pixels.chunks(channels)) {
            // Colours that nobody sees are the encoder's to choose.
            assert!(a == b || (channels == 4 && a[3] == 0 && b[3] == 0));
        }
    }
    let small = grind(
        &make::png(61, 43, ColorType::Rgb),
        "a = rotate:0 -> webp:q=20; b = rotate:0 -> webp:q=95",
    );
    assert!(small[0].bytes.len() < small[1].bytes.len());
    // Without an encoding WebP stays WebP.
    assert_eq!(grind(&small[0].bytes, "invert")[0].format, Format::Webp);
}

#[test]
fn webp_is_refused_where_it_ends() {
    let limits = Limits { side: 20_000, ..Limits::default() };
    let source = make::png(16_384, 1, ColorType::Rgb);
    assert_eq!(
        refusal(&source, "rotate:0 -> webp", limits.clone()),
        Some(RejectCode::SideTooLarge)
    );
    assert_eq!(refusal(&source, ASIS, limits), None);
}

#[test]
fn a_webp_is_read_no_further_than_its_chunks_say() {
    let source = make::png(61, 43, ColorType::Rgb);
    let whole = grind(&source, "rotate:0 -> webp:lossless=true").remove(0).bytes;
    // The picture goes on behind the end of its chunk and of the file, where libwebp would look.
    let short = |count: u32| {
        let mut file = whole.clone();
        file[4..8].copy_from_slice(&(12 + count).to_le_bytes());
        file[16..20].copy_from_slice(&count.to_le_bytes());
        reject(&file)
    };
    assert_eq!(short(u32::from_le_bytes(*whole[16..].first_chunk().unwrap())), None);
    assert_eq!(short(600), Some(RejectCode::Corrupt));
    // The picture itself where a chunk should be, which libwebp takes, and chunks behind it.
    let mut raw = [&b"RIFF\0\0\0\0WEBP"[..], &whole[20..]].concat();
    raw.extend(&whole[12..]);
    let length = u32::try_from(raw.len() - 8).unwrap();
    raw[4..8].copy_from_slice(&length.to_le_bytes());
    assert!(reject(&raw).is_some());
}

#[test]
fn a_picture_before_an_animation_is_the_picture() {
    let still = grind(&make::png(6, 4, ColorType::Rgb), "rotate:0 -> webp:metadata=all").remove(0);
    let expected = pixels_of(&still.bytes, ASIS);
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let head = [&[0; 6][..], &long(9000)[..3], &long(9000)[..3], &[0; 4]].concat();
    let frame = [b"ANMF", &long(head.len())[..], &head].concat();
    let mut file = [still.bytes, frame].concat();
    let length = long(file.len() - 8);
    file[4..8].copy_from_slice(&length);
    assert_eq!(pixels_of(&file, ASIS), expected);
}

#[test]
fn an_animation_is_its_first_frame() {
    let picture =
        grind(&make::png(6, 4, ColorType::Rgb), "rotate:0 -> webp:lossless=true").remove(0);
    let chunk = &picture.bytes[12..];
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let part = |kind: &[u8], payload: &[u8]| [kind, &long(payload.len()), payload].concat();
    let canvas = |width: usize, height: usize| {
        part(
            b"VP8X",
            &[&[0x02, 0, 0, 0][..], &long(width - 1)[..3], &long(height - 1)[..3]].concat(),
        )
    };
    // Left and top are halved.
    let head = [&[1, 0, 0, 1, 0, 0, 5, 0, 0, 3, 0, 0, 0, 0, 0, 0][..], chunk].concat();
    let frame = part(b"ANMF", &head);
    let file = |canvas: Vec<u8>| {
        let body = [b"WEBP".to_vec(), canvas, part(b"ANIM", &[0; 6]), frame.clone(), frame.clone()]
            .concat();
        part(b"RIFF", &body)
    };
    let result = pixels_of(&file(canvas(10, 9)), ASIS);
    assert_eq!((result.size, result.color), ((10, 9), ColorType::Rgba));
    let was = pixels_of(&picture.bytes, ASIS).pixels;
    assert_eq!(result.pixels[..8], [0; 8]);
    let at = (2 * 10 + 2) * 4;
    assert_eq!(result.pixels[at..at + 4], [was[0], was[1], was[2], 255]);
    assert_eq!(reject(&file(canvas(7, 9))), Some(RejectCode::Corrupt));
    assert_eq!(reject(&file(canvas(16_384, 9_000))), Some(RejectCode::TooManyPixels));
}

#[test]
fn the_estimate_knows_what_decoders_take() {
    let limits = Limits::default();
    let memory = |source: &[u8]| {
        let header = inspect(source, &limits).unwrap();
        estimate(&header, &ASIS.parse().unwrap(), &Overlays::default(), &limits)
            .unwrap()
            .memory_bytes
    };
    let source = make::png(400, 300, ColorType::Rgb);
    let webp = |how: &str| grind(&source, &format!("rotate:0 -> webp:{how}")).remove(0).bytes;
    let (lossy, lossless) = (memory(&webp("q=50")), memory(&webp("lossless=true")));
    // Four bytes a pixel, the pictures of transforms and groups, and the file that libwebp gets.
    assert!(lossless - lossy >= 5 * 400 * 300 + 50_000);
}

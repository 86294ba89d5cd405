//! Pictures that behave like photographs: gradients, soft and hard edges, texture, grain.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "coordinates and colours are small numbers, and have short names"
)]

use super::files::{jpeg, with_exif};
use super::paint::{
    Color, clouds, hash, inside, mix, noise, render, rgb, step, to_box, to_ellipse, to_polygon,
    to_segment,
};

const HARBOUR: (u32, u32) = (1600, 1067);
const HORIZON: f32 = 620.0;

/// A harbour at dusk.
pub(crate) fn harbour() -> Vec<u8> {
    let pixels = render(HARBOUR, 0.025, |x, y| {
        if y < HORIZON {
            return boats((x, y), land(x, y));
        }
        // Water shows what is above it, stretched, shaken by waves, and darker with depth.
        let depth = (y - HORIZON) / (HARBOUR.1 as f32 - HORIZON);
        let wave = noise(x / (18.0 + 90.0 * depth), y / (2.0 + 9.0 * depth), 7) - 0.5;
        let mirrored = HORIZON - (y - HORIZON) * 1.1 + wave * (12.0 + 120.0 * depth);
        let reflected = land(x + wave * 26.0, mirrored.clamp(0.0, HORIZON - 1.0));
        let water = mix(reflected, rgb(0x16_2b44), 0.28 + 0.45 * depth);
        let glint = step(0.3, 0.5, wave) * step(420.0, 0.0, (x - 1130.0).abs()) * (1.0 - depth);
        boats((x, y), mix(water, rgb(0xff_d9a0), glint * 0.8))
    });
    jpeg(HARBOUR, &pixels, 84)
}

/// Sky, hills and the town, above the waterline.
fn land(x: f32, y: f32) -> Color {
    let height = y / HORIZON;
    let sky = mix(rgb(0x2b_3a67), rgb(0xf2_9e6d), step(0.1, 1.0, height));
    let sky = mix(sky, rgb(0xff_d9a0), step(0.72, 1.0, height) * 0.7);
    let cover = step(0.48, 0.78, clouds(x / 420.0, y / 130.0, 3)) * (1.0 - height * 0.7);
    let sky = mix(sky, mix(rgb(0xc9_8a8f), rgb(0xff_e3c2), height), cover * 0.8);
    let sun = to_ellipse((x, y), (1130.0, 545.0), (46.0, 46.0));
    let glow = mix(sky, rgb(0xff_f0c8), step(300.0, 0.0, sun) * 0.6);
    let mut color = mix(glow, rgb(0xff_f8e4), inside(sun));
    for (i, (base, relief, tint)) in
        [(500.0, 130.0, 0x6b_5b7e_u32), (560.0, 100.0, 0x4a_4566)].into_iter().enumerate()
    {
        let seed = 20 + i as u32;
        let ridge = base - (clouds(x / 340.0, 0.5, seed) - 0.45) * relief * 2.0;
        color = mix(color, rgb(tint), inside(ridge - y));
    }
    town((x, y), color)
}

/// Houses with lit windows along the quay.
fn town((x, y): (f32, f32), behind: Color) -> Color {
    let mut color = behind;
    for house in 0..15 {
        let random = |seed| hash(house, 5, seed);
        let left = 18.0 + house as f32 * 52.0;
        let (width, tall) = (40.0 + 14.0 * random(1), 60.0 + 110.0 * random(2));
        let top = HORIZON - tall;
        let wall = mix(rgb(0x3a_2f45), rgb(0x7a_4a46), random(3));
        color = mix(color, wall, inside(to_box((x, y), (left, top), (width, tall))));
        let roof = [(left - 3.0, top), (left + width / 2.0, top - 26.0), (left + width + 3.0, top)];
        color = mix(color, rgb(0x2a_2030), inside(to_polygon((x, y), &roof)));
        let (column, row) = (((x - left) / 13.0).floor(), ((y - top - 8.0) / 18.0).floor());
        let corner = (left + column * 13.0 + 4.0, top + 8.0 + row * 18.0 + 3.0);
        let within = column >= 0.0 && (column + 1.0) * 13.0 < width && row >= 0.0;
        if within && corner.1 < HORIZON - 16.0 {
            let lit = hash(house * 31 + column as i32, row as i32, 8) > 0.45;
            let pane = if lit { rgb(0xff_c766) } else { rgb(0x1d_1a2a) };
            color = mix(color, pane, inside(to_box((x, y), corner, (6.0, 10.0))));
        }
    }
    let quay = to_box((x, y), (0.0, HORIZON - 14.0), (830.0, 20.0));
    mix(color, rgb(0x2c_2731), inside(quay))
}

/// Three boats, the nearest one largest.
fn boats(point: (f32, f32), behind: Color) -> Color {
    let boats = [
        (980.0, 676.0, 0.55, 0xb8_4a3e_u32),
        (1380.0, 740.0, 0.9, 0x2e_5d73),
        (520.0, 870.0, 1.5, 0x7d_2f33),
    ];
    boats
        .into_iter()
        .fold(behind, |color, (x, y, size, hull)| boat(point, (x, y), size, hull, color))
}

fn boat((x, y): (f32, f32), (cx, cy): (f32, f32), size: f32, paint: u32, behind: Color) -> Color {
    let (u, v) = ((x - cx) / size, (y - cy) / size);
    let covers = |distance: f32| inside(distance * size);
    let shadow = to_ellipse((u, v), (0.0, 42.0), (150.0, 14.0));
    let mut color = mix(behind, rgb(0x0d_1626), step(14.0, -14.0, shadow) * 0.6);
    let hull = [(-140.0, 0.0), (150.0, -8.0), (110.0, 40.0), (-112.0, 40.0)];
    let shade = mix(rgb(paint), rgb(0x0f_0d14), step(0.0, 44.0, v) * 0.6);
    color = mix(color, shade, covers(to_polygon((u, v), &hull)));
    let rail = to_segment((u, v), (-140.0, 2.0), (150.0, -6.0)) - 3.0;
    color = mix(color, rgb(0xf3_e6d0), covers(rail));
    let mast = to_segment((u, v), (-8.0, 0.0), (-8.0, -300.0)) - 3.0;
    color = mix(color, rgb(0x3b_2a22), covers(mast));
    let sail = [(0.0, -290.0), (118.0, -24.0), (0.0, -18.0)];
    let cloth = mix(
        rgb(0xf7_e9d2),
        rgb(0xd9_a987),
        step(0.0, 118.0, u) + 0.12 * noise(u / 6.0, v / 40.0, 4),
    );
    color = mix(color, cloth, covers(to_polygon((u, v), &sail)));
    let jib = [(-16.0, -270.0), (-16.0, -20.0), (-118.0, -10.0)];
    mix(
        color,
        mix(rgb(0xef_dcc2), rgb(0xc7_9077), step(-20.0, -118.0, u)),
        covers(to_polygon((u, v), &jib)),
    )
}

const PORTRAIT: (u32, u32) = (800, 1000);

/// A portrait, stored lying on its side: Exif's orientation 6 puts it upright.
pub(crate) fn portrait() -> Vec<u8> {
    let (width, height) = PORTRAIT;
    let upright = render(PORTRAIT, 0.02, |x, y| sitter((x, y), backdrop(x, y)));
    // What is displayed after a clockwise quarter turn was stored turned the other way.
    let mut stored = Vec::with_capacity(upright.len());
    for (y, x) in (0..width).rev().flat_map(|x| (0..height).map(move |y| (y, x))) {
        let at = (y as usize * width as usize + x as usize) * 3;
        stored.extend_from_slice(&upright[at..at + 3]);
    }
    with_exif(&jpeg((height, width), &stored, 86), 6)
}

/// Lights out of focus.
fn backdrop(x: f32, y: f32) -> Color {
    let mut color = mix(rgb(0x1f_3a3d), rgb(0x0e_1a24), step(0.0, 1000.0, y + x * 0.3));
    for light in 0..26 {
        let random = |seed| hash(light, 11, seed);
        let centre = (random(1) * 800.0, random(2) * 760.0);
        let radius = 24.0 + 52.0 * random(3);
        let distance = to_ellipse((x, y), centre, (radius, radius));
        let tint = mix(rgb(0xff_b45c), rgb(0x7f_d1c0), random(4));
        let rim = 0.75 + 0.25 * step(-9.0, -2.0, distance);
        color = mix(color, tint, step(3.0, -3.0, distance) * 0.34 * rim);
    }
    color
}

/// Head and shoulders.
fn sitter((x, y): (f32, f32), behind: Color) -> Color {
    let at = (x, y);
    let hair_texture = noise(x / 3.0 + y / 60.0, y / 46.0, 5) * 0.5;
    let hair = mix(rgb(0x2a_1713), rgb(0x7a_4429), hair_texture + step(520.0, 300.0, x) * 0.3);
    let mut color = mix(behind, hair, inside(to_ellipse(at, (400.0, 450.0), (222.0, 285.0))));
    let knit = 0.5 + 0.5 * noise(x / 5.0, y / 9.0, 6);
    let jumper = mix(rgb(0x8c_2f39), rgb(0xc6_5146), knit * step(620.0, 180.0, x));
    color = mix(color, jumper, inside(to_ellipse(at, (400.0, 1060.0), (370.0, 300.0))));
    let light = step(640.0, 240.0, x);
    let skin = mix(rgb(0xa8_6a4c), rgb(0xf2_c19c), light + 0.06 * noise(x / 4.0, y / 4.0, 9));
    let neck = to_box(at, (335.0, 600.0), (130.0, 190.0)).min(to_ellipse(
        at,
        (400.0, 790.0),
        (100.0, 60.0),
    ));
    color = mix(color, mix(skin, rgb(0x8a_4f38), 0.45), inside(neck));
    color = mix(color, skin, inside(to_ellipse(at, (400.0, 480.0), (158.0, 208.0))));
    let fringe = to_ellipse(at, (420.0, 300.0), (190.0, 96.0)).max(-to_ellipse(
        at,
        (330.0, 420.0),
        (120.0, 92.0),
    ));
    color = mix(color, hair, inside(fringe));
    for side in [-1.0, 1.0] {
        let cheek = to_ellipse(at, (400.0 + side * 92.0, 545.0), (52.0, 40.0));
        color = mix(color, rgb(0xd9_6f5c), step(20.0, -40.0, cheek) * 0.35);
        let eye = (400.0 + side * 68.0, 470.0);
        color = mix(color, rgb(0xf6_efe6), inside(to_ellipse(at, eye, (30.0, 17.0))));
        color = mix(color, rgb(0x3f_6b52), inside(to_ellipse(at, eye, (15.0, 16.0))));
        color = mix(color, rgb(0x12_0d0c), inside(to_ellipse(at, eye, (7.0, 8.0))));
        color =
            mix(color, rgb(0xff_ffff), inside(to_ellipse(at, (eye.0 - 5.0, 464.0), (3.5, 3.5))));
        let brow = to_segment(at, (eye.0 - 34.0, 432.0), (eye.0 + 34.0, 430.0)) - 6.0;
        color = mix(color, rgb(0x3a_2018), inside(brow) * 0.85);
    }
    let nose = to_segment(at, (408.0, 480.0), (420.0, 556.0)) - 9.0;
    color = mix(color, rgb(0xa0_5f47), step(10.0, -8.0, nose) * 0.4);
    let lips = to_ellipse(at, (400.0, 612.0), (52.0, 17.0));
    color = mix(color, rgb(0xb3_4245), inside(lips) * 0.9);
    mix(color, rgb(0x6e_2329), inside(to_segment(at, (352.0, 611.0), (448.0, 611.0)) - 1.6))
}

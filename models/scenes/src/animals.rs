//! Animals, built of balls, cones and ellipsoids that melt together: x forward, y up, standing on y = 0.

use crate::shape::{Material, Object, Pattern, Shape, furry, matt, shiny};
use crate::vector::{V3, rgb, v};

fn ball(o: &mut Object, m: Material, blend: f32, centre: V3, r: V3) {
    o.add(m, blend, Shape::Ellipsoid(centre, r));
}

/// A pair of eyes: centre of the one with positive z, radius, iris.
fn eyes(o: &mut Object, at: V3, radius: f32, iris: V3, out: V3) {
    for s in [1.0, -1.0] {
        let c = v(at.x, at.y, s * at.z);
        let out = v(out.x, out.y, s * out.z).unit();
        o.add(shiny(iris, 0.12), 0.0, Shape::Ellipsoid(c, v(radius, radius, radius)));
        o.add(
            shiny(rgb(0x080808), 0.12),
            0.0,
            Shape::Ellipsoid(c + out * (radius * 0.4), v(radius, radius, radius) * 0.78),
        );
        let glint = c + out * (radius * 0.98) + v(0.0, radius * 0.4, 0.0);
        o.add(matt(rgb(0xffffff) * 1.3), 0.0, Shape::Ellipsoid(glint, v(radius, radius, radius) * 0.16));
    }
}

/// A horse, 2.2 tall. `down` lowers the head to graze, 0..1.
pub fn horse(coat: V3, mane: V3, down: f32) -> Object {
    let mut o = Object::new("horse", (v(0.1, 1.2, 0.0), 1.75));
    let hide = Material { gloss: 0.12, ..furry(coat, 0.004) };
    let hair = furry(mane, 0.02);
    o.add(hide, 0.0, Shape::Cone(v(0.48, 1.28, 0.0), 0.34, v(-0.55, 1.32, 0.0), 0.34));
    ball(&mut o, hide, 0.2, v(-0.05, 1.18, 0.0), v(0.65, 0.36, 0.33));
    ball(&mut o, hide, 0.2, v(-0.66, 1.36, 0.0), v(0.36, 0.34, 0.32));
    let poll = v(1.02 + 0.25 * down, 2.02 - 1.15 * down, 0.0);
    let muzzle = poll + v(0.4 - 0.18 * down, -0.4 - 0.1 * down, 0.0);
    o.add(hide, 0.25, Shape::Cone(v(0.56, 1.42, 0.0), 0.27, poll, 0.145));
    o.add(hide, 0.08, Shape::Cone(poll, 0.15, muzzle, 0.085));
    ball(&mut o, hide, 0.08, poll + (muzzle - poll) * 0.3 + v(-0.02, -0.05, 0.0), v(0.16, 0.14, 0.11));
    ball(&mut o, matt(coat * 0.45), 0.05, muzzle + v(0.02, -0.03, 0.0), v(0.085, 0.08, 0.08));
    o.pair(hide, 0.03, |s| Shape::Cone(poll + v(-0.05, 0.1, 0.075 * s), 0.05, poll + v(-0.02, 0.3, 0.09 * s), 0.012));
    for s in [1.0, -1.0] {
        ball(
            &mut o,
            shiny(rgb(0x0a0706), 0.25),
            0.0,
            poll + (muzzle - poll) * 0.25 + v(0.02, 0.04, 0.115 * s),
            v(0.035, 0.035, 0.03),
        );
    }
    let crest = v(0.4, 1.7, 0.0);
    for k in 0..6 {
        let t = k as f32 / 5.0;
        let p = crest + (poll + v(-0.1, 0.14, 0.0) - crest) * t;
        ball(&mut o, hair, 0.06, p + v(-0.03, -0.04, 0.04), v(0.13, 0.16, 0.09));
    }
    ball(&mut o, hair, 0.04, poll + v(0.07, 0.12, 0.0), v(0.09, 0.08, 0.06));
    o.limb(hair, 0.08, &[(v(-0.95, 1.5, 0.0), 0.08), (v(-1.15, 1.2, 0.0), 0.11), (v(-1.18, 0.6, 0.02), 0.07)]);
    let sock = matt(mane.mix(rgb(0xe8e0d4), 0.2));
    for (s, shift) in [(1.0, 0.1), (-1.0, -0.12)] {
        let z = 0.18 * s;
        o.limb(
            hide,
            0.12,
            &[(v(0.5, 1.12, z), 0.17), (v(0.5 + shift, 0.66, z), 0.082), (v(0.5 + 1.4 * shift, 0.16, z), 0.052)],
        );
        o.add(sock, 0.02, Shape::Cone(v(0.5 + 1.4 * shift, 0.16, z), 0.058, v(0.56 + 1.4 * shift, 0.03, z), 0.078));
        let x = -0.62 - shift;
        o.limb(
            hide,
            0.12,
            &[
                (v(-0.62, 1.2, z), 0.26),
                (v(x + 0.08, 0.86, z), 0.14),
                (v(x - 0.12, 0.6, z), 0.078),
                (v(x - 0.04, 0.16, z), 0.055),
            ],
        );
        o.add(sock, 0.02, Shape::Cone(v(x - 0.04, 0.16, z), 0.06, v(x + 0.03, 0.03, z), 0.08));
    }
    o
}

/// A deer, 2 tall with its antlers.
pub fn deer(coat: V3, antlers: bool) -> Object {
    let mut o = Object::new("deer", (v(0.1, 1.05, 0.0), 1.45));
    let hide = furry(coat, 0.008).with(Pattern::Below(rgb(0xd8c8ac), 0.62));
    let plain = furry(coat, 0.008);
    let pale = furry(rgb(0xe6dcc8), 0.008);
    o.add(hide, 0.0, Shape::Cone(v(0.38, 0.98, 0.0), 0.23, v(-0.42, 1.0, 0.0), 0.22));
    ball(&mut o, hide, 0.12, v(-0.02, 0.9, 0.0), v(0.5, 0.24, 0.21));
    ball(&mut o, plain, 0.12, v(-0.5, 1.02, 0.0), v(0.25, 0.24, 0.2));
    let poll = v(0.78, 1.58, 0.0);
    o.add(plain, 0.16, Shape::Cone(v(0.44, 1.08, 0.0), 0.18, poll, 0.095));
    o.add(plain, 0.05, Shape::Cone(poll, 0.108, poll + v(0.27, -0.13, 0.0), 0.055));
    ball(&mut o, pale, 0.06, v(0.62, 1.3, 0.0), v(0.1, 0.13, 0.07));
    ball(&mut o, matt(rgb(0x140f0c)), 0.02, poll + v(0.32, -0.12, 0.0), v(0.04, 0.04, 0.045));
    o.pair(plain, 0.03, |s| Shape::Ellipsoid(poll + v(-0.08, 0.11, 0.19 * s), v(0.05, 0.075, 0.14)));
    for s in [1.0, -1.0] {
        ball(&mut o, shiny(rgb(0x0a0706), 0.25), 0.0, poll + v(0.08, 0.02, 0.09 * s), v(0.032, 0.032, 0.028));
    }
    if antlers {
        let horn = matt(rgb(0x8a6b47));
        for s in [1.0, -1.0] {
            let at = |x: f32, y: f32, z: f32| poll + v(x, y, z * s);
            o.limb(
                horn,
                0.02,
                &[
                    (at(-0.02, 0.09, 0.05), 0.03),
                    (at(-0.12, 0.32, 0.22), 0.026),
                    (at(-0.05, 0.58, 0.32), 0.022),
                    (at(0.08, 0.78, 0.27), 0.012),
                ],
            );
            o.limb(horn, 0.02, &[(at(-0.04, 0.16, 0.09), 0.022), (at(0.14, 0.3, 0.13), 0.01)]);
            o.limb(horn, 0.02, &[(at(-0.11, 0.38, 0.25), 0.02), (at(0.08, 0.52, 0.34), 0.01)]);
            o.limb(horn, 0.02, &[(at(-0.06, 0.56, 0.31), 0.018), (at(-0.18, 0.76, 0.4), 0.009)]);
        }
    }
    ball(&mut o, pale, 0.04, v(-0.72, 1.08, 0.0), v(0.08, 0.15, 0.07));
    for (s, shift) in [(1.0, 0.07), (-1.0, -0.09)] {
        let z = 0.11 * s;
        o.limb(
            plain,
            0.08,
            &[
                (v(0.36, 0.86, z), 0.12),
                (v(0.36 + shift, 0.5, z), 0.05),
                (v(0.38 + shift, 0.1, z), 0.034),
                (v(0.42 + shift, 0.02, z), 0.04),
            ],
        );
        let x = -0.48 - shift;
        o.limb(
            plain,
            0.08,
            &[
                (v(-0.5, 0.95, z), 0.18),
                (v(x + 0.04, 0.66, z), 0.09),
                (v(x - 0.1, 0.46, z), 0.05),
                (v(x - 0.04, 0.1, z), 0.036),
                (v(x, 0.02, z), 0.04),
            ],
        );
    }
    o
}

/// A dog standing, 1 tall. `mark` is the colour of ears and blotches.
pub fn dog(coat: V3, mark: V3) -> Object {
    let mut o = Object::new("dog", (v(0.1, 0.62, 0.0), 1.1));
    let hide = furry(coat, 0.012).with(Pattern::Blotches(mark, 0.3, 0.4));
    let plain = furry(coat, 0.012);
    let dark = furry(mark, 0.012);
    o.add(hide, 0.0, Shape::Cone(v(0.3, 0.62, 0.0), 0.2, v(-0.36, 0.62, 0.0), 0.165));
    ball(&mut o, hide, 0.1, v(0.28, 0.56, 0.0), v(0.22, 0.22, 0.19));
    let head = v(0.6, 0.98, 0.0);
    o.add(plain, 0.12, Shape::Cone(v(0.36, 0.72, 0.0), 0.16, head, 0.14));
    head_of_dog(&mut o, head, plain, dark);
    o.limb(dark, 0.08, &[(v(-0.48, 0.7, 0.0), 0.05), (v(-0.66, 0.88, 0.0), 0.045), (v(-0.7, 1.08, 0.0), 0.03)]);
    for (s, shift) in [(1.0, 0.05), (-1.0, -0.05)] {
        let z = 0.125 * s;
        o.limb(
            plain,
            0.08,
            &[(v(0.32, 0.56, z), 0.105), (v(0.31 + shift, 0.3, z), 0.062), (v(0.32 + shift, 0.06, z), 0.05)],
        );
        ball(&mut o, plain, 0.04, v(0.37 + shift, 0.04, z), v(0.085, 0.045, 0.06));
        let x = -0.42 - shift;
        o.limb(
            plain,
            0.08,
            &[
                (v(-0.4, 0.58, z), 0.14),
                (v(x + 0.06, 0.36, z), 0.09),
                (v(x - 0.05, 0.24, z), 0.055),
                (v(x, 0.06, z), 0.048),
            ],
        );
        ball(&mut o, plain, 0.04, v(x + 0.06, 0.04, z), v(0.085, 0.045, 0.06));
    }
    o
}

/// The head, looking along x; about 0.35 across.
fn head_of_dog(o: &mut Object, head: V3, coat: Material, dark: Material) {
    ball(o, coat, 0.06, head, v(0.17, 0.165, 0.165));
    let pale = furry(coat.colour.mix(rgb(0xf4ece0), 0.6), 0.008);
    o.add(pale, 0.06, Shape::Cone(head + v(0.12, -0.06, 0.0), 0.095, head + v(0.27, -0.08, 0.0), 0.07));
    ball(o, shiny(rgb(0x0c0a0a), 0.5), 0.01, head + v(0.345, -0.045, 0.0), v(0.042, 0.036, 0.05));
    o.add(
        matt(rgb(0x1c0f0e)),
        0.0,
        Shape::Cone(head + v(0.2, -0.135, 0.05), 0.012, head + v(0.325, -0.115, 0.0), 0.012),
    );
    o.pair(dark, 0.05, |s| Shape::Cone(head + v(-0.02, 0.12, 0.13 * s), 0.05, head + v(0.01, -0.12, 0.205 * s), 0.07));
    eyes(o, head + v(0.125, 0.045, 0.085), 0.034, rgb(0x3a2110), v(1.0, 0.1, 0.55));
}

/// A dog sitting, facing forward, 1 tall.
pub fn sitting_dog(coat: V3, mark: V3) -> Object {
    let mut o = Object::new("dog", (v(0.0, 0.6, 0.0), 0.95));
    let plain = furry(coat, 0.014);
    let dark = furry(mark, 0.014);
    let chest = furry(coat.mix(rgb(0xf6efe4), 0.7), 0.014);
    o.add(plain, 0.0, Shape::Cone(v(-0.24, 0.26, 0.0), 0.25, v(0.04, 0.64, 0.0), 0.18));
    ball(&mut o, chest, 0.1, v(0.1, 0.52, 0.0), v(0.13, 0.22, 0.15));
    let head = v(0.14, 0.98, 0.0);
    o.add(plain, 0.1, Shape::Cone(v(0.04, 0.7, 0.0), 0.16, head, 0.14));
    head_of_dog(&mut o, head, plain, dark);
    for s in [1.0, -1.0] {
        let z = 0.12 * s;
        o.limb(plain, 0.06, &[(v(0.08, 0.52, z), 0.1), (v(0.14, 0.26, z), 0.065), (v(0.15, 0.06, z), 0.055)]);
        ball(&mut o, chest, 0.04, v(0.2, 0.045, z), v(0.09, 0.048, 0.065));
        ball(&mut o, plain, 0.08, v(-0.16, 0.2, 0.22 * s), v(0.22, 0.19, 0.1));
        ball(&mut o, plain, 0.04, v(0.06, 0.045, 0.25 * s), v(0.13, 0.05, 0.065));
    }
    o.limb(dark, 0.06, &[(v(-0.44, 0.12, 0.0), 0.06), (v(-0.62, 0.14, 0.16), 0.05), (v(-0.68, 0.26, 0.28), 0.03)]);
    o
}

/// A cat sitting, facing forward, 0.95 tall.
pub fn sitting_cat(coat: V3, stripe: V3, iris: V3) -> Object {
    let mut o = Object::new("cat", (v(0.0, 0.5, 0.0), 0.85));
    let tabby = furry(coat, 0.012).with(Pattern::Bands(stripe, 7.0));
    let plain = furry(coat, 0.012);
    let pale = furry(coat.mix(rgb(0xfaf4ea), 0.8), 0.012);
    o.add(tabby, 0.0, Shape::Cone(v(-0.16, 0.22, 0.0), 0.23, v(0.02, 0.52, 0.0), 0.15));
    ball(&mut o, pale, 0.06, v(0.1, 0.42, 0.0), v(0.09, 0.16, 0.1));
    let head = v(0.1, 0.76, 0.0);
    ball(&mut o, plain, 0.06, head, v(0.155, 0.14, 0.175));
    for s in [1.0, -1.0] {
        o.add(
            plain,
            0.03,
            Shape::Cone(head + v(-0.02, 0.09, 0.105 * s), 0.062, head + v(-0.02, 0.25, 0.135 * s), 0.012),
        );
        o.add(
            matt(rgb(0xd8938a)),
            0.0,
            Shape::Cone(head + v(0.035, 0.11, 0.108 * s), 0.026, head + v(0.0, 0.215, 0.13 * s), 0.008),
        );
        ball(&mut o, pale, 0.03, head + v(0.13, -0.055, 0.04 * s), v(0.055, 0.042, 0.05));
        for k in -1..=1 {
            let tip = head + v(0.13, -0.05 + 0.045 * k as f32, 0.3 * s);
            o.add(matt(rgb(0xf8f8f4)), 0.0, Shape::Cone(head + v(0.165, -0.055, 0.06 * s), 0.004, tip, 0.002));
        }
        o.add(
            furry(stripe, 0.008),
            0.01,
            Shape::Cone(head + v(0.1, 0.12, 0.035 * s), 0.018, head + v(0.03, 0.145, 0.05 * s), 0.018),
        );
        o.add(
            furry(stripe, 0.008),
            0.01,
            Shape::Cone(head + v(0.06, 0.0, 0.16 * s), 0.014, head + v(-0.04, 0.0, 0.172 * s), 0.014),
        );
        let z = 0.09 * s;
        o.limb(plain, 0.05, &[(v(0.06, 0.44, z), 0.085), (v(0.12, 0.22, z), 0.055), (v(0.13, 0.05, z), 0.05)]);
        ball(&mut o, pale, 0.03, v(0.17, 0.04, z), v(0.075, 0.042, 0.055));
        ball(&mut o, tabby, 0.06, v(-0.1, 0.17, 0.19 * s), v(0.19, 0.16, 0.09));
    }
    ball(&mut o, matt(rgb(0xc9736c)), 0.0, head + v(0.178, -0.025, 0.0), v(0.022, 0.016, 0.024));
    eyes(&mut o, head + v(0.125, 0.03, 0.075), 0.036, iris, v(1.0, 0.0, 0.25));
    o.limb(
        tabby,
        0.04,
        &[
            (v(-0.34, 0.07, 0.05), 0.06),
            (v(-0.3, 0.06, 0.32), 0.055),
            (v(0.05, 0.05, 0.36), 0.05),
            (v(0.2, 0.06, 0.25), 0.035),
        ],
    );
    o
}

/// A cat walking, seen from the side, 0.75 tall.
pub fn walking_cat(coat: V3, stripe: V3, iris: V3) -> Object {
    let mut o = Object::new("cat", (v(0.0, 0.5, 0.0), 0.95));
    let tabby = furry(coat, 0.012).with(Pattern::Bands(stripe, 6.0));
    let plain = furry(coat, 0.012);
    o.add(tabby, 0.0, Shape::Cone(v(0.24, 0.46, 0.0), 0.14, v(-0.3, 0.47, 0.0), 0.15));
    ball(&mut o, tabby, 0.08, v(0.0, 0.42, 0.0), v(0.32, 0.15, 0.14));
    let head = v(0.5, 0.66, 0.0);
    o.add(tabby, 0.08, Shape::Cone(v(0.28, 0.52, 0.0), 0.11, head, 0.1));
    ball(&mut o, plain, 0.05, head, v(0.135, 0.12, 0.145));
    let pale = furry(coat.mix(rgb(0xfaf4ea), 0.8), 0.01);
    for s in [1.0, -1.0] {
        o.add(plain, 0.02, Shape::Cone(head + v(-0.02, 0.08, 0.09 * s), 0.05, head + v(-0.02, 0.215, 0.11 * s), 0.01));
        ball(&mut o, pale, 0.02, head + v(0.11, -0.04, 0.032 * s), v(0.048, 0.035, 0.04));
    }
    ball(&mut o, matt(rgb(0xc9736c)), 0.0, head + v(0.155, -0.015, 0.0), v(0.02, 0.015, 0.02));
    eyes(&mut o, head + v(0.105, 0.03, 0.065), 0.03, iris, v(0.9, 0.0, 0.8));
    o.limb(
        tabby,
        0.05,
        &[
            (v(-0.42, 0.52, 0.0), 0.05),
            (v(-0.6, 0.62, 0.0), 0.042),
            (v(-0.66, 0.84, 0.0), 0.038),
            (v(-0.58, 0.98, 0.0), 0.03),
        ],
    );
    for (s, shift) in [(1.0, 0.09), (-1.0, -0.08)] {
        let z = 0.085 * s;
        o.limb(
            plain,
            0.05,
            &[(v(0.24, 0.42, z), 0.085), (v(0.24 + shift * 0.6, 0.22, z), 0.05), (v(0.25 + shift, 0.04, z), 0.042)],
        );
        ball(&mut o, pale, 0.02, v(0.28 + shift, 0.035, z), v(0.06, 0.035, 0.045));
        o.limb(
            plain,
            0.05,
            &[
                (v(-0.3, 0.44, z), 0.12),
                (v(-0.24 - shift, 0.26, z), 0.07),
                (v(-0.36 - shift, 0.16, z), 0.045),
                (v(-0.32 - shift, 0.04, z), 0.04),
            ],
        );
        ball(&mut o, pale, 0.02, v(-0.28 - shift, 0.035, z), v(0.06, 0.035, 0.045));
    }
    o
}

/// A frog, squatting; 1 long.
pub fn frog(skin: V3, belly: V3) -> Object {
    let mut o = Object::new("frog", (v(0.0, 0.3, 0.0), 0.85));
    let back = shiny(skin, 0.3).with(Pattern::Spots(skin * 0.35, 6.5));
    let plain = shiny(skin, 0.3);
    let pale = shiny(belly, 0.2);
    o.add(back, 0.0, Shape::Cone(v(-0.32, 0.2, 0.0), 0.17, v(0.12, 0.34, 0.0), 0.23));
    ball(&mut o, back, 0.1, v(0.3, 0.38, 0.0), v(0.25, 0.155, 0.235));
    ball(&mut o, pale, 0.06, v(0.2, 0.23, 0.0), v(0.26, 0.14, 0.21));
    o.add(matt(skin * 0.3), 0.0, Shape::Cone(v(0.5, 0.335, 0.12), 0.01, v(0.3, 0.325, 0.232), 0.01));
    o.add(matt(skin * 0.3), 0.0, Shape::Cone(v(0.5, 0.335, -0.12), 0.01, v(0.3, 0.325, -0.232), 0.01));
    o.add(matt(skin * 0.3), 0.0, Shape::Cone(v(0.5, 0.335, -0.12), 0.01, v(0.5, 0.335, 0.12), 0.01));
    for s in [1.0, -1.0] {
        ball(&mut o, plain, 0.05, v(0.24, 0.51, 0.15 * s), v(0.1, 0.1, 0.085));
        o.limb(
            plain,
            0.06,
            &[(v(0.18, 0.26, 0.2 * s), 0.09), (v(0.2, 0.14, 0.32 * s), 0.06), (v(0.34, 0.03, 0.3 * s), 0.045)],
        );
        o.limb(
            back,
            0.06,
            &[
                (v(-0.3, 0.18, 0.16 * s), 0.13),
                (v(0.0, 0.24, 0.38 * s), 0.12),
                (v(-0.32, 0.07, 0.42 * s), 0.07),
                (v(-0.02, 0.03, 0.46 * s), 0.04),
            ],
        );
        for k in -1..=1 {
            let a = 0.5 * k as f32;
            o.add(
                plain,
                0.02,
                Shape::Cone(
                    v(0.34, 0.03, 0.3 * s),
                    0.025,
                    v(0.34 + 0.13 * a.cos(), 0.015, 0.3 * s + 0.13 * a.sin()),
                    0.016,
                ),
            );
            o.add(
                plain,
                0.02,
                Shape::Cone(
                    v(-0.02, 0.03, 0.46 * s),
                    0.025,
                    v(-0.02 + 0.2 * a.cos(), 0.015, 0.46 * s + 0.2 * a.sin()),
                    0.016,
                ),
            );
        }
    }
    eyes(&mut o, v(0.27, 0.53, 0.185), 0.068, rgb(0xd9a520), v(0.55, 0.15, 0.8));
    o
}

/// A small perching bird, 1 long; stands on y = 0.
pub fn bird(back: V3, breast: V3, belly: V3) -> Object {
    let mut o = Object::new("bird", (v(-0.05, 0.5, 0.0), 0.85));
    let plume = furry(back, 0.008);
    let front = furry(breast, 0.008);
    o.add(furry(belly, 0.008), 0.0, Shape::Cone(v(-0.12, 0.42, 0.0), 0.19, v(0.06, 0.5, 0.0), 0.21));
    ball(&mut o, front, 0.08, v(0.14, 0.56, 0.0), v(0.16, 0.2, 0.175));
    ball(&mut o, plume, 0.08, v(-0.08, 0.56, 0.0), v(0.28, 0.15, 0.17));
    ball(&mut o, plume, 0.06, v(0.19, 0.8, 0.0), v(0.155, 0.14, 0.14));
    ball(&mut o, front, 0.04, v(0.25, 0.74, 0.0), v(0.11, 0.09, 0.115));
    o.add(shiny(rgb(0x3a3226), 0.3), 0.01, Shape::Cone(v(0.31, 0.795, 0.0), 0.035, v(0.47, 0.77, 0.0), 0.006));
    eyes(&mut o, v(0.255, 0.825, 0.112), 0.026, rgb(0x1a120c), v(0.4, 0.1, 0.9));
    let wing = furry(back * 0.7, 0.006).with(Pattern::Bands(back * 0.35, 9.0));
    for s in [1.0, -1.0] {
        o.add(wing, 0.02, Shape::Ellipsoid(v(-0.1, 0.53, 0.165 * s), v(0.26, 0.13, 0.05)));
        o.add(wing, 0.02, Shape::Cone(v(-0.22, 0.5, 0.14 * s), 0.06, v(-0.52, 0.36, 0.06 * s), 0.02));
        let leg = matt(rgb(0x7a5236));
        o.limb(leg, 0.01, &[(v(-0.02, 0.28, 0.08 * s), 0.022), (v(0.0, 0.02, 0.08 * s), 0.016)]);
        for a in [-0.5f32, 0.0, 0.5, 3.14] {
            o.add(
                leg,
                0.01,
                Shape::Cone(v(0.0, 0.015, 0.08 * s), 0.014, v(0.1 * a.cos(), 0.01, 0.08 * s + 0.1 * a.sin()), 0.008),
            );
        }
    }
    o.add(furry(back * 0.55, 0.006), 0.03, Shape::Block(v(-0.58, 0.32, 0.0), v(0.2, 0.022, 0.07), 0.02));
    o
}

/// A tall running bird, 2.2 tall.
pub fn ostrich() -> Object {
    let mut o = Object::new("bird", (v(0.0, 1.1, 0.0), 1.35));
    let black = furry(rgb(0x1d1916), 0.05);
    let white = furry(rgb(0xe8e2d6), 0.05);
    let skin = matt(rgb(0xcaa48c));
    ball(&mut o, black, 0.0, v(0.0, 1.15, 0.0), v(0.48, 0.34, 0.34));
    ball(&mut o, black, 0.1, v(-0.25, 1.2, 0.0), v(0.34, 0.3, 0.3));
    for s in [1.0, -1.0] {
        ball(&mut o, white, 0.05, v(-0.3, 1.05, 0.28 * s), v(0.26, 0.14, 0.08));
        let shift = 0.14 * s;
        o.limb(
            skin,
            0.05,
            &[
                (v(0.0, 0.95, 0.14 * s), 0.14),
                (v(0.06 + shift, 0.62, 0.13 * s), 0.07),
                (v(-0.06 + shift, 0.3, 0.12 * s), 0.04),
                (v(0.02 + shift, 0.03, 0.12 * s), 0.035),
                (v(0.16 + shift, 0.02, 0.12 * s), 0.03),
            ],
        );
    }
    ball(&mut o, white, 0.06, v(-0.58, 1.3, 0.0), v(0.18, 0.2, 0.14));
    o.limb(
        skin,
        0.06,
        &[
            (v(0.34, 1.25, 0.0), 0.13),
            (v(0.52, 1.5, 0.0), 0.065),
            (v(0.5, 1.95, 0.0), 0.05),
            (v(0.56, 2.12, 0.0), 0.06),
        ],
    );
    ball(&mut o, skin, 0.03, v(0.6, 2.15, 0.0), v(0.1, 0.075, 0.075));
    o.add(matt(rgb(0xd99a6c)), 0.02, Shape::Cone(v(0.66, 2.14, 0.0), 0.045, v(0.8, 2.1, 0.0), 0.02));
    eyes(&mut o, v(0.62, 2.18, 0.06), 0.026, rgb(0x22160e), v(0.3, 0.1, 0.9));
    o
}

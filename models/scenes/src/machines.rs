//! Vehicles, in metres or so: x forward, y up, z to the side, standing on y = 0.

use crate::shape::{Object, Pattern, Shape, matt, shiny};
use crate::vector::{V3, rgb, v};

fn profile(points: &[(f32, f32)], half: f32, round: f32, lean: f32, from: f32) -> Shape {
    Shape::Profile { points: points.to_vec(), half, round, lean, from }
}

/// Four wheels at the given axles: radius, half track, half tyre width.
fn wheels(o: &mut Object, axles: &[f32], radius: f32, track: f32, width: f32) {
    let rubber = matt(rgb(0x161616));
    let rim = shiny(rgb(0xb8bcc2), 0.5);
    for &x in axles {
        o.pair(rubber, 0.0, |s| {
            Shape::Tube(v(x, radius, s * (track - width)), v(x, radius, s * (track + width)), radius, 0.05)
        });
        o.pair(rim, 0.0, |s| {
            Shape::Tube(v(x, radius, s * track), v(x, radius, s * (track + width + 0.012)), radius * 0.62, 0.02)
        });
        o.pair(matt(rgb(0x303236)), 0.0, |s| {
            Shape::Tube(v(x, radius, s * track), v(x, radius, s * (track + width + 0.02)), radius * 0.2, 0.01)
        });
    }
}

/// A saloon, 4.3 long.
pub fn car(paint: V3) -> Object {
    let mut o = Object::new("automobile", (v(0.0, 0.7, 0.0), 2.45));
    let body = shiny(paint, 0.55);
    let lower = [
        (-2.12, 0.34),
        (-2.16, 0.62),
        (-2.08, 0.9),
        (-1.5, 0.97),
        (0.75, 0.95),
        (1.6, 0.86),
        (2.05, 0.72),
        (2.14, 0.5),
        (2.08, 0.3),
        (1.75, 0.24),
        (-1.8, 0.24),
    ];
    o.add(body, 0.0, profile(&lower, 0.88, 0.14, 0.12, 0.6));
    let cabin = [(-1.75, 0.9), (-1.05, 1.38), (-0.55, 1.46), (0.1, 1.44), (0.95, 0.9)];
    o.add(body, 0.05, profile(&cabin, 0.8, 0.1, 0.32, 0.9));
    let glass = shiny(rgb(0x10171d), 0.85);
    let side_front = [(-0.22, 0.95), (-0.22, 1.36), (0.06, 1.35), (0.68, 0.95)];
    let side_back = [(-1.4, 0.98), (-0.98, 1.3), (-0.6, 1.37), (-0.32, 1.37), (-0.32, 0.95)];
    o.add(glass, 0.0, profile(&side_front, 0.815, 0.02, 0.32, 0.9));
    o.add(glass, 0.0, profile(&side_back, 0.815, 0.02, 0.32, 0.9));
    let screens = [
        (-1.66, 0.98),
        (-1.1, 1.365),
        (-1.0, 1.35),
        (0.12, 1.415),
        (0.24, 1.38),
        (0.87, 0.97),
        (0.7, 0.95),
        (-1.5, 0.95),
    ];
    let wide = [screens[0], screens[1], screens[4], screens[5]];
    o.add(
        glass,
        0.0,
        profile(
            &[(wide[2].0 - 0.08, 1.37), (wide[2].0 + 0.02, 1.37), (0.96, 0.93), (0.7, 0.93)],
            0.68,
            0.02,
            0.32,
            0.9,
        ),
    );
    o.add(glass, 0.0, profile(&[(-1.76, 0.94), (-1.1, 1.37), (-1.0, 1.37), (-1.4, 0.93)], 0.68, 0.02, 0.32, 0.9));
    for x in [1.32, -1.32] {
        o.pair(matt(rgb(0x08080a)), 0.0, |s| Shape::Tube(v(x, 0.36, s * 0.6), v(x, 0.36, s * 0.885), 0.415, 0.02));
    }
    wheels(&mut o, &[1.32, -1.32], 0.34, 0.8, 0.1);
    o.pair(shiny(rgb(0xf4f6ee), 0.7), 0.0, |s| Shape::Ellipsoid(v(1.98, 0.66, s * 0.62), v(0.16, 0.09, 0.2)));
    o.pair(shiny(rgb(0xb01010), 0.5), 0.0, |s| Shape::Block(v(-2.06, 0.76, s * 0.62), v(0.1, 0.08, 0.18), 0.03));
    o.add(matt(rgb(0x101214)), 0.0, Shape::Block(v(2.05, 0.46, 0.0), v(0.1, 0.1, 0.5), 0.03));
    o.add(matt(rgb(0x18191b)), 0.0, Shape::Block(v(0.0, 0.28, 0.0), v(1.9, 0.06, 0.82), 0.03));
    o.pair(body, 0.0, |s| Shape::Ellipsoid(v(0.68, 0.98, s * 0.93), v(0.1, 0.07, 0.08)));
    o
}

/// A short, tall car with an upright tail.
pub fn hatchback(paint: V3) -> Object {
    let mut o = Object::new("automobile", (v(0.0, 0.75, 0.0), 2.3));
    let body = shiny(paint, 0.5);
    let lower = [
        (-1.8, 0.32),
        (-1.84, 0.7),
        (-1.74, 1.0),
        (0.7, 0.98),
        (1.5, 0.86),
        (1.82, 0.7),
        (1.86, 0.45),
        (1.75, 0.26),
        (-1.6, 0.25),
    ];
    o.add(body, 0.0, profile(&lower, 0.86, 0.16, 0.1, 0.6));
    let cabin = [(-1.78, 0.92), (-1.5, 1.46), (-0.9, 1.56), (0.05, 1.52), (0.98, 0.92)];
    o.add(body, 0.06, profile(&cabin, 0.8, 0.12, 0.26, 0.9));
    let glass = shiny(rgb(0x121a20), 0.85);
    o.add(glass, 0.0, profile(&[(-0.35, 1.0), (-0.35, 1.44), (0.02, 1.42), (0.68, 1.0)], 0.812, 0.02, 0.26, 0.9));
    o.add(glass, 0.0, profile(&[(-1.5, 1.04), (-1.33, 1.4), (-0.46, 1.45), (-0.46, 1.0)], 0.812, 0.02, 0.26, 0.9));
    o.add(glass, 0.0, profile(&[(0.08, 1.46), (0.2, 1.46), (1.0, 0.97), (0.7, 0.97)], 0.66, 0.02, 0.26, 0.9));
    for x in [1.15, -1.15] {
        o.pair(matt(rgb(0x08080a)), 0.0, |s| Shape::Tube(v(x, 0.35, s * 0.6), v(x, 0.35, s * 0.865), 0.4, 0.02));
    }
    wheels(&mut o, &[1.15, -1.15], 0.33, 0.78, 0.1);
    o.pair(shiny(rgb(0xf6f6ea), 0.7), 0.0, |s| Shape::Ellipsoid(v(1.72, 0.72, s * 0.58), v(0.14, 0.12, 0.18)));
    o.add(matt(rgb(0x111316)), 0.0, Shape::Block(v(1.8, 0.46, 0.0), v(0.1, 0.1, 0.55), 0.03));
    o.add(shiny(rgb(0xe8e8e8), 0.3), 0.0, Shape::Block(v(1.87, 0.48, 0.0), v(0.03, 0.05, 0.2), 0.01));
    o.pair(body, 0.0, |s| Shape::Ellipsoid(v(0.66, 1.02, s * 0.92), v(0.1, 0.08, 0.09)));
    o
}

/// A box lorry, 6.5 long.
pub fn box_truck(cab: V3, cargo: V3) -> Object {
    let mut o = Object::new("truck", (v(0.0, 1.5, 0.0), 3.9));
    let paint = shiny(cab, 0.45);
    let front = [(1.55, 0.55), (1.55, 2.35), (1.75, 2.5), (2.55, 2.45), (2.95, 1.55), (3.15, 1.4), (3.2, 0.6)];
    o.add(paint, 0.0, profile(&front, 1.05, 0.12, 0.06, 1.4));
    let glass = shiny(rgb(0x0f161c), 0.85);
    o.add(glass, 0.0, profile(&[(1.85, 1.5), (1.85, 2.2), (2.42, 2.2), (2.72, 1.5)], 1.065, 0.02, 0.06, 1.4));
    o.add(glass, 0.0, profile(&[(2.45, 2.28), (2.6, 2.34), (2.98, 1.5), (2.8, 1.5)], 0.88, 0.02, 0.06, 1.4));
    o.add(shiny(cargo, 0.12).with(Pattern::Ribs(1.1)), 0.0, Shape::Block(v(-0.95, 1.95, 0.0), v(2.4, 1.3, 1.16), 0.05));
    o.add(matt(rgb(0x2a2c30)), 0.0, Shape::Block(v(-0.2, 0.6, 0.0), v(2.9, 0.12, 0.7), 0.03));
    o.add(matt(rgb(0x202226)), 0.0, Shape::Block(v(3.15, 0.55, 0.0), v(0.1, 0.18, 1.02), 0.04));
    o.add(matt(rgb(0x15171a)), 0.0, Shape::Block(v(3.17, 1.05, 0.0), v(0.04, 0.22, 0.6), 0.02));
    o.pair(shiny(rgb(0xf6f4e4), 0.7), 0.0, |s| Shape::Block(v(3.18, 0.92, s * 0.84), v(0.05, 0.12, 0.14), 0.03));
    o.pair(matt(rgb(0x0a0a0c)), 0.0, |s| Shape::Tube(v(2.35, 0.55, s * 0.8), v(2.35, 0.55, s * 1.07), 0.6, 0.02));
    wheels(&mut o, &[2.35, -1.3, -2.45], 0.5, 0.95, 0.14);
    o
}

/// A dump lorry with a long nose and a heaped bed.
pub fn dump_truck(paint: V3, load: V3) -> Object {
    let mut o = Object::new("truck", (v(0.0, 1.3, 0.0), 3.6));
    let body = shiny(paint, 0.4);
    o.add(body, 0.0, profile(&[(1.7, 0.7), (1.7, 1.45), (2.7, 1.35), (2.8, 1.2), (2.82, 0.7)], 0.85, 0.12, 0.1, 1.0));
    o.add(body, 0.0, profile(&[(0.6, 0.7), (0.6, 2.35), (1.5, 2.35), (1.85, 1.45), (1.9, 0.7)], 1.0, 0.1, 0.05, 1.4));
    let glass = shiny(rgb(0x10171d), 0.85);
    o.add(glass, 0.0, profile(&[(0.85, 1.5), (0.85, 2.15), (1.42, 2.15), (1.68, 1.5)], 1.012, 0.02, 0.05, 1.4));
    o.add(glass, 0.0, profile(&[(1.44, 2.25), (1.58, 2.25), (1.9, 1.5), (1.7, 1.5)], 0.84, 0.02, 0.05, 1.4));
    let bed = [(-2.9, 1.0), (-3.05, 2.1), (0.45, 2.3), (0.95, 2.6), (0.95, 2.48), (0.5, 2.1), (0.45, 1.0)];
    o.add(body.with(Pattern::Ribs(0.8)), 0.0, profile(&bed, 1.15, 0.04, -0.05, 1.0));
    o.add(matt(load), 0.3, Shape::Ellipsoid(v(-1.2, 2.05, 0.0), v(1.5, 0.75, 0.95)));
    o.add(
        matt(load).with(Pattern::Blotches(load * 0.5, 0.5, 0.2)),
        0.2,
        Shape::Ellipsoid(v(-0.5, 2.1, 0.1), v(0.8, 0.55, 0.8)),
    );
    o.add(matt(rgb(0x24262a)), 0.0, Shape::Block(v(-0.2, 0.75, 0.0), v(2.8, 0.14, 0.6), 0.03));
    o.add(shiny(rgb(0xc0c4c8), 0.6), 0.0, Shape::Block(v(2.84, 1.02, 0.0), v(0.03, 0.26, 0.5), 0.02));
    o.add(matt(rgb(0x303338)), 0.0, Shape::Block(v(2.9, 0.62, 0.0), v(0.1, 0.14, 1.0), 0.04));
    o.pair(shiny(rgb(0xf6f4e4), 0.7), 0.0, |s| Shape::Ellipsoid(v(2.8, 1.0, s * 0.7), v(0.08, 0.13, 0.13)));
    o.pair(body, 0.0, |s| Shape::Tube(v(2.15, 0.62, s * 0.75), v(2.15, 0.62, s * 1.1), 0.66, 0.05));
    wheels(&mut o, &[2.15, -1.15, -2.25], 0.54, 0.95, 0.16);
    o
}

/// An airliner, 10 long, in the air.
pub fn airliner(paint: V3, tail: V3) -> Object {
    let mut o = Object::new("airplane", (v(-0.2, 0.3, 0.0), 5.6));
    let skin = shiny(paint, 0.35);
    let windows = skin.with(Pattern::Windows(rgb(0x1b2430), 0.14, 0.3, 0.075, 0.08));
    o.add(windows, 0.0, Shape::Cone(v(-2.6, 0.0, 0.0), 0.55, v(3.9, 0.0, 0.0), 0.55));
    o.add(skin, 0.5, Shape::Ellipsoid(v(4.1, -0.04, 0.0), v(1.05, 0.52, 0.52)));
    o.add(skin, 0.3, Shape::Cone(v(-2.6, 0.02, 0.0), 0.53, v(-5.2, 0.38, 0.0), 0.14));
    o.add(shiny(rgb(0x10161e), 0.8), 0.0, Shape::Block(v(4.62, 0.24, 0.0), v(0.24, 0.09, 0.34), 0.05));
    let wing = [(1.5, 0.0), (-0.9, 5.0), (-1.6, 5.0), (-1.0, 1.6), (-1.2, 0.0)];
    o.add(shiny(paint * 0.85, 0.35), 0.15, Shape::Sheet { points: wing.to_vec(), y0: -0.3, rise: 0.1, thick: 0.085 });
    let plane = [(-3.9, 0.0), (-5.0, 1.9), (-5.5, 1.9), (-5.1, 0.0)];
    o.add(shiny(paint * 0.85, 0.35), 0.05, Shape::Sheet { points: plane.to_vec(), y0: 0.35, rise: 0.1, thick: 0.06 });
    o.add(
        shiny(tail, 0.35),
        0.05,
        profile(&[(-3.5, 0.4), (-4.9, 2.2), (-5.6, 2.2), (-5.2, 0.3)], 0.08, 0.06, 0.0, 0.0),
    );
    let engine = shiny(tail, 0.4);
    o.pair(engine, 0.0, |s| Shape::Tube(v(-0.1, -0.62, s * 1.75), v(1.35, -0.62, s * 1.75), 0.33, 0.12));
    o.pair(matt(rgb(0x14161a)), 0.0, |s| Shape::Tube(v(1.2, -0.62, s * 1.75), v(1.37, -0.62, s * 1.75), 0.24, 0.02));
    o
}

/// A delta-winged jet, 8 long.
pub fn fighter(paint: V3) -> Object {
    let mut o = Object::new("airplane", (v(-0.2, 0.2, 0.0), 4.6));
    let skin = shiny(paint, 0.25).with(Pattern::Blotches(paint * 0.6, 0.35, 1.6));
    o.add(skin, 0.0, Shape::Cone(v(-3.4, 0.0, 0.0), 0.5, v(1.6, 0.0, 0.0), 0.42));
    o.add(skin, 0.2, Shape::Cone(v(1.6, 0.0, 0.0), 0.42, v(4.1, -0.06, 0.0), 0.04));
    o.add(shiny(rgb(0x0f151c), 0.9), 0.05, Shape::Ellipsoid(v(1.5, 0.42, 0.0), v(0.95, 0.28, 0.26)));
    let wing = [(1.0, 0.0), (-1.9, 3.1), (-2.7, 3.1), (-2.6, 0.0)];
    o.add(skin, 0.2, Shape::Sheet { points: wing.to_vec(), y0: 0.0, rise: -0.02, thick: 0.06 });
    let plane = [(-2.8, 0.0), (-4.0, 1.6), (-4.5, 1.6), (-4.1, 0.0)];
    o.add(skin, 0.1, Shape::Sheet { points: plane.to_vec(), y0: -0.05, rise: 0.0, thick: 0.05 });
    o.add(skin, 0.1, profile(&[(-2.2, 0.3), (-3.6, 2.0), (-4.2, 2.0), (-3.8, 0.2)], 0.06, 0.05, 0.0, 0.0));
    o.pair(skin, 0.1, |s| Shape::Block(v(0.2, -0.12, s * 0.55), v(1.2, 0.3, 0.2), 0.1));
    o.add(matt(rgb(0x101114)), 0.0, Shape::Tube(v(-4.05, 0.0, 0.0), v(-3.4, 0.0, 0.0), 0.4, 0.03));
    o
}

/// A container ship, 20 long; its waterline is y = 0.
pub fn container_ship(hull: V3) -> Object {
    let mut o = Object::new("ship", (v(0.0, 1.6, 0.0), 10.6));
    let sides = shiny(hull, 0.15).with(Pattern::Stripe(rgb(0x8c2a20), -1.0, 0.32));
    o.add(
        sides,
        0.0,
        profile(
            &[(-9.4, -0.8), (-9.8, 1.5), (6.5, 1.4), (8.2, 1.75), (10.0, 2.2), (8.7, -0.8)],
            1.35,
            0.12,
            -0.05,
            0.0,
        ),
    );
    let white = shiny(rgb(0xf0efe8), 0.15);
    o.add(
        white.with(Pattern::Windows(rgb(0x20303c), 4.1, 0.45, 0.14, 0.12)),
        0.0,
        Shape::Block(v(-7.6, 2.9, 0.0), v(0.9, 1.6, 1.2), 0.05),
    );
    o.add(white, 0.0, Shape::Block(v(-7.4, 4.55, 0.0), v(0.6, 0.2, 1.45), 0.05));
    o.add(matt(rgb(0xc03a22)), 0.0, Shape::Tube(v(-8.6, 3.0, 0.0), v(-8.7, 5.2, 0.0), 0.38, 0.05));
    o.add(white, 0.0, Shape::Cone(v(-7.2, 4.6, 0.0), 0.06, v(-7.2, 6.1, 0.0), 0.04));
    o.add(white, 0.0, Shape::Cone(v(8.6, 1.8, 0.0), 0.07, v(8.6, 3.6, 0.0), 0.05));
    let colours = [0xb8452f, 0x2f6ea3, 0xd9a441, 0x4b8b5a, 0xd8d8d0, 0x8b3f6b, 0xc9682c];
    for k in 0..7 {
        let x = -5.5 + 1.85 * k as f32;
        for level in 0..3 {
            if level == 2 && (k == 0 || k == 5 || k == 6) || level == 1 && k == 6 {
                continue;
            }
            let colour = rgb(colours[(k * 3 + level * 2) % colours.len()]);
            let y = 1.9 + 0.86 * level as f32;
            o.add(matt(colour).with(Pattern::Ribs(3.0)), 0.0, Shape::Block(v(x, y, 0.0), v(0.86, 0.41, 1.2), 0.02));
        }
    }
    o
}

/// A white passenger ship, 18 long.
pub fn liner() -> Object {
    let mut o = Object::new("ship", (v(0.0, 1.8, 0.0), 9.9));
    let hull = shiny(rgb(0x1c2f52), 0.2).with(Pattern::Stripe(rgb(0x9c2b22), -1.0, 0.25));
    o.add(hull, 0.0, profile(&[(-8.0, -0.6), (-8.9, 1.5), (6.0, 1.5), (9.2, 1.9), (7.6, -0.6)], 1.3, 0.15, -0.05, 0.0));
    for (k, (back, front)) in [(-7.6, 6.4), (-7.0, 5.4), (-6.2, 4.4), (-5.0, 3.6)].into_iter().enumerate() {
        let y = 1.75 + 0.62 * k as f32;
        let deck = shiny(rgb(0xf4f4f0), 0.15).with(Pattern::Windows(rgb(0x2a3a48), y + 0.05, 0.42, 0.14, 0.13));
        o.add(
            deck,
            0.0,
            Shape::Block(v((back + front) / 2.0, y, 0.0), v((front - back) / 2.0, 0.33, 1.2 - 0.08 * k as f32), 0.08),
        );
    }
    o.add(shiny(rgb(0xd23b25), 0.2), 0.0, Shape::Tube(v(-1.6, 3.6, 0.0), v(-2.0, 5.5, 0.0), 0.55, 0.05));
    o.add(matt(rgb(0x15171a)), 0.0, Shape::Tube(v(-1.94, 5.2, 0.0), v(-2.0, 5.55, 0.0), 0.57, 0.05));
    o.add(shiny(rgb(0xf4f4f0), 0.1), 0.0, Shape::Cone(v(3.2, 3.8, 0.0), 0.08, v(3.0, 5.8, 0.0), 0.04));
    o
}

/// A sailing boat, 6 long.
pub fn sailing_boat(sail: V3, hull: V3) -> Object {
    let mut o = Object::new("ship", (v(0.0, 3.0, 0.0), 4.9));
    let sides = shiny(hull, 0.3).with(Pattern::Stripe(rgb(0xc23a2a), -0.5, 0.16));
    o.add(
        sides,
        0.0,
        profile(&[(-2.9, -0.4), (-3.1, 0.75), (1.5, 0.72), (3.3, 0.95), (2.4, -0.4)], 0.8, 0.2, -0.1, 0.0),
    );
    o.add(shiny(rgb(0x7a4a24), 0.2), 0.0, Shape::Block(v(-0.4, 0.9, 0.0), v(1.2, 0.22, 0.5), 0.1));
    o.add(matt(rgb(0x6b4a2c)), 0.0, Shape::Cone(v(0.4, 0.7, 0.0), 0.08, v(0.4, 7.3, 0.0), 0.05));
    o.add(matt(rgb(0x6b4a2c)), 0.0, Shape::Cone(v(0.4, 1.35, 0.0), 0.05, v(-2.8, 1.3, 0.0), 0.05));
    o.add(matt(sail), 0.0, profile(&[(0.3, 1.45), (0.3, 7.1), (-1.2, 4.4), (-2.7, 1.45)], 0.04, 0.02, 0.0, 0.0));
    o.add(matt(sail * 0.92), 0.0, profile(&[(0.55, 1.3), (0.5, 6.3), (2.0, 3.6), (3.05, 1.05)], 0.04, 0.02, 0.0, 0.0));
    o
}

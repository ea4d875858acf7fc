//! Signed distances: what things are made of.

use crate::vector::{V3, fbm, noise, v};

/// A solid in its own coordinates; x forward, y up, z to the side.
pub enum Shape {
    /// Centre and half axes. The distance is approximate.
    Ellipsoid(V3, V3),
    /// Two balls of different size, and their hull.
    Cone(V3, f32, V3, f32),
    /// Centre, half sides, rounding of the edges.
    Block(V3, V3, f32),
    /// A disc or tube: both ends of the axis, radius, rounding.
    Tube(V3, V3, f32, f32),
    /// A polygon in the x-y plane, pulled to +-`half` in z; `lean` narrows it upwards (share of the width per unit of
    /// height above `from`).
    Profile { points: Vec<(f32, f32)>, half: f32, round: f32, lean: f32, from: f32 },
    /// A polygon in the x-z plane, pulled to `thick` around a height of `y0 + rise * |z|`: wings.
    Sheet { points: Vec<(f32, f32)>, y0: f32, rise: f32, thick: f32 },
}

impl Shape {
    /// Signed distance of `p`, negative inside.
    pub fn distance(&self, p: V3) -> f32 {
        match self {
            Shape::Ellipsoid(centre, r) => {
                let q = p - *centre;
                let k0 = v(q.x / r.x, q.y / r.y, q.z / r.z).length();
                let k1 = v(q.x / (r.x * r.x), q.y / (r.y * r.y), q.z / (r.z * r.z)).length();
                if k1 < 1e-9 { -r.x.min(r.y).min(r.z) } else { k0 * (k0 - 1.0) / k1 }
            }
            Shape::Cone(a, ra, b, rb) => {
                let (axis, q) = (*b - *a, p - *a);
                let t = (q.dot(axis) / axis.dot(axis)).clamp(0.0, 1.0);
                (q - axis * t).length() - (ra + (rb - ra) * t)
            }
            Shape::Block(centre, half, round) => {
                let q = (p - *centre).abs() - *half + v(*round, *round, *round);
                q.max(0.0).length() + q.x.max(q.y).max(q.z).min(0.0) - round
            }
            Shape::Tube(a, b, radius, round) => {
                let (axis, q) = (*b - *a, p - *a);
                let length = axis.length();
                let along = q.dot(axis) / length;
                let across = (q.dot(q) - along * along).max(0.0).sqrt() - radius + round;
                let ends = (along - length / 2.0).abs() - length / 2.0 + round;
                across.max(ends).min(0.0) + across.max(0.0).hypot(ends.max(0.0)) - round
            }
            Shape::Profile { points, half, round, lean, from } => {
                let narrowed = half - lean * (p.y - from).max(0.0);
                let flat = polygon(points, p.x, p.y) + round;
                let side = p.z.abs() - narrowed + round;
                (flat.max(side).min(0.0) + flat.max(0.0).hypot(side.max(0.0)) - round) * 0.9
            }
            Shape::Sheet { points, y0, rise, thick } => {
                let flat = polygon(points, p.x, p.z.abs()) + thick;
                let side = (p.y - y0 - rise * p.z.abs()).abs();
                (flat.max(0.0).hypot(side) - thick).max(flat.min(0.0) + side - thick) * 0.9
            }
        }
    }
}

/// Signed distance in the plane to a closed polygon.
fn polygon(points: &[(f32, f32)], x: f32, y: f32) -> f32 {
    let mut nearest = f32::MAX;
    let mut sign = 1.0;
    let mut previous = points[points.len() - 1];
    for &current in points {
        let (ex, ey) = (previous.0 - current.0, previous.1 - current.1);
        let (wx, wy) = (x - current.0, y - current.1);
        let t = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0.0, 1.0);
        nearest = nearest.min((wx - ex * t).powi(2) + (wy - ey * t).powi(2));
        let crossing = [y >= current.1, y < previous.1, ex * wy > ey * wx];
        if crossing == [true; 3] || crossing == [false; 3] {
            sign = -sign;
        }
        previous = current;
    }
    sign * nearest.sqrt()
}

/// How a surface answers light.
#[derive(Clone, Copy)]
pub struct Material {
    pub colour: V3,
    pub pattern: Pattern,
    /// Strength of the highlight and of the mirror image, 0..1.
    pub gloss: f32,
    /// Depth of the fur or feathers; 0 for hard things.
    pub fur: f32,
}

/// Colour that changes over the surface, in the object's coordinates.
#[derive(Clone, Copy)]
pub enum Pattern {
    Plain,
    /// Blotches of a second colour: share of the surface, size.
    Blotches(V3, f32, f32),
    /// Wavy bands of a second colour across x: bands per unit.
    Bands(V3, f32),
    /// A second colour below this height, softly.
    Below(V3, f32),
    /// Small round spots: spots per unit.
    Spots(V3, f32),
    /// A row of windows: height, spacing, half size in x and y.
    Windows(V3, f32, f32, f32, f32),
    /// A level stripe between two heights.
    Stripe(V3, f32, f32),
    /// Upright ribs per unit, as on a container.
    Ribs(f32),
}

/// A matt, plain surface.
pub fn matt(colour: V3) -> Material {
    Material { colour, pattern: Pattern::Plain, gloss: 0.04, fur: 0.0 }
}

/// A polished one.
pub fn shiny(colour: V3, gloss: f32) -> Material {
    Material { colour, pattern: Pattern::Plain, gloss, fur: 0.0 }
}

/// A furry one.
pub fn furry(colour: V3, fur: f32) -> Material {
    Material { colour, pattern: Pattern::Plain, gloss: 0.0, fur }
}

impl Material {
    pub fn with(self, pattern: Pattern) -> Self {
        Self { pattern, ..self }
    }

    /// The colour at `p`.
    pub fn at(&self, p: V3) -> V3 {
        use crate::vector::smoothstep;
        let base = self.colour;
        let mut colour = match self.pattern {
            Pattern::Plain => base,
            Pattern::Blotches(other, share, size) => {
                let n = fbm(p * (1.0 / size), 3);
                base.mix(other, smoothstep(0.02, -0.02, n - 0.25 - 0.5 * share))
            }
            Pattern::Bands(other, frequency) => {
                let wobble = 0.35 * noise(p * (frequency * 0.8)) + 0.1 * p.y.abs() * frequency;
                let n = ((p.x * frequency + wobble * 2.0) * std::f32::consts::TAU).sin();
                base.mix(other, smoothstep(0.0, 0.7, n) * 0.85)
            }
            Pattern::Below(other, height) => base.mix(other, smoothstep(height + 0.04, height - 0.04, p.y)),
            Pattern::Spots(other, frequency) => {
                let q = p * frequency;
                let cell = v(q.x.floor(), q.y.floor(), q.z.floor());
                let jitter = 0.3 + 0.4 * crate::vector::hash(cell.x as i32, cell.y as i32, cell.z as i32);
                let d = (q - cell - v(jitter, 1.0 - jitter, 0.5)).length();
                base.mix(other, smoothstep(0.45, 0.3, d))
            }
            Pattern::Windows(other, height, spacing, half_x, half_y) => {
                let x = (p.x / spacing - (p.x / spacing).round()).abs() * spacing;
                let inside = x < half_x && (p.y - height).abs() < half_y;
                if inside { other } else { base }
            }
            Pattern::Stripe(other, low, high) => {
                if p.y > low && p.y < high {
                    other
                } else {
                    base
                }
            }
            Pattern::Ribs(frequency) => base * (0.82 + 0.18 * (p.x * frequency * std::f32::consts::TAU).sin().signum()),
        };
        if self.fur > 0.0 {
            colour = colour * (0.7 + 0.6 * fbm(v(p.x * 30.0, p.y * 18.0, p.z * 30.0), 3));
        }
        colour
    }
}

/// One solid of an object.
pub struct Part {
    pub shape: Shape,
    pub material: Material,
    /// How far it melts into the parts before it.
    pub blend: f32,
}

/// A thing with a class: the unit of a mask.
pub struct Object {
    pub class: &'static str,
    pub parts: Vec<Part>,
    pub position: V3,
    /// Turn about the vertical, then nose up, then roll, in degrees.
    pub yaw: f32,
    pub pitch: f32,
    pub roll: f32,
    pub scale: f32,
    /// Ball around everything, in the object's coordinates.
    pub bound: (V3, f32),
    axes: [V3; 3],
}

impl Object {
    pub fn new(class: &'static str, bound: (V3, f32)) -> Self {
        let axes = [v(1.0, 0.0, 0.0), v(0.0, 1.0, 0.0), v(0.0, 0.0, 1.0)];
        Self {
            class,
            parts: Vec::new(),
            position: V3::default(),
            yaw: 0.0,
            pitch: 0.0,
            roll: 0.0,
            scale: 1.0,
            bound,
            axes,
        }
    }

    pub fn add(&mut self, material: Material, blend: f32, shape: Shape) -> &mut Self {
        self.parts.push(Part { shape, material, blend });
        self
    }

    /// The shape, and its mirror image in z.
    pub fn pair(&mut self, material: Material, blend: f32, shape: impl Fn(f32) -> Shape) -> &mut Self {
        self.add(material, blend, shape(1.0)).add(material, blend, shape(-1.0))
    }

    /// A limb: balls along a line of joints.
    pub fn limb(&mut self, material: Material, blend: f32, joints: &[(V3, f32)]) -> &mut Self {
        for pair in joints.windows(2) {
            self.add(material, blend, Shape::Cone(pair[0].0, pair[0].1, pair[1].0, pair[1].1));
        }
        self
    }

    pub fn place(mut self, position: V3, yaw: f32, scale: f32) -> Self {
        (self.position, self.yaw, self.scale) = (position, yaw, scale);
        self.turn(0.0, 0.0)
    }

    pub fn turn(mut self, pitch: f32, roll: f32) -> Self {
        (self.pitch, self.roll) = (pitch, roll);
        let (sy, cy) = self.yaw.to_radians().sin_cos();
        let (sp, cp) = self.pitch.to_radians().sin_cos();
        let (sr, cr) = self.roll.to_radians().sin_cos();
        let x = v(cy * cp, sp, -sy * cp);
        let side = v(sy, 0.0, cy);
        let up = side.cross(x);
        self.axes = [x, up * cr + side * sr, side * cr - up * sr];
        self
    }

    /// World to the object's coordinates.
    pub fn local(&self, p: V3) -> V3 {
        let q = (p - self.position) * (1.0 / self.scale);
        v(q.dot(self.axes[0]), q.dot(self.axes[1]), q.dot(self.axes[2]))
    }

    /// Signed distance in the world; far away, only to the bounding ball.
    pub fn distance(&self, world: V3) -> f32 {
        let p = self.local(world);
        let far = (p - self.bound.0).length() - self.bound.1;
        if far > 0.3 * self.bound.1 {
            return far.max(0.05) * self.scale;
        }
        let mut total = f32::MAX;
        let mut fur = 0.0;
        for part in &self.parts {
            let d = part.shape.distance(p);
            let h = (part.blend - (total - d).abs()).max(0.0);
            if d < total {
                fur = part.material.fur;
            }
            total = total.min(d) - if part.blend > 0.0 { h * h / (4.0 * part.blend) } else { 0.0 };
        }
        if fur > 0.0 && total < 3.0 * fur {
            total -= fur * (fbm(v(p.x * 26.0, p.y * 15.0, p.z * 26.0), 2) - 0.4);
        }
        total * self.scale
    }

    /// The material at a point of the surface, mixed where parts melt together.
    pub fn surface(&self, world: V3) -> Material {
        let p = self.local(world);
        let distances: Vec<f32> = self.parts.iter().map(|part| part.shape.distance(p)).collect();
        let nearest = distances.iter().copied().fold(f32::MAX, f32::min);
        let (mut colour, mut gloss, mut fur, mut total) = (V3::default(), 0.0, 0.0, 0.0);
        for (part, d) in self.parts.iter().zip(&distances) {
            let soft = (part.blend * 0.25).max(0.002);
            let weight = (-(d - nearest) / soft).exp();
            if weight > 0.01 {
                colour = colour + part.material.at(p) * weight;
                gloss += part.material.gloss * weight;
                fur += part.material.fur * weight;
                total += weight;
            }
        }
        Material { colour: colour * (1.0 / total), pattern: Pattern::Plain, gloss: gloss / total, fur: fur / total }
    }
}

//! Three numbers, and the smooth random fields that textures are made of.

use std::ops::{Add, Mul, Neg, Sub};

/// A point, a direction or a linear RGB colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct V3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

/// Shorthand constructor.
pub const fn v(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

/// The same number three times.
pub const fn splat(a: f32) -> V3 {
    v(a, a, a)
}

/// A colour from 8-bit sRGB, as picked from a palette.
pub fn rgb(hex: u32) -> V3 {
    let channel = |shift: u32| ((hex >> shift & 255) as f32 / 255.0).powf(2.2);
    v(channel(16), channel(8), channel(0))
}

impl V3 {
    pub fn dot(self, o: V3) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }
    pub fn cross(self, o: V3) -> V3 {
        v(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }
    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
    pub fn unit(self) -> V3 {
        self * (1.0 / self.length().max(1e-9))
    }
    pub fn abs(self) -> V3 {
        v(self.x.abs(), self.y.abs(), self.z.abs())
    }
    pub fn max(self, a: f32) -> V3 {
        v(self.x.max(a), self.y.max(a), self.z.max(a))
    }
    /// Component-wise product.
    pub fn times(self, o: V3) -> V3 {
        v(self.x * o.x, self.y * o.y, self.z * o.z)
    }
    pub fn mix(self, o: V3, t: f32) -> V3 {
        self * (1.0 - t) + o * t
    }
    /// This direction mirrored at a surface with unit normal `n`.
    pub fn reflect(self, n: V3) -> V3 {
        self - n * (2.0 * self.dot(n))
    }
}

impl Add for V3 {
    type Output = V3;
    fn add(self, o: V3) -> V3 {
        v(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}
impl Sub for V3 {
    type Output = V3;
    fn sub(self, o: V3) -> V3 {
        v(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}
impl Mul<f32> for V3 {
    type Output = V3;
    fn mul(self, a: f32) -> V3 {
        v(self.x * a, self.y * a, self.z * a)
    }
}
impl Neg for V3 {
    type Output = V3;
    fn neg(self) -> V3 {
        self * -1.0
    }
}

/// Hermite step from 0 at `low` to 1 at `high`.
pub fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A pseudo-random number in 0..1 for a lattice point.
pub fn hash(x: i32, y: i32, z: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x8da6_b343)
        ^ (y as u32).wrapping_mul(0xd816_3841)
        ^ (z as u32).wrapping_mul(0xcb1a_b31f);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2c1b_3c6d);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297a_2d39);
    h ^= h >> 15;
    (h >> 8) as f32 / 16_777_216.0
}

/// Value noise in 0..1, one feature per unit.
pub fn noise(p: V3) -> f32 {
    let (fx, fy, fz) = (p.x.floor(), p.y.floor(), p.z.floor());
    let (x, y, z) = (fx as i32, fy as i32, fz as i32);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, w, s) = (ease(p.x - fx), ease(p.y - fy), ease(p.z - fz));
    let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let row = |j, k| lerp(hash(x, y + j, z + k), hash(x + 1, y + j, z + k), u);
    lerp(lerp(row(0, 0), row(1, 0), w), lerp(row(0, 1), row(1, 1), w), s)
}

/// Fractal noise, about 0..1.
pub fn fbm(mut p: V3, octaves: usize) -> f32 {
    let (mut sum, mut weight, mut total) = (0.0, 0.5, 0.0);
    for _ in 0..octaves {
        sum += weight * noise(p);
        total += weight;
        weight *= 0.5;
        p = v(p.x * 2.03 + 17.1, p.y * 2.03 + 5.3, p.z * 2.03 + 9.7);
    }
    sum / total
}

//! A sphere tracer: sky, ground, objects, sun; a picture and one mask per object.

use crate::shape::Object;
use crate::vector::{V3, fbm, noise, smoothstep, splat, v};

/// What lies under everything.
#[derive(Clone, Copy, PartialEq)]
pub enum Ground {
    /// Nothing: the air.
    None,
    /// A meadow of blades: colour, blade height.
    Grass(V3, f32),
    /// A road along x between two verges: half width, verge colour.
    Road(f32, V3),
    /// Bare soil, sand or snow: colour, roughness.
    Soil(V3, f32),
    /// Open water: colour, wave height.
    Sea(V3, f32),
}

/// What stands at the horizon.
#[derive(Clone, Copy)]
pub struct Ridge {
    pub colour: V3,
    /// Tangent of the elevation: lowest and highest point.
    pub low: f32,
    pub high: f32,
    /// Bumps per radian; above 12 reads as trees.
    pub detail: f32,
}

pub struct Scene {
    pub objects: Vec<Object>,
    pub ground: Ground,
    pub ridges: Vec<Ridge>,
    pub eye: V3,
    pub target: V3,
    /// Vertical field of view in degrees.
    pub view: f32,
    pub sun: V3,
    pub sunlight: V3,
    pub zenith: V3,
    pub horizon: V3,
    /// Share of the sky that clouds cover.
    pub clouds: f32,
    /// How much the background blurs into smooth blotches, as behind a long lens; 0 is a normal sky.
    pub bokeh: Option<(V3, V3)>,
    pub width: u32,
    pub height: u32,
}

impl Scene {
    /// A clear day on a meadow.
    pub fn new(objects: Vec<Object>) -> Self {
        Self {
            objects,
            ground: Ground::Grass(crate::vector::rgb(0x5f8a35), 0.05),
            ridges: vec![],
            eye: v(0.0, 1.2, 5.0),
            target: v(0.0, 0.8, 0.0),
            view: 32.0,
            sun: v(0.5, 0.8, 0.6),
            sunlight: v(2.3, 2.1, 1.8),
            zenith: crate::vector::rgb(0x3f7fcf),
            horizon: crate::vector::rgb(0xbcd8ee),
            clouds: 0.4,
            bokeh: None,
            width: 384,
            height: 320,
        }
    }

    fn sky(&self, d: V3, sharp: bool) -> V3 {
        let up = d.y.max(0.0);
        let mut colour = self.horizon.mix(self.zenith, 1.0 - (1.0 - up).powf(3.0));
        let sun = self.sun.unit();
        let glow = d.dot(sun).max(0.0);
        colour = colour + self.sunlight * (0.06 * glow.powf(8.0) + 0.25 * glow.powf(180.0));
        if let (Some((a, b)), true) = (self.bokeh, sharp) {
            let n = fbm(v(d.x * 5.0, d.y * 5.0, d.z * 5.0) + splat(3.0), 3);
            let spots = smoothstep(0.55, 0.8, noise(v(d.x * 16.0, d.y * 16.0, d.z * 16.0)));
            return a.mix(b, smoothstep(0.3, 0.7, n)) + splat(0.05 * spots);
        }
        if self.clouds > 0.0 {
            let q = v(d.x, 0.0, d.z) * (2.2 / (d.y.abs() + 0.22)) + v(3.7, 0.0, 1.3);
            let n = fbm(q, 5);
            let lit = fbm(q + v(sun.x, 0.0, sun.z) * 0.25, 4);
            let cover =
                smoothstep(0.62 - 0.35 * self.clouds, 0.82 - 0.3 * self.clouds, n) * smoothstep(-0.02, 0.1, d.y.abs());
            let white = self.horizon.mix(splat(1.0), 0.75) * (1.15 - 0.55 * smoothstep(0.4, 0.8, lit));
            colour = colour.mix(white, cover * 0.92);
        }
        if self.ground != Ground::None {
            let angle = d.z.atan2(d.x);
            for (k, ridge) in self.ridges.iter().enumerate() {
                let q = v(angle * ridge.detail, k as f32 * 7.0, 0.5);
                let edge = ridge.low + (ridge.high - ridge.low) * fbm(q, 5);
                let tangent = d.y / d.x.hypot(d.z).max(1e-6);
                let inside = smoothstep(edge + 0.003, edge - 0.003, tangent);
                let leaves = fbm(v(angle * ridge.detail * 6.0, d.y * ridge.detail * 9.0, k as f32), 4);
                colour = colour.mix(ridge.colour * (0.6 + 0.8 * leaves), inside);
            }
        }
        colour
    }

    /// Distance along the ray to the nearest object, and which.
    fn trace(&self, origin: V3, d: V3, far: f32) -> Option<(f32, usize)> {
        let mut t = 0.02;
        for _ in 0..160 {
            let p = origin + d * t;
            let (mut nearest, mut which) = (f32::MAX, 0);
            for (k, object) in self.objects.iter().enumerate() {
                let distance = object.distance(p);
                if distance < nearest {
                    (nearest, which) = (distance, k);
                }
            }
            if nearest < 0.0006 * t.max(0.5) {
                return Some((t, which));
            }
            t += nearest * 0.8;
            if t > far {
                return None;
            }
        }
        None
    }

    /// 1 in the sun, 0 in full shade.
    fn shadow(&self, p: V3) -> f32 {
        let sun = self.sun.unit();
        let (mut light, mut t) = (1.0f32, 0.03);
        for _ in 0..48 {
            let d = self.objects.iter().map(|o| o.distance(p + sun * t)).fold(f32::MAX, f32::min);
            light = light.min(0.5 + 9.0 * d / t);
            if light < 0.02 {
                return 0.0;
            }
            t += d.clamp(0.02, 0.6);
            if t > 9.0 {
                break;
            }
        }
        smoothstep(0.0, 1.0, light)
    }

    /// How open the surroundings are, 0..1.
    fn openness(&self, p: V3, n: V3) -> f32 {
        let mut closed = 0.0;
        for k in 1..=4 {
            let reach = 0.07 * k as f32 * k as f32;
            let d = self.objects.iter().map(|o| o.distance(p + n * reach)).fold(f32::MAX, f32::min);
            closed += (reach - d).max(0.0) / reach * 0.32 / k as f32;
        }
        (1.0 - closed * 1.5).clamp(0.1, 1.0)
    }

    fn normal(&self, p: V3, which: usize) -> V3 {
        let e = 0.0025;
        let object = &self.objects[which];
        let at = |x: f32, y: f32, z: f32| object.distance(p + v(x, y, z) * e);
        let (a, b, c, d) = (at(1.0, -1.0, -1.0), at(-1.0, -1.0, 1.0), at(-1.0, 1.0, -1.0), at(1.0, 1.0, 1.0));
        (v(1.0, -1.0, -1.0) * a + v(-1.0, -1.0, 1.0) * b + v(-1.0, 1.0, -1.0) * c + v(1.0, 1.0, 1.0) * d).unit()
    }

    fn ground_tint(&self) -> V3 {
        match self.ground {
            Ground::None => self.horizon * 0.7,
            Ground::Grass(colour, _) | Ground::Soil(colour, _) | Ground::Sea(colour, _) => colour,
            Ground::Road(..) => splat(0.12),
        }
    }

    /// Light that leaves an object's surface towards the eye.
    fn shade_object(&self, p: V3, d: V3, which: usize, bounce: bool) -> V3 {
        let n = self.normal(p, which);
        let material = self.objects[which].surface(p);
        let sun = self.sun.unit();
        let light = n.dot(sun).max(0.0);
        let light = if light > 0.0 { light * self.shadow(p + n * 0.01) } else { 0.0 };
        let open = self.openness(p, n);
        let ambient =
            self.zenith.mix(self.horizon, 0.5) * (0.5 + 0.5 * n.y) * 0.9 + self.ground_tint() * (0.5 - 0.5 * n.y) * 0.7;
        let mut colour = material.colour.times(self.sunlight * light + ambient * open);
        let facing = (-d.dot(n)).clamp(0.0, 1.0);
        if material.fur > 0.0 {
            let rim = (1.0 - facing).powi(3) * 0.5 * open;
            colour = colour + material.colour.times(self.horizon + self.sunlight * 0.4 * light) * rim;
        }
        if material.gloss > 0.0 {
            let half = (sun - d).unit();
            let shine = n.dot(half).max(0.0).powf(20.0 + 200.0 * material.gloss) * material.gloss * 3.0;
            colour = colour + self.sunlight * (shine * light.min(1.0));
            let fresnel =
                material.gloss * (0.08 + 0.92 * (1.0 - facing).powi(5)) + 0.25 * material.gloss * material.gloss;
            if fresnel > 0.01 {
                let r = d.reflect(n);
                let mirrored = if bounce { self.radiance(p + n * 0.02, r, false) } else { self.sky(r, false) };
                colour = colour.mix(mirrored, (fresnel * open).min(1.0));
            }
        }
        colour
    }

    /// Light that leaves the ground, `t` along the ray.
    fn shade_ground(&self, p: V3, d: V3, t: f32, bounce: bool) -> V3 {
        let up = v(0.0, 1.0, 0.0);
        let sun = self.sun.unit();
        let blur = smoothstep(4.0, 60.0, t);
        let (colour, n) = match self.ground {
            Ground::Sea(deep, wave) => return self.shade_sea(p, d, t, deep, wave, bounce),
            Ground::None => return self.sky(d, true),
            Ground::Grass(colour, _) => (colour * (0.55 + 0.9 * fbm(p * 1.3, 4)), up),
            Ground::Soil(colour, rough) => {
                let bump = |q: V3| fbm(q * 3.0, 4) * rough * (1.0 - 0.8 * blur);
                let e = 0.04;
                let (gx, gz) = (bump(p + v(e, 0.0, 0.0)) - bump(p), bump(p + v(0.0, 0.0, e)) - bump(p));
                let grains = 0.75 + 0.3 * fbm(p * 22.0, 3) + 0.3 * (fbm(p * 0.7, 3) - 0.5);
                (colour * grains, v(-gx / e * 0.5, 1.0, -gz / e * 0.5).unit())
            }
            Ground::Road(half, verge) => self.road(p, half, verge),
        };
        let light = n.dot(sun).max(0.0) * self.shadow(p + up * 0.01);
        let open = self.openness(p, up);
        let ambient = self.zenith.mix(self.horizon, 0.5) * 0.85;
        let lit = colour.times(self.sunlight * light + ambient * open);
        lit.mix(self.horizon, 0.18 * smoothstep(20.0, 200.0, t))
    }

    fn road(&self, p: V3, half: f32, verge: V3) -> (V3, V3) {
        let up = v(0.0, 1.0, 0.0);
        let edge = p.z.abs() - half;
        if edge > 0.0 {
            return (verge * (0.5 + 0.9 * fbm(p * 2.0, 4)), up);
        }
        let grain = 0.85 + 0.3 * fbm(p * 30.0, 2) + 0.25 * (fbm(p * 0.6, 3) - 0.5);
        let asphalt = v(0.115, 0.115, 0.12) * grain;
        let dash = (p.z + half * 0.42).abs() < 0.07 && (p.x * 0.25).rem_euclid(1.0) < 0.5;
        let border = (edge + 0.25).abs() < 0.06;
        let paint = if dash || border { 0.75 * (0.8 + 0.2 * noise(p * 20.0)) } else { 0.0 };
        (asphalt.mix(splat(0.62), paint), up)
    }

    fn shade_sea(&self, p: V3, d: V3, t: f32, deep: V3, wave: f32, bounce: bool) -> V3 {
        let height = |x: f32, z: f32| {
            let swell = fbm(v(x * 0.5, 0.0, z * 0.9), 3) * 1.6;
            let chop = fbm(v(x * 2.2 + 5.0, 1.0, z * 3.6), 3) * 0.45;
            (swell + chop) * wave
        };
        let e = 0.02 + 0.004 * t;
        let calm = 1.0 / (1.0 + t * 0.02);
        let (gx, gz) = (height(p.x + e, p.z) - height(p.x - e, p.z), height(p.x, p.z + e) - height(p.x, p.z - e));
        let n = v(-gx / (2.0 * e) * calm, 1.0, -gz / (2.0 * e) * calm).unit();
        let facing = (-d.dot(n)).clamp(0.02, 1.0);
        let fresnel = 0.03 + 0.75 * (1.0 - facing).powi(5);
        let mut r = d.reflect(n);
        r.y = r.y.abs() + 0.01;
        let mirrored = if bounce { self.radiance(p + v(0.0, 0.02, 0.0), r.unit(), false) } else { self.sky(r, false) };
        let sun = self.sun.unit();
        let body = deep.times(self.horizon * 0.5 + self.sunlight * (0.35 * n.dot(sun).max(0.0) * self.shadow(p)));
        let glitter = (sun - d).unit().dot(n).max(0.0).powf(240.0);
        let crest = smoothstep(0.62, 0.8, fbm(v(p.x * 1.1, 2.0, p.z * 2.4), 4))
            * (1.0 - smoothstep(10.0, 60.0, t))
            * wave.min(0.3);
        let colour = body.mix(mirrored, fresnel) + self.sunlight * (glitter * 0.7) + splat(crest);
        colour.mix(self.horizon, 0.8 * smoothstep(40.0, 400.0, t))
    }

    /// Grass between the ground and the height of the blades, met before `limit`: its colour and where.
    fn blades(&self, origin: V3, d: V3, colour: V3, height: f32, limit: f32) -> Option<(V3, f32)> {
        if d.y >= -1e-4 {
            return None;
        }
        let enter = ((height - origin.y) / d.y).max(0.0);
        let leave = (-origin.y / d.y).min(limit);
        if enter >= leave || enter > 40.0 {
            return None;
        }
        const STEPS: usize = 36;
        for k in 0..STEPS {
            let t = enter + (leave - enter) * (k as f32 + 0.5) / STEPS as f32;
            let p = origin + d * t;
            let level = p.y / height;
            let bend = (noise(v(p.x * 2.0, 0.0, p.z * 2.0)) - 0.5) * 1.6 * p.y;
            let fine = (2.0 / height).min(40.0);
            let blade = noise(v((p.x + bend) * fine, 0.0, p.z * fine)) * 0.7
                + 0.3 * noise(v(p.x * fine * 2.3, 4.0, (p.z + bend) * fine * 2.3));
            let tall = 0.75 + 0.5 * noise(v(p.x * 1.5, 8.0, p.z * 1.5));
            if blade * tall > 0.18 + 0.62 * level {
                let dry = fbm(v(p.x * 0.9, 1.0, p.z * 0.9), 3);
                let hue = colour.mix(v(colour.x * 1.5, colour.y * 1.1, colour.z * 0.8), dry);
                return Some((hue * (0.35 + 1.0 * level) * (0.7 + 0.5 * blade), t));
            }
        }
        None
    }

    /// Light that arrives at `origin` from direction `d`. `first` is true for rays from the eye.
    fn radiance(&self, origin: V3, d: V3, first: bool) -> V3 {
        let reach =
            self.objects.iter().map(|o| (o.position - origin).length() + 2.5 * o.bound.1 * o.scale).fold(1.0, f32::max);
        let ground = if self.ground != Ground::None && d.y < -1e-4 { -origin.y / d.y } else { f32::MAX };
        let hit = self.trace(origin, d, reach.min(ground));
        let limit = hit.map_or(ground, |h| h.0);
        if let (Ground::Grass(colour, height), true) = (self.ground, first) {
            if let Some((hue, t)) = self.blades(origin, d, colour, height, limit) {
                let p = origin + d * t;
                let sun = self.sun.unit();
                let light = 0.35 + 0.65 * sun.y * self.shadow(p + v(0.0, 0.02, 0.0));
                let lit =
                    hue.times(self.sunlight * light * 0.75 + self.zenith * 0.7 * self.openness(p, v(0.0, 1.0, 0.0)));
                return lit.mix(self.horizon, 0.18 * smoothstep(20.0, 200.0, t));
            }
        }
        match hit {
            Some((t, which)) => {
                let colour = self.shade_object(origin + d * t, d, which, first);
                colour.mix(self.horizon, 0.5 * smoothstep(30.0, 200.0, t))
            }
            None if ground < 2000.0 => {
                let near = self.shade_ground(origin + d * ground, d, ground, first);
                match self.bokeh {
                    Some((a, _)) => near.mix(a, smoothstep(3.0, 14.0, ground)),
                    None => near,
                }
            }
            None => self.sky(d, true),
        }
    }

    /// The picture in linear light, [height * width], and per object the share of each pixel that it covers.
    pub fn render(&self, samples: u32) -> (Vec<V3>, Vec<Vec<f32>>) {
        let forward = (self.target - self.eye).unit();
        let right = forward.cross(v(0.0, 1.0, 0.0)).unit();
        let up = right.cross(forward);
        let half = (self.view.to_radians() / 2.0).tan();
        let aspect = self.width as f32 / self.height as f32;
        let cells = (self.width * self.height) as usize;
        let mut picture = vec![V3::default(); cells];
        let mut masks = vec![vec![0.0; cells]; self.objects.len()];
        let share = 1.0 / (samples * samples) as f32;
        for y in 0..self.height {
            for x in 0..self.width {
                let cell = (y * self.width + x) as usize;
                for k in 0..samples * samples {
                    let sx = (x as f32 + ((k % samples) as f32 + 0.5) / samples as f32) / self.width as f32;
                    let sy = (y as f32 + ((k / samples) as f32 + 0.5) / samples as f32) / self.height as f32;
                    let d =
                        (forward + right * ((2.0 * sx - 1.0) * half * aspect) + up * ((1.0 - 2.0 * sy) * half)).unit();
                    let light = self.radiance(self.eye, d, true);
                    picture[cell] = picture[cell] + tone(light) * share;
                    let reach = 400.0;
                    if let Some((t, which)) = self.trace(self.eye, d, reach) {
                        let under = self.ground != Ground::None && d.y < 0.0 && t > -self.eye.y / d.y + 0.02;
                        if !under {
                            masks[which][cell] += share;
                        }
                    }
                }
            }
        }
        (picture, masks)
    }
}

/// Linear light to display values in 0..1: a filmic shoulder, then sRGB's curve, roughly.
fn tone(light: V3) -> V3 {
    let film = |x: f32| {
        let x = x.max(0.0) * 0.85;
        ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0)
    };
    let gamma = |x: f32| x.powf(1.0 / 2.2);
    v(gamma(film(light.x)), gamma(film(light.y)), gamma(film(light.z)))
}

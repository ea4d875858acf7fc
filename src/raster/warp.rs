//! A picture turned, scaled and moved, and the way back for gradients.

/// Turns about the middle, scales, then moves; what comes from outside is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warp {
    /// Counter-clockwise, in radians.
    pub angle: f32,
    /// Over 1 enlarges.
    pub scale: f32,
    /// In pixels, right and down.
    pub shift: (f32, f32),
}

impl Warp {
    /// Where the four neighbours of each pixel's origin lie, as indices into a plane, each with its weight; none outside.
    fn origins(self, height: usize, width: usize) -> impl Iterator<Item = [Option<(usize, f32)>; 4]> {
        let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
        let (sin, cos) = self.angle.sin_cos();
        (0..height * width).map(move |at| {
            let y = (at / width) as f32 - middle_y - self.shift.1;
            let x = (at % width) as f32 - middle_x - self.shift.0;
            let from_y = (cos * y + sin * x) / self.scale + middle_y;
            let from_x = (cos * x - sin * y) / self.scale + middle_x;
            let (top, left) = (from_y.floor(), from_x.floor());
            let (down, right) = (from_y - top, from_x - left);
            let neighbour = |dy: f32, dx: f32, weight: f32| {
                let (y, x) = (top + dy, left + dx);
                let inside = y >= 0.0 && x >= 0.0 && y < height as f32 && x < width as f32;
                (inside && weight > 0.0).then(|| (y as usize * width + x as usize, weight))
            };
            [
                neighbour(0.0, 0.0, (1.0 - down) * (1.0 - right)),
                neighbour(0.0, 1.0, (1.0 - down) * right),
                neighbour(1.0, 0.0, down * (1.0 - right)),
                neighbour(1.0, 1.0, down * right),
            ]
        })
    }

    /// Planes `[C, H, W]`, warped; what lies outside has the value `beyond`.
    pub fn apply(self, planes: &[f32], (height, width): (usize, usize), beyond: f32) -> Vec<f32> {
        let origins: Vec<_> = self.origins(height, width).collect();
        let mut warped = Vec::with_capacity(planes.len());
        for plane in planes.chunks_exact(height * width) {
            warped.extend(origins.iter().map(|origins| {
                let parts = origins.iter().flatten();
                beyond + parts.map(|(from, weight)| weight * (plane[*from] - beyond)).sum::<f32>()
            }));
        }
        warped
    }

    /// The gradient with respect to the planes, of one with respect to what [`Warp::apply`] made of them.
    pub fn pull_back(self, gradient: &[f32], (height, width): (usize, usize)) -> Vec<f32> {
        let origins: Vec<_> = self.origins(height, width).collect();
        let mut back = vec![0.0; gradient.len()];
        for (plane, back) in gradient.chunks_exact(height * width).zip(back.chunks_exact_mut(height * width)) {
            for (value, origins) in plane.iter().zip(&origins) {
                for (from, weight) in origins.iter().flatten() {
                    back[*from] += weight * value;
                }
            }
        }
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_turned_is_the_same_and_a_shift_moves_pixels() {
        let planes: Vec<f32> = (0..2 * 12).map(|i| i as f32).collect();
        let still = Warp { angle: 0.0, scale: 1.0, shift: (0.0, 0.0) };
        assert_eq!(still.apply(&planes, (3, 4), 0.5), planes);
        let moved = Warp { shift: (1.0, 0.0), ..still }.apply(&planes[..12], (3, 4), -1.0);
        assert_eq!(moved, [-1.0, 0.0, 1.0, 2.0, -1.0, 4.0, 5.0, 6.0, -1.0, 8.0, 9.0, 10.0]);
    }

    #[test]
    fn a_quarter_turn_takes_the_top_to_the_left() {
        let mut plane = vec![0.0; 25];
        plane[2] = 1.0;
        let turned =
            Warp { angle: std::f32::consts::FRAC_PI_2, scale: 1.0, shift: (0.0, 0.0) }.apply(&plane, (5, 5), 0.0);
        assert!((turned[10] - 1.0).abs() < 1e-5, "{turned:?}");
    }

    /// `<apply(x), g>` without the fill is linear in x, so the way back is its transpose.
    #[test]
    fn the_way_back_is_the_transpose() {
        let warp = Warp { angle: 0.3, scale: 1.1, shift: (1.3, -0.6) };
        let numbers = |seed: f32| -> Vec<f32> { (0..42).map(|i| (i as f32 * seed).sin()).collect() };
        let (x, g) = (numbers(0.7), numbers(1.3));
        let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let (forth, back) = (dot(&warp.apply(&x, (6, 7), 0.0), &g), dot(&x, &warp.pull_back(&g, (6, 7))));
        assert!((forth - back).abs() < 1e-4, "{forth} {back}");
    }
}

//! Quickshift: every pixel follows its nearest neighbour of higher density, in colour and place (Vedaldi and Soatto, ECCV
//! 2008). What ends at the same peak is one region.

use image::RgbImage;
use ndarray::{Array2, Zip};

use super::{Field, Forest, Labels, Stop, distance, lab};

/// The spread of the noise that settles ties between densities, scikit-image's.
const TIE_NOISE: f64 = 1e-5;

/// Parameters of quickshift. The defaults are those of `lime_image`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quickshift {
    /// Width of the Gaussian that estimates the density, in pixels; more means fewer regions.
    pub kernel_size: f64,
    /// A neighbour further away than this, in pixels and scaled Lab, is not followed; more means fewer regions.
    pub max_dist: f64,
    /// Weight of colour against place.
    pub ratio: f64,
}

impl Default for Quickshift {
    fn default() -> Self {
        Quickshift { kernel_size: 4.0, max_dist: 200.0, ratio: 0.2 }
    }
}

impl Quickshift {
    /// Segments an image, unless `stop` says so first; ties are settled by noise that is the same for every image of that
    /// size.
    pub fn segment(self, image: &RgbImage, stop: &Stop<'_>) -> Option<Labels> {
        let shape = (image.height() as usize, image.width() as usize);
        let noise = Array2::from_shape_fn(shape, |(y, x)| TIE_NOISE * irregular(y * shape.1 + x));
        self.segment_with(image, &noise, stop)
    }

    /// The same, with `noise` `[H, W]` added to the densities.
    pub fn segment_with(self, image: &RgbImage, noise: &Array2<f64>, stop: &Stop<'_>) -> Option<Labels> {
        let field = lab(image).mapv(|colour| colour.map(|value| value * self.ratio));
        let density = self.density(&field, stop) + noise;
        let parents = self.parents(&field, &density, stop);
        let (height, width) = field.dim();
        // What was left out when told to stop is nowhere looked at.
        (!stop()).then(|| Labels::from_raw(&Forest(parents.into_iter().collect()).flatten(height, width)))
    }

    /// How far a pixel looks, in pixels to each side.
    fn reach(self) -> usize {
        (3.0 * self.kernel_size).ceil() as usize
    }

    fn density(self, field: &Field, stop: &Stop<'_>) -> Array2<f64> {
        let scale = -0.5 / (self.kernel_size * self.kernel_size);
        let mut density = Array2::zeros(field.dim());
        Zip::indexed(density.rows_mut()).par_for_each(|y, row| {
            for (x, density) in row.into_iter().enumerate().take_while(|_| !stop()) {
                *density = self.around(field, (y, x)).map(|(_, distance)| (distance * scale).exp()).sum();
            }
        });
        density
    }

    /// For each pixel the index of its nearest neighbour of higher density; its own where none is near enough.
    fn parents(self, field: &Field, density: &Array2<f64>, stop: &Stop<'_>) -> Array2<usize> {
        let width = field.ncols();
        let furthest = self.max_dist * self.max_dist;
        let mut parents = Array2::zeros(field.dim());
        let parent_of = |place: (usize, usize)| {
            let own = place.0 * width + place.1;
            let higher = self.around(field, place).filter(|(other, _)| density[*other] > density[place]);
            let nearest = higher.fold((own, f64::INFINITY), |nearest, ((y, x), distance)| {
                if distance < nearest.1 { (y * width + x, distance) } else { nearest }
            });
            if nearest.1 <= furthest { nearest.0 } else { own }
        };
        Zip::indexed(parents.rows_mut()).par_for_each(|y, row| {
            for (x, parent) in row.into_iter().enumerate().take_while(|_| !stop()) {
                *parent = parent_of((y, x));
            }
        });
        parents
    }

    /// The pixels that a pixel sees, row by row, with their squared distances in colour and place.
    fn around(self, field: &Field, (y, x): (usize, usize)) -> impl Iterator<Item = ((usize, usize), f64)> + '_ {
        let reach = self.reach();
        let (height, width) = field.dim();
        let (rows, columns) =
            (y.saturating_sub(reach)..height.min(y + reach + 1), x.saturating_sub(reach)..width.min(x + reach + 1));
        let own = field[[y, x]];
        rows.flat_map(move |row| {
            let down = (row.abs_diff(y) as f64).powi(2);
            columns.clone().map(move |column| {
                let across = (column.abs_diff(x) as f64).powi(2);
                ((row, column), distance(own, field[[row, column]]) + down + across)
            })
        })
    }
}

/// A number in `[-1, 1)` that looks random, the same for the same index: one step of `SplitMix64`.
fn irregular(index: usize) -> f64 {
    let mut state = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((state ^ (state >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

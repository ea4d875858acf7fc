//! SLIC: k-means over colour and place, each centre looking only around itself (Achanta et al., TPAMI 2012).

use image::RgbImage;
use ndarray::Array2;

use super::lab::stretched_lab;
use super::smooth::smooth;
use super::{Field, Labels, Stop, distance};

/// Rounds of k-means, scikit-image's.
const ROUNDS: usize = 10;

/// Parameters of SLIC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slic {
    /// About how many regions.
    pub segments: usize,
    /// Weight of place against colour: more means squarer regions.
    pub compactness: f64,
    /// Gaussian smoothing beforehand, in pixels.
    pub sigma: f64,
}

impl Default for Slic {
    fn default() -> Self {
        Slic { segments: 100, compactness: 10.0, sigma: 0.0 }
    }
}

/// A centre of k-means.
#[derive(Debug, Clone, Copy)]
struct Centre {
    y: f64,
    x: f64,
    colour: [f64; 3],
}

impl Slic {
    /// Segments an image, unless `stop` says so first.
    pub fn segment(self, image: &RgbImage, stop: &Stop<'_>) -> Option<Labels> {
        let field = smooth(&stretched_lab(image), self.sigma);
        let field = field.mapv(|colour| colour.map(|value| value / self.compactness));
        let (height, width) = field.dim();
        let spacing = Spacing::new(height, width, self.segments.max(1));
        let centres = spacing.centres(height, width);
        let count = centres.len().max(1);
        let nearest = cluster(&field, centres, spacing.step(), stop)?;
        let size = (height * width) as f64 / count as f64;
        Some(Labels::from_raw(&connect(&nearest, (0.5 * size) as usize, (3.0 * size) as usize)))
    }
}

/// Where the first centres stand.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spacing {
    /// First row or column, and the step from there, down and across.
    down: (usize, usize),
    across: (usize, usize),
}

impl Spacing {
    /// About `points` points in squares, or in a single line where the image is too narrow for squares.
    fn new(height: usize, width: usize, points: usize) -> Spacing {
        let area = (height * width) as f64;
        if area <= points as f64 {
            return Spacing { down: (0, 1), across: (0, 1) };
        }
        let mut sides = [(area / points as f64).sqrt(); 2];
        let (short, long) = if height <= width { (0, 1) } else { (1, 0) };
        let extent = [height as f64, width as f64];
        if extent[short] < sides[short] {
            sides = [extent[short]; 2];
            sides[long] = extent[long] / points as f64;
        }
        // Halves round to even, as NumPy has it.
        let place = |side: f64| ((side / 2.0).floor() as usize, (side.round_ties_even() as usize).max(1));
        Spacing { down: place(sides[0]), across: place(sides[1]) }
    }

    fn step(self) -> f64 {
        self.down.1.max(self.across.1) as f64
    }

    /// Row by row; their colours are still unknown, so that the first round goes by place alone.
    fn centres(self, height: usize, width: usize) -> Vec<Centre> {
        let rows = (self.down.0..height).step_by(self.down.1);
        let at = |y: usize, x: usize| Centre { y: y as f64, x: x as f64, colour: [0.0; 3] };
        rows.flat_map(|y| (self.across.0..width).step_by(self.across.1).map(move |x| at(y, x))).collect()
    }
}

/// For each pixel the number of its nearest centre, after [`ROUNDS`] rounds.
fn cluster(field: &Field, mut centres: Vec<Centre>, step: f64, stop: &Stop<'_>) -> Option<Array2<usize>> {
    let (height, width) = field.dim();
    let mut nearest = Array2::zeros((height, width));
    // How far a centre looks depends on how many there are, not on how many were asked for.
    let spacing = Spacing::new(height, width, centres.len().max(1));
    let by_place = 1.0 / (step * step);
    for _ in 0..ROUNDS {
        if stop() {
            return None;
        }
        let mut best = Array2::from_elem((height, width), f64::INFINITY);
        for (number, centre) in centres.iter().enumerate() {
            for y in window(centre.y, spacing.down.1, height) {
                let down = (centre.y - y as f64).powi(2);
                for x in window(centre.x, spacing.across.1, width) {
                    let place = (down + (centre.x - x as f64).powi(2)) * by_place;
                    let found = place + distance(field[[y, x]], centre.colour);
                    if found < best[[y, x]] {
                        best[[y, x]] = found;
                        nearest[[y, x]] = number;
                    }
                }
            }
        }
        recentre(field, &nearest, &mut centres);
    }
    Some(nearest)
}

/// The rows or columns that a centre looks at.
fn window(centre: f64, step: usize, side: usize) -> std::ops::Range<usize> {
    let reach = 2.0 * step as f64;
    (centre - reach).max(0.0) as usize..((centre + reach + 1.0) as usize).min(side)
}

/// Moves each centre to the mean of its pixels; one without pixels stays.
fn recentre(field: &Field, nearest: &Array2<usize>, centres: &mut [Centre]) {
    let mut sums = vec![(0_usize, [0.0; 5]); centres.len()];
    for ((y, x), number) in nearest.indexed_iter() {
        let Some((count, sum)) = sums.get_mut(*number) else { continue };
        let [l, a, b] = field[[y, x]];
        *count += 1;
        for (sum, value) in sum.iter_mut().zip([y as f64, x as f64, l, a, b]) {
            *sum += value;
        }
    }
    for (centre, (count, sum)) in centres.iter_mut().zip(sums).filter(|(_, (count, _))| *count > 0) {
        let [y, x, l, a, b] = sum.map(|value| value / count as f64);
        *centre = Centre { y, x, colour: [l, a, b] };
    }
}

/// Makes every region connected: pieces below `smallest` pixels join a neighbour, pieces end at `largest`.
fn connect(raw: &Array2<usize>, smallest: usize, largest: usize) -> Array2<usize> {
    const NONE: usize = usize::MAX;
    let (height, width) = raw.dim();
    let mut connected = Array2::from_elem((height, width), NONE);
    let mut next = 0;
    for start in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        if connected[start] != NONE {
            continue;
        }
        let mut adjacent = 0;
        connected[start] = next;
        let mut piece = vec![start];
        let mut visited = 0;
        while visited < piece.len() && piece.len() < largest {
            for place in neighbours(piece[visited], height, width) {
                if connected[place] == NONE && raw[place] == raw[start] {
                    connected[place] = next;
                    piece.push(place);
                    if piece.len() >= largest {
                        break;
                    }
                } else if connected[place] != NONE && connected[place] != next {
                    adjacent = connected[place];
                }
            }
            visited += 1;
        }
        if piece.len() < smallest {
            for place in piece {
                connected[place] = adjacent;
            }
        } else {
            next += 1;
        }
    }
    connected
}

/// Right, left, below, above, as far as they are in the image.
fn neighbours((y, x): (usize, usize), height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    let places =
        [(Some(y), x.checked_add(1)), (Some(y), x.checked_sub(1)), (Some(y + 1), Some(x)), (y.checked_sub(1), Some(x))];
    places.into_iter().filter_map(move |(y, x)| Some((y.filter(|y| *y < height)?, x.filter(|x| *x < width)?)))
}

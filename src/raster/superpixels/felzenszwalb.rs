//! Graph segmentation: neighbours join while the edge between them is no stronger than what lies inside them (Felzenszwalb
//! and Huttenlocher, IJCV 2004).

use image::RgbImage;

use super::smooth::smooth;
use super::{Field, Forest, Labels, distance, unit_rgb};

/// Parameters of the graph segmentation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Felzenszwalb {
    /// How strong an edge a region of one pixel swallows, times 255; more means larger regions.
    pub scale: f64,
    /// Gaussian smoothing beforehand, in pixels.
    pub sigma: f64,
    /// No region is smaller, in pixels.
    pub min_size: usize,
}

impl Default for Felzenszwalb {
    fn default() -> Self {
        Felzenszwalb { scale: 100.0, sigma: 0.5, min_size: 50 }
    }
}

/// Two neighbouring pixels and the distance of their colours.
struct Edge {
    cost: f64,
    ends: [usize; 2],
}

impl Felzenszwalb {
    /// Segments an image.
    pub fn segment(self, image: &RgbImage) -> Labels {
        let field = smooth(&unit_rgb(image), self.sigma);
        let (height, width) = field.dim();
        let edges = edges(&field);
        let mut forest = Forest::of_roots(height * width);
        let mut sizes = vec![1_usize; height * width];
        let mut inner = vec![0.0_f64; height * width];
        let scale = self.scale / 255.0;
        for Edge { cost, ends } in &edges {
            let [a, b] = ends.map(|end| forest.root(end));
            let limit = |root: usize| inner[root] + scale / sizes[root] as f64;
            if a != b && *cost < limit(a).min(limit(b)) {
                join(&mut forest, &mut sizes, a, b);
                inner[a.min(b)] = *cost;
            }
        }
        for Edge { ends, .. } in &edges {
            let [a, b] = ends.map(|end| forest.root(end));
            if a != b && sizes[a].min(sizes[b]) < self.min_size {
                join(&mut forest, &mut sizes, a, b);
            }
        }
        Labels::from_raw(&forest.flatten(height, width))
    }
}

/// Joins two trees under the smaller root.
fn join(forest: &mut Forest, sizes: &mut [usize], a: usize, b: usize) {
    let (root, child) = (a.min(b), a.max(b));
    forest.0[child] = root;
    sizes[root] += sizes[child];
}

/// All edges between eight-connected neighbours, the weakest first.
fn edges(field: &Field) -> Vec<Edge> {
    let (height, width) = field.dim();
    // From a pixel down, right, down to the right; and from the pixel below up to the right.
    let kinds = [[(0, 0), (1, 0)], [(0, 0), (0, 1)], [(0, 0), (1, 1)], [(1, 0), (0, 1)]];
    let mut edges = Vec::with_capacity(4 * height * width);
    for [from, to] in kinds {
        for y in 0..height.saturating_sub(from.0.max(to.0)) {
            for x in 0..width.saturating_sub(from.1.max(to.1)) {
                let (a, b) = ((y + from.0, x + from.1), (y + to.0, x + to.1));
                let cost = distance(field[a], field[b]).sqrt();
                edges.push(Edge { cost, ends: [a.0 * width + a.1, b.0 * width + b.1] });
            }
        }
    }
    edges.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    edges
}

//! The weights of a node, as they are looked at: its filters in their colours, the kernels of its outputs, or what one of its
//! outputs reads of each input.

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use ndarray::{ArrayView3, Axis, Ix4};

use crate::network::{WeightKind, Weights};
use crate::raster::{Map, Sheet, Sign, cells, layer_scale};
use crate::session::filter_pictures;
use crate::text::escape;

/// What the rows of a table of weights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightRows {
    /// Outputs, each with its filter on the image's colours.
    Filters,
    /// Outputs, each with the kernel on the one input that it reads.
    Kernels,
    /// Inputs, each with the kernel from it to one output.
    Inputs,
    /// Inputs, each with the one number that it is multiplied with for one output.
    Numbers,
}

/// A row of a table of weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightRow {
    /// The output or the input.
    pub index: usize,
    /// The norm of its kernel; of a single number, that number.
    pub value: f32,
    /// The norm of all weights that read this input, whatever the output.
    pub of_all: Option<f32>,
}

/// The weights of a node, for one of its outputs or for all.
#[derive(Debug, Clone)]
pub struct WeightTable {
    /// What its rows are.
    pub kind: WeightRows,
    /// The sides of the array.
    pub shape: Vec<usize>,
    /// How many outputs there are.
    pub outputs: usize,
    /// Whether these are the classes' scores.
    pub of_classes: bool,
    /// The strongest first.
    pub rows: Vec<WeightRow>,
    /// The value of the strongest, without its sign.
    pub strongest: f32,
    /// The weight that the strongest colour stands for.
    pub scale: f32,
    /// Time that it took.
    pub elapsed: Duration,
    /// In the order of the rows, a pixel for each weight; of single numbers, one picture of all in their own order.
    pictures: Vec<Arc<RgbImage>>,
}

impl WeightTable {
    /// Of a node's weights: of `output`, where an output reads more than fits beside those of the others. `bgr` where the first
    /// colour of the network's input is blue.
    ///
    /// # Errors
    /// Why there is nothing to look at.
    pub fn new(weights: &Weights, output: usize, bgr: bool) -> Result<WeightTable, String> {
        let (values, kind) = (&weights.values, weights.kind);
        let shape = values.shape().to_vec();
        let kernels = values.view().into_dimensionality::<Ix4>().ok();
        let outputs = shape.first().copied().unwrap_or(0);
        let output = output.min(outputs.saturating_sub(1));
        let of_classes = kind == WeightKind::Linear { of_classes: true };
        let (groups, on_pixels) = match kind {
            WeightKind::Convolution { groups, on_pixels } => (groups.max(1), on_pixels),
            WeightKind::Linear { .. } => (1, false),
            WeightKind::Other => {
                let sides = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
                let name = escape(&weights.name);
                return Err(format!("{name} is a table of {sides} numbers, neither a convolution nor a product"));
            }
        };
        let each = shape.get(1).copied().unwrap_or(1);
        let first = output * groups / outputs.max(1) * each;
        let table = |kind, rows: Vec<WeightRow>, scale, pictures| WeightTable {
            kind,
            shape: shape.clone(),
            outputs,
            of_classes,
            strongest: rows.iter().map(|row| row.value.abs()).fold(0.0, f32::max),
            rows,
            scale,
            elapsed: Duration::ZERO,
            pictures,
        };
        match kernels {
            Some(kernels) if on_pixels && each == 3 => {
                let (pictures, scale) = filter_pictures(kernels, bgr);
                let rows = sorted(kernels.outer_iter().map(norm).enumerate(), |_| None);
                let pictures = rows.iter().map(|row| Arc::new(pictures[row.index].clone())).collect();
                Ok(table(WeightRows::Filters, rows, scale, pictures))
            }
            Some(kernels) if kernels.dim().2 * kernels.dim().3 > 1 => {
                let scale = layer_scale(values.iter());
                let picture = |kernel: ArrayView3<'_, f32>| {
                    let map = kernel.index_axis(Axis(0), 0);
                    Arc::new(cells(&map.map(|weight| share(*weight, scale)), Sign::Signed))
                };
                if each == 1 {
                    let rows = sorted(kernels.outer_iter().map(norm).enumerate(), |_| None);
                    let pictures = rows.iter().map(|row| picture(kernels.index_axis(Axis(0), row.index))).collect();
                    return Ok(table(WeightRows::Kernels, rows, scale, pictures));
                }
                let energies = weights.energy_of_inputs().unwrap_or_default();
                let of_output = kernels.index_axis(Axis(0), output);
                let kernel = |input: usize| of_output.slice_axis(Axis(0), (input..=input).into());
                let norms = (0..each).map(|input| (first + input, norm(kernel(input))));
                let rows = sorted(norms, |input| energies.get(input).copied());
                let pictures = rows.iter().map(|row| picture(kernel(row.index - first))).collect();
                Ok(table(WeightRows::Inputs, rows, scale, pictures))
            }
            _ => {
                let row: Vec<f32> =
                    values.outer_iter().nth(output).map(|row| row.iter().copied().collect()).unwrap_or_default();
                let energies = weights.energy_of_inputs().unwrap_or_default();
                let scale = layer_scale(row.iter());
                let numbers = row.iter().enumerate().map(|(input, value)| (first + input, *value));
                let rows = sorted(numbers, |input| energies.get(input).copied());
                Ok(table(WeightRows::Numbers, rows, scale, vec![Arc::new(grid(&row, scale))]))
            }
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<WeightRow>() * self.rows.len() + self.pictures.iter().map(|it| it.as_raw().len()).sum::<usize>()
    }

    /// Whether its rows are the inputs of one output.
    pub fn reads_inputs(&self) -> bool {
        matches!(self.kind, WeightRows::Inputs | WeightRows::Numbers)
    }

    /// The pictures of rows, a pixel for each weight.
    pub(in crate::app) fn pictures(&self) -> &[Arc<RgbImage>] {
        &self.pictures
    }

    /// The row of an output or an input.
    pub fn row_of(&self, index: usize) -> Option<usize> {
        self.rows.iter().position(|row| row.index == index)
    }

    /// Of single numbers: the first input, and how many stand in a row of their picture.
    pub fn grid(&self) -> Option<(usize, usize)> {
        let first = self.rows.iter().map(|row| row.index).min()?;
        (self.kind == WeightRows::Numbers).then(|| (first, Sheet::columns(self.rows.len())))
    }
}

fn norm(kernel: ArrayView3<'_, f32>) -> f32 {
    kernel.iter().map(|weight| weight * weight).sum::<f32>().sqrt()
}

/// Rows by their strength.
fn sorted(values: impl Iterator<Item = (usize, f32)>, of_all: impl Fn(usize) -> Option<f32>) -> Vec<WeightRow> {
    let mut rows: Vec<WeightRow> =
        values.map(|(index, value)| WeightRow { index, value, of_all: of_all(index) }).collect();
    rows.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()).then(a.index.cmp(&b.index)));
    rows
}

/// A weight by the one that the strongest colour stands for, in `[-1, 1]`.
fn share(weight: f32, scale: f32) -> f32 {
    if scale > 0.0 { (weight / scale).clamp(-1.0, 1.0) } else { 0.0 }
}

/// Numbers in rows, a pixel for each.
fn grid(numbers: &[f32], scale: f32) -> RgbImage {
    let columns = Sheet::columns(numbers.len());
    let map = Map::from_shape_fn((numbers.len().div_ceil(columns).max(1), columns), |(y, x)| {
        share(numbers.get(y * columns + x).copied().unwrap_or(0.0), scale)
    });
    cells(&map, Sign::Signed)
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;

    fn weights(kind: WeightKind, shape: &[usize], values: &[f32]) -> Weights {
        let values = ArrayD::from_shape_vec(shape.to_vec(), values.to_vec()).unwrap();
        Weights { name: "conv".to_owned(), path: None, operator: "Conv".to_owned(), kind, values }
    }

    fn table(weights: &Weights, output: usize) -> WeightTable {
        WeightTable::new(weights, output, false).unwrap()
    }

    #[test]
    fn an_output_of_a_grouped_convolution_reads_the_inputs_of_its_group() {
        let kind = WeightKind::Convolution { groups: 2, on_pixels: false };
        let values: Vec<f32> = (0..4 * 2 * 2).map(|value| value as f32).collect();
        let found = table(&weights(kind, &[4, 2, 1, 2], &values), 3);
        assert_eq!((found.kind, found.outputs, found.grid()), (WeightRows::Inputs, 4, None));
        let rows: Vec<(usize, f32)> = found.rows.iter().map(|row| (row.index, row.value)).collect();
        assert_eq!(rows, [(3, (14f32.powi(2) + 225.0).sqrt()), (2, (144f32 + 169.0).sqrt())]);
        // Both outputs of the group read it.
        let all = (14f32.powi(2) + 225.0 + 100.0 + 121.0).sqrt();
        assert!((found.rows[0].of_all.unwrap() - all).abs() < 1e-4);
        assert_eq!(found.pictures().len(), 2);
    }

    #[test]
    fn depthwise_kernels_and_filters_are_all_there_at_once() {
        let depthwise = WeightKind::Convolution { groups: 3, on_pixels: false };
        let found = table(&weights(depthwise, &[3, 1, 1, 2], &[1.0, 0.0, 0.0, -3.0, 2.0, 0.0]), 0);
        let order: Vec<usize> = found.rows.iter().map(|row| row.index).collect();
        assert_eq!((found.kind, order), (WeightRows::Kernels, vec![1, 2, 0]));
        let pixels = WeightKind::Convolution { groups: 1, on_pixels: true };
        let found = table(&weights(pixels, &[2, 3, 1, 1], &[0.1, 0.0, 0.0, 0.0, 0.5, 0.0]), 0);
        assert_eq!((found.kind, found.row_of(0), found.pictures().len()), (WeightRows::Filters, Some(1), 2));
        let [r, g, b] = found.pictures()[0].get_pixel(0, 0).0;
        assert!(g > 200 && (127..=128).contains(&r) && (127..=128).contains(&b), "{r} {g} {b}: green");
    }

    #[test]
    fn a_product_is_a_row_of_numbers_with_their_signs_and_a_table_is_refused() {
        let kind = WeightKind::Linear { of_classes: true };
        let found = table(&weights(kind, &[2, 3], &[1.0, -4.0, 2.0, 0.5, 0.0, -0.25]), 0);
        let rows: Vec<(usize, f32)> = found.rows.iter().map(|row| (row.index, row.value)).collect();
        assert_eq!((found.kind, rows), (WeightRows::Numbers, vec![(1, -4.0), (2, 2.0), (0, 1.0)]));
        assert_eq!((found.grid(), found.of_classes, found.strongest), (Some((0, 2)), true, 4.0));
        assert_eq!(found.pictures()[0].dimensions(), (2, 2));
        let refused = WeightTable::new(&weights(WeightKind::Other, &[2, 3], &[0.0; 6]), 0, false);
        assert!(refused.unwrap_err().contains("table of 2 x 3 numbers"));
    }
}

//! What a network has learnt, layer by layer: weights described, shown and written.

use std::path::Path;

use image::{Rgb, RgbImage};
use ndarray::{Array2, Array3, ArrayView3, ArrayView4, Axis, Ix4};
use serde::Serialize;

use super::Session;
use super::arrays::{SheetFolder, Written, captioned, number, sheet};
use super::export::{ExportError, layer_word};
use super::identity::Identity;
use super::naming::model_word;
use super::record::{Files, SCHEMA, Summary};
use crate::model::{ChannelOrder, Fingerprint};
use crate::network::{NetworkError, WeightKind, Weights};
use crate::raster::caption::{caption, stack};
use crate::raster::{LayerHeat, Map, Sheet, Sign, cells, layer_scale, mosaic, reduced};

/// Pixels along a side of a sheet, about.
const SIDE: usize = 1200;
/// The most kernels that are drawn.
const MOST_KERNELS: usize = 1024;
/// Pixels of a row of a matrix, at most, and of all of them where they are drawn as high as that.
const ROW: usize = 24;
const LOW: usize = 360;
/// Pixels along a side of a filter, about, where few are drawn.
const FILTER: u32 = 64;

/// The weights of a node, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The model, as it was named.
    pub model: String,
    /// Which model that is, wherever it lies.
    pub model_id: Fingerprint,
    /// The node.
    pub layer: String,
    /// The path of its module, where the file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its ONNX operator.
    pub operator: String,
    /// What the axes of the array are; empty where that is not known.
    pub axes: Vec<&'static str>,
    /// The groups of a convolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// The numbers.
    #[serde(flatten)]
    pub values: Summary,
    /// The share of the weights that are zero.
    pub sparsity: f64,
    /// What was written.
    pub files: Files,
}

impl Session {
    /// The weights of the node with this name, of those that [`Network::weighted`](crate::network::Network::weighted) lists.
    ///
    /// # Errors
    /// When there is none, or tract cannot compute them.
    pub fn weights(&self, name: &str) -> Result<Weights, NetworkError> {
        self.classifier.network().weights(name)
    }

    /// Describes weights, and writes `<model>.<layer>.npy` and the sheet where there is a folder.
    ///
    /// # Errors
    /// The file that cannot be written.
    pub fn record_weights(&self, weights: &Weights, to: Option<&SheetFolder>) -> Result<WeightRecord, ExportError> {
        let model = self.classifier.source().to_string();
        let values = weights.values.view();
        let (axes, groups) = match weights.kind {
            WeightKind::Convolution { groups, .. } => (vec!["outputs", "inputs", "height", "width"], Some(groups)),
            WeightKind::Linear { of_classes: true } => (vec!["classes", "features"], None),
            WeightKind::Linear { of_classes: false } => (vec!["outputs", "inputs"], None),
            WeightKind::Other => (vec![], None),
        };
        let zeros = values.iter().filter(|value| **value == 0.0).count();
        let mut record = WeightRecord {
            schema: SCHEMA,
            model_id: self.classifier.fingerprint(),
            layer: weights.name.clone(),
            path: weights.path.clone(),
            operator: weights.operator.clone(),
            axes,
            groups: groups.filter(|groups| *groups > 1),
            values: Summary::of(values.view()),
            sparsity: zeros as f64 / values.len().max(1) as f64,
            files: Files::default(),
            model: model.clone(),
        };
        let Some(to) = to else { return Ok(record) };
        record.files = to.write(Written {
            stem: &model_word(&model),
            end: &layer_word(&record.layer),
            of: (Path::new(""), &model),
            request: Identity::of_layer(self, Path::new(""), &record.layer, "weights"),
            values: Some(values),
            sheet: Some(self.weight_sheet(weights)),
        })?;
        Ok(record)
    }

    /// The weights as a picture: the filters of a convolution on pixels in their colours; of others, how much reads each
    /// input, and the spatial kernels; of a matrix, the matrix.
    pub fn weight_sheet(&self, weights: &Weights) -> RgbImage {
        let title = format!("{} {}, weights {:?}", weights.operator, weights.name, weights.values.shape());
        let bgr = self.classifier.settings().channel_order.value == ChannelOrder::Bgr;
        let kernels = weights.values.view().into_dimensionality::<Ix4>().ok();
        match (weights.kind, kernels) {
            (WeightKind::Convolution { on_pixels: true, .. }, Some(kernels)) if kernels.dim().1 == 3 => {
                filters(kernels, bgr, &title)
            }
            (WeightKind::Convolution { .. }, Some(kernels)) if kernels.dim().2 * kernels.dim().3 > 1 => {
                let mut pages = vec![];
                let (outputs, each, rows, columns) = kernels.dim();
                if each > 1 {
                    pages.extend(energies(weights, &title));
                }
                let strongest = |output: usize| {
                    let norm = |input: &usize| {
                        kernels
                            .index_axis(Axis(0), output)
                            .index_axis(Axis(0), *input)
                            .iter()
                            .map(|w| w * w)
                            .sum::<f32>()
                    };
                    (0..each).max_by(|a, b| norm(a).total_cmp(&norm(b)).then(b.cmp(a))).unwrap_or(0)
                };
                let shown = outputs.min(MOST_KERNELS);
                let mut chosen = Array3::zeros((shown, rows, columns));
                for (output, mut to) in chosen.axis_iter_mut(Axis(0)).enumerate() {
                    to.assign(&kernels.index_axis(Axis(0), output).index_axis(Axis(0), strongest(output)));
                }
                let first = if shown < outputs {
                    format!("the first {shown} of {outputs} outputs")
                } else {
                    "each output".to_owned()
                };
                let what = if each > 1 { "the kernel from the input that it reads most" } else { "its kernel" };
                let lines = [title.clone(), format!("for {first}, {what}")];
                pages.push(signed_sheet(chosen.view(), &lines[usize::from(each > 1)..]));
                stack(&pages)
            }
            _ => {
                let columns = weights.values.shape().iter().skip(1).product::<usize>().max(1);
                let rows = weights.values.len() / columns;
                let matrix = weights.values.to_shape((rows, columns)).map(ndarray::ArrayBase::into_owned);
                let mut pages: Vec<RgbImage> = energies(weights, &title).into_iter().collect();
                let title = if pages.is_empty() { vec![title] } else { vec![] };
                pages.extend(matrix.ok().map(|matrix| matrix_page(&matrix, title)));
                stack(&pages)
            }
        }
    }
}

/// Filters on red, green and blue, `[outputs, 3, height, width]`, each as the colours that it is made of, a pixel for each
/// place; grey where a weight is zero. With the weight whose colour is full. `bgr` where the first of the three is blue.
pub fn filter_pictures(kernels: ArrayView4<'_, f32>, bgr: bool) -> (Vec<RgbImage>, f32) {
    let scale = layer_scale(kernels.iter()).max(f32::MIN_POSITIVE);
    let (_, _, height, width) = kernels.dim();
    let shade = |value: f32| (127.5 + 127.5 * (value / scale).clamp(-1.0, 1.0)).round() as u8;
    let filter = |kernel: ArrayView3<'_, f32>| {
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let [a, b, c] = [0, 1, 2].map(|channel| shade(kernel[[channel, y as usize, x as usize]]));
            Rgb(if bgr { [c, b, a] } else { [a, b, c] })
        })
    };
    (kernels.outer_iter().map(filter).collect(), scale)
}

/// The page of filters in their colours.
fn filters(kernels: ArrayView4<'_, f32>, bgr: bool, title: &str) -> RgbImage {
    let (pictures, scale) = filter_pictures(kernels, bgr);
    let (count, _, height, width) = kernels.dim();
    let room = (SIDE as u32 / Sheet::columns(count) as u32).clamp(1, FILTER);
    let enlarged = room.div_ceil(height.max(width) as u32).max(1);
    let page = mosaic(&pictures, enlarged);
    let said = format!("in each colour, black is {} and white {}; grey is zero", number(-scale), number(scale));
    caption(&page, &[title.to_owned(), said], None)
}

/// Tiles whose sign matters, on one scale.
fn signed_sheet(kernels: ArrayView3<'_, f32>, lines: &[String]) -> RgbImage {
    let heat = LayerHeat::of(kernels);
    sheet(
        &LayerHeat { sign: if kernels.iter().any(|weight| *weight < 0.0) { Sign::Signed } else { heat.sign }, ..heat },
        lines,
    )
}

/// How much reads each input, from the first on the left to the last.
fn energies(weights: &Weights, title: &str) -> Option<RgbImage> {
    let energies = weights.energy_of_inputs()?;
    let largest = energies.iter().copied().fold(0.0, f32::max);
    let count = energies.len();
    let share = |(_, input): (usize, usize)| if largest > 0.0 { energies[input] / largest } else { 0.0 };
    let strip = reduced(&Map::from_shape_fn((1, count), share), SIDE);
    let lines = [title.to_owned(), format!("how much reads each of the {count} inputs: the norm of its weights")];
    Some(page(&strip, Sign::Positive, largest, &lines))
}

/// A matrix, a row for each output; of a large one, the strength of the weights in each of its squares.
fn matrix_page(matrix: &Array2<f32>, mut lines: Vec<String>) -> RgbImage {
    let longest = matrix.nrows().max(matrix.ncols());
    lines.push("a row for each output, a column for each input".to_owned());
    if longest <= SIDE {
        let scale = layer_scale(matrix.iter());
        let shown = matrix.mapv(|value| if scale > 0.0 { (value / scale).clamp(-1.0, 1.0) } else { 0.0 });
        return page(&shown, Sign::Signed, scale, &lines);
    }
    let strengths = reduced(&matrix.mapv(|value| value * value), SIDE).mapv(f32::sqrt);
    let scale = layer_scale(strengths.iter());
    let factor = longest.div_ceil(SIDE);
    lines.push(format!("each cell is the root mean square of {factor}x{factor} weights"));
    page(
        &strengths.mapv(|value| if scale > 0.0 { (value / scale).min(1.0) } else { 0.0 }),
        Sign::Positive,
        scale,
        &lines,
    )
}

/// A single map with its scale under it, its cells enlarged to what can be seen.
fn page(map: &Map, sign: Sign, scale: f32, lines: &[String]) -> RgbImage {
    let longest = map.nrows().max(map.ncols()).max(1);
    let enlarged = (SIDE / longest).clamp(1, 24) as u32;
    // A few rows of many cells are drawn taller than wide, or nobody could tell them apart.
    let repeated = (ROW / enlarged as usize).min(LOW / (map.nrows() * enlarged as usize).max(1)).max(1);
    let tall = Map::from_shape_fn((map.nrows() * repeated, map.ncols()), |(y, x)| map[[y / repeated, x]]);
    captioned(&mosaic(&[cells(&tall, sign)], enlarged), lines, sign, scale)
}

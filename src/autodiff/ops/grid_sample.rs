//! Reading an image at the places that a grid names: spatial transformers, deformable attention.

use std::ops::AddAssign;

use tract_onnx::tract_core::internal::{multithread::par_chunks_mut, *};

use super::Real;

/// How a value between pixels is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Of the four pixels around.
    Bilinear,
    /// The nearest pixel.
    Nearest,
    /// Of the sixteen pixels around.
    Bicubic,
}

/// What lies beyond the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Zeros.
    Zeros,
    /// The pixel at the edge.
    Border,
    /// The image again, mirrored.
    Reflection,
}

/// Reads an image `[N, C, H, W]` at each place of a grid `[N, h, w, 2]` of columns and rows, both from -1 to 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridSample {
    /// How a value between pixels is made.
    pub sampling: Sampling,
    /// What lies beyond the edge.
    pub beyond: Beyond,
    /// Whether -1 and 1 are the centres of the outermost pixels, rather than their outer edges.
    pub align_corners: bool,
}

/// One pixel that a place is made of.
#[derive(Clone, Copy)]
pub(super) struct Tap<T> {
    /// The pixel, counted row by row.
    pub(super) pixel: usize,
    pub(super) weight: T,
    /// How the weight changes with the place's column and row, in the grid's units.
    pub(super) slopes: [T; 2],
}

/// A coordinate along one axis, in pixels, and how it changes with the grid's.
#[derive(Clone, Copy)]
struct Coordinate<T> {
    at: T,
    slope: T,
}

impl GridSample {
    fn coordinate<T: Real>(&self, place: T, length: usize) -> Coordinate<T> {
        let (size, half) = (T::of(length as f64), T::of(0.5));
        if self.align_corners {
            let slope = (size - T::one()) * half;
            return Coordinate { at: (place + T::one()) * half * (size - T::one()), slope };
        }
        Coordinate { at: ((place + T::one()) * size - T::one()) * half, slope: size * half }
    }

    /// The coordinate within the image, for one that may lie beyond the edge.
    fn inside<T: Real>(&self, coordinate: Coordinate<T>, length: usize) -> Coordinate<T> {
        let last = T::of(length as f64 - 1.0);
        let clipped = |Coordinate { at, slope }: Coordinate<T>| {
            let within = at > T::zero() && at < last;
            Coordinate { at: at.max(T::zero()).min(last), slope: if within { slope } else { T::zero() } }
        };
        match self.beyond {
            Beyond::Zeros => coordinate,
            Beyond::Border => clipped(coordinate),
            Beyond::Reflection => clipped(self.reflected(coordinate, last)),
        }
    }

    fn reflected<T: Real>(&self, Coordinate { at, slope }: Coordinate<T>, last: T) -> Coordinate<T> {
        let half = T::of(0.5);
        let (low, span) = if self.align_corners { (T::zero(), last) } else { (-half, last + T::one()) };
        if span <= T::zero() {
            return Coordinate { at: T::zero(), slope: T::zero() };
        }
        let (distance, sign) = if at < low { (low - at, -T::one()) } else { (at - low, T::one()) };
        let flips = (distance / span).floor();
        let rest = distance - flips * span;
        if flips % T::of(2.0) == T::zero() {
            Coordinate { at: rest + low, slope: slope * sign }
        } else {
            Coordinate { at: span - rest + low, slope: -slope * sign }
        }
    }

    /// The pixels along one axis, with their weights and the slopes of these.
    fn along<T: Real>(&self, place: T, length: usize) -> TVec<(Option<usize>, T, T)> {
        let raw = self.coordinate(place, length);
        if !raw.at.is_finite() {
            return tvec![];
        }
        match self.sampling {
            Sampling::Nearest => {
                let at = self.inside(raw, length).at;
                tvec![(pixel(round_half_to_even(at), length), T::one(), T::zero())]
            }
            Sampling::Bilinear => {
                let Coordinate { at, slope } = self.inside(raw, length);
                let first = at.floor();
                let rest = at - first;
                tvec![(pixel(first, length), T::one() - rest, -slope), (pixel(first + T::one(), length), rest, slope),]
            }
            Sampling::Bicubic => {
                let first = raw.at.floor();
                let tap = |offset: i32| {
                    let at = first + T::of(offset.into());
                    let (weight, slope) = cubic(raw.at - at);
                    let at = self.inside(Coordinate { at, slope: T::one() }, length).at;
                    (pixel(at, length), weight, slope * raw.slope)
                };
                (-1..=2).map(tap).collect()
            }
        }
    }

    /// What each place of one image's grid is made of.
    pub(super) fn taps<T: Real>(&self, grid: &[T], [height, width]: [usize; 2]) -> Vec<TVec<Tap<T>>> {
        let place = |place: &[T]| {
            let (columns, rows) = (self.along(place[0], width), self.along(place[1], height));
            let mut taps = tvec![];
            for &(row, row_weight, row_slope) in &rows {
                for &(column, column_weight, column_slope) in &columns {
                    let (Some(row), Some(column)) = (row, column) else { continue };
                    taps.push(Tap {
                        pixel: row * width + column,
                        weight: row_weight * column_weight,
                        slopes: [row_weight * column_slope, row_slope * column_weight],
                    });
                }
            }
            taps
        };
        grid.chunks_exact(2).map(place).collect()
    }

    fn sample<T: Real + AddAssign>(&self, image: &Tensor, grid: &Tensor) -> TractResult<Tensor> {
        let &[_, channels, height, width] = image.shape() else { bail!("an image of rank {}", image.rank()) };
        let places = grid.shape()[1] * grid.shape()[2];
        let mut result = Tensor::zero::<T>(&[image.shape()[0], channels, grid.shape()[1], grid.shape()[2]])?;
        let (image, grid) = (image.try_as_plain_ram()?, grid.try_as_plain_ram()?);
        let (image, grid) = (image.as_slice::<T>()?, grid.as_slice::<T>()?);
        let mut view = result.try_as_plain_ram_mut()?;
        let result_values = view.as_slice_mut::<T>()?;
        if result_values.is_empty() || height * width == 0 {
            return Ok(result);
        }
        let images = result_values.chunks_exact_mut(channels * places);
        for (index, (values, grid)) in images.zip(grid.chunks_exact(places * 2)).enumerate() {
            let taps = self.taps(grid, [height, width]);
            let image = &image[index * channels * height * width..];
            let total = values.len();
            par_chunks_mut(values, places, total, |first, chunk| {
                for (channel, plane) in (first..).zip(chunk.chunks_exact_mut(places)) {
                    let image = &image[channel * height * width..];
                    for (value, taps) in plane.iter_mut().zip(&taps) {
                        taps.iter().for_each(|tap| *value += tap.weight * image[tap.pixel]);
                    }
                }
                Ok(())
            })?;
        }
        Ok(result)
    }

    fn shape<D: DimLike>(image: &[D], grid: &[D]) -> TractResult<TVec<D>> {
        ensure!(
            image.len() == 4 && grid.len() == 4,
            "a grid of rank {} for an image of rank {}",
            grid.len(),
            image.len()
        );
        ensure!(grid[3] == 2.into() && grid[0] == image[0], "a grid of shape {grid:?} for an image of shape {image:?}");
        Ok(tvec![image[0].clone(), image[1].clone(), grid[1].clone(), grid[2].clone()])
    }
}

/// The pixel at a whole coordinate, if there is one.
fn pixel<T: Real>(at: T, length: usize) -> Option<usize> {
    at.to_isize().filter(|at| (0..length as isize).contains(at)).map(|at| at as usize)
}

fn round_half_to_even<T: Real>(value: T) -> T {
    let down = value.floor();
    let rest = value - down;
    let half = T::of(0.5);
    let up = rest > half || (rest == half && down % T::of(2.0) != T::zero());
    if up { down + T::one() } else { down }
}

/// The weight of a pixel at this distance, and its derivative.
fn cubic<T: Real>(distance: T) -> (T, T) {
    let a = T::of(-0.75);
    let [two, three, four, five, eight] = [2.0, 3.0, 4.0, 5.0, 8.0].map(T::of);
    let (x, sign) = (distance.abs(), distance.signum());
    if x <= T::one() {
        let weight = ((a + two) * x - (a + three)) * x * x + T::one();
        return (weight, sign * (three * (a + two) * x - two * (a + three)) * x);
    }
    let weight = ((a * x - five * a) * x + eight * a) * x - four * a;
    (weight, sign * ((three * a * x - two * five * a) * x + eight * a))
}

impl Op for GridSample {
    fn name(&self) -> StaticName {
        "GridSample".into()
    }

    op_as_typed_op!();
}

impl EvalOp for GridSample {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (image, grid) = args_2!(inputs);
        let grid = grid.cast_to_dt(image.datum_type())?;
        let result = dispatch_floatlike!(Self::sample(image.datum_type())(self, &image, &grid))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl TypedOp for GridSample {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = Self::shape(&inputs[0].shape, &inputs[1].shape)?;
        Ok(tvec!(inputs[0].datum_type.fact(shape)))
    }

    as_op!();
}

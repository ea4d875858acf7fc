//! Which digits of the image's rows and columns each axis of a tensor counts.
//!
//! A reshape can cut rows in two (`56` into `28, 2`), a transpose can put the halves elsewhere, and another reshape can join
//! them with the channels (a merge of patches), with the batch (windows) or with each other in another order (tokens that
//! are sorted by window). So each axis is a number written with several digits, the most significant first, and each digit
//! belongs to the rows, to the columns or to something else. Undoing what was done brings the digits back together, and
//! what is lost on the way shows.

use tract_onnx::prelude::*;

/// What a digit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digit {
    /// Rows of the grid, so many at a step.
    Row(usize),
    /// Columns of the grid, so many at a step.
    Column(usize),
    /// Anything else: channels, heads, the batch.
    Other,
}

/// A digit, and how many values it takes.
pub(super) type Sized = (Digit, usize);

/// One axis: positions that belong to no patch (a class token, registers), then the numbers that its digits write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Axis {
    /// Positions before the first.
    pub(super) prefix: usize,
    /// The most significant digit first.
    pub(super) digits: TVec<Sized>,
}

/// All axes of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits {
    /// Rows of the grid that the digits count.
    pub(super) rows: usize,
    /// Columns of the grid.
    pub(super) columns: usize,
    /// One for each axis.
    pub(super) axes: Vec<Axis>,
}

impl Axis {
    /// An axis that has nothing to do with the grid.
    pub(super) fn other(length: usize) -> Axis {
        Axis { prefix: 0, digits: tvec![(Digit::Other, length)] }
    }

    fn of(digits: impl IntoIterator<Item = Sized>) -> Axis {
        Axis { prefix: 0, digits: digits.into_iter().collect() }
    }

    /// Whether any of its digits counts rows or columns.
    pub(super) fn is_placed(&self) -> bool {
        self.digits.iter().any(|(digit, _)| *digit != Digit::Other)
    }
}

impl Digits {
    /// A tensor of this shape with rows and columns on axes of their own.
    pub(super) fn split(shape: &[usize], row: usize, column: usize) -> Digits {
        let mut axes: Vec<Axis> = shape.iter().map(|side| Axis::other(*side)).collect();
        axes[row] = Axis::of([(Digit::Row(1), shape[row])]);
        axes[column] = Axis::of([(Digit::Column(1), shape[column])]);
        Digits { rows: shape[row], columns: shape[column], axes }
    }

    /// Whether anything of rows or columns is left.
    pub(super) fn is_placed(&self) -> bool {
        self.axes.iter().any(Axis::is_placed)
    }

    /// The digits of a tensor whose axis `to` is this one's axis `place(to)`; of `shape`. Axes that come from nowhere, or
    /// whose length is another now, belong to no grid.
    pub(super) fn moved(&self, shape: &[usize], place: impl Fn(usize) -> Option<usize>, before: &[usize]) -> Digits {
        let axis = |(to, side): (usize, &usize)| {
            let from = place(to).filter(|from| before.get(*from) == Some(side));
            from.and_then(|from| self.axes.get(from).cloned()).unwrap_or_else(|| Axis::other(*side))
        };
        Digits { axes: shape.iter().enumerate().map(axis).collect(), ..self.clone() }
    }

    /// The same with an axis that belongs to no grid.
    pub(super) fn without(mut self, axis: usize, length: usize) -> Digits {
        self.axes[axis] = Axis::other(length);
        self
    }

    /// The rows, or the columns, counted anew on the axis that holds all of them: it was padded, or only every second is
    /// left. None where the axis holds anything else.
    pub(super) fn resized(mut self, axis: usize, length: usize) -> Option<Digits> {
        let whole = self.chain(&self.axes[axis].digits)?;
        if self.axes[axis].prefix > 0 {
            return None;
        }
        let is_row = match whole {
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => return None,
        };
        for (digit, _) in self.axes.iter_mut().flat_map(|axis| &mut axis.digits) {
            if matches!((is_row, *digit), (true, Digit::Row(_)) | (false, Digit::Column(_))) {
                *digit = Digit::Other;
            }
        }
        let (digit, side) =
            if is_row { (Digit::Row(1), &mut self.rows) } else { (Digit::Column(1), &mut self.columns) };
        *side = length;
        self.axes[axis] = Axis::of([(digit, length)]);
        Some(self)
    }

    /// How many rows and then columns these digits count, from the most significant digit of each on; None where there is
    /// anything else among them.
    pub(super) fn chain(&self, digits: &[Sized]) -> Option<(Option<usize>, Option<usize>)> {
        let (mut rows, mut columns) = (None, None);
        // What the next digit of the chain must span.
        let (mut row_span, mut column_span) = (self.rows, self.columns);
        for &(digit, size) in digits {
            match digit {
                Digit::Row(step) if columns.is_none() && step * size == row_span => {
                    rows = Some(rows.unwrap_or(1) * size);
                    row_span = step;
                }
                Digit::Column(step) if step * size == column_span => {
                    columns = Some(columns.unwrap_or(1) * size);
                    column_span = step;
                }
                Digit::Other if size == 1 => {}
                _ => return None,
            }
        }
        Some((rows, columns))
    }

    /// After a reshape of the axes from `at` on, from the sides `from` to the sides `to`.
    pub(super) fn reshaped(&self, at: usize, from: &[usize], to: &[usize]) -> Digits {
        let head = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let (at, from, to) = (at + head, &from[head..], &to[head..]);
        let tail = from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count();
        // A single row is a side of 1, which may come and go beside the columns.
        let kept = usize::from(self.rows.min(self.columns) == 1 && from.len().min(to.len()) == tail);
        let tail = tail.saturating_sub(kept);
        let (from, to) = (&from[..from.len() - tail], &to[..to.len() - tail]);
        let (before, rest) = self.axes.split_at(at.min(self.axes.len()));
        let (changed, after) = rest.split_at(from.len().min(rest.len()));
        let digits: Vec<Sized> = changed.iter().flat_map(|axis| axis.digits.iter().copied()).collect();
        let is_whole = changed.iter().all(|axis| axis.prefix == 0);
        let dealt = if is_whole { dealt(&digits, to) } else { None };
        let dealt = dealt.unwrap_or_else(|| to.iter().map(|side| Axis::other(*side)).collect());
        Digits { axes: [before, &dealt, after].concat(), ..self.clone() }
    }
}

/// Deals digits out to axes of these sides, cutting digits in two where an axis ends within one.
fn dealt(digits: &[Sized], sides: &[usize]) -> Option<Vec<Axis>> {
    let mut waiting: Vec<Sized> = digits.iter().rev().copied().collect();
    let mut axes = vec![];
    for (index, &side) in sides.iter().enumerate() {
        let mut axis = Axis::default();
        let mut missing = side;
        // A digit of one value is left for a side of 1 that follows.
        let next_is_one = sides.get(index + 1) == Some(&1);
        while let Some((digit, size)) = waiting.pop() {
            if missing == 1 && (size != 1 || (next_is_one && side != 1)) {
                waiting.push((digit, size));
                break;
            }
            if missing % size == 0 {
                axis.digits.push((digit, size));
                missing /= size;
            } else if size % missing == 0 {
                let rest = size / missing;
                let (upper, lower) = cut(digit, rest);
                axis.digits.push((upper, missing));
                waiting.push((lower, rest));
                missing = 1;
            } else {
                return None;
            }
        }
        if missing != 1 {
            return None;
        }
        axes.push(axis);
    }
    waiting.iter().all(|(_, size)| *size == 1).then_some(axes)
}

/// A digit as two, the lower of `rest` values.
fn cut(digit: Digit, rest: usize) -> (Digit, Digit) {
    match digit {
        Digit::Row(step) => (Digit::Row(step * rest), Digit::Row(step)),
        Digit::Column(step) => (Digit::Column(step * rest), Digit::Column(step)),
        Digit::Other => (Digit::Other, Digit::Other),
    }
}

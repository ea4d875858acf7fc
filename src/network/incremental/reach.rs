//! How far a change of the image reaches, along one axis of a layer's grid.

use std::ops::Range;

/// A sliding window along one axis: of a convolution, a pooling, a padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slide {
    pub(super) kernel: usize,
    pub(super) dilation: usize,
    pub(super) stride: usize,
    /// Positions before the first of the input that the first window covers.
    pub(super) before: usize,
    /// How many positions the output has.
    pub(super) outputs: usize,
}

impl Slide {
    /// How many positions one window spans.
    pub(super) fn field(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// What of `length` positions the outputs of a span are computed from, without the padding.
    pub(super) fn covers(&self, span: &Range<usize>, length: usize) -> Range<usize> {
        let (first, last) = (span.start * self.stride, (span.end - 1) * self.stride + self.field());
        let end = last.saturating_sub(self.before).min(length);
        first.saturating_sub(self.before).min(end)..end
    }

    /// What the outputs at `place` are computed from; it may lie outside the grid, in the padding.
    pub(super) fn reads(&self, place: &Place) -> Place {
        Place {
            starts: place.starts.iter().map(|start| start * self.stride as i64 - self.before as i64).collect(),
            extent: (place.extent - 1) * self.stride + self.field(),
        }
    }
}

/// Along one axis of a grid: the positions that a change in each of several regions can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// How many positions the grid has.
    pub(super) length: usize,
    /// One a region; empty where a region reaches nothing.
    pub(super) spans: Vec<Range<usize>>,
}

impl Reach {
    /// Behind a sliding window.
    pub(super) fn slide(&self, slide: &Slide) -> Reach {
        let through = |span: &Range<usize>| {
            if span.is_empty() {
                return 0..0;
            }
            let first = (span.start + slide.before + 1).saturating_sub(slide.field()).div_ceil(slide.stride);
            let last = (span.end - 1 + slide.before) / slide.stride;
            first.min(slide.outputs)..(last + 1).min(slide.outputs)
        };
        Reach { length: slide.outputs, spans: self.spans.iter().map(through).collect() }
    }

    /// What either reaches.
    pub(super) fn or(&self, other: &Reach) -> Reach {
        let hull = |(a, b): (&Range<usize>, &Range<usize>)| match (a.is_empty(), b.is_empty()) {
            (true, _) => b.clone(),
            (_, true) => a.clone(),
            _ => a.start.min(b.start)..a.end.max(b.end),
        };
        Reach { length: self.length, spans: self.spans.iter().zip(&other.spans).map(hull).collect() }
    }

    /// A place that covers each span, the same size for all of them, so that one plan serves all.
    pub(super) fn place(&self) -> Place {
        let extent = self.spans.iter().map(ExactSizeIterator::len).max().unwrap_or(0).clamp(1, self.length.max(1));
        let start = |span: &Range<usize>| span.start.min(self.length - extent) as i64;
        Place { starts: self.spans.iter().map(start).collect(), extent }
    }

    /// All of the grid, for each region.
    pub(super) fn whole(&self) -> Place {
        Place { starts: vec![0; self.spans.len()], extent: self.length }
    }
}

/// Along one axis: where a tile lies, one start a region, and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) starts: Vec<i64>,
    pub(super) extent: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which outputs read a changed input, by looking at each.
    fn by_hand(span: &Range<usize>, slide: &Slide) -> Vec<usize> {
        let reads = |output: &usize| {
            let taps = (0..slide.kernel).map(|tap| output * slide.stride + tap * slide.dilation);
            taps.filter_map(|at| at.checked_sub(slide.before)).any(|at| span.contains(&at))
        };
        (0..slide.outputs).filter(reads).collect()
    }

    #[test]
    fn a_window_reaches_every_output_that_reads_the_change_and_few_others() {
        for kernel in 1..5 {
            for stride in 1..4 {
                for (dilation, before) in [(1, 0), (1, kernel / 2), (1, kernel - 1), (2, kernel - 1)] {
                    let field = (kernel - 1) * dilation + 1;
                    let length = 13;
                    let outputs = (length + 2 * before - field) / stride + 1;
                    let slide = Slide { kernel, dilation, stride, before, outputs };
                    let spans: Vec<_> = (0..length).flat_map(|a| (a + 1..=length).map(move |b| a..b)).collect();
                    let reach = Reach { length, spans: spans.clone() }.slide(&slide);
                    for (span, found) in spans.iter().zip(&reach.spans) {
                        let expected = by_hand(span, &slide);
                        assert!(expected.iter().all(|output| found.contains(output)), "{slide:?} {span:?}");
                        let exact = dilation == 1 && stride <= kernel;
                        assert!(!exact || found.len() == expected.len(), "{slide:?} {span:?}: {found:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_have_one_size_and_stay_inside() {
        let place = Reach { length: 10, spans: vec![0..2, 3..7, 9..10, 0..0] }.place();
        assert_eq!(place, Place { starts: vec![0, 3, 6, 0], extent: 4 });
        let slide = Slide { kernel: 3, dilation: 2, stride: 2, before: 1, outputs: 10 };
        assert_eq!(slide.reads(&place), Place { starts: vec![-1, 5, 11, -1], extent: 11 });
    }

    #[test]
    fn what_reaches_nothing_adds_nothing() {
        let reach = |spans: [Range<usize>; 3]| Reach { length: 9, spans: spans.to_vec() };
        let both = reach([0..0, 2..3, 4..6]).or(&reach([5..6, 0..0, 1..2]));
        assert_eq!(both, reach([5..6, 2..3, 1..6]));
    }
}

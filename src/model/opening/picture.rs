//! The picture on its way through a graph's first operators, and which values of the input make sense of them.

use crate::model::settings::{ChannelOrder, Range};

/// A tensor that still is the input's picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub(super) channels: Vec<Channel>,
    /// Which axis the channels lie along; None where they have none.
    pub(super) axis: Option<usize>,
    /// Whether its own statistics were taken off.
    pub(super) standardised: bool,
    /// Whether a BatchNormalization scaled it, whose statistics were learned.
    pub(super) learned: bool,
}

/// A channel of the picture: `scale * x + shift`, where `x` is that channel of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Channel {
    pub(super) source: usize,
    pub(super) scale: f64,
    pub(super) shift: f64,
}

/// The items of Python's `list[start:end:step]`.
pub(super) fn sliced(channels: &[Channel], start: i64, end: i64, step: i64) -> Option<Vec<Channel>> {
    let count = channels.len() as i64;
    let within = |index: i64, low: i64, high: i64| if index < 0 { index + count } else { index }.clamp(low, high);
    let picked: Vec<Channel> = match step {
        1.. => {
            let (start, end) = (within(start, 0, count), within(end, 0, count));
            (start..end).step_by(usize::try_from(step).ok()?).map(|index| channels[index as usize]).collect()
        }
        0 => return None,
        _ => {
            let end = if end < -count { -1 } else { within(end, -1, count - 1) };
            let start = within(start, -1, count - 1);
            let step = usize::try_from(step.unsigned_abs()).ok()?;
            (end + 1..=start).rev().step_by(step).map(|index| channels[index as usize]).collect()
        }
    };
    (!picked.is_empty()).then_some(picked)
}

impl Channel {
    pub(super) fn plus(self, value: f64) -> Channel {
        Channel { shift: self.shift + value, ..self }
    }

    pub(super) fn times(self, value: f64) -> Channel {
        Channel { scale: self.scale * value, shift: self.shift * value, ..self }
    }

    /// The value of the input that becomes 0.
    fn zero(self) -> f64 {
        -self.shift / self.scale
    }
}

impl Picture {
    pub(super) fn is_axis_of_channels(&self, axis: i64) -> bool {
        let rank = if self.axis.is_some() { 4 } else { 3 };
        let axis = if axis < 0 { axis + rank } else { axis };
        self.axis.is_some_and(|at| at as i64 == axis)
    }

    /// Changes each channel by a number of its own, or all by the same; a whole image of numbers counts by its mean.
    pub(super) fn map(&self, values: &[f64], change: impl Fn(Channel, f64) -> Channel) -> Option<Picture> {
        let mean = || values.iter().sum::<f64>() / values.len() as f64;
        let values = if values.len() == self.channels.len() { values.to_vec() } else { vec![mean()] };
        let value = |index: usize| values.get(index).or(values.first()).copied().filter(|value| value.is_finite());
        let changed = |(index, channel): (usize, &Channel)| Some(change(*channel, value(index)?));
        let channels: Option<Vec<Channel>> = self.channels.iter().enumerate().map(changed).collect();
        Some(Picture { channels: channels?, ..self.clone() })
    }

    /// The range of the input's values, as far as what is done to them tells. Networks want values of about -1 to 1, or what
    /// is left of 0 to 255 when a mean is taken off.
    pub(super) fn range(&self) -> Option<Range> {
        let count = self.channels.len().max(1) as f64;
        let mean = |of: fn(&Channel) -> f64| self.channels.iter().map(of).sum::<f64>() / count;
        let (scale, shift) = (mean(|channel| channel.scale.abs()), mean(|channel| channel.shift));
        let zero = mean(|channel| channel.zero());
        let near = |value: f64, wanted: f64| (value - wanted).abs() < 0.1;
        let found = if scale < 0.05 {
            Some(Range::Bytes)
        } else if scale < 0.9 {
            (near(scale, 0.5) && near(shift, 0.5)).then_some(Range::Signed)
        } else if scale < 1.1 {
            match shift {
                ..-2.0 => Some(Range::Bytes),
                -0.7..-0.3 => Some(Range::Unit),
                _ => None,
            }
        } else if (0.1..0.9).contains(&zero) || (scale > 100.0 && near(zero, 0.0) && shift.abs() < 1.0) {
            Some(Range::Unit)
        } else if near(zero, -1.0) || (-0.35..0.05).contains(&zero) && shift != 0.0 {
            Some(Range::Signed)
        } else {
            None
        };
        // What a BatchNormalization has learned of images that were normalised before looks like a little of everything.
        let found = found.filter(|range| match range {
            Range::Bytes => true,
            Range::Unit => !self.learned || scale > 2.5,
            Range::Signed => !self.learned,
        });
        found.or(self.standardised.then_some(Range::Bytes))
    }

    /// The order of the input's channels, where ImageNet's means are taken off: that of blue is the least.
    pub(super) fn order(&self, range: Range) -> Option<ChannelOrder> {
        let mean = |source: usize| {
            let channel = self.channels.iter().find(|channel| channel.source == source)?;
            Some(f64::from(range.pixel(channel.zero() as f32)) / 255.0)
        };
        let near = |value: f64, wanted: f64| (value - wanted).abs() < 0.02;
        let (first, last) = (mean(0)?, mean(2)?);
        if near(first, 0.406) && near(last, 0.485) {
            Some(ChannelOrder::Bgr)
        } else if near(first, 0.485) && near(last, 0.406) {
            Some(ChannelOrder::Rgb)
        } else {
            None
        }
    }
}

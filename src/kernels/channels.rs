//! One factor and one term for each channel: a normalisation that no convolution could take in, a gate.

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::lanes::{clip, finish, load};
use super::level::Job;
use super::{Activation, InstructionSet};

/// `activation(x · scale + shift)` in place, channel by channel: `values` is [pixels, channels], `scale` and `shift`
/// [channels].
///
/// # Panics
/// Where the lengths do not fit.
pub fn scale_channels(values: &mut [f32], scale: &[f32], shift: Option<&[f32]>, activation: Activation) {
    if scale.is_empty() {
        return;
    }
    assert!(shift.is_none_or(|shift| shift.len() == scale.len()), "one term a channel");
    assert!(values.len().is_multiple_of(scale.len()), "a whole number of pixels");
    InstructionSet::best().run(Scaling { values, scale, shift, activation });
}

struct Scaling<'a> {
    values: &'a mut [f32],
    scale: &'a [f32],
    shift: Option<&'a [f32]>,
    activation: Activation,
}

impl Job for Scaling<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Scaling { values, scale, shift, activation } = self;
        let (low, high) = match activation {
            Activation::Clip { low, high } => (low, high),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        };
        let zeros;
        let shift = if let Some(shift) = shift {
            shift
        } else {
            zeros = vec![0.0; scale.len()];
            &zeros
        };
        let lanes = S::f32s::LEN;
        let whole = scale.len() / lanes * lanes;
        for pixel in values.chunks_exact_mut(scale.len()) {
            let mut at = 0;
            while at < whole {
                let vector = &mut pixel[at..at + lanes];
                let value = S::f32s::from_slice(simd, vector).mul_add(load(simd, scale, at), load(simd, shift, at));
                clip(simd, value, low, high).store_slice(vector);
                at += lanes;
            }
            for ((value, scale), shift) in pixel[whole..].iter_mut().zip(&scale[whole..]).zip(&shift[whole..]) {
                *value = Activation::Clip { low, high }.of(value.mul_add(*scale, *shift));
            }
        }
        finish(simd, activation, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_own_line() {
        for channels in [1, 5, 16, 24, 37] {
            let values: Vec<f32> = (0..3 * channels).map(|i| i as f32 - 20.0).collect();
            let scale: Vec<f32> = (0..channels).map(|c| c as f32 * 0.5 - 1.0).collect();
            let shift: Vec<f32> = (0..channels).map(|c| 3.0 - c as f32).collect();
            for (shift, activation) in
                [(None, Activation::Identity), (Some(&shift[..]), Activation::RELU), (None, Activation::HardSwish)]
            {
                let mut found = values.clone();
                scale_channels(&mut found, &scale, shift, activation);
                for (at, found) in found.into_iter().enumerate() {
                    let c = at % channels;
                    let expected = activation.of(values[at] * scale[c] + shift.map_or(0.0, |shift| shift[c]));
                    assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} is not {expected}");
                }
            }
        }
    }
}

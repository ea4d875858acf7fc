//! What happens to a convolution's sums on their way to memory.

/// What is done to the sums of a convolution, in this order, after its bias.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tail<'a> {
    /// Added before the activation: as long as the output that is written, and laid out like it.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

/// A function of one number. NaN stays NaN in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// The number itself.
    #[default]
    Identity,
    /// Limits; ReLU is 0 to infinity, ReLU6 0 to 6.
    Clip {
        /// The least that comes out.
        low: f32,
        /// The most that comes out.
        high: f32,
    },
    /// `x · clip(x / 6 + 1/2, 0, 1)`
    HardSwish,
    /// `x / (1 + exp(-x))`
    Silu,
}

impl Activation {
    /// `max(0, x)`
    pub const RELU: Activation = Activation::Clip { low: 0.0, high: f32::INFINITY };

    /// The function at `x`, one number at a time.
    pub fn of(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Clip { low, high } => {
                let x = if x < low { low } else { x };
                if x > high { high } else { x }
            }
            Activation::HardSwish => {
                let gate = Activation::Clip { low: 0.0, high: 1.0 }.of(x / 6.0 + 0.5);
                x * gate
            }
            Activation::Silu => x / (1.0 + (-x).exp()),
        }
    }
}

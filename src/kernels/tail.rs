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
    /// `x / 2 · (1 + erf(x / sqrt(2)))`
    Gelu,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
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
            Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }
}

/// The error function is `x · P(x²) / Q(x²)` between -4 and 4, and 1 or -1 beyond, within 4e-7. The coefficients, of the highest
/// power first, are those of Eigen and XLA.
pub(super) const ERF_ABOVE: [f32; 7] =
    [-2.726_142_3e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2];
pub(super) const ERF_BELOW: [f32; 5] =
    [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];

fn erf(x: f32) -> f32 {
    let x = Activation::Clip { low: -4.0, high: 4.0 }.of(x);
    let at = |coefficients: &[f32]| coefficients.iter().fold(0.0f32, |sum, c| sum.mul_add(x * x, *c));
    x * at(&ERF_ABOVE) / at(&ERF_BELOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error function's Taylor series.
    fn erf_series(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_is_half_of_one_plus_the_error_function() {
        for step in -500..=500 {
            let x = step as f32 / 100.0;
            let (wide, half) = (f64::from(x), 0.5 * f64::from(x));
            let expected = half * (1.0 + erf_series(wide * std::f64::consts::FRAC_1_SQRT_2));
            assert!((f64::from(Activation::Gelu.of(x)) - expected).abs() < 1e-6, "at {x}");
        }
        assert!(Activation::Gelu.of(f32::NAN).is_nan());
        assert!((Activation::Gelu.of(50.0) - 50.0).abs() < 1e-5);
    }
}

//! Colour maps: from a number to a colour.
//!
//! A user picks one for positive maps; signed maps always get the diverging one, whose middle is zero.

/// A colour map for positive values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Colormap {
    /// Dark violet over red to pale yellow; evenly perceived, safe for colour-blind eyes.
    #[default]
    Inferno,
    /// Violet over green to yellow; evenly perceived, safe for colour-blind eyes.
    Viridis,
    /// A rainbow with its steps smoothed (Google, 2019).
    Turbo,
    /// The rainbow of old papers: its bright bands are edges that the data does not have.
    Jet,
    /// Black to white.
    Grey,
}

impl Colormap {
    /// All of them, in the order that the interface steps through.
    pub const ALL: [Colormap; 5] =
        [Colormap::Inferno, Colormap::Viridis, Colormap::Turbo, Colormap::Jet, Colormap::Grey];

    /// As users call it.
    pub fn name(self) -> &'static str {
        match self {
            Colormap::Inferno => "inferno",
            Colormap::Viridis => "viridis",
            Colormap::Turbo => "turbo",
            Colormap::Jet => "jet",
            Colormap::Grey => "grey",
        }
    }

    /// The next in [`Colormap::ALL`], around.
    #[must_use]
    pub fn next(self) -> Colormap {
        let position = Self::ALL.iter().position(|map| *map == self).unwrap_or(0);
        Self::ALL[(position + 1) % Self::ALL.len()]
    }

    /// The colour of a value in `[0, 1]`; values outside are clipped, NaN counts as 0.
    pub fn colour(self, value: f32) -> [u8; 3] {
        let value = f64::from(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) });
        match self {
            Colormap::Inferno => channels(colorous::INFERNO.eval_continuous(value)),
            Colormap::Viridis => channels(colorous::VIRIDIS.eval_continuous(value)),
            Colormap::Turbo => channels(colorous::TURBO.eval_continuous(value)),
            Colormap::Jet => jet(value),
            Colormap::Grey => [(value * 255.0).round() as u8; 3],
        }
    }

    /// The colour of a signed value in `[-1, 1]`: blue against, white at zero, red for.
    pub fn diverging(value: f32) -> [u8; 3] {
        let value = f64::from(if value.is_nan() { 0.0 } else { value.clamp(-1.0, 1.0) });
        channels(colorous::RED_BLUE.eval_continuous(0.5 - value / 2.0))
    }
}

fn channels(colour: colorous::Color) -> [u8; 3] {
    [colour.r, colour.g, colour.b]
}

/// MATLAB's jet: three trapezoids, a quarter of the range apart.
fn jet(value: f64) -> [u8; 3] {
    [3.0, 2.0, 1.0].map(|centre| {
        let height = 1.5 - (4.0 * value - centre).abs();
        (height.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jet_has_matlabs_corners() {
        assert_eq!(Colormap::Jet.colour(0.0), [0, 0, 128]);
        assert_eq!(Colormap::Jet.colour(0.5), [128, 255, 128]);
        assert_eq!(Colormap::Jet.colour(1.0), [128, 0, 0]);
    }

    #[test]
    fn the_diverging_map_is_pale_at_zero_and_red_for() {
        let [zero, positive, negative] = [0.0, 1.0, -1.0].map(Colormap::diverging);
        assert!(zero.iter().all(|channel| *channel > 230), "{zero:?}");
        assert!(positive[0] > positive[2] && negative[2] > negative[0], "{positive:?} {negative:?}");
    }

    #[test]
    fn the_perceptual_maps_grow_brighter_with_the_value() {
        let luminance = |[r, g, b]: [u8; 3]| 0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b);
        for map in [Colormap::Inferno, Colormap::Viridis, Colormap::Grey] {
            let ramp: Vec<f32> = (0..=20).map(|step| luminance(map.colour(step as f32 / 20.0))).collect();
            assert!(ramp.windows(2).all(|pair| pair[0] < pair[1]), "{}: {ramp:?}", map.name());
        }
    }

    #[test]
    fn values_out_of_range_are_clipped() {
        for map in Colormap::ALL {
            assert_eq!(map.colour(7.0), map.colour(1.0));
            assert_eq!(map.colour(f32::NAN), map.colour(0.0));
        }
    }

    #[test]
    fn stepping_visits_all_and_comes_back() {
        let mut map = Colormap::default();
        for _ in Colormap::ALL {
            map = map.next();
        }
        assert_eq!(map, Colormap::default());
    }
}

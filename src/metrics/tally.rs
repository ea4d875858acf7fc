//! Means over images.

/// The mean of figures that come one by one, and how sure it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    count: usize,
    mean: f64,
    /// The sum of squared deviations from the mean.
    squares: f64,
}

impl Tally {
    /// Takes in a figure.
    pub fn add(&mut self, figure: f64) {
        self.count += 1;
        let deviation = figure - self.mean;
        self.mean += deviation / self.count as f64;
        self.squares += deviation * (figure - self.mean);
    }

    /// How many figures there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their mean; none without any.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The standard error of the mean; none for fewer than two.
    pub fn standard_error(&self) -> Option<f64> {
        let count = self.count as f64;
        (self.count > 1).then(|| (self.squares / (count - 1.0) / count).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_standard_error_are_the_textbooks() {
        let mut tally = Tally::default();
        assert_eq!((tally.mean(), tally.standard_error()), (None, None));
        for figure in [2.0, 4.0, 4.0, 6.0] {
            tally.add(figure);
        }
        assert_eq!((tally.count(), tally.mean()), (4, Some(4.0)));
        // The variance is 8 / 3, over 4 figures.
        assert!((tally.standard_error().unwrap() - (2.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}

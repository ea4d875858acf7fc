//! Random numbers that do not depend on the number of threads: every draw has a generator of its own, seeded by what it is
//! for.

use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Random numbers for item `index` of a run: the same for the same arguments, unrelated for others.
pub fn random(seed: u64, index: usize) -> Xoshiro256PlusPlus {
    // Weyl steps with two odd constants keep (seed, index) pairs apart; the generator's own seeding scrambles them.
    let state =
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add((index as u64).wrapping_mul(0xD1B5_4A32_D192_ED03));
    Xoshiro256PlusPlus::seed_from_u64(state)
}

/// A standard normal number, by Box and Muller's method.
pub fn normal(random: &mut impl Rng) -> f32 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    ((-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_has_its_own_numbers() {
        let first = |seed, index| random(seed, index).next_u64();
        assert_eq!(first(3, 5), first(3, 5));
        let mut all: Vec<u64> = (0..20).flat_map(|seed| (0..50).map(move |index| first(seed, index))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn the_noise_is_standard_normal_and_repeats_for_the_same_seed() {
        let draw = |seed| (0..20_000).map(|i| f64::from(normal(&mut random(seed, i)))).collect::<Vec<_>>();
        let values = draw(7);
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 20_000.0;
        // Four standard errors: 1 / sqrt(n) of the mean, sqrt(2 / n) of the variance.
        assert!(mean.abs() < 4.0 / 20_000_f64.sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / 20_000_f64).sqrt(), "{variance}");
        assert_eq!(values, draw(7));
        assert_ne!(values, draw(8));
    }
}

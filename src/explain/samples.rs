//! Samples of the network: what the network said to many changed inputs, all classes of it; and the superpixels they hide.
//!
//! The changed inputs of a method do not depend on the target, so whoever keeps the answers explains another target without
//! asking again. Sample `i` depends on its key and on `i` alone: a list that was cut short is a prefix, and goes on
//! where it stopped.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::Subject;
use crate::cache::Cache;
use crate::network::Scores;
use crate::raster::superpixels::Labels;

/// The logits of each changed input so far, in the order of their numbers.
pub(super) type Samples = Vec<Arc<Scores>>;

/// What samples are of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SampleKey {
    /// What changes the inputs; methods that hide the same share their samples.
    pub(super) kind: &'static str,
    /// A fingerprint of the input.
    pub(super) input: u64,
    /// The seed, 0 where nothing is drawn.
    pub(super) seed: u64,
    /// All parameters that change an input.
    pub(super) parameters: String,
}

impl SampleKey {
    /// The key of samples of a subject.
    pub(super) fn new(kind: &'static str, subject: Subject<'_>, seed: u64, parameters: String) -> SampleKey {
        let mut hasher = DefaultHasher::new();
        for value in subject.pass.input.iter() {
            value.to_bits().hash(&mut hasher);
        }
        SampleKey { kind, input: hasher.finish(), seed, parameters }
    }
}

/// How many images' superpixels are kept: each takes a megabyte or so, and dividing an image again a second.
const DIVISIONS: usize = 16;

/// Samples of one classifier, bounded in bytes: what was used longest ago goes first.
#[derive(Debug)]
pub struct SampleCache {
    samples: Mutex<Cache<SampleKey, Samples>>,
    divisions: Mutex<Cache<SampleKey, Labels>>,
}

impl SampleCache {
    /// A cache for `budget` bytes of samples.
    pub fn new(budget: usize) -> SampleCache {
        SampleCache { samples: Mutex::new(Cache::new(budget)), divisions: Mutex::new(Cache::new(DIVISIONS)) }
    }

    /// The bytes that the samples hold.
    pub fn bytes(&self) -> usize {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).weight()
    }

    /// The rows of that key, as far as they are known.
    pub(super) fn get(&self, key: &SampleKey) -> Samples {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.touch(key);
        samples.get(key).cloned().unwrap_or_default()
    }

    /// The superpixels of that key, where they are known.
    pub(super) fn labels(&self, key: &SampleKey) -> Option<Labels> {
        let mut divisions = self.divisions.lock().unwrap_or_else(PoisonError::into_inner);
        divisions.touch(key);
        divisions.get(key).cloned()
    }

    /// Keeps an image's superpixels.
    pub(super) fn put_labels(&self, key: SampleKey, labels: Labels) {
        self.divisions.lock().unwrap_or_else(PoisonError::into_inner).insert(key, labels, 1);
    }

    /// Keeps samples, unless more of that key are there, or they are too large to be kept.
    pub(super) fn put(&self, key: SampleKey, new: Samples) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = weight(&new);
        let is_known = samples.get(&key).is_some_and(|known| known.len() >= new.len());
        if !new.is_empty() && !is_known && weight <= samples.budget() {
            samples.insert(key, new, weight);
        }
    }
}

/// The bytes that samples take.
fn weight(samples: &Samples) -> usize {
    samples.iter().map(|row| row.bytes() + size_of::<Arc<Scores>>() + 2 * size_of::<usize>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u64) -> SampleKey {
        SampleKey { kind: "test", input: 7, seed, parameters: String::new() }
    }

    fn samples(rows: usize) -> Samples {
        (0..rows).map(|_| Arc::new(Scores::softmax(&[0.0; 8]))).collect()
    }

    #[test]
    fn more_samples_replace_fewer_and_never_the_reverse() {
        let cache = SampleCache::new(1 << 20);
        cache.put(key(0), samples(4));
        cache.put(key(0), samples(2));
        assert_eq!(cache.get(&key(0)).len(), 4);
        cache.put(key(0), samples(6));
        assert_eq!((cache.get(&key(0)).len(), cache.get(&key(1)).len()), (6, 0));
    }

    #[test]
    fn what_was_used_longest_ago_goes_when_the_budget_is_spent() {
        let cache = SampleCache::new(2 * weight(&samples(10)));
        for seed in 0..3 {
            cache.put(key(seed), samples(10));
            cache.get(&key(0));
        }
        let lengths = [0, 1, 2].map(|seed| cache.get(&key(seed)).len());
        assert_eq!(lengths, [10, 0, 10]);
        assert_eq!(cache.bytes(), 2 * weight(&samples(10)));
    }
}

//! Banks of model calls: what the network said to many changed inputs, all classes of it; and the superpixels they hide.
//!
//! The changed inputs of a method do not depend on the target, so whoever keeps the answers explains another target without
//! asking again. Row `i` of a bank depends on its key and on `i` alone: a bank that was cut short is a prefix, and goes on
//! where it stopped.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::Subject;
use crate::cache::Cache;
use crate::network::Scores;
use crate::raster::superpixels::Labels;

/// The logits of each changed input so far, in the order of their numbers.
pub(super) type Bank = Vec<Arc<Scores>>;

/// What a bank's rows are of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BankKey {
    /// What changes the inputs; methods that hide the same share their bank.
    pub(super) kind: &'static str,
    /// A fingerprint of the input.
    pub(super) input: u64,
    /// The seed, 0 where nothing is drawn.
    pub(super) seed: u64,
    /// All parameters that change an input.
    pub(super) parameters: String,
}

impl BankKey {
    /// The key of a subject's bank.
    pub(super) fn new(kind: &'static str, subject: Subject<'_>, seed: u64, parameters: String) -> BankKey {
        let mut hasher = DefaultHasher::new();
        for value in subject.pass.input.iter() {
            value.to_bits().hash(&mut hasher);
        }
        BankKey { kind, input: hasher.finish(), seed, parameters }
    }
}

/// How many images' superpixels are kept: each takes a megabyte or so, and dividing an image again a second.
const DIVISIONS: usize = 16;

/// Banks of one classifier, bounded in bytes: what was used longest ago goes first.
#[derive(Debug)]
pub struct BankCache {
    banks: Mutex<Cache<BankKey, Bank>>,
    divisions: Mutex<Cache<BankKey, Labels>>,
}

impl BankCache {
    /// A cache for banks of `budget` bytes together.
    pub fn new(budget: usize) -> BankCache {
        BankCache { banks: Mutex::new(Cache::new(budget)), divisions: Mutex::new(Cache::new(DIVISIONS)) }
    }

    /// The bytes that the banks hold.
    pub fn bytes(&self) -> usize {
        self.banks.lock().unwrap_or_else(PoisonError::into_inner).weight()
    }

    /// The rows of that key, as far as they are known.
    pub(super) fn get(&self, key: &BankKey) -> Bank {
        let mut banks = self.banks.lock().unwrap_or_else(PoisonError::into_inner);
        banks.touch(key);
        banks.get(key).cloned().unwrap_or_default()
    }

    /// The superpixels of that key, where they are known.
    pub(super) fn labels(&self, key: &BankKey) -> Option<Labels> {
        let mut divisions = self.divisions.lock().unwrap_or_else(PoisonError::into_inner);
        divisions.touch(key);
        divisions.get(key).cloned()
    }

    /// Keeps an image's superpixels.
    pub(super) fn put_labels(&self, key: BankKey, labels: Labels) {
        self.divisions.lock().unwrap_or_else(PoisonError::into_inner).insert(key, labels, 1);
    }

    /// Keeps a bank, unless a longer one of its key is there, or it is too large to be kept.
    pub(super) fn put(&self, key: BankKey, bank: Bank) {
        let mut banks = self.banks.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = weight(&bank);
        let is_known = banks.get(&key).is_some_and(|known| known.len() >= bank.len());
        if !bank.is_empty() && !is_known && weight <= banks.budget() {
            banks.insert(key, bank, weight);
        }
    }
}

/// The bytes that a bank takes.
fn weight(bank: &Bank) -> usize {
    bank.iter().map(|row| row.bytes() + size_of::<Arc<Scores>>() + 2 * size_of::<usize>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u64) -> BankKey {
        BankKey { kind: "test", input: 7, seed, parameters: String::new() }
    }

    fn bank(rows: usize) -> Bank {
        (0..rows).map(|_| Arc::new(Scores::softmax(&[0.0; 8]))).collect()
    }

    #[test]
    fn a_longer_bank_replaces_a_shorter_one_and_never_the_reverse() {
        let cache = BankCache::new(1 << 20);
        cache.put(key(0), bank(4));
        cache.put(key(0), bank(2));
        assert_eq!(cache.get(&key(0)).len(), 4);
        cache.put(key(0), bank(6));
        assert_eq!((cache.get(&key(0)).len(), cache.get(&key(1)).len()), (6, 0));
    }

    #[test]
    fn what_was_used_longest_ago_goes_when_the_budget_is_spent() {
        let cache = BankCache::new(2 * weight(&bank(10)));
        for seed in 0..3 {
            cache.put(key(seed), bank(10));
            cache.get(&key(0));
        }
        let lengths = [0, 1, 2].map(|seed| cache.get(&key(seed)).len());
        assert_eq!(lengths, [10, 0, 10]);
        assert_eq!(cache.bytes(), 2 * weight(&bank(10)));
    }
}

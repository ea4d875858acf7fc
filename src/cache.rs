//! Results that are kept for coming back, bounded in bytes or in number.

use std::hash::Hash;

use lru::LruCache;

/// A map that forgets what was used longest ago once its values weigh more than its budget.
#[derive(Debug)]
pub struct Cache<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    weight: usize,
    budget: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// An empty cache for values that weigh `budget` together.
    pub fn new(budget: usize) -> Self {
        Cache { entries: LruCache::unbounded(), weight: 0, budget }
    }

    /// What all values together may weigh.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// The value, without counting as use: for drawing.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.peek(key).map(|(value, _)| value)
    }

    /// Whether there is a value.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains(key)
    }

    /// Marks the value as used just now.
    pub fn touch(&mut self, key: &K) {
        self.entries.promote(key);
    }

    /// Stores a value that weighs so much. What was used longest ago goes; the newest stays even if it is over the budget.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        self.weight += weight;
        if let Some((_, old)) = self.entries.put(key, (value, weight)) {
            self.weight -= old;
        }
        while self.weight > self.budget && self.entries.len() > 1 {
            let Some((_, (_, old))) = self.entries.pop_lru() else { break };
            self.weight -= old;
        }
    }

    /// Forgets all values whose key is so.
    pub fn forget(&mut self, is_so: impl Fn(&K) -> bool)
    where
        K: Clone,
    {
        let keys: Vec<K> = self.entries.iter().map(|(key, _)| key).filter(|key| is_so(key)).cloned().collect();
        for key in keys {
            self.weight -= self.entries.pop(&key).map_or(0, |(_, weight)| weight);
        }
    }

    /// How many values of the size of those held the budget has room for.
    pub fn room(&self) -> usize {
        let average = self.weight / self.entries.len().max(1);
        self.budget / average.max(1)
    }

    /// Whether a value that weighs so much fits in without anything being forgotten.
    pub fn fits(&self, weight: usize) -> bool {
        self.weight + weight <= self.budget
    }

    /// What all values weigh together.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(100);
        cache.insert('a', 1, 40);
        cache.insert('b', 2, 40);
        cache.touch(&'a');
        cache.insert('c', 3, 40);
        assert_eq!((cache.get(&'a'), cache.get(&'b'), cache.get(&'c')), (Some(&1), None, Some(&3)));
        assert_eq!(cache.weight(), 80);
    }

    #[test]
    fn what_is_forgotten_weighs_nothing() {
        let mut cache = Cache::new(100);
        cache.insert('a', 1, 40);
        cache.insert('b', 2, 50);
        cache.forget(|key| *key == 'a');
        assert_eq!((cache.get(&'a'), cache.get(&'b'), cache.weight()), (None, Some(&2), 50));
    }

    #[test]
    fn replacing_does_not_count_twice_and_a_giant_still_fits() {
        let mut cache = Cache::new(100);
        cache.insert('a', 1, 90);
        cache.insert('a', 2, 90);
        assert_eq!((cache.get(&'a'), cache.weight()), (Some(&2), 90));
        cache.insert('b', 3, 1000);
        assert_eq!((cache.get(&'a'), cache.get(&'b')), (None, Some(&3)));
    }
}

//! Pixels by rank.

use rand::RngExt as _;

use crate::random::random;
use crate::raster::Map;

/// The pixels of a map (row after row, from 0) from the most relevant to the least. Pixels that are equally relevant, of
/// which a rectified map has many, come in an order drawn from `seed`: any fixed one would favour a side of the image.
pub fn order(relevance: &Map, seed: u64) -> Vec<usize> {
    let mut random = random(seed, 0);
    let keys: Vec<(f32, u64)> = relevance.iter().map(|value| (*value, random.random())).collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_unstable_by(|a, b| keys[*b].0.total_cmp(&keys[*a].0).then(keys[*a].1.cmp(&keys[*b].1)));
    order
}

/// The rank of each pixel, from 0, for pixels in this order.
pub(super) fn ranks(order: &[usize]) -> Vec<usize> {
    let mut ranks = vec![0; order.len()];
    for (rank, pixel) in order.iter().enumerate() {
        ranks[*pixel] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_largest_comes_first_and_ties_are_drawn() {
        let map = array![[0.0, 3.0, -1.0], [0.0, 0.0, 7.0]];
        let found = order(&map, 1);
        assert_eq!((&found[..2], found[5]), (&[5, 1][..], 2));
        assert_eq!(found, order(&map, 1));
        let flat = Map::zeros((8, 8));
        assert_ne!(order(&flat, 1), order(&flat, 2));
        assert_eq!(ranks(&[2, 0, 1]), [1, 2, 0]);
    }

    /// Over many seeds each pixel of a flat map is first equally often.
    #[test]
    fn ties_favour_no_side() {
        let flat = Map::zeros((2, 2));
        let mut first = [0; 4];
        for seed in 0..4000 {
            first[order(&flat, seed)[0]] += 1;
        }
        // 1000 each, with a standard deviation of 27.
        assert!(first.iter().all(|count| (850..1150).contains(count)), "{first:?}");
    }
}

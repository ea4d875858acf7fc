//! Where values lie in a common stretch of memory.

use std::ops::Range;

/// Numbers in a line of the processor's caches, where every value begins.
const LINE: usize = 16;

/// Numbers in a page.
const PAGE: usize = 1024;

/// By how much the places of values that are computed one after the other differ within a page. A processor takes a number
/// that it reads for one that it has just written where the two differ by whole pages, and waits.
const APART: usize = 336;

/// A value that needs a place.
#[derive(Debug, Clone)]
pub(super) struct Need {
    /// How many numbers it has.
    pub(super) len: usize,
    /// The first and the last step that it must be there for.
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Need {
    fn meets(&self, other: &Need) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Places for all values such that those needed at one time are disjoint: the largest values first, each as far to the front
/// as it goes, which is close to the least memory and keeps using the same.
pub(super) fn places(needs: &[Need]) -> Vec<Range<usize>> {
    let mut largest_first: Vec<usize> = (0..needs.len()).collect();
    largest_first.sort_by_key(|value| std::cmp::Reverse(needs[*value].len));
    let mut places = vec![0..0; needs.len()];
    let mut placed: Vec<usize> = vec![];
    for value in largest_first {
        let need = &needs[value];
        let mut taken: Vec<Range<usize>> =
            placed.iter().filter(|other| needs[**other].meets(need)).map(|other| places[*other].clone()).collect();
        taken.sort_by_key(|place| place.start);
        let phase = (need.first % 3) * APART / LINE * LINE;
        let mut start = phase;
        for place in taken {
            if start + need.len <= place.start {
                break;
            }
            start = start.max((place.end + PAGE - phase).next_multiple_of(PAGE) - PAGE + phase);
        }
        places[value] = start..start + need.len;
        placed.push(value);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_needed_together_do_not_share_memory_and_others_do() {
        let lens = [70_000, 5_000, 70_000, 3, 40_000, 70_000, 1_024, 9];
        let needs: Vec<Need> =
            lens.iter().enumerate().map(|(at, len)| Need { len: *len, first: at, last: at + 1 + at % 3 }).collect();
        let places = places(&needs);
        for (a, b) in (0..needs.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let apart = places[a].end <= places[b].start || places[b].end <= places[a].start;
            assert!(apart || !needs[a].meets(&needs[b]), "{:?} and {:?}", places[a], places[b]);
        }
        assert!(places.iter().zip(lens).all(|(place, len)| place.len() == len && place.start % LINE == 0));
        let all = places.iter().map(|place| place.end).max().unwrap();
        assert!(all < 200_000, "{all} numbers for at most 150,000 at a time");
    }
}

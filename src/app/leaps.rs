//! Images in leaps over the whole list rather than one after the other, so that those asked first speak for all, whatever
//! the order they are stored in. After Roberts, The Unreasonable Effectiveness of Quasirandom Sequences, 2018.

use std::collections::BTreeSet;

use super::ImageId;

/// The golden ratio's share of 2^64: its multiples, modulo that, are spread evenly however many there are.
const LEAP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A set of images, in the order of their leaps.
#[derive(Debug, Default)]
pub(super) struct Leaps(BTreeSet<(u64, ImageId)>);

fn leap(image: ImageId) -> (u64, ImageId) {
    ((image as u64).wrapping_mul(LEAP), image)
}

impl Leaps {
    pub(super) fn iter(&self) -> impl Iterator<Item = ImageId> {
        self.0.iter().map(|(_, image)| *image)
    }

    pub(super) fn contains(&self, image: ImageId) -> bool {
        self.0.contains(&leap(image))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, image: ImageId) {
        self.0.insert(leap(image));
    }

    /// Whether the image was there.
    pub(super) fn remove(&mut self, image: ImageId) -> bool {
        self.0.remove(&leap(image))
    }
}

impl Extend<ImageId> for Leaps {
    fn extend<T: IntoIterator<Item = ImageId>>(&mut self, images: T) {
        self.0.extend(images.into_iter().map(leap));
    }
}

impl FromIterator<ImageId> for Leaps {
    fn from_iter<T: IntoIterator<Item = ImageId>>(images: T) -> Leaps {
        Leaps(images.into_iter().map(leap).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_come_from_all_over_the_list() {
        let mut first: Vec<ImageId> = (0..1000).collect::<Leaps>().iter().take(20).collect();
        first.sort_unstable();
        let widest = first.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest.is_some_and(|gap| gap < 150) && first[0] < 100 && first[19] > 900, "{first:?}");
    }
}

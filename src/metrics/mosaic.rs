//! Mosaics of images, for the grid pointing game.

use ndarray::{ArrayD, Axis, Slice};
use rand::seq::SliceRandom as _;

use super::Mask;
use crate::network::Layout;
use crate::random::random;

/// Which images make a mosaic of n x n, and which of them is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mosaic {
    /// The images, as they were numbered, row after row.
    pub images: Vec<usize>,
    /// The cell whose class is explained.
    pub cell: usize,
    side: usize,
}

impl Mosaic {
    /// A mosaic of `side` x `side` images around image `explained`, the others and their places drawn from `seed`. Every
    /// image is of another class; `classes` is the class of each, none for those that the network gets wrong. None where
    /// `explained` is one of them, or where there are too few classes.
    pub fn draw(classes: &[Option<usize>], explained: usize, side: usize, seed: u64) -> Option<Mosaic> {
        let own = classes[explained]?;
        let mut random = random(seed, 0);
        let mut others: Vec<usize> = (0..classes.len()).collect();
        others.shuffle(&mut random);
        let (mut images, mut taken) = (vec![explained], vec![own]);
        for other in others {
            if let Some(class) = classes[other].filter(|class| images.len() < side * side && !taken.contains(class)) {
                images.push(other);
                taken.push(class);
            }
        }
        if images.len() < side * side {
            return None;
        }
        images.shuffle(&mut random);
        let cell = images.iter().position(|image| *image == explained)?;
        Some(Mosaic { images, cell, side })
    }

    /// The mosaic's tensor from those of its images, in their order, each `[1, C, H, W]` or `[1, H, W, C]`.
    pub fn tensor(&self, tensors: &[ArrayD<f32>], layout: Layout) -> ArrayD<f32> {
        let rows = rows_axis(layout);
        let (height, width) = (tensors[0].shape()[rows], tensors[0].shape()[rows + 1]);
        let mut shape = tensors[0].shape().to_vec();
        shape[rows] *= self.side;
        shape[rows + 1] *= self.side;
        let mut mosaic = ArrayD::zeros(shape);
        for (cell, tensor) in tensors.iter().enumerate() {
            let (y, x) = (cell / self.side * height, cell % self.side * width);
            let mut place = mosaic.view_mut();
            place.slice_axis_inplace(Axis(rows), Slice::from(y..y + height));
            place.slice_axis_inplace(Axis(rows + 1), Slice::from(x..x + width));
            place.assign(tensor);
        }
        mosaic
    }

    /// Where the cell that is explained lies in a mosaic of images of this height and width.
    pub fn mask(&self, (height, width): (usize, usize)) -> Mask {
        let cell = (self.cell / self.side, self.cell % self.side);
        Mask::from_shape_fn((height * self.side, width * self.side), |(y, x)| (y / height, x / width) == cell)
    }
}

fn rows_axis(layout: Layout) -> usize {
    match layout {
        Layout::Nchw => 2,
        Layout::Nhwc => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::IxDyn;

    #[test]
    fn every_cell_has_another_class_and_nothing_that_the_network_gets_wrong() {
        let classes: Vec<Option<usize>> = (0..40).map(|i| (i % 7 != 3).then_some(i % 5)).collect();
        let mut cells = [0; 4];
        for explained in 0..40 {
            let Some(mosaic) = Mosaic::draw(&classes, explained, 2, explained as u64) else {
                assert_eq!(classes[explained], None);
                continue;
            };
            let mut seen: Vec<usize> = mosaic.images.iter().map(|image| classes[*image].unwrap()).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!((seen.len(), mosaic.images[mosaic.cell]), (4, explained));
            cells[mosaic.cell] += 1;
        }
        assert!(cells.iter().all(|count| *count > 0), "always in the same place: {cells:?}");
        assert_eq!(Mosaic::draw(&[Some(0), Some(1), Some(2)], 0, 2, 0), None, "four classes are needed");
    }

    #[test]
    fn images_lie_row_after_row_in_either_layout() {
        let mosaic = Mosaic { images: vec![0, 1, 2, 3], cell: 2, side: 2 };
        for (layout, shape, at) in
            [(Layout::Nchw, [1, 1, 2, 3], [0, 0, 2, 3]), (Layout::Nhwc, [1, 2, 3, 1], [0, 2, 3, 0])]
        {
            let tensors: Vec<_> = (0..4).map(|image| ArrayD::from_elem(IxDyn(&shape), image as f32)).collect();
            let whole = mosaic.tensor(&tensors, layout);
            assert_eq!((whole.len(), whole[IxDyn(&at)]), (24, 3.0));
        }
        let mask = mosaic.mask((2, 3));
        assert!(mask[[2, 0]] && mask[[3, 2]] && !mask[[1, 0]] && !mask[[2, 3]]);
        assert_eq!(mask.iter().filter(|inside| **inside).count() * 4, mask.len());
    }
}

//! Pictures as data: what they are made of, and a key to remember their encoded form by.

use super::MapKey;
use super::jobs::ImageId;
use crate::raster::{Colormap, Composition};

/// A picture to be shown. Making and encoding its pixels is for workers.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The same key means the same pixels (at the same size).
    pub key: PictureKey,
    /// How to make them.
    pub composition: Composition,
}

/// What a picture is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PictureKey {
    /// The image.
    pub image: ImageId,
    /// The model's input in place of the file's image.
    pub seen: bool,
    /// Whether the image itself is visible.
    pub base: bool,
    /// What lies over it. A terminal that lays one picture over another keys the two by this and by the rest.
    pub heat: Option<HeatKey>,
}

/// What the heat over a picture is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeatKey {
    /// The map.
    pub map: MapKey,
    /// Model calls that went into it, where it is partial.
    pub calls: Option<usize>,
    /// Its colours.
    pub colormap: Colormap,
    /// Its opacity in percent.
    pub percent: u8,
}

//! A rectangle in an image's own pixels.

/// A rectangle in pixels of the upright image, from its top-left corner; fractions count. A letterboxed input reaches
/// beyond the image, so `x` and `y` may be negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Region {
    /// The whole of an image of that size.
    pub fn whole(width: u32, height: u32) -> Region {
        Region { x: 0.0, y: 0.0, width: width as f32, height: height as f32 }
    }

    /// Where it lies once `part` of the picture is drawn at `place`.
    #[must_use]
    pub fn within(self, part: Region, place: Region) -> Region {
        let (across, down) = (place.width / part.width, place.height / part.height);
        Region {
            x: place.x + (self.x - part.x) * across,
            y: place.y + (self.y - part.y) * down,
            width: self.width * across,
            height: self.height * down,
        }
    }

    /// What of it lies within an image of that size.
    #[must_use]
    pub fn clipped(self, (width, height): (u32, u32)) -> Region {
        let (x, y) = (self.x.clamp(0.0, width as f32), self.y.clamp(0.0, height as f32));
        let right = (self.x + self.width).clamp(x, width as f32);
        let bottom = (self.y + self.height).clamp(y, height as f32);
        Region { x, y, width: right - x, height: bottom - y }
    }

    /// The same rectangle after the image was resized by these factors.
    #[must_use]
    pub fn scaled(self, horizontally: f32, vertically: f32) -> Region {
        Region {
            x: self.x * horizontally,
            y: self.y * vertically,
            width: self.width * horizontally,
            height: self.height * vertically,
        }
    }
}

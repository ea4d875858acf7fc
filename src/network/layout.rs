//! The order of an input's axes.

use crate::text::words;

/// The order of the axes in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

words!(Layout, "layout": "nchw" = Layout::Nchw, "nhwc" = Layout::Nhwc);

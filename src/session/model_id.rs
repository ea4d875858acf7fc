//! Which model.

/// Which of the models at work: the first one, unless somebody counts further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ModelId(u16);

impl ModelId {
    /// The one that so many come before.
    pub fn new(before: u16) -> ModelId {
        ModelId(before)
    }
}

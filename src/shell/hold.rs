//! Whether a picture is held back until its heat is there: where the two are sent as one, whatever goes out before is sent for
//! nothing, and may take longer than the heat.

use std::time::{Duration, Instant};

use crate::app::PictureKey;

/// So long another picture that is sent together with its heat waits for it, where pictures cost nothing.
const BRIEFLY: Duration = Duration::from_millis(600);
/// So long the first one waits, and any where pictures take their time; where heat is sent alone, so long a better picture waits.
const LONG: Duration = Duration::from_secs(3);

/// The way that pictures go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Each is sent whole, with its heat in it.
    pub(super) is_whole: bool,
    /// The line carries anything.
    pub(super) is_fast: bool,
}

impl Way {
    /// Whether something is worth waiting for.
    fn is_lacking(self, key: &PictureKey, has_overlay: bool) -> bool {
        let is_partial = key.heat.as_ref().is_some_and(|heat| heat.calls.is_some());
        !has_overlay || self.is_whole && !self.is_fast && is_partial
    }
}

/// The picture that waits for its heat.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// What it is of, and until when it waits; none once it has waited for long enough.
    waiting: Option<(PictureKey, Option<Instant>)>,
}

impl Hold {
    /// Whether a picture waits that has something over it or not, and whose heat is still being made; `shown` is on the screen.
    pub(super) fn waits(
        &mut self,
        key: &PictureKey,
        has_overlay: bool,
        shown: Option<&PictureKey>,
        way: Way,
        now: Instant,
    ) -> bool {
        let before = self.waiting.take();
        if !way.is_lacking(key, has_overlay) {
            return false;
        }
        let base = key.base();
        // What is seen of it already will do until the map is finished.
        if way.is_whole && has_overlay && shown.is_some_and(|shown| shown.base() == base) {
            return true;
        }
        let patience = if way.is_whole && way.is_fast && shown.is_some() { BRIEFLY } else { LONG };
        let until = before.filter(|(key, _)| *key == base).map_or(Some(now + patience), |(_, until)| until);
        let until = until.filter(|until| now < *until);
        self.waiting = Some((base, until));
        until.is_some()
    }

    /// Nothing waits.
    pub(super) fn release(&mut self) -> bool {
        self.waiting = None;
        false
    }

    /// When it will have waited for long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref().and_then(|(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{End, HeatKey, ImageKey, ModelId, Origin};
    use crate::raster::Colormap;

    const LOCAL: Way = Way { is_whole: true, is_fast: true };
    const SLOW: Way = Way { is_whole: true, is_fast: false };

    fn picture(id: usize) -> PictureKey {
        PictureKey::of(ImageKey { model: ModelId::new(0), id })
    }

    /// With a map of so many model calls, or a finished one.
    fn explained(id: usize, calls: Option<usize>) -> PictureKey {
        let of = Origin::Exemplars(0, 0, End::High, Vec::new());
        PictureKey { heat: Some(HeatKey { of, calls, colormap: Colormap::Grey, percent: 50 }), ..picture(id) }
    }

    #[test]
    fn the_first_picture_waits_for_its_heat_longer_than_others_where_pictures_cost_nothing() {
        let now = Instant::now();
        let mut hold = Hold::default();
        assert!(hold.waits(&picture(0), false, None, LOCAL, now));
        assert!(hold.waits(&picture(0), false, None, LOCAL, now + 2 * BRIEFLY));
        assert!(!hold.waits(&explained(0, None), true, None, LOCAL, now + 2 * BRIEFLY), "here it is");
        let shown = explained(0, None);
        for (way, patience) in [(LOCAL, BRIEFLY), (SLOW, LONG)] {
            hold.release();
            assert!(hold.waits(&picture(1), false, Some(&shown), way, now));
            assert_eq!(hold.deadline(), Some(now + patience));
            assert!(!hold.waits(&picture(1), false, Some(&shown), way, now + patience), "the picture alone, then");
            assert_eq!(hold.deadline(), None);
            assert!(
                !hold.waits(&picture(1), false, Some(&shown), way, now + 2 * patience),
                "and it does not wait again"
            );
        }
    }

    #[test]
    fn over_a_slow_line_an_unfinished_map_is_shown_once_at_most() {
        let now = Instant::now();
        let mut hold = Hold::default();
        let partial = |calls| explained(0, Some(calls));
        assert!(hold.waits(&picture(0), false, None, SLOW, now));
        assert!(hold.waits(&partial(10), true, None, SLOW, now + LONG / 2));
        assert!(!hold.waits(&partial(20), true, None, SLOW, now + LONG), "better than nothing");
        assert!(
            hold.waits(&partial(30), true, Some(&partial(20)), SLOW, now + 2 * LONG),
            "the finished one is to come"
        );
        assert_eq!(hold.deadline(), None);
        assert!(!hold.waits(&explained(0, None), true, Some(&partial(20)), SLOW, now + 2 * LONG));
        assert!(
            !hold.waits(&partial(10), true, Some(&partial(20)), LOCAL, now),
            "a fast line shows how it comes about"
        );
        let layered = Way { is_whole: false, ..SLOW };
        assert!(!hold.waits(&partial(10), true, Some(&partial(20)), layered, now), "heat alone is small");
    }
}

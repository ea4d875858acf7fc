//! The heads of an attention: a table, the marked one over the picture, and beside it all of them as tiles; asked by the
//! token that the classifier reads, or by a patch of the picture.

use std::sync::Arc;

use super::{Behaviour, Open, Panel};
use crate::app::picture::Ground;
use crate::app::{
    self, ChannelExport, Command, Effect, Export, HeadsKey, ImageId, Job, LinesKey, Notice, Origin, Picture,
    PictureKey, State, View,
};
use crate::explain::{Asking, Sign};
use crate::raster::{Composition, Recipe, Superpixels};
use crate::text::percent;

/// The heads of a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heads {
    /// The block; the last where it is none yet.
    pub block: Option<usize>,
    /// The marked head.
    pub head: usize,
    /// Who asks.
    pub asking: Asking,
    /// Whether keys move the patch that asks, in place of the mark.
    pub moves_patch: bool,
    /// Those on screen: the ones selected, or the ones before until those are there.
    pub shown: Option<HeadsKey>,
}

impl Open for Heads {
    fn open(state: &mut State) -> Option<Self> {
        if state.model.as_deref()?.attention.is_empty() {
            let reason = "this model has no attention: none of its layers weighs tokens against each other";
            state.notice = Some(Notice::Failed(reason.to_owned()));
            return None;
        }
        Some(Heads::default())
    }
}

impl Heads {
    /// What belongs on screen. With the heads of another image, its picture stays too until both are there.
    fn to_show(&self, state: &State) -> Option<HeadsKey> {
        let (image, shown) = state.current().zip(state.shown)?;
        let selected = state.heads_key(image).filter(|_| shown == image);
        let found = selected.and_then(|key| Some((state.heads.get(&key)?.is_ok(), key)));
        let key = match found {
            Some((is_ok, key)) => is_ok.then_some(key),
            None => self.shown.clone(),
        };
        key.filter(|key| state.heads.contains(key))
    }

    /// The patch a step further, down and across; no further than to the edge.
    fn patch_at(&self, (down, across): (isize, isize), state: &State) -> Asking {
        let (Asking::Patch(patch), Some(heads)) = (self.asking, state.heads()) else { return self.asking };
        let (rows, columns) = heads.patches.dim();
        let step = |at: usize, step: isize, count: usize| at.saturating_add_signed(step).min(count - 1);
        Asking::Patch(step(patch / columns, down, rows) * columns + step(patch % columns, across, columns))
    }
}

impl Behaviour for Heads {
    fn rows(&self, state: &State) -> usize {
        state.heads().map_or(0, |heads| heads.maps.len())
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.head)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.head = row;
    }

    /// Lets a patch ask, and keys move it; and no more.
    fn accept(&self, state: &mut State) {
        let mut panel = self.clone();
        state.panel = Panel::Heads(self.clone());
        if let (Asking::Read, Some(heads)) = (self.asking, state.heads()) {
            let (rows, columns) = heads.patches.dim();
            panel.asking = Asking::Patch(rows / 2 * columns + columns / 2);
        }
        panel.moves_patch = !self.moves_patch && panel.asking != Asking::Read;
        state.panel = Panel::Heads(panel);
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        let mut panel = self.clone();
        let moved = |step| Heads { asking: self.patch_at(step, state), ..self.clone() };
        match command {
            Command::Next if self.moves_patch => panel = moved((1, 0)),
            Command::Previous if self.moves_patch => panel = moved((-1, 0)),
            Command::Less if self.moves_patch => panel = moved((0, -1)),
            Command::More if self.moves_patch => panel = moved((0, 1)),
            // First back to what the classifier reads.
            Command::Escape if self.asking != Asking::Read => {
                (panel.asking, panel.moves_patch) = (Asking::Read, false);
            }
            Command::LayerBack => panel.block = state.block_at().map(|block| block.saturating_sub(1)),
            Command::LayerOn => {
                let last = state.model.as_deref().map_or(0, |model| model.attention.len().saturating_sub(1));
                panel.block = state.block_at().map(|block| (block + 1).min(last));
            }
            Command::Less => state.move_to(state.cursor.saturating_sub(1)),
            Command::More => state.move_to(state.cursor.saturating_add(1)),
            Command::Write if self.shown.is_some() => return Some(state.export_head()),
            _ => return None,
        }
        state.panel = Panel::Heads(panel);
        Some(Vec::new())
    }

    fn settle(&self, state: &mut State) {
        let shown = self.to_show(state);
        if let Some(key) = &shown {
            state.heads.touch(key);
        }
        let count = shown.as_ref().and_then(|key| state.heads.get(key)?.as_ref().ok()).map_or(0, |it| it.maps.len());
        let head = if count > 0 { self.head.min(count - 1) } else { self.head };
        state.panel = Panel::Heads(Heads { head, shown, ..self.clone() });
    }

    /// They come before the map, which may take its time.
    fn wants(&self, image: ImageId, state: &State) -> Option<Job> {
        let key = state.heads_key(image).filter(|key| !state.heads.contains(key))?;
        state.prediction(image).is_some().then_some(Job::Attend(key))
    }

    /// The marked head over the image, and beside it a page of all heads as tiles.
    fn scene(&self, state: &State) -> Option<Vec<Picture>> {
        let key = self.shown.as_ref()?;
        let Some(heads) = state.heads() else { return Some(Vec::new()) };
        let over_image = state.head_over_image(key, heads, self.head);
        Some(over_image.into_iter().chain([state.head_tiles(key, heads, self.head)]).collect())
    }
}

impl State {
    /// The heads that the selection means for an image.
    pub fn heads_key(&self, image: ImageId) -> Option<HeadsKey> {
        let Panel::Heads(panel) = &self.panel else { return None };
        Some(HeadsKey { image: self.key(image), block: self.block_at()?, asking: panel.asking })
    }

    /// The block whose heads are looked at, as a position in [`ModelSummary::attention`](app::ModelSummary::attention).
    pub fn block_at(&self) -> Option<usize> {
        let Panel::Heads(panel) = &self.panel else { return None };
        let last = self.model.as_deref()?.attention.len().checked_sub(1)?;
        Some(panel.block.unwrap_or(last).min(last))
    }

    /// The heads on screen, while their table is open.
    pub fn heads(&self) -> Option<&app::Heads> {
        let Panel::Heads(panel) = &self.panel else { return None };
        self.heads.get(panel.shown.as_ref()?)?.as_deref().ok()
    }

    /// Why there are no heads to show.
    pub fn heads_refusal(&self) -> Option<&str> {
        self.heads.get(&self.heads_key(self.current()?)?)?.as_ref().err().map(String::as_str)
    }

    /// A patch of the picture was clicked: it asks from now on.
    pub(in crate::app) fn ask_patch(&mut self, patch: usize) {
        if let Panel::Heads(panel) = &mut self.panel {
            panel.asking = Asking::Patch(patch);
        }
    }

    /// Writes the marked head, and all of them.
    fn export_head(&self) -> Vec<Effect> {
        let export = || {
            let Panel::Heads(panel) = &self.panel else { return None };
            let key = panel.shown.as_ref()?;
            let (model, heads) = (self.model.as_deref()?, self.heads()?);
            let block = model.attention.get(key.block)?.clone();
            let asks = match key.asking {
                Asking::Read => "what the classifier reads".to_owned(),
                Asking::Patch(patch) => format!("patch {patch}"),
            };
            let largest = heads.rows.get(panel.head)?.largest;
            let said = format!("head {} of {block}, asked by {asks}, up to {} a patch", panel.head, percent(largest));
            let said = [("map", said), ("tiles", format!("heads of {block}, asked by {asks}"))];
            let pictures =
                self.scene().into_iter().zip(said).map(|(picture, (what, said))| (what, picture.whole(), said));
            let (path, model) = (self.entries.get(key.image.id)?.path.clone(), key.image.model);
            let (unit, pictures) = (Some(("head", panel.head)), pictures.collect());
            Some(Export::Channel(ChannelExport { model, path, layer: block, unit, pictures }))
        };
        export().into_iter().map(Effect::Export).collect()
    }

    fn head_over_image(&self, key: &HeadsKey, heads: &app::Heads, head: usize) -> Option<Picture> {
        let Ground { base, seen, region } = self.ground(key.image.id)?;
        let map = Arc::clone(heads.maps.get(head)?);
        let of = Origin::Head(key.clone(), head);
        let heat = region.map(|region| self.heat(of.clone(), map, Sign::Positive, region, None));
        let show_base = self.selection.view != View::Heat || heat.is_none();
        let (heat_key, heat) = heat.unzip();
        let marked = if let Asking::Patch(patch) = key.asking { Some(patch as u32) } else { None };
        let labels = Arc::clone(&heads.patches);
        let superpixels =
            region.map(|region| Superpixels { labels, region, outlined: false, marked, carry_heat: true });
        let lines = marked.map(|_| LinesKey { of, outlined: false, marked });
        Some(Picture {
            key: PictureKey { seen, base: show_base, heat: heat_key, lines, ..PictureKey::of(key.image) },
            recipe: Recipe::Image(Composition { base, show_base, heat, superpixels, boxes: vec![] }),
        })
    }

    /// The page of tiles that has a head, which is framed.
    fn head_tiles(&self, key: &HeadsKey, heads: &app::Heads, head: usize) -> Picture {
        let layout = self.tile_layout();
        let (page, tile) = (head / layout.per_page(), head % layout.per_page());
        let of = Origin::HeadTiles(key.clone(), layout, page);
        let tiles = heads.tiles(page, layout, tile as u32, self.colouring(Sign::Positive));
        self.of_tiles(key.image, of, tiles)
    }
}

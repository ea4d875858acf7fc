//! The weights of a layer: its filters or kernels, or what one of its outputs reads of each input; the marked one beside all of
//! them.

use std::sync::Arc;

use image::RgbImage;

use super::{Behaviour, Open, Panel};
use crate::app::{
    Command, Effect, ImageId, Job, LinesKey, Notice, Origin, Picture, PictureKey, State, WeightRows, WeightTable,
    WeightsKey,
};
use crate::model::Target;
use crate::raster::{Colormap, Colouring, Recipe, Region, Sheet, Sign};
use crate::text::escape;

/// Pixels along a side of a kernel among others, and of the marked one, about.
const TILE: u32 = 48;
const LARGE: u32 = 288;
/// Pixels along a side of a picture of single numbers, about.
const GRID: u32 = 512;

/// Weights, a node at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// The stage of the network (a place in [`ModelSummary::stages`](crate::app::ModelSummary::stages)), and which of its nodes
    /// with weights.
    pub at: (usize, usize),
    /// The output whose weights are looked at; none for the class that is explained, or the first.
    pub output: Option<usize>,
    /// The row that is marked, by the output or input that it is of; none for the first.
    pub marked: Option<usize>,
    /// Those on screen: the ones selected, or the ones before until those are there.
    pub shown: Option<WeightsKey>,
    /// The panel that it was opened from.
    back: Box<Panel>,
}

impl Open for Weights {
    /// Beside channels, of their layer, for the marked one; in the walk, of the marked stage; else of the selected layer.
    fn open(state: &mut State) -> Option<Self> {
        let model = state.model.clone()?;
        if model.stages.iter().all(|stage| stage.weighted.is_empty()) {
            state.notice = Some(Notice::Failed("no weights are found in this model".to_owned()));
            return None;
        }
        let selected = || Some(model.layers.get(state.layer_at()?)?.index);
        let (stage, output, back) = match &state.panel {
            Panel::Walk(walk) => (Some(walk.marked), None, state.panel.clone()),
            Panel::Channels(_) => {
                let layer = state.shown_channels().map(|key| key.layer).or_else(selected);
                let stage = layer.and_then(|layer| model.stage_of(layer));
                (stage, state.marked_channel(), state.panel.clone())
            }
            _ => (selected().and_then(|layer| model.stage_of(layer)), None, Panel::None),
        };
        let stage = stage.or_else(|| model.stages.iter().position(|stage| !stage.weighted.is_empty()))?;
        Some(Weights { at: (stage, 0), output, marked: None, shown: None, back: Box::new(back) })
    }
}

impl Weights {
    /// The node, by its ONNX name; none where the stage has no weights.
    pub fn node<'s>(&self, state: &'s State) -> Option<&'s str> {
        let stage = state.model.as_deref()?.stages.get(self.at.0)?;
        stage.weighted.get(self.at.1).map(String::as_str)
    }

    /// The weights on screen.
    pub fn table<'s>(&self, state: &'s State) -> Option<&'s WeightTable> {
        state.weights.get(self.shown.as_ref()?)?.as_deref().ok()
    }

    /// Why there are none.
    pub fn refusal<'s>(&self, state: &'s State) -> Option<&'s str> {
        state.weights.get(&self.key(state)?)?.as_ref().err().map(String::as_str)
    }

    /// The stages with weights before and after one that has none.
    pub fn around(&self, state: &State) -> (Option<usize>, Option<usize>) {
        let stages = state.model.as_deref().map_or(&[][..], |model| &model.stages);
        let has = |at: &usize| !stages[*at].weighted.is_empty();
        let at = self.at.0.min(stages.len());
        ((0..at).rev().find(has), (at + 1..stages.len()).find(has))
    }

    /// The row that is marked.
    pub fn row(&self, state: &State) -> usize {
        // Where rows are outputs, the one that was come for is the first to be looked at.
        let output = |table: &WeightTable| self.output.filter(|_| !table.reads_inputs());
        let row = |table: &WeightTable| table.row_of(self.marked.or_else(|| output(table))?);
        self.table(state).and_then(row).unwrap_or(0)
    }

    /// The output that is asked for: of scores that of the class that is explained, unless another was gone to.
    fn wanted(&self, state: &State) -> usize {
        let class = || {
            let (model, image) = state.model.as_deref().zip(state.current())?;
            let shape = &model.stages.get(self.at.0)?.shape;
            match state.target(image).filter(|_| shape[..] == [model.labels.len()])? {
                Target::Class(class) | Target::Contrast(class, _) | Target::Probability(class) => Some(class),
                Target::Top(_) => None,
            }
        };
        self.output.or_else(class).unwrap_or(0)
    }

    fn key(&self, state: &State) -> Option<WeightsKey> {
        let node = self.node(state)?.to_owned();
        Some(WeightsKey { model: state.model_id(), node, output: self.wanted(state) })
    }

    /// What belongs on screen.
    fn to_show(&self, state: &State) -> Option<WeightsKey> {
        let key = self.key(state)?;
        let key = match state.weights.get(&key) {
            Some(found) => found.is_ok().then_some(key),
            None => self.shown.clone().filter(|shown| shown.node == key.node),
        };
        key.filter(|key| state.weights.contains(key))
    }

    /// To the next node with weights, or the one before.
    fn step(&self, state: &State, on: bool) -> Weights {
        let Some(model) = state.model.as_deref() else { return self.clone() };
        let of = |at: usize| (0..model.stages[at].weighted.len()).map(move |node| (at, node));
        let mut all = (0..model.stages.len()).flat_map(of);
        let next = if on { all.find(|at| *at > self.at) } else { all.take_while(|at| *at < self.at).last() };
        match next {
            // A number means another output of another layer.
            Some(at) if self.node(state).is_some() => Weights { at, output: None, marked: None, ..self.clone() },
            // From a sum or a pool to what it is made of, the channel is the same.
            Some(at) if !on => Weights { at, ..self.clone() },
            Some(at) => Weights { at, output: None, marked: None, ..self.clone() },
            None => self.clone(),
        }
    }

    /// To another output, where outputs are looked at one by one.
    fn turn(&self, state: &State, step: isize) -> Weights {
        let Some(table) = self.table(state).filter(|table| table.reads_inputs()) else { return self.clone() };
        let output = self.wanted(state).saturating_add_signed(step).min(table.outputs.saturating_sub(1));
        Weights { output: Some(output), ..self.clone() }
    }
}

impl Behaviour for Weights {
    fn rows(&self, state: &State) -> usize {
        self.table(state).map_or(0, |table| table.rows.len())
    }

    fn marked(&self, state: &State) -> Option<usize> {
        Some(self.row(state))
    }

    fn mark(&mut self, row: usize, state: &State) {
        self.marked = self.table(state).and_then(|table| Some(table.rows.get(row)?.index)).or(self.marked);
    }

    fn accept(&self, state: &mut State) {
        state.panel = Panel::Weights(self.clone());
    }

    /// Goes back to where it was opened; in the walk, at the stage that was gone to.
    fn escape(&self, state: &mut State) {
        state.panel = match &*self.back {
            Panel::Walk(walk) => {
                let mut walk = walk.clone();
                walk.marked = self.at.0;
                Panel::Walk(walk)
            }
            back => back.clone(),
        };
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        let panel = match command {
            Command::LayerBack => self.step(state, false),
            Command::LayerOn => self.step(state, true),
            Command::Less => self.turn(state, -1),
            Command::More => self.turn(state, 1),
            Command::Rank(_) => {
                // The class that is explained, again.
                let output = if self.table(state).is_some_and(|table| table.of_classes) { None } else { self.output };
                state.panel = Panel::Weights(Weights { output, ..self.clone() });
                return None;
            }
            Command::Write => {
                let node = self.node(state).map(|node| escape(node).into_owned()).unwrap_or_default();
                let text = format!("seewhy weights --layer {node} --out DIR writes the array and a sheet");
                state.notice = Some(Notice::Failed(text));
                self.clone()
            }
            _ => return None,
        };
        state.panel = Panel::Weights(panel);
        Some(Vec::new())
    }

    fn settle(&self, state: &mut State) {
        let shown = self.to_show(state);
        if let Some(key) = &shown {
            state.weights.touch(key);
        }
        state.panel = Panel::Weights(Weights { shown, ..self.clone() });
    }

    fn wants(&self, _: ImageId, state: &State) -> Option<Job> {
        self.key(state).filter(|key| !state.weights.contains(key)).map(Job::Weights)
    }

    /// The marked kernel, and beside it all of them, a page at a time; of single numbers one picture of all.
    fn scene(&self, state: &State) -> Option<Vec<Picture>> {
        let (Some(key), Some(table)) = (&self.shown, self.table(state)) else { return Some(Vec::new()) };
        let row = self.row(state);
        let Some(image) = state.current() else { return Some(Vec::new()) };
        let picture = |page: Option<usize>, marked: usize, sheet: Sheet| Picture {
            key: PictureKey { weights: Some((key.clone(), page, marked)), ..PictureKey::of(state.key(image)) },
            recipe: Recipe::Sheet(sheet),
        };
        if table.kind == WeightRows::Numbers {
            let lines = LinesKey { of: Origin::Weights(key.clone()), outlined: false, marked: Some(row as u32) };
            return Some(
                grid(table, row)
                    .map(|sheet| picture(None, 0, sheet))
                    .map(|numbers| Picture { key: PictureKey { lines: Some(lines), ..numbers.key }, ..numbers })
                    .into_iter()
                    .collect(),
            );
        }
        let per_page = state.weights_per_page();
        let (page, tile) = (row / per_page, row % per_page);
        let shown: Vec<_> = table.pictures().iter().skip(page * per_page).take(per_page).cloned().collect();
        let marked = table.pictures().get(row).cloned().into_iter().collect();
        Some(vec![
            picture(None, row, sheet(marked, LARGE, None)),
            picture(Some(page), tile, sheet(shown, TILE, Some(tile))),
        ])
    }
}

impl State {
    /// How many kernels stand beside the marked one.
    fn weights_per_page(&self) -> usize {
        self.tile_layout().per_page()
    }

    /// The row whose kernel is at a place among all of them, in shares of width and height.
    pub fn kernel_at(&self, (across, down): (f32, f32), page: Option<usize>) -> Option<usize> {
        let Panel::Weights(panel) = &self.panel else { return None };
        let table = panel.table(self)?;
        let cell = |share: f32, count: usize| (share * count as f32) as usize;
        if let Some((first, columns)) = table.grid() {
            let rows = table.rows.len().div_ceil(columns);
            return table.row_of(first + cell(down, rows) * columns + cell(across, columns));
        }
        let per_page = self.weights_per_page();
        let count = table.rows.len().saturating_sub(page? * per_page).min(per_page);
        let columns = Sheet::columns(count);
        let tile = cell(down, count.div_ceil(columns)) * columns + cell(across, columns);
        (tile < count).then_some(page? * per_page + tile)
    }
}

/// Kernels side by side, each about `side` pixels high.
fn sheet(pictures: Vec<Arc<RgbImage>>, side: u32, framed: Option<usize>) -> Sheet {
    let (width, height) = pictures.first().map_or((1, 1), |first| first.dimensions());
    let factor = side.div_ceil(width.max(height).max(1)).max(1);
    Sheet {
        pictures: pictures.into_iter().map(Some).collect(),
        size: (width * factor, height * factor),
        cells: true,
        show_base: true,
        framed,
        maps: vec![],
        boxes: vec![],
        scale: 1.0,
        colouring: Colouring { sign: Sign::Signed, colormap: Colormap::default(), opacity: 1.0 },
    }
}

/// Single numbers in their order, the marked one framed.
fn grid(table: &WeightTable, row: usize) -> Option<Sheet> {
    let (first, columns) = table.grid()?;
    let numbers = Arc::clone(table.pictures().first()?);
    let (width, height) = (1.0 / numbers.width() as f32, 1.0 / numbers.height() as f32);
    let at = table.rows.get(row)?.index - first;
    let (x, y) = ((at % columns) as f32 * width, (at / columns) as f32 * height);
    Some(Sheet { boxes: vec![Some(Region { x, y, width, height })], ..sheet(vec![numbers], GRID, None) })
}

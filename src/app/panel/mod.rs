//! Panels: what takes the keys, and with them the place of the list. Each is a file that knows its rows, the marked one, and
//! what keys do in it; everything else asks whichever is open, through here.

mod browse;
mod calibration;
mod channels;
mod classes;
mod confusions;
mod dreams;
mod filter;
mod heads;
mod help;
mod layers;
mod methods;
mod parameters;
mod preview;
mod segments;
mod steps;
mod walk;
mod weights;

use super::{Command, Effect, ImageId, Job, Mode, Picture, Selection, State};
pub use classes::Matches;
pub use dreams::Beginning;
pub(super) use preview::Preview;
pub use segments::Division;

/// How a panel comes to be there.
trait Open: Sized {
    /// The panel; none where there is nothing to show, after saying why.
    fn open(state: &mut State) -> Option<Self>;
}

/// What a panel knows, and what it does. Methods that change the state are those of a copy: the panel itself is still open,
/// as [`State::panel`].
trait Behaviour {
    /// What the keyboard is for.
    fn mode(&self) -> Mode {
        Mode::Menu
    }

    /// How many rows it has.
    fn rows(&self, _: &State) -> usize {
        0
    }

    /// The marked row; none where there are no rows, and keys move in the list.
    fn marked(&self, _: &State) -> Option<usize> {
        None
    }

    /// Marks one of its rows.
    fn mark(&mut self, _row: usize, _: &State) {}

    /// Whether the first row follows the last.
    fn goes_around(&self) -> bool {
        true
    }

    /// Whether a click takes a row. In the others a row is only looked at.
    fn is_choice(&self) -> bool {
        false
    }

    /// Takes what is marked. It is closed by then; one that is to stay puts itself back.
    fn accept(&self, _: &mut State) {}

    /// Undoes what must not outlive it, before it is closed; one that was opened from another puts that in its place.
    fn escape(&self, _: &mut State) {}

    /// Changes what is typed.
    fn edit(&mut self, _change: &mut dyn FnMut(&mut String), _: &mut State) {}

    /// Whether what is marked is selected as long as it is marked.
    fn previews(&self) -> bool {
        false
    }

    /// What is selected while a row is marked; none for what was selected before.
    fn preview(&self, _: &State) -> Option<Selection> {
        None
    }

    /// What a command means here; none for what it means everywhere.
    fn press(&self, _: Command, _: &mut State) -> Option<Vec<Effect>> {
        None
    }

    /// Brings it up to date, after whatever has happened.
    fn settle(&self, _: &mut State) {}

    /// What it needs to know of the image at the cursor and does not know yet.
    fn wants(&self, _: ImageId, _: &State) -> Option<Job> {
        None
    }

    /// The pictures beside it, where they are not the image with its map.
    fn scene(&self, _: &State) -> Option<Vec<Picture>> {
        None
    }

    /// Whether it is about a layer, whatever the method.
    fn uses_layer(&self) -> bool {
        false
    }
}

/// From a line for each panel: what can be open, what can be opened, and who answers for it.
macro_rules! panels {
    ($($file:ident::$name:ident,)+) => {
        $(pub use $file::$name;)+

        /// What takes the keys, and the place of the list.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub enum Panel {
            /// Nothing: the list is there.
            #[default]
            None,
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)+
        }

        /// A panel to be opened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum PanelKind {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name,)+
        }

        impl PanelKind {
            /// All of them.
            pub const ALL: &[PanelKind] = &[$(PanelKind::$name),+];

            fn open(self, state: &mut State) -> Option<Panel> {
                match self {
                    $(PanelKind::$name => $name::open(state).map(Panel::$name),)+
                }
            }
        }

        impl Panel {
            /// What was opened; none where the list is there.
            pub fn kind(&self) -> Option<PanelKind> {
                match self {
                    Panel::None => None,
                    $(Panel::$name(_) => Some(PanelKind::$name),)+
                }
            }

            fn asked(&self) -> &dyn Behaviour {
                match self {
                    Panel::None => &browse::Browse,
                    $(Panel::$name(panel) => panel,)+
                }
            }

            fn asked_mut(&mut self) -> Option<&mut dyn Behaviour> {
                match self {
                    Panel::None => None,
                    $(Panel::$name(panel) => Some(panel),)+
                }
            }
        }
    };
}

panels! {
    calibration::Calibration,
    channels::Channels,
    classes::Classes,
    confusions::Confusions,
    dreams::Dreams,
    filter::Filter,
    heads::Heads,
    help::Help,
    layers::Layers,
    methods::Methods,
    parameters::Parameters,
    segments::Segments,
    walk::Walk,
    weights::Weights,
}

impl State {
    /// What the keyboard is for.
    pub fn mode(&self) -> Mode {
        self.panel.asked().mode()
    }

    /// Opens a panel, where there is something to show.
    pub(super) fn open(&mut self, panel: PanelKind) {
        if let Some(panel) = panel.open(self) {
            self.begin(panel);
        }
    }

    /// Moves by a row: the mark of the open panel around its ends, all else up to them.
    pub(super) fn next(&mut self, rows: isize) {
        let panel = self.panel.asked();
        let count = panel.rows(self);
        match panel.marked(self) {
            Some(marked) if count > 0 && panel.goes_around() => {
                self.mark((marked + count).saturating_add_signed(rows) % count);
            }
            _ => self.step(rows),
        }
    }

    /// Moves the cursor, or the mark of the open panel; no further than to the end.
    pub(super) fn step(&mut self, rows: isize) {
        match self.panel.asked().marked(self) {
            Some(marked) => self.mark(marked.saturating_add_signed(rows)),
            None => self.move_to(self.cursor.saturating_add_signed(rows)),
        }
    }

    /// Rows of a page of what moves.
    pub(super) fn page(&self) -> isize {
        let is_menu = self.mode() != Mode::Help && self.panel.asked().marked(self).is_some();
        let rows = if is_menu { self.terminal.menu } else { self.terminal.page };
        rows.max(1) as isize
    }

    /// Marks a row of the open panel, or its last.
    fn mark(&mut self, row: usize) {
        let mut panel = self.panel.clone();
        let last = panel.asked().rows(self).saturating_sub(1);
        if let Some(panel) = panel.asked_mut() {
            panel.mark(row.min(last), self);
        }
        self.panel = panel;
        self.look_at_mark();
    }

    /// A row of the open panel was clicked.
    pub(super) fn pick(&mut self, row: usize) {
        self.mark(row);
        if self.panel.asked().is_choice() {
            self.accept();
        }
    }

    /// Takes what the open panel marks.
    pub(super) fn accept(&mut self) {
        self.end_preview();
        std::mem::take(&mut self.panel).asked().accept(self);
    }

    /// Closes the open panel.
    pub(super) fn escape(&mut self) {
        self.end_preview();
        let open = self.panel.clone();
        open.asked().escape(self);
        if self.panel == open {
            self.panel = Panel::None;
        }
    }

    /// Changes the text that is being typed.
    pub(super) fn type_text(&mut self, mut change: impl FnMut(&mut String)) {
        let mut panel = self.panel.clone();
        if let Some(panel) = panel.asked_mut() {
            panel.edit(&mut change, self);
        }
        self.panel = panel;
        self.look_at_mark();
    }

    /// What a command means in the open panel, where that is something of its own.
    pub(super) fn press(&mut self, command: Command) -> Option<Vec<Effect>> {
        self.panel.clone().asked().press(command, self)
    }

    /// Brings the open panel up to date.
    pub(super) fn settle_panel(&mut self) {
        if !self.panel.asked().previews() {
            self.preview = None;
        }
        self.panel.clone().asked().settle(self);
    }

    /// What the open panel needs to know of an image.
    pub(super) fn panel_wants(&self, image: ImageId) -> Option<Job> {
        self.panel.asked().wants(image, self)
    }

    /// The pictures beside the open panel, where they are not the image with its map.
    pub(super) fn panel_scene(&self) -> Option<Vec<Picture>> {
        self.panel.asked().scene(self)
    }

    /// Whether what is on screen is about a layer.
    pub fn uses_layer(&self) -> bool {
        self.panel.asked().uses_layer() || self.method().is_some_and(|method| method.needs_layer)
    }
}

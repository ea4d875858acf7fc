//! The one place where the state changes.

use super::work::folder_of;
use super::{
    Action, Agenda, Command, Effect, Export, ImageId, MapExport, Mode, Notice, Order, Outcome, Panel, PanelKind, State,
    View,
};
use crate::model::Target;
use crate::text::escape;

/// Step of the opacity, in percent.
const OPACITY_STEP: u8 = 10;
/// Rows between the cursor and the edge of the list.
const SCROLL_MARGIN: usize = 2;

/// Applies an action and says what is to be done about it.
///
/// Work that has become useless is dropped by the next [`Effect::Agenda`], which is among the effects whenever the work that
/// is wanted has changed.
pub fn update(state: &mut State, action: Action) -> Vec<Effect> {
    state.is_touched |= action.is_users();
    let rested = state.awaits_rest();
    let mut effects = Vec::new();
    match action {
        Action::Command(command) => {
            state.notice = None;
            effects = state.command(command);
        }
        Action::Text(character) => state.type_text(|text| text.push(character)),
        Action::Select(row) => state.move_to(row),
        Action::Pick(row) => state.pick(row),
        Action::Segment(segment) => state.click_segment(segment),
        Action::Ask(patch) => state.ask_patch(patch),
        Action::Marked { image, marked } => state.set_mark(image, marked),
        Action::Point(across, down) => state.point((across, down)),
        Action::Hover(at) => state.hover(at),
        Action::MarkLost { image, marked, reason } => state.lose_mark((image, marked), &reason),
        Action::GoTo(image) => state.go_to(image),
        Action::Scroll(notches) => state.step(notches),
        Action::MarkedBefore(paths) => state.marked_before.extend(paths),
        Action::Found(paths) => state.found(paths),
        Action::Changed(paths) => state.changed(&paths),
        Action::Frame { frame, rate } => state.frame(frame, rate),
        Action::NextFrame => state.go_to_next_frame(),
        Action::FoundAll(problems) => state.found_all(&problems),
        Action::ModelReady(model) => state.model_ready(model),
        Action::SecondReady(second) => state.second_ready(second),
        Action::Terminal(terminal) => state.terminal = terminal,
        Action::Report(report) => state.report(report),
        Action::Rested(count) => state.rested(count),
        Action::Notify(notice) => state.notice = Some(notice),
    }
    state.settle();
    effects.extend(state.replan());
    effects.extend(state.rest(rested));
    effects
}

impl State {
    /// A change of a mark could not be kept.
    fn lose_mark(&mut self, (image, marked): (ImageId, bool), reason: &str) {
        self.set_mark(image, !marked);
        self.notice = Some(Notice::Failed(escape(reason).into_owned()));
    }

    /// No more images will be found.
    fn found_all(&mut self, problems: &[String]) {
        self.complete = true;
        self.ask_truths();
        // Nothing else is shown from now on.
        if self.entries.is_empty() {
            self.panel = Panel::None;
        }
        if let Some(first) = problems.first().filter(|_| !matches!(self.notice, Some(Notice::Failed(_)))) {
            self.notice = Some(Notice::Failed(escape(first).into_owned()));
        }
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        if let Some(effects) = self.press(command) {
            return effects;
        }
        match command {
            Command::Hold if self.toggle_hold() => {}
            Command::Next | Command::Hold => self.next(1),
            Command::Previous => self.next(-1),
            Command::PageDown => self.step(self.page()),
            Command::PageUp => self.step(-self.page()),
            Command::First => self.step(isize::MIN),
            Command::Last => self.step(isize::MAX),
            // Its key in the list may be a key of menus, too.
            Command::Open(panel) if self.panel.kind() == Some(panel) => self.escape(),
            Command::Open(PanelKind::Help) => self.open(PanelKind::Help),
            Command::Open(_)
            | Command::Against
            | Command::Pin
            | Command::Sort
            | Command::Mark
            | Command::NextMistake
            | Command::PreviousMistake
                if self.complete && self.entries.is_empty() =>
            {
                self.notice = Some(Notice::Failed("there is no image to look at".to_owned()));
            }
            Command::Open(panel) => self.open(panel),
            Command::Against => self.open_contrast(),
            Command::Pin => self.toggle_pin(),
            Command::Sort => self.sort(),
            Command::Mark => return self.toggle_mark(),
            Command::NextMistake => self.go_to_mistake(true),
            Command::PreviousMistake => self.go_to_mistake(false),
            Command::Rank(rank) => self.pick_rank(rank),
            Command::LayerBack => self.step_layer(-1),
            Command::LayerOn => self.step_layer(1),
            Command::SwapModels => self.swap_models(),
            Command::Closer => self.zoom(true),
            Command::Farther => self.zoom(false),
            Command::PanLeft => self.pan(-1, 0),
            Command::PanRight => self.pan(1, 0),
            Command::PanUp => self.pan(0, -1),
            Command::PanDown => self.pan(0, 1),
            Command::CycleView => self.selection.view = self.selection.view.next(self.pair.is_some()),
            Command::MoreOpacity => self.selection.percent = (self.selection.percent + OPACITY_STEP).min(100),
            Command::LessOpacity => self.selection.percent = self.selection.percent.saturating_sub(OPACITY_STEP),
            Command::CycleColormap => self.selection.colormap = self.selection.colormap.next(),
            Command::ToggleOutlines => self.toggle_outlines(),
            Command::ToggleSeen => self.toggle_seen(),
            Command::Escape => self.escape(),
            Command::Accept => self.accept(),
            Command::Erase => self.type_text(|text| {
                text.pop();
            }),
            Command::EraseAll => self.type_text(String::clear),
            Command::Write => return self.export(),
            Command::CopyPath => return self.copy_path(),
            Command::Redraw => return vec![Effect::Redraw],
            Command::Suspend => return vec![Effect::Suspend],
            Command::Quit => return vec![Effect::Quit],
            Command::NextHiding => self.escape(),
            // They mean something in some panels only.
            Command::Less | Command::More | Command::ToggleExemplars | Command::Invert | Command::Undo => {}
        }
        Vec::new()
    }

    fn pick_rank(&mut self, rank: usize) {
        let classes = self.model.as_ref().map_or(0, |model| model.labels.len());
        if rank < classes {
            self.selection.target = Target::Top(rank);
        } else if classes > 0 {
            self.notice = Some(Notice::Failed(format!("the model has only {classes} classes")));
        }
    }

    fn toggle_outlines(&mut self) {
        if self.selection.outlines || !self.miss_segments() {
            self.selection.outlines = !self.selection.outlines;
        }
    }

    fn step_layer(&mut self, step: isize) {
        let Some(model) = self.model.clone() else { return };
        let Some(current) = self.layer_at() else { return self.miss_layers() };
        if !self.uses_layer() {
            return self.miss_layer_use();
        }
        let layer = current.saturating_add_signed(step).min(model.layers.len() - 1);
        self.selection.layer = (Some(layer) != model.auto).then_some(layer);
    }

    fn export(&mut self) -> Vec<Effect> {
        let effect = self.current().and_then(|image| {
            let key = self.map_key(image)?;
            let explained = self.maps.get(&key).filter(|map| map.progress.is_none())?.clone();
            let predicted = self.prediction(image)?.clone();
            let overlay = self.picture(image, Some(&key), View::Overlay)?;
            let path = self.entries.get(image)?.path.clone();
            let map = MapExport { path, key, explained, overlay, predicted };
            Some(Effect::Export(Export::Map(Box::new(map))))
        });
        if effect.is_none() {
            self.notice = Some(Notice::Failed(self.why_nothing_to_write()));
        }
        effect.into_iter().collect()
    }

    /// Whether there will be a map some time, and if not, why.
    fn why_nothing_to_write(&self) -> String {
        match (self.current_entry().map(|entry| &entry.outcome), self.refusal()) {
            (None, _) if self.complete => "there is no image to look at".to_owned(),
            (Some(Outcome::Failed(_)), _) => "there is no map to write: this image cannot be shown".to_owned(),
            (_, Some(refusal)) => format!("there is no map to write: {refusal}"),
            _ => "there is no finished map to write yet".to_owned(),
        }
    }

    fn copy_path(&mut self) -> Vec<Effect> {
        let Some((entry, image)) = self.current_entry().zip(self.current()) else { return Vec::new() };
        let own = entry.path.to_path_buf();
        // What was just written is what is most likely wanted; the image is a key further.
        let written = self.written.take().filter(|(of, _)| *of == image).map(|(_, file)| file);
        let key = self.keymap.key(Mode::Browse, Command::CopyPath);
        let then = if written.is_some() { format!("; {key} again copies that of the image") } else { String::new() };
        let path = written.unwrap_or(own);
        let names = escape(&path.file_name().unwrap_or_default().to_string_lossy()).into_owned();
        self.notice = Some(Notice::Files { done: "copied", folder: folder_of(&path), names, then });
        vec![Effect::Copy(path.to_string_lossy().into_owned())]
    }

    /// Brings what is on screen up to date: the newest that is there, or what was there before.
    fn settle(&mut self) {
        if self.pair.is_some() && self.order == Order::Broken && !self.is_touched {
            self.cursor = 0;
        }
        self.settle_live();
        self.cursor = self.cursor.min(self.visible.len().saturating_sub(1));
        self.scroll();
        if let Some(image) = self.current() {
            self.settle_picture(image);
        } else {
            (self.shown, self.shown_map) = (None, None);
        }
        self.settle_compared();
        self.settle_panel();
    }

    /// The image on screen, and its map.
    fn settle_picture(&mut self, image: ImageId) {
        // A rank is about one image; a class that was searched for is looked for in every image.
        if self.ranked.replace(image).is_some_and(|before| before != image)
            && let Target::Top(rank) = &mut self.selection.target
        {
            *rank = 0;
        }
        let has_failed = self.current_entry().is_some_and(|entry| matches!(entry.outcome, Outcome::Failed(_)))
            || self.front_failure(image).is_some();
        if self.pixels(image).is_some() && !has_failed {
            self.shown = Some(image);
        } else if has_failed || self.shown.is_some_and(|shown| self.pixels(shown).is_none()) {
            self.shown = None;
        }
        if self.shown == Some(image) {
            match self.map_key(image) {
                Some(key) if self.maps.contains(&key) => self.shown_map = Some(key),
                Some(key) if self.refusals.contains_key(&key) => self.shown_map = None,
                _ => self.shown_map = self.shown_map.take().filter(|key| key.image.id == image),
            }
        }
        self.shown_map =
            self.shown_map.take().filter(|key| Some(key.image.id) == self.shown && self.maps.contains(key));
        for key in self.shown.into_iter().chain([image]).map(|image| self.key(image)).collect::<Vec<_>>() {
            self.pictures.touch(&key);
            self.predictions.touch(&key);
        }
        for key in self.shown_map.iter().chain(&self.pinned_key(image)) {
            self.maps.touch(key);
        }
    }

    /// Keeps the cursor on the visible part of the list.
    fn scroll(&mut self) {
        let page = self.terminal.page.max(1);
        let margin = SCROLL_MARGIN.min((page - 1) / 2);
        let lowest = (self.cursor + margin + 1).saturating_sub(page);
        let highest = self.cursor.saturating_sub(margin);
        let last = self.visible.len().saturating_sub(page);
        self.offset = self.offset.clamp(lowest.min(highest), highest).min(last);
    }

    /// A new agenda, where what is wanted has changed.
    fn replan(&mut self) -> Option<Effect> {
        let tasks = self.wanted();
        if tasks == self.agenda.tasks {
            return None;
        }
        self.agenda = Agenda { generation: self.agenda.generation + 1, tasks };
        if self.progress.as_ref().is_some_and(|(key, ..)| self.map_key(key.image.id).as_ref() != Some(key)) {
            self.progress = None;
        }
        Some(Effect::Agenda(self.agenda.clone()))
    }

    /// What a key press means: a command of the keymap, or text.
    pub fn interpret(&self, event: crossterm::event::KeyEvent) -> Option<Action> {
        use crossterm::event::{KeyCode, KeyModifiers};
        if let Some(command) = self.keymap.lookup(self.mode(), event) {
            return Some(Action::Command(command));
        }
        // The key that opened a panel closes it, where it means nothing else there.
        let opens = || self.keymap.lookup(Mode::Browse, event);
        match event.code {
            _ if self.mode() == Mode::Menu => {
                let kind = self.panel.kind()?;
                (opens()? == Command::Open(kind)).then_some(Action::Command(Command::Escape))
            }
            KeyCode::Char(character)
                if self.mode() == Mode::Type && !event.modifiers.contains(KeyModifiers::CONTROL) =>
            {
                Some(Action::Text(character))
            }
            _ => None,
        }
    }
}

//! One frame after another, each in one synchronized update: text by difference, pictures where they belong.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use ratatui::Terminal;
use ratatui::layout::{Rect, Size};

use super::encoder::{Encoder, Finished};
use super::hold::{Hold, Way};
use super::pace::{Pace, QUESTION};
use super::pictures::{Pictures, Shown, is_blank};
use crate::app::State;
use crate::term::{
    Canvas, CellSize, Cells, Facts, Graphics, HEAR_CLICKS, HEAR_MOTION, Output, Protocol, Quality, Reply, Session,
    is_light, stop_job,
};
use crate::ui::{self, Placement, Theme};

/// DEC private mode 2026: the terminal shows nothing of what comes between the two until the second.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
/// After so long without a change, a picture is sent again as sharp as it gets, if the line is fast.
const REST: Duration = Duration::from_secs(1);
/// How long the last bytes may take.
const LAST_BYTES: Duration = Duration::from_secs(1);
/// Within this time tmux has drawn itself in its new size.
const TMUX_REDRAW: Duration = Duration::from_millis(250);

/// The terminal, from the side that writes to it.
pub(super) struct Screen {
    // Dropped first: the terminal is given back after the last byte of ours.
    terminal: Terminal<Cells<Output>>,
    output: Output,
    session: Session,
    graphics: Arc<Graphics>,
    canvas: Canvas,
    /// The mouse is heard as it moves.
    hears_motion: bool,
    encoder: Encoder,
    finished: crossbeam_channel::Receiver<Finished>,
    shown: Vec<Shown>,
    size: Size,
    /// The terminal answers when asked for the size of a cell.
    answers_cell_size: bool,
    /// It was asked, and nobody knows yet.
    has_asked_for_cell: bool,
    /// Whether the background is light, and whether the user says so.
    light: bool,
    wishes_light: Option<bool>,
    pace: Pace,
    /// The line is not an SSH connection.
    is_local: bool,
    /// tmux drops what is to pass through it while it draws itself anew: pictures wait until then.
    pass_at: Option<Instant>,
    /// When the picture on the screen will have been at rest for long enough to be sharpened.
    sharpen_at: Option<Instant>,
    /// The next frame's picture is still being made, or on its way.
    lacks_next: bool,
    /// A picture on screen is an older one, since the one that belongs there is still being made.
    lacks_pictures: bool,
    hold: Hold,
}

impl Screen {
    /// Prepares to draw.
    ///
    /// # Errors
    /// When the terminal's size is unknown or threads cannot be started.
    pub(super) fn new(session: Session, output: Output, graphics: Graphics, facts: &Facts) -> io::Result<Screen> {
        // `NO_COLOR` is the theme's business: here, a colour may be the id of a picture.
        crossterm::style::force_color_output(true);
        let terminal = Terminal::new(Cells::new(output.clone()))?;
        let graphics = Arc::new(graphics);
        let canvas = Canvas::new(&graphics);
        session.set_farewell(canvas.farewell(&graphics));
        let (sender, finished): (Sender<Finished>, _) = crossbeam_channel::unbounded();
        let encoder = Encoder::start(Arc::clone(&graphics), &sender)?;
        Ok(Screen {
            size: terminal.size()?,
            terminal,
            output,
            session,
            canvas,
            hears_motion: false,
            encoder,
            finished,
            shown: Vec::new(),
            answers_cell_size: facts.replies.iter().any(|reply| matches!(reply, Reply::CellPixels { .. })),
            is_local: !facts.environment.ssh,
            graphics,
            has_asked_for_cell: false,
            pace: Pace::default(),
            pass_at: None,
            sharpen_at: None,
            lacks_next: false,
            lacks_pictures: false,
            hold: Hold::default(),
            light: false,
            wishes_light: None,
        })
    }

    /// How pictures are drawn.
    pub(super) fn graphics(&self) -> &Graphics {
        &self.graphics
    }

    /// Width and height in cells.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Draws for a light background or a dark one, as the user says or, where they do not, as the terminal says.
    pub(super) fn set_background(&mut self, wish: Option<bool>, facts: &Facts) {
        self.wishes_light = wish;
        let set = std::env::var("COLORFGBG").ok();
        self.light = wish.or_else(|| is_light(facts, set.as_deref())).unwrap_or(false);
    }

    /// Encoded pictures arrive here.
    pub(super) fn finished(&self) -> &crossbeam_channel::Receiver<Finished> {
        &self.finished
    }

    /// Takes an encoded picture; true when a new frame is needed.
    pub(super) fn take(&mut self, finished: Finished) -> bool {
        self.encoder.take(finished)
    }

    /// Whether no picture that is wanted on screen is still being made.
    pub(super) fn shows_all(&self) -> bool {
        !(self.lacks_pictures || self.graphics.is_stream() && self.canvas.has_pieces())
    }

    /// Whether the next of the frames that come from elsewhere can be shown at once, as far as pictures go.
    pub(super) fn has_next(&self) -> bool {
        self.shows_all() && !self.lacks_next
    }

    /// When a new frame is needed though nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.sharpen_at, self.pass_at, self.hold.deadline()].into_iter().flatten().min()
    }

    /// When the terminal is not waited for any longer.
    pub(super) fn patience(&self) -> Option<Instant> {
        self.pace.deadline()
    }

    /// Something comes here when all has gone out.
    pub(super) fn written(&self) -> &crossbeam_channel::Receiver<()> {
        self.output.written()
    }

    /// Answers that do not come are not waited for.
    pub(super) fn lose_patience(&mut self) {
        self.pace.look(Instant::now());
    }

    /// The terminal has drawn what was written before the oldest of our questions.
    pub(super) fn answered(&mut self) {
        self.pace.answered(Instant::now());
    }

    /// Whether the terminal still owes answers, or bytes are on their way to it.
    pub(super) fn is_owed(&self) -> bool {
        self.pace.is_owed() || !self.output.is_written()
    }

    /// Whether the line has room.
    fn is_open(&self) -> bool {
        self.output.is_written() && self.pace.is_open()
    }

    /// Whether a frame can be drawn now: none comes into the middle of a picture that is drawn at the cursor.
    pub(super) fn may_draw(&self) -> bool {
        self.is_open() && !self.canvas.is_drawing()
    }

    /// Whether a piece of a picture can be sent now.
    pub(super) fn may_send(&self) -> bool {
        self.is_open() && self.pass_at.is_none() && self.canvas.has_pieces()
    }

    /// Sends a piece of a picture; true when a new frame is needed.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn send(&mut self) -> io::Result<bool> {
        let Some(piece) = self.canvas.piece() else { return Ok(false) };
        self.output.write_all(piece.bytes.as_bytes())?;
        self.pace.wrote(piece.bytes.len());
        if piece.is_closed {
            self.ask()?;
        }
        self.output.flush()?;
        Ok(piece.arrived)
    }

    /// A key was pressed: what it changes does not wait for the end of a picture that is drawn at the cursor.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn make_way(&mut self) -> io::Result<()> {
        if self.canvas.is_drawing() {
            let end = self.canvas.give_up();
            self.output.write_all(end.as_bytes())?;
            self.output.flush()?;
        }
        Ok(())
    }

    /// Draws the state.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn draw(&mut self, state: &State) -> io::Result<()> {
        let mut frame = self.terminal.get_frame();
        let area = frame.area();
        let placements = ui::draw(&mut frame, state, Theme { colour: !self.graphics.no_color, light: self.light });
        let buffer = frame.buffer_mut();
        let now = Instant::now();
        self.pass_at = self.pass_at.filter(|at| now < *at);
        self.canvas.begin_wanting();
        self.lacks_next = false;
        if self.graphics.protocol != Protocol::None && self.pass_at.is_none() {
            // A frame is seen with its heat or not at all, else that would flicker; and there is no time for a better one.
            let is_live = state.live.as_ref().is_some_and(|live| !live.is_held && !live.is_over);
            let mut pictures = Pictures {
                graphics: &self.graphics,
                canvas: &mut self.canvas,
                encoder: &mut self.encoder,
                whole: is_live,
                first: if is_live { Quality::Passing } else { Quality::Coarse },
            };
            let same = placements.len() == self.shown.len()
                && placements.iter().zip(&self.shown).all(|(new, old)| new.picture.key == old.key);
            if !same {
                self.sharpen_at = Some(now + REST);
            }
            let rested = self.sharpen_at.is_none_or(|at| now >= at);
            self.sharpen_at = self.sharpen_at.filter(|at| now < *at);
            let is_fast = self.pace.is_fast().unwrap_or(self.is_local);
            let sharpens = rested && is_fast;
            let is_stream = self.graphics.is_stream();
            let way = Way { is_whole: is_stream, is_fast };
            let first = placements.first().filter(|first| first.picture.key.is_of_image() && state.is_working());
            let shown = self.shown.first().map(|shown| &shown.key);
            let waits = match first {
                Some(Placement { picture, .. }) => {
                    self.hold.waits(&picture.key, picture.recipe.has_overlay(), shown, way, now)
                }
                None => self.hold.release(),
            };
            self.lacks_pictures = false;
            let mut before = std::mem::take(&mut self.shown).into_iter();
            for placement in &placements {
                let old = before.next();
                // Where the two are one, sending the picture alone would be for nothing.
                let ready = if waits && is_stream { None } else { pictures.ready(placement, old.as_ref()) };
                self.lacks_pictures |= ready.is_none();
                // The old one stays until the new one is there.
                let kept = || old.filter(|old| is_blank(buffer, old.area) && pictures.holds(old.area, &old.parts));
                if let Some(shown) = ready.or_else(kept) {
                    pictures.canvas.stage(buffer, shown.area, &shown.parts);
                    self.shown.push(shown);
                }
            }
            // Heat comes before a better picture.
            if !waits && !is_live && placements.iter().all(|placement| pictures.is_whole(placement)) {
                placements.iter().for_each(|placement| pictures.improve(placement, sharpens));
            }
            // What is likely to be looked at next is encoded after what is looked at now.
            for placement in ui::ahead(state, area) {
                if is_live {
                    // The next frame is with the terminal before it is its turn: words and picture change at once.
                    self.lacks_next |= pictures.ready(&placement, None).is_none();
                } else {
                    pictures.prepare(&placement);
                }
            }
            self.encoder.commit();
        }
        self.graphics.fit(buffer);
        let before = self.hear(state.is_zoomed()).to_owned() + &self.canvas.before();
        // Whatever was written since the last frame goes first.
        self.output.flush()?;
        self.terminal.backend_mut().set(self.graphics.codes(), self.size);
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        let cells = self.output.take();
        let after = self.canvas.after();
        // Some terminals wait for the screen's next refresh after an update that changes nothing, and stand still.
        if before.is_empty() && after.is_empty() && cells.is_empty() {
            return Ok(());
        }
        let frame = [BEGIN, before.as_bytes(), &cells, after.as_bytes(), END].concat();
        self.output.write_all(&frame)?;
        self.pace.wrote(frame.len());
        self.ask()?;
        self.output.flush()
    }

    /// What has the mouse heard as it moves, or its clicks alone. Each cell that it passes is a dozen bytes from the terminal, so
    /// it is heard only where something is said about what is under it.
    fn hear(&mut self, motion: bool) -> &'static str {
        let was = std::mem::replace(&mut self.hears_motion, motion);
        match (was, motion) {
            (false, true) => HEAR_MOTION,
            (true, false) => HEAR_CLICKS,
            _ => "",
        }
    }

    /// Asks the terminal whether it has got so far, if enough was written.
    fn ask(&mut self) -> io::Result<()> {
        if self.pace.asks(Instant::now()) { self.output.write_all(QUESTION.as_bytes()) } else { Ok(()) }
    }

    /// Writes what was flushed before the terminal is given back.
    pub(super) fn finish(self) {
        self.output.wait(LAST_BYTES);
    }

    /// Draws everything anew from the next frame on. With `everything`, the terminal has forgotten our pictures too.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn redraw(&mut self, everything: bool) -> io::Result<()> {
        self.make_way()?;
        self.canvas.forget(everything);
        self.terminal.resize(Rect::from(((0, 0).into(), self.size)))
    }

    /// The window may have another size, in cells or in pixels.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn resize(&mut self) -> io::Result<()> {
        let Ok(window) = crossterm::terminal::window_size() else { return Ok(()) };
        self.size = Size::new(window.columns, window.rows);
        if self.answers_cell_size {
            self.write("\x1b[16t")?;
            self.has_asked_for_cell = true;
        }
        self.shown.clear();
        self.pass_at = self.graphics.wrapped.then(|| Instant::now() + TMUX_REDRAW);
        self.redraw(false)
    }

    /// Draws pictures in another way from now on.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn set_graphics(&mut self, graphics: Graphics, facts: &Facts) -> io::Result<()> {
        self.answers_cell_size = facts.replies.iter().any(|reply| matches!(reply, Reply::CellPixels { .. }));
        self.set_background(self.wishes_light, facts);
        if graphics == *self.graphics {
            return Ok(());
        }
        let end = self.canvas.give_up();
        self.write(&end)?;
        self.graphics = Arc::new(graphics);
        self.canvas = Canvas::new(&self.graphics);
        self.session.set_farewell(self.canvas.farewell(&self.graphics));
        self.encoder.reset(Arc::clone(&self.graphics));
        self.shown.clear();
        self.redraw(true)
    }

    /// The terminal says how large a cell is.
    pub(super) fn set_cell(&mut self, cell: CellSize) {
        if cell != self.graphics.cell && cell.is_plausible() {
            self.graphics = Arc::new(Graphics { cell, ..self.graphics.as_ref().clone() });
            self.encoder.reset(Arc::clone(&self.graphics));
            self.shown.clear();
        }
    }

    /// The pictures of some images are others than they were: no key means any more what it meant.
    pub(super) fn forget_pictures(&mut self) {
        self.encoder.reset(Arc::clone(&self.graphics));
        self.shown.clear();
    }

    /// Whether the terminal was asked for the size of a cell since this was called last.
    pub(super) fn has_asked_for_cell(&mut self) -> bool {
        std::mem::take(&mut self.has_asked_for_cell)
    }

    /// Shows a word in the last row, over whatever is there.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn say(&mut self, word: &str) -> io::Result<()> {
        self.write(&format!("\x1b[{};1H\x1b[0m\x1b[K {word}", self.size.height))
    }

    /// Writes a sequence that draws nothing.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn write(&mut self, sequence: &str) -> io::Result<()> {
        self.make_way()?;
        self.output.write_all(sequence.as_bytes())?;
        self.output.flush()
    }

    /// Stops, as `^Z` does, and comes back with everything. False when there is no shell to stop for.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub(super) fn suspend(&mut self) -> io::Result<bool> {
        let mut stopped = false;
        self.pace.forget();
        self.session.suspend(|| stopped = stop_job())?;
        self.hears_motion = false;
        self.resize()?;
        self.redraw(true)?;
        Ok(stopped)
    }

    /// Comes back after a stop that nobody announced.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub(super) fn retake(&mut self) -> io::Result<()> {
        self.session.retake()?;
        self.hears_motion = false;
        self.resize()?;
        self.redraw(true)
    }
}

//! One frame after another, each in one synchronized update: text by difference, pictures where they belong.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};

use super::encoder::{Encoder, Finished};
use crate::app::{PictureKey, State};
use crate::term::{Canvas, CellSize, Encoded, Facts, Graphics, Output, Protocol, Quality, Reply, Session, stop_job};
use crate::ui::{self, Theme};

/// DEC private mode 2026: the terminal shows nothing of what comes between the two until the second.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
/// What ratatui writes when no cell has changed.
const NO_CHANGE: &[u8] = b"\x1b[39m\x1b[49m\x1b[59m\x1b[0m";
/// After so long without a change, a picture is sent again as sharp as it gets.
const REST: Duration = Duration::from_millis(300);
/// Within this time tmux has drawn itself in its new size.
const TMUX_REDRAW: Duration = Duration::from_millis(250);

/// A picture that was on the screen in the frame before.
struct Shown {
    area: Rect,
    key: PictureKey,
    parts: Vec<Arc<Encoded>>,
}

/// The terminal, from the side that writes to it.
pub(super) struct Screen {
    // Dropped first: the terminal is given back after the last byte of ours.
    terminal: Terminal<CrosstermBackend<Output>>,
    output: Output,
    session: Session,
    graphics: Arc<Graphics>,
    canvas: Canvas,
    encoder: Encoder,
    finished: crossbeam_channel::Receiver<Finished>,
    shown: Vec<Shown>,
    size: Size,
    /// The terminal answers when asked for the size of a cell.
    answers_cell_size: bool,
    /// It was asked, and nobody knows yet.
    has_asked_for_cell: bool,
    /// Sending twice is worth it: the line is not an SSH connection.
    is_local: bool,
    /// tmux drops what is to pass through it while it draws itself anew: pictures wait until then.
    pass_at: Option<Instant>,
    /// When the picture on the screen will have been at rest for long enough to be sharpened.
    sharpen_at: Option<Instant>,
    /// A picture on screen is an older one, since the one that belongs there is still being made.
    lacks_pictures: bool,
}

impl Screen {
    /// Prepares to draw.
    ///
    /// # Errors
    /// When the terminal's size is unknown or threads cannot be started.
    pub(super) fn new(session: Session, output: Output, graphics: Graphics, facts: &Facts) -> io::Result<Screen> {
        // `NO_COLOR` is the theme's business: here, a colour may be the id of a picture.
        crossterm::style::force_color_output(true);
        let terminal = Terminal::new(CrosstermBackend::new(output.clone()))?;
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
            encoder,
            finished,
            shown: Vec::new(),
            answers_cell_size: facts.replies.iter().any(|reply| matches!(reply, Reply::CellPixels { .. })),
            is_local: !facts.environment.ssh,
            graphics,
            has_asked_for_cell: false,
            pass_at: None,
            sharpen_at: None,
            lacks_pictures: false,
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
        !self.lacks_pictures
    }

    /// When a new frame is needed though nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.sharpen_at, self.pass_at].into_iter().flatten().min()
    }

    /// Draws the state.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn draw(&mut self, state: &State) -> io::Result<()> {
        let sharpens = self.is_local && self.graphics.has_quick();
        let mut frame = self.terminal.get_frame();
        let area = frame.area();
        let placements = ui::draw(&mut frame, state, Theme { colour: !self.graphics.no_color });
        let buffer = frame.buffer_mut();
        let now = Instant::now();
        self.pass_at = self.pass_at.filter(|at| now < *at);
        if self.graphics.protocol != Protocol::None && self.pass_at.is_none() {
            let same = placements.len() == self.shown.len()
                && placements.iter().zip(&self.shown).all(|(new, old)| new.picture.key == old.key);
            let rested = same && self.sharpen_at.is_none_or(|at| now >= at);
            self.lacks_pictures = false;
            let mut before = std::mem::take(&mut self.shown).into_iter();
            for placement in &placements {
                let old = before.next();
                let size = placement.area.as_size();
                let picture = &placement.picture;
                let is_reduced = old.as_ref().is_none_or(|old| old.parts.iter().any(|part| part.is_reduced()));
                let sharp = if rested && is_reduced && sharpens {
                    self.encoder.want(picture, size, Quality::Sharp)
                } else {
                    self.encoder.have(picture, size, Quality::Sharp)
                };
                match sharp.or_else(|| self.encoder.want(picture, size, Quality::Quick)) {
                    Some(parts) => {
                        let (area, key) = (placement.area, placement.picture.key.clone());
                        stage(&mut self.canvas, buffer, area, &parts);
                        self.shown.push(Shown { area, key, parts });
                    }
                    // The old one stays until the new one is there.
                    None => {
                        self.lacks_pictures = true;
                        if let Some(old) = old.filter(|old| is_blank(buffer, old.area)) {
                            stage(&mut self.canvas, buffer, old.area, &old.parts);
                            self.shown.push(old);
                        }
                    }
                }
            }
            self.sharpen_at = match self.sharpen_at {
                _ if !same => (sharpens && !self.shown.is_empty()).then(|| now + REST),
                Some(at) if now < at => Some(at),
                _ => None,
            };
            // What is likely to be looked at next is encoded after what is looked at now.
            for placement in ui::ahead(state, area) {
                let size = placement.area.as_size();
                if self.encoder.have(&placement.picture, size, Quality::Sharp).is_none() {
                    self.encoder.want(&placement.picture, size, Quality::Quick);
                }
            }
            self.encoder.commit();
        }
        self.graphics.fit(buffer);
        let before = self.canvas.before();
        // Whatever was written since the last frame goes first.
        self.output.flush()?;
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        let cells = self.graphics.fit_bytes(self.output.take());
        let after = self.canvas.after();
        // Some terminals wait for the screen's next refresh after an update that changes nothing, and stand still.
        if before.is_empty() && after.is_empty() && cells == NO_CHANGE {
            return Ok(());
        }
        for bytes in [BEGIN, before.as_bytes(), &cells, after.as_bytes(), END] {
            self.output.write_all(bytes)?;
        }
        self.output.flush()
    }

    /// Draws everything anew from the next frame on. With `everything`, the terminal has forgotten our pictures too.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn redraw(&mut self, everything: bool) -> io::Result<()> {
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
        if graphics == *self.graphics {
            return Ok(());
        }
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
        self.output.write_all(sequence.as_bytes())?;
        self.output.flush()
    }

    /// Stops, as `^Z` does, and comes back with everything. False when there is no shell to stop for.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub(super) fn suspend(&mut self) -> io::Result<bool> {
        let mut stopped = false;
        self.session.suspend(|| stopped = stop_job())?;
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
        self.resize()?;
        self.redraw(true)
    }
}

fn stage(canvas: &mut Canvas, buffer: &mut Buffer, area: Rect, parts: &[Arc<Encoded>]) {
    let parts: Vec<&Encoded> = parts.iter().map(Arc::as_ref).collect();
    canvas.stage(buffer, area, &parts);
}

/// Whether nothing was drawn there.
fn is_blank(buffer: &Buffer, area: Rect) -> bool {
    buffer.area.intersection(area) == area
        && area.positions().all(|position| buffer.cell(position).is_some_and(|cell| cell.symbol().trim().is_empty()))
}

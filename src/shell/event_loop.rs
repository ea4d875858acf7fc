//! The one owner of the state: takes what has happened, updates, draws when something changed.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError};
use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::answers::{Answer, Answers};
use super::crash::caught;
use super::encoder::Finished;
use super::engine::{Engine, SecondEngine};
use super::marks::KnownMarks;
use super::pool::Pool;
use super::screen::Screen;
use super::signals::Signal;
use super::{News, summary};
use crate::app::keymap::presses;
use crate::app::{Action, Effect, ModelId, Notice, Report, Second, State, Terminal, update};
use crate::term::input::Input;
use crate::term::{Protocol, Reply, decide};
use crate::text::escape;
use crate::triage::{Journal, JournalError};
use crate::ui;

/// Screens of so many columns have room for the reason why pictures are drawn as they are.
const WIDE: u16 = 120;
/// How long the mark of a menu rests on a row before what takes its time is begun.
const REST: Duration = Duration::from_millis(400);

/// Over how long frames are counted.
const RATE_OVER: Duration = Duration::from_secs(2);

/// Where things come from.
pub(super) struct Sources {
    pub(super) input: Receiver<Vec<u8>>,
    pub(super) signals: Receiver<Signal>,
    pub(super) news: Receiver<News>,
    pub(super) reports: Receiver<Report>,
}

/// What effects act on.
pub(super) struct Sinks {
    pub(super) pool: Pool,
    pub(super) reports: Sender<Report>,
    /// Where marks are kept, or why nowhere.
    pub(super) journal: Result<Journal, JournalError>,
    /// Asks for the newest frame, where there are frames.
    pub(super) ask: Option<Sender<()>>,
    /// What it said when it was read last.
    pub(super) known_marks: KnownMarks,
}

/// Why the loop ended.
pub(super) enum End {
    /// The user left, or the terminal went away.
    Quit,
    /// There is no model.
    Failed(anyhow::Error),
    /// A signal told us to.
    Signal(i32),
}

/// State, terminal and workers.
pub(super) struct EventLoop {
    state: State,
    screen: Screen,
    sources: Sources,
    answers: Answers,
    sinks: Sinks,
    /// The models that are loaded.
    engines: HashMap<ModelId, Arc<dyn Engine>>,
    /// Nothing more will be found or loaded.
    news_is_over: bool,
    /// Something changed since the last frame.
    dirty: bool,
    /// When the state is told that nothing has moved, and by which number.
    rest: Option<(Instant, u64)>,
    /// Where the mouse has come to, which nobody was told.
    mouse: Option<Position>,
    /// A frame was asked for and has not come.
    is_asked: bool,
    /// When the last frames came.
    frames: VecDeque<Instant>,
    end: Option<End>,
}

impl EventLoop {
    pub(super) fn new(state: State, screen: Screen, sources: Sources, answers: Answers, sinks: Sinks) -> Self {
        EventLoop {
            state,
            screen,
            sources,
            answers,
            sinks,
            engines: HashMap::new(),
            news_is_over: false,
            dirty: true,
            rest: None,
            mouse: None,
            is_asked: false,
            frames: VecDeque::new(),
            end: None,
        }
    }

    /// Runs until the end. `typed` came before the loop began.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(super) fn run(&mut self, typed: Vec<Event>) -> io::Result<End> {
        self.tell_terminal();
        if let Some(hint) = self.screen.graphics().hint.filter(|_| self.state.notice.is_none()) {
            self.act(Action::Notify(Notice::Done(hint.to_owned())))?;
        }
        for event in typed {
            self.event(&event)?;
        }
        loop {
            if let Some(end) = self.end.take() {
                return Ok(end);
            }
            if self.dirty && self.screen.may_draw() {
                self.dirty = false;
                self.screen.draw(&self.state)?;
            } else if self.screen.may_send() {
                self.dirty |= self.screen.send()?;
            } else if self.state.has_next_frame() && self.screen.has_next() {
                self.act(Action::NextFrame)?;
            } else {
                self.ask_for_frame();
                self.wait();
            }
            self.take_all()?;
        }
    }

    /// How many images of the list are marked.
    pub(super) fn marked(&self) -> usize {
        self.state.entries.iter().filter(|entry| entry.is_marked).count()
    }

    /// Leaves for good.
    pub(super) fn finish(self) {
        let EventLoop { mut screen, sources, mut answers, sinks, .. } = self;
        drop(sinks);
        answers.quieten(&mut screen, &sources.input);
        screen.finish();
    }

    /// Sleeps until something happens.
    fn wait(&self) {
        let mut select = Select::new();
        select.recv(&self.sources.input);
        select.recv(&self.sources.signals);
        select.recv(&self.sources.reports);
        select.recv(self.screen.finished());
        select.recv(self.screen.written());
        // These senders may go away when their work is done; a closed channel is always ready.
        if !self.news_is_over {
            select.recv(&self.sources.news);
        }
        let rest = self.rest.map(|(at, _)| at);
        let deadlines = [self.answers.deadline(), rest, self.screen.deadline(), self.screen.patience()];
        match deadlines.into_iter().flatten().min() {
            Some(deadline) => {
                let _ = select.ready_deadline(deadline);
            }
            None => {
                select.ready();
            }
        }
    }

    /// Takes all that has happened.
    fn take_all(&mut self) -> io::Result<()> {
        let _ = self.screen.written().try_recv();
        self.screen.lose_patience();
        loop {
            match self.sources.input.try_recv() {
                Ok(bytes) => {
                    for input in self.answers.hear(&bytes) {
                        self.input(input)?;
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.end = Some(End::Quit);
                    break;
                }
            }
        }
        for input in self.answers.give_up() {
            self.input(input)?;
        }
        // Of all the places that it passed, the last one is enough.
        if let Some(at) = self.mouse.take().filter(|_| self.state.is_zoomed()) {
            self.act(Action::Hover(ui::hovered(&self.state, at)))?;
        }
        while let Ok(signal) = self.sources.signals.try_recv() {
            self.signal(signal)?;
        }
        loop {
            match self.sources.news.try_recv() {
                Ok(news) => self.news(news)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.news_is_over = true;
                    break;
                }
            }
        }
        while let Ok(report) = self.sources.reports.try_recv() {
            self.sinks.pool.seen(&report);
            // A line that has not carried the picture before gets the next one later.
            if !matches!(report, Report::Dreaming(..)) || self.screen.shows_all() {
                self.act(Action::Report(report))?;
            }
        }
        if let Some((_, count)) = self.rest.take_if(|(at, _)| Instant::now() >= *at) {
            self.act(Action::Rested(count))?;
        }
        while let Ok(finished) = self.screen.finished().try_recv() {
            self.finished(finished);
        }
        self.dirty |= self.screen.deadline().is_some_and(|deadline| Instant::now() >= deadline);
        Ok(())
    }

    /// Asks for the newest frame once the one before is on screen.
    fn ask_for_frame(&mut self) {
        let Some(ask) = &self.sinks.ask else { return };
        if !self.is_asked && self.state.wants_frame() && self.screen.shows_all() {
            self.is_asked = ask.try_send(()).is_ok();
        }
    }

    /// Frames a second, over the last two seconds.
    fn rate(&mut self) -> Option<f32> {
        let now = Instant::now();
        self.frames.push_back(now);
        while self.frames.front().is_some_and(|first| now - *first > RATE_OVER) {
            self.frames.pop_front();
        }
        let span = now - *self.frames.front()?;
        (!span.is_zero()).then(|| (self.frames.len() - 1) as f32 / span.as_secs_f32())
    }

    fn finished(&mut self, finished: Finished) {
        self.dirty |= self.screen.take(finished);
    }

    fn news(&mut self, news: News) -> io::Result<()> {
        match news {
            News::Found { paths, marked } => {
                self.act(Action::MarkedBefore(marked))?;
                self.act(Action::Found(paths))
            }
            News::Frame(frame) => {
                self.is_asked = false;
                let rate = frame.as_ref().ok().and_then(|_| self.rate());
                self.act(Action::Frame { frame, rate })
            }
            News::Changed(paths) => {
                let engines = self.engines.values();
                engines.for_each(|engine| paths.iter().for_each(|path| engine.forget(path)));
                self.screen.forget_pictures();
                self.act(Action::Changed(paths))
            }
            News::FoundAll(problems) => self.act(Action::FoundAll(problems)),
            News::Model(Ok(engine)) => {
                let model = summary(&engine);
                self.sinks.pool.set_engine(model.id, Arc::clone(&engine));
                self.engines.insert(model.id, engine);
                self.act(Action::ModelReady(model))
            }
            News::Second(Ok(second)) => self.second(second, ""),
            News::Renewed(Ok(second)) => {
                let name = second.engine.summary().name;
                self.second(second, " (new)")?;
                self.act(Action::Notify(Notice::Done(format!("{name} has changed: old and new are side by side"))))
            }
            News::Renewed(Err(error)) => {
                self.act(Action::Notify(Notice::Failed(escape(&error.to_string()).into_owned())))
            }
            News::Marked => {
                // One that cannot be read just now is heard of again when it changes.
                let Ok(Ok(marks)) = self.sinks.journal.as_ref().map(Journal::marks) else { return Ok(()) };
                let changed = self.sinks.known_marks.take(marks, &self.state.entries);
                changed.into_iter().try_for_each(|(image, marked)| self.act(Action::Marked { image, marked }))
            }
            News::Model(Err(error)) | News::Second(Err(error)) => {
                self.end = Some(End::Failed(error));
                Ok(())
            }
        }
    }

    /// A second model, or another in its place; `version` tells its name from that of the first.
    fn second(&mut self, second: SecondEngine, version: &str) -> io::Result<()> {
        let SecondEngine { engine, joint, truths } = second;
        let mut model = engine.summary();
        model.name.push_str(version);
        let model = Arc::new(model);
        self.sinks.pool.set_engine(model.id, Arc::clone(&engine));
        self.engines.insert(model.id, engine);
        self.act(Action::SecondReady(Second { model, joint, truths }))?;
        // One that was in its place is not asked any more.
        let models = self.state.models();
        self.engines.retain(|model, _| models.contains(model));
        self.sinks.pool.keep_engines(&models);
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match signal {
            Signal::End(number) => self.end = Some(End::Signal(number)),
            Signal::Stop => self.suspend()?,
            Signal::Continue => {
                self.screen.retake()?;
                self.tell_terminal();
            }
            Signal::Resize => {
                self.screen.resize()?;
                self.tell_terminal();
            }
        }
        self.dirty = true;
        Ok(())
    }

    fn input(&mut self, input: Input) -> io::Result<()> {
        match input {
            // It takes nobody's way: pictures go on.
            Input::Event(Event::Mouse(MouseEvent {
                kind: MouseEventKind::Moved | MouseEventKind::Drag(_),
                column,
                row,
                ..
            })) => {
                self.mouse = Some(Position::new(column, row));
                Ok(())
            }
            Input::Event(event) => {
                self.mouse = None;
                self.event(&event)?;
                // What a key has changed does not wait for the end of a picture.
                if self.dirty { self.screen.make_way() } else { Ok(()) }
            }
            Input::Reply(reply) => self.reply(reply),
        }
    }

    /// An answer of the terminal: to the question for the size of a cell, or a late one to the probe.
    fn reply(&mut self, reply: Reply) -> io::Result<()> {
        if reply == Reply::Status {
            self.screen.answered();
            return Ok(());
        }
        self.answers.take(reply).map_or(Ok(()), |answer| self.learn(answer))
    }

    /// What follows from an answer.
    fn learn(&mut self, answer: Answer) -> io::Result<()> {
        match answer {
            Answer::Facts(facts) => {
                let graphics = decide(&facts, self.answers.wishes());
                self.screen.set_graphics(graphics, &facts)?;
            }
            Answer::Cell(cell) => self.screen.set_cell(cell),
        }
        self.tell_terminal();
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let action = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                for key in presses(*key) {
                    if let Some(action) = self.state.interpret(key) {
                        self.act(action)?;
                    }
                }
                None
            }
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => {
                    ui::click(&self.state, Position::new(mouse.column, mouse.row))
                }
                MouseEventKind::ScrollDown => Some(Action::Scroll(1)),
                MouseEventKind::ScrollUp => Some(Action::Scroll(-1)),
                _ => None,
            },
            // A paste is not a row of commands.
            _ => None,
        };
        action.map_or(Ok(()), |action| self.act(action))
    }

    /// What the terminal can do, for the state.
    fn tell_terminal(&mut self) {
        if self.screen.has_asked_for_cell() {
            self.answers.asked_for_cell();
        }
        let size = self.screen.size();
        let graphics = self.screen.graphics();
        let terminal = Terminal {
            size: (size.width, size.height),
            cell: (graphics.cell.width, graphics.cell.height),
            dots: match (graphics.protocol, graphics.protocol.blocks()) {
                (_, Some(blocks)) => blocks.dots(),
                (Protocol::None, None) => (1, 2),
                (_, None) => (graphics.cell.width, graphics.cell.height),
            },
            graphics: if size.width >= WIDE {
                format!("{}: {}", graphics.protocol, graphics.reason)
            } else {
                graphics.protocol.name().to_owned()
            },
            no_pictures: (graphics.protocol == Protocol::None).then(|| graphics.reason.clone()),
            page: ui::list_rows((size.width, size.height)),
            menu: ui::menu_rows((size.width, size.height)),
            help_overflow: ui::help_overflow((size.width, size.height), &self.state.keymap),
        };
        let effects = update(&mut self.state, Action::Terminal(terminal));
        self.dirty = true;
        for effect in effects {
            // A new size asks for no more than other work.
            if let Effect::Agenda(agenda) = effect {
                self.sinks.pool.set_agenda(&agenda);
            }
        }
    }

    fn act(&mut self, action: Action) -> io::Result<()> {
        self.dirty = true;
        for effect in update(&mut self.state, action) {
            self.effect(effect)?;
        }
        Ok(())
    }

    fn effect(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Agenda(agenda) => self.sinks.pool.set_agenda(&agenda),
            Effect::Export(export) => {
                let engine = self.engines.get(&export.model()).cloned();
                let (Some(engine), reports) = (engine, self.sinks.reports.clone()) else { return Ok(()) };
                let write = move || {
                    let _ = reports.send(Report::Exported(
                        caught(|| engine.export(&export).map_err(|error| error.to_string())).flatten(),
                    ));
                };
                std::thread::Builder::new().name("export".to_owned()).spawn(write)?;
            }
            Effect::Mark { image, path, marked } => {
                let kept = match &mut self.sinks.journal {
                    Ok(journal) => journal.set(&path, marked).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                match kept {
                    Ok(()) => self.sinks.known_marks.note(&path, marked),
                    Err(reason) => self.act(Action::MarkLost { image, marked, reason })?,
                }
            }
            Effect::Copy(text) => self.screen.write(&format!("\x1b]52;c;{}\x07", STANDARD.encode(text)))?,
            Effect::Rest(count) => self.rest = Some((Instant::now() + REST, count)),
            Effect::Redraw => self.screen.redraw(true)?,
            Effect::Suspend => self.suspend()?,
            Effect::Quit => self.end = Some(End::Quit),
        }
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        let learnt = self.answers.quieten(&mut self.screen, &self.sources.input);
        if !self.screen.suspend()? {
            self.act(Action::Notify(Notice::Failed("there is no shell to return to".to_owned())))?;
        }
        learnt.into_iter().try_for_each(|answer| self.learn(answer))?;
        // These tell of the stop that is over.
        while let Ok(signal) = self.sources.signals.try_recv() {
            if let Signal::End(number) = signal {
                self.end = Some(End::Signal(number));
            }
        }
        self.tell_terminal();
        Ok(())
    }
}

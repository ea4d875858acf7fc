//! Asks the terminal what it can do, and shows a test card for each way to draw pictures in it.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, at, never, select};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::Terminal;
use ratatui::layout::Rect;

use super::answers::Answers;
use super::signals::{self, Signal};
use crate::raster::{halves, test_card};
use crate::term::input::{Decoder, Input};
use crate::term::{
    Canvas, CellSize, Cells, EncodeError, Environment, Facts, Graphics, Output, Part, Probe, Protocol, Quality,
    Session, SessionError, Wishes, candidates, probe, read_input, stop_job,
};
use crate::ui::{CardPage, Theme, draw_test_card};

/// How long the terminal may take to answer: longer than for the interface, since nobody waits for a picture.
const LIMIT: Duration = Duration::from_secs(3);

/// What was found out.
#[derive(Debug)]
pub struct Findings {
    /// What the terminal and the environment say.
    pub facts: Facts,
    /// Ways to draw pictures, the best first.
    pub graphics: Vec<Graphics>,
    /// The size of a cell that the user insists on.
    pub cell: Option<CellSize>,
    /// Why the terminal was not asked, where it was not.
    pub unasked: Option<&'static str>,
}

/// What the user wants after a card.
enum Next {
    Card,
    Again,
    Leave,
    Die(i32),
}

/// Asks the terminal and shows the cards, until the user has seen them or leaves. Where there is no terminal that could be
/// asked, the environment alone tells.
///
/// # Errors
/// When the terminal cannot be read, written to or taken over.
pub fn doctor(wishes: Wishes) -> anyhow::Result<Findings> {
    let signals = signals::listen()?;
    let (session, mut output) = match Session::enter() {
        Ok(entered) => entered,
        Err(why @ (SessionError::NotATerminal(_) | SessionError::Dumb)) => {
            let facts = Facts { environment: Environment::current(), ..Facts::default() };
            let unasked = match why {
                SessionError::Dumb => "TERM=dumb shows no full screen",
                _ => "standard output is not a terminal",
            };
            return Ok(Findings {
                graphics: candidates(&facts, wishes),
                facts,
                cell: wishes.cell,
                unasked: Some(unasked),
            });
        }
        Err(error) => return Err(error.into()),
    };
    let input = read_input()?;
    let mut decoder = Decoder::default();
    output.write_all(b" asking the terminal, which has 3 s to answer")?;
    let Probe { facts, complete, .. } = probe(&mut output, &input, &mut decoder, LIMIT)?;
    let mut answers = Answers::new(decoder, (!complete).then(|| facts.clone()), wishes);
    let graphics = candidates(&facts, wishes);
    let cards: Vec<&Graphics> = graphics.iter().filter(|graphics| graphics.protocol != Protocol::None).collect();
    let mut at = 0;
    while let Some(card) = cards.get(at) {
        let mut canvas = Canvas::new(card);
        session.set_farewell(canvas.farewell(card));
        show(&mut output, &mut canvas, card, [at + 1, cards.len()])?;
        let next = wait(&session, &input, &signals, &mut answers)?;
        output.write_all(canvas.farewell(card).as_bytes())?;
        match next {
            Next::Card => at += 1,
            Next::Again => {}
            Next::Leave => break,
            Next::Die(signal) => {
                drop(session);
                signal_hook::low_level::emulate_default_handler(signal)?;
                return Ok(Findings { facts, graphics, cell: wishes.cell, unasked: None });
            }
        }
    }
    answers.drain(&input, |word| drop(write!(output, "\x1b[999;1H\x1b[K {word}").and_then(|()| output.flush())));
    Ok(Findings { facts, graphics, cell: wishes.cell, unasked: None })
}

/// Clears the screen and draws a card's page.
fn show(
    output: &mut Output,
    canvas: &mut Canvas,
    graphics: &Graphics,
    [number, count]: [usize; 2],
) -> anyhow::Result<()> {
    crossterm::style::force_color_output(true);
    let mut terminal = Terminal::new(Cells::new(output.clone()))?;
    let size = terminal.size()?;
    terminal.resize(Rect::from(((0, 0).into(), size)))?;
    let mut frame = terminal.get_frame();
    let buffer = frame.buffer_mut();
    let page = CardPage {
        protocol: graphics.protocol.name(),
        reason: &graphics.reason,
        cell: (graphics.cell.width, graphics.cell.height),
        number,
        count,
        mixes: graphics.children,
    };
    if let Some(areas) = draw_test_card(buffer, page, Theme { colour: !graphics.no_color, light: false }) {
        let halves = areas.halves.into_iter().flatten().zip(halves());
        for (area, picture) in [(areas.card, test_card())].into_iter().chain(halves) {
            let parts = graphics.parts(picture.show_base, picture.has_overlay()).iter();
            let parts =
                parts.map(|part: &Part| graphics.encode(&picture, *part, area.as_size(), Quality::Sharp).map(Arc::new));
            let parts = parts.collect::<Result<Vec<_>, EncodeError>>()?;
            parts.iter().for_each(|part| canvas.want(area, part));
            output.write_all(canvas.all_pieces().as_bytes())?;
            canvas.stage(buffer, area, &parts);
        }
    }
    graphics.fit(buffer);
    output.write_all(canvas.before().as_bytes())?;
    output.flush()?;
    terminal.backend_mut().set(graphics.codes(), size);
    terminal.flush()?;
    output.write_all(canvas.after().as_bytes())?;
    output.write_all(canvas.all_pieces().as_bytes())?;
    output.flush()?;
    Ok(())
}

/// Waits for a key or a signal.
fn wait(
    session: &Session,
    input: &Receiver<Vec<u8>>,
    signals: &Receiver<Signal>,
    answers: &mut Answers,
) -> io::Result<Next> {
    loop {
        let escape = answers.deadline().map_or_else(never, at);
        let inputs = select! {
            recv(input) -> bytes => match bytes {
                Ok(bytes) => answers.hear(&bytes),
                Err(_) => return Ok(Next::Leave),
            },
            recv(escape) -> _ => answers.give_up(),
            recv(signals) -> signal => match signal {
                Ok(Signal::End(number)) => return Ok(Next::Die(number)),
                Ok(Signal::Stop) => {
                    session.suspend(|| {
                        stop_job();
                    })?;
                    return Ok(Next::Again);
                }
                Ok(Signal::Continue | Signal::Resize) => return Ok(Next::Again),
                Err(_) => return Ok(Next::Leave),
            },
        };
        let inputs: Vec<Input> = inputs
            .into_iter()
            .filter(|input| {
                let Input::Reply(reply) = input else { return true };
                answers.take(reply.clone());
                false
            })
            .collect();
        let key = inputs.into_iter().find_map(|input| match input {
            Input::Event(Event::Key(key)) if key.kind == KeyEventKind::Press => Some(key),
            _ => None,
        });
        match key.map(|key| (key.code, key.modifiers.contains(KeyModifiers::CONTROL))) {
            Some((KeyCode::Char('q') | KeyCode::Esc, _) | (KeyCode::Char('c'), true)) => return Ok(Next::Leave),
            Some(_) => return Ok(Next::Card),
            None => {}
        }
    }
}

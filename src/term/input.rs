//! From the terminal's bytes to key presses, mouse events and replies.
//!
//! crossterm's own reader knows nothing of replies in string sequences: a late answer to a graphics query would come out
//! of it as a row of key presses, `q` among them. So the bytes are read here, in one place for probe and event loop, and
//! handed on as crossterm's event types. The decoder keeps what is incomplete until more bytes come; after a lone ESC
//! the caller waits a moment, or longer while the terminal owes an answer, and then calls [`Decoder::timeout`].

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::reply::Reply;

/// Longest string sequence and paste kept, in bytes; more than that is swallowed.
const MAX_STRING: usize = 1 << 16;

/// One thing that the terminal said.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The user did something.
    Event(Event),
    /// The terminal answered.
    Reply(Reply),
}

/// An incremental decoder.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

/// What the front of the buffer holds.
enum Step {
    /// So many bytes mean this.
    Took(usize, Option<Input>),
    /// More bytes are needed.
    Incomplete,
}

impl Decoder {
    /// Adds bytes and returns what they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.buffer.extend_from_slice(bytes);
        self.drain(false)
    }

    /// The same for bytes that come so long after the last ones that an ESC among those was the Escape key, unless these go on
    /// as an answer would.
    pub fn feed_late(&mut self, bytes: &[u8]) -> Vec<Input> {
        let goes_on = bytes.first().is_some_and(|first| b"[P_]".contains(first));
        let mut inputs = if self.is_escape() && !goes_on { self.timeout() } else { Vec::new() };
        inputs.extend(self.feed(bytes));
        inputs
    }

    /// Whether these bytes are what follows ESC in an answer, or in the beginning of one that no keys are.
    pub fn is_rest_of_answer(bytes: &[u8]) -> bool {
        let mut decoder = Decoder::default();
        let inputs = decoder.feed(&[&[0x1b], bytes].concat());
        inputs.first().map_or(decoder.is_sequence(), |input| matches!(input, Input::Reply(_)))
    }

    /// Whether ESC waits alone.
    pub fn is_escape(&self) -> bool {
        self.buffer == [0x1b]
    }

    /// Whether what waits is the beginning of a sequence that keys pressed one after another are not.
    pub fn is_sequence(&self) -> bool {
        matches!(self.buffer[..], [0x1b, b'[' | b'P' | b'_' | b']', _, ..])
    }

    /// Whether bytes wait for others that may never come.
    pub fn is_pending(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Nothing came for a while: a lone ESC was the Escape key, ESC and a letter was Alt; a torn reply is dropped.
    pub fn timeout(&mut self) -> Vec<Input> {
        self.drain(true)
    }

    fn drain(&mut self, last: bool) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut start = 0;
        while start < self.buffer.len() {
            match step(&self.buffer[start..], last) {
                Step::Took(count, input) => {
                    start += count.max(1);
                    inputs.extend(input);
                }
                Step::Incomplete => break,
            }
        }
        self.buffer.drain(..start);
        inputs
    }
}

/// Decodes the front of `bytes`, which is not empty. With `last`, nothing more will come.
fn step(bytes: &[u8], last: bool) -> Step {
    match bytes[0] {
        0x1b => escape(bytes, last),
        byte @ (0x00..=0x1f | 0x7f) => Step::Took(1, Some(key(control(byte)))),
        _ => character(bytes, KeyModifiers::NONE, last),
    }
}

fn key(event: KeyEvent) -> Input {
    Input::Event(Event::Key(event))
}

fn control(byte: u8) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match byte {
        b'\r' | b'\n' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x08 | 0x7f => plain(KeyCode::Backspace),
        0x00 => KeyEvent::new(KeyCode::Char(' '), KeyModifiers::CONTROL),
        0x01..=0x1a => KeyEvent::new(KeyCode::Char(char::from(byte - 1 + b'a')), KeyModifiers::CONTROL),
        _ => KeyEvent::new(KeyCode::Char(char::from(byte.wrapping_sub(0x1c) + b'4')), KeyModifiers::CONTROL),
    }
}

/// A character in UTF-8; what is not UTF-8 is dropped, byte by byte.
fn character(bytes: &[u8], mut modifiers: KeyModifiers, last: bool) -> Step {
    let length = match bytes[0] {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Step::Took(1, None),
    };
    let available = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(available) {
        Ok(text) => {
            let Some(c) = text.chars().next() else { return Step::Took(1, None) };
            if c.is_uppercase() {
                modifiers |= KeyModifiers::SHIFT;
            }
            Step::Took(length, Some(key(KeyEvent::new(KeyCode::Char(c), modifiers))))
        }
        Err(error) if error.error_len().is_none() && !last => Step::Incomplete,
        Err(_) => Step::Took(1, None),
    }
}

/// What begins with ESC.
fn escape(bytes: &[u8], last: bool) -> Step {
    let lone = || Step::Took(1, Some(key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE))));
    let Some(&second) = bytes.get(1) else {
        return if last { lone() } else { Step::Incomplete };
    };
    match second {
        0x1b => lone(),
        b'[' => csi(bytes, last),
        b'O' => match bytes.get(2) {
            Some(&third) => match function_key(third) {
                Some(code) => Step::Took(3, Some(key(KeyEvent::new(code, KeyModifiers::NONE)))),
                None => alt(bytes),
            },
            None if last => alt(bytes),
            None => Step::Incomplete,
        },
        b'P' | b'_' | b']' | b'^' | b'X' => string(bytes, last),
        0x00..=0x1f | 0x7f => {
            let mut event = control(second);
            event.modifiers |= KeyModifiers::ALT;
            Step::Took(2, Some(key(event)))
        }
        _ => match character(&bytes[1..], KeyModifiers::ALT, last) {
            Step::Took(count, input) => Step::Took(count + 1, input),
            Step::Incomplete => Step::Incomplete,
        },
    }
}

/// Alt and the second byte's character.
fn alt(bytes: &[u8]) -> Step {
    match character(&bytes[1..], KeyModifiers::ALT, true) {
        Step::Took(count, input) => Step::Took(count + 1, input),
        Step::Incomplete => Step::Took(2, None),
    }
}

/// The keys that end in these letters, after `ESC O` and `ESC [`.
fn function_key(byte: u8) -> Option<KeyCode> {
    Some(match byte {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(byte - b'P' + 1),
        b'M' => KeyCode::Enter,
        _ => return None,
    })
}

/// A string sequence: DCS, APC, OSC, PM or SOS up to its terminator.
fn string(bytes: &[u8], last: bool) -> Step {
    // Replies start in a few ways only; anything else was Alt and a letter.
    let reply = match (bytes[1], bytes.get(2)) {
        (_, None) => !last,
        (b'P', Some(b'>' | b'0'..=b'9' | b'!' | b'$' | b'+')) | (b'_', Some(b'G')) => true,
        (b']', Some(byte)) => byte.is_ascii_digit(),
        _ => false,
    };
    if !reply {
        return alt(bytes);
    }
    let end = bytes.windows(2).skip(2).position(|pair| pair == b"\x1b\\").map(|at| (at + 2, 2));
    let bell = bytes.iter().position(|byte| *byte == 0x07).map(|at| (at, 1));
    let found = match (end, bell) {
        (Some(end), Some(bell)) if bytes[1] == b']' => Some(end.min(bell)),
        (None, Some(bell)) if bytes[1] == b']' => Some(bell),
        (end, _) => end,
    };
    match found {
        Some((end, terminator)) => {
            let body = String::from_utf8_lossy(&bytes[2..end]);
            Step::Took(end + terminator, Some(Input::Reply(Reply::from_string(bytes[1], &body))))
        }
        None if last || bytes.len() > MAX_STRING => Step::Took(bytes.len(), Some(Input::Reply(Reply::Unknown))),
        None => Step::Incomplete,
    }
}

/// A control sequence.
fn csi(bytes: &[u8], last: bool) -> Step {
    let Some(length) = bytes[2..].iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        let torn = bytes[2..].iter().position(|byte| !(0x20..=0x3f).contains(byte));
        return match torn {
            // A control character, or the ESC of the next sequence: what came before it is lost.
            Some(at) => Step::Took(2 + at, None),
            None if bytes.len() == 2 && last => alt(bytes),
            None if last || bytes.len() > MAX_STRING => Step::Took(bytes.len(), None),
            None => Step::Incomplete,
        };
    };
    let body = &bytes[2..2 + length];
    if let Some(torn) = body.iter().position(|byte| !(0x20..=0x3f).contains(byte)) {
        return Step::Took(2 + torn, None);
    }
    let parameters = String::from_utf8_lossy(body);
    let end = bytes[2 + length];
    let taken = 3 + length;
    match (&*parameters, end) {
        // The Linux console's F1 to F5.
        ("", b'[') => match bytes.get(taken) {
            Some(letter @ b'A'..=b'E') => {
                Step::Took(taken + 1, Some(key(KeyEvent::new(KeyCode::F(letter - b'A' + 1), KeyModifiers::NONE))))
            }
            None if !last => Step::Incomplete,
            _ => Step::Took(taken, None),
        },
        // The old mouse encoding, which nobody asked for: three more bytes.
        ("", b'M') if bytes.len() >= taken + 3 || last => Step::Took((taken + 3).min(bytes.len()), None),
        ("", b'M') => Step::Incomplete,
        ("200", b'~') => paste(bytes, taken, last),
        ("", b'I') => Step::Took(taken, Some(Input::Event(Event::FocusGained))),
        ("", b'O') => Step::Took(taken, Some(Input::Event(Event::FocusLost))),
        (mouse, b'M' | b'm') if mouse.starts_with('<') => Step::Took(taken, sgr_mouse(&mouse[1..], end == b'm')),
        _ => match Reply::from_csi(&parameters, char::from(end)) {
            Some(reply) => Step::Took(taken, Some(Input::Reply(reply))),
            None => Step::Took(taken, csi_key(&parameters, end).map(key)),
        },
    }
}

/// Text pasted by the terminal, up to the closing bracket.
fn paste(bytes: &[u8], start: usize, last: bool) -> Step {
    const END: &[u8] = b"\x1b[201~";
    match bytes[start..].windows(END.len()).position(|window| window == END) {
        Some(length) => {
            let text = String::from_utf8_lossy(&bytes[start..start + length]).into_owned();
            Step::Took(start + length + END.len(), Some(Input::Event(Event::Paste(text))))
        }
        None if last || bytes.len() > MAX_STRING => Step::Took(bytes.len(), None),
        None => Step::Incomplete,
    }
}

/// xterm's modifier parameter: one more than a sum of 1 shift, 2 alt, 4 control.
fn modifiers(parameter: Option<&str>) -> KeyModifiers {
    let bits = parameter.and_then(|p| p.split(':').next()?.parse::<u8>().ok()).unwrap_or(1).saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    modifiers
}

/// A key in a control sequence: `ESC [ A`, `ESC [ 1 ; 5 C`, `ESC [ 5 ~`, `ESC [ 97 ; 5 u`.
fn csi_key(parameters: &str, end: u8) -> Option<KeyEvent> {
    let mut fields = parameters.split(';');
    let first = fields.next().unwrap_or_default();
    let modifiers = modifiers(fields.next());
    let code = match end {
        b'Z' => return Some(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
        // A cursor position report has the shape of F3.
        b'R' if first != "1" && !first.is_empty() => return None,
        b'~' => match first.parse().ok()? {
            1 | 7 => KeyCode::Home,
            2 => KeyCode::Insert,
            3 => KeyCode::Delete,
            4 | 8 => KeyCode::End,
            5 => KeyCode::PageUp,
            6 => KeyCode::PageDown,
            n @ 11..=15 => KeyCode::F(n - 10),
            n @ 17..=21 => KeyCode::F(n - 11),
            n @ 23..=26 => KeyCode::F(n - 12),
            _ => return None,
        },
        b'u' => match first.split(':').next()?.parse().ok()? {
            13 => KeyCode::Enter,
            27 => KeyCode::Esc,
            9 => KeyCode::Tab,
            127 => KeyCode::Backspace,
            point => KeyCode::Char(char::from_u32(point).filter(|c| !c.is_control())?),
        },
        b'M' => return None,
        other => function_key(other)?,
    };
    Some(KeyEvent::new(code, modifiers))
}

/// `button ; column ; row`, all from 1, as mode 1006 reports them.
fn sgr_mouse(parameters: &str, released: bool) -> Option<Input> {
    let mut numbers = parameters.split(';').map(|n| n.parse::<u16>().ok());
    let (bits, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let button = match bits & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let kind = match bits & !0b1_1100 {
        64 => MouseEventKind::ScrollUp,
        65 => MouseEventKind::ScrollDown,
        66 => MouseEventKind::ScrollLeft,
        67 => MouseEventKind::ScrollRight,
        0..=2 if released => MouseEventKind::Up(button),
        0..=2 => MouseEventKind::Down(button),
        32..=34 => MouseEventKind::Drag(button),
        35 => MouseEventKind::Moved,
        _ => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [(4, KeyModifiers::SHIFT), (8, KeyModifiers::ALT), (16, KeyModifiers::CONTROL)] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    let (column, row) = (column.checked_sub(1)?, row.checked_sub(1)?);
    Some(Input::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers })))
}

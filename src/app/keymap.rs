//! The keys: one table that both dispatches and prints the help.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

#[allow(clippy::enum_glob_use, reason = "a table of commands, where their type goes without saying")]
use super::Command::{self, *};
#[allow(clippy::enum_glob_use, reason = "the same of panels")]
use super::PanelKind::*;
use super::{Keymap, Mode};

/// A part of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Moving through the list.
    Images,
    /// What is explained.
    Why,
    /// How it is shown.
    Looks,
    /// Everything else.
    Program,
    /// While text is typed.
    Typing,
    /// In a menu.
    Menu,
    /// In the help.
    Help,
}

impl Section {
    /// In the order of the help. The help's own keys stand below it.
    pub const ALL: [Section; 7] = [
        Section::Images,
        Section::Why,
        Section::Typing,
        Section::Looks,
        Section::Program,
        Section::Menu,
        Section::Help,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Section::Images => "images",
            Section::Why => "why",
            Section::Looks => "looks",
            Section::Program => "program",
            Section::Typing => "while typing",
            Section::Menu => "in a menu",
            Section::Help => "in this help",
        }
    }

    /// When its keys count.
    pub fn mode(self) -> Mode {
        match self {
            Section::Images | Section::Why | Section::Looks | Section::Program => Mode::Browse,
            Section::Typing => Mode::Type,
            Section::Menu => Mode::Menu,
            Section::Help => Mode::Help,
        }
    }
}

/// A key with its modifiers. Shift is part of the character, as terminals report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub(super) KeyCode, pub(super) KeyModifiers);

/// A line of the help, and what its keys do.
#[derive(Debug)]
pub struct Binding {
    /// Where it is listed, and with it when it counts.
    pub section: Section,
    /// The keys.
    pub keys: &'static [(Key, Command)],
    /// What they do.
    pub help: &'static str,
}

const fn key(character: char) -> Key {
    Key(KeyCode::Char(character), KeyModifiers::NONE)
}

const fn ctrl(character: char) -> Key {
    Key(KeyCode::Char(character), KeyModifiers::CONTROL)
}

const fn special(code: KeyCode) -> Key {
    Key(code, KeyModifiers::NONE)
}

/// Of a key that is no character, Shift makes another.
const fn shifted(code: KeyCode) -> Key {
    Key(code, KeyModifiers::SHIFT)
}

const UP: Key = special(KeyCode::Up);
const DOWN: Key = special(KeyCode::Down);
const LEFT: Key = special(KeyCode::Left);
const RIGHT: Key = special(KeyCode::Right);
const ESC: Key = special(KeyCode::Esc);
const ENTER: Key = special(KeyCode::Enter);
const PAGE_DOWN: Key = special(KeyCode::PageDown);
const PAGE_UP: Key = special(KeyCode::PageUp);
const TAB: Key = special(KeyCode::Tab);
const SHIFT_UP: Key = shifted(KeyCode::Up);
const SHIFT_DOWN: Key = shifted(KeyCode::Down);
const SHIFT_LEFT: Key = shifted(KeyCode::Left);
const SHIFT_RIGHT: Key = shifted(KeyCode::Right);
const HOME: Key = special(KeyCode::Home);
const END: Key = special(KeyCode::End);

const fn row(section: Section, keys: &'static [(Key, Command)], help: &'static str) -> Binding {
    Binding { section, keys, help }
}

/// Classes by their rank.
const DIGITS: &[(Key, Command)] = &[
    (key('1'), Rank(0)),
    (key('2'), Rank(1)),
    (key('3'), Rank(2)),
    (key('4'), Rank(3)),
    (key('5'), Rank(4)),
    (key('6'), Rank(5)),
    (key('7'), Rank(6)),
    (key('8'), Rank(7)),
    (key('9'), Rank(8)),
];

/// To the ends.
const ENDS: &[(Key, Command)] = &[(key('g'), First), (HOME, First), (key('G'), Last), (END, Last)];
/// By a page.
const PAGES: &[(Key, Command)] = &[(PAGE_DOWN, PageDown), (PAGE_UP, PageUp)];

/// All keys. Those with control, and arrows with Shift, mean the same everywhere, unless a mode gives them a meaning of its own.
pub const KEYMAP: &[Binding] = &[
    row(
        Section::Images,
        &[(key('j'), Next), (DOWN, Next), (key('l'), Next), (RIGHT, Next), (key(' '), Hold)],
        "next image",
    ),
    row(
        Section::Images,
        &[(key('k'), Previous), (UP, Previous), (key('h'), Previous), (LEFT, Previous)],
        "previous image",
    ),
    row(Section::Images, &[(PAGE_DOWN, PageDown), (ctrl('f'), PageDown), (ctrl('d'), PageDown)], "a page further"),
    row(Section::Images, &[(PAGE_UP, PageUp), (ctrl('b'), PageUp), (ctrl('u'), PageUp)], "a page back"),
    row(Section::Images, ENDS, "first, last image"),
    row(Section::Images, &[(key('n'), NextMistake), (key('N'), PreviousMistake)], "next, previous mistake"),
    row(Section::Images, &[(key('e'), Open(Confusions)), (key('E'), Open(Calibration))], "confusions, calibration"),
    row(Section::Images, &[(key('/'), Open(Filter)), (key('S'), Sort), (key('x'), Mark)], "filter, sort, mark"),
    row(Section::Why, DIGITS, "explain the n-th class"),
    row(Section::Why, &[(key('t'), Open(Classes)), (key('v'), Against)], "class, against another"),
    row(
        Section::Why,
        &[(key('['), LayerBack), (key(']'), LayerOn), (key('L'), Open(Layers)), (key('a'), Open(Channels))],
        "layers, channels",
    ),
    row(Section::Why, &[(key('V'), Open(Walk)), (key('W'), Open(Weights))], "walk, weights"),
    row(Section::Why, &[(key('A'), Open(Heads)), (key('D'), Open(Dreams))], "attention, dreams"),
    row(
        Section::Why,
        &[(key('m'), Open(Methods)), (key('p'), Open(Parameters)), (key('P'), Pin)],
        "method, settings, pin",
    ),
    row(Section::Why, &[(key('s'), Open(Segments)), (key('b'), ToggleOutlines)], "superpixel list, lines"),
    row(Section::Looks, &[(key('o'), CycleView), (TAB, SwapModels)], "next view, other model"),
    row(
        Section::Looks,
        &[(key('+'), MoreOpacity), (key('='), MoreOpacity), (key('-'), LessOpacity)],
        "more heat, less heat",
    ),
    row(Section::Looks, &[(key('c'), CycleColormap)], "next colour map"),
    row(Section::Looks, &[(key('i'), ToggleSeen)], "what the model saw"),
    row(Section::Looks, &[(key('z'), Closer), (key('Z'), Farther)], "closer, back"),
    row(
        Section::Looks,
        &[(SHIFT_LEFT, PanLeft), (SHIFT_RIGHT, PanRight), (SHIFT_UP, PanUp), (SHIFT_DOWN, PanDown)],
        "move what is close",
    ),
    row(Section::Program, &[(key('w'), Write), (key('y'), CopyPath)], "write map, copy path"),
    row(Section::Program, &[(ESC, Escape)], "one step back"),
    row(Section::Program, &[(ctrl('l'), Redraw), (ctrl('z'), Suspend)], "redraw, suspend"),
    row(Section::Program, &[(key('?'), Open(Help)), (key('q'), Quit), (ctrl('c'), Quit)], "these keys, quit"),
    row(Section::Typing, &[(ENTER, Accept), (ESC, Escape)], "take it, never mind"),
    row(Section::Typing, &[(DOWN, Next), (ctrl('n'), Next), (UP, Previous), (ctrl('p'), Previous)], "move"),
    row(Section::Typing, PAGES, "a page"),
    row(Section::Typing, &[(HOME, First), (END, Last)], "first, last"),
    row(
        Section::Typing,
        &[(special(KeyCode::Backspace), Erase), (ctrl('h'), Erase), (ctrl('u'), EraseAll), (ctrl('w'), EraseAll)],
        "delete a letter, all",
    ),
    row(Section::Menu, &[(key('j'), Next), (DOWN, Next), (key('k'), Previous), (UP, Previous)], "move"),
    row(Section::Menu, PAGES, "a page"),
    row(Section::Menu, ENDS, "first, last"),
    row(Section::Menu, &[(key('h'), Less), (LEFT, Less), (key('l'), More), (RIGHT, More)], "less, more; image"),
    row(Section::Menu, &[(key(' '), Accept), (ENTER, Accept)], "take it; hide, show"),
    row(Section::Menu, &[(key('!'), Invert), (key('u'), Undo), (key('p'), NextHiding)], "opposite, undo, hide by"),
    row(
        Section::Menu,
        &[(key('b'), ToggleOutlines), (key('['), LayerBack), (key(']'), LayerOn), (key('t'), ToggleExemplars)],
        "lines, layer, images",
    ),
    row(Section::Menu, DIGITS, "explain the n-th class"),
    row(Section::Menu, &[(key('T'), Open(Classes)), (key('W'), Open(Weights))], "class by name, weights"),
    row(Section::Menu, &[(key('z'), Closer), (key('Z'), Farther)], "closer, back"),
    row(Section::Menu, &[(key('D'), Open(Dreams)), (key('w'), Write)], "dream of it, write it"),
    row(Section::Menu, &[(ESC, Escape), (key('q'), Escape)], "close, as its own key"),
    row(Section::Help, &[(key('?'), Escape), (ESC, Escape), (key('q'), Escape)], "close"),
    row(Section::Help, &[(key('j'), Next), (DOWN, Next), (key('k'), Previous), (UP, Previous)], "scroll"),
    row(Section::Help, &[(PAGE_DOWN, PageDown), (key(' '), PageDown), (PAGE_UP, PageUp)], "a page"),
    row(Section::Help, ENDS, "ends"),
];

/// The keys that an event means. Many terminals send Alt as an Esc before the key, which nobody can tell from Esc pressed
/// just before it (tmux takes half a second for "just"); no binding uses Alt, so it is read as both, one after the other.
pub fn presses(event: KeyEvent) -> impl Iterator<Item = KeyEvent> {
    let escape = event.modifiers.contains(KeyModifiers::ALT).then(|| KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
    let key = KeyEvent { modifiers: event.modifiers.difference(KeyModifiers::ALT), ..event };
    escape.into_iter().chain([key])
}

/// What a key means in a mode, by the table. While typing, plain characters that mean nothing here are text.
pub fn lookup(mode: Mode, event: KeyEvent) -> Option<Command> {
    Keymap::default().lookup(mode, event)
}

impl Key {
    /// The key of an event.
    pub fn of(event: KeyEvent) -> Key {
        // Shift is already in the character, and must not hide the binding of `G` or `?`.
        Key(event.code, event.modifiers.difference(KeyModifiers::SHIFT))
    }
}

/// How a key is written: `j`, `↓`, `^f`.
pub fn name(Key(code, modifiers): Key) -> String {
    let name = match code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(character) => character.to_string(),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::Backspace => "⌫".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
        other => format!("{other:?}"),
    };
    match modifiers {
        KeyModifiers::CONTROL => format!("^{name}"),
        KeyModifiers::SHIFT => format!("⇧{name}"),
        _ => name,
    }
}

//! The keys in force: those of the table, and what the user gives other keys to; with the names that a file has for them.

use std::collections::HashSet;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use thiserror::Error;

use super::keymap::{KEYMAP, Key, Section, name};
use super::{Command, Mode, PanelKind};
use crate::text::Escaped;

/// A line of the help, with its keys.
#[derive(Debug, Clone)]
pub struct Row {
    /// Where it is listed, and with it when it counts.
    pub section: Section,
    /// The keys.
    pub keys: Vec<(Key, Command)>,
    /// What they do.
    pub help: &'static str,
}

/// The keys in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    rows: Vec<Row>,
    /// What the user has given.
    given: HashSet<(Mode, Key)>,
}

/// Why a command cannot have a key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// There is no such command then.
    #[error("no command is called {name}{}", suggestion(*.similar))]
    Command {
        /// What was written.
        name: Escaped,
        /// A name that is close.
        similar: Option<&'static str>,
    },
    /// No key.
    #[error(
        "{0} is no key: a key is a character, ^ and a letter, Space, Enter, Esc, Tab, Backspace, Delete, Insert, Up, Down, \
         Left, Right, PageUp, PageDown, Home, End, or F1 to F12"
    )]
    Key(Escaped),
    /// Two commands would have the key.
    #[error("{key} is given to two commands")]
    Twice {
        /// The key.
        key: String,
    },
    /// ^C always quits.
    #[error("^c quits, whatever happens, and means nothing else")]
    Quit,
    /// A letter in a line of text.
    #[error("{0} is a character to be typed there; with ^ it can be a key")]
    Text(String),
}

fn suggestion(similar: Option<&'static str>) -> String {
    similar.map_or_else(String::new, |similar| format!("; did you mean {similar}?"))
}

impl Default for Keymap {
    /// The keys of the table.
    fn default() -> Self {
        let row = |binding: &super::keymap::Binding| Row {
            section: binding.section,
            keys: binding.keys.to_vec(),
            help: binding.help,
        };
        Keymap { rows: KEYMAP.iter().map(row).collect(), given: HashSet::new() }
    }
}

impl Keymap {
    /// The lines of a part of the help.
    pub fn section(&self, section: Section) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.section == section && !row.keys.is_empty())
    }

    /// What a key means in a mode. While typing, plain characters that mean nothing here are text.
    pub fn lookup(&self, mode: Mode, event: KeyEvent) -> Option<Command> {
        let command_in = |mode: Mode, pressed: Key| {
            let mut keys = self.rows.iter().filter(|row| row.section.mode() == mode).flat_map(|row| &row.keys);
            keys.find(|(key, _)| *key == pressed).map(|(_, command)| *command)
        };
        let pressed = Key::of(event);
        let shifted = Key::shifted(event).and_then(|key| command_in(Mode::Browse, key));
        let everywhere = || command_in(Mode::Browse, pressed).filter(|_| pressed.is_control());
        shifted.or_else(|| command_in(mode, pressed)).or_else(everywhere)
    }

    /// How the first key of a command is written; empty where it has none.
    pub fn key(&self, mode: Mode, command: Command) -> String {
        let mut keys = self.rows.iter().filter(|row| row.section.mode() == mode).flat_map(|row| &row.keys);
        keys.find(|(_, other)| *other == command).map(|(key, _)| name(*key)).unwrap_or_default()
    }

    /// The commands of a mode with their keys, by name.
    pub fn commands(&self, mode: Mode) -> Vec<(&'static str, Vec<Key>)> {
        let mut commands: Vec<(&'static str, Vec<Key>)> = Vec::new();
        for (key, command) in self.rows.iter().filter(|row| row.section.mode() == mode).flat_map(|row| &row.keys) {
            let name = command_name(*command);
            match commands.iter_mut().find(|(other, _)| *other == name) {
                Some((_, keys)) => keys.push(*key),
                None => commands.push((name, vec![*key])),
            }
        }
        commands
    }

    /// Gives a command these keys in place of its own. Commands that have one of them only by default lose it.
    ///
    /// # Errors
    /// When there is no such command in that mode, or a key cannot be its.
    pub fn bind(&mut self, mode: Mode, command: &str, keys: &[Key]) -> Result<(), KeyError> {
        let known = Keymap::default().commands(mode);
        if !known.iter().any(|(name, _)| *name == command) {
            let near = known.iter().map(|(name, _)| (strsim::levenshtein(name, command), *name)).min();
            let similar = near.filter(|(distance, _)| *distance <= 3).map(|(_, name)| name);
            return Err(KeyError::Command { name: Escaped::from(command), similar });
        }
        for key in keys {
            if key.is_interrupt() && !(command == command_name(Command::Quit) && mode == Mode::Browse) {
                return Err(KeyError::Quit);
            }
            if mode == Mode::Type && key.is_text() {
                return Err(KeyError::Text(name(*key)));
            }
            if !self.given.insert((mode, *key)) {
                return Err(KeyError::Twice { key: name(*key) });
            }
        }
        // A command may stand in several lines of the table: the first has the keys then.
        let mut is_placed = false;
        for row in self.rows.iter_mut().filter(|row| row.section.mode() == mode) {
            let at = row.keys.iter().position(|(_, other)| command_name(*other) == command);
            let meaning = at.map(|at| row.keys[at].1);
            let is_kept = |(key, other): &(Key, Command)| {
                !keys.contains(key) && (command_name(*other) != command || key.is_interrupt())
            };
            row.keys.retain(is_kept);
            if let Some((at, meaning)) = at.zip(meaning).filter(|_| !is_placed) {
                is_placed = true;
                let at = at.min(row.keys.len());
                row.keys.splice(at..at, keys.iter().map(|key| (*key, meaning)));
            }
        }
        Ok(())
    }
}

/// How a line's keys are written: `j ↓ Space`, `1..9`.
pub fn label(keys: &[(Key, Command)]) -> String {
    let names: Vec<String> = keys.iter().map(|(key, _)| name(*key)).collect();
    let digits = names.iter().all(|name| name.parse::<u8>().is_ok());
    match (names.first(), names.last()) {
        (Some(first), Some(last)) if digits && names.len() > 2 => format!("{first}..{last}"),
        _ => names.join(" "),
    }
}

/// Keys that have a name, as a file says them.
const NAMED: &[(&str, KeyCode)] = &[
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("BackTab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
];

/// Modifiers, as they stand before a key's name.
const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("^", KeyModifiers::CONTROL), ("Ctrl-", KeyModifiers::CONTROL), ("Shift-", KeyModifiers::SHIFT)];

impl Key {
    /// Reads a key as a file has it: `j`, `^f`, `PageDown`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Key, KeyError> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        while let Some((prefix, modifier)) = MODIFIERS.iter().find(|(prefix, _)| {
            rest.len() > prefix.len()
                && rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        }) {
            rest = &rest[prefix.len()..];
            modifiers |= *modifier;
        }
        let named = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)).map(|(_, code)| *code);
        let number = rest.strip_prefix(['F', 'f']).and_then(|number| number.parse().ok());
        let function = number.filter(|number| (1..=12).contains(number)).map(KeyCode::F);
        let mut characters = rest.chars();
        let character = characters.next().filter(|c| characters.next().is_none() && !c.is_control());
        let code = named.or(function).or(character.map(KeyCode::Char));
        code.map(|code| Key(code, modifiers)).ok_or_else(|| KeyError::Key(Escaped::from(text)))
    }

    /// The same key as [`Key::parse`] reads it.
    pub fn in_file(self) -> String {
        let Key(code, modifiers) = self;
        let control = if modifiers.contains(KeyModifiers::CONTROL) { "^" } else { "" };
        let shift = if modifiers.contains(KeyModifiers::SHIFT) { "Shift-" } else { "" };
        let named = NAMED.iter().find(|(_, other)| *other == code).map(|(name, _)| (*name).to_owned());
        let name = named.unwrap_or_else(|| match code {
            KeyCode::Char(character) => character.to_string(),
            KeyCode::F(number) => format!("F{number}"),
            other => format!("{other:?}"),
        });
        format!("{shift}{control}{name}")
    }

    /// A key that is no character with Shift, which makes it another where it means something.
    fn shifted(event: KeyEvent) -> Option<Key> {
        let is_shifted = event.modifiers == KeyModifiers::SHIFT && !matches!(event.code, KeyCode::Char(_));
        is_shifted.then_some(Key(event.code, event.modifiers))
    }

    fn is_control(self) -> bool {
        self.1.contains(KeyModifiers::CONTROL)
    }

    fn is_interrupt(self) -> bool {
        self == Key(KeyCode::Char('c'), KeyModifiers::CONTROL)
    }

    fn is_text(self) -> bool {
        matches!(self.0, KeyCode::Char(_)) && !self.is_control()
    }
}

/// What a file calls a command.
pub fn command_name(command: Command) -> &'static str {
    const CLASSES: [&str; 9] =
        ["class-1", "class-2", "class-3", "class-4", "class-5", "class-6", "class-7", "class-8", "class-9"];
    match command {
        Command::Next => "next",
        Command::Previous => "previous",
        Command::PageDown => "page-down",
        Command::PageUp => "page-up",
        Command::First => "first",
        Command::Last => "last",
        Command::Open(panel) => match panel {
            PanelKind::Calibration => "calibration",
            PanelKind::Channels => "channels",
            PanelKind::Classes => "class",
            PanelKind::Confusions => "confusions",
            PanelKind::Dreams => "dream",
            PanelKind::Filter => "filter",
            PanelKind::Heads => "attention",
            PanelKind::Help => "help",
            PanelKind::Layers => "layers",
            PanelKind::Methods => "method",
            PanelKind::Parameters => "parameters",
            PanelKind::Segments => "superpixels",
            PanelKind::Walk => "network",
            PanelKind::Weights => "weights",
        },
        Command::Against => "against",
        Command::Pin => "pin",
        Command::Sort => "sort",
        Command::Mark => "mark",
        Command::NextMistake => "next-mistake",
        Command::PreviousMistake => "previous-mistake",
        Command::Rank(rank) => CLASSES.get(rank).copied().unwrap_or("class-9"),
        Command::LayerBack => "layer-back",
        Command::LayerOn => "layer-on",
        Command::SwapModels => "other-model",
        Command::Closer => "closer",
        Command::Farther => "farther",
        Command::PanLeft => "move-left",
        Command::PanRight => "move-right",
        Command::PanUp => "move-up",
        Command::PanDown => "move-down",
        Command::CycleView => "view",
        Command::MoreOpacity => "more-heat",
        Command::LessOpacity => "less-heat",
        Command::CycleColormap => "colormap",
        Command::ToggleSeen => "seen",
        Command::ToggleOutlines => "outlines",
        Command::ToggleExemplars => "exemplars",
        Command::NextHiding => "hide-by",
        Command::Invert => "invert",
        Command::Undo => "undo",
        Command::Less => "less",
        Command::More => "more",
        Command::Write => "write",
        Command::CopyPath => "copy-path",
        Command::Escape => "escape",
        Command::Hold => "hold",
        Command::Accept => "accept",
        Command::Erase => "erase",
        Command::EraseAll => "erase-all",
        Command::Redraw => "redraw",
        Command::Suspend => "suspend",
        Command::Quit => "quit",
    }
}

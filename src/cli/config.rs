//! The user's file: how the interface begins, and its keys. Options of the command line have the same names, and are worth more.

use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::error::{ContextKind, ContextValue};
use etcetera::BaseStrategy as _;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Ending;
use super::args::{SETTINGS, settings_command};
use super::output::{Output, wrapped};
use crate::app::keymap::Key;
use crate::app::{Keymap, Mode};
use crate::text::{Escaped, escape};

/// No file of settings is longer, in bytes.
const LONGEST: u64 = 1 << 20;
/// The tables of keys, and when theirs count.
const KEYS: [(&str, Mode, &str); 4] = [
    ("browse", Mode::Browse, "among the images"),
    ("typing", Mode::Type, "while something is typed: filters, and the menus of classes, methods and layers"),
    ("menu", Mode::Menu, "in tables: parameters, superpixels, channels, kinds of mistakes"),
    ("help", Mode::Help, "in the help"),
];

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Options with their values.
    settings: Vec<(&'static str, String)>,
    /// The keys.
    pub(super) keymap: Keymap,
}

/// A file of settings that cannot be used.
#[derive(Debug, Error)]
pub(super) enum ConfigError {
    /// It cannot be read.
    #[error("could not read {path:?}: {problem}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// Something in it is wrong.
    #[error("{path}, line {line}: {message}")]
    Wrong {
        /// The file.
        path: Escaped,
        /// From 1.
        line: usize,
        /// What is wrong, and of which key.
        message: String,
    },
}

/// Where the file is: `$XDG_CONFIG_HOME/seewhy/config.toml`. None without a home folder.
fn path() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join("seewhy").join("config.toml"))
}

/// Prints the settings as they are without a file, as the file would have them.
pub(super) fn print() -> anyhow::Result<Ending> {
    let mut output = Output::new();
    for line in defaults().lines() {
        output.line(line)?;
    }
    Ok(Ending::Done)
}

fn defaults() -> String {
    let place =
        path().map_or_else(|| "seewhy/config.toml".to_owned(), |path| escape(&path.to_string_lossy()).into_owned());
    let mut lines = vec![format!("# {place}")];
    let about = "How the interface begins, and its keys. Every line may be left out. Options of the same names and \
                 environment variables (SEEWHY_METHOD and so on) are worth more; other commands do not read this.";
    lines.extend(commented(about));
    let command = settings_command();
    for name in SETTINGS {
        let Some(arg) = command.get_arguments().find(|arg| arg.get_id() == name) else { continue };
        lines.push(String::new());
        lines.extend(arg.get_help().iter().flat_map(|help| commented(&help.to_string())));
        let known: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !known.is_empty() {
            lines.extend(commented(&format!("one of {}", known.join(", "))));
        }
        let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        lines.push(format!("{name} = {}", written(&default.unwrap_or_default())));
    }
    let keymap = Keymap::default();
    lines.push(String::new());
    let about = "A key that is given to a command is taken from the one that has it here. ^ stands for Ctrl; other keys are \
                 Space, Enter, Esc, Tab, Backspace, Delete, Insert, Up, Down, Left, Right, PageUp, PageDown, Home, End, F1 to F12.";
    lines.extend(commented(about));
    for (table, mode, when) in KEYS {
        lines.extend([String::new(), format!("[keys.{table}] # {when}")]);
        for (command, keys) in keymap.commands(mode) {
            let keys: Vec<String> = keys.iter().map(|key| quoted(&key.in_file())).collect();
            lines.push(format!("{command} = [{}]", keys.join(", ")));
        }
    }
    lines.join("\n") + "\n"
}

/// A text as comments.
fn commented(text: &str) -> Vec<String> {
    wrapped("", text).into_iter().map(|line| format!("# {}", line.trim())).collect()
}

/// A value as TOML: a number as it is, all else in quotes.
fn written(value: &str) -> String {
    if value.parse::<i64>().is_ok() { value.to_owned() } else { quoted(value) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Config {
    /// Reads the user's file, where there is one.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is wrong: the file, the line, the key.
    pub(super) fn read() -> Result<Config, ConfigError> {
        let Some(path) = path() else { return Ok(Config::default()) };
        let failed = |problem| ConfigError::Read { path: path.clone(), problem };
        let mut text = String::new();
        match std::fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(failed(error)),
            Ok(file) => file.take(LONGEST).read_to_string(&mut text).map_err(failed)?,
        };
        Config::parse(&text, &path)
    }

    /// Understands the text of a file.
    fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let wrong = |(at, message): (usize, String)| ConfigError::Wrong {
            path: Escaped::from(&*path.to_string_lossy()),
            line: text.get(..at).unwrap_or(text).matches('\n').count() + 1,
            message,
        };
        let table = DeTable::parse(text).map_err(|error| {
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            wrong((error.span().map_or(0, |span| span.start), message))
        })?;
        let mut config = Config::default();
        for (key, value) in table.get_ref() {
            config.take(key.get_ref(), &key.span(), value).map_err(wrong)?;
        }
        Ok(config)
    }

    /// Takes an entry. What is wrong comes with its place in the text.
    fn take(&mut self, name: &str, place: &Range<usize>, value: &Spanned<DeValue<'_>>) -> Result<(), (usize, String)> {
        if name == "keys" {
            return self.take_keys(value);
        }
        let Some(name) = SETTINGS.into_iter().find(|setting| *setting == name) else {
            let known = SETTINGS.into_iter().chain(["keys"]);
            return Err((place.start, format!("nothing is called {}{}", Escaped::from(name), similar(name, known))));
        };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            other => return Err((value.span().start, format!("{name}: a {} is no value for it", other.type_str()))),
        };
        check(name, &text).map_err(|message| (value.span().start, format!("{name}: {message}")))?;
        self.settings.push((name, text));
        Ok(())
    }

    fn take_keys(&mut self, value: &Spanned<DeValue<'_>>) -> Result<(), (usize, String)> {
        let tables = || KEYS.map(|(table, ..)| format!("[keys.{table}]")).join(", ");
        let Some(modes) = value.get_ref().as_table() else {
            return Err((value.span().start, format!("keys: keys are in tables, {}", tables())));
        };
        for (table, commands) in modes {
            let name: &str = table.get_ref();
            let Some((name, mode, _)) = KEYS.into_iter().find(|(known, ..)| *known == name) else {
                let text = format!("keys.{}: the tables of keys are {}", Escaped::from(name), tables());
                return Err((table.span().start, text));
            };
            let Some(commands) = commands.get_ref().as_table() else {
                return Err((commands.span().start, format!("keys.{name}: it is a table, [keys.{name}]")));
            };
            for (command, keys) in commands {
                let at =
                    |message: String| format!("keys.{name}.{}: {message}", Escaped::from(command.get_ref().as_ref()));
                let keys_given = listed(keys).map_err(|(place, message)| (place, at(message)))?;
                let bound = self.keymap.bind(mode, command.get_ref(), &keys_given);
                bound.map_err(|error| (command.span().start, at(error.to_string())))?;
            }
        }
        Ok(())
    }

    /// The command with the settings in place of its defaults.
    pub(super) fn applied_to(&self, command: Command) -> Command {
        let known: Vec<String> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
        let settings = self.settings.iter().filter(|(name, _)| known.iter().any(|known| known == name));
        settings.fold(command, |command, (name, value)| command.mut_arg(name, |arg| arg.default_value(value.clone())))
    }
}

/// A key, or a list of them.
fn listed(value: &Spanned<DeValue<'_>>) -> Result<Vec<Key>, (usize, String)> {
    let one = |value: &Spanned<DeValue<'_>>| {
        let place = value.span().start;
        let text = value.get_ref().as_str().ok_or_else(|| (place, "a key is written in quotes: \"j\"".to_owned()))?;
        Key::parse(text).map_err(|error| (place, error.to_string()))
    };
    match value.get_ref().as_array() {
        Some(keys) => keys.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// Whether an option takes the value; if not, why, with what comes near.
fn check(name: &str, value: &str) -> Result<(), String> {
    let Err(error) = settings_command().try_get_matches_from([format!("--{name}={value}")]) else { return Ok(()) };
    let value = Escaped::from(value);
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) if !known.is_empty() => known,
        _ => {
            let reason = std::error::Error::source(&error).map(|reason| format!(": {reason}")).unwrap_or_default();
            return Err(format!("{value} is no value for it{reason}"));
        }
    };
    let near = similar(&value.to_string(), known.iter().map(String::as_str));
    Err(format!("{value} is none of {}{near}", known.join(", ")))
}

/// The closest of the names, as a question; nothing where none is close.
fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|known| (strsim::levenshtein(known, name), known)).min();
    nearest
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(String::new, |(_, near)| format!("; did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::app::Command as Key_;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/me/config.toml")).map_err(|error| error.to_string())
    }

    fn meaning(config: &Config, mode: Mode, code: KeyCode) -> Option<Key_> {
        config.keymap.lookup(mode, KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn what_is_printed_is_what_holds_without_a_file() {
        let printed = parse(&defaults()).unwrap();
        let unset = Config::default();
        for (_, mode, _) in KEYS {
            assert_eq!(printed.keymap.commands(mode), unset.keymap.commands(mode));
        }
        let command = settings_command();
        assert_eq!(printed.settings.len(), SETTINGS.len());
        for (name, value) in &printed.settings {
            let arg = command.get_arguments().find(|arg| arg.get_id() == name).unwrap();
            assert_eq!(arg.get_default_values()[0].to_str(), Some(value.as_str()), "{name}");
            assert!(arg.get_help().is_some(), "{name}");
        }
    }

    #[test]
    fn a_key_given_to_a_command_is_taken_from_the_one_that_had_it() {
        let config = parse("[keys.browse]\nmark = ['j', '^t']\nnext = 'Down'").unwrap();
        assert_eq!(meaning(&config, Mode::Browse, KeyCode::Char('j')), Some(Key_::Mark));
        assert_eq!(meaning(&config, Mode::Browse, KeyCode::Char('x')), None);
        assert_eq!(meaning(&config, Mode::Browse, KeyCode::Down), Some(Key_::Next));
        assert_eq!(meaning(&config, Mode::Browse, KeyCode::Right), None);
        assert_eq!(
            meaning(&config, Mode::Menu, KeyCode::Char('j')),
            Some(Key_::Next),
            "elsewhere it means what it did"
        );
        assert_eq!(config.keymap.key(Mode::Browse, Key_::Mark), "j");
        let quit = parse("[keys.browse]\nquit = 'Q'").unwrap();
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(quit.keymap.lookup(Mode::Browse, interrupt), Some(Key_::Quit), "^c always quits");
    }

    #[test]
    fn mistakes_name_the_file_the_line_and_the_key() {
        for (text, says) in [
            (
                "method = 'grad-cam'\ncolourmap = 'jet'",
                "/me/config.toml, line 2: nothing is called colourmap; did you mean colormap?",
            ),
            (
                "\n\ncolormap = 'virids'",
                "line 3: colormap: virids is none of inferno, viridis, turbo, jet, grey; did you mean viridis?",
            ),
            ("method = 'gradcam'", "line 1: method: gradcam is none of grad-cam,"),
            ("opacity = 160", "line 1: opacity: 160 is no value for it: "),
            ("opacity = [1]", "line 1: opacity: a array is no value for it"),
            ("graphics = ", "line 1: "),
            ("keys = 1", "line 1: keys: keys are in tables, [keys.browse], "),
            ("[keys.brows]", "line 1: keys.brows: the tables of keys are [keys.browse], "),
            (
                "[keys.browse]\nnext-mistke = 'n'",
                "line 2: keys.browse.next-mistke: no command is called next-mistke; did you mean next-mistake?",
            ),
            ("[keys.browse]\nmark = 'xx'", "line 2: keys.browse.mark: xx is no key: "),
            ("[keys.browse]\nmark = 'X'\nview = 'X'", "line 3: keys.browse.view: X is given to two commands"),
            ("[keys.menu]\nmore = '^c'", "line 2: keys.menu.more: ^c quits"),
            ("[keys.typing]\nnext = 'j'", "line 2: keys.typing.next: j is a character to be typed there"),
            ("[keys.browse]\nmark = ['x',\n 1]", "line 3: keys.browse.mark: a key is written in quotes"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(says), "{text}\n{message}");
        }
    }

    #[test]
    fn the_command_line_is_worth_more_than_the_file() {
        let config = parse("colormap = 'jet'\nopacity = 30").unwrap();
        let matches = config.applied_to(settings_command()).try_get_matches_from(["--colormap=grey"]).unwrap();
        assert_eq!(matches.get_one::<u8>("opacity"), Some(&30));
        assert_eq!(matches.get_one::<crate::raster::Colormap>("colormap"), Some(&crate::raster::Colormap::Grey));
    }
}

//! Terminals that lack colours or characters: what is decided for them, and what is written to them.

use std::path::Path;

use seewhy::term::{Charset, Depth, Environment, Facts, Reply, Tmux, Wishes, decide};

use crate::support::pty::{Answers, Pty};
use crate::terminal::{SEEWHY, open_by_env, pictures, status};

/// A terminal in a usual locale, whose environment is set further by `set`.
fn facts(version: &str, set: impl FnOnce(&mut Environment)) -> Facts {
    let mut environment = Environment { locale: "LANG=C.UTF-8".to_owned(), ..Environment::default() };
    set(&mut environment);
    let version = (!version.is_empty()).then(|| Reply::Version(version.to_owned()));
    let replies = version.into_iter().chain([Reply::DeviceAttributes(vec![62])]).collect();
    Facts { replies, environment, ..Facts::default() }
}

#[test]
fn a_terminal_gets_the_colours_that_it_has() {
    let term = |name: &str| facts("", |environment| environment.term = name.to_owned());
    let apple = |version: &str| {
        facts("", |environment| {
            environment.term = "xterm-256color".to_owned();
            environment.term_program = "Apple_Terminal".to_owned();
            environment.term_program_version = version.to_owned();
        })
    };
    let colorterm = |name: &str, says: &str| {
        facts("", |environment| {
            environment.term = name.to_owned();
            environment.colorterm = says.to_owned();
        })
    };
    let named = |version: &str| facts(version, |environment| environment.term = "xterm-256color".to_owned());
    let tmux = |outer: &str, term: &str, features: &str| {
        let mut facts = facts("tmux 3.5a", |environment| {
            environment.tmux = true;
            environment.term = "tmux-256color".to_owned();
        });
        let [outer, term, features] = [outer, term, features].map(ToOwned::to_owned);
        facts.tmux = Some(Tmux { outer, term, features, passthrough: true, ..Tmux::default() });
        facts
    };
    for (facts, expected) in [
        (term("xterm-256color"), Depth::Palette),
        (term("xterm"), Depth::Sixteen),
        (term("screen"), Depth::Sixteen),
        (term("screen.xterm-256color"), Depth::Palette),
        (term("linux"), Depth::Sixteen),
        (term("xterm-16color"), Depth::Sixteen),
        (term("xterm-kitty"), Depth::True),
        (term("foot-extra"), Depth::True),
        (term("alacritty"), Depth::True),
        (term("xterm-direct"), Depth::True),
        (term(""), Depth::Sixteen),
        (colorterm("xterm-256color", "truecolor"), Depth::True),
        (colorterm("xterm", "24bit"), Depth::True),
        (colorterm("xterm-256color", "yes"), Depth::Palette),
        // They pass on the variables of the terminal around them.
        (colorterm("screen", "truecolor"), Depth::Sixteen),
        (colorterm("linux", "truecolor"), Depth::Sixteen),
        (apple("455.1"), Depth::Palette),
        (apple("464"), Depth::True),
        (named("kitty(0.41.1)"), Depth::True),
        (named("WezTerm 20240203-110809"), Depth::True),
        (named("ghostty 1.1.3"), Depth::True),
        (named("XTerm(379)"), Depth::Palette),
        (facts("XTerm(379)", |environment| environment.term = "xterm".to_owned()), Depth::Palette),
        (facts("XTerm(379)", |environment| environment.term = "xterm-16color".to_owned()), Depth::Sixteen),
        (tmux("", "xterm-256color", "256,RGB,title"), Depth::True),
        (tmux("kitty(0.41.1)", "xterm-kitty", "title"), Depth::True),
        (tmux("", "alacritty", "title"), Depth::True),
        (tmux("", "xterm-256color", "title"), Depth::Palette),
        (tmux("", "screen", "256,title"), Depth::Palette),
        (tmux("", "linux", "title"), Depth::Sixteen),
    ] {
        let colours = decide(&facts, Wishes::default()).colours;
        assert_eq!(colours.depth, expected, "{}: {:?}", colours.reason, facts.environment);
        assert!(!colours.reason.is_empty());
    }
}

#[test]
fn the_locale_says_whether_there_is_more_than_ascii() {
    let locale = |says: &str| facts("", |environment| environment.locale = says.to_owned());
    let unset = |column: Option<u16>| {
        let mut facts = locale("");
        facts.replies.extend(column.map(|column| Reply::Cursor { column }));
        facts
    };
    for (facts, expected) in [
        (locale("LANG=en_GB.UTF-8"), Charset::Utf8),
        (locale("LC_CTYPE=C.utf8"), Charset::Utf8),
        (locale("LC_ALL=C"), Charset::Ascii),
        (locale("LANG=de_DE.ISO-8859-1"), Charset::Ascii),
        (unset(Some(2)), Charset::Utf8),
        (unset(Some(3)), Charset::Ascii),
        (unset(None), Charset::Ascii),
    ] {
        assert_eq!(decide(&facts, Wishes::default()).charset, expected, "{:?}", facts.environment.locale);
    }
    let variables = |set: &'static [(&str, &str)]| {
        Environment::read(move |name| {
            set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    };
    assert_eq!(variables(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]).locale, "LC_ALL=C");
    assert_eq!(variables(&[("LANG", "C.UTF-8"), ("LC_ALL", "")]).locale, "LANG=C.UTF-8");
}

/// The interface with these variables, its first map on the screen, after a walk through the help and a menu.
fn walk(variables: &[&str], answers: Answers) -> (Pty, String) {
    let folder = pictures();
    let mut pty = open_by_env(folder.path(), &[variables, &[SEEWHY]].concat(), answers);
    let is_drawn = |screen: &str| screen.contains(['▄', '░', '▒']) || screen.contains("ascii");
    pty.wait_until("a picture", is_drawn);
    let shown = pty.text();
    pty.keys("?");
    pty.wait_for("quit");
    pty.keys("qm");
    pty.wait_for("grad-cam++");
    pty.keys("\x1b");
    pty.wait_for("images");
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
    (pty, shown)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_terminal_of_256_colours_gets_no_others() {
    let (pty, shown) = walk(&["TERM=xterm-256color"], Answers::PLAIN);
    let bytes = pty.bytes();
    assert!(!contains(&bytes, "8;2;"), "no 24-bit colour");
    assert!(contains(&bytes, "38;5;") && shown.contains(['▄', '░', '▒']), "but a picture:\n{shown}");
}

#[test]
fn a_terminal_of_sixteen_colours_gets_them_by_the_numbers_that_it_knows() {
    for term in ["TERM=xterm-16color", "TERM=linux"] {
        let (pty, shown) = walk(&[term], Answers::PLAIN);
        let bytes = pty.bytes();
        assert!(!contains(&bytes, "8;2;") && !contains(&bytes, "8;5;"), "{term}");
        assert!(shown.contains(['▄', '░', '▒']), "{term}: a picture:\n{shown}");
        assert!((40..48).any(|ground| contains(&bytes, &format!(";{ground}m"))), "{term}: in colours");
    }
}

#[test]
fn a_terminal_with_all_colours_gets_them() {
    let (pty, _) = walk(&["TERM=xterm-256color", "COLORTERM=truecolor"], Answers::PLAIN);
    assert!(contains(&pty.bytes(), "48;2;"));
}

#[test]
fn without_utf8_everything_is_ascii() {
    for variables in [&["LC_ALL=C"][..], &["LANG=en_US.ISO-8859-1", "TERM=xterm-16color"]] {
        let (pty, shown) = walk(variables, Answers::PLAIN);
        let beyond = pty.bytes().iter().position(|byte| *byte > 0x7f);
        assert_eq!(beyond, None, "{variables:?}:\n{shown}");
        assert!(shown.contains("ascii"), "the status line says how pictures are drawn:\n{shown}");
    }
}

#[test]
fn where_the_terminal_draws_blocks_itself_they_are_sextants() {
    let folder = pictures();
    let answers = Answers { version: "kitty(0.26.5)", ..Answers::KITTY };
    let mut pty = Pty::run(SEEWHY, &["."], folder.path(), answers);
    let is_sextant = |c: char| ('\u{1fb00}'..='\u{1fb3b}').contains(&c);
    pty.wait_until("sextants", |screen| screen.contains(is_sextant));
    pty.wait_for("for real pictures: kitty 0.28 or newer");
    pty.keys("j");
    pty.wait_until("their name", |screen| status(screen).contains("sextants"));
    pty.keys("q");
    assert!(pty.wait().success());

    let quadrants = ["--graphics", "quadrants"];
    let mut pty = open_by_env(folder.path(), &[&[SEEWHY], &quadrants[..]].concat(), Answers::PLAIN);
    pty.wait_until("quadrants", |screen| screen.contains(['▖', '▗', '▘', '▝', '▙', '▛', '▜', '▟']));
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn what_cannot_be_written_is_a_failure() {
    if !Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["help", "explain"],
        &["classify", "--help"],
        &["doctor"],
        &["model"],
        &["completions", "bash"],
        &["man"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = std::process::Command::new(SEEWHY).args(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("could not write to standard output"), "{arguments:?}: {said}");
    }
}

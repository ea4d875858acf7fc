//! Answers of the terminal that are late, torn, missing or not understood, and what is between it and us.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use seewhy::term::{CellSize, CellSource, Environment, Facts, Protocol, Reply, Tmux, Wishes, cell_size, decide};

use crate::support::pty::{Answers, Pty};
use crate::terminal::{SEEWHY, open_by_env, pictures, status};

/// Longer than a person pauses within a key, and as long as answers were seen to pause.
const PAUSE: Duration = Duration::from_millis(400);

#[test]
fn a_terminal_that_prints_our_question_keeps_nothing_of_it() {
    let folder = pictures();
    let mut pty = open_by_env(folder.path(), &[SEEWHY], Answers { prints_apc: true, ..Answers::PLAIN });
    assert!(pty.bytes().windows(5).any(|window| window == b"Gi=31"), "it was asked");
    assert!(!pty.text().contains("Gi=31") && !pty.text().contains("AAAA"), "{}", pty.text());
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn an_answer_in_pieces_is_an_answer_and_no_keys() {
    let folder = pictures();
    // The pieces end with the ESC of the second answer, and with that of the third.
    let answers = Answers { pieces: Some((10, PAUSE)), ..Answers::KITTY };
    let mut pty = open_by_env(folder.path(), &[SEEWHY], answers);
    pty.wait_until("kitty in the status line", |screen| status(screen).contains("kitty"));
    let text = pty.text();
    assert!(text.contains("1 of 3") && text.contains("raw"), "no panel was opened, and none closed:\n{text}");
    pty.keys("j");
    pty.wait_for("2 of 3");
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn the_escape_key_is_one_where_the_terminal_says_nothing() {
    let folder = pictures();
    let mut pty = open_by_env(folder.path(), &[SEEWHY], Answers::SILENT);
    pty.keys("/cherry\r");
    pty.wait_for("1 of 1");
    pty.keys("\x1b");
    std::thread::sleep(PAUSE);
    pty.keys("j");
    pty.wait_for("of 3");
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn an_answer_torn_behind_its_first_byte_is_an_answer_and_no_keys() {
    let folder = pictures();
    // Late enough that nobody expects a word from it any more.
    let answers = Answers { delay: 2 * PAUSE, torn: Some(PAUSE), ..Answers::KITTY };
    let mut pty = open_by_env(folder.path(), &[SEEWHY], answers);
    pty.wait_until("kitty in the status line", |screen| status(screen).contains("kitty"));
    let text = pty.text();
    assert!(text.contains("1 of 3") && text.contains("raw"), "no panel was opened:\n{text}");
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn who_stops_before_the_answer_waits_for_it_and_comes_back_with_what_it_says() {
    let folder = pictures();
    let script = format!("'{SEEWHY}' .; read line; printf 'typed=[%s]' \"$line\" | cat -v; read line; fg");
    let answers = Answers { held: true, ..Answers::KITTY };
    let mut pty = Pty::run("sh", &["-m", "-c", &script], folder.path(), answers);
    pty.wait_until("the interface", |screen| screen.contains("help"));
    pty.keys("\x1a");
    pty.wait_for("waiting for the terminal's last answers");
    pty.answer();
    pty.wait_until("the main screen", |screen| !screen.contains("waiting for the terminal's last answers"));
    pty.keys("\r");
    pty.wait_for("typed=[]");
    pty.keys("\r");
    pty.wait_until("kitty in the status line", |screen| status(screen).contains("kitty"));
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn who_leaves_before_the_answer_waits_for_it_and_the_shell_gets_nothing() {
    let folder = pictures();
    let script = format!("'{SEEWHY}' .; read line; printf 'typed=[%s]' \"$line\" | cat -v");
    let answers = Answers { held: true, ..Answers::PLAIN };
    let mut pty = Pty::run("sh", &["-c", &script], folder.path(), answers);
    pty.wait_until("the interface", |screen| screen.contains("help"));
    pty.keys("q");
    pty.wait_for("waiting for the terminal's last answers");
    pty.answer();
    pty.wait_until("the main screen", |screen| !screen.contains("waiting for the terminal's last answers"));
    pty.keys("\r");
    pty.wait_for("typed=[]");
    assert!(pty.wait().success());
    pty.assert_restored();
}

/// What is decided in such an environment, and what is said about it.
fn decided(version: &str, set: impl FnOnce(&mut Facts)) -> (Protocol, String, &'static str) {
    let environment = Environment { locale: "LANG=C.UTF-8".to_owned(), ..Environment::default() };
    let replies = vec![
        Reply::KittyGraphics { id: 31, ok: true },
        Reply::Version(version.to_owned()),
        Reply::CellPixels { width: 9, height: 18 },
        Reply::DeviceAttributes(vec![62]),
    ];
    let mut facts = Facts { replies, environment, ..Facts::default() };
    set(&mut facts);
    let graphics = decide(&facts, Wishes::default());
    (graphics.protocol, graphics.reason, graphics.hint.unwrap_or_default())
}

#[test]
fn what_lets_no_pictures_through_is_named() {
    let tmux = |facts: &mut Facts, outer: &str, control: bool| {
        facts.environment.tmux = true;
        facts.tmux = Some(Tmux { outer: outer.to_owned(), control, passthrough: true, ..Tmux::default() });
    };
    for (what, (protocol, reason, hint), named, advice) in [
        ("screen", decided("", |facts| facts.environment.screen = true), "GNU screen", "tmux in place"),
        ("screen, by TERM", decided("", |facts| facts.environment.term = "screen".to_owned()), "GNU screen", "tmux"),
        ("zellij", decided("", |facts| facts.environment.zellij = true), "Zellij", "outside"),
        ("zellij, by name", decided("Zellij(0.43)", |_| ()), "Zellij", "outside"),
        ("mosh", decided("", |facts| facts.environment.mosh = true), "mosh", "ssh in place"),
        ("tmux -CC", decided("", |facts| tmux(facts, "iTerm2 3.5.11", true)), "tmux -CC", "without -CC"),
        ("tmux in tmux", decided("", |facts| tmux(facts, "tmux 3.5a", false)), "tmux in tmux", "one tmux"),
        ("tmux at the other end of ssh", decided("tmux 3.5a", |_| ()), "cannot be asked", "--graphics kitty"),
        ("an old kitty", decided("kitty(0.26.5)", |_| ()), "older than 0.28", "kitty 0.28 or newer"),
        ("one in tmux", decided("", |facts| tmux(facts, "kitty(0.26.5)", false)), "older", "kitty 0.28 or newer"),
    ] {
        assert!(protocol.blocks().is_some(), "{what}: {protocol}");
        assert!(reason.contains(named) && hint.contains(advice), "{what}: {reason} / {hint}");
    }
    let (protocol, reason, _) = decided("tmux 3.5a", |facts| {
        tmux(facts, "kitty(0.41.1)", false);
        facts.tmux = facts.tmux.take().map(|tmux| Tmux { no_utf8: true, ..tmux });
    });
    assert_eq!(protocol, Protocol::Ascii, "{reason}");
    // What is forced may get through.
    let facts = Facts { replies: vec![Reply::Version("tmux 3.5a".to_owned())], ..Facts::default() };
    assert!(decide(&facts, Wishes { protocol: Some(Protocol::Kitty), cell: None }).wrapped);
}

#[test]
fn mosh_is_found_among_those_who_started_us() {
    let folder = pictures();
    let server = folder.path().join("mosh-server");
    std::fs::write(&server, format!("#!/bin/sh\n'{SEEWHY}' doctor\nexit\n")).unwrap();
    std::fs::set_permissions(&server, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut pty = Pty::run::<&str>(server.to_str().unwrap(), &[], folder.path(), Answers::PLAIN);
    pty.wait_for("card 1 of");
    pty.keys("q");
    assert!(pty.wait().success());
    assert!(pty.text().contains("halfblocks: mosh carries no pictures"), "{}", pty.text());
}

#[test]
fn a_size_that_no_cell_has_is_not_believed() {
    let size = |width, height| CellSize { width, height };
    let facts = |replies: Vec<Reply>, window| Facts { replies, window, ..Facts::default() };
    let window = [160, 40, 640, 480];
    assert_eq!(cell_size(&facts(vec![], window)), CellSource::Doubtful(size(4, 12)), "what Windows' OpenSSH invents");
    assert_eq!(cell_size(&facts(vec![Reply::CellPixels { width: 3, height: 7 }], [80, 24, 0, 0])).cell(), None);
    assert_eq!(
        cell_size(&facts(vec![Reply::CellPixels { width: 4, height: 8 }], window)),
        CellSource::Terminal(size(4, 8))
    );
    assert_eq!(cell_size(&facts(vec![], [80, 24, 800, 480])), CellSource::System(size(10, 20)));
    let mut in_tmux = facts(vec![Reply::CellPixels { width: 4, height: 12 }], [80, 39, 320, 468]);
    in_tmux.tmux = Some(Tmux { window: [160, 40, 4, 12], ..Tmux::default() });
    assert_eq!(cell_size(&in_tmux).cell(), None, "tmux makes cells of 4x12 of it");
    let told = decide(&in_tmux, Wishes { protocol: None, cell: Some(size(8, 17)) });
    assert_eq!(told.cell, size(8, 17));
    for wrong in ["", "8", "8x", "x17", "8x17x", "0x0", "3x7", "1000x20"] {
        assert!(wrong.parse::<CellSize>().is_err(), "{wrong}");
    }
    assert_eq!("8x17".parse(), Ok(size(8, 17)));
}

//! Marks: in the interface, in a file that survives, and for scripts.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use seewhy::app::{Action, Command, Effect, Notice, State, update};
use seewhy::triage::Journal;

use crate::cli::{errors, lines, seewhy};
use crate::support::interface::{finished, press, screen};
use crate::support::pty::{Answers, Pty};
use crate::triage::{filtered, names};

const SIZE: (u16, u16) = (100, 30);

#[test]
fn a_mark_is_shown_kept_and_filtered_by() {
    let mut state = finished(SIZE);
    let effects = press(&mut state, &[Command::Next, Command::Mark]);
    let path: Arc<Path> = Path::new("/data/val/bullfrog/0004.jpg").into();
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Mark { path: of, marked: true, .. } if *of == path)),
        "{effects:?}"
    );
    let text = screen(&state);
    assert!(text.contains("*▸ ✓ bullfrog") && text.contains("* marked"), "{text}");
    filtered(&mut state, "is:marked");
    assert_eq!(names(&state), ["bullfrog/0004.jpg"]);
    let effects = press(&mut state, &[Command::Mark]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Mark { marked: false, .. })));
    assert!(names(&state).is_empty(), "what is no longer marked leaves the list");
    assert_eq!(state.notice, Some(Notice::Done("unmarked bullfrog/0004.jpg".to_owned())));
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.visible.len(), 6);
}

#[test]
fn a_mark_that_is_lost_is_taken_back() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Mark]);
    let lost = Action::MarkLost { image: 0, marked: true, reason: "the disk\u{1b} is full".to_owned() };
    update(&mut state, lost);
    assert!(!state.entries[0].is_marked && screen(&state).contains("! the disk"), "{}", screen(&state));
}

/// Folders named after classes of the bundled model, with pictures that it cannot know.
pub(crate) fn labelled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, tint) in [("cat", 40), ("dog", 120), ("frog", 200)] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        let picture = RgbImage::from_fn(40, 40, |x, y| image::Rgb([tint, (6 * x) as u8, (6 * y) as u8]));
        picture.save(folder.path().join(class).join("1.png")).unwrap();
    }
    folder
}

#[test]
fn marks_survive_kill_9_and_are_there_for_scripts() {
    let folder = labelled();
    let marks = folder.path().join("state/marks.jsonl");
    let marks = marks.to_str().unwrap();
    let open = || {
        let pty = Pty::run(env!("CARGO_BIN_EXE_seewhy"), &["--marks", marks, "."], folder.path(), Answers::PLAIN);
        pty.wait_until("the first map", |screen| screen.contains("1 of 3") && screen.contains("raw"));
        pty
    };
    let mut pty = open();
    pty.keys("jx");
    pty.wait_for("* marked");
    pty.signal("KILL");
    pty.wait();

    let mut pty = open();
    pty.keys("/is:marked\r");
    pty.wait_until("the marked image", |screen| screen.contains("1 of 1 (3)") && screen.contains("* marked"));
    assert!(pty.text().contains("dog/1.png"), "{}", pty.text());
    pty.keys("q");
    assert!(pty.wait().success());
    let command = format!("1 marked: seewhy marks . --marks {marks}");
    let said = pty.text().replace('\n', "");
    assert!(said.contains(&command), "{said}");

    let listed = |arguments: &[&str]| {
        let output = seewhy(&[&["marks", "--marks", marks], arguments].concat()).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        (String::from_utf8(output.stdout.clone()).unwrap(), errors(&output))
    };
    let dog = folder.path().canonicalize().unwrap().join("dog/1.png");
    let dog = dog.to_str().unwrap();
    assert_eq!(listed(&[]).0, format!("{dog}\n"));
    assert_eq!(listed(&["dog", "-0"]).0, format!("{dog}\0"));
    assert_eq!(listed(&["cat"]).0, "");
    assert_eq!(listed(&["./dog", "--relative"]).0, "./dog/1.png\n", "as it was asked for");
    assert_eq!(listed(&["dog/1.png", "--relative"]).0, "dog/1.png\n");
    assert_eq!(listed(&["--relative"]).0, "dog/1.png\n", "from here on");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut away = seewhy(&["marks", "--marks", marks, "--relative"]);
    let output = away.current_dir(&elsewhere).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{dog}\n"), "what lies elsewhere has its whole path");
    std::fs::remove_file(dog).unwrap();
    let (paths, says) = listed(&[]);
    assert!(paths.is_empty() && says.contains("cannot be found (1), such as"), "{says}");
    for missing in [&["--marks", "nowhere.jsonl"][..], &["--marks", marks, "nowhere"]] {
        let output = seewhy(&[&["marks"], missing].concat()).current_dir(&folder).output().unwrap();
        assert!(!output.status.success() && errors(&output).contains("cannot open nowhere"), "{}", errors(&output));
    }
}

#[test]
fn marks_of_the_demo_are_asked_for_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let pictures = seewhy::gallery::demo::unpack_into(&cache.join("seewhy/demo")).unwrap();
    let mut journal = Journal::at(folder.path().join("marks.jsonl"));
    journal.set(&pictures.join("cat/ginger.jpg"), true).unwrap();
    journal.set(Path::new("/elsewhere/1.jpg"), true).unwrap();
    let mut command = seewhy(&["marks", "demo", "--marks", "marks.jsonl"]);
    let output = command.current_dir(&folder).env("XDG_CACHE_HOME", &cache).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.ends_with("pictures/cat/ginger.jpg\n") && said.lines().count() == 1, "{said}{}", errors(&output));
}

#[test]
fn names_cannot_act_on_a_terminal_and_are_exact_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let name = "cat \u{202e}gpj.\u{1b}[2J\n.png";
    RgbImage::new(8, 8).save_with_format(folder.path().join(name), image::ImageFormat::Png).unwrap();
    let mut journal = Journal::at(folder.path().join("marks.jsonl"));
    journal.set(&folder.path().join(name), true).unwrap();
    for (arguments, shown) in [
        (&["marks", "--marks", "marks.jsonl", "--relative"][..], r"$'cat \u202egpj.\x1b[2J\n.png'"),
        (&["classify", "."], r#"\u202egpj.\u001b[2J\n.png""#),
        (&["classify", ".", "--format", "csv"], r"\u{202e}gpj.\u{1b}[2J\n.png"),
    ] {
        let mut pty = Pty::run(env!("CARGO_BIN_EXE_seewhy"), arguments, folder.path(), Answers::PLAIN);
        assert!(pty.wait().success());
        let bytes = String::from_utf8_lossy(&pty.bytes()).into_owned();
        assert!(bytes.contains(shown) && !bytes.contains("\u{202e}") && !bytes.contains("\u{1b}[2J"), "{bytes:?}");
        let output = seewhy(arguments).current_dir(&folder).output().unwrap();
        let piped = String::from_utf8(output.stdout.clone()).unwrap();
        let exact = match arguments {
            ["marks", ..] => piped.contains(name),
            [.., "csv"] => piped.contains(&format!("\"./{name}\",")),
            _ => lines(&output)[0]["image"].as_str().unwrap().ends_with(name) && piped.contains('\u{202e}'),
        };
        assert!(exact, "{arguments:?} {piped:?} {}", errors(&output));
    }
}

#[test]
fn what_one_program_marks_another_sees() {
    let folder = labelled();
    let open = || {
        let pty =
            Pty::run(env!("CARGO_BIN_EXE_seewhy"), &["--marks", "marks.jsonl", "."], folder.path(), Answers::PLAIN);
        pty.wait_until("the first map", |screen| screen.contains("1 of 3") && screen.contains("raw"));
        pty
    };
    let (mut one, mut other) = (open(), open());
    one.keys("x");
    one.wait_for("* marked");
    other.wait_for("* marked");
    other.keys("x");
    other.wait_until("the mark to go", |screen| !screen.contains("* marked"));
    one.wait_until("the mark to go here too", |screen| !screen.contains("* marked"));
    for pty in [&mut one, &mut other] {
        pty.keys("q");
        assert!(pty.wait().success());
        assert!(!pty.text().contains(" marked: "), "nothing is marked: {}", pty.text());
    }
}

#[test]
fn what_holds_no_marks_is_not_written_to() {
    let folder = labelled();
    let photo = folder.path().join("cat/1.png");
    let before = std::fs::read(&photo).unwrap();
    let mut pty = Pty::run(env!("CARGO_BIN_EXE_seewhy"), &["--marks", "cat/1.png", "."], folder.path(), Answers::PLAIN);
    let says = "cannot read the marks in cat/1.png";
    pty.wait_for(says);
    pty.wait_until("the first map", |screen| screen.contains("1 of 3") && screen.contains("layers"));
    pty.keys("j");
    pty.wait_until("the message to go", |screen| screen.contains("2 of 3") && !screen.contains(says));
    pty.keys("x");
    pty.wait_for(says);
    assert!(!pty.text().contains("* marked"), "what is not kept is not shown as marked:\n{}", pty.text());
    pty.keys("q");
    assert!(pty.wait().success());
    assert_eq!(std::fs::read(&photo).unwrap(), before);
    let output = seewhy(&["--marks", "x", "classify", "."]).output().unwrap();
    assert!(errors(&output).contains("belongs after the command"), "{}", errors(&output));
}

#[test]
fn what_was_marked_before_is_marked_when_it_is_found() {
    let mut state = State::new("val/".to_owned(), Some("/data/val".into()));
    let paths = ["/data/val/agama/0010.jpg", "/data/val/agama/0011.jpg"].map(|path| Arc::<Path>::from(Path::new(path)));
    update(&mut state, Action::MarkedBefore(vec![paths[0].clone()]));
    update(&mut state, Action::Found(paths.to_vec()));
    assert_eq!(state.entries.iter().map(|entry| entry.is_marked).collect::<Vec<_>>(), [true, false]);
}

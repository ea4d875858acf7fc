//! Frames as they come, on standard input or from an animation.

use std::fs::{self, File};
use std::path::Path;

use image::codecs::gif::GifEncoder;
use image::{Delay, Frame};

use crate::cli::{errors, seewhy};
use crate::support::pty::{Answers, Pty};

const SEEWHY: &str = env!("CARGO_BIN_EXE_seewhy");

fn demo(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo/pictures").join(name)
}

#[test]
fn frames_on_standard_input_are_shown_one_after_another_and_can_be_walked_back_through() {
    let folder = tempfile::tempdir().unwrap();
    // What comes while nobody is ready for it is passed over: the second waits until the first was seen.
    let (first, second) = (demo("frog/green-frog.jpg"), demo("ship/sailing-boat.jpg"));
    let (first, second) = (first.display(), second.display());
    let film = format!("cat {first}; while ! test -e go; do sleep 0.05; done; cat {second}");
    let mut pty = Pty::run("sh", &["-c", &format!("({film}) | {SEEWHY} live -")], folder.path(), Answers::PLAIN);
    pty.wait_until("a frog", |screen| screen.contains("frame-000001") && screen.contains("of 1 frog"));
    fs::write(folder.path().join("go"), "").unwrap();
    pty.wait_until("a ship", |screen| screen.contains("frame-000002") && screen.contains(" 1 ship"));
    pty.wait_for("the stream has ended");
    pty.keys("k");
    pty.wait_until("the frame before", |screen| screen.contains("frame 1 of 2") && screen.contains("frame-000001"));
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn an_animation_plays_and_space_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.gif");
    let mut encoder = GifEncoder::new_with_speed(File::create(&path).unwrap(), 30);
    for name in ["cat/ginger.jpg", "dog/retriever.jpg"] {
        let image = image::open(demo(name)).unwrap().thumbnail(60, 60).to_rgba8();
        encoder.encode_frame(Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(50, 1))).unwrap();
    }
    drop(encoder);
    let mut pty = Pty::run(SEEWHY, &["live", path.to_str().unwrap()], folder.path(), Answers::PLAIN);
    pty.wait_for("frames/s");
    pty.keys(" ");
    pty.wait_for("held");
    pty.keys(" ");
    pty.wait_for("frames/s");
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn what_is_no_film_is_refused_with_what_to_do() {
    let output = seewhy(&["live", demo("cat/ginger.jpg").to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("no animated GIF or WebP") && errors(&output).contains("image2pipe"));
}

//! The interface end to end: the real binary in a pseudo-terminal, with the bundled model.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{Rgb, RgbImage};
use seewhy::raster::npy;
use tempfile::TempDir;

use crate::support::fixture;
use crate::support::pty::{Answers, Line, Pty};
use crate::two_models::noisy;

pub(crate) const SEEWHY: &str = env!("CARGO_BIN_EXE_seewhy");

/// Three pictures that no two classes share: `apple.png`, `banana.png`, `cherry.png`.
pub(crate) fn pictures() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in ["apple", "banana", "cherry"].iter().enumerate() {
        let picture = RgbImage::from_fn(48, 40, |x, y| {
            let inside = (x as i32 - 24).pow(2) + (y as i32 - 20).pow(2) < 150;
            let mut pixel = [(5 * x) as u8, (6 * y) as u8, 90];
            pixel.rotate_left(number);
            Rgb(if inside { pixel.map(|value| 255 - value) } else { pixel })
        });
        picture.save(folder.path().join(format!("{name}.png"))).unwrap();
    }
    folder
}

/// The interface on that folder, its first map on the screen.
pub(crate) fn open(folder: &Path, options: &[&str], answers: Answers) -> Pty {
    let pty = Pty::run(SEEWHY, &[options, &["."]].concat(), folder, answers);
    pty.wait_for("1 of 3");
    pty.wait_until("the first map", |screen| screen.contains("raw") && screen.contains("high"));
    pty
}

/// The same by `env`: variables, the program and its options.
pub(crate) fn open_by_env(folder: &Path, command: &[&str], answers: Answers) -> Pty {
    let pty = Pty::run("env", &[command, &["."]].concat(), folder, answers);
    pty.wait_for("1 of 3");
    pty.wait_until("the first map", |screen| screen.contains("raw") && screen.contains("high"));
    pty
}

/// The last line of the screen.
pub(crate) fn status(screen: &str) -> &str {
    screen.trim_end().lines().last().unwrap_or_default()
}

#[test]
fn a_folder_is_opened_walked_through_explained_filtered_and_left() {
    let folder = pictures();
    let mut pty = open(folder.path(), &[], Answers::PLAIN);
    assert!(pty.text().contains("apple.png"), "the picture's name is its title:\n{}", pty.text());
    pty.wait_until("half-blocks, as a terminal without pixels gets them", |screen| screen.contains('▄'));

    pty.keys("j");
    pty.wait_for("2 of 3");
    pty.wait_for("banana.png");

    let before = status(&pty.text()).to_owned();
    assert!(before.contains("grad-cam of 1"), "the best class is explained first: {before}");
    pty.keys("2");
    pty.wait_until("the second class as target", |screen| status(screen).contains("grad-cam of 2"));

    let layers = pty.text();
    pty.keys("[");
    pty.wait_until("another layer in brackets", |screen| marked_layer(screen) != marked_layer(&layers));

    pty.keys("a");
    pty.wait_until("the channels of that layer", |screen| screen.contains("channels") && screen.contains("others"));
    pty.wait_until("the first of them", |screen| {
        status(screen).contains("channel ") && status(screen).contains(" of ")
    });
    pty.keys("q");

    pty.keys("/cherry\r");
    pty.wait_for("cherry.png");
    pty.wait_for("1 of 1");
    pty.keys("\x1b");
    pty.wait_for("of 3");

    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn what_is_shown_of_a_channel_is_written_as_pictures() {
    let folder = pictures();
    let mut pty = open(folder.path(), &[], Answers::PLAIN);
    pty.keys("a");
    pty.wait_until("the channels", |screen| status(screen).contains("channel "));
    pty.keys("tw");
    pty.wait_until("the files", |screen| {
        screen.contains("wrote ") && screen.contains("seewhy-maps/apple.res3.add.channel-")
    });
    let written: Vec<PathBuf> =
        std::fs::read_dir(folder.path().join("seewhy-maps")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for kind in [".map.png", ".images.png"] {
        let file = written.iter().find(|path| path.to_string_lossy().ends_with(kind)).unwrap();
        let picture = image::open(file).unwrap();
        assert!(picture.width() >= 320 && picture.height() >= 320, "{}: {:?}", file.display(), picture.color());
    }
    pty.keys("qqq");
    assert!(pty.wait().success());
}

/// What is not quite an image, and what is one under another name.
#[test]
fn what_is_cut_left_out_or_called_otherwise_is_said() {
    let folder = pictures();
    let jpeg = std::fs::read(fixture("images/jpeg/2x2_together.jpg")).unwrap();
    std::fs::write(folder.path().join("1-cut.jpg"), &jpeg[..jpeg.len() * 9 / 10]).unwrap();
    let mut tensor = Vec::new();
    npy::write(&mut tensor, ndarray::ArrayD::zeros(vec![1, 3, 32, 32]).view()).unwrap();
    std::fs::write(folder.path().join("2-tensor"), tensor).unwrap();
    std::fs::write(folder.path().join("photo.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    let mut pty = Pty::run(SEEWHY, &["."], folder.path(), Answers::PLAIN);
    pty.wait_for("left out: 1 HEIC");
    pty.wait_for("! the JPEG file ends early");
    pty.keys("/is:failed\r");
    pty.wait_for("1 of 1");
    pty.wait_for("HEIC is not supported");
    pty.keys("\x1b");
    pty.wait_for("of 6");
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn the_interface_begins_with_the_method_that_was_asked_for() {
    let folder = pictures();
    let mut pty = open(folder.path(), &["--method", "saliency"], Answers::PLAIN);
    pty.wait_until("saliency in the status line", |screen| status(screen).contains("saliency of 1"));
    pty.keys("q");
    assert!(pty.wait().success());
}

/// The layer that the strip marks.
fn marked_layer(screen: &str) -> Option<&str> {
    let line = screen.lines().find(|line| line.contains("layers"))?;
    line.split_once('[')?.1.split_once(']').map(|(layer, _)| layer)
}

#[test]
fn pictures_go_to_kitty_and_are_deleted_at_the_end() {
    let folder = pictures();
    let mut pty = open(folder.path(), &[], Answers::KITTY);
    pty.wait_until("kitty in the status line", |screen| status(screen).contains("kitty"));
    let count =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    pty.wait_until("the place of a picture", |_| count(&pty.bytes(), "\u{10eeee}") > 0);
    pty.wait_until("a picture and heat laid over it", |_| count(&pty.bytes(), "a=p,q=2,i=") > 1);

    let sent = count(&pty.bytes(), "a=t,f=100");
    pty.keys("j");
    pty.wait_for("2 of 3");
    pty.wait_until("another picture", |_| count(&pty.bytes(), "a=t,f=100") > sent);

    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
    let bytes = pty.bytes();
    let last_sent = bytes.windows(9).rposition(|window| window == b"a=t,f=100").unwrap();
    assert!(count(&bytes[last_sent..], "a=d,d=I") > 0, "the terminal's memory is ours no longer");
}

/// Photographs whose every pixel is grain: the largest files that there are.
fn grain() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in ["apple", "banana", "cherry"].iter().enumerate() {
        let mut noise = number as u32;
        let picture = RgbImage::from_fn(500, 375, |_, _| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb([(noise >> 24) as u8, (noise >> 16) as u8, (noise >> 20) as u8])
        });
        picture.save(folder.path().join(format!("{name}.png"))).unwrap();
    }
    folder
}

/// Where a text ends for the n-th time, from 1, after a place.
fn end_of(bytes: &[u8], from: usize, text: &str, nth: usize) -> Option<usize> {
    let text = text.as_bytes();
    let starts = bytes[from..].windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    starts.map(|(start, _)| from + start + text.len()).nth(nth - 1)
}

/// How many bytes are no image on its way.
fn besides_images(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let commands = text.split("\x1b_G").skip(1).map(|command| command.split("\x1b\\").next().unwrap_or_default());
    bytes.len() - commands.filter(|command| command.contains(';')).map(|command| command.len() + 5).sum::<usize>()
}

#[test]
fn each_key_has_its_budget_of_bytes_in_kitty() {
    let folder = grain();
    let mut pty = Pty::run_over(SEEWHY, &["."], folder.path(), Answers::KITTY, (120, 36), Line::QUICK);
    // Picture and better picture, heat and the frame around it: each is placed when it has arrived.
    let placed = |from: usize, count: usize| {
        pty.wait_until("pictures in their places", |_| end_of(&pty.bytes(), from, "a=p,q=2,", count).is_some());
        end_of(&pty.bytes(), from, "a=p,q=2,", count).unwrap() - from
    };
    let press = |keys: &str| {
        let from = pty.bytes().len();
        pty.keys(keys);
        from
    };
    placed(0, 2);
    let from = press("j");
    pty.wait_for("banana.png");
    let with_heat = placed(from, 2);
    let all = placed(from, 4);
    assert!(with_heat <= 35_000 && all <= 100_000, "{with_heat} bytes to a picture with its heat, {all} to a good one");
    let from = press("?");
    pty.wait_for("these keys");
    pty.keys("\x1b");
    placed(from, 3);
    pty.wait_until("no help", |screen| !screen.contains("these keys") && status(screen).contains("quit"));
    let help = besides_images(&pty.bytes()[from..]);
    assert!(help <= 3_000, "{help} bytes to the help and back");
    let from = press("o");
    let heat = placed(from, 1);
    assert!(heat <= 5_000, "{heat} bytes to heat alone");
    let from = press("o");
    let both = placed(from, 4);
    assert!(both <= 150_000, "{both} bytes to the two side by side");
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn in_sixels_the_first_picture_is_sent_once_with_its_heat() {
    let folder = grain();
    let answers = Answers { attributes: "64;4", ..Answers::PLAIN };
    let mut pty = Pty::run_over(SEEWHY, &["."], folder.path(), answers, (60, 24), Line::QUICK);
    pty.wait_until("the first map", |screen| status(screen).contains("low"));
    let ends = |bytes: &[u8]| end_of(bytes, 0, "\x1bP", 1).and_then(|begin| end_of(bytes, begin, "\x1b\\", 1));
    pty.wait_until("a picture", |_| ends(&pty.bytes()).is_some());
    // What a key changes comes after all that was to come before.
    pty.keys("x");
    pty.wait_for("* marked");
    assert_eq!(end_of(&pty.bytes(), 0, "\x1bP", 2), None, "one picture");
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn a_key_does_not_wait_for_a_picture_on_a_slow_line() {
    let folder = grain();
    // A picture of many pieces is on its way, after one was placed: the better one, unless the machine is so slow that the
    // first is made anew.
    let is_on_its_way = |bytes: &[u8]| {
        let last = bytes.windows(9).rposition(|window| window == b"a=t,f=100").unwrap_or(0);
        let is_long = end_of(bytes, last, "q=2,m=1;", 4).is_some() && end_of(bytes, last, "q=2,m=0;", 1).is_none();
        is_long && end_of(&bytes[..last], 0, "a=p,q=2,", 1).is_some()
    };
    let line = Line { piece: 4 << 10, pause: Duration::from_millis(100), stands: is_on_its_way };
    let mut pty = Pty::run_over(SEEWHY, &["."], folder.path(), Answers::KITTY, (120, 36), line);
    let mut from = 0;
    pty.while_the_line_stands(|| {
        from = pty.bytes().len();
        pty.keys("j");
    });
    pty.wait_for("2 of 3");
    let shown = pty.bytes().len() - from;
    assert!(shown < 24_000, "{shown} bytes before the key shows");
    // Whatever was on its way has come to an end soon, and the next picture begins.
    pty.wait_until("the next picture", |_| end_of(&pty.bytes(), from, "\x1b_Ga=t,f=100", 1).is_some());
    let bytes = pty.bytes();
    let next = end_of(&bytes, from, "\x1b_Ga=t,f=100", 1).unwrap();
    assert!(next - from < 24_000, "{} bytes before the next picture", next - from);
    assert!(
        end_of(&bytes[..next], from, "q=2,m=0;", 1).is_some(),
        "the terminal does not wait for more of the last one"
    );
    if let Some(given_up) = end_of(&bytes[..next], from, "\x1b_Gq=2,m=0;\x1b\\", 1) {
        assert!(bytes[given_up..].starts_with(b"\x1b_Ga=d,d=I,"), "nobody needs a part of a picture");
    }
    pty.keys("q");
    assert!(pty.wait().success(), "{}", pty.text());
    pty.assert_restored();
}

#[test]
fn no_color_is_about_text_and_pictures_keep_theirs() {
    let folder = pictures();
    let mut pty = Pty::run("env", &["NO_COLOR=1", SEEWHY, "."], folder.path(), Answers::KITTY);
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    pty.wait_until("a picture, by its id in the colour of its cells", |_| {
        has(&pty.bytes(), "\u{10eeee}") && has(&pty.bytes(), "38;2;")
    });
    pty.wait_until("the first map", |screen| screen.contains("raw") && screen.contains("high"));
    for colour in ["38;5;", "[31m", "[32m", "[36m", ";31m", ";32m", ";36m"] {
        assert!(!has(&pty.bytes(), colour), "the text has no colour, {colour} neither");
    }
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn the_doctor_shows_a_card_for_each_way_to_draw_and_says_what_it_found() {
    let folder = pictures();
    let mut pty = Pty::run(SEEWHY, &["doctor"], folder.path(), Answers { attributes: "62;4", ..Answers::KITTY });
    let count =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    pty.wait_for("card 1 of 3: kitty");
    pty.wait_until("the card and its heat", |_| count(&pty.bytes(), "a=p,q=2,i=") > 0);
    pty.keys("n");
    pty.wait_for("card 2 of 3: sixel");
    pty.wait_until("sixels", |_| count(&pty.bytes(), "\x1bP") > 0);
    pty.keys("n");
    pty.wait_for("card 3 of 3: halfblocks");
    pty.wait_for("▄");
    pty.keys("\x1b");
    assert!(pty.wait().success());
    pty.assert_restored();
    let text = pty.text();
    for line in [
        "terminal    kitty(0.41.1)",
        "size        100x30 cells of 10x20 pixels, as the terminal says",
        "pictures    kitty: kitty(0.41.1)",
    ] {
        assert!(text.contains(line), "{line} is missing from\n{text}");
    }
}

#[test]
fn the_doctor_tells_without_a_terminal_what_the_environment_says() {
    let output =
        std::process::Command::new(SEEWHY).arg("doctor").env("TERM", "xterm").env_remove("TMUX").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("TERM        xterm\n"), "{text}");
    assert!(text.contains("answers     not asked: standard output is not a terminal\n"), "{text}");
}

#[test]
fn without_pictures_the_pane_says_why() {
    let folder = pictures();
    let mut pty = open(folder.path(), &["--graphics", "none"], Answers::KITTY);
    pty.wait_for("no pictures: as --graphics says");
    pty.keys("q");
    assert!(pty.wait().success());
}

#[test]
fn a_terminal_that_says_nothing_still_works_and_its_late_answers_are_not_keys() {
    let folder = pictures();
    let mut pty = open(folder.path(), &[], Answers::SILENT);
    // Were these key presses, `q` would leave, and `i`, `t` and `o` would change what is shown.
    pty.keys("\x1b_Gi=31;OK\x1b\\\x1bP>|qterm(q)\x1b\\\x1b[?62;4c");
    pty.keys("j");
    pty.wait_for("2 of 3");
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn signals_end_the_program_but_not_before_the_terminal_is_restored() {
    for name in ["TERM", "HUP", "INT"] {
        let folder = pictures();
        let mut pty = open(folder.path(), &[], Answers::PLAIN);
        pty.signal(name);
        let status = pty.wait();
        assert!(!status.success(), "whoever waits for us learns of SIG{name}");
        pty.assert_restored();
    }
}

#[test]
fn control_c_leaves() {
    let folder = pictures();
    let mut pty = open(folder.path(), &[], Answers::PLAIN);
    pty.keys("\x03");
    pty.wait();
    pty.assert_restored();
}

#[test]
fn control_z_gives_the_terminal_to_the_shell_and_fg_brings_everything_back() {
    let folder = pictures();
    let script = format!("'{SEEWHY}' .; echo stopped-now; read line; fg; echo all-over");
    let mut pty = Pty::run("sh", &["-m", "-c", &script], folder.path(), Answers::PLAIN);
    pty.wait_until("the first map", |screen| screen.contains("raw") && screen.contains("high"));
    pty.keys("z");
    pty.wait_until("what is close", |screen| screen.contains("2 times"));
    pty.keys("\x1a");
    pty.wait_for("stopped-now");
    pty.assert_restored();
    pty.keys("go on\r");
    pty.wait_for("1 of 3");
    pty.wait_until("the picture", |screen| screen.contains('▄'));
    pty.wait_until("the mouse, too", |_| pty.hears_motion());
    pty.keys("jq");
    pty.wait_for("all-over");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn a_model_that_cannot_be_loaded_leaves_a_message_on_the_main_screen() {
    let folder = pictures();
    std::fs::write(folder.path().join("broken.onnx"), b"not a model").unwrap();
    let mut pty = Pty::run(SEEWHY, &["--model", "broken.onnx", "."], folder.path(), Answers::PLAIN);
    assert_eq!(pty.wait().exit_code(), 2);
    pty.assert_restored();
    assert!(pty.text().contains("broken.onnx"), "{}", pty.text());
}

#[test]
fn a_model_that_is_trained_on_and_images_that_arrive_are_taken_in() {
    let folder = pictures();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let net = folder.path().join("net.onnx");
    std::fs::copy(models.join("cifar10.toml"), folder.path().join("net.toml")).unwrap();
    std::fs::copy(models.join("cifar10.onnx"), &net).unwrap();
    let mut pty = open(folder.path(), &["--watch", "--model", "net.onnx"], Answers::PLAIN);

    std::fs::copy(folder.path().join("apple.png"), folder.path().join("damson.png")).unwrap();
    pty.wait_for("1 of 4");

    let whole = std::fs::read(&net).unwrap();
    std::fs::write(&net, &whole[..whole.len() / 2]).unwrap();
    pty.wait_for("the old one is kept: the file is cut off");
    assert!(!pty.text().contains("(new)"), "{}", pty.text());

    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(noisy(elsewhere.path()), &net).unwrap();
    pty.wait_for("net.onnx has changed");
    pty.wait_for("net.onnx (new)");
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

//! `seewhy evaluate` as a script sees it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use seewhy::gallery::demo;
use serde_json::Value as Json;

use crate::support::fixture;
use crate::support::pty::{Answers, Pty};

/// The small convolutional network of the fixtures, on pictures in folders that are named after classes by their index.
fn evaluate(pictures: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seewhy"));
    command.env_remove("SEEWHY_MODEL").stdin(Stdio::null()).arg("evaluate").arg(pictures).args(arguments);
    command.arg("--model").arg(fixture("cnn/torchscript.onnx"));
    command.args(["--input-size", "28x24", "--mean", "0.5", "--std", "0.25"]);
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> Vec<Json> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

fn pictures(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let pixel = |x: u32, y: u32| image::Rgb([(x * 9 * (number + 1)) as u8, (y * 5) as u8, ((x + y) * 3) as u8]);
        image::RgbImage::from_fn(28, 24, pixel).save(folder.path().join(format!("{number}.png"))).unwrap();
    }
    folder
}

#[test]
fn a_line_for_each_method_and_measure_the_same_on_any_number_of_threads() {
    let folder = pictures(3);
    let arguments = ["--method", "grad-cam,saliency", "--measure", "deletion,randomisation", "--seed", "4"];
    let run = |threads: &str| {
        let output = evaluate(folder.path(), &arguments).args(["--threads", threads]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        output
    };
    let output = run("1");
    let found = lines(&output);
    for method in ["grad-cam", "saliency", "random", "centre", "edge"] {
        let of = |measure: &str| {
            found.iter().filter(|line| line["method"] == method && line["measure"] == measure).collect::<Vec<_>>()
        };
        let [deletion] = of("deletion")[..] else { panic!("one line for {method}") };
        assert!((0.0..=1.0).contains(&deletion["mean"].as_f64().unwrap()));
        assert_eq!((deletion["images"].as_u64(), deletion["better"].as_str()), (Some(3), Some("lower")));
        assert_eq!(deletion["baseline"], !["grad-cam", "saliency"].contains(&method));
        let stages = of("randomisation");
        assert!(stages.len() > 2, "{method}");
        assert!(stages.windows(2).all(|pair| pair[0]["redrawn"].as_u64() < pair[1]["redrawn"].as_u64()));
        if method == "edge" {
            assert!(stages.iter().all(|stage| stage["mean"] == 1.0), "an edge detector does not know the network");
        }
    }
    assert_eq!(output.stdout, run("3").stdout);
}

#[test]
fn a_bad_image_is_one_error_line_and_the_rest_goes_on() {
    let folder = pictures(2);
    fs::write(folder.path().join("1b.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
    let output = evaluate(folder.path(), &["--method", "grad-cam", "--measure", "deletion"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let found = lines(&output);
    let (bad, good): (Vec<_>, Vec<_>) = found.iter().partition(|line| line.get("error").is_some());
    assert!(bad.len() == 1 && bad[0]["error"].as_str().unwrap().contains("1b.png"));
    assert!(good.len() == 4 && good.iter().all(|line| line["images"] == 2));
}

/// The demo's pictures lie as `evaluate` expects masks, so that nothing need be said.
#[test]
fn masks_of_the_demo_are_found_and_the_table_sets_baselines_apart() {
    let root = tempfile::tempdir().unwrap();
    let unpacked = demo::unpack_into(root.path()).unwrap();
    let run = |extra: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seewhy"));
        command.env_remove("SEEWHY_MODEL").stdin(Stdio::null()).arg("evaluate").arg(&unpacked);
        command.args(["--method", "grad-cam", "--measure", "pointing,mass"]).args(extra).output().unwrap()
    };
    let output = run(&["--format", "table"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| text.lines().position(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
    assert!(text.lines().next().unwrap().contains("pointing") && text.contains("\nbetter "));
    assert!(text.contains("mass      share of the positive relevance that lies on the object"), "{text}");
    assert!(row("give or take") > row("images") && text.lines().all(|line| line.chars().count() < 100), "{text}");
    assert!(row("grad-cam") < row("--- baselines") && row("--- baselines") < row("centre"));

    let output = run(&["--format", "csv", "--limit", "5"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("method,baseline,measure") && text.lines().count() == 1 + 4 * 2, "{text}");
}

#[test]
fn what_cannot_be_measured_is_said_with_exit_code_2_when_it_was_asked_for() {
    let folder = pictures(2);
    for (arguments, named) in [
        (&["--measure", "pointing"][..], "mask"),
        (&["--measure", "grid"], "mosaic"),
        (&["--measure", "delation"], "deletion"),
        (&["--method", "grad-cma"], "grad-cam"),
        (&["--limit", "0"], "limit"),
    ] {
        let output = evaluate(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(named) && output.stdout.is_empty(), "{arguments:?}: {}", errors(&output));
    }
}

/// The same picture 3000 times: more than anybody waits for.
#[cfg(unix)]
fn many_pictures() -> tempfile::TempDir {
    let folder = pictures(1);
    for number in 1..3000 {
        fs::hard_link(folder.path().join("0.png"), folder.path().join(format!("{number}.png"))).unwrap();
    }
    folder
}

/// [`evaluate`] in a terminal, by way of a shell that sends standard output elsewhere.
#[cfg(unix)]
fn in_terminal(folder: &Path, script: &str) -> Pty {
    let shown = |path: &Path| format!("'{}'", path.to_str().unwrap());
    let options = "--input-size 28x24 --mean 0.5 --std 0.25";
    let seewhy = format!("exec {} evaluate {}", shown(Path::new(env!("CARGO_BIN_EXE_seewhy"))), shown(folder));
    let script = format!("{seewhy} --model {} {options} {script}", shown(&fixture("cnn/torchscript.onnx")));
    Pty::run("sh", &["-c", &script], folder, Answers::PLAIN)
}

/// ^C in the middle: the means of what was measured by then, in whole lines, and the exit code says what happened.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_the_means_so_far() {
    let folder = many_pictures();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("means.jsonl");
    let script = format!("--method saliency --measure deletion,randomisation > '{}'", file.to_str().unwrap());
    let mut pty = in_terminal(folder.path(), &script);
    pty.wait_until("time left", |screen| screen.contains("measuring maps") && screen.contains(" left"));
    // Some images are done, and far from all.
    pty.wait_until("some maps", |screen| {
        let done = screen.split("measuring maps").last().and_then(|bar| bar.split('/').next()?.split(' ').next_back());
        done.and_then(|done| done.parse::<usize>().ok()).is_some_and(|done| done > 40)
    });
    pty.keys("\x03");
    let status = pty.wait();
    assert_eq!(status.exit_code(), 130, "{}", pty.text());
    assert!(pty.text().contains("interrupted"), "{}", pty.text());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() == 4, "{text}");
    for line in text.lines() {
        let line: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(line["measure"], "deletion", "no network was drawn anew any more");
        assert!((1..3000).contains(&line["images"].as_u64().unwrap()), "{line}");
    }
}

/// Nothing is known yet while images are only looked at: an interrupt is an interrupt all the same, and not the complaint
/// that there are too few classes for a mosaic.
#[cfg(unix)]
#[test]
fn an_interrupt_before_anything_is_measured_prints_nothing() {
    let folder = many_pictures();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("means.jsonl");
    let mut pty = in_terminal(folder.path(), &format!("--measure grid > '{}'", file.to_str().unwrap()));
    pty.wait_for("looking");
    pty.keys("\x03");
    assert_eq!(pty.wait().exit_code(), 130, "{}", pty.text());
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

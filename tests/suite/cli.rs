//! The program as a script sees it: standard output, files, exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

use crate::support::{Manifest, fixture, fixture_array, signal};

/// The program with the small convolutional network of the fixtures, whose input is 28 x 24 pixels.
pub(crate) fn seewhy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seewhy"));
    command.env_remove("SEEWHY_MODEL").stdin(Stdio::null()).args(arguments);
    command
}

const MODEL: [&str; 6] = ["--input-size", "28x24", "--mean", "0.5", "--std", "0.25"];

pub(crate) fn with_model(arguments: &[&str]) -> Command {
    let mut command = seewhy(arguments);
    command.arg("--model").arg(fixture("cnn/torchscript.onnx")).args(MODEL);
    command
}

pub(crate) fn lines(output: &Output) -> Vec<Json> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn picture(path: &Path, seed: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixel = |x: u32, y: u32| image::Rgb([(x * 7) as u8 ^ seed, (y * 5) as u8, ((x + y) * 3) as u8]);
    image::RgbImage::from_fn(60, 40, pixel).save(path).unwrap();
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A tensor goes in, and the file that comes out holds the map of pytorch-grad-cam: the whole way, with the target given as
/// an index, as a contrast and as a probability.
#[test]
fn explain_writes_the_reference_map_of_a_tensor() {
    let manifest = Manifest::read();
    let network = manifest.network("cnn");
    let layer = network["layers"]["block2"]["torchscript"].as_str().unwrap();
    let goldens = fixture_array("cnn/cams.npy");
    let tensor = fixture(network["input"].as_str().unwrap());
    for (target, index) in [("top", 0), ("3", 35), ("p:1", 36), ("1-3", 37)] {
        let golden = network["maps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|map| map["file"] == "cnn/cams.npy" && map["index"] == index);
        assert_eq!(golden.unwrap()["method"], "grad-cam");
        let out = tempfile::tempdir().unwrap();
        let arguments = ["explain", text(&tensor), "--method", "grad-cam", "--layer", layer, "--target", target];
        let output =
            with_model(&arguments).args(["--format", "npy,json,png", "--out"]).arg(out.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let [record] = &lines(&output)[..] else { panic!("one line for one image and method") };
        let map = seewhy::raster::npy::read(fs::File::open(record["files"]["npy"].as_str().unwrap()).unwrap()).unwrap();
        let golden = goldens.index_axis(ndarray::Axis(0), index);
        let difference = map.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference <= 1e-3, "{target}: {difference}");

        assert_eq!(record["schema"], 1);
        assert_eq!(record["layer"], layer);
        let of = &record["target"];
        let number = |value: &Json| value.as_f64().unwrap();
        let (what, score) = match target {
            "1-3" => ("difference", number(&of["logit"]) - number(&of["against"]["logit"])),
            "p:1" => ("probability", number(&of["probability"])),
            _ => ("logit", number(&of["logit"])),
        };
        assert_eq!(of["of"], what);
        assert!((number(&of["value"]) - score).abs() < 1e-5, "{of}");
        assert_eq!(record["map"]["shape"], serde_json::json!([24, 28]));
        assert!(record["raw"]["min"].as_f64() < record["raw"]["max"].as_f64());
        assert_eq!(record["top"].as_array().unwrap().len(), 5);
        let written: Json =
            serde_json::from_slice(&fs::read(record["files"]["json"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(&written, record, "the JSON file is the line");
        assert!(image::open(record["files"]["png"].as_str().unwrap()).is_ok());
    }
}

#[test]
fn a_bad_image_is_one_error_line_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("a1.png"), 1);
    fs::write(folder.path().join("a2.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
    picture(&folder.path().join("a10.png"), 2);
    let output = with_model(&["classify", text(folder.path())]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let lines = lines(&output);
    let name = |line: &Json| Path::new(line["image"].as_str().unwrap()).file_name().unwrap().to_owned();
    assert_eq!(lines.iter().map(name).collect::<Vec<_>>(), ["a1.png", "a2.png", "a10.png"], "natural order");
    assert!(lines[1]["error"].as_str().unwrap().contains("a2.png"));
    assert!(lines[0]["top"][0]["probability"].as_f64() >= lines[0]["top"][1]["probability"].as_f64());
}

/// What is not seen in a table: it was decoded, but not as the network's makers did.
#[test]
fn a_doubtful_image_is_said_to_be_one_on_its_line_and_options_decide_the_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glass.png");
    image::RgbaImage::from_pixel(40, 40, image::Rgba([200, 40, 40, 90])).save(&path).unwrap();
    let warnings = |arguments: &[&str]| {
        let output = with_model(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        (String::from_utf8(output.stdout.clone()).unwrap(), errors(&output))
    };
    let path = text(&path);
    for command in ["classify", "explain"] {
        let (said, _) = warnings(&[command, path]);
        assert!(said.contains("\"warnings\":[\"") && said.contains("transparent"), "{said}");
    }
    for alpha in ["white", "black", "drop"] {
        assert!(!warnings(&["classify", path, "--alpha", alpha]).0.contains("warnings"));
    }
    for format in ["csv", "table"] {
        let (_, said) = warnings(&["classify", path, "--format", format]);
        assert!(said.contains("glass.png: ") && said.contains("transparent"), "{said}");
    }
    assert!(warnings(&["evaluate", path, "--measure", "deletion"]).1.contains("transparent"));
}

#[test]
fn formats_that_are_not_decoded_are_lines_with_errors_and_a_count() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("1.png"), 1);
    fs::write(folder.path().join("2.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    fs::write(folder.path().join("3.jpg"), b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n").unwrap();
    fs::write(folder.path().join("labels.json"), b"{}").unwrap();
    let output = with_model(&["classify", text(folder.path())]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let lines = lines(&output);
    let error = |line: usize| lines[line]["error"].as_str().unwrap().to_owned();
    assert_eq!(lines.len(), 3);
    assert!(error(1).contains("HEIC is not supported: convert it first"), "{}", error(1));
    assert!(error(2).contains("git lfs pull"), "{}", error(2));
    assert!(errors(&output).contains("left out: 1 HEIC"), "{}", errors(&output));
}

/// What the interface says beside a map, a script can read: what is known against the method, and against this map.
#[test]
fn a_line_says_what_to_know_before_trusting_the_map() {
    let manifest = Manifest::read();
    let network = manifest.network("shufflenet");
    let tensor = fixture(network["input"].as_str().unwrap());
    let shape = fixture_array(network["input"].as_str().unwrap()).shape().to_vec();
    let mut command = seewhy(&["explain", text(&tensor), "--method", "grad-cam,guided-backprop,lrp"]);
    command.arg("--model").arg(fixture(network["onnx"]["torchscript"].as_str().unwrap()));
    let output = command.args(["--input-size", &format!("{}x{}", shape[3], shape[2])]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let [cam, guided, lrp] = &lines(&output)[..] else { panic!("a line for each method") };
    assert!(cam.get("caution").is_none() && cam.get("warnings").is_none(), "{cam}");
    assert!(guided["caution"].as_str().unwrap().contains("weights are random"), "{guided}");
    assert!(lrp["warnings"][0].as_str().unwrap().contains("adds up to"), "{lrp}");
    assert!([cam, guided, lrp].iter().all(|line| line["schema"] == 1), "fields were added, none changed");
}

#[test]
fn images_of_the_same_name_get_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        picture(&folder.path().join("val").join(class).join("1.png"), class.len() as u8);
    }
    let out = folder.path().join("maps");
    let images = folder.path().join("val");
    let output = with_model(&["explain", text(&images), "--format", "npy", "--out", text(&out)]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let files = lines(&output)
        .iter()
        .map(|line| line["files"]["npy"].as_str().unwrap().to_owned())
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(files.len(), 2);
    assert_eq!(fs::read_dir(out).unwrap().count(), 2, "nothing but the two maps, no temporary file");
}

#[test]
fn what_cannot_be_done_is_said_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    picture(&image, 0);
    let empty = folder.path().join("empty.onnx");
    fs::write(&empty, b"").unwrap();
    let image = text(&image);
    let cases: [(Command, &str); 7] = [
        (seewhy(&["classify", image, "--model", text(&empty)]), "empty.onnx"),
        (seewhy(&["classify", image, "--model", "/nowhere/net.onnx"]), "/nowhere/net.onnx"),
        (with_model(&["classify", text(&folder.path().join("missing.png"))]), "missing.png"),
        (with_model(&["explain", image, "--method", "grad-cma"]), "grad-cam"),
        (with_model(&["explain", image, "--target", "99"]), "7 classes"),
        (with_model(&["explain", image, "--layer", "nowhere"]), "nowhere"),
        (with_model(&["explain", image, "--param", "steps=3"]), "steps"),
    ];
    for (mut command, named) in cases {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", errors(&output));
        assert!(errors(&output).contains(named), "{command:?}: {}", errors(&output));
        assert!(output.stdout.is_empty(), "standard output is for data");
    }
}

#[test]
fn names_cannot_smuggle_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("\u{1b}]0;owned\u{7}.png"), 0);
    // Cells of a table for programs are exact, and quoted; on a terminal nothing in them acts.
    for format in ["jsonl", "table"] {
        let output = with_model(&["classify", text(folder.path()), "--format", format]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let bytes = [output.stdout, output.stderr].concat();
        assert!(
            bytes.iter().all(|byte| *byte >= 0x20 || *byte == b'\n'),
            "{format}: {}",
            String::from_utf8_lossy(&bytes)
        );
        assert!(String::from_utf8_lossy(&bytes).contains("owned"));
    }
}

#[test]
fn a_list_on_standard_input_and_a_reader_that_leaves_early() {
    use std::io::{BufRead, BufReader, Write};
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..40).map(|i| folder.path().join(format!("image {i}\n.png"))).collect();
    for path in &paths {
        picture(path, 3);
    }
    let mut command = with_model(&["classify", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let list: Vec<&str> = paths.iter().map(|path| text(path)).collect();
    child.stdin.take().unwrap().write_all(list.join("\0").as_bytes()).unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(serde_json::from_str::<Json>(&first).unwrap()["image"].as_str().unwrap().ends_with("image 0\n.png"));
    assert_eq!((output.status.code(), errors(&output).contains("panicked")), (Some(0), false), "{}", errors(&output));
}

/// ^C where nothing looks for one: while a list of images is read, from a pipe whose other end does not come to an end.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_what_would_take_forever() {
    for command in ["classify", "activations", "units", "explain"] {
        let mut child =
            seewhy(&[command, "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let catches_interrupts = |status: &str| {
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(caught.trim(), 16).unwrap() & 2 != 0
        };
        let status = format!("/proc/{}/status", child.id());
        while !catches_interrupts(&fs::read_to_string(&status).unwrap()) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        signal("INT", child.id());
        let list = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{command}: {}", errors(&output));
        drop(list);
    }
}

/// ^C in the middle: files that are there are whole, none is temporary, and the exit code says what happened.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_whole_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    for i in 0..2000 {
        // Hard links: the same picture many times, at no cost.
        if i == 0 {
            picture(&images.join("0.png"), 0);
        } else {
            fs::hard_link(images.join("0.png"), images.join(format!("{i}.png"))).unwrap();
        }
    }
    let out = folder.path().join("maps");
    let mut command = with_model(&["explain", text(&images), "--format", "npy", "--out", text(&out)]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while fs::read_dir(&out).map_or(0, Iterator::count) < 3 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    signal("INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    let files: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() < 2000);
    for file in files {
        let map = seewhy::raster::npy::read(fs::File::open(&file).unwrap())
            .unwrap_or_else(|error| panic!("{file:?}: {error}"));
        assert_eq!(map.shape(), [24, 28]);
    }
}

#[test]
fn model_says_where_every_setting_comes_from_and_which_layer_is_automatic() {
    let output = with_model(&["model", "--json"]).output().unwrap();
    let description = &lines(&output)[0];
    let setting = |name: &str| {
        let settings = description["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["name"] == name).unwrap()["from"].as_str().unwrap().to_owned()
    };
    assert_eq!(setting("mean"), "flag");
    assert!(setting("resize").contains("guess"));
    let layers = description["layers"].as_array().unwrap();
    let automatic: Vec<_> = layers.iter().filter(|layer| layer["auto"] == true).collect();
    assert_eq!(automatic.len(), 1);
    assert_eq!(automatic[0]["name"], Manifest::read().network("cnn")["layers"]["block2"]["torchscript"]);
    for method in seewhy::explain::METHODS {
        assert!(description["methods"].to_string().contains(&format!("\"{}\"", method.name)));
    }
}

#[test]
fn the_description_of_a_model_names_who_decided_and_fits_a_small_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let [names, truth] = ["names.txt", "truth.csv"].map(|name| folder.path().join(name));
    fs::write(&names, "ant\nbee\ncow\ndog\nelk\n").unwrap();
    fs::write(&truth, "1.png,ant+cow\n").unwrap();
    let model = fixture("scores/sigmoids.onnx");
    let said = ["--labels", text(&names), "--truth", text(&truth), "--threshold", "0.4"];
    let output = seewhy(&["model", text(&model)]).args(said).output().unwrap();
    let description = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| {
        let row = description.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_else(|| panic!("{name}: {description}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("output"), "output y ONNX graph");
    assert_eq!(row("logits"), "logits z ONNX graph");
    assert_eq!(row("activation"), "activation sigmoid ONNX graph");
    assert_eq!(row("threshold"), "threshold 0.4 flag");
    assert_eq!(row("labels"), "labels ant, bee, cow, dog, elk flag");
    assert!(row("truth").ends_with("truth.csv flag"));
    assert_eq!(row("range"), "range 0..1 a guess");
    let plain = String::from_utf8(seewhy(&["model", "builtin"]).output().unwrap().stdout).unwrap();
    assert_eq!(plain.lines().find(|line| line.chars().count() > 80), None);
}

/// The help of every command fits 80 columns, and that of `explain` names every parameter there is.
#[test]
fn the_help_fits_a_small_terminal_and_lists_every_parameter() {
    for command in ["explain", "evaluate", "classify", "model", "demo"] {
        for flag in ["-h", "--help"] {
            let output = seewhy(&[command, flag]).env("COLUMNS", "80").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let long = text.lines().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{command} {flag}");
        }
    }
    let output = seewhy(&["explain", "--help"]).env("COLUMNS", "80").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for param in seewhy::explain::METHODS.iter().flat_map(|method| method.params()) {
        assert!(text.contains(&format!("\n  {}={}\n", param.name, param.default_value())), "{}", param.name);
    }
}

#[test]
fn messages_go_to_the_log_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("seewhy.log");
    for _ in 0..2 {
        let output = with_model(&["classify", "/nowhere/a.png", "--log", text(&log)]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let written = fs::read_to_string(&log).unwrap();
        assert!(written.ends_with(&errors(&output)) && !written.is_empty(), "{written}");
    }
    assert!(fs::read_to_string(&log).unwrap().matches("/nowhere/a.png").count() >= 2, "it is appended to");
}

#[test]
fn completions_and_the_manual_come_from_the_same_words() {
    let commands = ["classify", "explain", "evaluate", "marks", "model", "doctor", "demo"];
    for arguments in [&["completions", "bash"][..], &["completions", "fish"], &["man"]] {
        let output = seewhy(arguments).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        for command in commands {
            assert!(text.contains(command), "{arguments:?} say nothing of {command}");
        }
    }
    let manual = String::from_utf8(seewhy(&["man"]).output().unwrap().stdout).unwrap();
    let help = String::from_utf8(seewhy(&["--help"]).env("COLUMNS", "1000").output().unwrap().stdout).unwrap();
    let plain = manual.replace('\\', "");
    let about = help.lines().filter(|line| commands.iter().any(|command| line.starts_with(&format!("  {command} "))));
    let about: Vec<&str> = about.filter_map(|line| Some(line.trim().split_once(' ')?.1.trim())).collect();
    assert_eq!(about.len(), commands.len(), "{help}");
    for sentence in about {
        assert!(plain.contains(sentence), "the manual does not say {sentence:?}, as --help does");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    assert!(seewhy(&["man", "--out", pages.to_str().unwrap()]).status().unwrap().success());
    assert!(fs::read_to_string(pages.join("seewhy.1")).unwrap().contains("seewhy\\-explain(1)"));
    for command in commands {
        assert!(fs::read_to_string(pages.join(format!("seewhy-{command}.1"))).unwrap().contains("SYNOPSIS"));
    }
}

#[test]
fn the_page_of_methods_lists_each_as_the_registry_has_it() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/methods.md")).unwrap();
    for method in seewhy::explain::METHODS {
        let row = format!("| `{}` | {} | {} |", method.name, method.help, method.reference);
        assert!(page.contains(&row), "the table of methods in docs/methods.md lacks this line:\n{row}");
    }
}

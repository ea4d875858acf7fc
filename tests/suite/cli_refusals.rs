//! What the program says where it cannot do as it is told, and where a map deserves a word of caution.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use ndarray::{Array4, ArrayD};
use serde_json::Value as Json;

use crate::cli::{errors, lines, picture, seewhy, text, with_model};

/// A script and a person who opens the picture both learn which superpixels the rule names.
#[test]
fn the_rule_of_an_anchor_is_in_the_line_and_under_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    picture(&image, 1);
    let out = folder.path().join("maps");
    let methods = ["explain", text(&image), "--method", "anchors,occlusion", "--format", "png,json"];
    let output = with_model(&methods).args(["--param", "segments=grid", "--out", text(&out)]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let [rule, windows] = &lines(&output)[..] else { panic!("a line for each method") };
    let statement = rule["statement"].as_str().unwrap();
    assert!(statement.contains("the prediction stays in"), "{statement}");
    assert!(windows.get("statement").is_none() && rule["schema"] == 1, "{windows}");

    let height = |line: &Json| image::open(line["files"]["png"].as_str().unwrap()).unwrap().height();
    assert!(height(rule) > height(windows), "the sentence takes lines of its own");

    let file = |line: &Json| -> Json {
        serde_json::from_slice(&fs::read(line["files"]["json"].as_str().unwrap()).unwrap()).unwrap()
    };
    let in_rule = rule["evidence"].as_array().unwrap();
    let in_rule = in_rule.iter().find(|metric| metric["name"] == "superpixels in the rule").unwrap();
    let written = file(rule);
    let segments = written["segments"].as_array().map_or(0, Vec::len);
    assert_eq!(in_rule["value"].as_f64(), Some(segments as f64), "{written}");
    assert!(rule.get("segments").is_none() && file(windows).get("segments").is_none());
}

#[test]
fn the_weights_of_superpixels_are_in_the_file_the_heaviest_first() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    picture(&image, 1);
    let arguments = ["explain", text(&image), "--method", "lime", "--param", "samples=60", "--format", "json"];
    let output = with_model(&arguments).arg("--out").arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let written: Json =
        serde_json::from_slice(&fs::read(lines(&output)[0]["files"]["json"].as_str().unwrap()).unwrap()).unwrap();
    let segments = written["segments"].as_array().unwrap();
    let weights: Vec<f64> = segments.iter().map(|segment| segment["weight"].as_f64().unwrap().abs()).collect();
    assert!(weights.len() > 1 && weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
    for segment in segments {
        let [x, y] = [0, 1].map(|axis| segment["centre"][axis].as_f64().unwrap());
        assert!((0.0..28.0).contains(&x) && (0.0..24.0).contains(&y), "{segment}");
    }
}

#[test]
fn a_method_before_the_command_is_not_taken_for_the_commands_own() {
    let output = seewhy(&["--method", "lime", "explain", "x.png"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("--method lime belongs after the command"), "{error}");
}

#[test]
fn a_missing_file_among_others_is_one_error_line_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (folder.path().join("a.png"), folder.path().join("b.png"));
    picture(&first, 1);
    picture(&last, 2);
    let named = [text(&first), "/nowhere/gone.png", text(&last)];
    let mut from_list = with_model(&["classify", "-"]);
    let mut child = from_list.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(named.join("\n").as_bytes()).unwrap();
    let named_one_by_one = with_model(&["explain"]).args(named).output().unwrap();
    for output in [named_one_by_one, child.wait_with_output().unwrap()] {
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        let lines = lines(&output);
        assert_eq!(lines.iter().map(|line| line["image"].as_str().unwrap()).collect::<Vec<_>>(), named);
        assert!(lines[1]["error"].as_str().unwrap().contains("gone.png"), "{}", lines[1]);
        assert!(lines[0].get("error").is_none() && lines[2].get("error").is_none());
    }
    let arguments = ["--method", "saliency", "--measure", "deletion", "--format", "csv"];
    let output = with_model(&["evaluate"]).args(named).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert_eq!(errors(&output).matches("gone.png").count(), 1, "{}", errors(&output));
    let output = with_model(&["classify", "/nowhere/1.png", "/nowhere/2.png"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(["1.png", "2.png"].iter().all(|name| errors(&output).contains(name)), "{}", errors(&output));
}

#[test]
fn a_tensor_that_is_not_finite_is_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut tensor = Array4::<f32>::zeros((1, 3, 24, 28));
        tensor[[0, 1, 5, 7]] = value;
        tensor[[0, 2, 0, 0]] = value;
        let path = folder.path().join("tensor.npy");
        let tensor: ArrayD<f32> = tensor.into_dyn();
        seewhy::raster::npy::write(fs::File::create(&path).unwrap(), tensor.view()).unwrap();
        let output = with_model(&["explain", text(&path)]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        let error = lines(&output)[0]["error"].as_str().unwrap().to_owned();
        assert!(error.contains(&format!("[0, 1, 5, 7] is {shown} (1 more")) && error.contains("nan_to_num"), "{error}");
    }
}

/// A failure is told once, on one line.
#[test]
fn no_error_says_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    // An anymap of a size that no memory holds, and a JPEG that ends after its first bytes.
    fs::write(folder.path().join("large.ppm"), b"P6 60000 60000 255\n").unwrap();
    fs::write(folder.path().join("cut.jpg"), b"\xff\xd8\xff").unwrap();
    for command in ["classify", "explain"] {
        for format in [&["--format", "csv"][..], &[]] {
            if command == "explain" && !format.is_empty() {
                continue;
            }
            let output = with_model(&[command, text(folder.path())]).args(format).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
            let said = errors(&output) + &String::from_utf8_lossy(&output.stdout);
            assert_eq!(said.matches("the image is too large").count(), 1, "{said}");
            assert_eq!(said.matches("the file is broken").count(), 1, "{said}");
            assert!(!said.contains("\\n"), "a decoder's newline: {said}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let images: Vec<_> = (0..3).map(|i| folder.path().join(format!("{i}.png"))).collect();
    images.iter().for_each(|path| picture(path, 0));
    for out in [images[0].clone(), images[0].join("maps")] {
        let output = with_model(&["explain", text(folder.path()), "--out", text(&out)]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{}", errors(&output));
        let said = errors(&output);
        assert!(said.contains("--out must be a folder") && said.matches("0.png").count() == 1, "{said}");
    }
}

#[test]
fn refusals_say_what_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    picture(&image, 0);
    let explain = |more: &[&str]| {
        let mut command = with_model(&["explain", text(&image)]);
        command.args(more);
        command
    };
    let cases = [
        (explain(&["--target", "top:8"]), "no class has rank 8: ranks go from `top:1`, the best class, to `top:7`"),
        (explain(&["--target", "top:0"]), "no class has rank 0"),
        (explain(&["--target", "7"]), "class 7 does not exist: the model has 7 classes, numbered from 0"),
        (explain(&["--method", "lime", "--param", "spread=maybe"]), "spread takes yes or no"),
        (seewhy(&["clasify", text(&image)]), "did you mean `classify`?"),
        (seewhy(&["nurse"]), "no such file or command: nurse"),
        (seewhy(&["nurse.png"]), "cannot open nurse.png"),
        (seewhy(&[text(&image), "clasify"]), "cannot open clasify"),
    ];
    for (mut command, says) in cases {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", errors(&output));
        assert!(errors(&output).contains(says), "{command:?}: {}", errors(&output));
    }
}

/// One window over the whole image: whatever it hides, it hides everywhere. Methods that know why say so themselves, once.
#[test]
fn a_flat_map_is_never_passed_over_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    picture(&image, 1);
    let warnings = |more: &[&str]| -> Vec<Json> {
        let output = with_model(&["explain", text(&image)]).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        lines(&output)[0]["warnings"].as_array().cloned().unwrap_or_default()
    };
    let [warning] = &warnings(&["--method", "occlusion", "--param", "window=1000"])[..] else { panic!("one warning") };
    assert!(warning.as_str().unwrap().starts_with("the map is flat"), "{warning}");
    assert!(warnings(&["--method", "occlusion"]).is_empty());
    // A class against itself has no gradient anywhere, and nothing that is hidden changes its score. Two methods look at
    // one class only, and rules need a prediction.
    let others = seewhy::explain::METHODS.iter().filter(|method| !method.needs.attention).map(|method| method.name);
    let others: Vec<_> = others.filter(|name| !["eigen-cam", "score-cam", "anchors", "flip"].contains(name)).collect();
    let arguments = ["explain", text(&image), "--target", "1-1", "--param", "samples=64"];
    let output = with_model(&arguments).args(["--method", &others.join(",")]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let lines = lines(&output);
    assert_eq!(lines.len(), others.len());
    for line in lines {
        let warnings: Vec<_> = line["warnings"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        let is_about_flatness =
            |warning: &&&str| ["is flat", "zero everywhere", "at most 0"].iter().any(|words| warning.contains(words));
        assert_eq!(warnings.iter().filter(is_about_flatness).count(), 1, "{}: {warnings:?}", line["method"]);
    }
}

#[test]
fn yes_and_no_are_understood_as_the_help_says_them() {
    let spread = seewhy::explain::find("lime").unwrap().param("spread").unwrap();
    for (text, value) in [("yes", true), ("true", true), ("no", false), ("false", false)] {
        assert_eq!(spread.parse(text).unwrap(), seewhy::explain::Value::Flag(value), "{text}");
    }
    assert_eq!((spread.domain(), spread.default_value().to_string()), ("yes or no".into(), "no".into()));
}

#[test]
fn nothing_about_the_bundled_model_is_a_guess() {
    let output = seewhy(&["model", "builtin"]).output().unwrap();
    let description = String::from_utf8(output.stdout).unwrap();
    assert!(description.contains("channel_order") && !description.contains("guess"), "{description}");
}

#[test]
fn a_mistake_in_the_users_file_stops_the_interface_and_no_script() {
    let folder = tempfile::tempdir().unwrap();
    let with_config = |arguments: &[&str]| {
        let mut command = seewhy(arguments);
        command.env("XDG_CONFIG_HOME", folder.path());
        command.output().unwrap()
    };
    let printed = with_config(&["config"]);
    let file = folder.path().join("seewhy/config.toml");
    assert!(String::from_utf8_lossy(&printed.stdout).starts_with(&format!("# {}\n", file.display())));
    fs::create_dir_all(folder.path().join("seewhy")).unwrap();
    fs::write(&file, &printed.stdout).unwrap();
    let output = with_config(&["demo"]);
    assert!(errors(&output).contains("the interface needs a terminal"), "the file is good: {}", errors(&output));
    fs::write(&file, "opacity = 50\ncolormap = 'rainbow'\n").unwrap();
    for arguments in [&["demo"][..], &["doctor"], &["."]] {
        let output = with_config(arguments);
        assert_eq!(output.status.code(), Some(2));
        let told = errors(&output);
        assert!(told.contains("config.toml, line 2: colormap: rainbow is none of inferno,"), "{told}");
    }
    assert_eq!(with_config(&["model", "builtin"]).status.code(), Some(0));
    assert_eq!(with_config(&["config"]).stdout, printed.stdout, "the way out is always open");
    let output = seewhy(&["--method", "lime", "classify", "a.png"]).output().unwrap();
    assert!(errors(&output).contains("--method lime belongs after the command"), "{}", errors(&output));
}

//! Dependencies between the folders of `src` point one way.

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// Each folder of `src`, and the ones that its code may name. Tests within a folder may name any.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("random", &[]),
    ("guard", &[]),
    ("cache", &[]),
    ("kernels", &[]),
    ("raster", &["text"]),
    ("autodiff", &[]),
    ("gallery", &["raster", "text", "guard"]),
    ("network", &["autodiff", "kernels", "text", "random", "guard"]),
    ("model", &["network", "autodiff", "kernels", "raster", "text", "random", "guard"]),
    ("explain", &["model", "network", "autodiff", "cache", "raster", "text", "random"]),
    ("metrics", &["explain", "model", "network", "raster", "random"]),
    ("triage", &["explain", "gallery", "model", "network", "text"]),
    ("term", &["raster", "text", "guard"]),
    ("session", &["metrics", "explain", "model", "network", "gallery", "cache", "raster", "text"]),
    ("app", &["explain", "model", "network", "gallery", "triage", "cache", "raster", "text"]),
    ("ui", &["app", "raster", "text"]),
    (
        "shell",
        &[
            "ui", "app", "term", "session", "triage", "explain", "gallery", "model", "network", "cache", "raster",
            "text",
        ],
    ),
    (
        "cli",
        &[
            "shell", "session", "triage", "metrics", "explain", "gallery", "model", "network", "raster", "term", "app",
            "text", "random",
        ],
    ),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The module of the crate that a file belongs to: its folder, or its own name at the top.
fn module_of(file: &Path) -> String {
    let first = file.strip_prefix(source()).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
}

/// Every module that a file's code names as `crate::module`, also within braces: `crate::{a, b::c}`.
fn imports(code: &str) -> Vec<String> {
    let mut found = vec![];
    for rest in code.split("crate::").skip(1) {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list[..list.find("};").unwrap_or(list.len())].split(',').collect(),
            None => vec![rest],
        };
        let name = |path: &str| path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.extend(names.into_iter().map(name));
    }
    found
}

/// The lines of a file before its unit tests, without comments.
fn code(file: &Path) -> String {
    let text = read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_string();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn folders_import_only_what_lies_below_them() {
    let mut checked = 0;
    for file in rust_files(&source()) {
        let module = module_of(&file);
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = MAY_IMPORT.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{module} is missing from the table of layers"));
        for import in imports(&code(&file)) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
            let fine = !known || import == module || allowed.contains(&&*import);
            assert!(fine, "{}: {module} may not use crate::{import}", file.display());
            checked += usize::from(known);
        }
    }
    assert!(checked > 0, "no import was found: the test has gone blind");
}

/// Calls by which files become pixels, pixels inputs, and inputs scores and maps.
const ENTRY_POINTS: &[&str] = &[
    "decode(",
    ".preprocess(",
    ".read_npy(",
    ".read_tensor(",
    ".forward(",
    ".logits(",
    ".activation(",
    ".method.explain(",
    "layer_channels(",
];

/// Whether `code` has that call: a name that only ends like it is another.
fn calls(code: &str, entry_point: &str) -> bool {
    let is_whole = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(entry_point).any(|(at, _)| entry_point.starts_with('.') || is_whole(at))
}

#[test]
fn whoever_stands_above_session_decodes_predicts_and_explains_through_it() {
    let mut below = vec![];
    let mut pending = vec!["session"];
    while let Some(module) = pending.pop() {
        below.push(module);
        pending.extend(MAY_IMPORT.iter().find(|(name, _)| *name == module).unwrap().1);
    }
    let mut met: Vec<&str> = vec![];
    for file in rust_files(&source()) {
        let (module, code) = (module_of(&file), code(&file));
        for entry_point in ENTRY_POINTS.iter().filter(|entry_point| calls(&code, entry_point)) {
            assert!(below.contains(&&*module), "{}: {entry_point}) is for session to call", file.display());
            met.extend((module == "session").then_some(*entry_point));
        }
    }
    for entry_point in ENTRY_POINTS {
        assert!(met.contains(entry_point), "session does not call {entry_point}): the test has gone blind");
    }
}

/// Calls by which pixels are made, and what is built with them.
const PIXEL_MAKERS: &[&str] = &[
    ".compose(",
    ".render(",
    ".base_at(",
    ".overlay(",
    ".mapv(",
    "reduced(",
    "resize_map(",
    "display_map(",
    "small_picture(",
    "imageops::",
    "RgbImage::",
    "Map::",
    "Explained::new(",
    "Channels::new(",
    "Peaks::new(",
];

#[test]
fn pixels_are_made_by_workers_and_neither_by_a_key_nor_for_a_frame() {
    let ours = ["app", "ui", "shell/event_loop.rs", "shell/screen.rs"].map(|path| source().join(path));
    // What workers hand over; and text, which is rendered into cells.
    let theirs = ["app/results", "ui/canvas.rs"].map(|path| source().join(path));
    let mut met: Vec<&str> = vec![];
    let mut checked = 0;
    for file in rust_files(&source()) {
        let is_ours =
            ours.iter().any(|path| file.starts_with(path)) && !theirs.iter().any(|path| file.starts_with(path));
        let code = code(&file);
        for maker in PIXEL_MAKERS.iter().filter(|maker| calls(&code, maker)) {
            assert!(!is_ours, "{}: {maker}) is for workers to call", file.display());
            met.push(maker);
        }
        checked += usize::from(is_ours);
    }
    assert!(checked > 40, "{checked} files are too few: the test has gone blind");
    for maker in PIXEL_MAKERS {
        assert!(met.contains(maker), "nobody calls {maker}): the test has gone blind");
    }
}

#[test]
fn the_table_of_layers_has_no_cycle() {
    fn below(module: &str, seen: &mut Vec<String>) {
        assert!(!seen.contains(&module.to_string()), "a cycle: {seen:?}, {module}");
        seen.push(module.to_string());
        let (_, allowed) = MAY_IMPORT.iter().find(|(name, _)| *name == module).unwrap();
        allowed.iter().for_each(|module| below(module, seen));
        seen.pop();
    }
    for (module, _) in MAY_IMPORT {
        below(module, &mut vec![]);
    }
}

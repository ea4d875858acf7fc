//! The rooms of the house: which folder of `src` may use which others, and which crates from outside. Dependencies between
//! them point one way.

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// A folder of `src` (or a file at its top), and what its code may name. Its tests may name anything.
struct Room {
    /// A folder within another may use what that one may not, and the other way round.
    name: &'static str,
    /// Rooms of ours below it.
    rooms: &'static [&'static str],
    /// Crates from outside.
    crates: &'static [&'static str],
}

/// tract is for those who run graphs, differentiate them and read them from files; and for methods with rules of their own
/// on the way back, which speak of its operators. Terminals and drawing are for the rooms that end in pixels or cells.
const ROOMS: &[Room] = &[
    Room { name: "text", rooms: &[], crates: &["saphyr_parser"] },
    Room { name: "random", rooms: &[], crates: &["rand_xoshiro"] },
    Room { name: "guard", rooms: &[], crates: &[] },
    Room { name: "cache", rooms: &[], crates: &["lru"] },
    Room { name: "kernels", rooms: &[], crates: &["fearless_simd"] },
    Room { name: "raster", rooms: &["kernels", "text"], crates: &["colorous", "font8x8", "image"] },
    Room { name: "autodiff", rooms: &[], crates: &["tract_onnx"] },
    Room {
        name: "gallery",
        rooms: &["raster", "text", "guard"],
        crates: &["etcetera", "image", "jpeg_decoder", "natord", "tempfile", "tiff"],
    },
    Room {
        name: "network",
        rooms: &["autodiff", "kernels", "text", "random", "guard"],
        crates: &["lru", "strsim", "tract_linalg", "tract_onnx"],
    },
    Room {
        name: "model",
        rooms: &["network", "autodiff", "raster", "text", "guard"],
        crates: &["half", "image", "rapidhash", "strsim", "toml", "tract_onnx"],
    },
    Room {
        name: "explain",
        rooms: &["model", "network", "cache", "raster", "text", "random"],
        crates: &["image", "rustfft"],
    },
    Room {
        name: "explain/gradient",
        rooms: &["model", "network", "autodiff", "raster", "text", "random"],
        crates: &["tract_onnx"],
    },
    Room { name: "metrics", rooms: &["explain", "model", "network", "raster", "random"], crates: &["image"] },
    Room { name: "triage", rooms: &["gallery", "network", "text"], crates: &["etcetera"] },
    Room {
        name: "term",
        rooms: &["raster", "guard"],
        crates: &[
            "base64",
            "crossbeam_channel",
            "crossterm",
            "image",
            "png",
            "ratatui",
            "ratatui_image",
            "signal_hook",
        ],
    },
    Room {
        name: "session",
        rooms: &["metrics", "explain", "model", "network", "gallery", "cache", "raster", "text"],
        crates: &["image", "png", "tempfile"],
    },
    Room {
        name: "app",
        rooms: &["session", "explain", "model", "network", "gallery", "triage", "cache", "raster", "text"],
        crates: &["crossterm", "image", "strsim"],
    },
    Room { name: "ui", rooms: &["app", "raster", "text"], crates: &["ratatui", "unicode_width"] },
    Room {
        name: "shell",
        rooms: &[
            "ui", "app", "term", "session", "triage", "explain", "gallery", "model", "network", "cache", "raster",
            "text",
        ],
        crates: &["base64", "crossbeam_channel", "crossterm", "image", "ratatui", "signal_hook", "tempfile"],
    },
    Room {
        name: "cli",
        rooms: &[
            "shell", "session", "triage", "metrics", "explain", "gallery", "model", "network", "raster", "term", "app",
            "text", "random",
        ],
        crates: &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "crossbeam_channel",
            "etcetera",
            "indicatif",
            "signal_hook",
            "strsim",
            "toml",
        ],
    },
];

/// Crates that every room may use: numbers, errors, text formats.
const EVERYWHERE: &[&str] =
    &["anyhow", "ndarray", "rand", "rayon", "seewhy_kernels", "serde", "serde_json", "thiserror"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Every file of the program's code that is in a room.
fn files() -> Vec<PathBuf> {
    let mut files = rust_files(&source());
    files.retain(|file| !["lib", "main", "tests"].contains(&&*file.file_stem().unwrap().to_string_lossy()));
    files
}

/// The room that a file belongs to: the innermost that the table has.
fn room_of(file: &Path) -> &'static Room {
    let path = file.strip_prefix(source()).unwrap().with_extension("");
    let rooms = ROOMS.iter().filter(|room| path.starts_with(room.name));
    rooms.max_by_key(|room| room.name.len()).unwrap_or_else(|| panic!("{} is in no room of the table", path.display()))
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

/// Every crate that a manifest depends on, as code names it.
fn crates_of(manifest: &str) -> Vec<String> {
    let text = read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest)).unwrap();
    let lines =
        text.lines().skip_while(|line| *line != "[dependencies]").skip(1).take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_"))).collect()
}

/// Whether code names a path that begins with `name`.
fn names(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

/// The lines of a file before its unit tests, without comments.
fn code(file: &Path) -> String {
    let text = read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_string();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn rooms_use_what_the_table_allows_and_the_table_allows_what_they_use() {
    let crates = [crates_of("Cargo.toml"), crates_of("src/kernels/Cargo.toml")].concat();
    assert!(crates.len() > 20, "the manifests are read wrongly: {crates:?}");
    let mut used = BTreeSet::new();
    let mut wrong = vec![];
    for file in files() {
        let (room, code) = (room_of(&file), code(&file));
        let known = imports(&code).into_iter().filter(|name| ROOMS.iter().any(|room| room.name == name));
        for name in known.filter(|name| !room.name.split('/').any(|part| part == name)) {
            if !room.rooms.contains(&&*name) {
                wrong.push(format!("{}: {} may not use crate::{name}", file.display(), room.name));
            }
            used.insert((room.name, name));
        }
        for name in crates.iter().filter(|name| names(&code, name) && !EVERYWHERE.contains(&&***name)) {
            if !room.crates.contains(&&**name) {
                wrong.push(format!("{}: {} may not use the crate {name}", file.display(), room.name));
            }
            used.insert((room.name, name.clone()));
        }
    }
    for room in ROOMS {
        let unused =
            room.rooms.iter().chain(room.crates).filter(|name| !used.contains(&(room.name, (**name).to_owned())));
        wrong.extend(unused.map(|name| format!("{} need not be allowed {name}: nothing in it uses it", room.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(used.len() > 50, "few uses were found: the test has gone blind");
}

/// Calls by which files become pixels, pixels inputs, and inputs scores and maps.
const ENTRY_POINTS: &[&str] = &[
    "decode(",
    ".preprocess(",
    ".read_npy(",
    ".read_tensor(",
    ".forward(",
    ".network().scores(",
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
        pending.extend(
            ROOMS.iter().filter(|room| room.name.split('/').next() == Some(module)).flat_map(|room| room.rooms),
        );
    }
    let mut met: Vec<&str> = vec![];
    for file in files() {
        let (room, code) = (room_of(&file), code(&file));
        for entry_point in ENTRY_POINTS.iter().filter(|entry_point| calls(&code, entry_point)) {
            let is_below = room.name.split('/').any(|part| below.contains(&part));
            assert!(is_below, "{}: {entry_point}) is for session to call", file.display());
            met.extend((room.name == "session").then_some(*entry_point));
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
    for file in files() {
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
fn the_table_of_rooms_has_no_cycle() {
    fn below(name: &str, seen: &mut Vec<String>) {
        assert!(!seen.iter().any(|other| other == name), "a cycle: {seen:?}, {name}");
        seen.push(name.to_owned());
        // What a room within another may use counts as what the other may.
        let within = ROOMS.iter().filter(|room| room.name.split('/').next() == Some(name));
        within.flat_map(|room| room.rooms).filter(|other| **other != name).for_each(|room| below(room, seen));
        seen.pop();
    }
    ROOMS.iter().for_each(|room| below(room.name, &mut vec![]));
}

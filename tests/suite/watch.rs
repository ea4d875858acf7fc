//! A model that is trained on while its predictions are looked at: its next version is taken in when it is whole.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seewhy::app::{Action, Job, Outcome, Report, update};
use seewhy::gallery::DecodeOptions;
use seewhy::model::{ModelSource, Overrides};
use seewhy::session::{RunOptions, Session, Watch};
use tract_onnx::prelude::Framework as _;

use crate::support::fixture;
use crate::support::interface::{current_key, finished, first, screen, work};

const OPTIONS: RunOptions = RunOptions {
    decoding: DecodeOptions { alpha: None, depth: None, exif: seewhy::gallery::Exif::Apply },
    seed: 0,
    tolerance: None,
    top: 5,
};

/// A model in use, and who looks out for its next version.
struct Trained {
    source: ModelSource,
    watch: Watch,
    session: Session,
    /// How often a load was tried since.
    loads: usize,
}

impl Trained {
    fn at(path: &Path) -> Trained {
        let source = ModelSource::from(path);
        let mut watch = Watch::new(&source);
        let session = load(&source).unwrap();
        watch.follow(&session);
        Trained { source, watch, session, loads: 0 }
    }

    /// One look; what is to be said of it.
    fn look(&mut self) -> Option<Result<(), String>> {
        let Trained { source, watch, session, loads } = self;
        let renewed = watch.look(|| {
            *loads += 1;
            load(source)
        })?;
        Some(renewed.map(|renewed| *session = renewed).map_err(|error| error.to_string()))
    }

    fn id(&self) -> String {
        self.session.classifier().fingerprint().to_string()
    }
}

fn load(source: &ModelSource) -> Result<Session, seewhy::model::ModelError> {
    Session::load(source, &Overrides::default(), &[], OPTIONS)
}

/// The same network with other weights.
fn next_version(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    let proto = seewhy::model::onnx().proto_model_for_read(&mut bytes.as_slice()).unwrap();
    let weights = proto.graph.unwrap().initializer.swap_remove(0).raw_data;
    let at = bytes.windows(weights.len()).position(|window| window == &weights[..]).unwrap();
    bytes[at] ^= 1;
    bytes
}

fn net(folder: &Path) -> PathBuf {
    let path = folder.join("net.onnx");
    fs::copy(fixture("cnn/torchscript.onnx"), &path).unwrap();
    path
}

#[test]
fn a_file_that_is_written_in_pieces_is_loaded_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = net(folder.path());
    let (mut trained, next) = (Trained::at(&path), next_version(&path));
    let old = trained.id();
    assert!(trained.look().is_none() && trained.look().is_none(), "nothing has changed");

    let mut file = OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    assert!(trained.look().is_none() && trained.look().is_none(), "an empty file is one that has only been opened");
    for piece in next.chunks(next.len() / 5) {
        file.write_all(piece).unwrap();
        assert!(trained.look().is_none(), "it has grown since the last look");
    }
    drop(file);
    assert_eq!(trained.look(), Some(Ok(())));
    assert_ne!(trained.id(), old);
    fs::copy(&path, folder.path().join("copy.onnx")).unwrap();
    assert_eq!(trained.id(), Trained::at(&folder.path().join("copy.onnx")).id(), "the whole file was read");
    assert!(trained.look().is_none() && trained.look().is_none());
    assert_eq!(trained.loads, 1);
}

#[test]
fn a_broken_file_keeps_the_old_model_and_the_next_change_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = net(folder.path());
    let (mut trained, next) = (Trained::at(&path), next_version(&path));
    let old = trained.id();
    fs::write(&path, &next[..next.len() / 2]).unwrap();
    assert!(trained.look().is_none());
    let refused = trained.look().unwrap().unwrap_err();
    assert!(refused.contains("net.onnx") && refused.contains("cut off"), "{refused}");
    assert!(trained.look().is_none() && trained.look().is_none(), "it is said once");
    assert_eq!((trained.id(), trained.loads), (old.clone(), 1));

    fs::write(&path, &next).unwrap();
    assert!(trained.look().is_none());
    assert_eq!(trained.look(), Some(Ok(())));
    assert_ne!(trained.id(), old);
}

#[test]
fn weights_beside_the_graph_are_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    let (path, weights) = (folder.path().join("net.onnx"), folder.path().join("weights.bin"));
    fs::copy(fixture("loading/weights.bin"), &weights).unwrap();
    fs::copy(fixture("loading/external.onnx"), &path).unwrap();
    let mut trained = Trained::at(&path);
    let old = trained.id();
    let mut bytes = fs::read(&weights).unwrap();
    bytes[0] ^= 1;
    fs::remove_file(&weights).unwrap();
    assert!(trained.look().is_none(), "they are about to be written");
    fs::write(&weights, &bytes).unwrap();
    assert!(trained.look().is_none());
    assert_eq!(trained.look(), Some(Ok(())));
    assert_ne!(trained.id(), old);
}

#[test]
fn what_is_said_beside_the_model_is_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = net(folder.path());
    let mut trained = Trained::at(&path);
    let mut ids = vec![trained.id()];
    let mut write = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).unwrap();
        assert!(trained.look().is_none(), "{file} may still be written");
        let renewed = trained.look();
        if renewed == Some(Ok(())) {
            ids.push(trained.id());
        }
        renewed
    };
    assert_eq!(write("net.toml", "mean = [0.5, 0.5, 0.5]\n"), Some(Ok(())), "a sidecar has come");
    let classes = load(&ModelSource::from(path.as_path())).unwrap().classifier().labels().len();
    let names = |stem: &str| (0..classes).map(|class| format!("{stem}{class}")).collect::<Vec<_>>().join("\n");
    assert_eq!(write("labels.txt", &names("bird ")), Some(Ok(())), "classes have names now");
    assert_eq!(write("labels.txt", &names("mammal ")), Some(Ok(())), "they have other names");
    assert_eq!(write("net.toml", "mean = [0.5, 0.5, 0.5] # as in training\n"), None, "nothing else is said");
    let refused = write("net.toml", "mean = [0.5,\n").unwrap().unwrap_err();
    assert!(refused.contains("net.toml"), "{refused}");
    assert_eq!(write("synsets.txt", &names("n0")), None, "nothing speaks of that file");
    assert_eq!(write("net.toml", "mean = [0.25, 0.5, 0.5]\nfolders = \"synsets.txt\"\n"), Some(Ok(())));
    assert_eq!(write("synsets.txt", &names("n1")), Some(Ok(())), "the model is the same, its folders are others");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each time another model");
}

#[test]
fn an_image_that_was_written_anew_is_looked_at_again_and_one_that_is_gone_says_so() {
    let mut state = finished((80, 24));
    let (key, path) = (current_key(&state), Arc::clone(&state.entries[0].path));
    let changed = || Action::Changed(vec![Arc::clone(&path), Arc::from(Path::new("/elsewhere.png"))]);
    update(&mut state, changed());
    assert_eq!(state.agenda.tasks.first().map(|task| &task.job), Some(&Job::Open(first(0))));
    assert!(state.maps.get(&key).is_none() && state.pixels(0).is_none());
    assert!(matches!(state.entries[0].outcome, Outcome::Pending));
    assert!(matches!(state.entries[1].outcome, Outcome::Classified(_)), "the others are as they were");
    work(&mut state);
    assert!(state.maps.get(&key).is_some() && matches!(state.entries[0].outcome, Outcome::Classified(_)));

    update(&mut state, changed());
    update(&mut state, Action::Report(Report::Decoded(first(0), Err("No such file or directory".to_owned()))));
    assert!(screen(&state).contains("No such file or directory"), "{}", screen(&state));
    update(&mut state, changed());
    work(&mut state);
    assert!(matches!(state.entries[0].outcome, Outcome::Classified(_)), "it is back");
}

#[test]
fn the_same_model_written_again_is_no_news() {
    let folder = tempfile::tempdir().unwrap();
    let path = net(folder.path());
    let mut trained = Trained::at(&path);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(trained.look().is_none() && trained.look().is_none(), "it is gone, and the old one stays");
    fs::write(&path, bytes).unwrap();
    assert!(trained.look().is_none() && trained.look().is_none());
    assert!(trained.loads <= 1);
}

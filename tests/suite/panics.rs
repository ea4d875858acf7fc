//! Panics, of the interface and of its workers: the terminal is given back, and what happened is said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array3;
use seewhy::app::{
    ChannelsKey, DreamKey, Dreamt, Export, HeadsKey, MapKey, ModelSummary, PlaceKey, Predicted, Priority, Selection,
    WeightTable, WeightsKey, WhatIfKey,
};
use seewhy::explain::{Attribution, LayerChannels, Monitor, WhatIf};
use seewhy::gallery::DecodeOptions;
use seewhy::model::Labels;
use seewhy::network::{Activation, StageTimes};
use seewhy::raster::Region;
use seewhy::session::Opened;
use seewhy::shell::{self, Engine, EngineError, MakeFrame, Options};
use seewhy::term::Wishes;
use seewhy::triage::Journal;

use crate::support::interface::{model, predicted};
use crate::support::pty::{Answers, Pty};
use crate::terminal::pictures;

/// A model that panics: on the interface's own thread, or on a worker's.
struct Panicking {
    in_interface: bool,
}

impl Engine for Panicking {
    fn summary(&self) -> ModelSummary {
        assert!(!self.in_interface, "the summary is broken on purpose");
        ModelSummary::clone(&model())
    }

    fn labels(&self) -> &Labels {
        unreachable!("there is no second model")
    }

    fn predict(&self, path: &Path, _: &Opened, _: Priority) -> Result<Predicted, EngineError> {
        assert!(!path.ends_with("banana.png"), "bananas are broken on purpose");
        Ok(Predicted::clone(&predicted(0)))
    }

    fn explain(&self, _: &Path, _: &MapKey, _: &Monitor<'_>) -> Result<Attribution, EngineError> {
        panic!("maps are broken on purpose")
    }

    fn channels(
        &self,
        _: &Path,
        _: &ChannelsKey,
        _: &Monitor<'_>,
        _: &mut dyn FnMut(&Activation),
    ) -> Result<LayerChannels, EngineError> {
        panic!("channels are broken on purpose")
    }

    fn heads(&self, _: &Path, _: &HeadsKey, _: &Monitor<'_>) -> Result<Array3<f32>, EngineError> {
        panic!("heads are broken on purpose")
    }

    fn what_if(&self, _: &Path, _: &WhatIfKey, _: &Monitor<'_>) -> Result<WhatIf, EngineError> {
        panic!("what if is broken on purpose")
    }

    fn weights(&self, _: &WeightsKey) -> Result<WeightTable, EngineError> {
        panic!("weights are broken on purpose")
    }

    fn stage_times(&self, _: &Monitor<'_>) -> Result<StageTimes, EngineError> {
        panic!("clocks are broken on purpose")
    }

    fn place(&self, _: &Opened, _: &PlaceKey) -> Result<Option<Region>, EngineError> {
        panic!("places are broken on purpose")
    }

    fn dream(
        &self,
        _: &Path,
        _: &DreamKey,
        _: &Monitor<'_>,
        _: &mut dyn FnMut(&MakeFrame<'_>),
    ) -> Result<Dreamt, EngineError> {
        panic!("dreams are broken on purpose")
    }

    fn survey(&self, _: &Opened, _: usize) -> Result<(Predicted, Activation), EngineError> {
        panic!("surveys are broken on purpose");
    }

    fn export(&self, _: &Export) -> Result<Vec<PathBuf>, EngineError> {
        panic!("exports are broken on purpose")
    }
}

/// The interface with that model on the folder that this process runs in.
fn open_with(engine: Panicking) {
    let paths = ["apple.png", "banana.png", "cherry.png"].map(|name| Arc::from(Path::new(name)));
    let options = Options {
        feed: None,
        root: "broken".to_owned(),
        base: None,
        find: Box::new(move |hand_over| {
            hand_over(paths.to_vec());
            Vec::new()
        }),
        decoding: DecodeOptions::default(),
        load: Box::new(move || Ok(Arc::new(engine) as Arc<dyn Engine>)),
        second: None,
        watch: None,
        journal: Ok(Journal::at("marks.jsonl".into())),
        graphics: Wishes::default(),
        selection: Selection::default(),
        layer: None,
        keymap: seewhy::app::Keymap::default(),
        light: None,
        threads: 2,
    };
    shell::run(options).unwrap();
}

#[test]
#[ignore = "it is run in a terminal of its own by the test of panics in the interface"]
fn an_interface_that_panics() {
    open_with(Panicking { in_interface: true });
}

#[test]
#[ignore = "it is run in a terminal of its own by the test of panics on workers"]
fn an_interface_whose_workers_panic() {
    open_with(Panicking { in_interface: false });
}

/// One of the two above, by this very binary, in a terminal.
fn run_alone(name: &str, folder: &Path) -> Pty {
    let binary = std::env::current_exe().unwrap();
    let name = format!("panics::{name}");
    let arguments = ["--ignored", "--exact", &name, "--nocapture", "--test-threads=1"];
    Pty::run(binary.to_str().unwrap(), &arguments, folder, Answers::PLAIN)
}

#[test]
fn a_panic_gives_the_terminal_back_and_then_says_what_happened() {
    let folder = pictures();
    let mut pty = run_alone("an_interface_that_panics", folder.path());
    assert!(!pty.wait().success());
    pty.assert_restored();
    let bytes = pty.bytes();
    let entered = bytes.windows(8).any(|window| window == b"\x1b[?1049h");
    assert!(entered, "there was an interface:\n{}", pty.text());
    let said = pty.text();
    assert!(said.contains("the summary is broken on purpose") && said.contains("please report it"), "{said}");
}

#[test]
fn a_panic_on_a_worker_is_one_message_and_the_rest_goes_on() {
    let folder = pictures();
    let mut pty = run_alone("an_interface_whose_workers_panic", folder.path());
    pty.wait_for("maps are broken on purpose");
    pty.keys("j");
    pty.wait_for("2 of 3");
    pty.wait_for("bananas are broken on purpose");
    assert!(!pty.text().contains("panicked at"), "nothing is printed over the screen:\n{}", pty.text());
    pty.keys("jq");
    assert!(pty.wait().success(), "{}", pty.text());
    pty.assert_restored();
}

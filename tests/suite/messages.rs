//! What is said when something fails: each cause once, since whoever prints an error prints its sources, too.

use std::error::Error;
use std::path::Path;

use seewhy::gallery::{self, DecodeOptions};
use seewhy::model::{Classifier, ModelSource, Overrides};
use seewhy::session::{export, open};
use seewhy::triage::Journal;

use crate::support::fixture;

/// The messages of an error and its sources.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        messages.push(error.to_string());
        source = error.source();
    }
    messages
}

#[test]
fn a_cause_is_in_the_message_or_it_is_a_source_but_not_both() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let broken = folder.path().join("broken.npy");
    std::fs::write(&broken, b"\x93NUMPY").unwrap();
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let wrong_model = |path: &Path| Classifier::load(&ModelSource::Path(path.into()), &Overrides::default());
    let strange = ndarray::ArrayD::from_elem(vec![1, 2], 0.0);
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(open(&missing, DecodeOptions::default()).unwrap_err()),
        Box::new(open(&fixture("manifest.json"), DecodeOptions::default()).unwrap_err()),
        Box::new(gallery::find([missing.clone()]).next().unwrap().unwrap_err()),
        Box::new(classifier.read_tensor(&missing).unwrap_err()),
        Box::new(classifier.read_tensor(&broken).unwrap_err()),
        Box::new(classifier.network().logits(strange.view()).unwrap_err()),
        Box::new(wrong_model(&missing).unwrap_err()),
        Box::new(wrong_model(&fixture("manifest.json")).unwrap_err()),
        Box::new(wrong_model(&fixture("loading/external-missing.onnx")).unwrap_err()),
        Box::new(export::prepare(Path::new("/proc/version/maps")).unwrap_err()),
        Box::new(Journal::at("/proc/version/marks".into()).marks().unwrap_err()),
    ];
    for error in errors {
        let messages = chain(error.as_ref());
        for (at, cause) in messages.iter().enumerate().skip(1) {
            let before = messages[..at].concat();
            assert!(!before.contains(cause.as_str()), "{cause:?} is told twice in {messages:#?}");
        }
        assert!(!messages[0].is_empty());
    }
}

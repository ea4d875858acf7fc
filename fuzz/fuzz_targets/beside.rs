//! What lies beside a good model: the first byte chooses the file's name. Taken, or refused with a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seewhy::Classifier;

const MODEL: &[u8] = include_bytes!("../../tests/fixtures/loading/plain.onnx");

/// What may lie there, by the names that are looked for.
const NAMES: &[&str] = &[
    "net.toml",
    "labels.txt",
    "classes.csv",
    "names.yaml",
    "id2label.json",
    "config.json",
    "preprocessor_config.json",
    "labels.pbtxt",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, content)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("net.onnx");
    std::fs::write(&model, MODEL).unwrap();
    std::fs::write(folder.path().join(NAMES[usize::from(*first) % NAMES.len()]), content).unwrap();
    match Classifier::open(&model) {
        Ok(classifier) => assert_eq!(classifier.labels().len(), classifier.network().classes()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

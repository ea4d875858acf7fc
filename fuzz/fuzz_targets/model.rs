//! An ONNX file: loaded, or refused with a message. The engine may panic behind its guard, which no user sees.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seewhy::Classifier;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    std::fs::write(&path, bytes).unwrap();
    match Classifier::open(&path) {
        Ok(classifier) => assert_eq!(classifier.labels().len(), classifier.network().classes()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

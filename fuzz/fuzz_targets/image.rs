//! A picture's bytes: decoded, or refused with a message. Decoders may panic behind their guard, which no user sees.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seewhy::gallery::{DecodeOptions, decode};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    std::fs::write(&path, bytes).unwrap();
    match decode(&path, DecodeOptions::default()) {
        Ok(decoded) => assert!(decoded.image.width() > 0 && decoded.image.height() > 0),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

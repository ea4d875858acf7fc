//! A file of marks, whatever is in it: what is marked afterwards is there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seewhy::triage::{Journal, RealPaths};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let (file, image) = (folder.path().join("marks.jsonl"), folder.path().join("image.png"));
    std::fs::write(&file, bytes).unwrap();
    let mut journal = Journal::at(file);
    // A file that holds no marks is refused, and left alone.
    let Ok(before) = journal.marks() else { return };
    journal.set(&image, true).unwrap();
    let after = journal.marks().unwrap();
    assert!(after.contains(&image, &mut RealPaths::default()));
    assert!(before.iter().all(|path| after.iter().any(|other| other == path)));
});

//! A filter as it is typed, a letter at a time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seewhy::triage::Filter;

fuzz_target!(|text: &str| {
    let labels = ["cat", "tabby cat", "#3", "indigo-bunting", "Straße", ""].map(String::from);
    for (end, _) in text.char_indices().take(64).chain([(text.len(), ' ')]) {
        let filter = Filter::parse(&text[..end], &labels);
        assert!(filter.problem().is_none_or(|problem| !problem.is_empty()));
    }
    for truth in 0..labels.len() {
        let filter = Filter::parse(&Filter::for_confusion(truth, 0, &labels), &labels);
        assert!(filter.problem().is_none(), "what the table of confusions asks is understood");
    }
});

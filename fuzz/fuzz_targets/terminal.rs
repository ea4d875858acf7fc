//! What a terminal sends means the same, in whatever pieces it comes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seewhy::term::input::Decoder;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (bytes, cuts) = input;
    let mut whole = Decoder::default();
    let expected = whole.feed(&bytes);

    let mut torn = Decoder::default();
    let (mut found, mut rest) = (vec![], &bytes[..]);
    for cut in cuts {
        let (piece, later) = rest.split_at(rest.len().min(usize::from(cut % 8)));
        found.extend(torn.feed(piece));
        rest = later;
    }
    found.extend(torn.feed(rest));
    assert_eq!(found, expected);
    assert_eq!(torn.timeout(), whole.timeout());
});

//! Names as people spell them.

/// Lower case; whatever is no letter or digit separates words: `Lesser_Panda` and `lesser panda` are the same.
pub fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The place of a word among those, spelt in any way.
pub fn rank(words: &[&str], word: &str) -> Option<usize> {
    let word = plain(word);
    words.iter().position(|known| *known == word)
}

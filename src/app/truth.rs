//! The true class of an image, from the name of its folder.

use std::collections::HashMap;
use std::path::Path;

/// The model's class names, ready to be looked up by folder name.
#[derive(Debug, Clone, Default)]
pub(super) struct ClassNames {
    /// Class by simplified name; none where two classes share it.
    by_name: HashMap<String, Option<usize>>,
}

impl ClassNames {
    /// Of the labels by index. A label of several names (`tench, Tinca tinca`) is found by each, unless two classes share
    /// one: then it names neither. `folders` are further names, or empty.
    pub(super) fn new(labels: &[String], folders: &[String]) -> ClassNames {
        let mut by_name: HashMap<String, Option<usize>> = HashMap::new();
        for (index, label) in labels.iter().enumerate() {
            let whole = folders.get(index).map(String::as_str).into_iter().chain([label.as_str()]);
            let mut names: Vec<String> = label.split(',').chain(whole).map(simplify).collect();
            names.sort();
            names.dedup();
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                by_name.entry(name).and_modify(|class| *class = None).or_insert(Some(index));
            }
        }
        ClassNames { by_name }
    }

    /// The class that the file's folder is named after.
    pub(super) fn truth(&self, path: &Path) -> Option<usize> {
        let folder = path.parent()?.file_name()?.to_string_lossy();
        self.by_name.get(&simplify(&folder)).copied().flatten()
    }
}

/// Lower case, words separated by one space, without the leading WordNet id of `ImageNet` folders (`n01531178_goldfinch`).
fn simplify(name: &str) -> String {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| c.is_whitespace() || matches!(c, '_' | '-')).collect();
    let is_synset =
        |word: &str| word.len() == 9 && word.starts_with('n') && word[1..].bytes().all(|b| b.is_ascii_digit());
    let skip = usize::from(words.len() > 1 && is_synset(words[0]));
    let words: Vec<&str> = words[skip..].iter().copied().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(labels: &[&str], path: &str) -> Option<usize> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        ClassNames::new(&labels, &[]).truth(Path::new(path))
    }

    #[test]
    fn folders_are_matched_as_people_write_them() {
        let labels = ["tench, Tinca tinca", "goldfinch", "lesser panda", "long-horned beetle"];
        assert_eq!(truth(&labels, "val/tench/1.jpg"), Some(0));
        assert_eq!(truth(&labels, "n01531178_goldfinch/1.jpg"), Some(1));
        assert_eq!(truth(&labels, "Lesser_Panda/1.jpg"), Some(2));
        assert_eq!(truth(&labels, "n02168699_long-horned_beetle/1.jpg"), Some(3));
    }

    #[test]
    fn a_model_may_say_what_the_folders_are_called() {
        let names = ClassNames::new(&["goldfinch".to_owned()], &["n01531178".to_owned()]);
        assert_eq!(names.truth(Path::new("n01531178/1.jpg")), Some(0));
        assert_eq!(names.truth(Path::new("goldfinch/1.jpg")), Some(0));
    }

    #[test]
    fn what_is_unknown_or_ambiguous_stays_unknown() {
        let labels = ["crane", "crane", "maillot", "maillot, tank suit"];
        assert_eq!(truth(&labels, "crane/1.jpg"), None);
        assert_eq!(truth(&labels, "tank suit/1.jpg"), Some(3));
        assert_eq!(truth(&labels, "holiday/1.jpg"), None);
        assert_eq!(truth(&labels, "1.jpg"), None);
    }
}

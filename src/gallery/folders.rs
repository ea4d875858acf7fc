//! Classes by their names, as folders are named after them: `val/goldfinch/0007.jpg`.

use std::collections::HashMap;

use crate::text::{plain, split_synset};

/// Finds the class that a folder is named after. Upper and lower case, underscores, hyphens and the synset in front
/// (`n01531178_goldfinch`) make no difference, as long as only one class fits.
#[derive(Debug, Clone, Default)]
pub struct FolderLabels {
    /// None where several classes have the same name.
    exact: HashMap<String, Option<usize>>,
    /// None where several classes are the same but for case and punctuation.
    plain: HashMap<String, Option<usize>>,
    classes: usize,
}

impl FolderLabels {
    /// Prepares for `classes` classes. `labels` are their names, `folders` the names of their folders where those differ;
    /// either may be empty.
    pub fn new(labels: &[String], folders: &[String], classes: usize) -> FolderLabels {
        let mut found = FolderLabels { classes, ..FolderLabels::default() };
        // What is said to be a folder's name is one, whatever labels say.
        for names in [labels, folders] {
            found.exact.extend(unique(names));
        }
        for (index, name) in folders.iter().enumerate().chain(labels.iter().enumerate()) {
            // ImageNet's labels are often lists of synonyms, and its list files begin with the synset.
            let (synset, rest) = split_synset(name);
            let synonyms = rest.split(',').chain(synset).chain([rest]);
            for synonym in synonyms.map(plain).filter(|synonym| !synonym.is_empty()) {
                let class = found.plain.entry(synonym).or_insert(Some(index));
                if *class != Some(index) {
                    *class = None;
                }
            }
        }
        found
    }

    /// The class that a folder is named after: by its name, or its synset.
    pub fn class(&self, folder: &str) -> Option<usize> {
        if let Some(class) = self.exact.get(folder) {
            return *class;
        }
        let (synset, rest) = split_synset(folder);
        let by_name = |name: &str| self.plain.get(&plain(name)).copied().flatten();
        by_name(rest).or_else(|| by_name(synset?))
    }

    /// The number that a name is, where no class is called so.
    pub fn number(&self, name: &str) -> Option<usize> {
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        name.parse().ok().filter(|_| is_number && !self.exact.contains_key(name))
    }

    /// The class that is called so, or has that index.
    pub fn find(&self, text: &str) -> Option<usize> {
        self.class(text).or_else(|| self.number(text).filter(|index| *index < self.classes))
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }
}

/// Each name with its class; none where two classes share it.
fn unique(names: &[String]) -> HashMap<String, Option<usize>> {
    let mut found = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        found.entry(name.clone()).and_modify(|class| *class = None).or_insert(Some(index));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str], folders: &[&str]) -> FolderLabels {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        FolderLabels::new(&owned(names), &owned(folders), names.len())
    }

    #[test]
    fn a_folder_is_matched_however_it_is_spelt() {
        let labels = labels(&["tench, Tinca tinca", "indigo bunting", "jack-o'-lantern", "9"], &[]);
        for (folder, class) in [
            ("tench", Some(0)),
            ("Tinca_tinca", Some(0)),
            ("n01537544_indigo_bunting", Some(1)),
            ("Indigo-Bunting", Some(1)),
            ("jack_o_lantern", Some(2)),
            ("9", Some(3)),
            ("2", None),
            ("+1", None),
            ("images", None),
            ("", None),
        ] {
            assert_eq!(labels.class(folder), class, "{folder}");
        }
        let numbers = ["2", "9", "+1", "", "99999999999999999999"].map(|name| labels.number(name));
        assert_eq!(numbers, [Some(2), None, None, None, None], "one class is called 9");
    }

    #[test]
    fn names_that_differ_by_case_only_are_told_apart_by_case_only() {
        let labels = labels(&["Cardigan", "cardigan"], &[]);
        assert_eq!(labels.class("Cardigan"), Some(0));
        assert_eq!(labels.class("cardigan"), Some(1));
        assert_eq!(labels.class("CARDIGAN"), None);
    }

    #[test]
    fn a_name_that_two_classes_share_names_neither() {
        // ImageNet has two cranes and two maillots.
        let labels = labels(&["crane", "crane", "maillot", "maillot, tank suit"], &[]);
        assert_eq!(labels.class("crane"), None);
        assert_eq!(labels.class("maillot"), Some(2));
        assert_eq!(labels.class("tank suit"), Some(3));
    }

    #[test]
    fn synsets_name_folders_where_a_list_says_so() {
        let synsets = labels(&["tench", "goldfish"], &["n01440764", "n01443537"]);
        assert_eq!(synsets.class("n01443537"), Some(1));
        assert_eq!(synsets.class("n01440764_some_fish"), Some(0));
        let words = labels(&["n01440764 tench", "n01443537 goldfish"], &[]);
        assert_eq!(words.class("n01443537"), Some(1));
        assert_eq!(words.class("goldfish"), Some(1));
    }
}

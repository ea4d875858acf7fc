//! The classes of two models as one list, so that their answers can be held against each other.

use std::collections::HashMap;

use super::Labels;

/// The classes of a first model, then those that only a second one has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointLabels {
    labels: Labels,
    /// How many classes the first has.
    first: usize,
    /// For each class of the second, its place in the list.
    second: Vec<usize>,
    by_index: bool,
}

impl JointLabels {
    /// Finds the partners: by folder or name, whatever the case (the second of two classes of one name has the second as its
    /// partner); by index where the models have as many classes and one of them has no names.
    pub fn new(first: &Labels, second: &Labels) -> JointLabels {
        let nameless = first.names().is_empty() || second.names().is_empty();
        let by_index = nameless && first.len() == second.len();
        let mut free = Keys::of(first);
        let mut names: Vec<String> = (0..first.len()).map(|class| first.get(class).into_owned()).collect();
        let mut folders: Vec<String> = (0..first.len()).map(|class| folder(first, class)).collect();
        let mut places = Vec::with_capacity(second.len());
        for class in 0..second.len() {
            let partner = if by_index { Some(class) } else { free.take(second, class).filter(|_| !nameless) };
            places.push(partner.unwrap_or(names.len()));
            if partner.is_none() {
                names.push(second.get(class).into_owned());
                folders.push(folder(second, class));
            } else if first.names().is_empty() && !second.names().is_empty() {
                names[class] = second.get(class).into_owned();
                folders[class] = folder(second, class);
            }
        }
        let named = !(first.names().is_empty() && second.names().is_empty());
        let folders = if folders.iter().all(String::is_empty) { vec![] } else { folders };
        let classes = names.len();
        let labels = Labels::new(if named { names } else { vec![] }, folders, classes);
        JointLabels { labels, first: first.len(), second: places, by_index }
    }

    /// The names of all classes.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The place in the list of a class of the second model; those of the first have their index.
    pub fn of_second(&self, class: usize) -> usize {
        self.second.get(class).copied().unwrap_or(class)
    }

    /// The second model's class at a place in the list.
    pub fn to_second(&self, place: usize) -> Option<usize> {
        self.second.iter().position(|other| *other == place)
    }

    /// Which classes lack a partner, and how the others found theirs where that is not by name; a sentence each.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = vec![];
        if self.by_index {
            notices.push("the classes of the models are matched by index, since one has no names".to_owned());
        }
        let alone = |places: Vec<usize>, whose: &str| {
            let names: Vec<_> = places.iter().take(3).map(|place| self.labels.get(*place)).collect();
            let more = if places.len() > names.len() { ", ..." } else { "" };
            let classes = if places.len() == 1 { "class" } else { "classes" };
            (!places.is_empty())
                .then(|| format!("only the {whose} model has {} {classes}: {}{more}", places.len(), names.join(", ")))
        };
        let of_first = (0..self.first).filter(|place| !self.second.contains(place)).collect();
        notices.extend(alone(of_first, "first"));
        notices.extend(alone((self.first..self.labels.len()).collect(), "second"));
        notices
    }
}

fn folder(labels: &Labels, class: usize) -> String {
    labels.folders().get(class).cloned().unwrap_or_default()
}

/// The classes that have no partner yet, by folder and by name.
struct Keys {
    folders: HashMap<String, usize>,
    /// The classes of a name, the last first.
    names: HashMap<String, Vec<usize>>,
    taken: Vec<bool>,
}

impl Keys {
    fn of(labels: &Labels) -> Keys {
        let mut names: HashMap<String, Vec<usize>> = HashMap::new();
        for class in (0..labels.names().len()).rev() {
            names.entry(key(&labels.names()[class])).or_default().push(class);
        }
        let folders = labels.folders().iter().enumerate().filter(|(_, folder)| !folder.is_empty());
        let folders = folders.map(|(class, folder)| (folder.clone(), class)).collect();
        Keys { folders, names, taken: vec![false; labels.len()] }
    }

    fn take(&mut self, of: &Labels, class: usize) -> Option<usize> {
        let by_folder = of.folders().get(class).and_then(|folder| self.folders.get(folder)).copied();
        let found = by_folder.filter(|found| !self.taken[*found]).or_else(|| {
            let same = self.names.get_mut(&key(of.names().get(class)?))?;
            while let Some(next) = same.pop() {
                if !self.taken[next] {
                    return Some(next);
                }
            }
            None
        })?;
        self.taken[found] = true;
        Some(found)
    }
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Labels {
        Labels::new(names.iter().map(ToString::to_string).collect(), vec![], names.len())
    }

    #[test]
    fn classes_in_another_order_are_matched_by_name() {
        let joint = JointLabels::new(&named(&["cat", "dog", "ship"]), &named(&["Ship", "cat", "dog"]));
        assert_eq!([0, 1, 2].map(|class| joint.of_second(class)), [2, 0, 1]);
        assert_eq!((joint.labels().len(), joint.notices()), (3, vec![]));
        assert_eq!(joint.to_second(2), Some(0));
    }

    #[test]
    fn what_has_no_partner_comes_last_and_is_said() {
        let joint = JointLabels::new(&named(&["cat", "dog"]), &named(&["frog", "dog"]));
        assert_eq!([0, 1].map(|class| joint.of_second(class)), [2, 1]);
        assert_eq!(joint.labels().names(), ["cat", "dog", "frog"]);
        assert_eq!(
            joint.notices(),
            ["only the first model has 1 class: cat", "only the second model has 1 class: frog"]
        );
        assert_eq!(joint.to_second(0), None);
    }

    #[test]
    fn two_classes_of_one_name_are_told_apart_by_their_folders_or_their_order() {
        let cranes = named(&["crane", "tench", "crane"]);
        let joint = JointLabels::new(&cranes, &named(&["tench", "crane", "crane"]));
        assert_eq!([0, 1, 2].map(|class| joint.of_second(class)), [1, 0, 2]);
        let synsets = |names: &[&str], folders: &[&str]| {
            let all = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
            Labels::new(all(names), all(folders), names.len())
        };
        let first = synsets(&["crane", "crane"], &["n02012849", "n03126707"]);
        let joint = JointLabels::new(&first, &synsets(&["crane", "crane"], &["n03126707", "n02012849"]));
        assert_eq!([0, 1].map(|class| joint.of_second(class)), [1, 0]);
    }

    #[test]
    fn without_names_the_index_counts_where_there_are_as_many() {
        let nameless = Labels::new(vec![], vec![], 2);
        let joint = JointLabels::new(&nameless, &named(&["cat", "dog"]));
        assert_eq!((joint.of_second(1), joint.labels().names().len(), joint.notices().len()), (1, 2, 1));
        let joint = JointLabels::new(&nameless, &named(&["cat", "dog", "ship"]));
        assert_eq!((joint.labels().len(), joint.notices().len()), (5, 2));
        assert_eq!(joint.labels().get(4), "ship");
        let joint = JointLabels::new(&nameless, &nameless);
        assert_eq!(joint.labels().names().len(), 0);
    }
}

//! What is typed to narrow the list: words of the name, and conditions on what the model says.

use super::{Change, Entry, Outcome, fuzzy};
use crate::text::plain;

/// An example of each condition, as it is typed: what the images are, their class, what the model says, how sure it is.
pub const CONDITIONS: &[&str] = &["is:wrong", "true:cat", "said:dog", "p<0.5"];

/// The same where there are two models: what the second changes.
pub const PAIR_CONDITIONS: &[&str] = &["is:broken", "is:fixed", "is:disagree", "is:both-wrong"];

type Holds = fn(&Entry) -> bool;

/// What `is:` takes.
const KINDS: &[(&str, Holds)] = &[
    ("wrong", |entry| entry.is_right() == Some(false)),
    ("right", |entry| entry.is_right() == Some(true)),
    ("marked", |entry| entry.is_marked),
    ("failed", |entry| matches!(entry.outcome, Outcome::Failed(_))),
    ("fixed", |entry| entry.change() == Some(Change::Fixed)),
    ("broken", |entry| entry.change() == Some(Change::Broken)),
    ("both-wrong", |entry| entry.change() == Some(Change::BothWrong)),
    ("disagree", Entry::is_disputed),
];

#[derive(Debug, Clone)]
enum Condition {
    Is(&'static str, Holds),
    True(Vec<usize>),
    Said(Vec<usize>),
    Below(f32),
    Above(f32),
}

impl Condition {
    fn holds(&self, entry: &Entry) -> bool {
        let best = || entry.best().map(|best| best.probability);
        match self {
            Condition::Is(_, holds) => holds(entry),
            Condition::True(classes) => {
                entry.truth.as_ref().is_some_and(|truth| classes.iter().any(|class| truth.contains(*class)))
            }
            Condition::Said(classes) => {
                entry.answer().is_some_and(|answer| answer.said.iter().any(|class| classes.contains(class)))
            }
            Condition::Below(most) => best().is_some_and(|probability| probability < *most),
            Condition::Above(least) => best().is_some_and(|probability| probability > *least),
        }
    }
}

/// A filter, understood.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    words: String,
    conditions: Vec<Condition>,
    problem: Option<String>,
}

impl Filter {
    /// Understands what was typed, for classes with these names. All that is asked for must hold; a condition of which only
    /// the beginning is typed does not count yet, nor does one about classes while there are none, before the model is
    /// there. What looks like no condition is a word of the name.
    pub fn parse(text: &str, labels: &[String]) -> Filter {
        let mut filter = Filter::default();
        for token in text.split_whitespace() {
            match condition(token, labels) {
                Some(Ok(condition)) => filter.conditions.extend(condition),
                Some(Err(problem)) => filter.problem = Some(problem),
                None => {
                    filter.words.push_str(token);
                    filter.words.push(' ');
                }
            }
        }
        filter
    }

    /// Whether it looks for names.
    pub fn has_words(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether it depends on what is known of an image besides its name.
    pub fn has_conditions(&self) -> bool {
        !self.conditions.is_empty() || self.problem.is_some()
    }

    /// Whether it depends on marks.
    pub fn asks_for_marks(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition, Condition::Is("marked", _)))
    }

    /// Whether it depends on the classes that images are of.
    pub fn asks_for_truth(&self) -> bool {
        let asks = |condition: &Condition| match condition {
            Condition::Is(name, _) => matches!(*name, "wrong" | "right" | "fixed" | "broken" | "both-wrong"),
            condition => matches!(condition, Condition::True(_)),
        };
        self.conditions.iter().any(asks)
    }

    /// Whether it depends on what a second model says.
    pub fn asks_for_two_models(&self) -> bool {
        let asks = |condition: &Condition| {
            matches!(condition, Condition::Is("fixed" | "broken" | "both-wrong" | "disagree", _))
        };
        self.conditions.iter().any(asks)
    }

    /// Why nothing can match.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// How well an image matches, higher is better; none if it does not.
    pub fn score(&self, entry: &Entry) -> Option<i32> {
        let holds = self.problem.is_none() && self.conditions.iter().all(|condition| condition.holds(entry));
        if holds { fuzzy::score(&self.words, &entry.name) } else { None }
    }

    /// The filter for images of one class that are taken for another.
    pub fn for_confusion(truth: usize, said: usize, labels: &[String]) -> String {
        format!("true:{} said:{}", spelling(truth, labels), spelling(said, labels))
    }
}

/// The condition that a token is: none where it is a word, an inner none where there is too little of it.
fn condition(token: &str, labels: &[String]) -> Option<Result<Option<Condition>, String>> {
    let token = token.to_lowercase();
    if let Some((key, value)) = token.split_once(':') {
        let is_early = matches!(value, "" | "#") || labels.is_empty();
        let classes = || if is_early { Ok(None) } else { classes(value, labels).map(Some) };
        return match key {
            "is" => Some(kind(value)),
            "true" => Some(classes().map(|found| found.map(Condition::True))),
            "said" => Some(classes().map(|found| found.map(Condition::Said))),
            _ => None,
        };
    }
    let limit = token.strip_prefix('p')?;
    let (condition, number): (fn(f32) -> Condition, &str) = match (limit.strip_prefix('<'), limit.strip_prefix('>')) {
        (Some(number), _) => (Condition::Below, number),
        (_, Some(number)) => (Condition::Above, number),
        _ => return None,
    };
    Some(share(number.strip_prefix('=').unwrap_or(number)).map(|share| share.map(condition)))
}

fn kind(value: &str) -> Result<Option<Condition>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let found = KINDS.iter().find(|(name, _)| name.starts_with(value));
    let names = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found
        .map(|(name, holds)| Some(Condition::Is(name, *holds)))
        .ok_or_else(|| format!("is:{value} is not one of {}", names()))
}

/// `0.5` and `50%` are the same.
fn share(number: &str) -> Result<Option<f32>, String> {
    let (digits, unit) = number.strip_suffix('%').map_or((number, 1.0), |digits| (digits, 100.0));
    if digits.is_empty() || digits == "." {
        return Ok(None);
    }
    let share = digits.parse().ok().map(|value: f32| value / unit).filter(|share| (0.0..=1.0).contains(share));
    share.map(Some).ok_or_else(|| format!("{number} is not a probability, a number from 0 to 1"))
}

/// The class of an index after `#`; else the classes of that name, else the one of that index, else those whose name holds
/// it. `tench, Tinca tinca` is two names.
fn classes(value: &str, labels: &[String]) -> Result<Vec<usize>, String> {
    let wanted = plain(value);
    let those = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let has_one = |class: &usize| labels[*class].split(',').any(|name| fits(&plain(name)));
        (0..labels.len()).filter(has_one).collect()
    };
    let index = |digits: &str| digits.parse().ok().filter(|class| *class < labels.len()).map(|class| vec![class]);
    let found = match value.strip_prefix('#') {
        Some(digits) => index(digits).unwrap_or_default(),
        None => {
            let named = those(&|name| !name.is_empty() && name == wanted);
            let holding = || if wanted.is_empty() { Vec::new() } else { those(&|name| name.contains(&wanted)) };
            if named.is_empty() { index(value).unwrap_or_else(holding) } else { named }
        }
    };
    if found.is_empty() { Err(format!("no class is called {value}")) } else { Ok(found) }
}

/// How a class is typed so that no other is meant.
fn spelling(class: usize, labels: &[String]) -> String {
    let first = labels.get(class).and_then(|label| label.split(',').next()).unwrap_or_default();
    let name = plain(first).replace(' ', "-");
    let is_clear = !name.is_empty() && classes(&name, labels).is_ok_and(|found| found == [class]);
    if is_clear { name } else { format!("#{class}") }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{classified, pending};
    use super::*;

    const LABELS: [&str; 6] = ["cat", "dog", "wildcat", "siamese cat, Siamese", "crane", "crane"];

    fn labels() -> Vec<String> {
        LABELS.map(String::from).to_vec()
    }

    fn entries() -> Vec<Entry> {
        let marked = Entry { is_marked: true, ..pending("marked") };
        let failed = Entry { outcome: Outcome::Failed("no JPEG".to_owned()), ..pending("failed") };
        vec![
            classified("cat/1", Some(0), 0, 0.9),
            classified("cat/2", Some(0), 1, 0.6),
            classified("dog/3", Some(1), 2, 0.3),
            classified("siamese/4", Some(3), 3, 0.5),
            classified("none/5", None, 0, 0.95),
            marked,
            failed,
        ]
    }

    fn through(text: &str) -> Vec<String> {
        let filter = Filter::parse(text, &labels());
        entries().into_iter().filter(|entry| filter.score(entry).is_some()).map(|entry| entry.name).collect()
    }

    #[test]
    fn conditions_let_through_what_they_say() {
        for (text, names) in [
            ("is:wrong", &["cat/2", "dog/3"][..]),
            ("is:w", &["cat/2", "dog/3"]),
            ("is:right", &["cat/1", "siamese/4"]),
            ("is:marked", &["marked"]),
            ("is:failed", &["failed"]),
            ("true:cat", &["cat/1", "cat/2"]),
            ("true:Siamese-Cat", &["siamese/4"]),
            ("said:cat", &["cat/1", "none/5"]),
            ("said:wild", &["dog/3"]),
            ("said:1", &["cat/2"]),
            ("said:#1", &["cat/2"]),
            ("True:siamese", &["siamese/4"]),
            ("true:cat said:dog", &["cat/2"]),
            ("p<0.5", &["dog/3"]),
            ("P<=50%", &["dog/3"]),
            ("p>60%", &["cat/1", "none/5"]),
            ("p>0.5 p<0.7", &["cat/2"]),
            ("is:wrong 3", &["dog/3"]),
        ] {
            assert_eq!(through(text), names, "{text}");
        }
    }

    #[test]
    fn half_a_condition_does_not_count_yet() {
        for text in ["", " ", "is:", "true:", "said:", "said:#", "p<", "p>", "p<.", "p<=", "p<%"] {
            assert_eq!(through(text).len(), entries().len(), "{text}");
        }
    }

    #[test]
    fn what_cannot_match_says_why() {
        for (text, says) in [
            ("is:red", "wrong, right, marked, failed"),
            ("true:horse", "no class is called horse"),
            ("said:99", "no class is called 99"),
            ("true:#99", "no class is called #99"),
            ("true:--", "no class is called --"),
            ("p<2", "from 0 to 1"),
            ("p>x", "from 0 to 1"),
            ("p<nan", "from 0 to 1"),
        ] {
            assert!(through(text).is_empty(), "{text}");
            let filter = Filter::parse(text, &labels());
            assert!(filter.problem().is_some_and(|problem| problem.contains(says)), "{text}: {:?}", filter.problem());
        }
    }

    #[test]
    fn other_colons_and_letters_are_parts_of_names() {
        let filter = Filter::parse("pelican c:drive p", &labels());
        assert!(filter.has_words() && !filter.has_conditions());
        assert!(filter.score(&pending("c:drive/pelican/p.png")).is_some());
    }

    #[test]
    fn a_filter_knows_whether_it_asks_for_marks() {
        for (text, asks) in [("is:marked", true), ("IS:M", true), ("is:wrong p<0.5 marked", false)] {
            assert_eq!(Filter::parse(text, &labels()).asks_for_marks(), asks, "{text}");
        }
    }

    #[test]
    fn a_filter_knows_whether_it_asks_for_what_is_true() {
        for (text, asks) in
            [("is:wrong", true), ("is:r", true), ("true:cat", true), ("said:cat is:marked p<0.5", false)]
        {
            assert_eq!(Filter::parse(text, &labels()).asks_for_truth(), asks, "{text}");
        }
    }

    #[test]
    fn a_confusion_is_spelt_so_that_it_means_those_two_classes() {
        for (truth, said) in (0..LABELS.len()).flat_map(|truth| (0..LABELS.len()).map(move |said| (truth, said))) {
            let text = Filter::for_confusion(truth, said, &labels());
            let filter = Filter::parse(&text, &labels());
            for (other_truth, other_said) in [(truth, said), (said, truth), (0, 1), (4, 5)] {
                let entry = classified("x", Some(other_truth), other_said, 0.5);
                let is_meant = (other_truth, other_said) == (truth, said);
                assert_eq!(filter.score(&entry).is_some(), is_meant, "{text}");
            }
        }
        assert_eq!(Filter::for_confusion(3, 0, &labels()), "true:siamese-cat said:cat");
        // Classes that are called like the numbers of others, or by no letter at all.
        for signs in [["+", "0", "1"], ["1", "1", "0"], ["<", ">", ""]] {
            let signs = signs.map(String::from);
            for (truth, said) in [(0, 1), (1, 2), (2, 0)] {
                let filter = Filter::parse(&Filter::for_confusion(truth, said, &signs), &signs);
                let is_through =
                    |pair: (usize, usize)| filter.score(&classified("x", Some(pair.0), pair.1, 0.5)).is_some();
                let through: Vec<_> = [(0, 1), (1, 2), (2, 0)].into_iter().filter(|pair| is_through(*pair)).collect();
                assert_eq!(through, [(truth, said)], "{signs:?}");
            }
        }
    }

    #[test]
    fn before_the_model_is_there_classes_do_not_count() {
        let filter = Filter::parse("true:cat said:dog is:wrong", &[]);
        assert!(filter.problem().is_none() && filter.score(&classified("x", Some(0), 2, 0.5)).is_some());
    }

    #[test]
    fn every_condition_of_the_help_is_one() {
        for text in CONDITIONS {
            let filter = Filter::parse(text, &labels());
            assert!(filter.has_conditions() && filter.problem().is_none(), "{text}");
        }
    }
}

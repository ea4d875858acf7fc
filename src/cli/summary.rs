//! A model over many images in one object, or as a table: how good it is, class by class, and how far its probabilities hold.

use std::time::Duration;

use serde::Serialize;

use crate::model::{Fingerprint, Labels};
use crate::session::SCHEMA;
use crate::text::{escape, percent, percent_to};
use crate::triage::Tally;

/// Rows of the table of confusions.
const FEW_CONFUSIONS: usize = 10;

/// Rows of the table of classes where there are more: the worst.
const FEW_CLASSES: usize = 20;

/// What `classify --summary` prints. What cannot be known without the images' classes is null.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    schema: u32,
    model: String,
    model_id: Fingerprint,
    /// Images that were classified.
    images: usize,
    /// Images that could not be.
    failed: usize,
    /// Of those classified, how many have a class that is known.
    known: usize,
    right: usize,
    accuracy: Option<f64>,
    /// Wilson's interval of 95 %.
    accuracy_95: Option<[f64; 2]>,
    top5: Option<f64>,
    /// The expected calibration error over 15 bins of equal width; null also where the best class has no probability.
    ece: Option<f64>,
    classes: Vec<ClassRow>,
    confusions: Vec<ConfusionRow>,
    images_per_second: f64,
}

#[derive(Debug, Serialize)]
struct ClassRow {
    index: usize,
    label: String,
    /// Images that are of it.
    images: usize,
    /// Images of which it is said.
    said: usize,
    right: usize,
    precision: Option<f64>,
    recall: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ConfusionRow {
    truth: Class,
    said: Class,
    count: usize,
    /// Out of how many images of the true class.
    of: usize,
}

#[derive(Debug, Serialize)]
struct Class {
    index: usize,
    label: String,
}

impl Summary {
    /// Puts counts into words, of a model by its name and what it is. Classes of which no image is and none is said are
    /// left out.
    pub(super) fn new(
        (model, model_id): (String, Fingerprint),
        labels: &Labels,
        tally: &Tally,
        failed: usize,
        took: Duration,
    ) -> Summary {
        let label = |index: usize| labels.get(index).into_owned();
        let class = |index| Class { index, label: label(index) };
        let seen = tally.classes().iter().enumerate().filter(|(_, class)| class.images + class.said > 0);
        let classes = seen.map(|(index, class)| ClassRow {
            index,
            label: label(index),
            images: class.images,
            said: class.said,
            right: class.right,
            precision: class.precision(),
            recall: class.recall(),
        });
        let confusions = tally.confusions().into_iter().map(|pair| ConfusionRow {
            truth: class(pair.truth),
            said: class(pair.said),
            count: pair.count,
            of: pair.of,
        });
        Summary {
            schema: SCHEMA,
            model,
            model_id,
            images: tally.images(),
            failed,
            known: tally.known(),
            right: tally.right(),
            accuracy: tally.accuracy(),
            accuracy_95: tally.interval(),
            top5: tally.top5(),
            ece: tally.calibration_error(),
            classes: classes.collect(),
            confusions: confusions.collect(),
            images_per_second: tally.images() as f64 / took.as_secs_f64().max(1e-9),
        }
    }

    /// The same for reading.
    pub(super) fn table(&self) -> String {
        let share = |part: Option<f64>| part.map_or("-".to_owned(), percent);
        let mut lines = vec![];
        let mut row = |name: &str, value: String| lines.push(format!("{name:<12}{value}"));
        row("model", escape(&self.model).into_owned());
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        row("images", format!("{}{failed}, {:.0} a second", self.images, self.images_per_second));
        match (self.accuracy, self.accuracy_95) {
            (Some(accuracy), Some([low, high])) => {
                let interval = format!("{:.2} to {:.2} % with a confidence of 95 %", 100.0 * low, 100.0 * high);
                let counts = format!("{} of {} right", self.right, self.known);
                row("accuracy", format!("{}  ({counts}; {interval})", percent_to(accuracy, 2)));
                row("top-5", share(self.top5));
            }
            _ => row("accuracy", "unknown: nothing says what the images show".to_owned()),
        }
        if let Some(error) = self.ece {
            row("calibration", format!("{} off on average (ECE, 15 bins)", percent_to(error, 2)));
        }
        if self.known > 0 {
            lines.push(String::new());
            lines.extend(self.class_table(&share));
        }
        if !self.confusions.is_empty() {
            lines.extend([String::new(), "most often taken for another".to_owned()]);
            for pair in self.confusions.iter().take(FEW_CONFUSIONS) {
                let (truth, said) = (escape(&pair.truth.label), escape(&pair.said.label));
                lines.push(format!("{:>6} of {:<6} {truth}: {said}", pair.count, pair.of));
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn class_table(&self, share: &dyn Fn(Option<f64>) -> String) -> Vec<String> {
        let mut rows: Vec<&ClassRow> = self.classes.iter().collect();
        let all = rows.len();
        let mut heading = "class".to_owned();
        if all > FEW_CLASSES {
            let key = |row: &&ClassRow| row.recall.unwrap_or(f64::INFINITY);
            rows.sort_by(|a, b| key(a).total_cmp(&key(b)).then(b.images.cmp(&a.images)));
            rows.truncate(FEW_CLASSES);
            heading = format!("class (the worst {FEW_CLASSES} of {all})");
        }
        let width = rows.iter().map(|row| row.label.chars().count()).chain([heading.len()]).max().unwrap_or(0).min(40);
        let mut lines = vec![format!("{heading:<width$}  {:>7}  {:>9}  {:>7}", "images", "precision", "recall")];
        lines.extend(rows.into_iter().map(|row| {
            let label: String = escape(&row.label).chars().take(width).collect();
            let (precision, recall) = (share(row.precision), share(row.recall));
            format!("{label:<width$}  {:>7}  {precision:>9}  {recall:>7}", row.images)
        }));
        lines
    }
}

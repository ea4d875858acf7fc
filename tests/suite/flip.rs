//! Flip: what it names does change the prediction, all of it is needed, and where it says so nothing smaller does. Small
//! enough that every set of superpixels can be tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayD};
use seewhy::explain::{Attribution, LayerChoice, Monitor, Request, Sign, Subject, find};
use seewhy::gallery::demo::PICTURES as PICTURES_OF_THE_DEMO;
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::network::Pass;

use crate::support::goldens::metric;

const CELLS: usize = 6;

fn flip(classifier: &Classifier, pass: &Pass, target: Target, samples: &str, monitor: &Monitor<'_>) -> Attribution {
    let method = find("flip").unwrap();
    let settings = [("segments", "grid"), ("count", "6"), ("samples", samples)];
    let values = method.parse_values(settings).unwrap();
    let request = Request { target, layer: LayerChoice::Auto, values, seed: 0, tolerance: None };
    method.method.explain(Subject::of(classifier, pass), &request, monitor).unwrap()
}

/// `[1, C, H, W]` with these superpixels in their mean colour.
fn hidden(input: &ArrayD<f32>, labels: &Array2<u32>, set: &[usize]) -> ArrayD<f32> {
    let mut changed = input.clone();
    let (channels, pixels) = (input.shape()[1], labels.len());
    let values = changed.as_slice_mut().unwrap();
    for segment in set {
        let of_segment: Vec<usize> =
            labels.iter().enumerate().filter(|(_, l)| **l as usize == *segment).map(|(at, _)| at).collect();
        for channel in 0..channels {
            let plane = &mut values[channel * pixels..][..pixels];
            let mean = of_segment.iter().map(|at| f64::from(plane[*at])).sum::<f64>() / of_segment.len() as f64;
            of_segment.iter().for_each(|at| plane[*at] = mean as f32);
        }
    }
    changed
}

/// The class that is best when a set is hidden.
fn best(classifier: &Classifier, pass: &Pass, labels: &Array2<u32>, set: &[usize]) -> usize {
    classifier.network().logits(hidden(&pass.input, labels, set).view()).unwrap().top(1)[0].index
}

fn members(weights: &[f32]) -> Vec<usize> {
    (0..weights.len()).filter(|segment| weights[*segment] != 0.0).collect()
}

/// Pictures of the demo as the bundled model sees them.
fn cases(count: usize) -> (Classifier, Vec<Pass>) {
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let pictures = PICTURES_OF_THE_DEMO.iter().step_by(PICTURES_OF_THE_DEMO.len() / count).take(count);
    let pass = |jpeg: &[u8]| {
        let prepared = classifier.preprocess(&image::load_from_memory(jpeg).unwrap()).unwrap();
        classifier.network().forward(Arc::new(prepared.tensor)).unwrap()
    };
    let passes = pictures.map(|picture| pass(picture.jpeg)).collect();
    (classifier, passes)
}

#[test]
fn every_flip_flips_and_none_of_it_can_be_left_out_and_nothing_smaller_does() {
    let (mut flips, mut sizes) = (0, vec![]);
    let (classifier, passes) = cases(12);
    for pass in &passes {
        let found = flip(&classifier, pass, Target::Top(0), "2000", &Monitor::silent());
        let segments = found.segments.as_ref().unwrap();
        let (labels, set) = (&*segments.labels, members(&segments.weights));
        let class = pass.logits.top(1)[0].index;
        let best = |set: &[usize]| best(&classifier, pass, labels, set);
        // All 64 sets fit the calls, so whatever is said is certain.
        assert_eq!((segments.weights.len(), metric(&found, "exhausted")), (CELLS, 1.0));
        let all = (1..1_usize << CELLS).map(|bits| (0..CELLS).filter(|at| bits >> at & 1 == 1).collect::<Vec<_>>());
        let smallest = all.filter(|set| best(set) != class).map(|set| set.len()).min();
        let statement = found.statement.unwrap();
        assert_eq!(found.sign, Sign::Membership);
        let Some(smallest) = smallest else {
            assert!(statement.starts_with("nothing flips") && statement.contains("all sets were tried"), "{statement}");
            assert!(found.warnings.iter().any(|warning| warning.contains("does not change")));
            continue;
        };
        let new = best(&set);
        assert_ne!(new, class, "{statement}");
        assert_eq!(set.len(), smallest, "{statement}");
        for left_out in &set {
            let fewer: Vec<usize> = set.iter().copied().filter(|segment| segment != left_out).collect();
            assert_eq!(best(&fewer), class, "{statement}: not without {left_out}");
        }
        let named = [
            format!("turns {} into {} (", classifier.labels().get(class), classifier.labels().get(new)),
            format!("{} of 6", set.len()),
            "no smaller".into(),
        ];
        assert!(named.iter().all(|part| statement.contains(part)), "{statement}");
        assert!(found.warnings.is_empty());
        flips += 1;
        sizes.push(set.len());
    }
    println!("sizes of the sets: {sizes:?}");
    assert!(flips >= 6 && sizes.iter().any(|size| *size > 1), "{sizes:?}");
}

#[test]
fn with_few_calls_a_flip_still_flips_and_what_was_not_tried_is_said() {
    let (classifier, passes) = cases(8);
    for pass in &passes {
        let found = flip(&classifier, pass, Target::Top(0), "16", &Monitor::silent());
        let segments = found.segments.as_ref().unwrap();
        let set = members(&segments.weights);
        let class = pass.logits.top(1)[0].index;
        let statement = found.statement.as_ref().unwrap();
        let flips = best(&classifier, pass, &segments.labels, &set) != class;
        assert_eq!(flips, statement.starts_with("hiding"), "{statement}");
        let is_certain = metric(&found, "exhausted") > 0.5;
        assert_eq!(statement.contains("not all"), !is_certain, "{statement}");
        // Beyond those that search, calls prove that each superpixel is needed.
        assert!(metric(&found, "model calls") <= 16.0 + (set.len() * set.len()) as f64);
    }
}

#[test]
fn a_contrast_flips_when_the_other_class_comes_first() {
    let (classifier, passes) = cases(8);
    let mut flips = 0;
    for pass in &passes {
        let top = pass.logits.top(2);
        let (first, second) = (top[0].index, top[1].index);
        let found = flip(&classifier, pass, Target::Contrast(first, second), "2000", &Monitor::silent());
        let (segments, statement) = (found.segments.unwrap(), found.statement.unwrap());
        let changed = hidden(&pass.input, &segments.labels, &members(&segments.weights));
        let scores = classifier.network().logits(changed.view()).unwrap();
        let says = statement.contains(&format!("puts {} first", classifier.labels().get(second)));
        assert_eq!(scores[first] <= scores[second], says, "{statement}");
        flips += usize::from(says);
    }
    assert!(flips >= 4, "{flips}");
}

#[test]
fn what_is_found_so_far_is_shown_while_the_search_goes_on() {
    let (classifier, passes) = cases(1);
    let seen = AtomicUsize::new(0);
    let monitor = Monitor::new(seewhy::explain::Cancel::default(), |partial| {
        if let Some(found) = partial.attribution {
            assert!(found.statement.is_some() && partial.done <= partial.total);
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    flip(&classifier, &passes[0], Target::Top(0), "200", &monitor);
    assert!(seen.load(Ordering::Relaxed) > 1);
}

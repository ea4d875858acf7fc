//! Pictures of what units want to see.

use std::path::Path;

use image::RgbImage;
use seewhy::Classifier;
use seewhy::explain::{Aim, DreamOptions, Monitor, dream, over_noise, value_of};
use serde_json::Value as Json;

use crate::cli::{errors, lines, seewhy};

/// What the bundled network sees of the demo pictures.
fn seen(classifier: &Classifier) -> Vec<RgbImage> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo/pictures");
    let found = seewhy::gallery::find([folder]).map(|entry| image::open(entry.unwrap().path).unwrap());
    found.map(|image| classifier.preprocess(&image).unwrap().seen).collect()
}

#[test]
fn a_dream_excites_its_unit_more_than_noise_and_every_demo_picture() {
    let classifier = Classifier::builtin().unwrap();
    let pictures = seen(&classifier);
    assert!(pictures.len() > 10);
    let layer = classifier.network().auto_layer().unwrap();
    let options = DreamOptions { steps: 64, seed: 0, start: None };
    for aim in [Aim::Channel { layer, channel: 3 }, Aim::Class(6)] {
        let mut steps = 0;
        let dreamt = dream(&classifier, aim, &options, &Monitor::silent(), |step, _| steps = step).unwrap();
        assert_eq!(steps, 64);
        assert_eq!(value_of(&classifier, aim, &dreamt.picture).unwrap(), dreamt.value, "it is what the PNG holds");
        let noise = over_noise(&classifier, aim, &dreamt.picture, 0, &Monitor::silent()).unwrap();
        let deviations = (dreamt.value - noise.mean) / noise.deviation;
        assert!(deviations > 10.0, "{aim:?}: {deviations} standard deviations over noise");
        let best = pictures.iter().map(|picture| value_of(&classifier, aim, picture).unwrap()).fold(f32::MIN, f32::max);
        assert!(dreamt.value > best, "{aim:?}: {} against {best}", dreamt.value);
    }
}

#[test]
fn the_command_writes_a_picture_and_says_what_the_unit_says_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| -> Vec<Json> {
        let output = seewhy(arguments).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        lines(&output)
    };
    let arguments = ["dream", "--layer", "auto", "--channel", "3,5", "--steps", "2", "--out", "dreams", "--seed", "4"];
    let records = said(&arguments);
    assert_eq!(records.len(), 2);
    let classifier = Classifier::builtin().unwrap();
    let layer = classifier.network().auto_layer().unwrap();
    for (record, channel) in records.iter().zip([3, 5]) {
        assert_eq!(record["channel"], channel);
        let picture = image::open(folder.path().join(record["files"]["png"].as_str().unwrap())).unwrap().to_rgb8();
        let aim = Aim::Channel { layer, channel };
        assert_eq!(value_of(&classifier, aim, &picture).unwrap(), record["value"].as_f64().unwrap() as f32);
    }
    assert_ne!(records[0]["value"], records[1]["value"]);
    let value = |records: Vec<Json>| records[0]["value"].clone();
    assert_eq!(value(said(&arguments)), value(records.clone()), "the same seed dreams the same");
    assert_ne!(value(said(&[&arguments[..10], &["5"]].concat())), value(records));
}

#[test]
fn what_cannot_be_dreamt_of_is_said() {
    for (arguments, expected) in [
        (&["dream", "--layer", "auto", "--channel", "9999"][..], "channels, numbered from 0: none is 9999"),
        (&["dream", "--target", "top"], "by its name or index"),
        (&["dream", "--target", "unicorn"], "no class is called unicorn"),
        (&["dream"], "--target"),
    ] {
        let output = seewhy(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(expected), "{arguments:?}: {}", errors(&output));
    }
}

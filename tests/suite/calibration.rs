//! How far probabilities can be relied on, in the interface.

use std::sync::Arc;

use seewhy::app::{Action, Bin, Command, ModelSummary, Notice, Panel, PanelKind, update};

use crate::support::interface::{finished, model, opened, press, screen, work};

#[test]
fn bins_hold_the_images_whose_class_is_known_and_enter_keeps_one_bin() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Calibration)]);
    let tally = state.reliability().unwrap();
    // Of the six images four lie in folders that are classes; the pelican is taken for a goose.
    assert_eq!((tally.known(), tally.right()), (4, 3));
    let bins = tally.bins().unwrap();
    assert_eq!(bins.iter().map(Bin::images).sum::<usize>(), 4);
    let error = 100.0 * tally.calibration_error().unwrap();
    let text = screen(&state);
    assert!(text.contains(&format!("calibration: {error:.1} % off (ECE)")), "{text}");
    assert!(text.contains("75.0 % right on"), "{text}");

    let surest = bins[Bin::COUNT - 1].images();
    assert!(surest > 0);
    press(&mut state, &[Command::First, Command::Accept]);
    assert_eq!((state.visible.len(), &state.panel), (surest, &Panel::None));
}

#[test]
fn where_nothing_is_known_or_nothing_is_a_probability_it_says_so() {
    let mut state = opened((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Calibration)]);
    assert!(screen(&state).contains("no image whose class is known"));
    press(&mut state, &[Command::Escape]);
    let scores = ModelSummary { is_probable: false, ..ModelSummary::clone(&model()) };
    update(&mut state, Action::ModelReady(Arc::new(scores)));
    press(&mut state, &[Command::Open(PanelKind::Calibration)]);
    assert_eq!(state.panel, Panel::None);
    assert!(matches!(&state.notice, Some(Notice::Failed(text)) if text.contains("nothing to calibrate")));
}

#[test]
fn below_the_bars_stands_how_undecided_they_are() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Next, Command::Next]);
    work(&mut state);
    let scores = state.prediction(2).unwrap().logits.clone();
    let probabilities = scores.probabilities();
    let entropy: f32 = probabilities.iter().map(|p| -p * p.log2()).sum();
    assert!((scores.entropy().unwrap() - entropy).abs() < 1e-5);
    let margin = probabilities[3] - probabilities[4];
    assert!((scores.margin().unwrap() - margin).abs() < 1e-6);
    assert!(screen(&state).contains(&format!("entropy {entropy:.2} bits, margin {:.0}%", 100.0 * margin)));
}

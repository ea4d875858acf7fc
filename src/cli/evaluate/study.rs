//! The work: maps, and what the measures say of them.

use std::collections::HashSet;

use indicatif::ProgressBar;

use super::design::{Design, Image};
use super::figure::{Figure, Stage};
use super::report::Report;
use super::thinned;
use crate::cli::batch::{Interrupt, in_order, progress};
use crate::cli::warn;
use crate::explain::{Attribution, ExplainError, Monitor, Subject};
use crate::metrics::{Case, Mosaic, Trial, relevance};
use crate::network::{Network, with_threads};
use crate::raster::Map;
use crate::session::{Session, forward};

/// How many of the images are explained in a mosaic, for the grid pointing game. A mosaic costs as much as the images in it,
/// and the shares scatter by 0.2 or so from one to the next: 64 of them know the mean to within 0.03, as near as the other
/// measures know theirs.
const MOSAICS: usize = 64;

/// How many of the images the networks with other weights are asked about: a map differs less from image to image than
/// from one set of weights to the next.
const REDRAWN_IMAGES: usize = 16;

/// How many such networks there are, at most.
const STAGES: usize = 5;

pub(super) struct Study<'a> {
    pub(super) design: &'a Design<'a>,
    pub(super) images: &'a [Image<'a>],
    pub(super) interrupt: &'a Interrupt,
    pub(super) report: &'a mut Report,
}

impl<'a> Study<'a> {
    /// Measures everything that is planned, until it is done or interrupted.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let is_redrawn = |trial| trial == Trial::Randomised;
        if self.design.measures.iter().any(|measure| !is_redrawn(measure.trial)) {
            self.measure()?;
        }
        match self.design.measures.iter().position(|measure| is_redrawn(measure.trial)) {
            Some(measure) => self.redraw(measure),
            None => Ok(()),
        }
    }

    /// The network as it is. Each map is a step of the bar.
    fn measure(&mut self) -> anyhow::Result<()> {
        let (design, images, interrupt) = (self.design, self.images, self.interrupt);
        let game = design.mosaic.as_ref().map(|(session, side)| Game::new(session, *side, images));
        if let Some(game) = &game {
            game.announce();
        }
        let maps =
            images.len() * usize::from(design.measures_images()) + game.as_ref().map_or(0, |game| game.in_mosaic.len());
        let bar = progress(maps * design.explainers.len(), "measuring maps");
        let monitor = Monitor::new(interrupt.cancel(), |_| {});
        let numbers: Vec<usize> = (0..images.len()).collect();
        let work = |number: &usize| {
            let entry = images[*number].entry;
            (entry, figures(design, images, *number, game.as_ref(), &Watch { monitor: &monitor, bar: &bar }))
        };
        in_order(&numbers, design.threads, &|| interrupt.is_set(), work, |(entry, figures)| {
            bar.suspend(|| self.report.add(design, entry, None, figures))
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Networks whose weights were drawn anew, from the top down, against the network as it is.
    fn redraw(&mut self, measure: usize) -> anyhow::Result<()> {
        let (design, interrupt) = (self.design, self.interrupt);
        let network = design.session.classifier().network();
        let weighted = network.weighted()?;
        let counts = stages(weighted.len());
        let chosen: Vec<&'a Image<'a>> = thinned(self.images.iter().collect(), REDRAWN_IMAGES);
        let bar = progress(chosen.len() * (counts.len() + 1), "drawing weights anew");
        let monitor = Monitor::new(interrupt.cancel(), |_| {});
        let stop = || interrupt.is_set();

        let mut originals: Vec<(&'a Image<'a>, Vec<Option<Map>>)> = vec![];
        let work = |image: &&'a Image<'a>| {
            let maps = explained(design, network, image, &monitor, |_, _, map| map.ok().map(|map| relevance(&map)));
            (*image, maps)
        };
        in_order(&chosen, design.threads, &stop, work, |(image, maps)| {
            bar.inc(1);
            originals.extend(maps.ok().map(|maps| (image, maps)));
            Ok(())
        })?;
        for count in counts {
            if interrupt.is_set() {
                break;
            }
            let other = network.randomised(count, design.seed)?;
            let down_to = weighted[weighted.len() - count].clone();
            let stage = Stage { redrawn: count, of: weighted.len(), down_to };
            let work = |(image, originals): &(&'a Image<'a>, Vec<Option<Map>>)| {
                let figures = explained(design, &other, image, &monitor, |explainer, subject, map| {
                    let (class, original) = (image.class, originals[explainer].as_ref());
                    let case = Case { subject, class, mask: None, original, seed: image.seed, monitor: &monitor };
                    let value = match map {
                        Ok(map) => (design.measures[measure].score)(&case, &map),
                        // A method may have nothing to say where the network no longer predicts the class.
                        Err(ExplainError::Unsuitable(_)) => Ok(None),
                        Err(error) => Err(error),
                    };
                    Figure { explainer, measure, value }
                });
                (image.entry, figures)
            };
            in_order(&originals, design.threads, &stop, work, |(entry, figures)| {
                bar.inc(1);
                bar.suspend(|| self.report.add(design, entry, Some(&stage), figures))
            })?;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// How many weighted nodes are drawn anew in each stage: the last, then further down in even steps, then all.
fn stages(weighted: usize) -> Vec<usize> {
    let steps = STAGES.min(weighted);
    let count = |step: usize| 1 + (step * (weighted - 1) + (steps - 1) / 2) / (steps - 1).max(1);
    (0..steps).map(count).collect()
}

/// The grid pointing game: on which network, and with which images.
struct Game<'a> {
    session: &'a Session,
    side: usize,
    /// The class of each image; none for those that the network gets wrong.
    classes: Vec<Option<usize>>,
    /// The images that are explained, by number.
    in_mosaic: HashSet<usize>,
}

impl<'a> Game<'a> {
    fn new(session: &'a Session, side: usize, images: &[Image<'_>]) -> Game<'a> {
        let classes: Vec<Option<usize>> = images.iter().map(|image| image.right.then_some(image.class)).collect();
        let right = (0..images.len()).filter(|number| classes[*number].is_some()).collect();
        Game { session, side, classes, in_mosaic: thinned(right, MOSAICS).into_iter().collect() }
    }

    /// Says how many images are explained, where it is not all that could be.
    fn announce(&self) {
        let right = self.classes.iter().flatten().count();
        if self.in_mosaic.len() < right {
            let explained = self.in_mosaic.len();
            warn(&format!(
                "grid is measured on {explained} mosaics, evenly spread over the {right} images that are right"
            ));
        }
    }
}

/// Who waits for the figures.
#[derive(Clone, Copy)]
struct Watch<'a> {
    monitor: &'a Monitor<'a>,
    bar: &'a ProgressBar,
}

/// All figures of the image of that number by the network as it is.
fn figures(
    design: &Design<'_>,
    images: &[Image<'_>],
    number: usize,
    game: Option<&Game<'_>>,
    watch: &Watch<'_>,
) -> anyhow::Result<Vec<Figure>> {
    let (image, monitor, classifier) = (&images[number], watch.monitor, design.session.classifier());
    let (class, seed) = (image.class, image.seed);
    let mut figures = vec![];
    if design.measures_images() {
        let (pass, _) = design.session.pass(&image.entry.path, 1)?;
        let mask = design.mask(image)?;
        let subject = Subject::of(classifier, &pass);
        let case = Case { subject, class, mask: mask.as_ref(), original: None, seed, monitor };
        figures.extend(measured(design, &case, watch, |trial| match trial {
            Trial::Image => true,
            Trial::Object => mask.is_some(),
            Trial::Mosaic | Trial::Randomised => false,
        }));
    }
    let Some(game) = game.filter(|game| game.in_mosaic.contains(&number)) else { return Ok(figures) };
    if let Some(mosaic) = Mosaic::draw(&game.classes, number, game.side, seed) {
        let tensor = |number: &usize| design.session.tensor(&images[*number].entry.path).map(|(tensor, _)| tensor);
        let tensors: Vec<_> = mosaic.images.iter().map(tensor).collect::<Result<_, _>>()?;
        let whole = mosaic.tensor(&tensors, classifier.settings().layout.value);
        let enlarged = game.session.classifier();
        let pass = forward(enlarged.network(), whole, 1)?;
        let cell = mosaic.mask(classifier.network().input_extent());
        let subject = Subject::of(enlarged, &pass);
        let case = Case { subject, class, mask: Some(&cell), original: None, seed, monitor };
        figures.extend(measured(design, &case, watch, |trial| trial == Trial::Mosaic));
    }
    Ok(figures)
}

/// The figures of a case by the measures of some settings: each explainer makes one map, for all of them.
fn measured(design: &Design<'_>, case: &Case<'_>, watch: &Watch<'_>, takes: impl Fn(Trial) -> bool) -> Vec<Figure> {
    let measures: Vec<usize> = (0..design.measures.len()).filter(|at| takes(design.measures[*at].trial)).collect();
    let Some(first) = measures.first().copied() else { return vec![] };
    let mut figures = vec![];
    for (explainer, who) in design.explainers.iter().enumerate() {
        match with_threads(1, || who.explain(case.subject, case.class, case.seed, watch.monitor)) {
            Ok(map) => figures.extend(measures.iter().map(|&measure| {
                let value = watch.monitor.check().and_then(|()| (design.measures[measure].score)(case, &map));
                Figure { explainer, measure, value }
            })),
            Err(error) => figures.push(Figure { explainer, measure: first, value: Err(error) }),
        }
        watch.bar.inc(1);
    }
    figures
}

/// What `each` makes of the map of every explainer (by number) for one image, by this network.
fn explained<R>(
    design: &Design<'_>,
    network: &Network,
    image: &Image<'_>,
    monitor: &Monitor<'_>,
    each: impl Fn(usize, Subject<'_>, Result<Attribution, ExplainError>) -> R,
) -> anyhow::Result<Vec<R>> {
    let (tensor, _) = design.session.tensor(&image.entry.path)?;
    let pass = forward(network, tensor, 1)?;
    let subject = Subject { network, ..Subject::of(design.session.classifier(), &pass) };
    let explain = |explainer: usize| {
        let who = &design.explainers[explainer];
        each(explainer, subject, with_threads(1, || who.explain(subject, image.class, image.seed, monitor)))
    };
    Ok((0..design.explainers.len()).map(explain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_go_from_the_last_layer_to_all_of_them() {
        assert_eq!(stages(10), [1, 3, 6, 8, 10]);
        assert_eq!(stages(3), [1, 2, 3]);
        assert_eq!((stages(1), stages(0)), (vec![1], vec![]));
    }
}

//! The work: maps, and what the measures say of them.

use std::collections::HashSet;

use indicatif::ProgressBar;

use super::figure::{Figure, Stage};
use super::plan::{Image, Plan};
use super::report::Report;
use super::thinned;
use crate::cli::batch::{Interrupt, in_order, progress};
use crate::cli::warn;
use crate::explain::{Attribution, ExplainError, Monitor, Subject};
use crate::metrics::{Case, Mosaic, Setting, relevance};
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
    pub(super) plan: &'a Plan<'a>,
    pub(super) images: &'a [Image<'a>],
    pub(super) interrupt: &'a Interrupt,
    pub(super) report: &'a mut Report,
}

impl<'a> Study<'a> {
    /// Measures everything that is planned, until it is done or interrupted.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let is_redrawn = |setting| setting == Setting::Randomised;
        if self.plan.measures.iter().any(|measure| !is_redrawn(measure.setting)) {
            self.measure()?;
        }
        match self.plan.measures.iter().position(|measure| is_redrawn(measure.setting)) {
            Some(measure) => self.redraw(measure),
            None => Ok(()),
        }
    }

    /// The network as it is. Each map is a step of the bar.
    fn measure(&mut self) -> anyhow::Result<()> {
        let (plan, images, interrupt) = (self.plan, self.images, self.interrupt);
        let game = plan.mosaic.as_ref().map(|(session, side)| Game::new(session, *side, images));
        if let Some(game) = &game {
            game.announce();
        }
        let maps =
            images.len() * usize::from(plan.measures_images()) + game.as_ref().map_or(0, |game| game.in_mosaic.len());
        let bar = progress(maps * plan.explainers.len(), "measuring maps");
        let monitor = Monitor::new(interrupt.cancel(), |_| {});
        let numbers: Vec<usize> = (0..images.len()).collect();
        let work = |number: &usize| {
            let entry = images[*number].entry;
            (entry, figures(plan, images, *number, game.as_ref(), &Watch { monitor: &monitor, bar: &bar }))
        };
        in_order(&numbers, plan.threads, &|| interrupt.is_set(), work, |(entry, figures)| {
            bar.suspend(|| self.report.add(plan, entry, None, figures))
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Networks whose weights were drawn anew, from the top down, against the network as it is.
    fn redraw(&mut self, measure: usize) -> anyhow::Result<()> {
        let (plan, interrupt) = (self.plan, self.interrupt);
        let network = plan.session.classifier().network();
        let weighted = network.weighted()?;
        let counts = stages(weighted.len());
        let chosen: Vec<&'a Image<'a>> = thinned(self.images.iter().collect(), REDRAWN_IMAGES);
        let bar = progress(chosen.len() * (counts.len() + 1), "drawing weights anew");
        let monitor = Monitor::new(interrupt.cancel(), |_| {});
        let stop = || interrupt.is_set();

        let mut originals: Vec<(&'a Image<'a>, Vec<Option<Map>>)> = vec![];
        let work = |image: &&'a Image<'a>| {
            let maps = explained(plan, network, image, &monitor, |_, _, map| map.ok().map(|map| relevance(&map)));
            (*image, maps)
        };
        in_order(&chosen, plan.threads, &stop, work, |(image, maps)| {
            bar.inc(1);
            originals.extend(maps.ok().map(|maps| (image, maps)));
            Ok(())
        })?;
        for count in counts {
            if interrupt.is_set() {
                break;
            }
            let other = network.randomised(count, plan.seed)?;
            let down_to = weighted[weighted.len() - count].clone();
            let stage = Stage { redrawn: count, of: weighted.len(), down_to };
            let work = |(image, originals): &(&'a Image<'a>, Vec<Option<Map>>)| {
                let figures = explained(plan, &other, image, &monitor, |explainer, subject, map| {
                    let (class, original) = (image.class, originals[explainer].as_ref());
                    let case = Case { subject, class, mask: None, original, seed: image.seed, monitor: &monitor };
                    let value = match map {
                        Ok(map) => (plan.measures[measure].score)(&case, &map),
                        // A method may have nothing to say where the network no longer predicts the class.
                        Err(ExplainError::Unsuitable { .. }) => Ok(None),
                        Err(error) => Err(error),
                    };
                    Figure { explainer, measure, value }
                });
                (image.entry, figures)
            };
            in_order(&originals, plan.threads, &stop, work, |(entry, figures)| {
                bar.inc(1);
                bar.suspend(|| self.report.add(plan, entry, Some(&stage), figures))
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
    plan: &Plan<'_>,
    images: &[Image<'_>],
    number: usize,
    game: Option<&Game<'_>>,
    watch: &Watch<'_>,
) -> anyhow::Result<Vec<Figure>> {
    let (image, monitor, classifier) = (&images[number], watch.monitor, plan.session.classifier());
    let (class, seed) = (image.class, image.seed);
    let mut figures = vec![];
    if plan.measures_images() {
        let (pass, _) = plan.session.pass(&image.entry.path, 1)?;
        let mask = plan.mask(image)?;
        let subject = Subject::of(classifier, &pass);
        let case = Case { subject, class, mask: mask.as_ref(), original: None, seed, monitor };
        figures.extend(measured(plan, &case, watch, |setting| match setting {
            Setting::Image => true,
            Setting::Object => mask.is_some(),
            Setting::Mosaic | Setting::Randomised => false,
        }));
    }
    let Some(game) = game.filter(|game| game.in_mosaic.contains(&number)) else { return Ok(figures) };
    if let Some(mosaic) = Mosaic::draw(&game.classes, number, game.side, seed) {
        let tensor = |number: &usize| plan.session.tensor(&images[*number].entry.path).map(|(tensor, _)| tensor);
        let tensors: Vec<_> = mosaic.images.iter().map(tensor).collect::<Result<_, _>>()?;
        let whole = mosaic.tensor(&tensors, classifier.settings().layout.value);
        let enlarged = game.session.classifier();
        let pass = forward(enlarged.network(), whole, 1)?;
        let cell = mosaic.mask(classifier.network().input_extent());
        let subject = Subject::of(enlarged, &pass);
        let case = Case { subject, class, mask: Some(&cell), original: None, seed, monitor };
        figures.extend(measured(plan, &case, watch, |setting| setting == Setting::Mosaic));
    }
    Ok(figures)
}

/// The figures of a case by the measures of some settings: each explainer makes one map, for all of them.
fn measured(plan: &Plan<'_>, case: &Case<'_>, watch: &Watch<'_>, takes: impl Fn(Setting) -> bool) -> Vec<Figure> {
    let measures: Vec<usize> = (0..plan.measures.len()).filter(|at| takes(plan.measures[*at].setting)).collect();
    let Some(first) = measures.first().copied() else { return vec![] };
    let mut figures = vec![];
    for (explainer, who) in plan.explainers.iter().enumerate() {
        match with_threads(1, || who.explain(case.subject, case.class, case.seed, watch.monitor)) {
            Ok(map) => figures.extend(measures.iter().map(|&measure| {
                let value = watch.monitor.check().and_then(|()| (plan.measures[measure].score)(case, &map));
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
    plan: &Plan<'_>,
    network: &Network,
    image: &Image<'_>,
    monitor: &Monitor<'_>,
    each: impl Fn(usize, Subject<'_>, Result<Attribution, ExplainError>) -> R,
) -> anyhow::Result<Vec<R>> {
    let (tensor, _) = plan.session.tensor(&image.entry.path)?;
    let pass = forward(network, tensor, 1)?;
    let subject = Subject { network, pass: &pass, settings: plan.session.classifier().settings(), banks: None };
    let explain = |explainer: usize| {
        let who = &plan.explainers[explainer];
        each(explainer, subject, with_threads(1, || who.explain(subject, image.class, image.seed, monitor)))
    };
    Ok((0..plan.explainers.len()).map(explain).collect())
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

//! `seewhy evaluate`: how faithful the maps of some methods are, beside baselines that know nothing of the network.
//!
//! Images are looked at once to learn what the network says of each; then each is explained and measured, many at a time;
//! last come networks with other weights, one after the other, on a few of the images. Only means are printed.

mod design;
mod figure;
mod report;
mod study;

use self::design::{Design, Image};
use self::report::Report;
use self::study::Study;
use super::args::{CommonArgs, EvaluateArgs};
use super::batch::{Interrupt, in_order, progress};
use super::{Ending, inputs, load_model, truth, warn};
use crate::gallery::Entry;

pub(super) fn run(args: &EvaluateArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let interrupt = Interrupt::install()?;
    let source = common.model()?;
    let session = load_model(common, &source, &args.paths, common.run_options(None))?;
    let mut design = Design::new(args, common, &session)?;
    let entries = thinned(inputs::find(&args.paths)?, args.limit.map_or(usize::MAX, usize::from));
    truth::announce(&design.truths, &entries, false);
    let mut report = Report::new(args.format, session.classifier());
    let images = look(&design, &entries, &mut report, &interrupt)?;
    if interrupt.is_set() {
        return Ok(Ending::Interrupted);
    }
    design.drop_what_is_missing(args, &images)?;
    interrupt.be_patient();
    Study { design: &design, images: &images, interrupt: &interrupt, report: &mut report }.run()?;
    if interrupt.is_set() {
        warn("interrupted: the means are of what was measured by then");
    }
    report.print(&design)?;
    Ok(match (interrupt.is_set(), report.has_errors()) {
        (true, _) => Ending::Interrupted,
        (false, true) => Ending::SomeFailed,
        (false, false) => Ending::Done,
    })
}

/// So many of the items, evenly spread: where images lie in a folder for each class, each class keeps its share.
fn thinned<T>(items: Vec<T>, limit: usize) -> Vec<T> {
    let (count, limit) = (items.len(), limit.min(items.len()));
    let keeps = |position: usize| (position * limit) / count != ((position + 1) * limit) / count;
    items.into_iter().enumerate().filter(|(position, _)| keeps(*position)).map(|(_, item)| item).collect()
}

/// What the network says of each image; those that fail are reported and left out.
fn look<'a>(
    design: &Design<'_>,
    entries: &'a [Entry],
    report: &mut Report,
    interrupt: &Interrupt,
) -> anyhow::Result<Vec<Image<'a>>> {
    let bar = progress(entries.len(), "looking");
    let mut images = vec![];
    let work = |entry: &'a Entry| (entry, design.look(entry));
    in_order(entries, design.threads, &|| interrupt.is_set(), work, |(entry, said)| {
        bar.inc(1);
        match said {
            Ok(said) => images.push(design.image(entry, said, images.len())),
            Err(error) => bar.suspend(|| report.error(entry, &error))?,
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_its_share_of_every_stretch() {
        let thin = |count: usize, limit| thinned((0..count).collect(), limit);
        assert_eq!(thin(10, 20), (0..10).collect::<Vec<_>>());
        let kept = thin(10_000, 200);
        assert_eq!(kept.len(), 200);
        for class in 0..10 {
            assert_eq!(kept.iter().filter(|image| *image / 1000 == class).count(), 20);
        }
        assert_eq!((thin(7, 3).len(), thin(1, 1).len(), thin(5, 5).len()), (3, 1, 5));
    }
}

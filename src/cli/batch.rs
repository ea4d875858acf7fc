//! Many images on all cores, results in the order of the images, a progress bar, and an orderly stop on ^C.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{self, IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::explain::Cancel;
use crate::session::export::between_files;

/// How long what is half done may take after a ^C, together with [`TICK`].
const GRACE: Duration = Duration::from_millis(700);
/// How often a ^C is looked for.
const TICK: Duration = Duration::from_millis(50);
/// The exit code of what a ^C has ended.
const INTERRUPTED: i32 = 130;

/// Set by ^C or SIGTERM: finish what is half done, start nothing new. What takes longer than people wait is given up, with
/// no file or line half written. A second ^C ends the program at once.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    is_set: Arc<AtomicBool>,
    is_patient: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over the signals that ask a program to stop.
    pub(super) fn install() -> anyhow::Result<Interrupt> {
        let interrupt = Interrupt::default();
        let flag = &interrupt.is_set;
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let attempt = || -> io::Result<()> {
                signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(flag))?;
                signal_hook::flag::register(signal, Arc::clone(flag))?;
                Ok(())
            };
            attempt().context("could not listen for signals")?;
        }
        let watched = interrupt.clone();
        let watch = move || watched.give_up();
        std::thread::Builder::new().name("interrupt".to_owned()).spawn(watch).context("could not start a thread")?;
        Ok(interrupt)
    }

    /// From now on what is half done may take its time, since something is said of all that was done by then.
    pub(super) fn be_patient(&self) {
        self.is_patient.store(true, Ordering::Relaxed);
    }

    /// Waits for a ^C, and ends the program where it does not end by itself.
    fn give_up(&self) {
        while !self.is_set() {
            std::thread::sleep(TICK);
        }
        std::thread::sleep(GRACE);
        if !self.is_patient.load(Ordering::Relaxed) {
            between_files(|| {
                let _whole_lines = io::stdout().lock();
                // Below the progress bar.
                if io::stderr().is_terminal() {
                    let _ = io::stderr().write_all(b"\n");
                }
                signal_hook::low_level::exit(INTERRUPTED)
            });
        }
    }

    /// The same word for a running method.
    pub(super) fn cancel(&self) -> Cancel {
        Cancel::from(Arc::clone(&self.is_set))
    }

    /// Whether someone asked to stop.
    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }
}

/// A bar on standard error that counts images, if that is a terminal and there are several.
pub(super) fn progress(count: usize, what: &str) -> ProgressBar {
    if count < 2 { ProgressBar::hidden() } else { bar(count as u64, what) }
}

/// A bar on standard error that counts the model calls of one image's methods, if that is a terminal.
pub(super) fn progress_of_calls() -> ProgressBar {
    bar(0, "")
}

fn bar(length: u64, what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}{pace}");
    let style = style.map(|style| {
        let write = |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&pace(state.per_sec(), state.len().unwrap_or(0).saturating_sub(state.pos())));
        };
        style.with_key("pace", write)
    });
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(8));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// How many a second, and how long the `left` others will take; nothing until that is known.
fn pace(per_second: f64, left: u64) -> String {
    if !(per_second.is_finite() && per_second > 0.0) {
        return String::new();
    }
    let rate = if per_second < 10.0 { format!("{per_second:.1}") } else { format!("{per_second:.0}") };
    match (left as f64 / per_second).round() as u64 {
        0 => format!("  {rate}/s"),
        seconds => format!("  {rate}/s  {} left", HumanDuration(Duration::from_secs(seconds))),
    }
}

/// Applies `work` to each item on `threads` threads and hands the results to `each`, on this thread, in the order of the
/// items. Stops early when `stop` says so or `each` fails; results of items already begun still arrive.
pub(super) fn in_order<'a, T: Sync, R: Send>(
    items: &'a [T],
    threads: usize,
    stop: &(dyn Fn() -> bool + Sync),
    work: impl Fn(&'a T) -> R + Sync,
    mut each: impl FnMut(R) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, receiver) = crossbeam_channel::unbounded();
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            let (sender, next, failed, work) = (sender.clone(), &next, &failed, &work);
            scope.spawn(move || {
                while !stop() && !failed.load(Ordering::Relaxed) {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(position) else { break };
                    if sender.send((position, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (position, result) in receiver {
            waiting.insert(position, result);
            while let Some(result) = waiting.remove(&due) {
                due += 1;
                each(result).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_however_long_each_takes() {
        let items: Vec<u64> = (0..40).collect();
        let mut seen = vec![];
        let slow_first = |item: &u64| {
            std::thread::sleep(Duration::from_micros(if item.is_multiple_of(7) { 3000 } else { 10 }));
            *item
        };
        in_order(&items, 4, &|| false, slow_first, |item| {
            seen.push(item);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, items);
    }

    #[test]
    fn the_pace_is_short_and_nothing_before_it_is_known() {
        assert_eq!(pace(42.7843, 100), format!("  43/s  {} left", HumanDuration(Duration::from_secs(2))));
        assert_eq!(pace(3.0417, 0), "  3.0/s");
        assert_eq!((pace(0.0, 100), pace(f64::INFINITY, 100), pace(f64::NAN, 100)), Default::default());
    }

    #[test]
    fn nothing_new_is_begun_after_a_stop_or_a_failure() {
        let items: Vec<usize> = (0..1000).collect();
        let begun = AtomicUsize::new(0);
        let work = |item: &usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            *item
        };
        in_order(&items, 2, &|| begun.load(Ordering::SeqCst) >= 10, work, |_| Ok(())).unwrap();
        assert!(begun.load(Ordering::SeqCst) <= 12);
        assert!(in_order(&items, 2, &|| false, |item| *item, |_| anyhow::bail!("the pipe is closed")).is_err());
    }
}

//! One quick run on several cores.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use rayon::Yield;
use tract_linalg::multithread::{Executor, current_tract_executor, multithread_tract_scope};

/// One pool for each number of threads asked for: starting threads costs more than a small network.
static POOLS: LazyLock<Mutex<HashMap<usize, Executor>>> = LazyLock::new(Mutex::default);

/// Does `work` with `threads` threads for each matrix product: for one quick run. Many runs at once are faster with one
/// thread each.
pub fn with_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    if threads <= 1 {
        return multithread_tract_scope(Executor::SingleThread, work);
    }
    let executor = {
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        pools.entry(threads).or_insert_with(|| Executor::multithread(threads)).clone()
    };
    multithread_tract_scope(executor, work)
}

/// What a piece of work may run on.
pub(super) struct Threads {
    pub(super) executor: Executor,
    pub(super) count: usize,
}

impl Threads {
    /// Does `work` for each of the pieces, which should be as many as there are threads. This thread does the first, and stays awake
    /// until all are done.
    pub(super) fn each<T: Send>(&self, pieces: impl IntoIterator<Item = T> + Send, work: impl Fn(T) + Sync) {
        let Executor::MultiThread(pool) = &self.executor else { return pieces.into_iter().for_each(work) };
        let (left, work) = (AtomicUsize::new(0), &work);
        pool.install(|| {
            rayon::scope(|scope| {
                let mut pieces = pieces.into_iter();
                let first = pieces.next();
                for piece in pieces {
                    left.fetch_add(1, Ordering::Relaxed);
                    let done = Left(&left);
                    scope.spawn(move |_| {
                        let _done = done;
                        work(piece);
                    });
                }
                first.into_iter().for_each(work);
                while left.load(Ordering::Acquire) > 0 {
                    help();
                }
            });
        });
    }
}

/// One piece that is not done, until it is dropped, done or in a panic.
struct Left<'a>(&'a AtomicUsize);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Does a piece that waits for a thread, or lets a moment pass.
fn help() {
    if rayon::yield_now() != Some(Yield::Executed) {
        (0..64).for_each(|_| std::hint::spin_loop());
        std::thread::yield_now();
    }
}

/// The threads that [`with_threads`] gives to a piece of `work`, more than one only where it is at least `parallel_from`.
pub(super) fn threads(work: usize, parallel_from: usize) -> Threads {
    let executor = current_tract_executor();
    let count = match &executor {
        Executor::MultiThread(pool) if work >= parallel_from => pool.current_num_threads(),
        _ => 1,
    };
    Threads { executor, count }
}

/// Does `work`, which asks for [`threads`] again and again, on one of them, and keeps the others awake as long as it lasts: a thread
/// that sleeps between two layers takes longer to wake than most layers take.
pub(super) fn among_threads<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let executor = current_tract_executor();
    let Executor::MultiThread(pool) = &executor else { return work() };
    if pool.current_thread_index().is_some() {
        return work();
    }
    let done = AtomicBool::new(false);
    pool.scope(|scope| {
        let here = rayon::current_thread_index();
        let done = &done;
        scope.spawn_broadcast(move |_, thread| {
            while Some(thread.index()) != here && !done.load(Ordering::Acquire) {
                help();
            }
        });
        // Also where the work panics.
        let _done = Done(done);
        multithread_tract_scope(executor.clone(), work)
    })
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once_on_any_number_of_threads() {
        for count in [1, 2, 3] {
            for pieces in [0, 1, 2, 7] {
                let mut numbers = vec![0; pieces];
                let each = || threads(1, 1).each(numbers.iter_mut(), |number: &mut i32| *number += 1);
                with_threads(count, || among_threads(each));
                assert_eq!(numbers, vec![1; pieces]);
                with_threads(count, || threads(1, 1).each(numbers.iter_mut(), |number: &mut i32| *number += 1));
                assert_eq!(numbers, vec![2; pieces]);
            }
        }
    }

    #[test]
    fn threads_are_free_again_after_a_panic() {
        for _ in 0..3 {
            let work = || with_threads(2, || among_threads(|| panic!("no such layer")));
            assert_eq!(crate::guard::quietly(work), Err::<(), _>("no such layer".into()));
            let piece = |at: i32| assert!(at < 1, "no such pixel");
            let work = || with_threads(2, || among_threads(|| threads(1, 1).each([0, 1], piece)));
            assert!(crate::guard::quietly(work).is_err());
        }
        assert_eq!(with_threads(2, || among_threads(|| 7)), 7);
    }
}

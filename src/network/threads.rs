//! One quick run on several cores.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

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

/// The threads that [`with_threads`] gives to a piece of `work`, more than one only where it is at least `parallel_from`.
pub(super) fn threads(work: usize, parallel_from: usize) -> Threads {
    let executor = current_tract_executor();
    let count = match &executor {
        Executor::MultiThread(pool) if work >= parallel_from => pool.current_num_threads(),
        _ => 1,
    };
    Threads { executor, count }
}

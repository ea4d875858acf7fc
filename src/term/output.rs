//! Bytes on their way to the terminal: a thread of their own writes them, so that a slow line never keeps anybody from reading
//! keys.
//!
//! They are written in slices, and what is not written yet is dropped when the terminal is given back: nothing lands on the main
//! screen after a panic, and what a frame lacks is drawn with the next one.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

/// Bytes that are written at once, without looking whether they are still wanted.
const SLICE: usize = 4096;
/// How long a slice may take when the terminal is to be given back.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(5);

/// Counts how often the terminal was given back: what was meant for the time before is not written any more.
static TERM: AtomicU64 = AtomicU64::new(0);
/// Held while a slice is being written.
static WRITING: Mutex<()> = Mutex::new(());

/// Drops what is not written yet, and waits for the slice that is.
pub(super) fn drop_unwritten() {
    TERM.fetch_add(1, Ordering::SeqCst);
    let deadline = Instant::now() + PATIENCE;
    while matches!(WRITING.try_lock(), Err(TryLockError::WouldBlock)) && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}

/// The terminal's output, a handle. Bytes are kept until flushed, and then written by a thread.
#[derive(Debug, Clone)]
pub struct Output(Rc<Pending>);

#[derive(Debug)]
struct Pending {
    buffer: RefCell<Vec<u8>>,
    jobs: Sender<Job>,
    shared: Arc<Shared>,
    written: Receiver<()>,
}

/// Bytes, and the time that they are meant for.
#[derive(Debug)]
struct Job {
    bytes: Vec<u8>,
    term: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// Bytes that were flushed and are not written yet.
    unwritten: AtomicUsize,
    /// Why the thread has stopped.
    failure: Mutex<Option<io::Error>>,
}

impl Output {
    /// Starts the thread that writes to `file`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(file: File) -> io::Result<Output> {
        let (jobs, todo) = crossbeam_channel::unbounded();
        let (done, written) = crossbeam_channel::bounded(1);
        let shared = Arc::new(Shared::default());
        let on_thread = Arc::clone(&shared);
        thread::Builder::new().name("output".to_owned()).spawn(move || on_thread.work(file, &todo, &done))?;
        Ok(Output(Rc::new(Pending { buffer: RefCell::default(), jobs, shared, written })))
    }

    /// Takes back what was written and not flushed.
    pub fn take(&self) -> Vec<u8> {
        self.0.buffer.take()
    }

    /// Whether all that was flushed has gone out.
    pub fn is_written(&self) -> bool {
        self.0.shared.unwritten.load(Ordering::SeqCst) == 0
    }

    /// Something comes here each time that all has gone out.
    pub fn written(&self) -> &Receiver<()> {
        &self.0.written
    }

    /// Waits until all has gone out, but no longer than `limit`.
    pub fn wait(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.is_written() && self.0.written.recv_deadline(deadline).is_ok() {}
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.buffer.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Pending { jobs, shared, .. } = self.0.as_ref();
        if let Some(error) = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let bytes = self.take();
        if !bytes.is_empty() {
            shared.unwritten.fetch_add(bytes.len(), Ordering::SeqCst);
            // After a failure nobody takes it, and the next flush tells.
            let _ = jobs.send(Job { bytes, term: TERM.load(Ordering::SeqCst) });
        }
        Ok(())
    }
}

impl Shared {
    fn work(&self, mut file: File, todo: &Receiver<Job>, done: &Sender<()>) {
        for Job { bytes, term } in todo {
            for slice in bytes.chunks(SLICE) {
                let guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
                let written = if TERM.load(Ordering::SeqCst) == term { file.write_all(slice) } else { Ok(()) };
                drop(guard);
                if let Err(error) = written {
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    break;
                }
            }
            if self.unwritten.fetch_sub(bytes.len(), Ordering::SeqCst) == bytes.len() {
                let _ = done.try_send(());
            }
        }
    }
}

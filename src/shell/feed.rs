//! Frames from elsewhere, one after another: a thread reads what comes and keeps the newest, and another writes it to a file of
//! its own whenever the event loop asks for one. What nobody asked for in time is passed over.

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use image::{DynamicImage, ImageFormat};

use super::{News, crash};
use crate::app::FRAMES_KEPT;
use crate::gallery::{Splitter, animation};

/// Bytes read at a time.
const PIECE: usize = 1 << 16;

/// Where frames come from.
pub enum Source {
    /// JPEG and PNG images, one after another, or one animation.
    Stream(Box<dyn Read + Send>),
    /// The bytes of an animated GIF or WebP, which is played again and again.
    Animation(Vec<u8>),
}

/// The newest frame, and whether there will be more.
#[derive(Default)]
struct Latest {
    frame: Option<Vec<u8>>,
    /// Why no more come.
    over: Option<String>,
}

/// Where the newest frame waits.
#[derive(Default)]
struct Slot {
    latest: Mutex<Latest>,
    changed: Condvar,
}

impl Slot {
    fn put(&self, frame: Vec<u8>) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).frame = Some(frame);
        self.changed.notify_all();
    }

    fn close(&self, why: String) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).over = Some(why);
        self.changed.notify_all();
    }

    /// Waits for a frame that nobody has taken.
    fn take(&self) -> Result<Vec<u8>, String> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match (latest.frame.take(), &latest.over) {
                (Some(frame), _) => return Ok(frame),
                (None, Some(why)) => return Err(why.clone()),
                (None, None) => latest = self.changed.wait(latest).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Starts to read; each word on the channel asks for the newest frame, which is written below `folder`.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start(source: Source, folder: PathBuf, news: Sender<News>) -> io::Result<Sender<()>> {
    let (ask, asked) = bounded(1);
    let slot = Arc::new(Slot::default());
    let filled = Arc::clone(&slot);
    thread::Builder::new().name("frames".to_owned()).spawn(move || {
        let why = crash::caught(|| read(source, &filled)).unwrap_or_else(Err);
        filled
            .close(why.map_or_else(|error| format!("the frames stopped: {error}"), |()| "the stream has ended".into()));
    })?;
    thread::Builder::new().name("feed".to_owned()).spawn(move || hand_over(&asked, &slot, &folder, &news))?;
    Ok(ask)
}

fn hand_over(asked: &Receiver<()>, slot: &Slot, folder: &Path, news: &Sender<News>) {
    for number in 1_usize.. {
        if asked.recv().is_err() {
            return;
        }
        let path = |number: usize| folder.join(format!("frame-{number:06}"));
        let written = slot.take().and_then(|frame| {
            let path = path(number);
            fs::write(&path, frame).map_err(|error| format!("cannot keep a frame in {}: {error}", folder.display()))?;
            Ok(Arc::from(path))
        });
        if let Some(old) = number.checked_sub(FRAMES_KEPT) {
            let _ = fs::remove_file(path(old));
        }
        let is_over = written.is_err();
        if news.send(News::Frame(written)).is_err() || is_over {
            return;
        }
    }
}

fn read(source: Source, slot: &Slot) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    match source {
        Source::Animation(bytes) => play(&bytes, slot, true),
        Source::Stream(mut reader) => {
            let mut start = [0; 12];
            let known = read_up_to(&mut reader, &mut start).map_err(text)?;
            let start = &start[..known];
            if matches!(image::guess_format(start), Ok(ImageFormat::Gif | ImageFormat::WebP)) {
                let mut bytes = start.to_vec();
                reader.read_to_end(&mut bytes).map_err(text)?;
                return play(&bytes, slot, false);
            }
            let mut splitter = Splitter::default();
            splitter.feed(start).into_iter().for_each(|frame| slot.put(frame));
            let mut piece = vec![0; PIECE];
            loop {
                match reader.read(&mut piece) {
                    Ok(0) => return Ok(()),
                    Ok(count) => splitter.feed(&piece[..count]).into_iter().for_each(|frame| slot.put(frame)),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
    }
}

/// Reads until the buffer is full or there is no more.
fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut known = 0;
    while known < buffer.len() {
        match reader.read(&mut buffer[known..]) {
            Ok(0) => break,
            Ok(count) => known += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}

/// Plays an animation at its own pace, once or again and again.
fn play(bytes: &[u8], slot: &Slot, again: bool) -> Result<(), String> {
    loop {
        let frames = animation(bytes).map_err(|error| error.to_string())?.ok_or("it is no animated GIF or WebP")?;
        let mut count = 0;
        for still in frames {
            let (image, stands) = still.map_err(|error| error.to_string())?;
            slot.put(uncompressed(&image).map_err(|error| error.to_string())?);
            count += 1;
            thread::sleep(stands);
        }
        // A picture that does not move need not be looked at twice.
        if !again || count < 2 {
            return Ok(());
        }
    }
}

/// The frame as a file's bytes, without the time that compression takes.
fn uncompressed(image: &DynamicImage) -> image::ImageResult<Vec<u8>> {
    let mut bytes = Cursor::new(vec![]);
    image.write_to(&mut bytes, ImageFormat::Bmp)?;
    Ok(bytes.into_inner())
}

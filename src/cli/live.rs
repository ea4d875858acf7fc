//! `seewhy live`: frames as they come.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::{Context, bail};

use super::Ending;
use super::args::{CommonArgs, LiveArgs};
use super::interface;
use crate::gallery::animation;
use crate::shell::Source;

pub(super) fn run(args: &LiveArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let path = args.source.as_path();
    let (root, source) = if path == Path::new("-") {
        if io::stdin().is_terminal() {
            bail!(
                "`live -` reads images from standard input, and that is a terminal; for example:\n  \
                 ffmpeg -i clip.mp4 -f image2pipe -c:v mjpeg - | seewhy live -"
            );
        }
        ("live".to_owned(), Source::Stream(Box::new(io::stdin())))
    } else {
        let bytes = fs::read(path).with_context(|| format!("cannot open {}", path.display()))?;
        let is_animation = animation(&bytes).with_context(|| format!("cannot play {}", path.display()))?.is_some();
        if !is_animation {
            bail!(
                "{} is no animated GIF or WebP; for other films:\n  \
                 ffmpeg -i FILM -f image2pipe -c:v mjpeg - | seewhy live -",
                path.display()
            );
        }
        (path.to_string_lossy().into_owned(), Source::Animation(bytes))
    };
    interface::live(root, source, &args.screen, common)
}

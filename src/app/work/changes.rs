//! Images whose files are others than they were.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::app::{DreamStart, ImageId, Notice, Outcome, State};

impl State {
    /// Files were written anew, or are gone: what was known of these images is forgotten, and asked again.
    pub(in crate::app) fn changed(&mut self, paths: &[Arc<Path>]) {
        let paths: HashSet<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let named = self.entries.iter().enumerate().filter(|(_, entry)| paths.contains(&*entry.path));
        let images: HashSet<ImageId> = named.map(|(image, _)| image).collect();
        if images.is_empty() {
            return;
        }
        self.pictures.forget(|key| images.contains(&key.id));
        self.predictions.forget(|key| images.contains(&key.id));
        self.thumbnails.forget(|key| images.contains(&key.id));
        self.maps.forget(|key| images.contains(&key.image.id));
        self.refusals.retain(|key, _| !images.contains(&key.image.id));
        self.channels.forget(|key| images.contains(&key.image.id));
        self.heads.forget(|key| images.contains(&key.image.id));
        self.what_ifs.forget(|key| images.contains(&key.image.id));
        self.places.forget(|key| images.contains(&key.image.id));
        self.dreams.forget(|key| matches!(key.start, DreamStart::Image(image) if images.contains(&image)));
        // One of them may have been the most exciting.
        self.exemplars.clear();
        self.shown_map.take_if(|key| images.contains(&key.image.id));
        self.progress.take_if(|(key, ..)| images.contains(&key.image.id));
        self.activated.take_if(|(key, _)| images.contains(&key.image.id));
        for &image in &images {
            let entry = &mut self.entries[image];
            (entry.outcome, entry.loss, entry.is_doubtful) = (Outcome::Pending, None, false);
            (entry.second, entry.second_loss) = (None, None);
            self.pending.insert(image);
            self.pair.iter_mut().for_each(|pair| pair.ask_again(image));
            self.relist(image);
        }
        let what = if images.len() == 1 { "1 image has".to_owned() } else { format!("{} images have", images.len()) };
        self.notice = Some(Notice::Done(format!("{what} changed on disk")));
    }
}

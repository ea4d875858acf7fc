//! A method that stays on screen beside the others.

use super::{ImageId, Job, MapKey, Notice, Origin, Picture, Priority, Selection, State, Task, View};
use crate::explain::Values;

/// A method as it was shown, with its layer and its parameters. What it explains goes along with the selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Pin {
    /// The method's name in the registry.
    pub method: &'static str,
    pub(super) layer: Option<usize>,
    values: Values,
}

impl State {
    /// Has the selected method stay, or lets go of the one that does.
    pub(super) fn toggle_pin(&mut self) {
        let keys = |command| self.keymap.key(self.mode(), command);
        let Selection { method, layer, ref values, .. } = self.selection;
        self.notice = Some(Notice::Done(match &self.pin {
            Some(pin) => format!("{} does not stay any more", pin.method),
            None => {
                let menu = keys(super::Command::Open(super::PanelKind::Methods));
                let pin = keys(super::Command::Pin);
                format!("{method} stays: what {menu} chooses stands beside it, {pin} lets go of it")
            }
        }));
        let pin = Pin { method, layer, values: values.clone() };
        self.pin = self.pin.is_none().then_some(pin);
    }

    /// The map that stays, of an image; none where it is the selected one.
    pub(super) fn pinned_key(&self, image: ImageId) -> Option<MapKey> {
        let Pin { method, layer, values } = self.pin.clone()?;
        let key = self.map_key_of(image, &Selection { layer, method, values, ..self.selection.clone() })?;
        Some(key).filter(|key| self.map_key(image).as_ref() != Some(key))
    }

    /// What is to be done until the map that stays is there; none where it is.
    pub(super) fn pinned_step(&self, image: ImageId, priority: Priority) -> Option<Task> {
        self.prediction(image)?;
        let key = self.pinned_key(image)?;
        let is_wanted = priority == Priority::Now || self.is_quick(&key);
        let is_known = self.has_map(&key) || self.refusals.contains_key(&key);
        if is_wanted && !is_known { self.task(image, Job::Explain(key), priority) } else { None }
    }

    /// The map that stays, and beside it the selected one.
    pub(super) fn pinned_scene(&self, image: ImageId, map: Option<&MapKey>) -> Option<Vec<Picture>> {
        let view = match self.selection.view {
            View::Overlay | View::SideBySide => View::Overlay,
            View::Heat => View::Heat,
            View::Image | View::Both | View::Difference => return None,
        };
        let pinned = self.pinned_key(image).filter(|key| self.maps.contains(key))?;
        Some(vec![self.picture(image, Some(&pinned), view)?, self.picture(image, map, view)?])
    }

    /// What two pictures of different methods show, each in a few words; none where one is not the pinned map.
    pub fn captions(&self, scene: &[Picture]) -> Option<[String; 2]> {
        let [one, other] = scene else { return None };
        let key = |picture: &Picture| match &picture.key.heat.as_ref()?.of {
            Origin::Map(key) => Some(key.clone()),
            _ => None,
        };
        let pinned = key(one).filter(|key| self.pinned_key(key.image.id).as_ref() == Some(key))?;
        let shown = key(other);
        // Of one method twice, the layers or the parameters differ.
        let is_same = shown.as_ref().is_some_and(|shown| shown.method == pinned.method);
        let words = |key: &MapKey| {
            let mut words = key.method.to_owned();
            if is_same {
                let layer = self.layer_name(key).into_iter();
                let values = key.values.iter().map(|(name, value)| format!("{name}={value}"));
                words.extend(layer.chain(values).map(|word| format!("  {word}")));
            }
            words
        };
        let other = shown.as_ref().map_or_else(|| self.selection.method.to_owned(), words);
        Some([format!("stays: {}", words(&pinned)), other])
    }

    fn layer_name(&self, key: &MapKey) -> Option<String> {
        let crate::explain::LayerChoice::These(layers) = &key.layer else { return None };
        let row = self.model.as_deref()?.layers.iter().find(|row| layers.contains(&row.index))?;
        let [_, height, width] = row.shape;
        // Modules and operators repeat what stands between: `/layer4/layer4.2/relu/Relu`.
        let parts: Vec<&str> = row.name.split('/').filter(|part| !part.is_empty()).collect();
        let name = if parts.len() > 2 { parts[1..parts.len() - 1].join("/") } else { row.name.clone() };
        Some(format!("{name} {width}x{height}"))
    }
}

//! The maps of two models for the same image, method and class: side by side on one scale, or as their difference.

use std::sync::Arc;

use super::{
    Explained, Family, ImageId, ImageKey, Job, MapKey, Origin, Outcome, Picture, PictureKey, Priority, State, Target,
    Task, View,
};
use crate::explain::{LayerChoice, Sign};
use crate::raster::{Contrast, Placed, Recipe};

/// Two maps in colours that mean the same.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The maps of the first and the second model.
    keys: [MapKey; 2],
    /// Whether their values have a sign.
    pub sign: Sign,
    maps: [Arc<Explained>; 2],
    /// What the strongest colour of each alone stands for, in values that both have.
    weights: [f32; 2],
}

impl Compared {
    fn new(keys: [MapKey; 2], maps: [Arc<Explained>; 2], families: [Family; 2]) -> Compared {
        let weights = [0, 1].map(|which| maps[which].scale * unit(&maps[which], families[which]));
        Compared { keys, sign: maps[0].attribution.sign, maps, weights }
    }

    /// The value that the strongest colour stands for, of both and of their difference.
    pub fn scale(&self) -> f32 {
        self.weights[0].max(self.weights[1])
    }
}

/// What one of the map means, in raw values: maps of layers and of attention are divided by their maximum, each by its own.
fn unit(map: &Explained, family: Family) -> f32 {
    let is_divided = matches!(family, Family::Cam | Family::Attention) && map.attribution.sign == Sign::Positive;
    if is_divided { map.range.1.max(0.0) } else { 1.0 }
}

impl State {
    /// The maps of both models on screen, where they are looked at together.
    pub fn compared(&self) -> Option<&Compared> {
        self.compared.as_ref().filter(|_| self.selection.view.is_of_pair())
    }

    /// Why the maps of both models cannot be looked at together, where that is asked for.
    pub fn why_not_compared(&self) -> Option<String> {
        let image = self.current().filter(|_| self.selection.view.is_of_pair())?;
        let (pair, key) = (self.pair.as_ref()?, self.map_key(image)?);
        if let Some(reason) = self.other_failure(image) {
            return Some(reason.to_owned());
        }
        let other = self.other_map_key(image);
        let Some(other) = other else {
            let class = self.model.as_deref().map_or("?", |model| match key.target {
                Target::Class(class) | Target::Probability(class) | Target::Contrast(class, _) => {
                    model.short_label(class)
                }
                Target::Top(_) => "?",
            });
            let name = &pair.models()[1 - pair.front()].name;
            return Some(format!("{name} has no class {class}: there is nothing to hold this map against"));
        };
        self.refusals.get(&other).map(|reason| format!("{}: {reason}", pair.models()[1 - pair.front()].name))
    }

    /// The next thing to do until the other model's map of an image is there, too; none when it is, or is not looked at.
    pub(super) fn other_step(&self, image: ImageId) -> Option<Task> {
        let pair = self.pair.as_ref().filter(|_| self.selection.view.is_of_pair())?;
        let has_failed = matches!(self.entries.get(image)?.outcome, Outcome::Failed(_));
        if has_failed || self.other_failure(image).is_some() || self.front_failure(image).is_some() {
            return None;
        }
        let other = ImageKey { model: pair.models()[1 - pair.front()].id, id: image };
        if self.predictions.get(&other).is_none() {
            return self.task(image, Job::Open(other), Priority::Now);
        }
        let key = self.other_map_key(image)?;
        let is_known = self.has_map(&key) || self.refusals.contains_key(&key);
        if is_known { None } else { self.task(image, Job::Explain(key), Priority::Now) }
    }

    /// What the selection means for an image, asked of the model that is not in front; none where it lacks the class.
    fn other_map_key(&self, image: ImageId) -> Option<MapKey> {
        let pair = self.pair.as_ref()?;
        let key = self.map_key(image)?;
        let other = &pair.models()[1 - pair.front()];
        let row = other.methods.iter().find(|row| row.name == key.method)?;
        let target = pair.partner_target(key.target, pair.front())?;
        let layer = self.selection.layer.and_then(|at| pair.partner_layer(at, pair.front())).or(other.auto);
        let layer = layer.filter(|_| row.needs_layer).and_then(|at| other.layers.get(at));
        let layer = layer.map_or(LayerChoice::Auto, |row| LayerChoice::These(vec![row.index]));
        Some(MapKey { image: ImageKey { model: other.id, ..key.image }, target, layer, ..key })
    }

    /// Brings the maps that are looked at together up to date.
    pub(super) fn settle_compared(&mut self) {
        let Some(keys) = self.keys_compared() else {
            self.compared = None;
            return;
        };
        keys.iter().for_each(|key| self.maps.touch(key));
        for key in &keys {
            self.predictions.touch(&key.image);
        }
        if self.compared.as_ref().is_none_or(|compared| compared.keys != keys) {
            self.compared = self.compare_maps(keys);
        }
    }

    /// The finished maps of both models for the image on screen, the first model's first.
    fn keys_compared(&self) -> Option<[MapKey; 2]> {
        let pair = self.pair.as_ref().filter(|_| self.selection.view.is_of_pair())?;
        let image = self.current().filter(|image| self.shown == Some(*image))?;
        let keys = [self.map_key(image)?, self.other_map_key(image)?];
        if !keys.iter().all(|key| self.has_map(key)) {
            return None;
        }
        let [one, other] = keys;
        Some(if pair.front() == 0 { [one, other] } else { [other, one] })
    }

    fn compare_maps(&self, keys: [MapKey; 2]) -> Option<Compared> {
        let models = self.pair.as_ref()?.models();
        let family = |which: usize| models[which].methods.iter().find(|row| row.name == keys[which].method);
        let families = [family(0)?.family, family(1)?.family];
        let maps = [Arc::clone(self.maps.get(&keys[0])?), Arc::clone(self.maps.get(&keys[1])?)];
        Some(Compared::new(keys, maps, families))
    }

    /// The pictures of both models' maps; none where they are not looked at together, or not there yet.
    pub(super) fn compared_scene(&self) -> Option<Vec<Picture>> {
        let compared = self.compared()?;
        Some(if self.selection.view == View::Difference {
            vec![self.compared_picture(compared, None)?]
        } else {
            vec![self.compared_picture(compared, Some(0))?, self.compared_picture(compared, Some(1))?]
        })
    }

    /// The map of one of the models, or their difference.
    fn compared_picture(&self, compared: &Compared, which: Option<usize>) -> Option<Picture> {
        let key = &compared.keys[which.unwrap_or(0)];
        let ground = self.ground_of(key.image)?;
        let seen_part = |which: usize| Some(self.predictions.get(&compared.keys[which].image)?.region);
        let placed = |of: usize| {
            let region = if of == which.unwrap_or(0) {
                ground.region?
            } else {
                seen_part(of)?.within(seen_part(which.unwrap_or(0))?, ground.region?)
            };
            Some(Placed { map: Arc::clone(&compared.maps[of].shown), weight: compared.weights[of], region })
        };
        let maps = [placed(0)?, placed(1)?];
        let of = Origin::Compared(Box::new(compared.keys.clone()), which);
        Some(Picture {
            key: PictureKey { seen: ground.seen, heat: Some(self.heat_key(of, None)), ..PictureKey::of(key.image) },
            recipe: Recipe::Contrast(Contrast {
                base: ground.base,
                maps,
                which,
                colouring: self.colouring(compared.sign),
            }),
        })
    }
}

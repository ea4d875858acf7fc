//! What was asked for, as a number: the same request has the same one, in every version and on every machine.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Explanation, Question, RunOptions, Session};
use crate::explain::Param;
use crate::model::{Classifier, ModelSource};

/// What was asked for, so short that every file can carry it: a number each for the image, the model, the target, the layer,
/// and the rest. Two requests are the same where all five are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity(pub(super) [u32; 5]);

impl Identity {
    /// The identity of a map. The target is resolved for the image, the layer as the map names it.
    pub(super) fn of_map(session: &Session, what: &Explanation<'_>, layer: Option<&str>) -> Identity {
        let (classifier, RunOptions { decoding, seed, tolerance, .. }) = (session.classifier(), session.options());
        let Question { method, target, values, .. } = what.question;
        let value = |param: &Param| values.get(param.name).cloned().unwrap_or_else(|| param.default_value());
        let params = method.params().map(|param| format!("{}={}", param.name, value(param)));
        let settings = classifier.settings().rows().into_iter().map(|(name, value, _)| format!("{name}={value}"));
        let output = classifier.output();
        let tolerance = tolerance.map_or_else(|| "none".to_owned(), |tolerance| tolerance.to_string());
        let rest = [
            format!("{} seed={seed} tolerance={tolerance} raw={} {decoding}", method.name, what.raw),
            format!("output={} activation={}", output.name, output.activation.value),
        ];
        let rest: Vec<String> = rest.into_iter().chain(params).chain(settings).collect();
        let layer = layer.unwrap_or_default();
        Identity::new(what.image, classifier.source(), &target.to_string(), layer, &rest.join("\n"))
    }

    /// The identity of what a model without an image, or with one, holds in a layer: `what` says what of it.
    pub(super) fn of_layer(session: &Session, image: &Path, layer: &str, what: &str) -> Identity {
        let classifier = session.classifier();
        let settings = classifier.settings().rows().into_iter().map(|(name, value, _)| format!("{name}={value}"));
        let rest: Vec<String> =
            [format!("{what} {}", session.options().decoding)].into_iter().chain(settings).collect();
        Identity::new(image, classifier.source(), "", layer, &rest.join("\n"))
    }

    /// The identity of a picture of an image that shows `what` of a layer.
    pub fn of_picture(image: &Path, classifier: &Classifier, layer: &str, what: &str) -> Identity {
        Identity::new(image, classifier.source(), "", layer, what)
    }

    fn new(image: &Path, model: &ModelSource, target: &str, layer: &str, rest: &str) -> Identity {
        let real = |path: &Path| {
            let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            let real = path.canonicalize().unwrap_or_else(|_| absolute());
            real.as_os_str().as_encoded_bytes().to_vec()
        };
        let model = match model {
            ModelSource::Builtin => b"builtin".to_vec(),
            ModelSource::Path(path) => real(path),
        };
        Identity([&real(image), &model, target.as_bytes(), layer.as_bytes(), rest.as_bytes()].map(hash))
    }

    /// What is not the same: image, model, target, layer, the rest.
    pub(super) fn differences(&self, other: &Identity) -> [bool; 5] {
        [0, 1, 2, 3, 4].map(|part| self.0[part] != other.0[part])
    }
}

/// FNV-1a, folded to 32 bits: the same in every version and on every machine.
fn hash(bytes: &[u8]) -> u32 {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 32)) as u32
}

/// `1f2e3d4c-...`, eight hexadecimal digits a part.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|part| format!("{part:08x}")).join("-"))
    }
}

impl FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Result<Vec<u32>, _> = text.split('-').map(|part| u32::from_str_radix(part, 16)).collect();
        Ok(Identity(parts.map_err(|_| ())?.try_into().map_err(|_| ())?))
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_is_written() {
        let identity = Identity([0, 1, 0xffff_ffff, 7, 0x1234_5678]);
        assert_eq!(identity.to_string().parse(), Ok(identity));
        for text in ["", "1-2-3-4", "1-2-3-4-5-6", "x-1-2-3-4"] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}

//! The sidecar: a TOML file beside the model that says how its input is prepared. `resnet.onnx` has `resnet.toml`.
//!
//! ```toml
//! input_size = "224x224"       # WIDTHxHEIGHT, or one number for a square
//! resize = "shortest:256"      # shortest:N, squash, squash:WxH, letterbox, inside:WxH, cover:WxH, centre:KEPT/OF or none
//! crop = "224x224"             # the centre that is kept after resizing
//! interpolation = "bilinear"   # nearest, bilinear, bicubic or lanczos, antialiased as in Pillow
//! range = "0..1"               # to what pixels are scaled: 0..1, 0..255 or -1..1
//! mean = [0.485, 0.456, 0.406] # subtracted from these values; red, green, blue, or one number
//! std = [0.229, 0.224, 0.225]  # then divided by this
//! channel_order = "rgb"        # or bgr
//! layout = "nchw"              # or nhwc; found from the shapes where left out
//! labels = "labels.txt"        # lines, CSV, JSON, YAML or pbtxt; or the names themselves: ["cat", "dog"]
//! labels_offset = 0            # name i is that of class i + 0; 1 where class 0 is a background without a name
//! folders = "synsets.txt"      # the folder names of the classes, where they differ from the labels
//! output = "logits"            # which output holds the scores, where there are several
//! activation = "softmax"       # what makes probabilities of them: softmax, sigmoid or none
//! threshold = 0.5              # from which probability on a class is said, where several may be
//! ```
//!
//! Every key may be left out; paths count from the folder of the sidecar.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::error::ModelProblem;
use super::settings::{LabelSource, Overrides, Size};

/// No sidecar is longer, in bytes.
const LONGEST: u64 = 1 << 20;

/// The keys, as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    #[serde(alias = "input-size")]
    input_size: Option<Sides>,
    resize: Option<Word>,
    crop: Option<Sides>,
    interpolation: Option<Word>,
    range: Option<Word>,
    mean: Option<Numbers>,
    std: Option<Numbers>,
    #[serde(alias = "channel-order")]
    channel_order: Option<Word>,
    layout: Option<Word>,
    labels: Option<LabelSource>,
    folders: Option<LabelSource>,
    output: Option<String>,
    activation: Option<Word>,
    threshold: Option<f32>,
    #[serde(alias = "labels-offset")]
    labels_offset: Option<i64>,
}

/// A word with the type that it stands for still open.
#[derive(Debug, Deserialize)]
struct Word(String);

/// `"224x224"`, `224`, or `[height, width]`.
#[derive(Debug)]
struct Sides(Size);

impl<'de> Deserialize<'de> for Sides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Forms {
            Text(String),
            Side(u32),
            Sides([u32; 2]),
        }
        let expected = "a size: \"WIDTHxHEIGHT\" or one number";
        let size =
            match Forms::deserialize(deserializer).map_err(|_| D::Error::custom(format!("expected {expected}")))? {
                Forms::Text(text) => return text.parse().map(Sides).map_err(D::Error::custom),
                Forms::Side(side) => Size::square(side),
                Forms::Sides([height, width]) => Size::new(width, height),
            };
        size.map(Sides)
            .ok_or_else(|| D::Error::custom(format!("expected {expected}, each from 1 to {}", Size::LONGEST)))
    }
}

/// One number or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(f32),
    Several(Vec<f32>),
}

impl From<Numbers> for Vec<f32> {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::One(number) => vec![number],
            Numbers::Several(numbers) => numbers,
        }
    }
}

/// Where a model's sidecar may be: beside the file, with its suffix replaced or kept; for a folder also beside or in it.
pub(super) fn candidates(onnx: &Path, named: &Path) -> Vec<PathBuf> {
    let appended = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".toml");
        PathBuf::from(name)
    };
    let mut paths = vec![onnx.with_extension("toml"), appended(onnx)];
    if named != onnx {
        paths.push(named.join("model.toml"));
        if named.file_name().is_some() {
            paths.push(appended(&named.components().collect::<PathBuf>()));
        }
    }
    paths
}

impl Overrides {
    /// Reads settings from a TOML file with the keys of a sidecar.
    ///
    /// # Errors
    /// When the file cannot be read, or a key or value in it is wrong.
    pub fn from_sidecar(path: &Path) -> Result<Overrides, ModelProblem> {
        read(path)
    }
}

/// Reads a sidecar.
pub(super) fn read(path: &Path) -> Result<Overrides, ModelProblem> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = super::labels::read_text(path, LONGEST)?;
    parse(&text, folder).map_err(|message| ModelProblem::Setting { origin: path.display().to_string(), message })
}

/// Reads the text of a sidecar that lies in `folder`.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Overrides, String> {
    fn word<T: std::str::FromStr<Err = String>>(key: &str, word: Option<Word>) -> Result<Option<T>, String> {
        word.map(|Word(word)| word.parse().map_err(|message| format!("{key}: {message}"))).transpose()
    }
    let keys: Keys = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        line.map_or(message.clone(), |line| format!("line {line}: {message}"))
    })?;
    let beside = |source| match source {
        LabelSource::File(path) => LabelSource::File(folder.join(path)),
        names @ LabelSource::Names(_) => names,
    };
    Ok(Overrides {
        input_size: keys.input_size.map(|sides| sides.0),
        resize: word("resize", keys.resize)?,
        crop: keys.crop.map(|sides| sides.0),
        interpolation: word("interpolation", keys.interpolation)?,
        range: word("range", keys.range)?,
        mean: keys.mean.map(Into::into),
        std: keys.std.map(Into::into),
        channel_order: word("channel_order", keys.channel_order)?,
        layout: word("layout", keys.layout)?,
        labels: keys.labels.map(beside),
        folders: keys.folders.map(beside),
        output: keys.output,
        activation: word("activation", keys.activation)?,
        threshold: keys.threshold.map(threshold).transpose()?,
        labels_offset: keys.labels_offset,
        ..Overrides::default()
    })
}

/// A threshold, if it is a probability.
fn threshold(value: f32) -> Result<f32, String> {
    let is_probability = (0.0..=1.0).contains(&value);
    if is_probability {
        Ok(value)
    } else {
        Err(format!("threshold: {value} is not a probability, a number from 0 to 1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Resize;

    /// The example above is what the documentation says; it must work as written.
    #[test]
    fn the_documented_example_is_understood() {
        let source = include_str!("sidecar.rs");
        let example: Vec<&str> = source.lines().skip_while(|line| *line != "//! ```toml").skip(1).collect();
        let example = example.iter().take_while(|line| **line != "//! ```").map(|line| line.trim_start_matches("//! "));
        let says = parse(&example.collect::<Vec<_>>().join("\n"), Path::new("models")).unwrap();
        assert_eq!(says.input_size, Size::square(224));
        assert_eq!(says.resize, Some(Resize::Shortest(256)));
        assert_eq!(says.std, Some(vec![0.229, 0.224, 0.225]));
        assert_eq!(says.labels, Some(LabelSource::File("models/labels.txt".into())));
    }

    #[test]
    fn sizes_and_numbers_have_several_forms() {
        let says = parse("input-size = 32\ncrop = [20, 30]\nmean = 0.5\nlabels = ['a', 'b']", Path::new("")).unwrap();
        assert_eq!(says.input_size, Size::square(32));
        assert_eq!(says.crop, Size::new(30, 20));
        assert_eq!(says.mean, Some(vec![0.5]));
        assert_eq!(says.labels, Some(LabelSource::Names(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn mistakes_name_the_key_or_the_line() {
        for (text, expected) in [
            ("resize = 'squash'\nmeen = 0.5", "meen"),
            ("mean = 0.5\ninput_size = 'big'", "line 2"),
            ("resize = 'shortest'", "resize: "),
            ("mean = [", "line 1"),
            ("input_size = 0", "from 1 to"),
        ] {
            let message = parse(text, Path::new("")).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}

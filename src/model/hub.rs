//! The files that Hugging Face's Optimum and timm write beside a model, and the metadata that Ultralytics writes into it.
//!
//! What the fields mean was read from the image processors of transformers 4.5x, timm's `create_transform` and
//! Ultralytics' `classify_transforms`. Fields that we do not know change nothing.

use serde_json::Value;

use super::error::ModelProblem;
use super::labels;
use super::onnx_file::OnnxFile;
use super::scores::OutputActivation;
use super::settings::{ChannelOrder, LabelSource, Overrides, Resize, Size};
use crate::raster::resize::Filter;
use crate::text::Literal;

/// What `preprocessor_config.json` says.
pub(super) fn preprocessor(config: &Value) -> Overrides {
    if let Some(timm) = config.get("pretrained_cfg") {
        return pretrained(timm);
    }
    let kind = ["image_processor_type", "feature_extractor_type"].iter().find_map(|key| config.get(*key)?.as_str());
    let kind = Kind::of(kind.unwrap_or_default());
    let wanted = |key| config.get(key).and_then(Value::as_bool);
    let size = config.get("size").and_then(|size| Sides::of(size, kind));
    let crop = config.get("crop_size").and_then(|size| Sides::of(size, Kind::Square)).and_then(Sides::exact);
    let mut says = Overrides {
        interpolation: config.get("resample").and_then(Value::as_u64).and_then(resample),
        crop: crop.filter(|_| wanted("do_center_crop").unwrap_or(kind != Kind::Square)),
        channel_order: wanted("do_flip_channel_order").filter(|flip| *flip).map(|_| ChannelOrder::Bgr),
        ..Overrides::default()
    };
    if wanted("do_resize") == Some(false) {
        says.resize = Some(Resize::Keep);
    } else {
        resize(&mut says, size, kind, config.get("crop_pct").and_then(Value::as_f64));
    }
    normalise(&mut says, config);
    says.input_size = says.crop.or_else(|| size.and_then(Sides::exact));
    says
}

/// The families of image processors, by what a size that is one number means to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Both sides: `ViT`, Swin, `BEiT`, `DeiT`.
    Square,
    /// The shorter side: CLIP, BiT, MobileNet, MobileViT.
    Shortest,
    /// The side of the crop, out of an image that is larger by the crop's percentage: ConvNeXT, ResNet, RegNet, PoolFormer.
    Percentage,
    /// The same with 224/256: LeViT.
    Levit,
}

impl Kind {
    fn of(processor: &str) -> Kind {
        let begins = |names: &[&str]| names.iter().any(|name| processor.starts_with(name));
        match () {
            () if begins(&["ConvNext", "PoolFormer"]) => Kind::Percentage,
            () if begins(&["Levit"]) => Kind::Levit,
            () if begins(&["CLIP", "ChineseCLIP", "Bit", "MobileNet", "MobileViT", "EfficientFormer"]) => {
                Kind::Shortest
            }
            () => Kind::Square,
        }
    }
}

/// A size as transformers writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sides {
    Exact(Size),
    Shortest(u32),
}

impl Sides {
    fn of(value: &Value, kind: Kind) -> Option<Sides> {
        let side = |value: &Value| value.as_u64().and_then(|side| u32::try_from(side).ok());
        if let Some(side) = side(value) {
            return match kind {
                Kind::Square => Size::square(side).map(Sides::Exact),
                _ => Some(Sides::Shortest(side)),
            };
        }
        if let Some(list) = value.as_array() {
            let [height, width] = &list[..] else { return None };
            return Size::new(side(width)?, side(height)?).map(Sides::Exact);
        }
        let of = |key| value.get(key).and_then(side);
        let exact = || Size::new(of("width")?, of("height")?).map(Sides::Exact);
        of("shortest_edge").map(Sides::Shortest).or_else(exact)
    }

    fn exact(self) -> Option<Size> {
        match self {
            Sides::Exact(size) => Some(size),
            Sides::Shortest(side) => Size::square(side),
        }
    }
}

/// From this side on, ConvNeXT's processor squashes instead of cropping.
const LARGE: u32 = 384;

fn resize(says: &mut Overrides, size: Option<Sides>, kind: Kind, percentage: Option<f64>) {
    let crop_from = |side: u32, fraction: f64| Resize::Shortest((f64::from(side) / fraction) as u32);
    says.resize = match (size, kind) {
        (Some(size), Kind::Percentage) if size.exact().is_some_and(|size| size.width >= LARGE) => {
            Some(Resize::Squash(size.exact()))
        }
        (Some(size), Kind::Percentage) => {
            let side = size.exact().map_or(0, |size| size.width.min(size.height));
            says.crop = says.crop.or(Size::square(side));
            let fraction = percentage.filter(|fraction| *fraction > 0.0 && *fraction <= 1.0);
            Some(crop_from(side, fraction.unwrap_or(224.0 / 256.0)))
        }
        (Some(Sides::Shortest(side)), Kind::Levit) => Some(crop_from(side, 224.0 / 256.0)),
        (Some(Sides::Shortest(side)), _) => Some(Resize::Shortest(side)),
        (Some(Sides::Exact(size)), _) => Some(Resize::Squash(Some(size))),
        (None, _) => None,
    };
}

/// Pillow's numbers for its filters.
fn resample(number: u64) -> Option<Filter> {
    [Filter::Nearest, Filter::Lanczos, Filter::Bilinear, Filter::Bicubic].get(usize::try_from(number).ok()?).copied()
}

/// Mean and deviation, brought to pixels in `[0, 1]` where the file scales them otherwise.
fn normalise(says: &mut Overrides, config: &Value) {
    let wanted = |key| config.get(key).and_then(Value::as_bool).unwrap_or(true);
    let known = config.get("do_normalize").is_some() || config.get("image_mean").is_some();
    let (mut mean, mut std) = (vec![0.0], vec![1.0]);
    if wanted("do_normalize") {
        let numbers = |key| config.get(key).and_then(numbers);
        let (Some(given_mean), Some(given_std)) = (numbers("image_mean"), numbers("image_std")) else { return };
        (mean, std) = (given_mean, given_std);
    } else if !known {
        return;
    }
    // x * factor = (x / 255) * (factor * 255): what we divide by shrinks by the same.
    let factor = if wanted("do_rescale") { config.get("rescale_factor").and_then(Value::as_f64) } else { Some(1.0) };
    let unit = factor.filter(|factor| *factor > 0.0).map_or(1.0, |factor| factor * 255.0);
    if (unit - 1.0).abs() > 1e-6 {
        let scale =
            |values: &mut Vec<f32>| values.iter_mut().for_each(|value| *value = (f64::from(*value) / unit) as f32);
        scale(&mut mean);
        scale(&mut std);
    }
    (says.mean, says.std) = (Some(mean), Some(std));
}

fn numbers(value: &Value) -> Option<Vec<f32>> {
    let number = |value: &Value| value.as_f64().map(|number| number as f32);
    match value {
        Value::Array(values) => values.iter().map(number).collect(),
        value => number(value).map(|number| vec![number]),
    }
}

/// What `config.json` says: the names of the classes, and for timm how it was trained.
pub(super) fn config(config: &Value) -> Overrides {
    let mut says = config.get("pretrained_cfg").map(pretrained).unwrap_or_default();
    let timm_names = config.get("label_names").or_else(|| config.get("pretrained_cfg")?.get("label_names"));
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    if let Some(names) = timm_names.and_then(Value::as_array) {
        let names: Option<Vec<String>> = names.iter().map(text).collect();
        let descriptions = config.get("label_descriptions");
        let described = |name: &String| descriptions?.get(name).and_then(text);
        if let Some(names) = names {
            let descriptions: Option<Vec<String>> = names.iter().map(described).collect();
            match descriptions {
                Some(descriptions) => {
                    says.labels = Some(LabelSource::Names(descriptions));
                    says.folders = Some(LabelSource::Names(names));
                }
                None => says.labels = Some(LabelSource::Names(names)),
            }
        }
    }
    says.activation = config.get("problem_type").and_then(Value::as_str).and_then(|kind| match kind {
        "single_label_classification" => Some(OutputActivation::Softmax),
        "multi_label_classification" => Some(OutputActivation::Sigmoid),
        "regression" => Some(OutputActivation::None),
        _ => None,
    });
    let names = config.get("id2label").and_then(labels::by_index);
    // Without names of its own, transformers writes LABEL_0, LABEL_1, ...
    let invented =
        |names: &Vec<String>| names.iter().enumerate().all(|(index, name)| *name == format!("LABEL_{index}"));
    if let Some(names) = names.filter(|names| !invented(names)) {
        says.labels = says.labels.or(Some(LabelSource::Names(names)));
    }
    says
}

/// timm's `pretrained_cfg`.
fn pretrained(config: &Value) -> Overrides {
    let text = |key| config.get(key).and_then(Value::as_str);
    let input = config.get("input_size").and_then(Value::as_array).and_then(|sides| {
        let side = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let [_, height, width] = &sides[..] else { return None };
        Size::new(side(width)?, side(height)?)
    });
    let fraction = config.get("crop_pct").and_then(Value::as_f64).filter(|fraction| *fraction > 0.0).unwrap_or(0.875);
    let larger = |side: u32| (f64::from(side) / fraction).floor() as u32;
    let resize = input.map(|Size { width, height }| match text("crop_mode") {
        Some("squash") => Resize::Squash(Size::new(larger(width), larger(height))),
        Some("border") if fraction >= 1.0 => Resize::Letterbox,
        _ => Resize::Shortest(larger(width.min(height))),
    });
    Overrides {
        input_size: input,
        resize,
        crop: input.filter(|_| resize != Some(Resize::Letterbox)),
        interpolation: text("interpolation").and_then(|word| word.parse().ok()),
        mean: config.get("mean").and_then(numbers),
        std: config.get("std").and_then(numbers),
        ..Overrides::default()
    }
}

/// What Ultralytics wrote into the metadata of an export; nothing for other models.
pub(super) fn metadata(file: &OnnxFile) -> Result<Overrides, ModelProblem> {
    let literal = |key| file.property(key).and_then(Literal::parse);
    let mut says = Overrides { labels: literal("names").and_then(|names| names_of(&names)), ..Overrides::default() };
    let ultralytics = file.property("author").is_some_and(|author| author.contains("Ultralytics"));
    if !ultralytics && file.property("imgsz").is_none() {
        return Ok(says);
    }
    if let Some(task) = file.property("task").filter(|task| *task != "classify") {
        return Err(ModelProblem::NotClassifier(format!("Ultralytics exported it for the task {task:?}")));
    }
    let size = literal("imgsz").and_then(|size| {
        let side = |value: &Literal| value.index().and_then(|side| u32::try_from(side).ok());
        match size.items() {
            Some([height, width]) => Size::new(side(width)?, side(height)?),
            _ => Size::square(side(&size)?),
        }
    });
    says.input_size = size;
    says.resize = size.map(|size| Resize::Shortest(size.width.min(size.height)));
    says.crop = size;
    says.interpolation = Some(Filter::Bilinear);
    says.mean = Some(vec![0.0]);
    says.std = Some(vec![1.0]);
    Ok(says)
}

fn names_of(names: &Literal) -> Option<LabelSource> {
    let text = |name: &Literal| name.text().map(ToOwned::to_owned);
    let names = match names {
        Literal::Dict(entries) => {
            let named: Option<Vec<_>> =
                entries.iter().map(|(index, name)| Some((index.index()?, text(name)?))).collect();
            labels::in_order(named?)
        }
        names => names.items()?.iter().map(text).collect(),
    };
    names.map(LabelSource::Names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn size(side: u32) -> Size {
        Size::square(side).unwrap()
    }

    #[test]
    fn vit_squashes() {
        let says = preprocessor(&json!({
            "do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": "ViTImageProcessor", "image_std": [0.5, 0.5, 0.5], "resample": 2,
            "rescale_factor": 0.003_921_568_627_450_98, "size": {"height": 224, "width": 224}
        }));
        assert_eq!(says.resize, Some(Resize::Squash(Some(size(224)))));
        assert_eq!((says.crop, says.input_size), (None, Some(size(224))));
        assert_eq!((says.mean, says.std), (Some(vec![0.5; 3]), Some(vec![0.5; 3])));
        assert_eq!(says.interpolation, Some(Filter::Bilinear));
    }

    #[test]
    fn convnext_crops_by_a_percentage_and_squashes_when_large() {
        let config = |side| {
            json!({"feature_extractor_type": "ConvNextFeatureExtractor", "size": side, "crop_pct": 0.875,
            "resample": 3, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]})
        };
        let says = preprocessor(&config(224));
        assert_eq!((says.resize, says.crop), (Some(Resize::Shortest(256)), Some(size(224))));
        assert_eq!(says.interpolation, Some(Filter::Bicubic));
        assert_eq!(preprocessor(&config(384)).resize, Some(Resize::Squash(Some(size(384)))));
    }

    #[test]
    fn mobilenet_resizes_the_shorter_side_and_crops() {
        let says = preprocessor(&json!({"image_processor_type": "MobileNetV2ImageProcessor", "do_center_crop": true,
            "size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 2,
            "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}));
        assert_eq!(
            (says.resize, says.crop, says.input_size),
            (Some(Resize::Shortest(256)), Some(size(224)), Some(size(224)))
        );
    }

    #[test]
    fn other_scales_are_brought_to_the_unit_interval() {
        let says = preprocessor(&json!({"do_rescale": false, "do_normalize": true, "size": 224,
            "image_mean": [127.5], "image_std": [127.5]}));
        assert_eq!((says.mean, says.std), (Some(vec![0.5]), Some(vec![0.5])));
        let says = preprocessor(&json!({"do_normalize": false, "do_flip_channel_order": true, "size": 224}));
        assert_eq!(
            (says.mean, says.std, says.channel_order),
            (Some(vec![0.0]), Some(vec![1.0]), Some(ChannelOrder::Bgr))
        );
    }

    #[test]
    fn timm_says_how_it_was_trained_and_names_its_classes() {
        let says = config(&json!({
            "architecture": "resnet18", "num_classes": 2,
            "label_names": ["n01440764", "n01443537"],
            "label_descriptions": {"n01440764": "tench, Tinca tinca", "n01443537": "goldfish"},
            "pretrained_cfg": {"input_size": [3, 288, 288], "crop_pct": 0.95, "crop_mode": "center",
                "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
        }));
        assert_eq!((says.resize, says.crop), (Some(Resize::Shortest(303)), Some(size(288))));
        assert_eq!(says.labels, Some(LabelSource::Names(vec!["tench, Tinca tinca".into(), "goldfish".into()])));
        assert_eq!(says.folders, Some(LabelSource::Names(vec!["n01440764".into(), "n01443537".into()])));
    }

    #[test]
    fn id2label_counts_unless_it_was_made_up() {
        let says = config(&json!({"id2label": {"0": "cat", "1": "dog"}}));
        assert_eq!(says.labels, Some(LabelSource::Names(vec!["cat".into(), "dog".into()])));
        assert_eq!(config(&json!({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}})).labels, None);
    }
}

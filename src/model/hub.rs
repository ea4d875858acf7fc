//! The files that Hugging Face's Optimum and timm write beside a model.
//!
//! What the fields mean was read from timm's `create_transform`; for those of transformers see `processor`.

use serde_json::Value;

use super::labels;
use super::processor;
use super::settings::{LabelSource, Overrides, Range, Resize, Size};
use crate::network::OutputActivation;
use crate::raster::resize::Filter;

/// What `preprocessor_config.json` says.
pub(super) fn preprocessor(config: &Value) -> Overrides {
    config.get("pretrained_cfg").map_or_else(|| processor::preprocessor(config), pretrained)
}

/// What `processor_config.json` says, where the processor of images is one of several.
pub(super) fn processors(config: &Value) -> Overrides {
    config.get("image_processor").map(preprocessor).unwrap_or_default()
}

/// One number or a list of them.
pub(super) fn numbers(value: &Value) -> Option<Vec<f32>> {
    let number = |value: &Value| value.as_f64().map(|number| number as f32);
    match value {
        Value::Array(values) => values.iter().map(number).collect(),
        value => number(value).map(|number| vec![number]),
    }
}

/// What `config.json` says: the names of the classes, and for timm how it was trained.
pub(super) fn config(config: &Value) -> Overrides {
    // timm once wrote what is in `pretrained_cfg` beside the rest.
    let beside = config.get("architecture").and(config.get("input_size")).map(|_| config);
    let mut says = config.get("pretrained_cfg").or(beside).map(pretrained).unwrap_or_default();
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
    let scaled = input.and_then(|Size { width, height }| Size::new(larger(width), larger(height)));
    let resize = scaled.map(|scaled| match text("crop_mode") {
        Some("squash") => Resize::Squash(Some(scaled)),
        Some("border") => Resize::Inside(scaled),
        _ if scaled.width == scaled.height => Resize::Shortest(scaled.width),
        _ => Resize::Cover(scaled),
    });
    let kernel = text("interpolation");
    let interpolation = kernel.and_then(|word| word.parse().ok());
    let mut ignored = vec![];
    if let Some(kernel) = kernel.filter(|_| interpolation.is_none()) {
        ignored.push(format!("interpolation {kernel}"));
    }
    if let Some(mode) = text("crop_mode").filter(|mode| !["center", "squash", "border"].contains(mode)) {
        ignored.push(format!("crop_mode {mode}"));
    }
    if config.get("crop_border_pixels").and_then(Value::as_u64).is_some_and(|border| border > 0) {
        ignored.push("crop_border_pixels".into());
    }
    let (mean, std) = (config.get("mean").and_then(numbers), config.get("std").and_then(numbers));
    Overrides {
        input_size: input,
        resize,
        crop: input,
        // timm leaves the kernel at its default where it covers an oblong input.
        interpolation: if matches!(resize, Some(Resize::Cover(_))) { Some(Filter::Bilinear) } else { interpolation },
        range: mean.as_ref().and(std.as_ref()).map(|_| Range::Unit),
        mean,
        std,
        ignored,
        ..Overrides::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn size(side: u32) -> Size {
        Size::square(side).unwrap()
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
    fn timm_pads_squashes_and_covers() {
        let says = |mode: &str, width: u32| {
            pretrained(
                &json!({"input_size": [3, 32, width], "crop_pct": 0.8, "crop_mode": mode, "interpolation": "bicubic",
                "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}),
            )
        };
        assert_eq!(says("border", 32).resize, Some(Resize::Inside(size(40))));
        assert_eq!(
            (says("squash", 32).resize, says("squash", 32).crop),
            (Some(Resize::Squash(Some(size(40)))), Some(size(32)))
        );
        let oblong = says("center", 64);
        assert_eq!(
            (oblong.resize, oblong.interpolation),
            (Some(Resize::Cover(Size::new(80, 40).unwrap())), Some(Filter::Bilinear))
        );
        assert_eq!(says("mirror", 32).ignored, ["crop_mode mirror"]);
    }

    #[test]
    fn the_kind_of_problem_says_what_the_scores_are() {
        let activation = |kind| config(&json!({"problem_type": kind})).activation;
        assert_eq!(activation("single_label_classification"), Some(OutputActivation::Softmax));
        assert_eq!(activation("multi_label_classification"), Some(OutputActivation::Sigmoid));
        assert_eq!(activation("regression"), Some(OutputActivation::None));
        assert_eq!(config(&json!({"problem_type": null})).activation, None);
    }

    #[test]
    fn id2label_counts_unless_it_was_made_up() {
        let says = config(&json!({"id2label": {"0": "cat", "1": "dog"}}));
        assert_eq!(says.labels, Some(LabelSource::Names(vec!["cat".into(), "dog".into()])));
        assert_eq!(config(&json!({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}})).labels, None);
    }
}

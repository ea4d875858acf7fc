//! `preprocessor_config.json`, as Hugging Face's image processors write it.
//!
//! What the fields mean, and what counts where one is left out, was read from the processors of transformers 4.57; the numbers
//! are theirs. A field that changes pixels and is not known here is named as ignored.

use serde_json::Value;

use super::decide::{IMAGENET_MEAN, IMAGENET_STD};
use super::hub::numbers;
use super::settings::{ChannelOrder, Middle, Overrides, Range, Resize, Size};
use crate::raster::resize::Filter;

/// What a processor does with a size, and with one that is a single number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Squashes to it; one number is both sides.
    Square,
    /// One number is the shorter side.
    Shortest,
    /// The side of the crop, out of an image that is larger by a percentage; from 384 on, squashes. ConvNeXT.
    ConvNext,
    /// The side of the crop, out of an image that is larger by a percentage, where there is one. PoolFormer.
    PoolFormer,
    /// The shorter side of an image that is larger by 256/224. LeViT.
    Levit,
    /// Crops a square first, the size's share of the crop's, and then squashes. Perceiver.
    CropFirst,
}

/// Means and deviations that processors are born with.
type Normalisation = ([f32; 3], [f32; 3]);
const STANDARD: Normalisation = ([0.5; 3], [0.5; 3]);
const IMAGENET: Normalisation = (IMAGENET_MEAN, IMAGENET_STD);
const CLIP: Normalisation = ([0.481_454_66, 0.457_827_5, 0.408_210_72], [0.268_629_54, 0.261_302_6, 0.275_777_1]);

/// A family of processors, and what counts where the file says nothing.
struct Family {
    /// How the names of its classes begin.
    name: &'static str,
    kind: Kind,
    size: u32,
    /// The side of the crop; None where it does not crop unless told.
    crop: Option<u32>,
    filter: Filter,
    normalisation: Option<Normalisation>,
}

const fn family(
    name: &'static str,
    kind: Kind,
    size: u32,
    crop: Option<u32>,
    filter: Filter,
    normalisation: Option<Normalisation>,
) -> Family {
    Family { name, kind, size, crop, filter, normalisation }
}

/// Those that classifiers come with.
const FAMILIES: [Family; 22] = [
    family("ViTHybrid", Kind::Shortest, 224, Some(224), Filter::Bicubic, Some(CLIP)),
    family("ViT", Kind::Square, 224, None, Filter::Bilinear, Some(STANDARD)),
    family("DeiT", Kind::Square, 256, Some(224), Filter::Bicubic, Some(STANDARD)),
    family("Beit", Kind::Square, 256, Some(224), Filter::Bicubic, Some(STANDARD)),
    family("ConvNext", Kind::ConvNext, 384, None, Filter::Bilinear, Some(STANDARD)),
    family("PoolFormer", Kind::PoolFormer, 224, Some(224), Filter::Bicubic, Some(IMAGENET)),
    family("Levit", Kind::Levit, 224, Some(224), Filter::Bicubic, Some(IMAGENET)),
    family("CLIP", Kind::Shortest, 224, Some(224), Filter::Bicubic, Some(CLIP)),
    family("ChineseCLIP", Kind::Shortest, 224, Some(224), Filter::Bicubic, Some(CLIP)),
    family("Bit", Kind::Shortest, 224, Some(224), Filter::Bicubic, Some(CLIP)),
    family("MobileNet", Kind::Shortest, 256, Some(224), Filter::Bilinear, Some(STANDARD)),
    family("MobileViT", Kind::Shortest, 224, Some(256), Filter::Bilinear, None),
    family("EfficientFormer", Kind::Square, 224, Some(224), Filter::Bicubic, Some(IMAGENET)),
    family("EfficientNet", Kind::Square, 346, None, Filter::Nearest, Some(STANDARD)),
    family("Perceiver", Kind::CropFirst, 224, Some(256), Filter::Bicubic, Some(IMAGENET)),
    family("Siglip", Kind::Square, 224, None, Filter::Bicubic, Some(STANDARD)),
    family("Segformer", Kind::Square, 512, None, Filter::Bilinear, Some(IMAGENET)),
    family("Pvt", Kind::Square, 224, None, Filter::Bilinear, Some(IMAGENET)),
    family("Flava", Kind::Square, 224, Some(224), Filter::Bicubic, Some(CLIP)),
    family("VideoMAE", Kind::Shortest, 224, Some(224), Filter::Bilinear, Some(IMAGENET)),
    family("Vivit", Kind::Shortest, 256, Some(224), Filter::Bilinear, Some(STANDARD)),
    family("DINOv3ViT", Kind::Square, 224, None, Filter::Bilinear, Some(IMAGENET)),
];

/// The fields that are obeyed, or that change no pixel.
const KNOWN: [&str; 7] = [
    "do_resize",
    "do_center_crop",
    "do_rescale",
    "do_normalize",
    "do_flip_channel_order",
    "do_convert_rgb",
    "do_reduce_labels",
];

/// Other fields that change pixels, unless they are empty, false or 1.
const CHANGING: [&str; 11] = [
    "size_divisor",
    "ensure_multiple_of",
    "keep_aspect_ratio",
    "pad_size",
    "patch_size",
    "max_num_patches",
    "clusters",
    "min_pixels",
    "max_pixels",
    "tile_size",
    "auto_map",
];

/// Reads it. Python's truth counts: a field that is null is false, one that is missing has the family's default.
pub(super) fn preprocessor(config: &Value) -> Overrides {
    let name = ["image_processor_type", "feature_extractor_type"].iter().find_map(|key| config.get(*key)?.as_str());
    let family = name.and_then(|name| FAMILIES.iter().find(|family| name.starts_with(family.name)));
    let kind = family.map_or(Kind::Square, |family| family.kind);
    let wanted = |key, default| config.get(key).map_or(default, truth);
    let mut says = Overrides { ignored: ignored(config), middle: Some(Middle::Transformers), ..Overrides::default() };

    says.interpolation = match config.get("resample").filter(|value| !value.is_null()) {
        Some(number) => number.as_u64().and_then(resample),
        None => family.map(|family| family.filter),
    };
    if says.interpolation.is_none() && config.get("resample").is_some_and(|number| !number.is_null()) {
        says.ignored.push(format!("resample {}", config["resample"]));
    }
    let size = config.get("size").filter(|size| !size.is_null());
    let given = size.and_then(|size| Sides::of(size, kind));
    if let Some(size) = size.filter(|_| given.is_none()) {
        says.ignored.push(format!("size {size}"));
    }
    let usual = || family.and_then(|family| Sides::of(&family.size.into(), kind)).filter(|_| size.is_none());
    let given = given.or_else(usual);
    let crop = match config.get("crop_size").filter(|size| !size.is_null()) {
        Some(crop) => Sides::of(crop, Kind::Square).map(Sides::exact),
        None => family.and_then(|family| family.crop).and_then(Size::square),
    };
    let crops_itself = family.is_none_or(|family| family.crop.is_some()) && family.is_some();
    let crop = crop.filter(|_| wanted("do_center_crop", crops_itself));

    says.crop = crop.filter(|_| kind != Kind::CropFirst);
    if wanted("do_resize", true) {
        resize(&mut says, given, crop, kind, config);
    } else {
        says.resize = Some(Resize::Keep);
    }
    says.input_size = says.crop.or_else(|| given.map(Sides::exact));
    let flips = family.is_some_and(|family| family.name == "MobileViT");
    if wanted("do_flip_channel_order", flips) {
        says.channel_order = Some(ChannelOrder::Bgr);
    }
    normalise(&mut says, config, family);
    says
}

/// What Python takes for true.
fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

/// The fields that change pixels and that nobody here obeys.
fn ignored(config: &Value) -> Vec<String> {
    let fields = config.as_object().into_iter().flatten();
    let changes = |key: &str, value: &Value| {
        let step = key.starts_with("do_") && !KNOWN.contains(&key);
        truth(value) && (step || CHANGING.contains(&key) && value.as_u64() != Some(1))
    };
    fields.filter(|(key, value)| changes(key, value)).map(|(key, _)| key.clone()).collect()
}

/// A size as transformers writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sides {
    Exact(Size),
    Shortest(Size),
}

impl Sides {
    fn of(value: &Value, kind: Kind) -> Option<Sides> {
        let side = |value: &Value| value.as_u64().and_then(|side| u32::try_from(side).ok());
        if let Some(side) = side(value) {
            let size = Size::square(side);
            let one = if matches!(kind, Kind::Square | Kind::CropFirst) { Sides::Exact } else { Sides::Shortest };
            return size.map(one);
        }
        if let Some(list) = value.as_array() {
            return match &list[..] {
                [height, width] => Size::new(side(width)?, side(height)?).map(Sides::Exact),
                [both] => Size::square(side(both)?).map(Sides::Exact),
                _ => None,
            };
        }
        let of = |key| value.get(key).and_then(side);
        if of("longest_edge").is_some() {
            return None;
        }
        let exact = || Size::new(of("width")?, of("height")?).map(Sides::Exact);
        of("shortest_edge").and_then(Size::square).map(Sides::Shortest).or_else(exact)
    }

    fn exact(self) -> Size {
        match self {
            Sides::Exact(size) | Sides::Shortest(size) => size,
        }
    }
}

/// From this side on, ConvNeXT's processor squashes instead of cropping.
const LARGE: u32 = 384;

fn resize(says: &mut Overrides, size: Option<Sides>, crop: Option<Size>, kind: Kind, config: &Value) {
    let Some(size) = size else { return };
    let side = size.exact().width;
    let percentage = match config.get("crop_pct") {
        None if kind == Kind::PoolFormer => Some(0.9),
        None | Some(Value::Null) => None,
        Some(value) => value.as_f64().filter(|share| *share > 0.0),
    };
    let larger = |side: u32, share: f64| (f64::from(side) / share) as u32;
    says.resize = Some(match (kind, size) {
        (Kind::ConvNext, _) if side >= LARGE => Resize::Squash(Size::square(side)),
        (Kind::ConvNext, _) => {
            says.crop = Size::square(side);
            Resize::Shortest(larger(side, percentage.unwrap_or(224.0 / 256.0)))
        }
        (Kind::PoolFormer, Sides::Exact(Size { width, height })) if width != height => match percentage {
            Some(share) => Resize::Squash(Size::new(larger(width, share), larger(height, share))),
            None => Resize::Squash(Size::new(width, height)),
        },
        (Kind::PoolFormer, _) if percentage.is_some() => Resize::Shortest(larger(side, percentage.unwrap_or(1.0))),
        (Kind::Levit, Sides::Shortest(_)) => Resize::Shortest(((256.0 / 224.0) * f64::from(side)) as u32),
        (Kind::CropFirst, _) => match crop {
            Some(crop) if crop.width >= side => Resize::Centre { kept: side, of: crop.width },
            _ => Resize::Squash(Some(size.exact())),
        },
        (_, Sides::Shortest(_)) => Resize::Shortest(side),
        (_, Sides::Exact(size)) => Resize::Squash(Some(size)),
    });
}

/// Pillow's numbers for its filters.
fn resample(number: u64) -> Option<Filter> {
    [Filter::Nearest, Filter::Lanczos, Filter::Bilinear, Filter::Bicubic].get(usize::try_from(number).ok()?).copied()
}

/// Range, mean and deviation.
fn normalise(says: &mut Overrides, config: &Value, family: Option<&Family>) {
    let wanted = |key, default| config.get(key).map_or(default, truth);
    let usual = family.and_then(|family| family.normalisation);
    let unknown = family.is_none() && config.get("do_normalize").is_none() && config.get("image_mean").is_none();
    if unknown {
        return;
    }
    let (mut mean, mut std) = (vec![0.0], vec![1.0]);
    let normalises = family.is_none_or(|family| family.normalisation.is_some());
    if wanted("do_normalize", normalises) {
        let of = |key, usual: Option<[f32; 3]>| config.get(key).and_then(numbers).or(usual.map(Vec::from));
        let (Some(given_mean), Some(given_std)) =
            (of("image_mean", usual.map(|it| it.0)), of("image_std", usual.map(|it| it.1)))
        else {
            return;
        };
        (mean, std) = (given_mean, given_std);
        // What the head of EfficientNet was trained on is divided by the deviation once more.
        if wanted("include_top", family.is_some_and(|family| family.name == "EfficientNet")) {
            std.iter_mut().for_each(|value| *value *= *value);
        }
    }
    let rescales = wanted("do_rescale", true);
    let vivit = family.is_some_and(|family| family.name == "Vivit");
    let usual_factor = if vivit { 1.0 / 127.5 } else { 1.0 / 255.0 };
    let factor = config.get("rescale_factor").and_then(Value::as_f64).filter(|factor| *factor > 0.0);
    let factor = factor.unwrap_or(usual_factor);
    let offset = wanted("rescale_offset", false) || wanted("offset", vivit);
    let near = |wanted: f64| (factor / wanted - 1.0).abs() < 1e-6;
    let range = match (rescales, offset) {
        (false, _) => Range::Bytes,
        (true, false) if near(1.0 / 255.0) => Range::Unit,
        (true, true) if near(1.0 / 127.5) => Range::Signed,
        (true, offset) => {
            // (x * factor - offset - mean) / std for x from 0 to 255, in terms of x / 255.
            let unit = factor * 255.0;
            let moved = if offset { 1.0 } else { 0.0 };
            mean.iter_mut().for_each(|value| *value = ((f64::from(*value) + moved) / unit) as f32);
            std.iter_mut().for_each(|value| *value = (f64::from(*value) / unit) as f32);
            Range::Unit
        }
    };
    (says.range, says.mean, says.std) = (Some(range), Some(mean), Some(std));
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
        assert_eq!((says.mean, says.std), (Some(vec![127.5]), Some(vec![127.5])));
        assert_eq!(says.range, Some(Range::Bytes));
        let says = preprocessor(&json!({"do_normalize": false, "do_flip_channel_order": true, "size": 224}));
        assert_eq!(
            (says.mean, says.std, says.channel_order),
            (Some(vec![0.0]), Some(vec![1.0]), Some(ChannelOrder::Bgr))
        );
    }

    #[test]
    fn efficientnet_divides_twice_and_may_scale_to_both_sides_of_zero() {
        let config = |more: Value| {
            let mut config = json!({"image_processor_type": "EfficientNetImageProcessor", "size": 32, "image_mean": [0.5],
                "image_std": [0.25]});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            preprocessor(&config)
        };
        assert_eq!(config(json!({})).std, Some(vec![0.0625]));
        assert_eq!(config(json!({"include_top": false})).std, Some(vec![0.25]));
        let says = config(json!({"rescale_offset": true, "rescale_factor": 1.0 / 127.5, "do_normalize": false}));
        assert_eq!((says.range, says.mean), (Some(Range::Signed), Some(vec![0.0])));
    }

    #[test]
    fn what_is_left_out_has_the_familys_default() {
        let says = preprocessor(&json!({"image_processor_type": "MobileViTImageProcessor"}));
        assert_eq!((says.resize, says.crop), (Some(Resize::Shortest(224)), Some(size(256))));
        assert_eq!((says.channel_order, says.std), (Some(ChannelOrder::Bgr), Some(vec![1.0])));
        let says = preprocessor(&json!({"image_processor_type": "PerceiverImageProcessor"}));
        assert_eq!((says.resize, says.crop), (Some(Resize::Centre { kept: 224, of: 256 }), None));
    }

    #[test]
    fn what_is_not_known_is_named() {
        let says =
            preprocessor(&json!({"do_pad": true, "size": {"longest_edge": 64}, "resample": 5, "do_resize": true,
            "do_convert_rgb": true, "patch_size": 16, "do_thumbnail": false}));
        assert_eq!(says.ignored, ["do_pad", "patch_size", "resample 5", "size {\"longest_edge\":64}"]);
    }
}

//! What exporters write into the metadata of an ONNX file: Ultralytics, Windows ML, Intel's OpenVINO, and whoever else.

use super::error::ModelProblem;
use super::labels;
use super::onnx_file::OnnxFile;
use super::settings::{ChannelOrder, LabelSource, Overrides, Range, Resize, Size};
use crate::raster::resize::Filter;
use crate::text::Literal;

/// Reads it.
///
/// # Errors
/// When it says that the model is no classifier.
pub(super) fn metadata(file: &OnnxFile) -> Result<Overrides, ModelProblem> {
    let mut says = read(&|key| file.property(key));
    let ultralytics = file.property("author").is_some_and(|author| author.contains("Ultralytics"));
    if ultralytics {
        if let Some(task) = file.property("task").filter(|task| *task != "classify") {
            return Err(ModelProblem::NotClassifier(format!("Ultralytics exported it for the task {task:?}")));
        }
        says.resize = says.input_size.map(|size| Resize::Shortest(size.width.min(size.height)));
        says.crop = says.input_size;
        says.interpolation = Some(Filter::Bilinear);
        says.range = Some(Range::Unit);
        says.mean = Some(vec![0.0]);
        says.std = Some(vec![1.0]);
    }
    Ok(says)
}

/// The keys that name the classes, the usual one first.
const NAMES: [&str; 6] = ["names", "class_names", "id2label", "labels", "classes", "model_info labels"];

fn read<'a>(property: &dyn Fn(&str) -> Option<&'a str>) -> Overrides {
    let mut says = Overrides {
        labels: NAMES.iter().find_map(|key| names(property(key)?, key.contains(' '))),
        input_size: property("imgsz").and_then(sides),
        mean: property("mean").and_then(numbers),
        std: property("std").and_then(numbers),
        ..Overrides::default()
    };
    let large = |values: &Option<Vec<f32>>| values.iter().flatten().any(|value| value.abs() > 2.0);
    if large(&says.mean) || large(&says.std) {
        says.range = Some(Range::Bytes);
    }
    windows(&mut says, property);
    openvino(&mut says, property);
    says
}

/// The keys of Windows ML, as Custom Vision writes them.
fn windows<'a>(says: &mut Overrides, property: &dyn Fn(&str) -> Option<&'a str>) {
    if let Some(format) = property("Image.BitmapPixelFormat") {
        match format.to_lowercase().as_str() {
            "rgb8" | "rgba8" => says.channel_order = Some(ChannelOrder::Rgb),
            "bgr8" | "bgra8" => says.channel_order = Some(ChannelOrder::Bgr),
            "gray8" => {}
            _ => says.ignored.push(format!("Image.BitmapPixelFormat {format}")),
        }
    }
    if let Some(range) = property("Image.NominalPixelRange") {
        match range.to_lowercase().as_str() {
            "nominalrange_0_255" => says.range = Some(Range::Bytes),
            "normalized_0_1" => says.range = Some(Range::Unit),
            "normalized_1_1" => says.range = Some(Range::Signed),
            "nominalrange_16_235" => {
                // 16 + x * 219 / 255, as mean and deviation.
                says.range = Some(Range::Bytes);
                says.mean = Some(vec![-16.0 * 255.0 / 219.0]);
                says.std = Some(vec![255.0 / 219.0]);
            }
            _ => says.ignored.push(format!("Image.NominalPixelRange {range}")),
        }
    }
    if let Some(gamma) = property("Image.ColorSpaceGamma").filter(|gamma| !gamma.eq_ignore_ascii_case("srgb")) {
        says.ignored.push(format!("Image.ColorSpaceGamma {gamma}"));
    }
}

/// The keys of OpenVINO's Model API. Its means are those of values from 0 to 255.
fn openvino<'a>(says: &mut Overrides, property: &dyn Fn(&str) -> Option<&'a str>) {
    let key = |key: &str| property(&format!("model_info {key}")).map(str::trim).filter(|value| !value.is_empty());
    let (mean, std) = (key("mean_values").and_then(numbers), key("scale_values").and_then(numbers));
    if mean.is_some() || std.is_some() {
        says.range = Some(Range::Bytes);
        (says.mean, says.std) = (mean.or(Some(vec![0.0])), std.or(Some(vec![1.0])));
    }
    if let Some(reversed) = key("reverse_input_channels") {
        let reversed = ["true", "yes", "1"].contains(&reversed.to_lowercase().as_str());
        says.channel_order = Some(if reversed { ChannelOrder::Bgr } else { ChannelOrder::Rgb });
    }
    match key("resize_type") {
        Some("standard") => says.resize = Some(Resize::Squash(None)),
        Some("fit_to_window_letterbox") => says.resize = Some(Resize::Letterbox),
        Some("crop") => says.resize = Some(Resize::Centre { kept: 1, of: 1 }),
        Some(other) => says.ignored.push(format!("resize_type {other}")),
        None => {}
    }
    if says.resize == Some(Resize::Letterbox) {
        says.pad = key("pad_value").and_then(|value| value.parse().ok()).or(Some(0));
    }
}

/// Names in a list or dictionary, as Python or JSON write them, or with commas or lines between them. `spaced`: with spaces
/// between them, and underscores for those within.
fn names(text: &str, spaced: bool) -> Option<LabelSource> {
    let text = text.trim();
    let names: Vec<String> = match Literal::parse(text).as_ref() {
        Some(Literal::Dict(entries)) => by_index(entries)?,
        Some(Literal::List(items)) => {
            items.iter().map(|name| name.text().map(ToOwned::to_owned)).collect::<Option<Vec<String>>>()?
        }
        // A number, or a dictionary that is cut off.
        Some(_) => return None,
        None if text.starts_with(['{', '[']) => return None,
        None if spaced => text.split_whitespace().map(|name| name.replace('_', " ")).collect(),
        None => {
            let between = if text.contains('\n') { '\n' } else { ',' };
            let names = text.split(between).map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
            names.filter(|name| !name.is_empty()).collect()
        }
    };
    (names.len() > 1).then_some(LabelSource::Names(names))
}

/// `{0: 'cat'}`, `{"0": "cat"}`, `{'cat': 0}`.
fn by_index(entries: &[(Literal, Literal)]) -> Option<Vec<String>> {
    let index = |value: &Literal| value.index().or_else(|| value.text()?.trim().parse().ok());
    let named: Option<Vec<(usize, String)>> =
        entries.iter().map(|(key, name)| Some((index(key)?, name.text()?.to_owned()))).collect();
    let other = || entries.iter().map(|(name, at)| Some((index(at)?, name.text()?.to_owned()))).collect();
    labels::in_order(named.or_else(other)?)
}

/// Numbers in a list, or with commas or spaces between them.
fn numbers(text: &str) -> Option<Vec<f32>> {
    let words = text.split([',', ' ', '[', ']', '(', ')']).filter(|word| !word.is_empty());
    let numbers: Option<Vec<f32>> = words.map(|word| word.parse().ok()).collect();
    numbers.filter(|numbers| !numbers.is_empty() && numbers.iter().all(|number| number.is_finite()))
}

/// `224`, `[height, width]`.
fn sides(text: &str) -> Option<Size> {
    let side = |value: &f32| (value.fract() == 0.0 && *value > 0.0).then_some(*value as u32);
    match numbers(text)?.as_slice() {
        [both] => Size::square(side(both)?),
        [height, width] => Size::new(side(width)?, side(height)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(properties: &[(&str, &'static str)]) -> Overrides {
        read(&|wanted| properties.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value))
    }

    #[test]
    fn names_come_in_many_forms() {
        let expected = Some(LabelSource::Names(vec!["cat".into(), "dog".into()]));
        for (key, value) in [
            ("names", "{0: 'cat', 1: 'dog'}"),
            ("class_names", "['cat', 'dog']"),
            ("labels", "cat, dog"),
            ("labels", "cat\ndog\n"),
            ("classes", r#"["cat", "dog"]"#),
            ("classes", "{'dog': 1, 'cat': 0}"),
            ("id2label", r#"{"1": "dog", "0": "cat"}"#),
            ("model_info labels", "cat dog"),
        ] {
            assert_eq!(says(&[(key, value)]).labels, expected, "{key} {value}");
        }
        for value in ["2", "{0: 'cat'", "cat", "[1, 2]"] {
            assert_eq!(says(&[("labels", value)]).labels, None, "{value}");
        }
    }

    #[test]
    fn each_number_counts_for_itself() {
        let size = says(&[("imgsz", "[96, 128]")]);
        assert_eq!((size.input_size, size.mean, size.resize), (Size::new(128, 96), None, None));
        let mean = says(&[("mean", "0.1 0.2 0.3")]);
        assert_eq!((mean.mean, mean.std, mean.range), (Some(vec![0.1, 0.2, 0.3]), None, None));
        assert_eq!(says(&[("mean", "[123.7, 116.3, 103.5]"), ("std", "1")]).range, Some(Range::Bytes));
    }

    #[test]
    fn windows_and_openvino_say_what_they_want() {
        let says_windows = |format, range| {
            let says = says(&[("Image.BitmapPixelFormat", format), ("Image.NominalPixelRange", range)]);
            (says.channel_order, says.range, says.ignored)
        };
        assert_eq!(says_windows("Bgr8", "NominalRange_0_255"), (Some(ChannelOrder::Bgr), Some(Range::Bytes), vec![]));
        assert_eq!(says_windows("Rgba8", "Normalized_1_1"), (Some(ChannelOrder::Rgb), Some(Range::Signed), vec![]));
        assert_eq!(says_windows("Nv12", "Wide").2, ["Image.BitmapPixelFormat Nv12", "Image.NominalPixelRange Wide"]);
        let openvino = says(&[
            ("model_info mean_values", "123.675 116.28 103.53"),
            ("model_info scale_values", "[58.395, 57.12, 57.375]"),
            ("model_info reverse_input_channels", "True"),
            ("model_info resize_type", "fit_to_window_letterbox"),
        ]);
        assert_eq!((openvino.range, openvino.channel_order), (Some(Range::Bytes), Some(ChannelOrder::Bgr)));
        assert_eq!((openvino.resize, openvino.pad), (Some(Resize::Letterbox), Some(0)));
        assert_eq!(openvino.std, Some(vec![58.395, 57.12, 57.375]));
    }
}

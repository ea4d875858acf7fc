//! The explanations that `tests/fixtures/manifest.json` lists, and our answers to the same questions.

use ndarray::{ArrayD, Axis};
use seewhy::explain::{
    Attribution, LayerChoice, MethodInfo, Monitor, Request, Statistic, Subject, Values, find, noisy_gradient,
};
use seewhy::model::Target;
use serde_json::Value as Json;

use super::{fixture_array, fixture_bytes};

/// Explains what a golden explains, by the method of that name; `layer` finds the layers that the golden names.
pub(crate) fn explain(
    subject: Subject<'_>,
    layer: impl Fn(&str) -> Result<usize, String>,
    method: &str,
    map: &Json,
) -> Result<Attribution, String> {
    let info = find(method).unwrap();
    let request = Request {
        target: target(&map["target"]),
        layer: LayerChoice::These(modules(map).into_iter().map(layer).collect::<Result<_, _>>()?),
        values: values(info, &map["parameters"]),
        seed: 0,
        tolerance: None,
    };
    let found = match map["noise"].as_str() {
        // The reference's own, not what our sampler would draw.
        Some(file) => {
            let noise = noise(file);
            let statistic = if method == "vargrad" { Statistic::Variance } else { Statistic::Mean };
            let of = |index: usize| noise.index_axis(Axis(0), index).insert_axis(Axis(0)).to_owned();
            noisy_gradient(subject, &request, &Monitor::silent(), statistic, noise.shape()[0], &of)
        }
        None => info.method.explain(subject, &request, &Monitor::silent()),
    };
    found.map_err(|error| error.to_string())
}

/// Noise `[n, 3, H, W]`, in 64ths around 128.
fn noise(file: &str) -> ArrayD<f32> {
    let (shape, levels) = fixture_bytes(file);
    let noise = levels.iter().map(|level| (f32::from(*level) - 128.0) / 64.0).collect();
    ArrayD::from_shape_vec(shape, noise).unwrap()
}

fn target(json: &Json) -> Target {
    let index = |value: &Json| usize::try_from(value.as_u64().unwrap()).unwrap();
    match json {
        json if json.get("logit").is_some() => Target::Class(index(&json["logit"])),
        json if json.get("probability").is_some() => Target::Probability(index(&json["probability"])),
        json => Target::Contrast(index(&json["contrast"][0]), index(&json["contrast"][1])),
    }
}

fn modules(map: &Json) -> Vec<&str> {
    map["layers"].as_array().map(|layers| layers.iter().filter_map(Json::as_str).collect()).unwrap_or_default()
}

fn values(info: &MethodInfo, parameters: &Json) -> Values {
    let settings: Vec<(String, String)> = parameters
        .as_object()
        .into_iter()
        .flatten()
        // What is not ours to choose: how tokens are ablated, zennit's stabiliser, the box that the input's range gives.
        .filter(|(name, _)| !["class-token", "stabilizer", "low", "high"].contains(&name.as_str()))
        .map(|(name, value)| {
            (
                if name == "composite" { "rule".into() } else { name.clone() },
                value.as_str().map_or_else(|| value.to_string(), String::from),
            )
        })
        .collect();
    info.parse_values(settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap()
}

/// The name of a reference method in our registry; none for those that we do not have.
pub(crate) fn ours(method: &str) -> Option<&'static str> {
    let name = match method {
        "elementwise-cam" => "elementwise-grad-cam",
        "deeplift" => "deep-lift",
        method => method,
    };
    find(name).map(|info| info.name)
}

/// The values of a golden.
pub(crate) fn golden(map: &Json) -> ArrayD<f32> {
    let all = fixture_array(map["file"].as_str().unwrap());
    all.index_axis(Axis(0), usize::try_from(map["index"].as_u64().unwrap()).unwrap()).to_owned()
}

/// The length of the difference over the length of the golden.
pub(crate) fn relative_error(ours: &ArrayD<f32>, golden: &ArrayD<f32>) -> f64 {
    assert_eq!(ours.shape(), golden.shape());
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    length(&mut ours.iter().zip(golden).map(|(a, b)| a - b)) / length(&mut golden.iter().copied())
}

/// The largest difference of two maps anywhere.
pub(crate) fn largest_difference(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// What an attribution reports under that name.
pub(crate) fn metric(attribution: &Attribution, name: &str) -> f64 {
    attribution.metrics.iter().find(|metric| metric.name == name).unwrap().value
}

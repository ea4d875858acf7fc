//! A real network, held against pytorch-grad-cam, captum and zennit: MCUNet, on a formula and on three photographs. Neither
//! the network nor the photographs are in the repository.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use ndarray::{Array4, ArrayD, Axis, Slice};
use seewhy::explain::{Attribution, Family, LayerChoice, Monitor, Request, Subject, Values, find};
use seewhy::gallery::{self, DecodeOptions};
use seewhy::model::{Classifier, ModelSource, Overrides, Prepared, Target};
use seewhy::network::Pass;
use seewhy::raster::npy;
use serde_json::Value as Json;

use crate::support::goldens::{self, golden, largest_difference, metric, ours, relative_error};
use crate::support::{Manifest, fixture_array, shared_data};

/// Largest difference of two class activation maps in `[0, 1]`.
const CAM_TOLERANCE: f64 = 1e-3;

/// The same for Grad-CAM++, which divides by `2 G^2 + sum(A) G^3 + 1e-6`: in the earlier layer that comes so close to zero that
/// the rounding of a gradient counts up to 18,000 times. pytorch-grad-cam's own single precision is off by 1e-3 there.
const GRAD_CAM_PLUS_PLUS_TOLERANCE: f64 = 3e-3;

/// Relative L2 error of a gradient map: in single precision some of a hundred thousand ReLUs fall on the other side.
const GRADIENT_TOLERANCE: f64 = 1e-2;

/// Largest error of a perturbation map, relative to its largest value.
const WEIGHTS: f64 = 1e-4;

/// Shared by the tests of this file.
static MCUNET: LazyLock<Mcunet> = LazyLock::new(Mcunet::load);

/// The network, its goldens and the forward passes of their inputs, by name.
struct Mcunet {
    classifier: Classifier,
    goldens: Json,
    passes: BTreeMap<String, Pass>,
}

impl Mcunet {
    fn load() -> Mcunet {
        let goldens = Manifest::read().mcunet().clone();
        let data = shared_data("imagenet-mcunet").join("..");
        let source = ModelSource::Path(data.join(goldens["model"].as_str().unwrap()));
        // Its own recipe: the shorter side to 201, the middle of it, from -1 to 1.
        let overrides = Overrides {
            resize: Some("shortest:201".parse().unwrap()),
            crop: Some("176x176".parse().unwrap()),
            mean: Some(vec![0.5]),
            std: Some(vec![0.5]),
            ..Overrides::default()
        };
        let classifier = Classifier::load(&source, &overrides).unwrap();
        let passes = inputs(&classifier, &goldens, &data)
            .into_iter()
            .map(|(name, input)| (name, classifier.network().forward(Arc::new(input)).unwrap()))
            .collect();
        Mcunet { classifier, goldens, passes }
    }

    /// The inputs with the goldens of each, and its pass.
    fn inputs(&self) -> impl Iterator<Item = (&String, &Json, &Pass)> {
        self.goldens["inputs"].as_object().unwrap().iter().map(|(name, golden)| (name, golden, &self.passes[name]))
    }

    /// Explains what a golden explains.
    fn explain(&self, pass: &Pass, method: &str, map: &Json) -> Attribution {
        let layer = |module: &str| {
            let node = self.goldens["layers"][module].as_str().unwrap();
            self.classifier.network().find_layer(node).map_err(|error| error.to_string())
        };
        goldens::explain(Subject::of(&self.classifier, pass), layer, method, map)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The pixels of a map that the goldens kept.
    fn thinned(&self, values: &ArrayD<f32>) -> ArrayD<f32> {
        let every = self.goldens["every"].as_i64().unwrap() as isize;
        let rows = values.ndim() - 2;
        let thin = values.slice_each_axis(|axis| Slice::new(0, None, if axis.axis.index() < rows { 1 } else { every }));
        thin.to_owned()
    }

    /// Holds the goldens that are `wanted` against our maps, the better of two where they differ by a sign; gives how many.
    fn compare(&self, wanted: impl Fn(&str, Family, &Json) -> bool) -> usize {
        let (mut compared, mut wrong) = (0, vec![]);
        for (name, entry, pass) in self.inputs() {
            let mut errors = BTreeMap::new();
            let mut known = None;
            for map in entry["maps"].as_array().unwrap() {
                let method = map["method"].as_str().and_then(ours).unwrap();
                let family = find(method).unwrap().family;
                if !wanted(name, family, map) {
                    continue;
                }
                let what = format!("{name}: {method} of {} at {}, {}", map["target"], map["layers"], map["parameters"]);
                // The same with the other sign comes right after.
                let attribution = match known.take() {
                    Some((same, attribution)) if same == what => attribution,
                    _ => self.explain(pass, method, map),
                };
                let (error, tolerance) = self.error(family, &attribution, map);
                let best = errors.entry(what.clone()).or_insert((f64::INFINITY, tolerance));
                best.0 = best.0.min(error);
                compared += 1;
                if let Some(gap) = map["completeness_gap"].as_f64() {
                    let ours = metric(&attribution, "completeness gap");
                    let score = f64::from(pass.logits[map["target"]["logit"].as_u64().unwrap() as usize]);
                    let close = (ours - gap).abs() < 1e-3 * score;
                    assert!(close, "{name}: a completeness gap of {ours} is not {gap}, of a score of {score}");
                }
                known = Some((what, attribution));
            }
            for (what, (error, tolerance)) in errors {
                println!("{what}: off by {error:.1e}");
                if error > tolerance {
                    wrong.push(format!("{what}: off by {error:.1e}, more than {tolerance:.0e}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        compared
    }

    /// How far a map is from its golden, and how far it may be.
    fn error(&self, family: Family, attribution: &Attribution, map: &Json) -> (f64, f64) {
        let (found, golden) = (self.thinned(&attribution.values), golden(map));
        let difference = || f64::from(largest_difference(&found, &golden));
        match family {
            Family::Cam if map["method"] == "grad-cam++" => (difference(), GRAD_CAM_PLUS_PLUS_TOLERANCE),
            Family::Cam => (difference(), CAM_TOLERANCE),
            Family::Gradient => (relative_error(&found, &golden), GRADIENT_TOLERANCE),
            _ => {
                let largest = golden.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                (difference() / f64::from(largest), WEIGHTS)
            }
        }
    }
}

/// The inputs of the goldens by name: the formula, and photographs as the program prepares them.
///
/// The references were given these very tensors. Another decoder or resize gives others, so each is known by a checksum.
fn inputs(classifier: &Classifier, goldens: &Json, data: &Path) -> Vec<(String, ArrayD<f32>)> {
    let (mut inputs, mut photographs, mut others) = (vec![], vec![], vec![]);
    for (name, golden) in goldens["inputs"].as_object().unwrap() {
        let Some(file) = golden["photograph"].as_str() else {
            inputs.push((name.clone(), formula()));
            continue;
        };
        let image = gallery::decode(&data.join(file), DecodeOptions::default()).unwrap().image;
        let Prepared { tensor, seen, .. } = classifier.preprocess(&image).unwrap();
        if golden["adler32"].as_u64() != Some(adler32(seen.as_raw())) {
            others.push(name.as_str());
        }
        photographs.push((name.clone(), tensor));
    }
    if !others.is_empty() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcunet");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, tensor) in &photographs {
            npy::write(File::create(folder.join(format!("{name}.npy"))).unwrap(), tensor.view()).unwrap();
        }
        panic!(
            "the goldens are of other pixels than {} has now, so they prove nothing: if a decoder or the resize has \
             changed on purpose, make new ones by tests/fixtures/mcunet.py ../shared/data {}",
            others.join(", "),
            folder.display()
        );
    }
    inputs.extend(photographs);
    inputs
}

/// The formula that the manifest spells out.
fn formula() -> ArrayD<f32> {
    let value = |(_, c, i, j): (usize, usize, usize, usize)| {
        let [c, i, j] = [c, i, j].map(|index| index as f64);
        let turn = std::f64::consts::TAU;
        let wave = (turn * (i * (c + 2.0) / 97.0 + j / 53.0)).sin() * (turn * j * (c + 1.0) / 71.0).cos();
        (0.8 * wave) as f32
    };
    Array4::from_shape_fn((1, 3, 176, 176), value).into_dyn()
}

/// The Adler-32 checksum.
fn adler32(bytes: &[u8]) -> u64 {
    let step = |(sum, sums): (u64, u64), byte: &u8| {
        let sum = (sum + u64::from(*byte)) % 65_521;
        (sum, (sums + sum) % 65_521)
    };
    let (sum, sums) = bytes.iter().fold((1, 0), step);
    sums << 16 | sum
}

/// Score-CAM at the last layer, which has 160 channels, occlusion, and many gradients on more than one photograph.
fn takes_long(name: &str, map: &Json) -> bool {
    match map["method"].as_str().unwrap() {
        "occlusion" => true,
        "score-cam" => map["layers"][0] == "block17/project",
        "integrated-gradients" | "lrp" => name != "ladybug",
        _ => false,
    }
}

#[test]
#[ignore = "needs ../shared/data"]
fn class_activation_maps_of_mcunet_equal_those_of_pytorch_grad_cam() {
    let mcunet = &*MCUNET;
    let compared = mcunet.compare(|name, family, map| family == Family::Cam && !takes_long(name, map));
    assert!(compared >= 80, "only {compared} maps");
}

#[test]
#[ignore = "needs ../shared/data"]
fn gradient_maps_of_mcunet_equal_those_of_captum_and_zennit() {
    let mcunet = &*MCUNET;
    let compared = mcunet.compare(|name, family, map| family == Family::Gradient && !takes_long(name, map));
    assert!(compared >= 14, "only {compared} maps");
}

#[test]
#[ignore = "needs ../shared/data, and takes seconds"]
fn what_takes_long_on_mcunet_equals_its_references_too() {
    let mcunet = &*MCUNET;
    assert_eq!(mcunet.compare(|name, _, map| takes_long(name, map)), 6);
}

/// Behind MCUNet's last feature map are an average and one matrix: Grad-CAM is the matrix's row times the features.
#[test]
#[ignore = "needs ../shared/data"]
fn grad_cam_of_mcunet_is_its_closed_form() {
    let mcunet = &*MCUNET;
    let forms = fixture_array(mcunet.goldens["closed_form"].as_str().unwrap());
    for (name, entry, pass) in mcunet.inputs() {
        let form = forms.index_axis(Axis(0), entry["closed_form"].as_u64().unwrap() as usize).to_owned();
        let request = Request {
            target: Target::Top(0),
            layer: LayerChoice::Auto,
            values: Values::new(),
            seed: 0,
            tolerance: None,
        };
        let subject = Subject::of(&mcunet.classifier, pass);
        let found = find("grad-cam").unwrap().method.explain(subject, &request, &Monitor::silent()).unwrap();
        let largest = form.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let error = largest_difference(&found.raw, &form) / largest;
        println!("{name}: off by {error:.1e}");
        assert!(error < 1e-4, "{name}: {} is not {form}", found.raw);
    }
}

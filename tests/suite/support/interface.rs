//! A state of the interface with images, a model and maps, made without either: only through what workers would report.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use image::{Rgb, RgbImage};
use ndarray::{Array2, Array3, ArrayD, Axis};
use ratatui::Terminal as Screen;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use seewhy::app::{
    Action, Agenda, Channels, Command, DREAM_STEPS, Decoded, DreamFrame, DreamKey, DreamStart, Dreamt, Effect,
    Explained, Heads, ImageId, ImageKey, Job, Keymap, LayerRow, MapKey, MethodRow, ModelId, ModelSummary, Peaks,
    Predicted, Report, Second, StageRow, State, Terminal, WeightTable, WhatIf, WhatIfKey, small_picture, update,
};
use seewhy::explain::{
    self, Asking, Attribution, Family, LayerChannels, OverNoise, Param, ParamKind, ScoreSum, Segments, Sign,
};
use seewhy::gallery::Truths;
use seewhy::model::{JointLabels, Labels, Target};
use seewhy::network::{Scores, StageTime, StageTimes, WeightKind, Weights};
use seewhy::raster::Region;
use seewhy::ui::{self, Placement, Theme};

/// The classes of the model of these tests.
pub(crate) const LABELS: [&str; 8] =
    ["goldfinch", "bullfrog", "agama", "goose", "pelican", "drake", "black swan, Cygnus atratus", "American coot"];

/// The parameters of the first method.
const PARAMS: &[Param] = &[
    Param {
        name: "samples",
        kind: ParamKind::Integer { default: 1000, min: 10, max: 100_000 },
        help: "how many changed images the model is asked about",
    },
    Param { name: "eigen-smooth", kind: ParamKind::Flag { default: false }, help: "keep the first component only" },
];

/// Folder, file, and the logits that the model gives.
const IMAGES: [(&str, &str, [f32; 8]); 6] = [
    ("goldfinch", "0001.jpg", [9.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]),
    ("bullfrog", "0004.jpg", [0.0, 8.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
    ("pelican", "0007.jpg", [0.0, 0.0, 0.0, 3.0, 2.8, 1.5, 0.8, 0.1]),
    ("agama", "0010.jpg", [0.0, 1.0, 5.0, 0.0, 0.0, 2.0, 1.0, 0.0]),
    ("holiday", "金魚 at the lake.png", [0.0, 0.0, 0.0, 1.0, 1.2, 0.5, 2.0, 2.5]),
    ("holiday", "evil\u{1b}[2Jname\n.jpg", [0.0; 8]),
];

/// Channels of each layer.
const CHANNELS: usize = 70;

/// A model with three layers and three methods, one of which cannot run.
pub(crate) fn model() -> Arc<ModelSummary> {
    let layer = |index: usize, name: &str, side: usize| LayerRow {
        index,
        name: name.to_owned(),
        known_as: vec![name.to_owned(), name[1..].replace('/', ".")],
        shape: [CHANNELS, side, side],
    };
    let method = |name, family, needs_layer, caution, obstacle| MethodRow {
        name,
        family,
        help: "where the last feature maps speak for the class, weighted by their gradients",
        caution,
        needs_layer,
        params: if needs_layer { PARAMS.to_vec() } else { vec![] },
        obstacle,
    };
    Arc::new(ModelSummary {
        id: ModelId::default(),
        name: "resnet50.onnx".to_owned(),
        input: (224, 224),
        labels: LABELS.iter().map(|label| (*label).to_owned()).collect(),
        is_probable: true,
        truths: Arc::new(Truths::new(&LABELS.map(String::from), &[], LABELS.len())),
        layers: vec![
            layer(3, "/layer3/layer3.5/relu_2/Relu", 14),
            layer(7, "/layer4/layer4.0/relu_2/Relu", 7),
            layer(9, "/layer4/layer4.2/relu_2/Relu", 7),
        ],
        auto: Some(2),
        asked: None,
        attention: ["/encoder/layers.10/attention/Softmax", "/encoder/layers.11/attention/Softmax"]
            .map(String::from)
            .into(),
        stages: stages(),
        methods: vec![
            method("grad-cam", Family::Cam, true, None, None),
            method("guided-backprop", Family::Gradient, false, Some("fails the model-randomisation check"), None),
            method(
                "saliency",
                Family::Gradient,
                false,
                None,
                Some("no gradient for `Foo` at node /head/Foo".to_owned()),
            ),
        ],
        notices: vec![],
    })
}

/// Stages of that model: two layers, of which the first is bypassed, and a head.
fn stages() -> Vec<StageRow> {
    let stage = |name: &str, operators: &str, shape: &[usize], layer: Option<usize>, from: &[usize]| StageRow {
        name: name.to_owned(),
        operators: operators.to_owned(),
        shape: shape.to_vec(),
        layer: layer.map(|index| (index, name.to_owned())),
        layers: layer.into_iter().collect(),
        weighted: if operators.contains("Conv") || operators == "Gemm" { vec![name.to_owned()] } else { vec![] },
        weights: 1000 * from.len() as u64,
        work: 90_000 * from.len() as u64,
        from: from.to_vec(),
        trunk: layer != Some(3),
    };
    vec![
        stage("input", "", &[3, 224, 224], None, &[]),
        stage("/conv1/Conv", "Conv, Relu", &[CHANNELS, 14, 14], Some(1), &[0]),
        stage("/layer3/layer3.5/conv1/Conv", "Conv, Relu", &[CHANNELS, 14, 14], Some(3), &[1]),
        stage("/layer3/layer3.5/Add", "Add, Relu", &[CHANNELS, 14, 14], Some(4), &[1, 2]),
        stage("/layer4/layer4.2/relu_2/Relu", "Conv, Relu", &[CHANNELS, 7, 7], Some(9), &[3]),
        stage("/avgpool/GlobalAveragePool", "GlobalAveragePool", &[CHANNELS, 1, 1], None, &[4]),
        stage("/fc/Gemm", "Gemm", &[8], None, &[5]),
    ]
}

/// How long those stages take: the sum of the residual is a part of the convolution before it.
pub(crate) fn stage_times() -> StageTimes {
    let own = |time| StageTime::Own(Duration::from_micros(time));
    let stages = vec![own(300), own(24_000), own(30_000), StageTime::Fused(2), own(40_000), own(20), own(700)];
    StageTimes { stages, whole: Duration::from_millis(96) }
}

/// An interface on the six images, found but not yet looked at, on a screen of that size.
pub(crate) fn opened(size: (u16, u16)) -> State {
    let mut state = State::new("val/".to_owned(), Some("/data/val".into()));
    update(&mut state, terminal(size));
    let paths = IMAGES.iter().map(|(folder, file, _)| Arc::from(Path::new("/data/val").join(folder).join(file)));
    update(&mut state, Action::Found(paths.collect()));
    update(&mut state, Action::FoundAll(Vec::new()));
    update(&mut state, Action::ModelReady(model()));
    state
}

/// The same, with all work done that it asks for.
pub(crate) fn finished(size: (u16, u16)) -> State {
    let mut state = opened(size);
    work(&mut state);
    state
}

/// A terminal of that size.
pub(crate) fn terminal(size: (u16, u16)) -> Action {
    let graphics = "kitty".to_owned();
    let (page, menu, help_overflow) =
        (ui::list_rows(size), ui::menu_rows(size), ui::help_overflow(size, &Keymap::default()));
    let (cell, dots) = ((8, 16), (8, 16));
    Action::Terminal(Terminal { size, cell, dots, graphics, no_pictures: None, page, menu, help_overflow })
}

/// Presses keys, one command after the other; all that is to be done about them.
pub(crate) fn press(state: &mut State, commands: &[Command]) -> Vec<Effect> {
    commands.iter().flat_map(|command| update(state, Action::Command(*command))).collect()
}

/// Types text.
pub(crate) fn type_text(state: &mut State, text: &str) {
    for character in text.chars() {
        update(state, Action::Text(character));
    }
}

/// The last agenda among the effects.
pub(crate) fn agenda(effects: &[Effect]) -> Option<&Agenda> {
    effects.iter().rev().find_map(|effect| if let Effect::Agenda(agenda) = effect { Some(agenda) } else { None })
}

/// Does what the state wants done until it wants nothing more.
pub(crate) fn work(state: &mut State) {
    while let Some(task) = state.agenda.tasks.first().cloned() {
        for report in reports(&task.job) {
            update(state, Action::Report(report));
        }
    }
}

/// An image, as the first model has it.
pub(crate) fn first(id: ImageId) -> ImageKey {
    ImageKey { model: ModelId::default(), id }
}

/// What a worker would report.
pub(crate) fn reports(job: &Job) -> Vec<Report> {
    match job {
        Job::Open(image) => {
            vec![Report::Decoded(*image, Ok(decoded(image.id))), Report::Predicted(*image, Ok(predicted_by(*image)))]
        }
        Job::Classify(image) => vec![Report::Predicted(*image, Ok(predicted_by(*image)))],
        Job::Explain(key) if key.image.model != ModelId::default() => {
            vec![Report::Explained(key.clone(), Ok(Arc::new(of_second(&explained(None)))))]
        }
        Job::Explain(key) => vec![Report::Explained(key.clone(), Ok(Arc::new(explained(None))))],
        Job::Channels(key) => {
            let Target::Class(class) = key.target else { panic!("{:?} is not resolved", key.target) };
            let contributions = (0..CHANNELS).map(|channel| contribution(key.image.id, class, channel)).collect();
            vec![Report::Channels(key.clone(), Ok(Arc::new(channels(key.image.id, key.layer, Ok(contributions)))))]
        }
        Job::Attend(key) => vec![Report::Attended(key.clone(), Ok(Arc::new(heads(key.block, key.asking))))],
        Job::Survey(image, layer) => {
            let predicted = predicted(image.id);
            let peaks = Peaks::new(&activation(image.id, *layer), Arc::clone(&predicted.small));
            vec![Report::Predicted(*image, Ok(predicted)), Report::Surveyed(*image, *layer, Ok(Arc::new(peaks)))]
        }
        Job::Weights(key) => vec![Report::Weights(key.clone(), weights(&key.node, key.output).map(Arc::new))],
        Job::Time(model) => vec![Report::Timed(*model, Ok(Arc::new(stage_times())))],
        Job::Place(key) => {
            let place = Region { x: 0.25, y: 0.5, width: 0.25, height: 0.25 };
            vec![Report::Placed(*key, Ok(Some(place)))]
        }
        Job::WhatIf(key) => vec![Report::WhatIf(key.clone(), Ok(Arc::new(what_if(key))))],
        Job::Dream(key) => vec![
            Report::Dreaming(*key, Arc::new(dream_frame(*key, 64))),
            Report::Dreamt(*key, Ok(Arc::new(dreamt(*key)))),
        ],
    }
}

/// A picture of 640x480 pixels, whatever the image.
pub(crate) fn decoded(image: ImageId) -> Arc<Decoded> {
    let tint = (image * 40) as u8;
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8 * 4, y as u8 * 5, tint]));
    Arc::new(Decoded { picture: Arc::new(picture), size: (640, 480) })
}

/// What the model says about an image.
pub(crate) fn predicted(image: ImageId) -> Arc<Predicted> {
    let scores = Scores::softmax(&IMAGES[image % IMAGES.len()].2);
    let seen = Arc::new(RgbImage::from_pixel(28, 28, Rgb([90, 120, 60])));
    Arc::new(Predicted {
        top: scores.top(8),
        probabilities: scores.probabilities().into(),
        logits: scores,
        small: small_picture(&seen),
        seen,
        region: Region { x: 80.0, y: 0.0, width: 480.0, height: 480.0 },
        warnings: Vec::new(),
        elapsed: Duration::from_millis(60),
    })
}

/// What one of the models says about an image.
fn predicted_by(image: ImageKey) -> Arc<Predicted> {
    if image.model == ModelId::default() {
        return predicted(image.id);
    }
    let mut logits = SECOND[image.id % SECOND.len()];
    // In its own order of classes.
    logits.reverse();
    let scores = Scores::softmax(&logits);
    let first = predicted(image.id);
    Arc::new(Predicted {
        top: scores.top(8),
        probabilities: scores.probabilities().into(),
        logits: scores,
        ..Predicted::clone(&first)
    })
}

/// What the second model says of the images, in the order of the first one's classes; in the place of the goose it has a
/// heron.
pub(crate) const SECOND: [[f32; 8]; 6] = [
    [1.0, 0.0, 6.0, 2.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    [0.0, 0.0, 0.0, 1.0, 4.8, 1.5, 0.8, 0.1],
    [0.0, 1.0, 4.0, 0.0, 0.0, 4.2, 1.0, 0.0],
    [0.0, 0.0, 0.0, 1.0, 1.2, 0.5, 2.0, 2.5],
    [0.0, 0.0, 1.0, 3.0, 0.0, 0.0, 0.0, 0.0],
];

/// What the first model says of an image, by class.
pub(crate) fn first_logits(image: ImageId) -> [f32; 8] {
    IMAGES[image].2
}

/// A second model under that number: the same classes the other way round, but for one.
pub(crate) fn second(number: u16) -> Second {
    let mut names: Vec<String> = LABELS.iter().rev().map(|label| (*label).to_owned()).collect();
    "heron".clone_into(&mut names[4]);
    let labels = |names: &[String]| Labels::new(names.to_vec(), vec![], names.len());
    let joint = JointLabels::new(&labels(&LABELS.map(String::from)), &labels(&names));
    let all = joint.labels();
    let truths = Arc::new(Truths::new(all.names(), all.folders(), all.len()));
    let model = ModelSummary {
        id: ModelId::new(number),
        name: "resnet50-new.onnx".to_owned(),
        labels: names.into(),
        truths: Arc::clone(&truths),
        ..ModelSummary::clone(&model())
    };
    Second { model: Arc::new(model), joint: Arc::new(joint), truths }
}

/// An interface on the six images with two models, with all work done that it asks for.
pub(crate) fn pair(size: (u16, u16)) -> State {
    let mut state = opened(size);
    update(&mut state, Action::SecondReady(second(1)));
    work(&mut state);
    state
}

/// The map of the second model: the spot is on the other side, and half as warm.
fn of_second(map: &Explained) -> Explained {
    let mut attribution = map.attribution.clone();
    attribution.map.invert_axis(ndarray::Axis(1));
    attribution.raw = attribution.raw.mapv(|value| value / 2.0);
    Explained::new(attribution, map.elapsed, None)
}

/// A map with a warm spot left of the middle; partial after so many of 1000 model calls.
pub(crate) fn explained(calls: Option<usize>) -> Explained {
    let map = Array2::from_shape_fn((28, 28), |(y, x)| {
        let (dx, dy) = (x as f32 - 9.0, y as f32 - 14.0);
        (-(dx * dx + dy * dy) / 40.0).exp()
    });
    let raw = map.mapv(|value| 7.43 * value - 0.31).into_dyn();
    let layers = vec!["/layer4/layer4.2/relu_2/Relu".to_owned()];
    let attribution = Attribution { raw, layers, ..Attribution::new(map, Sign::Positive) };
    Explained::new(attribution, Duration::from_millis(12), calls.map(|calls| (calls, 1000)))
}

/// Three superpixels, side by side.
fn division() -> Array2<u32> {
    Array2::from_shape_fn((28, 28), |(_, x)| (x / 10) as u32)
}

/// What the model says with superpixels hidden: for each of them, less of its best class.
pub(crate) fn what_if(key: &WhatIfKey) -> WhatIf {
    let mut logits = IMAGES[key.image.id % IMAGES.len()].2;
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
    logits[best] -= key.hidden.iter().map(|segment| *segment as f32 + 0.5).sum::<f32>();
    let (labels, mut seen) = (division(), RgbImage::from_pixel(28, 28, Rgb([90, 120, 60])));
    for ((y, x), label) in labels.indexed_iter() {
        if key.hidden.contains(label) {
            seen.put_pixel(x as u32, y as u32, Rgb([200, 0, 200]));
        }
    }
    let input = ArrayD::zeros(vec![1, 3, 28, 28]);
    WhatIf::new(explain::WhatIf { labels: Arc::new(labels), input, seen, scores: Scores::softmax(&logits) })
}

/// A dream after some of its steps: the more of them, the larger its square.
pub(crate) fn dream_frame(key: DreamKey, step: usize) -> DreamFrame {
    let number = if let DreamStart::Noise(number) = key.start { number } else { 9 };
    let picture = RgbImage::from_fn(28, 28, |x, y| {
        let is_inside = x.max(y) < step as u32 / 10;
        Rgb(if is_inside { [200, 80, (40 * number % 250) as u8] } else { [128; 3] })
    });
    DreamFrame { picture: Arc::new(picture), value: step as f32 / 10.0 + number as f32, step }
}

/// A dream that is over.
pub(crate) fn dreamt(key: DreamKey) -> Dreamt {
    let DreamFrame { picture, value, step } = dream_frame(key, DREAM_STEPS);
    let (picture, values) = (picture.as_ref().clone(), ArrayD::zeros(vec![3, 28, 28]));
    let noise = OverNoise { mean: 0.5, deviation: 1.25 };
    Dreamt::new(explain::Dream { picture, values, value }, noise, step, Duration::from_millis(2300))
}

/// A signed map of three superpixels, side by side.
pub(crate) fn superpixels() -> Explained {
    let weights = vec![0.01, -0.5, 0.2];
    let labels = division();
    let mut attribution = explained(None).attribution;
    attribution.map = labels.map(|label| weights[*label as usize]);
    attribution.raw = attribution.map.clone().into_dyn();
    attribution.sign = Sign::Signed;
    attribution.segments = Some(Segments { labels: Arc::new(labels), weights });
    Explained::new(attribution, Duration::from_millis(840), None)
}

/// The channels of a layer: a spot in each that moves from one to the next; every tenth is silent.
pub(crate) fn channels(image: ImageId, layer: usize, contributions: Result<Vec<f32>, String>) -> Channels {
    let activation = activation(image, layer);
    let sum = contributions.as_ref().ok().map(|terms| {
        let is_exact = layer == 9;
        let rest = if is_exact { 0.25 } else { -3.5 };
        let mean = |channel: usize| activation.index_axis(Axis(0), channel).mean().unwrap();
        let weight = |channel: usize| if mean(channel) > 0.0 { terms[channel] / mean(channel) } else { 0.0 };
        let weights = is_exact.then(|| (0..CHANNELS).map(weight).collect());
        ScoreSum { score: terms.iter().sum::<f32>() + rest, rest, is_exact, weights }
    });
    Channels::new(LayerChannels { activation, contributions, sum }, Duration::from_millis(3))
}

/// The weights of a stage of that model: filters on pixels, 3x3 kernels, or those of the scores.
fn weights(node: &str, output: usize) -> Result<WeightTable, String> {
    let (shape, kind) = match node {
        "/conv1/Conv" => (vec![CHANNELS, 3, 7, 7], WeightKind::Convolution { groups: 1, on_pixels: true }),
        "/fc/Gemm" => (vec![8, CHANNELS], WeightKind::Linear { of_classes: true }),
        _ => (vec![CHANNELS, CHANNELS, 3, 3], WeightKind::Convolution { groups: 1, on_pixels: false }),
    };
    let count = shape.iter().product();
    let values = (0..count).map(|at: usize| (at as f32 * 0.7).sin() * (1.0 + (at / 9 % 5) as f32)).collect();
    let values = ArrayD::from_shape_vec(shape, values).unwrap();
    let weights = Weights { name: node.to_owned(), path: None, operator: "Conv".to_owned(), kind, values };
    WeightTable::new(&weights, output, false)
}

/// Twelve heads on 7 x 7 patches: the patch that asks, or the middle, has most, the rest falls off faster in each head.
pub(crate) fn heads(block: usize, asking: Asking) -> Heads {
    let asks = if let Asking::Patch(patch) = asking { (patch / 7, patch % 7) } else { (3, 3) };
    let mut shares = Array3::from_shape_fn((12, 7, 7), |(head, y, x)| {
        let distance = y.abs_diff(asks.0) + x.abs_diff(asks.1);
        (-(distance as f32) * (head + 1 + block) as f32 / 4.0).exp()
    });
    for (head, mut map) in shares.outer_iter_mut().enumerate() {
        map *= (1.0 - 0.05 * head as f32) / map.sum();
    }
    Heads::new(&shares, Duration::from_millis(7))
}

/// The output of a layer: in each channel a spot that moves from one to the next.
pub(crate) fn activation(image: ImageId, layer: usize) -> Array3<f32> {
    let side = if layer == 3 { 14 } else { 7 };
    Array3::from_shape_fn((CHANNELS, side, side), |(channel, y, x)| {
        let (dy, dx) = (y as f32 - (channel % side) as f32, x as f32 - (channel / side % side) as f32);
        let height = if channel % 10 == 9 { 0.0 } else { 1.0 + ((channel + image) % 5) as f32 };
        height * (-(dx * dx + dy * dy) / 3.0).exp()
    })
}

/// What a channel contributes: another order in each image and for each class.
fn contribution(image: ImageId, class: usize, channel: usize) -> f32 {
    let spoken = channel % 10 != 9;
    if spoken { (((channel * 37 + image * 11 + class * 5) % 71) as f32 - 20.0) / 20.0 } else { 0.0 }
}

/// Stores a map of superpixels as the selected one.
pub(crate) fn with_superpixels(state: &mut State) {
    let report = Report::Explained(current_key(state), Ok(Arc::new(superpixels())));
    update(state, Action::Report(report));
}

/// The selected map of the image at the cursor.
pub(crate) fn current_key(state: &State) -> MapKey {
    state.map_key(state.current().unwrap()).unwrap()
}

/// Draws the state, and the pictures as half-blocks.
pub(crate) fn draw(state: &State, colour: bool) -> (Screen<TestBackend>, Vec<Placement>) {
    let (width, height) = state.terminal.size;
    let mut screen = Screen::new(TestBackend::new(width, height)).unwrap();
    let mut placements = Vec::new();
    screen
        .draw(|frame| {
            placements = ui::draw(frame, state, Theme { colour, light: false });
            for Placement { area, picture } in &placements {
                let pixels = picture.recipe.compose().render(u32::from(area.width), 2 * u32::from(area.height));
                for position in area.positions() {
                    let (x, y) = (u32::from(position.x - area.x), 2 * u32::from(position.y - area.y));
                    let colour = |y| {
                        let [r, g, b] = pixels.get_pixel(x, y).0;
                        Color::Rgb(r, g, b)
                    };
                    frame.buffer_mut()[position].set_symbol("▀").set_fg(colour(y)).set_bg(colour(y + 1));
                }
            }
        })
        .unwrap();
    (screen, placements)
}

/// The screen as text, without the spaces at the ends of lines.
pub(crate) fn screen(state: &State) -> String {
    let (screen, _) = draw(state, true);
    let buffer = screen.backend().buffer();
    let rows = buffer.content().chunks(usize::from(buffer.area.width.max(1)));
    let mut text = String::new();
    for row in rows {
        let mut hidden = 0;
        let mut line = String::new();
        for cell in row {
            // A wide character hides the cell after it.
            if hidden == 0 {
                line.push_str(cell.symbol());
                hidden = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
            } else {
                hidden -= 1;
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

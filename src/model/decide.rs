//! Decides every setting from what the sources say, in their order.

use super::error::ModelProblem;
use super::onnx_file::InputSpec;
use super::opening::Opening;
use super::settings::{ChannelOrder, Origin, Overrides, Range, Resize, Setting, Settings, Size};
use crate::network::Layout;
use crate::raster::resize::Filter;

/// A source and what it says.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) says: Overrides,
}

impl Source {
    /// What it says and nobody obeys.
    pub(super) fn notice(&self) -> Option<String> {
        let ignored = self.says.ignored.join(", ");
        (!ignored.is_empty()).then(|| format!("{} has {ignored}, which is ignored", self.origin))
    }
}

/// ImageNet's mean and standard deviation of red, green and blue, as torchvision has them.
pub(super) const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub(super) const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The first source that says something.
pub(super) fn first<T>(sources: &[Source], of: impl Fn(&Overrides) -> Option<T>) -> Option<Setting<T>> {
    sources.iter().find_map(|source| Some(Setting { value: of(&source.says)?, origin: source.origin.clone() }))
}

fn guess<T>(value: T) -> Setting<T> {
    Setting { value, origin: Origin::Guess }
}

fn graph<T>(value: T) -> Setting<T> {
    Setting { value, origin: Origin::Graph }
}

/// From this side on, an input is taken for one of ImageNet's kind. MNIST's and CIFAR's are smaller.
const LIKE_IMAGENET: u32 = 64;

/// Decides. Flags and sidecar may not contradict the graph; files and metadata give way to its shapes. What its first
/// operators suggest counts where nobody says anything.
pub(super) fn decide(input: &InputSpec, opening: &Opening, sources: &[Source]) -> Result<Settings, ModelProblem> {
    let sides = input.sides;
    let (layout, channels) = axes(input, opening, first(sources, |says| says.layout));
    let (height, width) = match layout.value {
        Layout::Nchw => (sides[2], sides[3]),
        Layout::Nhwc => (sides[1], sides[2]),
    };
    let input_size = input_size((width, height), sources)?;
    let Size { width, height } = input_size.value;
    let small = width.min(height) < LIKE_IMAGENET;

    let usual = || match opening.range {
        Some(_) => graph(Resize::Squash(None)),
        None if small || width != height => guess(Resize::Squash(None)),
        // The margin of torchvision's recipe: 256 pixels for an input of 224.
        None => guess(Resize::Shortest(width * 256 / 224)),
    };
    let resize = first(sources, |says| says.resize).unwrap_or_else(usual);
    let crop = first(sources, |says| says.crop).map(|crop| Setting { value: Some(crop.value), origin: crop.origin });
    let crop = crop.unwrap_or_else(|| Setting {
        value: matches!(resize.value, Resize::Shortest(_) | Resize::Cover(_) | Resize::Keep)
            .then_some(input_size.value),
        origin: resize.origin.clone(),
    });
    let order = || opening.channel_order.map(graph);
    let Scale { range, mean, std } = scale(opening, sources, channels.value, small)?;

    Ok(Settings {
        // It belongs to the crop, so only who says the crop is asked.
        middle: sources
            .iter()
            .find(|source| source.says.crop.is_some())
            .and_then(|it| it.says.middle)
            .unwrap_or_default(),
        pad: first(sources, |says| says.pad).map(|pad| pad.value),
        interpolation: first(sources, |says| says.interpolation).unwrap_or(guess(Filter::Bilinear)),
        channel_order: first(sources, |says| says.channel_order).or_else(order).unwrap_or(guess(ChannelOrder::Rgb)),
        input_size,
        resize,
        crop,
        range,
        mean,
        std,
        channels,
        layout,
    })
}

/// How the values of pixels become those of the input.
struct Scale {
    range: Setting<Range>,
    mean: Setting<Vec<f32>>,
    std: Setting<Vec<f32>>,
}

/// Decides it. Mean and deviation are numbers of a range, so whoever says the range speaks for them too: without any they
/// are 0 and 1, and sources that come after it are not asked.
fn scale(opening: &Opening, sources: &[Source], channels: usize, small: bool) -> Result<Scale, ModelProblem> {
    let said = sources.iter().position(|source| source.says.range.is_some());
    let asked = said.map_or(sources, |last| &sources[..=last]);
    let (mean, std) = (first(asked, |says| says.mean.clone()), first(asked, |says| says.std.clone()));
    let range = match first(sources, |says| says.range) {
        Some(range) => range,
        // Means and deviations are those of pixels in [0, 1] where they are not said to be others.
        None => match (mean.as_ref().or(std.as_ref()), opening.range) {
            (Some(said), _) => Setting { value: Range::Unit, origin: said.origin.clone() },
            (None, Some(range)) => graph(range),
            (None, None) => guess(Range::Unit),
        },
    };
    let plain = said.is_some() || opening.range.is_some() || small || !matches!(channels, 1 | 3);
    let usual = |imagenet: [f32; 3], nothing: f32| match (&range.origin, &mean, &std) {
        (origin, None, None) if plain => Setting { value: vec![nothing; channels], origin: origin.clone() },
        _ if plain => Setting { value: vec![nothing; channels], origin: range.origin.clone() },
        _ => guess(per_channel(channels, imagenet)),
    };
    let (usual_mean, usual_std) = (usual(IMAGENET_MEAN, 0.0), usual(IMAGENET_STD, 1.0));
    let largest = if range.value == Range::Bytes { 512.0 } else { 2.0 };
    let mean =
        normalisation("mean", mean.unwrap_or(usual_mean), channels, range.value, |value| value.abs() <= largest)?;
    let std =
        normalisation("std", std.unwrap_or(usual_std), channels, range.value, |value| value > 0.0 && value <= largest)?;
    Ok(Scale { range, mean, std })
}

/// What to tell where somebody scales the values otherwise than the graph's first operators expect.
pub(super) fn contradiction(settings: &Settings, opening: &Opening) -> Option<String> {
    let wanted = opening.range?;
    let ends = |range: Range| [range.value(0.0), range.value(255.0)];
    let (mean, std) = (settings.mean.value.first()?, settings.std.value.first()?);
    let fed = ends(settings.range.value).map(|value| (value - mean) / std);
    let wide = ends(wanted)[1] - ends(wanted)[0];
    let same = fed.iter().zip(ends(wanted)).all(|(fed, wanted)| (fed - wanted).abs() < 0.05 * wide);
    let by = if settings.mean.origin == Origin::Graph { &settings.range.origin } else { &settings.mean.origin };
    (!same).then(|| {
        format!(
            "the graph scales its input itself and seems to expect pixels of {wanted}; {by} says otherwise, and is followed"
        )
    })
}

fn per_channel(channels: usize, rgb: [f32; 3]) -> Vec<f32> {
    if channels == 3 { rgb.to_vec() } else { vec![rgb.iter().sum::<f32>() / 3.0; channels] }
}

/// Finds the axis of the channels: the one with 1, 3 or 4 values, else the one that is no side of a square, else the
/// shorter.
fn axes(input: &InputSpec, opening: &Opening, said: Option<Setting<Layout>>) -> (Setting<Layout>, Setting<usize>) {
    let sides = input.sides;
    let like_channels = |side: Option<usize>| matches!(side, Some(1 | 3 | 4));
    let layout = said.or_else(|| opening.layout.map(graph)).unwrap_or_else(|| match (sides[1], sides[3]) {
        (first, _) if like_channels(first) => graph(Layout::Nchw),
        (_, last) if like_channels(last) => graph(Layout::Nhwc),
        (first @ Some(_), last @ Some(_)) if first == sides[2] && last != sides[2] => graph(Layout::Nhwc),
        (Some(first), Some(last)) if last < first && Some(last) != sides[2] => graph(Layout::Nhwc),
        (Some(_), _) => graph(Layout::Nchw),
        (None, Some(_)) if sides[2].is_none() => graph(Layout::Nhwc),
        _ => guess(Layout::Nchw),
    });
    let channels = match layout.value {
        Layout::Nchw => sides[1],
        Layout::Nhwc => sides[3],
    };
    (layout, channels.map_or(guess(3), graph))
}

fn input_size(
    (width, height): (Option<usize>, Option<usize>),
    sources: &[Source],
) -> Result<Setting<Size>, ModelProblem> {
    let side = |side: usize| u32::try_from(side).ok().filter(|side| *side <= Size::LONGEST);
    let fixed = |known: Option<usize>, other: u32| known.map_or(Some(other), side);
    let absurd = || ModelProblem::NotClassifier(format!("its input is larger than {0}x{0} pixels", Size::LONGEST));
    let said = first(sources, |says| says.input_size);
    // A crop, or the size that images are squashed to, is as good as the size of the input.
    let implied =
        || first(sources, |says| says.crop.or(if let Some(Resize::Squash(size)) = says.resize { size } else { None }));
    let wish = said.clone().or_else(implied).unwrap_or(guess(Size { width: 224, height: 224 }));
    let value = fixed(width, wish.value.width)
        .zip(fixed(height, wish.value.height))
        .and_then(|(width, height)| Size::new(width, height))
        .ok_or_else(absurd)?;
    let by_graph = width.is_some() && height.is_some();
    match said {
        Some(said) if said.value != value && insists(&said.origin) => Err(ModelProblem::FixedInput {
            asked: said.value.to_string(),
            by: said.origin.to_string(),
            fixed: value.to_string(),
        }),
        _ => Ok(Setting { value, origin: if by_graph { Origin::Graph } else { wish.origin } }),
    }
}

/// Whether a person wrote it for this model: the flags and the sidecar.
pub(super) fn insists(origin: &Origin) -> bool {
    match origin {
        Origin::Flag => true,
        Origin::File(path) => path.extension().is_some_and(|extension| extension == "toml"),
        _ => false,
    }
}

/// One number for each channel, each within bounds.
fn normalisation(
    name: &'static str,
    setting: Setting<Vec<f32>>,
    channels: usize,
    range: Range,
    valid: impl Fn(f32) -> bool,
) -> Result<Setting<Vec<f32>>, ModelProblem> {
    let Setting { mut value, origin } = setting;
    let wrong = |message: String| ModelProblem::Setting { origin: origin.to_string(), message };
    if let Some(odd) = value.iter().find(|value| !valid(**value)) {
        let remedy = if range == Range::Bytes || *odd <= 0.0 {
            ""
        } else {
            ", so divide by 255, or say that the range is 0..255"
        };
        return Err(wrong(format!("{name} = {odd} cannot be right: pixels are scaled to {range} first{remedy}")));
    }
    if value.len() == 1 {
        value = vec![value[0]; channels];
    } else if value.len() == 3 && channels == 1 {
        value = vec![value.iter().sum::<f32>() / 3.0];
    } else if value.len() == 3 && channels == 4 {
        // Nobody normalises how opaque a pixel is.
        value.push(if name == "mean" { 0.0 } else { 1.0 });
    }
    if value.len() != channels {
        return Err(wrong(format!("{name} has {} numbers, the model {channels} channels", value.len())));
    }
    Ok(Setting { value, origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(sides: [usize; 4]) -> InputSpec {
        InputSpec { name: "input".into(), sides: sides.map(|side| (side > 0).then_some(side)), bytes: false }
    }

    fn decide(input: &InputSpec, sources: &[Source]) -> Result<Settings, ModelProblem> {
        super::decide(input, &Opening::default(), sources)
    }

    fn flags(says: Overrides) -> Vec<Source> {
        vec![Source { origin: Origin::Flag, says }]
    }

    #[test]
    fn without_a_word_it_is_imagenet_and_called_a_guess() {
        let settings = decide(&input([0, 3, 176, 176]), &[]).unwrap();
        assert_eq!(settings.input_size, Setting { value: Size { width: 176, height: 176 }, origin: Origin::Graph });
        assert_eq!(settings.resize, guess(Resize::Shortest(201)));
        assert_eq!(settings.mean.value, IMAGENET_MEAN);
        assert_eq!(settings.guesses(), ["resize", "crop", "range", "mean", "std"]);
    }

    #[test]
    fn the_axis_of_the_channels_is_found() {
        let layout = |sides| decide(&input(sides), &[]).map(|s| (s.layout.value, s.channels.value, s.input_size.value));
        let size = |width, height| Size { width, height };
        assert_eq!(layout([0, 96, 128, 3]).unwrap(), (Layout::Nhwc, 3, size(128, 96)));
        assert_eq!(layout([1, 1, 28, 28]).unwrap(), (Layout::Nchw, 1, size(28, 28)));
        assert_eq!(layout([0, 0, 0, 0]).unwrap(), (Layout::Nchw, 3, size(224, 224)));
        assert_eq!(layout([1, 4, 64, 64]).unwrap(), (Layout::Nchw, 4, size(64, 64)));
        assert_eq!(layout([1, 12, 64, 64]).unwrap(), (Layout::Nchw, 12, size(64, 64)));
        assert_eq!(layout([1, 64, 64, 12]).unwrap(), (Layout::Nhwc, 12, size(64, 64)));
    }

    #[test]
    fn the_first_source_that_speaks_decides() {
        let mut sources = flags(Overrides { mean: Some(vec![0.5]), ..Overrides::default() });
        let says = Overrides { mean: Some(vec![0.1]), std: Some(vec![0.2, 0.3, 0.4]), ..Overrides::default() };
        sources.push(Source { origin: Origin::Metadata, says });
        let settings = decide(&input([1, 3, 224, 224]), &sources).unwrap();
        assert_eq!(settings.mean, Setting { value: vec![0.5; 3], origin: Origin::Flag });
        assert_eq!(settings.std, Setting { value: vec![0.2, 0.3, 0.4], origin: Origin::Metadata });
    }

    #[test]
    fn a_size_that_the_graph_does_not_take_is_refused() {
        let says = Overrides { input_size: Size::square(256), ..Overrides::default() };
        let refused = decide(&input([1, 3, 224, 224]), &flags(says.clone()));
        assert!(matches!(refused, Err(ModelProblem::FixedInput { .. })), "{refused:?}");
        let open = decide(&input([1, 3, 0, 0]), &flags(says)).unwrap();
        assert_eq!(open.input_size, Setting { value: Size { width: 256, height: 256 }, origin: Origin::Flag });
    }

    #[test]
    fn a_mean_of_0_to_255_needs_that_range() {
        let says = Overrides { mean: Some(vec![123.675, 116.28, 103.53]), ..Overrides::default() };
        let Err(problem) = decide(&input([1, 3, 224, 224]), &flags(says.clone())) else { panic!("accepted") };
        assert!(problem.to_string().contains("divide by 255"), "{problem}");
        let says = Overrides { range: Some(Range::Bytes), ..says };
        let settings = decide(&input([1, 3, 224, 224]), &flags(says)).unwrap();
        assert_eq!((settings.mean.value[0], settings.std.value), (123.675, vec![1.0; 3]));
    }

    #[test]
    fn whoever_says_the_range_speaks_for_mean_and_deviation() {
        let mut sources = flags(Overrides { range: Some(Range::Signed), ..Overrides::default() });
        let says = Overrides { mean: Some(vec![0.1]), std: Some(vec![0.2]), ..Overrides::default() };
        sources.push(Source { origin: Origin::Metadata, says });
        let settings = decide(&input([1, 3, 224, 224]), &sources).unwrap();
        assert_eq!((settings.mean.value, settings.std.value), (vec![0.0; 3], vec![1.0; 3]));
        assert_eq!((settings.mean.origin, settings.range.value), (Origin::Flag, Range::Signed));
    }

    #[test]
    fn small_inputs_are_not_taken_for_those_of_imagenet() {
        let settings = decide(&input([1, 1, 28, 28]), &[]).unwrap();
        assert_eq!((settings.resize, settings.crop.value), (guess(Resize::Squash(None)), None));
        assert_eq!((settings.mean, settings.std.value), (guess(vec![0.0]), vec![1.0]));
    }

    #[test]
    fn a_graph_that_scales_its_input_gets_it_as_it_is() {
        let opening = Opening { range: Some(Range::Bytes), ..Opening::default() };
        let settings = super::decide(&input([1, 3, 224, 224]), &opening, &[]).unwrap();
        assert_eq!((&settings.range, settings.guesses()), (&graph(Range::Bytes), vec![]));
        assert_eq!((&settings.mean, &settings.resize), (&graph(vec![0.0; 3]), &graph(Resize::Squash(None))));
        assert_eq!(contradiction(&settings, &opening), None);
        let says = Overrides { mean: Some(vec![0.5]), std: Some(vec![0.5]), ..Overrides::default() };
        let settings = super::decide(&input([1, 3, 224, 224]), &opening, &flags(says)).unwrap();
        assert_eq!(settings.range.value, Range::Unit);
        assert!(contradiction(&settings, &opening).unwrap().contains("0..255"));
    }
}

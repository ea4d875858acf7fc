//! Decides every setting from what the sources say, in their order.

use super::error::ModelProblem;
use super::onnx_file::InputSpec;
use super::settings::{ChannelOrder, Layout, Origin, Overrides, Resize, Setting, Settings, Size};
use crate::raster::resize::Filter;

/// A source and what it says.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) says: Overrides,
}

/// ImageNet's mean and standard deviation of red, green and blue, as torchvision has them.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

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

/// Decides. Flags and sidecar may not contradict the graph; files and metadata give way to it.
pub(super) fn decide(input: &InputSpec, sources: &[Source]) -> Result<Settings, ModelProblem> {
    let sides = input.sides;
    let (layout, channels) = axes(input, first(sources, |says| says.layout))?;
    let (height, width) = match layout.value {
        Layout::Nchw => (sides[2], sides[3]),
        Layout::Nhwc => (sides[1], sides[2]),
    };
    let input_size = input_size((width, height), sources)?;
    let Size { width, height } = input_size.value;

    // The margin of torchvision's recipe: 256 pixels for an input of 224.
    let with_margin = Resize::Shortest(width * 256 / 224);
    let usual = if width == height { with_margin } else { Resize::Squash(None) };
    let resize = first(sources, |says| says.resize).unwrap_or(guess(usual));
    let crop = first(sources, |says| says.crop).map(|crop| Setting { value: Some(crop.value), origin: crop.origin });
    let crop = crop.unwrap_or_else(|| Setting {
        value: matches!(resize.value, Resize::Shortest(_) | Resize::Keep).then_some(input_size.value),
        origin: resize.origin.clone(),
    });

    let mean =
        first(sources, |says| says.mean.clone()).unwrap_or_else(|| guess(per_channel(channels.value, IMAGENET_MEAN)));
    let std =
        first(sources, |says| says.std.clone()).unwrap_or_else(|| guess(per_channel(channels.value, IMAGENET_STD)));
    let mean = normalisation("mean", mean, channels.value, |value| (-2.0..=2.0).contains(&value))?;
    let std = normalisation("std", std, channels.value, |value| value > 0.0 && value <= 2.0)?;

    Ok(Settings {
        interpolation: first(sources, |says| says.interpolation).unwrap_or(guess(Filter::Bilinear)),
        channel_order: first(sources, |says| says.channel_order).unwrap_or(guess(ChannelOrder::Rgb)),
        input_size,
        resize,
        crop,
        mean,
        std,
        channels,
        layout,
    })
}

fn per_channel(channels: usize, rgb: [f32; 3]) -> Vec<f32> {
    if channels == 3 { rgb.to_vec() } else { vec![rgb.iter().sum::<f32>() / 3.0; channels] }
}

/// Finds the axis of the channels: the one with 1 or 3 values.
fn axes(input: &InputSpec, said: Option<Setting<Layout>>) -> Result<(Setting<Layout>, Setting<usize>), ModelProblem> {
    let InputSpec { name, sides } = input;
    let like_channels = |side: Option<usize>| matches!(side, Some(1 | 3));
    let layout = said.unwrap_or_else(|| match (sides[1], sides[3]) {
        (first, _) if like_channels(first) => graph(Layout::Nchw),
        (_, last) if like_channels(last) => graph(Layout::Nhwc),
        _ => guess(Layout::Nchw),
    });
    let channels = match layout.value {
        Layout::Nchw => sides[1],
        Layout::Nhwc => sides[3],
    };
    match channels {
        Some(channels @ (1 | 3)) => Ok((layout, graph(channels))),
        None => Ok((layout, guess(3))),
        Some(channels) => {
            Err(ModelProblem::NotClassifier(format!("its input {name:?} has {channels} channels, an image has 1 or 3")))
        }
    }
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
    valid: impl Fn(f32) -> bool,
) -> Result<Setting<Vec<f32>>, ModelProblem> {
    let Setting { mut value, origin } = setting;
    let wrong = |message: String| ModelProblem::Setting { origin: origin.to_string(), message };
    if let Some(odd) = value.iter().find(|value| !valid(**value)) {
        return Err(wrong(format!(
            "{name} = {odd} cannot be right: pixels are scaled to [0, 1] first, so divide by 255"
        )));
    }
    if value.len() == 1 {
        value = vec![value[0]; channels];
    } else if value.len() == 3 && channels == 1 {
        value = vec![value.iter().sum::<f32>() / 3.0];
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
        InputSpec { name: "input".into(), sides: sides.map(|side| (side > 0).then_some(side)) }
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
        assert_eq!(settings.guesses(), ["resize", "crop", "mean", "std"]);
    }

    #[test]
    fn the_axis_of_the_channels_is_found() {
        let layout = |sides| decide(&input(sides), &[]).map(|s| (s.layout.value, s.channels.value, s.input_size.value));
        let size = |width, height| Size { width, height };
        assert_eq!(layout([0, 96, 128, 3]).unwrap(), (Layout::Nhwc, 3, size(128, 96)));
        assert_eq!(layout([1, 1, 28, 28]).unwrap(), (Layout::Nchw, 1, size(28, 28)));
        assert_eq!(layout([0, 0, 0, 0]).unwrap(), (Layout::Nchw, 3, size(224, 224)));
        assert!(matches!(layout([1, 12, 64, 64]), Err(ModelProblem::NotClassifier(_))));
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
    fn a_mean_of_0_to_255_is_refused_with_the_reason() {
        let says = Overrides { mean: Some(vec![123.675, 116.28, 103.53]), ..Overrides::default() };
        let Err(problem) = decide(&input([1, 3, 224, 224]), &flags(says)) else { panic!("accepted") };
        assert!(problem.to_string().contains("divide by 255"), "{problem}");
    }
}

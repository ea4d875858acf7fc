//! What a graph does to its input before the network proper begins.
//!
//! Some exports scale their own input: they divide by 255, subtract means, turn the axes, resize. Whoever does that a second
//! time gets wrong predictions, and nothing shows it. So the first operators are read, from the input on to whatever is no
//! longer arithmetic on single pixels, and from what they do to the values follows which values they expect.

mod picture;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

use self::picture::{Channel, Picture, sliced};
use super::constants::Constants;
use super::front::Cut;
use super::nodes::attribute;
use super::onnx_file::InputSpec;
use super::settings::{ChannelOrder, Range, Size};
use crate::network::Layout;

/// No picture is made of more channels than this.
const MOST_CHANNELS: f64 = 16.0;

/// What the first operators say about the input.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Opening {
    /// The range of the pixels that they prepare; None where they prepare none.
    pub(super) range: Option<Range>,
    /// The order of the channels, where the means that are subtracted tell.
    pub(super) channel_order: Option<ChannelOrder>,
    /// The order of the axes, where a transposition tells.
    pub(super) layout: Option<Layout>,
    /// Where they have brought the picture to a size of their own.
    pub(super) cut: Option<Cut>,
}

/// Reads the first operators of a graph.
pub(super) fn read(graph: &GraphProto, input: &InputSpec, folder: Option<&str>) -> Opening {
    let (axis, channels) = match (input.sides[1], input.sides[3]) {
        (Some(channels @ (1 | 3 | 4)), _) => (Some(1), channels),
        (_, Some(channels @ (1 | 3 | 4))) => (Some(3), channels),
        _ => (None, 3),
    };
    let untouched = |source| Channel { source, scale: 1.0, shift: 0.0 };
    let picture =
        Picture { channels: (0..channels).map(untouched).collect(), axis, standardised: false, learned: false };
    let constants = Constants::of(graph, folder);
    let mut walk = Walk {
        constants,
        pictures: HashMap::new(),
        statistics: HashSet::new(),
        layout: None,
        cut: None,
        last: picture.clone(),
    };
    walk.pictures.insert(&input.name, picture);
    for node in &graph.node {
        if !walk.step(node) {
            break;
        }
    }
    let Walk { last, layout, cut, .. } = walk;
    let cut = cut.filter(|cut| cut.channels.len() == channels);
    let range = if input.bytes { Some(Range::Bytes) } else { last.range() };
    let channel_order = range.and_then(|range| last.order(range));
    Opening { range, channel_order, layout, cut }
}

struct Walk<'a> {
    constants: Constants<'a>,
    pictures: HashMap<&'a str, Picture>,
    /// Tensors that hold sums or means over the picture.
    statistics: HashSet<&'a str>,
    layout: Option<Layout>,
    cut: Option<Cut>,
    /// The picture as it was last.
    last: Picture,
}

impl<'a> Walk<'a> {
    /// Follows one node. False where the network proper begins.
    fn step(&mut self, node: &'a NodeProto) -> bool {
        let is_statistic = node.input.iter().any(|input| self.statistics.contains(input.as_str()));
        let Some((slot, picture)) = self.picture(node) else {
            if is_statistic {
                self.statistics.extend(node.output.iter().map(String::as_str));
            }
            return true;
        };
        let made = match node.op_type.as_str() {
            "Shape" | "Size" => return true,
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL2" | "ReduceSumSquare"
            | "GlobalAveragePool" | "Pow" => None,
            "Mul" if node.input.iter().all(|input| self.pictures.contains_key(input.as_str())) => None,
            _ if is_statistic => Some(vec![Picture { standardised: true, ..picture.clone() }]),
            _ => match self.follow(node, slot, &picture) {
                Some(made) => Some(made),
                None => {
                    self.last = picture;
                    return false;
                }
            },
        };
        match made {
            None => self.statistics.extend(node.output.iter().map(String::as_str)),
            Some(made) => {
                self.last = made.last().cloned().unwrap_or(picture);
                self.pictures.extend(node.output.iter().map(String::as_str).zip(made));
            }
        }
        true
    }

    /// The first picture that a node takes.
    fn picture(&self, node: &NodeProto) -> Option<(usize, Picture)> {
        let mut inputs = node.input.iter().enumerate();
        inputs.find_map(|(slot, input)| Some((slot, self.pictures.get(input.as_str())?.clone())))
    }

    /// The pictures that a node makes of one; None where they are none any more.
    fn follow(&mut self, node: &NodeProto, slot: usize, picture: &Picture) -> Option<Vec<Picture>> {
        let one = |picture: Picture| Some(vec![picture]);
        let constant = |index: usize| self.constants.values(node.input.get(index)?);
        match node.op_type.as_str() {
            "Identity" | "Cast" | "CastLike" | "Dropout" | "Clip" | "Pad" => one(picture.clone()),
            "Resize" | "Upsample" => {
                self.cut = self.cut_behind(node, picture);
                one(picture.clone())
            }
            "InstanceNormalization" | "MeanVarianceNormalization" => {
                one(Picture { standardised: true, ..picture.clone() })
            }
            "Transpose" => self.transpose(node, picture).and_then(one),
            "Unsqueeze" | "Squeeze" => self.reshape(node, picture).and_then(one),
            // Where there is one channel, it is found again whatever the axes.
            "Reshape" if picture.channels.len() == 1 => one(picture.clone()),
            "Reshape" => one(self.same_channels(node, picture)?),
            "Expand" => one(self.expand(node, picture)?),
            "Tile" => one(self.tile(node, picture)?),
            "GatherND" => one(self.gather_first(node, picture)?),
            "Add" => one(picture.map(&constant(1 - slot)?, Channel::plus)?),
            "Sub" if slot == 0 => one(picture.map(&constant(1)?, |channel, value| channel.plus(-value))?),
            "Sub" => one(picture.map(&constant(0)?, |channel, value| channel.times(-1.0).plus(value))?),
            "Mul" => one(picture.map(&constant(1 - slot)?, Channel::times)?),
            "Div" if slot == 0 => one(picture.map(&constant(1)?, |channel, value| channel.times(value.recip()))?),
            "DequantizeLinear" if slot == 0 => {
                let zero = constant(2).unwrap_or_else(|| vec![0.0]);
                let centred = picture.map(&zero, |channel, value| channel.plus(-value))?;
                one(centred.map(&constant(1)?, Channel::times)?)
            }
            "BatchNormalization" => {
                let deviation: Vec<f64> = constant(4)?.iter().map(|variance| variance.max(1e-12).sqrt()).collect();
                let centred = picture.map(&constant(3)?, |channel, mean| channel.plus(-mean))?;
                let scaled = centred.map(&deviation, |channel, deviation| channel.times(deviation.recip()))?;
                one(Picture { learned: true, ..scaled })
            }
            "Slice" => one(self.slice(node, picture)?),
            "Gather" => one(self.gather(node, picture)?),
            "Split" => self.split(node, picture),
            "Concat" => one(self.concat(node)?),
            "Conv" => one(self.mix(node, picture)?),
            _ => None,
        }
    }

    /// The cut behind a Resize to a size that does not depend on the picture's.
    fn cut_behind(&self, node: &NodeProto, picture: &Picture) -> Option<Cut> {
        let (layout, rows) = match picture.axis? {
            1 => (Layout::Nchw, 2),
            3 => (Layout::Nhwc, 1),
            _ => return None,
        };
        let order: Vec<usize> = picture.channels.iter().map(|channel| channel.source).collect();
        let straight = order.is_sorted() || order.is_sorted_by(|a, b| a > b);
        let sizes = self.constants.last_values(node.input.get(3)?)?;
        let axes = attribute(node, "axes").map(|axes| axes.ints.clone()).filter(|axes| !axes.is_empty());
        let at = |axis: usize| match &axes {
            Some(axes) => {
                axes.iter().position(|it| *it == axis as i64 || *it + 4 == axis as i64).map(|at| axes.len() - at)
            }
            None => Some(4 - axis),
        };
        // Counted from the end, since the batch and the channels may be open.
        let side =
            |axis: usize| sizes.len().checked_sub(at(axis)?).and_then(|at| sizes.get(at)).map(|side| *side as u32);
        let size = Size::new(side(rows + 1)?, side(rows)?)?;
        let policy = attribute(node, "keep_aspect_ratio_policy").is_some_and(|policy| policy.s != b"stretch");
        let known = |channel: &Channel| (channel.source, channel.scale as f32, channel.shift as f32);
        (straight && !policy && !picture.standardised).then(|| Cut {
            tensor: node.output.first().cloned().unwrap_or_default(),
            size,
            layout,
            channels: picture.channels.iter().map(known).collect(),
        })
    }

    fn transpose(&mut self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let order = &attribute(node, "perm")?.ints;
        let axis = match (picture.axis, order.as_slice()) {
            (Some(axis), order) => order.iter().position(|from| *from == axis as i64)?,
            (None, [0, 3, 1, 2]) => {
                self.layout = Some(Layout::Nhwc);
                1
            }
            (None, [0, 2, 3, 1]) => {
                self.layout = Some(Layout::Nchw);
                3
            }
            _ => return None,
        };
        Some(Picture { axis: Some(axis), ..picture.clone() })
    }

    /// One axis more or less.
    fn reshape(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let axes = self.list(node, "axes", 1)?;
        let [axis] = axes[..] else { return None };
        let axis = usize::try_from(axis).ok()?;
        let moved = match (picture.axis, node.op_type.as_str()) {
            (Some(at), "Unsqueeze") if axis <= at => at + 1,
            (Some(at), "Squeeze") if axis < at => at - 1,
            (Some(at), "Squeeze") if axis == at => return None,
            (Some(at), _) => at,
            // A channel that was picked out gets its axis back.
            (None, _) => axis,
        };
        Some(Picture { axis: Some(moved), ..picture.clone() })
    }

    /// A Reshape that leaves the axis of the channels where it is: as with `x.view(-1, C, H, W)`.
    fn same_channels(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let (axis, shape) = (picture.axis?, self.constants.values(node.input.get(1)?)?);
        let channels = picture.channels.len() as f64;
        let is_same = shape.len() == 4 && shape[0] <= 1.0 && [0.0, channels].contains(shape.get(axis)?);
        is_same.then(|| picture.clone())
    }

    /// One channel made several, as grey pictures are for networks that take colours.
    fn expand(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let shape = self.constants.last_values(node.input.get(1)?)?;
        let at = shape.len().checked_sub(4 - picture.axis?)?;
        let count = *shape.get(at).filter(|count| (1.0..=MOST_CHANNELS).contains(*count))? as usize;
        match picture.channels[..] {
            [grey] => Some(Picture { channels: vec![grey; count], ..picture.clone() }),
            _ => (count == 1 || count == picture.channels.len()).then(|| picture.clone()),
        }
    }

    fn tile(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let times = self.constants.values(node.input.get(1)?)?;
        let count = *times.get(picture.axis?).filter(|count| (1.0..=MOST_CHANNELS).contains(*count))?;
        let channels = picture.channels.repeat(count as usize);
        Some(Picture { channels, ..picture.clone() })
    }

    /// How PyTorch's default exporter writes `x[:, [2, 1, 0]]`: it turns the channels to the front and picks from there.
    fn gather_first(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let (indices, batch) = (node.input.get(1)?, attribute(node, "batch_dims").map_or(0, |batch| batch.i));
        let is_list = matches!(self.constants.sides(indices)?, [_, 1]);
        let channel = |index: f64| {
            let index = if index < 0.0 { index + picture.channels.len() as f64 } else { index };
            picture.channels.get(index as usize).copied()
        };
        let channels: Option<Vec<Channel>> = self.constants.values(indices)?.into_iter().map(channel).collect();
        (picture.axis == Some(0) && is_list && batch == 0).then_some(Picture { channels: channels?, ..picture.clone() })
    }

    /// A list of whole numbers that older graphs have as an attribute and newer ones as an input.
    fn list(&self, node: &NodeProto, name: &str, slot: usize) -> Option<Vec<i64>> {
        if let Some(attribute) = attribute(node, name) {
            return Some(attribute.ints.clone());
        }
        let name = node.input.get(slot).filter(|name| !name.is_empty())?;
        self.constants.values(name).map(|values| values.into_iter().map(|value| value as i64).collect())
    }

    /// Slices of the channels, backwards too, and of rows and columns.
    fn slice(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let (starts, ends) = (self.list(node, "starts", 1)?, self.list(node, "ends", 2)?);
        let axes = self.list(node, "axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.list(node, "steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
        let mut picture = picture.clone();
        for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
            if picture.is_axis_of_channels(axis) {
                picture.channels = sliced(&picture.channels, start, end, step)?;
            }
        }
        Some(picture)
    }

    fn gather(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let axis = attribute(node, "axis").map_or(0, |axis| axis.i);
        if !picture.is_axis_of_channels(axis) {
            return None;
        }
        let indices = node.input.get(1)?;
        let count = picture.channels.len() as i64;
        let channel = |index: f64| {
            let index = index as i64;
            picture.channels.get(usize::try_from(if index < 0 { index + count } else { index }).ok()?).copied()
        };
        let channels: Option<Vec<Channel>> = self.constants.values(indices)?.into_iter().map(channel).collect();
        let axis = picture.axis.filter(|_| !self.constants.is_scalar(indices));
        Some(Picture { channels: channels?, axis, ..picture.clone() })
    }

    fn split(&self, node: &NodeProto, picture: &Picture) -> Option<Vec<Picture>> {
        let axis = attribute(node, "axis").map_or(0, |axis| axis.i);
        let (count, parts) = (picture.channels.len(), node.output.len());
        if !picture.is_axis_of_channels(axis) || parts == 0 {
            return None;
        }
        let sizes = self.list(node, "split", 1).unwrap_or_else(|| vec![count.div_ceil(parts) as i64; parts]);
        let mut rest = picture.channels.as_slice();
        let mut made = vec![];
        for size in sizes {
            let (part, after) = rest.split_at_checked(usize::try_from(size).ok()?)?;
            made.push(Picture { channels: part.to_vec(), ..picture.clone() });
            rest = after;
        }
        Some(made)
    }

    fn concat(&self, node: &NodeProto) -> Option<Picture> {
        let axis = attribute(node, "axis")?.i;
        let parts: Option<Vec<&Picture>> = node.input.iter().map(|input| self.pictures.get(input.as_str())).collect();
        let parts = parts?;
        let first = *parts.first()?;
        if !parts.iter().all(|part| part.is_axis_of_channels(axis)) {
            return None;
        }
        let channels = parts.iter().flat_map(|part| part.channels.iter().copied()).collect();
        Some(Picture { channels, ..first.clone() })
    }

    /// A convolution that only scales or moves channels: one pixel wide, one weight that is not 0 for each channel.
    fn mix(&self, node: &NodeProto, picture: &Picture) -> Option<Picture> {
        let count = picture.channels.len();
        let [out, each, 1, 1] = *self.constants.sides(node.input.get(1)?)? else { return None };
        let whole = usize::try_from(each).ok()? == count;
        if usize::try_from(out).ok()? != count || !(whole || each == 1) {
            return None;
        }
        let weights = self.constants.values(&node.input[1])?;
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(bias) => self.constants.values(bias)?,
            None => vec![0.0; count],
        };
        let rows = weights.chunks_exact(usize::try_from(each).ok()?);
        let channel = |(index, (row, bias)): (usize, (&[f64], &f64))| {
            let mut taken = row.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
            let (at, weight) = taken.next()?;
            let from = picture.channels[if whole { at } else { index }];
            taken.next().is_none().then(|| from.times(*weight).plus(*bias))
        };
        let channels: Option<Vec<Channel>> = rows.zip(&bias).enumerate().map(channel).collect();
        Some(Picture { channels: channels?, ..picture.clone() })
    }
}

//! A unit described: the images that excite a channel most, as a line of JSON and as a sheet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::imageops::{self, FilterType};
use serde::Serialize;

use super::Session;
use super::arrays::{SheetFolder, Written, captioned};
use super::export::{ExportError, layer_word};
use super::identity::Identity;
use super::naming::model_word;
use super::record::{Files, SCHEMA};
use super::units::{Exemplar, UnitPlace};
use crate::model::Fingerprint;
use crate::network::NodeValue;
use crate::raster::{Colormap, Colouring, Recipe, Region, Sheet, layer_sign};

/// Longest side of a picture on a sheet, in pixels.
const PICTURE: u32 = 192;
/// How much of a picture the strongest heat hides.
const OPACITY: f32 = 0.45;

/// An image that excites a channel, with the place that does it.
#[derive(Debug)]
pub struct PlacedExemplar<'a> {
    /// The image's file.
    pub path: &'a Path,
    /// How strongly it excites the channel.
    pub exemplar: &'a Exemplar,
    /// Where.
    pub place: UnitPlace,
}

/// An image that excites a channel, as records have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExemplarRecord {
    /// The image, as it was named.
    pub image: String,
    /// The channel's largest value in it.
    pub value: f32,
    /// The place that does it, `[x, y, width, height]` in pixels of the file's upright image; null where that is not known.
    #[serde(rename = "box")]
    pub place: Option<[f32; 4]>,
}

impl ExemplarRecord {
    /// The record of an exemplar.
    pub fn of(placed: &PlacedExemplar<'_>) -> ExemplarRecord {
        // A hundredth of a pixel is as much as anybody can see.
        let rounded = |value: f32| (value * 100.0).round() / 100.0;
        let sides = |place: Region| [place.x, place.y, place.width, place.height].map(rounded);
        ExemplarRecord {
            image: placed.path.to_string_lossy().into_owned(),
            value: placed.exemplar.peak.value,
            place: placed.place.image_box.map(sides),
        }
    }
}

/// A unit, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The model, as it was named.
    pub model: String,
    /// Which model that is, wherever it lies.
    pub model_id: Fingerprint,
    /// The layer's node.
    pub layer: String,
    /// The channel, from 0.
    pub channel: usize,
    /// How many images were asked.
    pub asked: usize,
    /// Those that excite it most, the strongest first; fewer where fewer do at all.
    pub images: Vec<ExemplarRecord>,
    /// What was written.
    pub files: Files,
}

impl UnitRecord {
    /// The record of a channel, without its images.
    pub fn new(session: &Session, layer: &NodeValue, channel: usize, asked: usize) -> UnitRecord {
        UnitRecord {
            schema: SCHEMA,
            model: session.classifier.source().to_string(),
            model_id: session.classifier.fingerprint(),
            layer: layer.name.clone(),
            channel,
            asked,
            images: vec![],
            files: Files::default(),
        }
    }
}

/// What is shown of a unit.
#[derive(Debug)]
pub struct UnitSheet<'a> {
    /// The layer's node.
    pub layer: &'a str,
    /// The channel, from 0.
    pub channel: usize,
    /// The images that excite it most.
    pub images: &'a [PlacedExemplar<'a>],
}

impl Session {
    /// Writes the sheet of a unit, `<model>.<layer>.channel-<K>.png`: what the model sees of each image, the channel over it,
    /// all on one scale, and a frame around the place that does it. Nothing is written where no image excites the channel.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_units(&self, unit: &UnitSheet<'_>, to: &SheetFolder) -> Result<Files, ExportError> {
        let Some(sheet) = sheet(unit) else { return Ok(Files::default()) };
        let scale = sheet.scale;
        let sign = sheet.colouring.sign;
        let (width, height) = sheet.size();
        let page = Recipe::Sheet(sheet).compose().render(width, height);
        let lines = [
            format!("channel {} of {}", unit.channel, unit.layer),
            format!("the {} images that excite it most, and where", unit.images.len()),
        ];
        let images: Vec<PathBuf> = unit.images.iter().map(|placed| placed.path.to_path_buf()).collect();
        let asked = format!("units {} {images:?}", unit.channel);
        let model = self.classifier.source().to_string();
        to.write(Written {
            stem: &model_word(&model),
            end: &format!("{}.channel-{}", layer_word(unit.layer), unit.channel),
            of: (Path::new(""), &model),
            request: Identity::of_layer(self, Path::new(""), unit.layer, &asked),
            values: None,
            sheet: Some(captioned(&page, &lines, sign, scale)),
        })
    }
}

/// The images of a unit side by side.
fn sheet(unit: &UnitSheet<'_>) -> Option<Sheet> {
    let strongest = unit.images.first()?;
    let (width, height) = strongest.place.seen.dimensions();
    let factor = PICTURE as f32 / width.max(height).max(1) as f32;
    let size = [width, height].map(|side| ((side as f32 * factor).round() as u32).max(1));
    let picture = |placed: &PlacedExemplar<'_>| {
        let filter = if factor > 1.0 { FilterType::CatmullRom } else { FilterType::Triangle };
        Some(Arc::new(imageops::resize(&placed.place.seen, size[0], size[1], filter)))
    };
    let scale = strongest.exemplar.peak.value;
    let lowest = unit.images.iter().map(|placed| placed.exemplar.peak.lowest).fold(0.0, f32::min);
    Some(Sheet {
        framed: None,
        pictures: unit.images.iter().map(picture).collect(),
        size: (size[0], size[1]),
        cells: false,
        show_base: true,
        maps: unit.images.iter().map(|placed| Arc::clone(&placed.exemplar.peak.map)).collect(),
        boxes: unit.images.iter().map(|placed| placed.place.share()).collect(),
        scale,
        colouring: Colouring { sign: layer_sign(lowest, scale), colormap: Colormap::default(), opacity: OPACITY },
    })
}

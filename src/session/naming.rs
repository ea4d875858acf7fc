//! What the files of an explanation are called, so that none is lost: a file is replaced by the same request only, any other
//! gets a longer name.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::identity::Identity;

/// The key of the text that a PNG carries.
const CHUNK: &str = "seewhy";
/// A record that is longer, in bytes, is none of ours.
const LONGEST: u64 = 1 << 26;
/// The longest word in a name, in characters.
const LONGEST_WORD: usize = 40;
/// The longest name of a layer in one.
const LONGEST_LAYER: usize = 96;
/// More files than that are not called the same.
const MOST: usize = 100_000;

/// What a name is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    /// What it starts with.
    pub(super) stem: String,
    /// What it ends with: the method.
    pub(super) end: String,
    /// Words for what it may say besides; empty for none.
    pub(super) folder: String,
    pub(super) target: String,
    pub(super) layer: String,
    pub(super) model: String,
}

/// What of that is said besides stem and end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Longer {
    folder: bool,
    target: bool,
    layer: bool,
    model: bool,
    /// From 2 on.
    number: usize,
}

impl Name {
    /// The words for a file of this image and model.
    pub(super) fn of(stem: &str, end: &str, image: &str, model: &str) -> Name {
        let last = |path: Option<&Path>| path?.file_name().map(|name| name.to_string_lossy().into_owned());
        let image = std::path::absolute(image).unwrap_or_else(|_| PathBuf::from(image));
        Name {
            stem: stem.to_owned(),
            end: end.to_owned(),
            folder: last(image.parent()).unwrap_or_default(),
            model: model_name(model),
            ..Name::default()
        }
    }

    fn with(&self, longer: Longer) -> String {
        let number = (longer.number > 1).then(|| longer.number.to_string());
        let said = [(longer.target, &self.target), (longer.layer, &self.layer), (longer.model, &self.model)];
        let said = said.into_iter().filter(|(is_said, _)| *is_said).map(|(_, text)| word(text));
        let folder = if longer.folder { word(&self.folder) } else { String::new() };
        let stem = if folder.is_empty() { self.stem.clone() } else { format!("{folder}_{}", self.stem) };
        let parts = [stem].into_iter().chain(said).chain(number).chain([self.end.clone()]);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
    }
}

/// A text as a part of a file's name.
pub(super) fn word(text: &str) -> String {
    let plain = text.trim_matches('/').chars().take(LONGEST_WORD);
    let plain: String = plain.map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect();
    plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// What a model is called in names of files: by its file, and `resnet50/model.onnx` by its folder.
fn model_name(model: &str) -> String {
    let model = Path::new(model);
    let stem = model.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let folder = || Some(model.parent()?.file_name()?.to_string_lossy().into_owned());
    stem.filter(|stem| stem != "model").or_else(folder).unwrap_or_default()
}

/// The same as the beginning of a name.
pub(super) fn model_word(model: &str) -> String {
    Some(layer_word(&model_name(model))).filter(|word| !word.is_empty()).unwrap_or_else(|| "model".to_owned())
}

/// The name of a layer as a part of a file's name. The end of a long one tells it from others.
pub fn layer_word(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let too_many = name.chars().count().saturating_sub(LONGEST_LAYER);
    let word: String = name.chars().skip(too_many).map(|c| if is_plain(c) { c } else { '-' }).collect();
    word.trim_matches(['-', '.']).to_owned()
}

/// Names to try, one after the other, each longer than the last.
#[derive(Debug)]
pub(super) struct Names {
    name: Name,
    longer: Longer,
    tried: usize,
}

impl Names {
    pub(super) fn new(name: Name) -> Names {
        Names { name, longer: Longer::default(), tried: 0 }
    }

    pub(super) fn current(&self) -> String {
        self.name.with(self.longer)
    }

    /// The next name, now that the last one is taken, by that request where it is known; none when there are too many.
    pub(super) fn lengthen(&mut self, ours: &Identity, other: Option<Identity>) -> Option<String> {
        let all = Longer { folder: true, target: true, layer: true, model: true, number: 0 };
        let says = other.map_or(all, |other| {
            let [folder, model, target, layer, _] = ours.differences(&other);
            Longer { folder, model, target, layer, number: 0 }
        });
        let old = self.longer;
        let wordier = Longer {
            folder: old.folder || says.folder,
            target: old.target || says.target,
            layer: old.layer || says.layer,
            model: old.model || says.model,
            number: old.number,
        };
        let is_new = self.name.with(wordier) != self.current();
        self.longer = if is_new { wordier } else { Longer { number: old.number.max(1) + 1, ..old } };
        self.tried += 1;
        (self.tried < MOST).then(|| self.current())
    }
}

/// Who a name belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    /// The same request: its files may be replaced.
    Same,
    /// Another request, where that is known.
    Other(Option<Identity>),
}

/// Finds out who wrote the files of a name: by the record beside them, by what the picture carries, or else by whether the
/// values are `npy`, byte for byte.
pub(super) fn owner(folder: &Path, name: &str, ours: &Identity, npy: Option<&[u8]>) -> Owner {
    let path = |suffix: &str| folder.join(format!("{name}.{suffix}"));
    let files = ["json", "png", "npy"].map(path);
    let is_there = files.each_ref().map(|path| path.symlink_metadata().is_ok());
    if !is_there.contains(&true) {
        return Owner::Nobody;
    }
    let [json, png, values] = &files;
    let recorded = [is_there[0].then(|| identity_in_record(json)), is_there[1].then(|| identity_in_png(png))];
    let known: Vec<Identity> = recorded.iter().flatten().copied().flatten().collect();
    if let Some(other) = known.iter().find(|known| *known != ours) {
        return Owner::Other(Some(*other));
    }
    // A file without a word of where it comes from is somebody's.
    let is_strange = recorded.iter().flatten().any(Option::is_none);
    let is_same = || is_there[2] && npy.is_some_and(|npy| holds(values, npy));
    match (is_strange, known.is_empty()) {
        (false, false) => Owner::Same,
        (false, true) if is_same() => Owner::Same,
        _ => Owner::Other(None),
    }
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let is_long = |file: &File| file.metadata().is_ok_and(|there| there.is_file() && there.len() == bytes.len() as u64);
    let read = |file: File| {
        let mut found = vec![];
        file.take(bytes.len() as u64 + 1).read_to_end(&mut found).is_ok_and(|_| found == bytes)
    };
    path.is_file() && File::open(path).is_ok_and(|file| is_long(&file) && read(file))
}

fn identity_in_record(path: &Path) -> Option<Identity> {
    #[derive(serde::Deserialize)]
    struct Record {
        request: String,
    }
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|there| there.is_file()))?;
    let record: Record = serde_json::from_reader(BufReader::new(file.take(LONGEST))).ok()?;
    record.request.parse().ok()
}

fn identity_in_png(path: &Path) -> Option<Identity> {
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|there| there.is_file()))?;
    let reader = png::Decoder::new(BufReader::new(file)).read_info().ok()?;
    let texts = &reader.info().uncompressed_latin1_text;
    texts.iter().find(|text| text.keyword == CHUNK)?.text.parse().ok()
}

/// A picture as a PNG that carries what was asked for.
pub(super) fn png(picture: &image::RgbImage, identity: &Identity) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Smaller files would take as long as the network does.
    encoder.set_compression(png::Compression::Fast);
    encoder.add_text_chunk(CHUNK.to_owned(), identity.to_string())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.as_raw())?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let name = Name::of("1", "grad-cam", "/data/val/dog/1.jpg", "/models/net.onnx");
        Names::new(Name { target: "tabby, tabby cat".into(), layer: "/layer4/relu".into(), ..name })
    }

    #[test]
    fn a_longer_name_says_what_differs_and_then_counts() {
        let ours = Identity([1, 2, 3, 4, 5]);
        let mut names = names();
        assert_eq!(names.current(), "1.grad-cam");
        let mut next = |other: Option<[u32; 5]>| names.lengthen(&ours, other.map(Identity)).unwrap();
        assert_eq!(next(Some([1, 2, 9, 4, 5])), "1.tabby-tabby-cat.grad-cam");
        assert_eq!(next(Some([9, 2, 9, 4, 5])), "dog_1.tabby-tabby-cat.grad-cam");
        assert_eq!(next(Some([1, 2, 3, 4, 9])), "dog_1.tabby-tabby-cat.2.grad-cam");
        assert_eq!(next(None), "dog_1.tabby-tabby-cat.layer4-relu.net.2.grad-cam");
        assert_eq!(next(None), "dog_1.tabby-tabby-cat.layer4-relu.net.3.grad-cam");
    }

    #[test]
    fn a_name_belongs_to_whoever_wrote_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (Identity([1; 5]), Identity([1, 1, 2, 1, 1]));
        let owner = |name: &str| owner(folder.path(), name, &ours, Some(b"values"));
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let picture = image::RgbImage::new(2, 2);
        assert_eq!(owner("a"), Owner::Nobody);
        write("a.npy", b"values");
        assert_eq!(owner("a"), Owner::Same, "the same values");
        write("a.npy", b"other!");
        assert_eq!(owner("a"), Owner::Other(None));
        write("a.png", &png(&picture, &ours).unwrap());
        assert_eq!(owner("a"), Owner::Same, "the picture says so");
        write("a.json", format!("{{\"request\":\"{other}\"}}").as_bytes());
        assert_eq!(owner("a"), Owner::Other(Some(other)));
        write("b.png", &png(&picture, &other).unwrap());
        assert_eq!(owner("b"), Owner::Other(Some(other)));
        write("c.png", b"somebody's");
        write("d.json", b"{}");
        write("d.npy", b"values");
        assert_eq!([owner("c"), owner("d")], [Owner::Other(None), Owner::Other(None)]);
        std::fs::create_dir(folder.path().join("e.npy")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("f.png")).unwrap();
        assert_eq!([owner("e"), owner("f")], [Owner::Other(None), Owner::Other(None)]);
    }
}

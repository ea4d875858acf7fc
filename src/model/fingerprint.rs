//! Which model it is, wherever it lies: a number made of its files' bytes and of the settings that decide what it says.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, RapidStreamHasherV3, rapidhash_v3};
use serde::{Serialize, Serializer};

use super::classifier::Output;
use super::labels::Labels;
use super::settings::Settings;

/// Bytes of a file that are read at a time.
const PORTION: usize = 1 << 20;

/// The same for the same model in every version and on every machine: the bytes of its files and what makes predictions of
/// them count, not where it lies or who decided its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of a model with these contents.
    pub(super) fn new(contents: &Contents, settings: &Settings, output: &Output, labels: &Labels) -> Fingerprint {
        let mut lines: Vec<String> = contents.0.iter().map(|hash| format!("{hash:016x}")).collect();
        lines.extend(settings.rows().into_iter().map(|(name, value, _)| format!("{name}={value}")));
        // Not among the rows, since few models have them.
        lines.push(format!("pad={:?} middle={:?}", settings.pad, settings.middle));
        let threshold = output.threshold.as_ref().map(|threshold| threshold.value);
        lines.push(format!("activation={} threshold={threshold:?}", output.activation.value));
        // What may hold anything comes with its length.
        let free = [&output.name].into_iter().chain(labels.names());
        lines.extend(free.map(|name| format!("{}:{name}", name.len())));
        Fingerprint(rapidhash_v3(lines.join("\n").as_bytes()))
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number for each of a model's files, the graph first.
#[derive(Debug, Clone)]
pub(super) struct Contents(Vec<u64>);

impl Contents {
    /// Of a model that is in memory.
    pub(super) fn of_bytes(bytes: &[u8]) -> Contents {
        Contents(vec![rapidhash_v3(bytes)])
    }

    /// Reads all of these files.
    pub(super) fn of_files(files: &[PathBuf]) -> io::Result<Contents> {
        let mut portion = vec![0; PORTION];
        let mut hash = |path: &PathBuf| {
            let (mut file, mut hasher) = (File::open(path)?, RapidStreamHasherV3::new(&DEFAULT_RAPID_SECRETS));
            loop {
                match file.read(&mut portion) {
                    Ok(0) => return Ok(hasher.finish()),
                    Ok(read) => hasher.write(&portion[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        };
        files.iter().map(&mut hash).collect::<io::Result<_>>().map(Contents)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::{Classifier, ModelSource, Overrides};

    #[test]
    fn files_are_known_by_their_bytes_in_whatever_portions_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        for length in [0, 1, 111, 112, 113, PORTION, PORTION + 1, 2 * PORTION + 77] {
            let bytes: Vec<u8> = (0..length).map(|at| ((at * 31) >> 3) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            assert_eq!(
                Contents::of_files(std::slice::from_ref(&path)).unwrap().0,
                Contents::of_bytes(&bytes).0,
                "{length}"
            );
        }
    }

    /// Whoever compares runs of different versions relies on it.
    #[test]
    fn the_same_bytes_have_the_same_number_in_every_version() {
        assert_eq!(Contents::of_bytes(b"seewhy").0, [8_174_688_203_366_457_028]);
    }

    #[test]
    fn every_setting_counts() {
        let id = |change: fn(&mut Overrides)| {
            let mut overrides = Overrides::default();
            change(&mut overrides);
            Classifier::load(&ModelSource::Builtin, &overrides).unwrap().fingerprint()
        };
        let changes: [fn(&mut Overrides); 5] = [
            |_| {},
            |says| says.mean = Some(vec![0.25]),
            |says| says.resize = Some("squash".parse().unwrap()),
            |says| says.activation = Some("sigmoid".parse().unwrap()),
            |says| says.interpolation = Some("nearest".parse().unwrap()),
        ];
        let ids: std::collections::HashSet<Fingerprint> = changes.into_iter().map(id).collect();
        assert_eq!(ids.len(), changes.len());
        assert_eq!(id(|_| {}), id(|_| {}));
    }
}

//! What a file is that somebody gave for an ONNX model.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What a file that only stands for the model looks like.
const GIT_LFS: &str = "a Git LFS pointer, not the file itself";

/// First bytes, where they are, and what they mean.
const KINDS: &[(usize, &[u8], &str)] = &[
    (0, b"version https://git-lfs", GIT_LFS),
    (0, b"\x89HDF", "an HDF5 file, such as a Keras model"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "a model in onnxruntime's own format; give the .onnx file that it was made from"),
    (0, b"GGUF", "a GGUF file, a language model of llama.cpp"),
    (0, b"ftrt", "a TensorRT engine"),
    (0, b"ptrt", "a TensorRT engine"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89PNG", "an image"),
    (0, b"\xff\xd8\xff", "an image"),
    (0, b"<?xml", "an XML file, such as an OpenVINO model"),
    (0, b"<net", "an XML file, such as an OpenVINO model"),
    (0, b"<", "a web page"),
];

/// What to do about a file of a kind that is named here, where one thing helps.
pub(super) fn hint(kind: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    Some(match () {
        () if kind == GIT_LFS => "fetch the file with `git lfs pull`",
        () if says(&["Keras", "TensorFlow"]) => "export it to ONNX first, for instance with tf2onnx",
        () if says(&["PyTorch", "TorchScript"]) => "export it to ONNX first, for instance with `torch.onnx.export`",
        () if says(&["safetensors"]) => {
            "export the network that they belong to, for instance with `optimum-cli export onnx`"
        }
        () if says(&["web page"]) => "the download went wrong: fetch the file again",
        () if says(&["gzip", "7z"]) => "unpack it first",
        () if says(&["TensorRT", "OpenVINO", "Core ML", "Caffe", "PaddlePaddle"]) => {
            "give the ONNX model that it was made from, or convert it to ONNX"
        }
        () => return None,
    })
}

/// What a file is that is often mistaken for an ONNX model, by its first bytes and, of an archive, the names in it.
pub(super) fn looks_like(start: &[u8], file: &mut (impl Read + Seek)) -> Option<&'static str> {
    if start.starts_with(b"PK\x03\x04") {
        return Some(archive(file));
    }
    // The opcode for a pickle's protocol, which is 2 to 5.
    if let [0x80, 2..=5, ..] = start {
        return Some("a Python pickle, such as an old PyTorch checkpoint");
    }
    // The length of a header, and the header: JSON.
    if let Some((length, header)) = start.split_first_chunk()
        && u64::from_le_bytes(*length) < 1 << 32
        && header.trim_ascii_start().starts_with(b"{")
        && header.trim_ascii_start()[1..].trim_ascii_start().starts_with(b"\"")
    {
        return Some("a safetensors file: weights without a network");
    }
    KINDS.iter().find(|(at, bytes, _)| start.get(*at..).is_some_and(|rest| rest.starts_with(bytes))).map(|kind| kind.2)
}

/// What a file is that has the shape of a message but is no ONNX model, by its name.
pub(super) fn by_name(path: &Path) -> Option<&'static str> {
    let suffix = path.extension()?.to_str()?.to_lowercase();
    Some(match suffix.as_str() {
        "pb" => "a TensorFlow graph, by its name",
        "mlmodel" => "a Core ML model, by its name",
        "caffemodel" => "a Caffe model, by its name",
        "pt" | "pth" | "bin" | "ckpt" => "a PyTorch checkpoint, by its name",
        "pdmodel" | "pdiparams" => "a PaddlePaddle model, by its name",
        _ => return None,
    })
}

/// What a zip archive is, by the names in its directory, which is at its end.
fn archive(file: &mut (impl Read + Seek)) -> &'static str {
    const LONGEST_DIRECTORY: i64 = 1 << 18;
    let mut end = Vec::new();
    if file.seek(SeekFrom::End(-LONGEST_DIRECTORY)).is_err() {
        let _ = file.rewind();
    }
    let _ = file.take(LONGEST_DIRECTORY.unsigned_abs()).read_to_end(&mut end);
    let names = |name: &[u8]| end.windows(name.len()).any(|window| window == name);
    match () {
        () if names(b"constants.pkl") => "a TorchScript archive",
        () if names(b"data.pkl") => "a zip archive, a PyTorch checkpoint",
        () if names(b"model.weights.h5") => "a zip archive, a Keras model",
        () if names(b".mlpackage") || names(b"Manifest.json") => "a zip archive, such as a Core ML model",
        () if names(b".onnx") => "a zip archive with an ONNX model; unpack it first",
        () if names(b".npy") => "a zip archive of NumPy arrays",
        () => "a zip archive, such as a PyTorch checkpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_fits_the_kind_of_file() {
        let hint_of = |start: &[u8]| looks_like(start, &mut std::io::Cursor::new(start)).and_then(hint);
        assert!(hint_of(b"\x89HDF\r\n").unwrap().contains("tf2onnx"));
        assert!(hint_of(b"\x80\x02}q").unwrap().contains("torch.onnx"));
        assert!(hint_of(b"<!DOCTYPE html>").unwrap().contains("download"));
        assert!(hint_of(b"\x1f\x8b\x08").unwrap().contains("unpack"));
        assert_eq!(hint_of(b"\x18\0\0\0ORTM"), None, "the message says it already");
        assert_eq!(hint_of(b"\x89PNG"), None);
    }
}

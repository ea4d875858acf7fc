"""Measures a model: accuracy, per class, confusion, calibration.

    python evaluate.py ANSWERS.jsonl                what `seewhy classify FOLDER --top 10` printed
    python evaluate.py MODEL.onnx FOLDER            by itself: FOLDER/<class>/*.jpg, shorter side resized to 32 with
                                                    antialiasing, centre crop, normalised
    python evaluate.py MODEL.onnx FOLDER --list     one line per picture as well
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from network import CLASSES, MEAN, STD

SIDE = 32
BINS = 15


def prepare(path):
    """[3, 32, 32] float32."""
    image = Image.open(path).convert("RGB")
    if min(image.size) != SIDE:
        shorter = min(image.size)
        image = image.resize((SIDE * image.width // shorter, SIDE * image.height // shorter), Image.BILINEAR)
    left, top = round((image.width - SIDE) / 2), round((image.height - SIDE) / 2)  # halves to even, as torchvision does
    pixels = np.asarray(image.crop((left, top, left + SIDE, top + SIDE)), dtype=np.float32) / 255
    return ((pixels - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)


def calibration_error(probabilities, labels):
    """Expected calibration error of the top class over equal-width bins."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in range(BINS) if (bins == b).any()]
    return sum(gaps)


def answers(path):
    """The labels [N] and probabilities [N, 10] in lines of JSON, with the names of the files."""
    lines = [json.loads(line) for line in open(path)]
    probabilities = np.zeros((len(lines), len(CLASSES)))
    for row, line in zip(probabilities, lines):
        for answer in line["top"]:
            row[answer["index"]] = answer["probability"]
    return np.array([line["truth"]["index"] for line in lines]), probabilities, [Path(line["image"]) for line in lines]


def run(model, folder):
    """The same, of a model that is run here."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    paths = [p for name in CLASSES for p in sorted((folder / name).glob("*")) if p.suffix in (".jpg", ".png", ".JPEG")]
    parts = [paths[k : k + 100] for k in range(0, len(paths), 100)]
    logits = np.concatenate([session.run(None, {"input": np.stack([prepare(p) for p in part])})[0] for part in parts])
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return np.array([CLASSES.index(p.parent.name) for p in paths]), exponentials / exponentials.sum(1, keepdims=True), paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    labels, probabilities, paths = run(arguments.model, arguments.folder) if arguments.folder else answers(arguments.model)
    chosen = probabilities.argmax(1)
    if arguments.list:
        for path, label, p in zip(paths, labels, probabilities):
            order = p.argsort()[::-1][:3]
            sign = "right" if order[0] == label else "WRONG"
            print(f"{sign}  {path.parent.name}/{path.name}: " + ", ".join(f"{CLASSES[i]} {p[i]:.3f}" for i in order))
    print(f"top-1 {(chosen == labels).mean():.4f} of {len(labels)}, calibration error {calibration_error(probabilities, labels):.4f}")
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, chosen), 1)
    print("| true \\ said | " + " | ".join(CLASSES) + " | right |\n|" + " --- |" * 12)
    for name, row, k in zip(CLASSES, confusion, range(10)):
        print(f"| {name} | " + " | ".join(map(str, row)) + f" | {row[k] / max(row.sum(), 1):.1%} |")


if __name__ == "__main__":
    main()

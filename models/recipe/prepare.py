"""Reads the training folder once and writes arrays for train.py.

    python prepare.py TRAIN_DIR WORK_DIR [--variants 6]

TRAIN_DIR holds `<class>/<n>.jpg`. WORK_DIR receives `images.npy` (uint8 [N, 32, 32, 3]), `labels.npy` (int64 [N]),
`held_out.npy` (bool [N], the last 100 of each class: choices and calibration are made there) and `photo-<k>.npy`: every
image again, degraded the way ordinary photographs differ from thumbnails.
"""

import argparse
import io
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from network import CLASSES

HELD_OUT_PER_CLASS = 100
PARTS = 64  # which the processor's cores work on side by side
SIDE = 32


def load(root):
    images, labels, held_out = [], [], []
    for index, name in enumerate(CLASSES):
        paths = sorted((root / name).glob("*.jpg"))
        for k, path in enumerate(paths):
            images.append(np.asarray(Image.open(path).convert("RGB")))
            labels.append(index)
            held_out.append(k >= len(paths) - HELD_OUT_PER_CLASS)
    return np.stack(images), np.array(labels), np.array(held_out)


def photograph(pixels, rng):
    """One random degradation of [32, 32, 3] uint8: framing, focus, light, compression."""
    image = Image.fromarray(pixels)
    if rng.random() < 0.7:
        image = reframe(image, rng)
    choice = rng.random()
    if choice < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    elif choice < 0.5:
        side = int(rng.integers(20, 31))
        image = image.resize((side, side), Image.LANCZOS).resize((SIDE, SIDE), Image.BICUBIC)
    elif choice < 0.7:
        image = image.filter(ImageFilter.UnsharpMask(radius=1, percent=int(rng.integers(30, 120)), threshold=0))
    for enhance, spread in ((ImageEnhance.Brightness, 0.3), (ImageEnhance.Contrast, 0.35), (ImageEnhance.Color, 0.5)):
        if rng.random() < 0.5:
            image = enhance(image).enhance(rng.uniform(1 - spread, 1 + spread))
    if rng.random() < 0.25:
        tint = rng.uniform(0.85, 1.15, 3)
        image = Image.fromarray(np.clip(np.asarray(image) * tint, 0, 255).astype(np.uint8))
    if rng.random() < 0.05:
        image = image.convert("L").convert("RGB")
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(45, 96)))
        image = Image.open(buffer)
    return np.asarray(image)


def reframe(image, rng):
    """Zooms by 0.7 to 1.25, changes the proportions a little, rotates by up to 8 degrees, moves. Reflects at the edges."""
    margin = SIDE // 2
    wide = Image.fromarray(np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="reflect"))
    zoom = np.exp(rng.uniform(np.log(0.7), np.log(1.25)))
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    if rng.random() < 0.5:
        wide = wide.rotate(rng.uniform(-8, 8), Image.BICUBIC)
    half = np.array([SIDE / zoom * stretch, SIDE / zoom / stretch]) / 2
    middle = wide.width / 2 + rng.uniform(-2, 2, 2)
    low = np.maximum(middle - half, 0)
    high = np.minimum(middle + half, wide.width)
    return wide.resize((SIDE, SIDE), Image.BICUBIC, box=(low[0], low[1], high[0], high[1]))


def photographs(images, seed):
    """A degraded copy of each image."""
    rng = np.random.default_rng(seed)
    return np.stack([photograph(image, rng) for image in images])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train_dir", type=Path)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--variants", type=int, default=6)
    arguments = parser.parse_args()
    work = arguments.work_dir
    work.mkdir(parents=True, exist_ok=True)
    images, labels, held_out = load(arguments.train_dir)
    np.save(work / "labels.npy", labels)
    np.save(work / "held_out.npy", held_out)
    np.save(work / "images.npy", images)
    parts = np.array_split(images, PARTS)
    with Pool() as pool:
        for k in range(arguments.variants):
            copies = pool.starmap(photographs, [(part, (k, p)) for p, part in enumerate(parts)])
            np.save(work / f"photo-{k}.npy", np.concatenate(copies))


if __name__ == "__main__":
    main()

"""Trains the bundled classifier, best on a GPU: first its teachers, then the network that learns from them.

    python train.py WORK_DIR --teachers 2 --minutes 1.75
    python train.py WORK_DIR --minutes 7.55

WORK_DIR comes from prepare.py. The first line trains two larger networks, for that long each, and writes `teacher-<k>.pt`. The
second trains the network on their answers and writes `network.pt`. The schedule follows the clock: it is over when the minutes
are, however many epochs that makes.

The recipe takes its ideas from public fast CIFAR-10 recipes (D. Page, "How to train your ResNet", 2018; K. Jordan, "94% on
CIFAR-10 in 3.29 seconds", arXiv:2404.00498; the Muon optimiser, 2024): whitening first layer, norms without scale, identity
initialisation, alternating flips, orthogonalised updates of normalised filters; from CutMix (Yun et al., ICCV 2019) and mixup
(Zhang et al., ICLR 2018); and from Beyer et al., "Knowledge distillation: a good teacher is patient and consistent" (CVPR
2022): teachers and network see the very same pixels, however mixed, for a long time, and nothing but the teachers' answers
counts.
"""

import argparse
import copy
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from network import CLASSES, MEAN, STD, Network, teacher

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH = 512
PHOTO_SHARE = 0.3  # of the images: a degraded copy is shown
CUT_MIX, MIX_UP = 0.4, 0.2  # of the batches; in the others each image has a square cut out
PLAIN_FROM = 0.95  # of the time: then none of these and half of the degraded copies, to settle on plain images
SHIFT = 4  # pixels
CUTOUT = 8  # pixels
TEMPERATURE = 3.0  # of the teachers' answers
MUON_RATE, MUON_MOMENTUM = 0.03, 0.85
ADAM_RATE = 3e-3
WARM_UP = 0.02
AVERAGE_STEPS = 100
REPORT_SECONDS = 15


class Data:
    """The training arrays, all of them in the device's memory, and augmented batches of them."""

    def __init__(self, work, seed):
        held_out = np.load(work / "held_out.npy")
        labels = torch.from_numpy(np.load(work / "labels.npy"))
        paths = [work / "images.npy", *sorted(work.glob("photo-*.npy"))]
        versions = [torch.from_numpy(np.load(path)).permute(0, 3, 1, 2) for path in paths]
        held_out = torch.from_numpy(held_out)
        self.versions = torch.stack([v[~held_out] for v in versions]).to(DEVICE)  # uint8 [version, image, 3, 32, 32]
        self.labels = F.one_hot(labels[~held_out], len(CLASSES)).float().to(DEVICE)
        self.held_out = versions[0][held_out].to(DEVICE), labels[held_out].to(DEVICE)
        self.rng = np.random.default_rng(seed)
        self.first_flip = torch.rand(len(self.labels), device=DEVICE) < 0.5
        self.seen = 0
        self.steps_per_epoch = len(self.labels) // BATCH

    def batch(self, plain):
        """Augmented images [BATCH, 3, 32, 32], normalised, and their labels [BATCH, classes]."""
        epoch, place = divmod(self.seen, self.steps_per_epoch)
        if place == 0:
            self.order = torch.randperm(len(self.labels), device=DEVICE)
        self.seen += 1
        chosen = self.order[place * BATCH : (place + 1) * BATCH]
        photo = torch.rand(BATCH, device=DEVICE) < (PHOTO_SHARE / 2 if plain else PHOTO_SHARE)
        version = photo * torch.randint(1, len(self.versions), (BATCH,), device=DEVICE)
        flip = self.first_flip[chosen] ^ (epoch % 2 == 1)  # every image is seen both ways in two epochs
        x, y = normalise(moved(self.versions[version, chosen], flip)), self.labels[chosen]
        kind = 1.0 if plain else self.rng.random()
        if kind < CUT_MIX:
            x, y = cut_mix(x, y, self.rng)
        elif kind < CUT_MIX + MIX_UP:
            share = self.rng.random()
            x, y = (share * t + (1 - share) * t.roll(1, 0) for t in (x, y))
        elif not plain:
            x = cut_out(x)
        return x.contiguous(memory_format=torch.channels_last), y


def moved(pixels, flip):
    """Mirrors the images [N, 3, S, S] where `flip` says so and moves each by up to SHIFT pixels, reflecting at the edges."""
    count, _, side, _ = pixels.shape
    along = torch.arange(side, device=DEVICE)
    by = torch.randint(-SHIFT, SHIFT + 1, (2, count, 1), device=DEVICE)
    rows, columns = side - 1 - (side - 1 - (along + by).abs()).abs()
    columns = torch.where(flip[:, None], side - 1 - columns, columns)
    image, channel = torch.arange(count, device=DEVICE), torch.arange(3, device=DEVICE)
    return pixels[image[:, None, None, None], channel[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def cut_out(x):
    """Blanks a square of CUTOUT pixels, in whole or in part, in each of [N, 3, S, S]."""
    count, _, side, _ = x.shape
    along = torch.arange(side, device=DEVICE)
    low = torch.randint(-(CUTOUT // 2), side - CUTOUT // 2, (2, count, 1), device=DEVICE)
    rows, columns = (along >= low) & (along < low + CUTOUT)
    return x.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


def cut_mix(x, y, rng):
    """Puts a rectangle of the next image into each of [N, 3, S, S] and mixes the labels [N, classes] by area."""
    side = x.shape[-1]
    half = side * (1 - rng.random()) ** 0.5 / 2
    middle = rng.uniform(0, side, 2)
    (top, left), (bottom, right) = (np.clip(np.round(middle + d), 0, side).astype(int) for d in (-half, half))
    mixed = x.clone()
    mixed[:, :, top:bottom, left:right] = x.roll(1, 0)[:, :, top:bottom, left:right]
    share = (bottom - top) * (right - left) / side**2
    return mixed, (1 - share) * y + share * y.roll(1, 0)


def normalise(x):
    """uint8 [N, 3, H, W] to float32, by the data's mean and deviation."""
    mean = torch.tensor(MEAN, device=x.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=x.device).view(1, 3, 1, 1)
    return (x.float() / 255 - mean) / std


def orthogonalised(gradient, steps=4):
    """The nearest semi-orthogonal matrix, roughly, by Newton-Schulz iteration (Muon's quintic)."""
    x = (gradient / (gradient.norm() + 1e-7)).bfloat16()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x if wide else x.T).float()


class Muon:
    """Orthogonalised momentum for filters whose norm is held at sqrt(output channels)."""

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.buffers = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, rate):
        for p, buffer in zip(self.parameters, self.buffers):
            buffer.mul_(MUON_MOMENTUM).add_(p.grad)
            gradient = p.grad + MUON_MOMENTUM * buffer
            p.mul_(len(p) ** 0.5 / p.norm())
            p.sub_(rate * orthogonalised(gradient.reshape(len(p), -1)).reshape(p.shape))
            p.grad = None


def rate_at(progress):
    """A short warm-up, then linear to zero."""
    return min(progress / WARM_UP, 1.0) * (1 - progress) / (1 - WARM_UP)


def half_precision():
    return torch.autocast(DEVICE, torch.bfloat16)


def on_device(model):
    return model.to(DEVICE, memory_format=torch.channels_last)


@torch.no_grad()
def answers(teachers, x):
    """The mean of the teachers' softened probabilities, [N, classes]."""
    with half_precision():
        logits = [t(x).float() for t in teachers]
    return torch.stack([F.softmax(l / TEMPERATURE, 1) for l in logits]).mean(0)


@torch.no_grad()
def accuracy(model, images, labels):
    model = copy.deepcopy(model).eval()
    with half_precision():
        answers = [model(normalise(part).contiguous(memory_format=torch.channels_last)).argmax(1) for part in images.split(500)]
    return (torch.cat(answers) == labels).float().mean().item()


@torch.no_grad()
def follow(average, model, step):
    """Moves the average a little towards the model."""
    decay = min(1 - 1 / AVERAGE_STEPS, step / (step + 10))
    for a, p in zip(average.state_dict().values(), model.state_dict().values()):
        a.lerp_(p, 1 - decay) if a.is_floating_point() else a.copy_(p)


def save(path, content):
    torch.save(content, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def train(model, teachers, data, minutes, path):
    """Trains for that long: on the teachers' answers or, where there are none, on the labels."""
    model.init_whitening(normalise(data.versions[0, :5000].cpu()))
    model = on_device(model).train()
    average = copy.deepcopy(model)
    filters = [p for p in model.parameters() if p.requires_grad and p.ndim == 4]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim != 4]
    muon, adam = Muon(filters), torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    passes = model
    if DEVICE == "cuda":
        teachers, passes = [torch.compile(t) for t in teachers], torch.compile(model)
    started = reported = None
    progress, step = 0.0, 0
    while progress < 1:
        x, y = data.batch(plain=progress > PLAIN_FROM)
        with half_precision():
            logits = passes(x).float()
        if teachers:
            loss = F.cross_entropy(logits / TEMPERATURE, answers(teachers, x))
        else:
            loss = F.cross_entropy(logits, y)
        loss.backward()
        rate = rate_at(progress)
        muon.step(MUON_RATE * rate)
        for group in adam.param_groups:
            group["lr"] = ADAM_RATE * rate
        adam.step()
        adam.zero_grad()
        step += 1
        follow(average, model, step)
        started = started or time.time()  # when everything has been compiled
        progress = (time.time() - started) / (60 * minutes)
        if reported is None or time.time() - reported > REPORT_SECONDS or progress >= 1:
            print(f"{progress:4.0%}  {step / data.steps_per_epoch:6.1f} epochs  loss {loss.item():.3f}  "
                  f"held out {accuracy(average, *data.held_out):.4f}", flush=True)
            save(path, average.state_dict())
            reported = time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--teachers", type=int, default=0, help="train that many teachers, each for the minutes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    work = arguments.work_dir
    torch.manual_seed(arguments.seed)
    torch.backends.cudnn.benchmark = True
    data = Data(work, arguments.seed)
    for k in range(arguments.teachers):
        train(teacher(), [], data, arguments.minutes, work / f"teacher-{k}.pt")
    if arguments.teachers:
        return
    teachers = []
    for path in sorted(work.glob("teacher-*.pt")):
        teachers.append(on_device(teacher()).eval())
        teachers[-1].load_state_dict(torch.load(path, weights_only=True, map_location=DEVICE))
    train(Network(), teachers, data, arguments.minutes, work / "network.pt")


if __name__ == "__main__":
    main()

"""Trains the bundled classifier on a processor, within a fixed wall-clock time.

    python train.py WORK_DIR --minutes 96 [--threads 2] [--seed 1]

WORK_DIR comes from prepare.py. The schedule follows elapsed time, not epochs, so that a busy machine ends annealed and on
time. Each step's batch is cut into micro-batches that the threads draw from one queue: no core waits for a slower one
inside an operator. A killed run goes on from its last checkpoint; the time it had used counts.

The recipe takes its ideas from public fast CIFAR-10 recipes (D. Page, "How to train your ResNet", 2018; K. Jordan, "94% on
CIFAR-10 in 3.29 seconds", arXiv:2404.00498; the Muon optimiser, 2024): whitening first layer, norms without scale, identity
initialisation, alternating flips, label smoothing, orthogonalised updates of normalised filters.
"""

import argparse
import copy
import os
import queue
import threading
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from network import MEAN, STD, Network

BATCH = 512
MICRO_BATCH = 128
PHOTO_SHARE = 0.2
LABEL_SMOOTHING = 0.15
SIDES = ((0.6, 24), (0.8, 28), (1.0, 32))  # resolution until this share of the time: small is cheap, and learns the most
PRUNE_FROM_EPOCH = 2  # from here on, easy images are skipped every other time ...
PRUNE_UNTIL = 0.88  # ... until this share of the time (after InfoBatch, arXiv:2303.04947, without its rescaling)
EMA_STEPS = 60
CHECKPOINT_SECONDS = 240
WHITEN_BIAS_UNTIL = 0.2  # then the first layer stands still, and its backward pass is not needed


class Data:
    """The training arrays, and random batches of them. Variants that appear later in the folder are picked up."""

    def __init__(self, work, seed):
        self.work = work
        images = np.load(work / "images.npy")
        labels = torch.from_numpy(np.load(work / "labels.npy"))
        held_out = np.load(work / "held_out.npy")
        self.keep = ~held_out
        self.images = torch.from_numpy(images[self.keep])
        self.labels = labels[torch.from_numpy(self.keep)]
        self.test_images = torch.from_numpy(images[held_out])
        self.test_labels = labels[torch.from_numpy(held_out)]
        self.photos = {}
        self.resized = {}
        self.rng = np.random.default_rng(seed)
        self.first_flip = self.rng.integers(0, 2, len(self.images))
        self.epoch = -1
        self.order = []
        self.losses = np.full(len(self.images), np.inf, dtype=np.float32)

    def indices(self, count, prune):
        """The next `count` indices of a permutation that is drawn anew each epoch, leaving out half of the easy ones."""
        if len(self.order) < count:
            self.epoch += 1
            self.order = self.rng.permutation(len(self.images))
            known = np.isfinite(self.losses)
            if prune and self.epoch >= PRUNE_FROM_EPOCH and known.any():
                easy = self.losses < self.losses[known].mean()
                self.order = self.order[~easy[self.order] | (self.rng.random(len(self.order)) < 0.5)]
            for path in sorted(self.work.glob("photo-*.npy")):
                if path.name not in self.photos:
                    self.photos[path.name] = torch.from_numpy(np.load(path)[self.keep])
        taken, self.order = self.order[:count], self.order[count:]
        return taken

    def batch(self, count, prune, side):
        """Augmented and normalised images [count, 3, side, side], their labels and their indices."""
        chosen = self.indices(count, prune)
        x = self.at("images", self.images, side)[chosen]
        if self.photos:
            degraded = np.flatnonzero(self.rng.random(count) < PHOTO_SHARE)
            name = list(self.photos)[self.rng.integers(len(self.photos))]
            x[degraded] = self.at(name, self.photos[name], side)[chosen[degraded]]
        x = x.permute(0, 3, 1, 2)
        flip = torch.from_numpy((self.first_flip[chosen] + self.epoch) % 2 == 1)
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
        x = self.shift(x, 2)
        x = normalise(x)
        return x, self.labels[chosen], chosen

    def at(self, name, images, side):
        """`images` at another resolution, resized once and kept until the resolution changes."""
        if side == images.shape[1]:
            return images
        if (name, side) not in self.resized:
            self.resized = {key: value for key, value in self.resized.items() if key[1] == side}
            parts = [F.interpolate(part.permute(0, 3, 1, 2), (side, side), mode="bilinear", antialias=True)
                     for part in images.split(1000)]
            self.resized[name, side] = torch.cat(parts).permute(0, 2, 3, 1).contiguous()
        return self.resized[name, side]

    def shift(self, x, most):
        """Moves each image by up to `most` pixels, reflecting at the edges."""
        count, channels, height, width = x.shape
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (most, most), (most, most)), mode="reflect")
        dy, dx = self.rng.integers(0, 2 * most + 1, (2, count))
        rows = dy[:, None] + np.arange(height)
        columns = dx[:, None] + np.arange(width)
        picked = padded[np.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return torch.from_numpy(picked).permute(0, 3, 1, 2)


def normalise(x):
    """uint8 [N, 3, H, W] to float32, by the data's mean and deviation."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (x.float() / 255 - mean) / std


def orthogonalised(gradient, steps=4):
    """The nearest semi-orthogonal matrix, roughly, by Newton-Schulz iteration (Muon's quintic)."""
    x = gradient / (gradient.norm() + 1e-7)
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x if wide else x.T


class Muon:
    """Orthogonalised momentum for filters whose norm is held at sqrt(output channels)."""

    def __init__(self, parameters, momentum=0.85):
        self.parameters = list(parameters)
        self.momentum = momentum
        self.buffers = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, rate):
        for p, buffer in zip(self.parameters, self.buffers):
            buffer.mul_(self.momentum).add_(p.grad)
            gradient = p.grad + self.momentum * buffer
            p.mul_(len(p) ** 0.5 / p.norm())
            update = orthogonalised(gradient.reshape(len(p), -1)).reshape(p.shape)
            p.sub_(rate * update)


class Workers:
    """Threads with a replica each. A step's micro-batches go to whichever is free."""

    def __init__(self, model, threads):
        self.model = model
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.jobs, self.done = queue.SimpleQueue(), queue.SimpleQueue()
        self.replicas = [copy.deepcopy(model) for _ in range(threads)]
        for replica in self.replicas:
            threading.Thread(target=self.work, args=(replica,), daemon=True).start()

    def work(self, replica):
        torch.set_num_threads(1)
        while True:
            number, x, y, share = self.jobs.get()
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = replica(x).float()
            losses = F.cross_entropy(logits, y, label_smoothing=LABEL_SMOOTHING, reduction="none")
            (losses.mean() * share).backward()
            right = (logits.argmax(1) == y).sum().item()
            self.done.put((number, losses.detach(), right))

    def gradients(self, x, y):
        """Leaves the gradient of the mean loss in the model's parameters; returns the losses and the number right."""
        parts = list(zip(x.split(MICRO_BATCH), y.split(MICRO_BATCH)))
        for number, part in enumerate(parts):
            self.jobs.put((number, *part, 1 / len(parts)))
        results = sorted((self.done.get() for _ in parts), key=lambda result: result[0])
        replicas = [[p for p in r.parameters() if p.requires_grad] for r in self.replicas]
        for p, *copies in zip(self.trained, *replicas):
            given = [c.grad for c in copies if c.grad is not None]
            p.grad = torch.stack(given).sum(0)
            for c in copies:
                c.grad = None
        return torch.cat([r[1] for r in results]), sum(r[2] for r in results)

    @torch.no_grad()
    def publish(self):
        """Copies the model's parameters to the replicas, and averages their running statistics into the model."""
        for p, *copies in zip(self.model.parameters(), *[r.parameters() for r in self.replicas]):
            for c in copies:
                c.copy_(p)
        for b, *copies in zip(self.model.buffers(), *[r.buffers() for r in self.replicas]):
            if b.is_floating_point():
                b.copy_(torch.stack(copies).mean(0))


@torch.no_grad()
def accuracy(model, images, labels):
    model = copy.deepcopy(model).eval()
    x = normalise(images.permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        right = sum((model(part).argmax(1) == y).sum().item() for part, y in zip(x.split(250), labels.split(250)))
    return right / len(labels)


def rate_at(progress):
    """A short warm-up, then linear to zero."""
    return min(progress / 0.02, 1.0) * (1 - progress) / (1 - 0.02)


def save(path, content):
    torch.save(content, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def train(work, minutes, threads, seed, muon_rate, adam_rate, start):
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    data = Data(work, seed)
    model = Network()
    if start is None:
        model.init_whitening(normalise(data.images[:5000].permute(0, 3, 1, 2)))
    else:
        model.load_state_dict(torch.load(start, weights_only=True)["average"])
    model = model.to(memory_format=torch.channels_last).train()
    filters = [p for p in model.parameters() if p.requires_grad and p.ndim == 4]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim != 4]
    muon, adam = Muon(filters), torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    average = copy.deepcopy(model)
    step, used, seen = 0, 0.0, 0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        adam.load_state_dict(saved["adam"])
        muon.buffers = saved["muon"]
        step, used, seen = saved["step"], saved["used"], saved["seen"]
        data.epoch = saved["epoch"]
    workers = Workers(model, threads)
    for replica in workers.replicas:
        replica.load_state_dict(model.state_dict())

    started, last_saved = time.time() - used, time.time()
    losses, rights = [], []
    while (progress := (time.time() - started) / (60 * minutes)) < 1:
        if (start or progress > WHITEN_BIAS_UNTIL) and model.whiten.bias.requires_grad:
            for m in (model, *workers.replicas):
                m.whiten.bias.requires_grad = False
                m.whiten.bias.grad = None
            workers.trained = [p for p in model.parameters() if p.requires_grad]
        side = 32 if start else next(side for until, side in SIDES if progress < until)
        x, y, chosen = data.batch(BATCH, progress < PRUNE_UNTIL, side)
        each, right = workers.gradients(x, y)
        data.losses[chosen] = each.numpy()
        rate = rate_at(progress)
        muon.step(muon_rate * rate)
        for group in adam.param_groups:
            group["lr"] = adam_rate * rate
        adam.step()
        workers.publish()
        step, seen = step + 1, seen + BATCH
        decay = min(1 - 1 / EMA_STEPS, step / (step + 10))
        with torch.no_grad():
            for a, p in zip(average.state_dict().values(), model.state_dict().values()):
                a.lerp_(p, 1 - decay) if a.is_floating_point() else a.copy_(p)
        losses.append(each.mean().item())
        rights.append(right / BATCH)
        if time.time() - last_saved > CHECKPOINT_SECONDS or progress > 0.999:
            last_saved = time.time()
            save(checkpoint, {"model": model.state_dict(), "average": average.state_dict(), "adam": adam.state_dict(),
                              "muon": muon.buffers, "step": step, "used": time.time() - started, "seen": seen,
                              "epoch": data.epoch})
            held_out = accuracy(average, data.test_images, data.test_labels)
            print(f"{(time.time() - started) / 60:6.1f} min  step {step}  epochs {seen / len(data.images):5.2f}  "
                  f"loss {np.mean(losses):.3f}  train {np.mean(rights):.4f}  held out {held_out:.4f}  side {side}", flush=True)
            losses, rights = [], []
    held_out = [accuracy(m, data.test_images, data.test_labels) for m in (model, average)]
    print(f"held out: last {held_out[0]:.4f}, averaged {held_out[1]:.4f}", flush=True)
    save(work / "final.pt", {"model": model.state_dict(), "average": average.state_dict(), "seed": seed, "step": step,
                             "minutes": minutes, "epochs": seen / len(data.images), "torch": str(torch.__version__)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--minutes", type=float, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--muon-rate", type=float, default=0.1)
    parser.add_argument("--adam-rate", type=float, default=5e-3)
    parser.add_argument("--start", type=Path, help="go on from the averaged weights of an earlier final.pt, at full resolution")
    arguments = parser.parse_args()
    train(arguments.work_dir, arguments.minutes, arguments.threads, arguments.seed, arguments.muon_rate,
          arguments.adam_rate, arguments.start)


if __name__ == "__main__":
    main()

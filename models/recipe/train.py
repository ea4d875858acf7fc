"""Trains the bundled classifier on a processor.

    python train.py WORK_DIR [--epochs 36] [--threads 2] [--seed 1] [--start EARLIER/final.pt]

WORK_DIR comes from prepare.py. The schedule follows steps, so that a run is the same on a busy machine as on a quiet one.
Each step's batch is cut into micro-batches that the threads draw from one queue: no core waits for a slower one inside an
operator. A killed run goes on from its last checkpoint with the batches that it would have seen.

The recipe takes its ideas from public fast CIFAR-10 recipes (D. Page, "How to train your ResNet", 2018; K. Jordan, "94% on
CIFAR-10 in 3.29 seconds", arXiv:2404.00498; the Muon optimiser, 2024): whitening first layer, norms without scale and over
small ghost batches, identity initialisation, alternating flips, label smoothing, orthogonalised updates of normalised filters;
CutMix (Yun et al., ICCV 2019); a wider network that begins as a trained narrower one (Chen et al., Net2Net, ICLR 2016).
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

from network import CLASSES, MEAN, STD, Network

BATCH = 512
MICRO_BATCH = 64
SIDES = ((0.4, 24), (1.0, 32))  # resolution until this share of the steps: small is cheap, and good enough at first
PHOTO_SHARE = 0.2
CUTMIX_SHARE = 0.5  # of the batches: a rectangle of each image comes from another, and so does that share of its label
PLAIN_FROM = 0.88  # then neither CutMix nor cutout and half of the degraded copies, to settle on plain images
SHIFT = 4  # pixels
CUTOUT = 8  # pixels
LABEL_SMOOTHING = 0.1
MUON_RATE, MUON_MOMENTUM = 0.03, 0.85
ADAM_RATE = 3e-3
WARM_UP = 0.02
WHITEN_BIAS_UNTIL = 0.2  # then the first layer stands still, and its backward pass is not needed
AVERAGE_STEPS = 100
CHECKPOINT_SECONDS = 240


class Data:
    """The training arrays, and the batches of each step. A batch depends on the seed and the step alone."""

    def __init__(self, work, seed):
        labels = torch.from_numpy(np.load(work / "labels.npy"))
        held_out = np.load(work / "held_out.npy")
        paths = [work / "images.npy", *sorted(work.glob("photo-*.npy"))]
        self.versions = [np.load(path, mmap_mode="r")[~held_out] for path in paths]  # each uint8 [N, side, side, 3]
        self.labels = labels[torch.from_numpy(~held_out)]
        self.test_images = torch.from_numpy(np.load(paths[0], mmap_mode="r")[held_out])
        self.test_labels = labels[torch.from_numpy(held_out)]
        self.seed = seed
        self.steps_per_epoch = len(self.labels) // BATCH
        self.first_flip = np.random.default_rng(seed).random(len(self.labels)) < 0.5
        self.resized = {32: self.versions}
        self.order = (-1, None)

    def batch(self, step, side, plain):
        """Augmented images [BATCH, 3, side, side] (normalised) and their labels."""
        rng = np.random.default_rng((self.seed, 1, step))
        epoch, place = divmod(step, self.steps_per_epoch)
        if self.order[0] != epoch:
            self.order = (epoch, np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.labels)))
        chosen = self.order[1][place * BATCH : (place + 1) * BATCH]
        versions = self.at(side)
        pixels = versions[0][chosen]
        photos = np.flatnonzero(rng.random(BATCH) < (PHOTO_SHARE / 2 if plain else PHOTO_SHARE))
        which = rng.integers(1, len(versions), len(photos)) if len(versions) > 1 else []
        for k in range(1, len(versions)):
            pixels[photos[which == k]] = versions[k][chosen[photos[which == k]]]
        flip = self.first_flip[chosen] ^ (epoch % 2 == 1)  # every image is seen both ways in two epochs
        x = normalise(moved(pixels, flip, max(1, SHIFT * side // 32), rng))
        y = F.one_hot(self.labels[chosen], len(CLASSES)).float()
        if not plain and rng.random() < CUTMIX_SHARE:
            y = cut_mix(x, y, rng)
        elif not plain:
            cut_out(x, CUTOUT * side // 32, rng)
        return x, y

    def at(self, side):
        """The images at another resolution, resized once and kept until the resolution changes."""
        if side not in self.resized:
            self.resized = {32: self.versions, side: [resized(images, side) for images in self.versions]}
        return self.resized[side]


def resized(images, side):
    parts = [F.interpolate(part.permute(0, 3, 1, 2), (side, side), mode="bilinear", antialias=True)
             for part in torch.from_numpy(images).split(1000)]
    return torch.cat(parts).permute(0, 2, 3, 1).contiguous().numpy()


def moved(pixels, flip, most, rng):
    """Mirrors the images where `flip` says so and moves each by up to `most` pixels, reflecting at the edges.

    uint8 [N, S, S, 3] to uint8 [N, 3, S, S].
    """
    count, side = pixels.shape[:2]
    dy, dx = rng.integers(-most, most + 1, (2, count, 1))
    rows, columns = (side - 1 - abs(side - 1 - abs(np.arange(side) + d)) for d in (dy, dx))
    columns = np.where(flip[:, None], side - 1 - columns, columns)
    picked = pixels[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return torch.from_numpy(picked).permute(0, 3, 1, 2)


def cut_out(x, size, rng):
    """Blanks a square of `size` pixels, in whole or in part, in each of [N, 3, S, S]."""
    count, _, side, _ = x.shape
    low = rng.integers(-(size // 2), side - size // 2, (2, count, 1))
    rows, columns = ((np.arange(side) >= l) & (np.arange(side) < l + size) for l in low)
    x.masked_fill_(torch.from_numpy(rows[:, None, :, None] & columns[:, None, None, :]), 0)


def cut_mix(x, y, rng):
    """Puts a rectangle of the next image into each of [N, 3, S, S]; returns the labels [N, classes], mixed by area."""
    side = x.shape[-1]
    half = side * (1 - rng.random()) ** 0.5 / 2
    middle = rng.uniform(0, side, 2)
    (top, left), (bottom, right) = (np.clip(np.round(middle + d), 0, side).astype(int) for d in (-half, half))
    x[:, :, top:bottom, left:right] = x.roll(1, 0)[:, :, top:bottom, left:right]
    share = (bottom - top) * (right - left) / side**2
    return (1 - share) * y + share * y.roll(1, 0)


def normalise(x):
    """uint8 [N, 3, H, W] to float32, by the data's mean and deviation."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
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
    def update(self, k, rate):
        p, buffer = self.parameters[k], self.buffers[k]
        buffer.mul_(MUON_MOMENTUM).add_(p.grad)
        gradient = p.grad + MUON_MOMENTUM * buffer
        p.mul_(len(p) ** 0.5 / p.norm())
        p.sub_(rate * orthogonalised(gradient.reshape(len(p), -1)).reshape(p.shape))


class Workers:
    """Threads with a replica of the model each, which take jobs from one queue."""

    def __init__(self, model, threads):
        self.model = model
        self.jobs, self.done = queue.SimpleQueue(), queue.SimpleQueue()
        self.replicas = [copy.deepcopy(model) for _ in range(threads)]
        for replica in self.replicas:
            threading.Thread(target=self.work, args=(replica,), daemon=True).start()

    def work(self, replica):
        torch.set_num_threads(1)
        while True:
            job = self.jobs.get()
            self.done.put(job(replica))

    def start(self, x, y):
        """Begins the forward and backward passes of a batch."""
        parts = list(zip(x.split(MICRO_BATCH), y.split(MICRO_BATCH)))
        for part in parts:
            self.jobs.put(lambda replica, part=part: passes(replica, *part, len(part[0]) / len(x)))
        return len(parts)

    def finish(self, count):
        """Waits for that many jobs."""
        return [self.done.get() for _ in range(count)]

    def collect(self):
        """Sums the replicas' gradients in the model's parameters."""
        for p, *copies in zip(self.model.parameters(), *[r.parameters() for r in self.replicas]):
            given = [c.grad for c in copies if c.grad is not None]
            p.grad = torch.stack(given).sum(0) if given else None
            for c in copies:
                c.grad = None

    @torch.no_grad()
    def publish(self):
        """Copies the model's parameters to the replicas, and averages their running statistics into the model."""
        for p, *copies in zip(self.model.parameters(), *[r.parameters() for r in self.replicas]):
            for c in copies:
                c.copy_(p)
        for b, *copies in zip(self.model.buffers(), *[r.buffers() for r in self.replicas]):
            if b.is_floating_point():
                b.copy_(torch.stack(copies).mean(0))


def passes(replica, x, y, share):
    """Adds the gradient of `share` times the mean loss to the replica's; returns the loss and the share right."""
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits = replica(x).float()
    loss = F.cross_entropy(logits, y, label_smoothing=LABEL_SMOOTHING) * share
    loss.backward()
    return loss.item(), (logits.argmax(1) == y.argmax(1)).float().mean().item() * share


@torch.no_grad()
def accuracy(model, images, labels):
    model = copy.deepcopy(model).eval()
    right = 0
    for part, y in zip(images.split(250), labels.split(250)):
        x = normalise(part.permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(labels)


def rate_at(progress):
    """A short warm-up, then linear to zero."""
    return min(progress / WARM_UP, 1.0) * (1 - progress) / (1 - WARM_UP)


def save(path, content):
    torch.save(content, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def widened(narrow, model):
    """The state with which `model` computes what the narrower network of the state `narrow` does.

    New channels compute something random, and nothing listens to them yet.
    """
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, wide in state.items():
        old = narrow[name]
        if wide.ndim == 4 and wide.shape != old.shape:
            wide.normal_(std=old.std().item())
            wide[: len(old), old.shape[1] :] = 0
        elif name == "head.weight":
            wide.zero_()
        wide[tuple(slice(size) for size in old.shape)] = old
    return state


def train(work, epochs, threads, seed, start):
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    data = Data(work, seed)
    steps = round(epochs * data.steps_per_epoch)
    model = Network()
    model.init_whitening(normalise(torch.from_numpy(data.versions[0][:5000]).permute(0, 3, 1, 2)))
    model = model.to(memory_format=torch.channels_last).train()
    filters = [p for p in model.parameters() if p.requires_grad and p.ndim == 4]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim != 4]
    muon, adam = Muon(filters), torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    if start:
        model.load_state_dict(widened(torch.load(start, weights_only=True)["average"], model))
    average = copy.deepcopy(model)
    step, used = 0, 0.0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        adam.load_state_dict(saved["adam"])
        muon.buffers = saved["muon"]
        step, used = saved["step"], saved["used"]
    workers = Workers(model, threads)
    for replica in workers.replicas:
        replica.load_state_dict(model.state_dict())

    def batch(step):
        side = next(side for until, side in SIDES if step < until * steps)
        return data.batch(step, side, plain=step >= PLAIN_FROM * steps)

    started, last_saved = time.time() - used, time.time()
    seen = []
    upcoming = batch(step)
    while step < steps:
        progress = step / steps
        if progress > WHITEN_BIAS_UNTIL:
            for m in (model, *workers.replicas):
                m.whiten.bias.requires_grad = False
        jobs = workers.start(*upcoming)
        upcoming = batch(min(step + 1, steps - 1))
        seen.append(np.sum(workers.finish(jobs), 0))
        workers.collect()
        rate = rate_at((step + 0.5) / steps)
        for k in range(len(filters)):
            workers.jobs.put(lambda _, k=k: muon.update(k, MUON_RATE * rate))
        for group in adam.param_groups:
            group["lr"] = ADAM_RATE * rate
        adam.step()
        workers.finish(len(filters))
        workers.publish()
        step += 1
        decay = min(1 - 1 / AVERAGE_STEPS, step / (step + 10))
        with torch.no_grad():
            for a, p in zip(average.state_dict().values(), model.state_dict().values()):
                a.lerp_(p, 1 - decay) if a.is_floating_point() else a.copy_(p)
        if time.time() - last_saved > CHECKPOINT_SECONDS or step == steps:
            used, last_saved = time.time() - started, time.time()
            save(checkpoint, {"model": model.state_dict(), "average": average.state_dict(), "adam": adam.state_dict(),
                              "muon": muon.buffers, "step": step, "used": used})
            held_out = accuracy(average, data.test_images, data.test_labels)
            loss, right = np.mean(seen, 0)
            print(f"{used / 60:6.1f} min  {time.process_time() / 60:6.1f} core-min  step {step} of {steps}  loss {loss:.3f}  "
                  f"train {right:.4f}  held out {held_out:.4f}", flush=True)
            seen = []
    held_out = [accuracy(m, data.test_images, data.test_labels) for m in (model, average)]
    print(f"held out: last {held_out[0]:.4f}, averaged {held_out[1]:.4f}", flush=True)
    save(work / "final.pt", {"model": model.state_dict(), "average": average.state_dict(), "seed": seed, "step": step,
                             "epochs": epochs, "minutes": used / 60, "torch": str(torch.__version__)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--epochs", type=float, default=36)
    parser.add_argument("--start", type=Path, help="final.pt of a run to begin with, of this network or a narrower one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    train(arguments.work_dir, arguments.epochs, arguments.threads, arguments.seed, arguments.start)


if __name__ == "__main__":
    main()

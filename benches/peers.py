"""Times seewhy beside the Python libraries that do the same, on this machine, and prints a table.

    pip install torch torchvision onnxruntime grad-cam captum lime openvino==2024.6.0 openvino_xai
    cargo build --release && python benches/peers.py target/release/seewhy [NETWORK...]

The networks are torchvision's with random weights. All run on one thread. What costs the same for every run (reading the
model, starting Python) is left out: ours is the time for many tensors less that for few, theirs that of the call alone. Runs
alternate, medians are compared. Libraries that are not installed are passed over.
"""

import argparse
import importlib.util
import logging
import os
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
os.environ.update(THREADS)  # before the libraries start threads of their own

import numpy as np
import torch
import torchvision

warnings.filterwarnings("ignore")
logging.disable(logging.INFO)
torch.set_num_threads(1)

NETWORKS = ["resnet18", "resnet50", "mobilenet_v2"]
FEW, MANY, RUNS = 4, 24, 5
LIME_SAMPLES = 1000


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def has(module):
    return importlib.util.find_spec(module) is not None


class Ours:
    """The program, asked about tensors in a folder."""

    def __init__(self, program, model, folder):
        self.program, self.model, self.folder = program, model, folder

    def run(self, tensors, *arguments):
        paths = [str(path) for path in sorted(self.folder.glob("*.npy"))[:tensors]]
        command = [self.program, *arguments, *paths, "--model", str(self.model), "--threads", "1"]
        subprocess.run(command, check=True, capture_output=True)

    def an_image(self, *arguments, few=FEW, many=MANY):
        less = seconds(lambda: self.run(few, *arguments))
        return (seconds(lambda: self.run(many, *arguments)) - less) / (many - few)


def last_layer(network):
    return network.layer4[-1] if hasattr(network, "layer4") else network.features[-1]


def contests(name, network, model, ours, x):
    """What is compared: a name, the peer's call for one image, and ours."""
    tensor = torch.from_numpy(x)
    if has("onnxruntime"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: x}
        yield "forward", "ONNX Runtime", lambda: session.run(None, feed), lambda: ours.an_image("classify")
    if has("pytorch_grad_cam"):
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        cam = GradCAM(model=network, target_layers=[last_layer(network)])
        targets = [ClassifierOutputTarget(0)]
        yield ("Grad-CAM", "pytorch-grad-cam", lambda: cam(input_tensor=tensor, targets=targets),
               lambda: ours.an_image("explain", "--method", "grad-cam", "--target", "0"))
    if has("captum"):
        from captum.attr import IntegratedGradients, Saliency

        leaf = tensor.clone().requires_grad_()
        yield ("saliency", "captum", lambda: Saliency(network).attribute(leaf, target=0),
               lambda: ours.an_image("explain", "--method", "saliency", "--target", "0"))
        steps = ["--param", "steps=20"]
        gradients = IntegratedGradients(network)
        yield ("integrated gradients, 20 steps", "captum",
               lambda: gradients.attribute(leaf, target=0, n_steps=20, internal_batch_size=1),
               lambda: ours.an_image("explain", "--method", "integrated-gradients", "--target", "0", *steps, few=1, many=4))
    if has("openvino_xai"):
        import openvino
        from openvino_xai import Explainer, Task
        from openvino_xai.explainer.explainer import ExplainMode

        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
        explainer = Explainer(model=core.read_model(model), task=Task.CLASSIFICATION, preprocess_fn=lambda x: x,
                              explain_mode=ExplainMode.WHITEBOX)
        yield ("the default map", "OpenVINO XAI (ReciproCAM)", lambda: explainer(x, targets=[0]),
               lambda: ours.an_image("explain", "--target", "0"))
    if has("lime") and has("onnxruntime"):
        from lime.lime_image import LimeImageExplainer

        picture = np.random.default_rng(0).random((224, 224, 3))

        def classify(pictures):
            each = [session.run(None, {**feed, **{key: image.transpose(2, 0, 1)[None].astype(np.float32) for key in feed}})[0]
                    for image in pictures]
            return np.concatenate(each)

        yield (f"LIME, {LIME_SAMPLES} samples", "lime on ONNX Runtime",
               lambda: LimeImageExplainer().explain_instance(picture, classify, num_samples=LIME_SAMPLES, top_labels=1),
               lambda: ours.run(1, "explain", "--method", "lime", "--param", f"samples={LIME_SAMPLES}"))


def compare(name, program):
    torch.manual_seed(0)
    network = torchvision.models.get_model(name).eval()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = folder / f"{name}.onnx"
        torch.onnx.export(network, (torch.zeros(1, 3, 224, 224),), str(model), dynamo=False)
        for number in range(MANY):
            np.save(folder / f"{number:02}.npy", np.random.default_rng(number).standard_normal((1, 3, 224, 224), np.float32))
        x = np.load(folder / "00.npy")
        for what, peer, theirs, ours in contests(name, network, str(model), Ours(program, model, folder), x):
            # What takes seconds is steady enough to be run less often.
            rounds, calls = (1, 1) if "LIME" in what else (3, 1) if "steps" in what else (RUNS, RUNS)
            if rounds > 1:
                theirs()
            pairs = []
            for _ in range(rounds):
                mine = ours()
                mine = seconds(ours) if mine is None else mine
                pairs.append((statistics.median(seconds(theirs) for _ in range(calls)), mine))
            their, mine = (1e3 * statistics.median(column) for column in zip(*pairs))
            print(f"| {name} | {what} | {peer} | {their:.1f} | {mine:.1f} | {mine / their:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    args = parser.parse_args()
    print("| network | what | beside | theirs, ms | seewhy, ms | ratio |\n| --- | --- | --- | --- | --- | --- |")
    for name in args.networks:
        compare(name, args.program)


if __name__ == "__main__":
    main()

"""Writes the trained network as ONNX, batch norm folded, and checks it against PyTorch.

    python export.py WORK_DIR OUT.onnx [--temperature T]

The graph is put together node by node, so that layers have plain names. ReLU stands in front of the pools, where it was
behind them in training: the two commute, and activations are then seen at full resolution. Filters are stored in half
precision and widened when the model is loaded; all arithmetic is in single precision. Without --temperature the
logits are divided by the temperature that fits the held-out training images best, inside the last layer.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from network import CLASSES, Network
from train import normalise

OPSET = 17


class Graph:
    """Nodes and weights in the order they are added."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def node(self, op, name, inputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=np.float32), name))
        return name

    def half(self, name, array):
        """A weight that takes two bytes a number in the file."""
        stored = numpy_helper.from_array(np.ascontiguousarray(array, dtype=np.float16), name + ".half")
        self.weights.append(stored)
        return self.node("Cast", name, [stored.name], to=TensorProto.FLOAT)

    def conv(self, name, x, weight, bias):
        inputs = [x, self.half(name + ".weight", weight), self.weight(name + ".bias", bias)]
        return self.node("Conv", name, inputs, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def block(self, name, x, module):
        """A trained Conv: convolution with its norm folded in, ReLU, optional pool."""
        scale = 1 / torch.sqrt(module.norm.running_var.double() + module.norm.eps)
        weight = module.conv.weight.double() * scale[:, None, None, None]
        bias = module.norm.bias.double() - module.norm.running_mean.double() * scale
        x = self.conv(name + ".conv", x, weight.detach().numpy(), bias.detach().numpy())
        x = self.node("Relu", name + ".relu", [x])
        return self.node("MaxPool", name + ".pool", [x], kernel_shape=[2, 2], strides=[2, 2]) if module.pool else x

    def residual(self, name, x, module):
        return self.node("Add", name + ".add", [x, self.block(name, x, module.body)])


def build(model, temperature):
    g = Graph()
    x = g.conv("whiten.conv", "input", model.whiten.weight.detach().numpy(), model.whiten.bias.detach().numpy())
    x = g.node("Relu", "whiten.relu", [x])
    x = g.residual("res1", g.block("layer1", x, model.layer1), model.res1[0])
    x = g.residual("res2", g.block("layer2", x, model.layer2), model.res2[0])
    x = g.residual("res3", g.block("layer3", x, model.layer3), model.res3[0])
    x = g.node("GlobalAveragePool", "pool", [x])
    x = g.node("Flatten", "flatten", [x], axis=1)
    head = [g.half("head.weight", (model.head.weight / temperature).detach().numpy()),
            g.weight("head.bias", (model.head.bias / temperature).detach().numpy())]
    g.nodes.append(helper.make_node("Gemm", [x, *head], ["logits"], name="head", transB=1))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(g.nodes, "seewhy-cifar10", [value("input", TensorProto.FLOAT, ["N", 3, 32, 32])],
                              [value("logits", TensorProto.FLOAT, ["N", len(CLASSES)])], g.weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="seewhy recipe", ir_version=8)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def best_temperature(logits, labels):
    """The divisor of the logits with the least cross-entropy."""
    candidates = np.geomspace(0.2, 3, 200)
    return float(min(candidates, key=lambda t: F.cross_entropy(logits / t, labels).item()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--temperature", type=float)
    arguments = parser.parse_args()
    model = Network()
    model.load_state_dict(torch.load(arguments.work_dir / "network.pt", weights_only=True, map_location="cpu"))
    model.eval()
    held_out = np.load(arguments.work_dir / "held_out.npy")
    images = torch.from_numpy(np.load(arguments.work_dir / "images.npy", mmap_mode="r")[held_out])
    labels = torch.from_numpy(np.load(arguments.work_dir / "labels.npy")[held_out])
    x = normalise(images.permute(0, 3, 1, 2))
    with torch.no_grad():
        logits = torch.cat([model(part) for part in x.split(250)])
    temperature = arguments.temperature or best_temperature(logits, labels)
    proto = build(model, temperature)
    onnx.save(proto, arguments.out)

    import onnxruntime

    session = onnxruntime.InferenceSession(str(arguments.out), providers=["CPUExecutionProvider"])
    exported = session.run(None, {"input": x[:64].numpy()})[0]
    difference = np.abs(exported - logits[:64].numpy() / temperature).max()
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    print(f"held out {accuracy:.4f}, temperature {temperature:.3f}, largest difference from PyTorch {difference:.1e}, "
          f"{arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

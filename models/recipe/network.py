"""The network of the bundled classifier, in the form that is trained.

Built to be explained. The last feature map is 8x8 for a 32x32 input and non-negative, global average pooling and one
linear layer follow, and every non-linearity is a ReLU, so that class activation maps have a closed form and the rules of
guided backpropagation apply. Batch norm has no learned scale: it multiplies by 1/sigma, which is positive, and so
commutes with max pooling and folds into the convolution in front of the pool.
"""

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
WIDTHS = (32, 96, 256, 384)
TEACHER_WIDTHS = (48, 192, 512, 640)


class Norm(nn.BatchNorm2d):
    """Batch norm with a trained shift and a fixed scale of 1."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-5, momentum=0.1)
        self.weight.requires_grad = False


class Conv(nn.Module):
    """3x3 convolution, optional 2x2 max pool, norm, ReLU. The pool comes first so that the norm sees a quarter of the cells."""

    def __init__(self, cin, cout, pool=False):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        nn.init.dirac_(self.conv.weight.data[:cin])  # the first channels start as a copy of the input
        self.norm = Norm(cout)
        self.pool = pool

    def forward(self, x):
        x = self.conv(x)
        if self.pool:
            x = F.max_pool2d(x, 2)
        return F.relu(self.norm(x))


class Residual(nn.Module):
    """x + F(x), where F ends in a ReLU: the sum stays non-negative."""

    def __init__(self, channels):
        super().__init__()
        self.body = Conv(channels, channels)

    def forward(self, x):
        return x + self.body(x)


def residuals(channels, depth):
    return nn.Sequential(*(Residual(channels) for _ in range(depth)))


class Network(nn.Module):
    """[N, 3, 32, 32], normalised, to [N, 10] logits. `depth` residual convolutions in each of three stages."""

    def __init__(self, widths=WIDTHS, depth=1):
        super().__init__()
        w0, w1, w2, w3 = widths
        self.whiten = nn.Conv2d(3, w0, 3, padding=1, bias=True)
        self.whiten.weight.requires_grad = False
        self.layer1 = Conv(w0, w1, pool=True)  # 32 -> 16
        self.res1 = residuals(w1, depth)
        self.layer2 = Conv(w1, w2, pool=True)  # 16 -> 8
        self.res2 = residuals(w2, depth)
        self.layer3 = Conv(w2, w3)  # 8
        self.res3 = residuals(w3, depth)
        self.head = nn.Linear(w3, len(CLASSES))

    def init_whitening(self, images, eps=5e-4):
        """Sets the first layer to plus and minus the leading whitened principal directions of 3x3 patches.

        `images`: [N, 3, H, W], normalised.
        """
        patches = F.unfold(images, 3).transpose(1, 2).reshape(-1, 27).double()
        patches = patches - patches.mean(0)
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        order = values.argsort(descending=True)[: self.whiten.out_channels // 2]
        filters = (vectors[:, order] / torch.sqrt(values[order] + eps)).T.reshape(-1, 3, 3, 3).float()
        self.whiten.weight.data.copy_(torch.cat([filters, -filters]))
        self.whiten.bias.data.zero_()

    def features(self, x):
        """The last feature map, [N, C, 8, 8]."""
        x = F.relu(self.whiten(x))
        x = self.res1(self.layer1(x))
        x = self.res2(self.layer2(x))
        return self.res3(self.layer3(x))

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def teacher():
    """The network that the bundled one learns from: the same blocks, wider, and two residual convolutions a stage."""
    return Network(TEACHER_WIDTHS, depth=2)

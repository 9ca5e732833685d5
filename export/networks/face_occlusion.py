"""Face occlusion: a small U-Net that marks the pixels of a face which something in front of it hides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS = Path(__file__).parents[1] / "weights" / "face_occlusion.npz"

SIZE = 128
"""Rows and columns of its pictures and of its mask."""
INNER = SIZE // 2
"""Rows and columns at which it works."""
CHANNELS = (16, 24, 40, 64)


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class FaceOcclusion(nn.Module):
    """A small U-Net on the face as it is, as it usually is, and the difference of the two."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = CHANNELS
        self.stem = _layer(9, a, 2)
        self.down1 = nn.Sequential(_layer(a, b, 2), _layer(b, b))
        self.down2 = nn.Sequential(_layer(b, c, 2), _layer(c, c), _layer(c, c))
        self.down3 = nn.Sequential(_layer(c, d, 2), _layer(d, d), _layer(d, d))
        self.up2 = _layer(c + d, c)
        self.up1 = _layer(b + c, b)
        self.squeeze = nn.Conv2d(b, 12, 1)
        self.up0 = _layer(a + 12, 16)
        self.head = nn.Conv2d(16, 4, 3, 1, 1)

    def logits(self, face: Tensor, usual: Tensor) -> Tensor:
        """uint8 [N, SIZE, SIZE, 3] twice, RGB -> [N, INNER, INNER], above 0 where the face is hidden."""
        return self.halved(*(functional.avg_pool2d(p.permute(0, 3, 1, 2).float(), 2) for p in (face, usual)))

    def halved(self, face: Tensor, usual: Tensor) -> Tensor:
        """The same for pictures of half the size, float [N, 3, INNER, INNER], 0-255."""
        here, there = (picture / 127.5 - 1 for picture in (face, usual))
        s0 = self.stem(torch.cat([here, there, (here - there).abs()], 1))
        s1 = self.down1(s0)
        s2 = self.down2(s1)
        x = self.up2(torch.cat([_double(self.down3(s2)), s2], 1))
        x = self.up1(torch.cat([_double(x), s1], 1))
        x = self.up0(torch.cat([_double(self.squeeze(x)), s0], 1))
        return functional.pixel_shuffle(self.head(x), 2)[:, 0]

    def forward(self, face: Tensor, usual: Tensor) -> Tensor:
        """uint8 [N, SIZE, SIZE], 255 where the face is surely hidden."""
        logits = functional.interpolate(self.logits(face, usual)[:, None], scale_factor=2.0, mode="bilinear")
        return (torch.sigmoid(logits[:, 0]) * 255).round().to(torch.uint8)


def _double(picture: Tensor) -> Tensor:
    return functional.interpolate(picture, scale_factor=2.0, mode="nearest")


def load(path: Path = WEIGHTS) -> FaceOcclusion:
    """The trained network, in evaluation mode."""
    network = FaceOcclusion()
    with np.load(path) as file:
        network.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
    return network.eval()

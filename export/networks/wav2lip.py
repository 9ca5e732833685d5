"""The network of Wav2Lip, with the names and shapes of the published checkpoints.

K. R. Prajwal, R. Mukhopadhyay, V. P. Namboodiri, C. V. Jawahar, "A lip sync expert is all you need for speech to lip
generation in the wild", ACM Multimedia 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SOURCE = (1, 80, 16)
"""Mel spectrogram, 80 bands by 16 steps of 12.5 ms, -4 to 4."""
TARGET = (6, 96, 96)
"""The face twice, BGR in 0-1: first with its lower half black, then whole."""
FACE = (3, 96, 96)
"""The face that says it, BGR in 0-1."""


class Block(nn.Module):
    """Convolution, batch norm, ReLU; with `skip` the input is added before the ReLU."""

    def __init__(self, convolution: nn.Module, channels: int, skip: bool = False) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(channels))
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_block(x)
        return torch.relu(x + y if self.skip else y)


class Wav2Lip(nn.Module):
    """first_row: where drawing begins, 0-95; the rows above are the given face's.

    What no row from there on depends on is left out of the decoder: a quarter of all the work with 40.
    """

    def __init__(self, first_row: int = 0) -> None:
        super().__init__()
        self.first_row = first_row
        self.face_encoder_blocks = nn.ModuleList(
            [
                nn.Sequential(_down(6, 16, kernel=7, padding=3)),
                nn.Sequential(_down(16, 32, stride=2), *_skips(32, 2)),
                nn.Sequential(_down(32, 64, stride=2), *_skips(64, 3)),
                nn.Sequential(_down(64, 128, stride=2), *_skips(128, 2)),
                nn.Sequential(_down(128, 256, stride=2), *_skips(256, 2)),
                nn.Sequential(_down(256, 512, stride=2), *_skips(512, 1)),
                nn.Sequential(_down(512, 512, padding=0), _down(512, 512, kernel=1, padding=0)),
            ]
        )
        self.audio_encoder = nn.Sequential(
            *(_down(1, 32), *_skips(32, 2)),
            *(_down(32, 64, stride=(3, 1)), *_skips(64, 2)),
            *(_down(64, 128, stride=3), *_skips(128, 2)),
            *(_down(128, 256, stride=(3, 2)), *_skips(256, 1)),
            _down(256, 512, padding=0),
            _down(512, 512, kernel=1, padding=0),
        )
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(_down(512, 512, kernel=1, padding=0)),
                nn.Sequential(Block(nn.ConvTranspose2d(1024, 512, 3), 512), *_skips(512, 1)),
                nn.Sequential(_up(1024, 512), *_skips(512, 2)),
                nn.Sequential(_up(768, 384), *_skips(384, 2)),
                nn.Sequential(_up(512, 256), *_skips(256, 2)),
                nn.Sequential(_up(320, 128), *_skips(128, 2)),
                nn.Sequential(_up(160, 64), *_skips(64, 2)),
            ]
        )
        self.output_block = nn.Sequential(_down(80, 32), nn.Conv2d(32, 3, 1), nn.Sigmoid())
        self.first_rows = _first_rows(
            first_row, [len(list(block.children())) - 1 for block in self.face_decoder_blocks]
        )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """float [N, *SOURCE] and [N, *TARGET] -> float [N, *FACE]."""
        features, encoded = [], target
        for block in self.face_encoder_blocks:
            encoded = block(encoded)
            features.append(encoded)
        x, top = self.audio_encoder(source), 0
        for level, block in enumerate(self.face_decoder_blocks):
            drawn, encoded, first = block(x), features.pop(), self.first_rows[level]
            x, top = torch.cat([drawn[:, :, first - 2 * top :], encoded[:, :, first:]], 1), first
        drawn = self.output_block(x)[:, :, self.first_row - top :]
        return torch.cat([target[:, 3:, : self.first_row], drawn], 2)


def _first_rows(first_row: int, convolutions: list[int]) -> list[int]:
    """Of each decoder block's output, the first row that the rows from `first_row` of the picture on depend on.

    convolutions: how many 3x3 ones follow in each block after that which doubles its input's size. Each takes a cut for
    the picture's edge, so that one row more is spoilt there.
    """
    rows = [max(first_row - 1, 0)]
    for count in convolutions[:0:-1]:
        rows.insert(0, max(rows[0] - count, 0) // 2)
    return rows


def _down(inside: int, outside: int, kernel: int = 3, stride: int | tuple[int, int] = 1, padding: int = 1) -> Block:
    return Block(nn.Conv2d(inside, outside, kernel, stride, padding), outside)


def _up(inside: int, outside: int) -> Block:
    return Block(nn.ConvTranspose2d(inside, outside, 3, 2, 1, 1), outside)


def _skips(channels: int, count: int) -> list[Block]:
    return [Block(nn.Conv2d(channels, channels, 3, 1, 1), channels, skip=True) for _ in range(count)]

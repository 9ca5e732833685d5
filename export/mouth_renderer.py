"""The mouth renderer: one ONNX graph that re-poses a face crop and lays a second mouth over it.

It has no trained weights. Two displacement fields are spanned by Wendland radial functions (H. Wendland, "Piecewise
polynomial, positive definite and compactly supported radial functions of minimal degree", 1995) on a coarse grid,
brought to full resolution by cubic convolution, and sampled bicubically (chroma bilinearly); the small linear systems
behind the coefficients are solved by the caller. The mouth layer is matched to the base in low-frequency colour along
a ring and blended by a mask.

Every operation is linear in the pixel values, so any linear colour space may be sent, best one with the detail in its
first channel: the pipeline sends YCbCr.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

BASE_GRID = (24, 32)
MOUTH_GRID = (32, 40)
"""Rows and columns of the coarse grids on which the displacement fields are evaluated."""
COLOUR_GRID = (16, 20)
COLOUR_SIGMA = 0.10
"""Blur of the colour difference, as a share of the mouth layer's width."""
DEAD_ZONE = 0.05
"""Displacements shorter than this many pixels are dropped: a pixel that barely moves is better left sharp."""
OPSET = 18

INPUTS = {
    "base": (torch.uint8, ("batch", "base_height", "base_width", 3)),
    "base_points": (torch.float32, ("batch", "base_count", 2)),
    "base_weights": (torch.float32, ("batch", "base_count", 2)),
    "base_reach": (torch.float32, ("batch", 1)),
    "mouth": (torch.uint8, ("batch", "mouth_height", "mouth_width", 3)),
    "mouth_points": (torch.float32, ("batch", "mouth_count", 2)),
    "mouth_weights": (torch.float32, ("batch", "mouth_count", 2)),
    "mouth_reach": (torch.float32, ("batch", 1)),
    "mouth_affine": (torch.float32, ("batch", 3, 2)),
    "colour": (torch.float32, ("batch", 4, 3)),
    "sharpen": (torch.float32, ("batch", 1)),
    "alpha": (torch.uint8, ("batch", "layer_height", "layer_width")),
    "ring": (torch.uint8, ("batch", "layer_height", "layer_width")),
}
"""Name -> (dtype, axes). docs/mouth-renderer.md says what each means."""


class MouthRenderer(nn.Module):
    """See docs/mouth-renderer.md for the meaning, shape, dtype and unit of every tensor."""

    def forward(
        self,
        base: Tensor,
        base_points: Tensor,
        base_weights: Tensor,
        base_reach: Tensor,
        mouth: Tensor,
        mouth_points: Tensor,
        mouth_weights: Tensor,
        mouth_reach: Tensor,
        mouth_affine: Tensor,
        colour: Tensor,
        sharpen: Tensor,
        alpha: Tensor,
        ring: Tensor,
    ) -> Tensor:
        height, width = base.shape[1], base.shape[2]
        rows, columns = alpha.shape[1], alpha.shape[2]

        field = _radial_field(base_points, base_weights, base_reach, BASE_GRID, height, width)
        field = field * _taper() * _dead_zone(field)
        still = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).expand(base.shape[0], 3, 2)
        picture = _sample(base, field, still, height, width)

        field = _radial_field(mouth_points, mouth_weights, mouth_reach, MOUTH_GRID, rows, columns)
        layer = _sample(mouth, field, mouth_affine, rows, columns)
        layer = torch.einsum("nij,nihw->njhw", colour[:, :3], layer) + colour[:, 3, :, None, None]
        layer = layer + sharpen[:, :, None, None] * (layer - _binomial(layer))

        top, left = (height - rows) // 2, (width - columns) // 2
        under = picture[:, :, top : top + rows, left : left + columns]
        layer = layer + _low_frequency(under - layer, ring[:, None].float() / 255)
        layer = under + (layer - under) * (alpha[:, None].float() / 255)
        image, layer = _bytes(picture), _bytes(layer)
        beside = image[:, top : top + rows]
        band = torch.cat([beside[:, :, :left], layer, beside[:, :, left + columns :]], 2)
        return torch.cat([image[:, :top], band, image[:, top + rows :]], 1)


def _bytes(picture: Tensor) -> Tensor:
    """float [N, 3, H, W] -> uint8 [N, H, W, 3]."""
    # One step fewer than rounding first: the conversion drops what is behind the point.
    return (picture + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _centres(count: int, length: int) -> Tensor:
    """Centres of `count` equal cells over `length` pixels, in pixel coordinates."""
    return (torch.arange(count, dtype=torch.float32) + 0.5) * (length / count) - 0.5


def _radial_field(
    points: Tensor, weights: Tensor, reach: Tensor, grid: tuple[int, int], height: int, width: int
) -> Tensor:
    """Sum of weights times Wendland C2 functions about the points -> [N, rows, columns, 2], in pixels."""
    rows, columns = grid
    x = _centres(columns, width).expand(rows, columns).reshape(-1)
    y = _centres(rows, height)[:, None].expand(rows, columns).reshape(-1)
    scale = reach[:, :, None].clamp(min=1)
    at, centre = torch.stack([x, y], 1)[None] / scale, points / scale
    square = (at**2).sum(2)[:, :, None] + (centre**2).sum(2)[:, None] - 2 * at @ centre.transpose(1, 2)
    r = square.clamp(min=0).sqrt()
    q = (1 - r).clamp(min=0)
    q = q * q
    return ((q * q * (4 * r + 1)) @ weights).reshape(-1, rows, columns, 2)


def _taper() -> Tensor:
    """[rows, columns, 1], 1 inside and exactly 0 in the two outer cells: the crop's border never moves."""

    def ramp(n: int) -> Tensor:
        cell = torch.arange(n, dtype=torch.float32)
        t = ((torch.minimum(cell, n - 1 - cell) - 1) / 4).clamp(0, 1)
        return t * t * (3 - 2 * t)

    rows, columns = BASE_GRID
    return (ramp(rows)[:, None] * ramp(columns))[..., None]


def _dead_zone(field: Tensor) -> Tensor:
    """[N, rows, columns, 1], the factor that shortens every displacement by DEAD_ZONE pixels, the shorter ones to 0."""
    length = (field**2).sum(3, keepdim=True).clamp(min=1e-12).sqrt()
    return (1 - DEAD_ZONE / length).clamp(min=0)


def _cubic(length: int, count: int) -> Tensor:
    """[length, count], weights of `count` cells at every pixel: cubic convolution (Keys 1981), rows sum to 1."""
    at = (torch.arange(length, dtype=torch.float32) + 0.5) * (count / length) - 0.5
    t = (at[:, None] - torch.arange(count, dtype=torch.float32)).abs()
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    weights = torch.where(t < 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
    return weights / weights.sum(1, keepdim=True)


def _sample(image: Tensor, field: Tensor, affine: Tensor, height: int, width: int) -> Tensor:
    """uint8 [N, H, W, 3] seen through an affine map plus a coarse field -> float [N, 3, height, width].

    Luma, the first channel, is sampled bicubically, chroma bilinearly.

    field:  [N, rows, columns, 2], affine: [N, 3, 2]; both in pixels of `image`

    The sampling grid, x and y interleaved, comes out of one product: the field is brought to full height, the affine
    part joins as three more columns, and a matrix with alternate zeros brings the sum to full width.
    """
    batch, rows, columns = field.shape[:3]
    size = torch.tensor([2.0, 2.0]) / torch.stack([_scalar(image.shape[2]), _scalar(image.shape[1])])
    x, y = torch.arange(width, dtype=torch.float32), torch.arange(height, dtype=torch.float32)
    offset = affine * size + torch.tensor([[0.0], [0.0], [1.0]]) * (size / 2 - 1)
    tall = _cubic(height, rows) @ (field * size).reshape(batch, rows, columns * 2)
    constant = y[:, None] * offset[:, 1:2] + offset[:, 2:]
    slope = offset[:, :1].expand(batch, height, 2)
    left = torch.cat([tall, constant, slope], 2)
    pair = torch.eye(2)
    wide = (_cubic(width, columns).T[:, None, :, None] * pair[:, None]).reshape(columns * 2, width * 2)
    ones = pair[:, None].expand(2, width, 2).reshape(2, width * 2)
    ramp = (x[:, None] * pair[:, None]).reshape(2, width * 2)
    grid = (left @ torch.cat([wide, ones, ramp])).reshape(batch, height, width, 2)
    planes = image.permute(0, 3, 1, 2).float()
    # Two thirds of the time would go into chroma, which comes at half the resolution and has no detail to keep.
    luma = nn.functional.grid_sample(planes[:, :1], grid, mode="bicubic", padding_mode="border", align_corners=False)
    chroma = nn.functional.grid_sample(planes[:, 1:], grid, mode="bilinear", padding_mode="border", align_corners=False)
    return torch.cat([luma, chroma], 1)


def _scalar(value: int) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float32)


def _upsample(coarse: Tensor, height: int, width: int) -> Tensor:
    """[N, C, rows, columns] -> [N, C, height, width]."""
    return _cubic(height, coarse.shape[2]) @ coarse @ _cubic(width, coarse.shape[3]).T


def _binomial(image: Tensor) -> Tensor:
    """3x3 binomial blur of every channel."""
    line = torch.tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line).expand(3, 1, 3, 3)
    return nn.functional.conv2d(nn.functional.pad(image, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)


def _low_frequency(difference: Tensor, ring: Tensor) -> Tensor:
    """Normalised Gaussian blur of the difference where the ring is, continued smoothly everywhere; 0 without a ring."""
    height, width = difference.shape[2], difference.shape[3]
    sigma = COLOUR_SIGMA * width

    def gaussian(count: int, length: int) -> Tensor:
        t = _centres(count, length)[:, None] - torch.arange(length, dtype=torch.float32)
        return torch.exp(-0.5 * (t / sigma) ** 2) / sigma

    rows, columns = gaussian(COLOUR_GRID[0], height), gaussian(COLOUR_GRID[1], width).T
    low = (rows @ (difference * ring) @ columns) / (rows @ ring @ columns + 1e-3)
    return _upsample(low, height, width)


def example(batch: int = 2) -> tuple[Tensor, ...]:
    """Inputs of plausible sizes: small displacements about the middle of the crops."""
    generator = torch.Generator().manual_seed(0)
    sizes = {
        "batch": batch,
        "base_height": 128,
        "base_width": 160,
        "mouth_height": 96,
        "mouth_width": 112,
        "layer_height": 80,
        "layer_width": 96,
        "base_count": 30,
        "mouth_count": 24,
    }
    tensors = {}
    for name, (dtype, axes) in INPUTS.items():
        shape = [sizes[a] if isinstance(a, str) else a for a in axes]
        values = torch.rand(shape, generator=generator)
        tensors[name] = (values * 255).to(dtype) if dtype == torch.uint8 else values * 2 - 1
    for layer, rows, columns in (("base", 128, 160), ("mouth", 80, 96)):
        tensors[f"{layer}_points"] = (tensors[f"{layer}_points"] * 0.25 + 0.5) * torch.tensor([columns, rows])
        tensors[f"{layer}_reach"] = torch.full((batch, 1), 40.0)
    tensors["mouth_affine"] = torch.tensor([[1.02, 0.01], [-0.01, 0.98], [6.0, 7.0]]).repeat(batch, 1, 1)
    tensors["colour"] = torch.eye(4, 3).repeat(batch, 1, 1)
    tensors["sharpen"] = torch.full((batch, 1), 0.3)
    return tuple(tensors[name] for name in INPUTS)


def export(target_dir: Path) -> None:
    """Write `target_dir`/model.onnx."""
    names = list(INPUTS)
    dynamic = {n: {i: a for i, a in enumerate(axes) if isinstance(a, str)} for n, (_, axes) in INPUTS.items()}
    dynamic["image"] = {0: "batch", 1: "base_height", 2: "base_width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            MouthRenderer().eval(),
            example(),
            str(target_dir / "model.onnx"),
            input_names=names,
            output_names=["image"],
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )

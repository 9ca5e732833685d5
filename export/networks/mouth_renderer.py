"""The mouth renderer: one ONNX graph that re-poses a face crop and lays a second mouth over it.

It has no trained weights. Two displacement fields are spanned by Wendland radial functions (H. Wendland, "Piecewise
polynomial, positive definite and compactly supported radial functions of minimal degree", 1995) on a coarse grid,
brought to full resolution by cubic convolution, and sampled bicubically (chroma bilinearly); the small linear systems
behind the coefficients are solved by the caller. The mouth layer is matched to the base in low-frequency colour along
a ring and blended by a mask.

Pictures are planar YUV 4:2:0, as decoders give and encoders take them: nothing is converted, and chroma, two thirds of
the pixels at full resolution, is a third. Every operation is linear in the pixel values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

BASE_GRID = (22, 30)
MOUTH_GRID = (32, 40)
"""Rows and columns of the coarse grids on which the displacement fields are evaluated, from edge to edge."""
COLOUR_GRID = (16, 20)
COLOUR_SIGMA = 0.10
"""Blur of the colour difference, as a share of the mouth layer's width."""
STEPS = (1, 2)
"""Pixels of luma along a side of one of luma and of one of chroma."""
RING_STEP = 4
"""Pixels of luma along a side of one value of the ring."""
DEAD_ZONE = 0.05
"""Displacements shorter than this many pixels are dropped: a pixel that barely moves is better left sharp."""

INPUTS: dict[str, tuple[torch.dtype, tuple[str | int, ...]]] = {
    "base": (torch.uint8, ("batch", "base_lines", "base_width")),
    "base_points": (torch.float32, ("batch", "base_count", 2)),
    "base_weights": (torch.float32, ("batch", "base_count", 2)),
    "base_reach": (torch.float32, ("batch", 1)),
    "mouth": (torch.uint8, ("batch", "mouth_lines", "mouth_width")),
    "mouth_points": (torch.float32, ("batch", "mouth_count", 2)),
    "mouth_weights": (torch.float32, ("batch", "mouth_count", 2)),
    "mouth_reach": (torch.float32, ("batch", 1)),
    "mouth_affine": (torch.float32, ("batch", 3, 2)),
    "alpha": (torch.uint8, ("batch", "layer_lines", "layer_width")),
    "ring": (torch.uint8, ("batch", "ring_height", "ring_width")),
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
        alpha: Tensor,
        ring: Tensor,
    ) -> Tensor:
        height, width = base.shape[1] * 2 // 3, base.shape[2]
        rows, columns = alpha.shape[1] * 2 // 3, alpha.shape[2]
        top, left = (height - rows) // 2, (width - columns) // 2

        base_field = _radial_field(base_points, base_weights, base_reach, BASE_GRID, height, width)
        base_field = base_field * _taper() * _dead_zone(base_field)
        still = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).expand(base.shape[0], 3, 2)
        mouth_field = _radial_field(mouth_points, mouth_weights, mouth_reach, MOUTH_GRID, rows, columns)
        size = mouth.shape[1] * 2 // 3, mouth.shape[2]

        pictures, unders, differences = [], [], []
        for plane, mouth_plane, step in zip(_planes(base), _planes(mouth), STEPS, strict=True):
            picture = _sample(plane, _grid(base_field, still, height, width, height, width, step), step)
            layer = _sample(mouth_plane, _grid(mouth_field, mouth_affine, *size, rows, columns, step), step)
            under = picture[:, :, top // step : (top + rows) // step, left // step : (left + columns) // step]
            pictures.append(picture)
            unders.append(under)
            differences.append(under - layer)
        # The layer takes on the base's colours, where both show skin, before it is laid over it.
        colours = _low_frequency(differences, ring.float()).split([1, 2], 1)
        parts = []
        for k, (opacity, step) in enumerate(zip(_planes(alpha), STEPS, strict=True)):
            colour = _upsample(colours[k], rows // step, columns // step)
            layer = _bytes(unders[k] + (colour - differences[k]) * (opacity / 255))
            image, y, x = _bytes(pictures[k]), top // step, left // step
            beside = image[:, :, y : y + rows // step]
            band = torch.cat([beside[:, :, :, :x], layer, beside[:, :, :, x + columns // step :]], 3)
            parts.append(torch.cat([image[:, :, :y], band, image[:, :, y + rows // step :]], 2))
        return torch.cat([part.reshape(base.shape[0], -1, width) for part in parts], 1)


def _planes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """I420 uint8 [N, H * 3 / 2, W] -> float luma [N, 1, H, W] and chroma [N, 2, H / 2, W / 2]."""
    height, width = picture.shape[1] * 2 // 3, picture.shape[2]
    chroma = picture[:, height:].reshape(picture.shape[0], 2, height // 2, width // 2)
    return picture[:, None, :height].float(), chroma.float()


class _Bytes(torch.autograd.Function):
    """Rounded to 0-255: one node of ONNX, which OpenVINO computes along with what comes before it."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor) -> Tensor:
        return picture.round().clamp(0, 255).to(torch.uint8)

    @staticmethod
    def symbolic(g: Any, picture: Any) -> Any:
        step = g.op("Constant", value_t=torch.tensor(1.0))
        zero = g.op("Constant", value_t=torch.tensor(0, dtype=torch.uint8))
        return g.op("QuantizeLinear", picture, step, zero)


def _bytes(picture: Tensor) -> Tensor:
    rounded: Tensor = _Bytes.apply(picture)  # type: ignore[no-untyped-call]
    return rounded


def _centres(count: int, length: int) -> Tensor:
    """Centres of `count` equal cells over `length` pixels, in pixel coordinates."""
    return (torch.arange(count, dtype=torch.float32) + 0.5) * (length / count) - 0.5


def _nodes(count: int, length: int) -> Tensor:
    """`count` places from the first of `length` pixels to the last, in pixel coordinates."""
    return torch.arange(count, dtype=torch.float32) * ((length - 1) / (count - 1))


def _radial_field(
    points: Tensor, weights: Tensor, reach: Tensor, grid: tuple[int, int], height: int, width: int
) -> Tensor:
    """Sum of weights times Wendland C2 functions about the points -> [N, rows, columns, 2], in pixels."""
    rows, columns = grid
    x = _nodes(columns, width).expand(rows, columns).reshape(-1)
    y = _nodes(rows, height)[:, None].expand(rows, columns).reshape(-1)
    scale = reach[:, :, None].clamp(min=1)
    at, centre = torch.stack([x, y], 1)[None] / scale, points / scale
    # |a - c|^2 of every pair as one product.
    left = torch.cat([at, (at**2).sum(2, keepdim=True), torch.ones_like(at[:, :, :1])], 2)
    right = torch.cat([-2 * centre, torch.ones_like(centre[:, :, :1]), (centre**2).sum(2, keepdim=True)], 2)
    q = torch.relu(1 - torch.relu(left @ right.transpose(1, 2)).sqrt())
    square = q * q
    return ((square * square * (5 - 4 * q)) @ weights).reshape(-1, rows, columns, 2)


def _taper() -> Tensor:
    """[rows, columns, 1], 1 inside and exactly 0 at the edge: the crop's border never moves."""

    def ramp(n: int) -> Tensor:
        node = torch.arange(n, dtype=torch.float32)
        t = (torch.minimum(node, n - 1 - node) / 4).clamp(0, 1)
        return t * t * (3 - 2 * t)

    rows, columns = BASE_GRID
    return (ramp(rows)[:, None] * ramp(columns))[..., None]


def _dead_zone(field: Tensor) -> Tensor:
    """[N, rows, columns, 1], the factor that shortens every displacement by DEAD_ZONE pixels, the shorter ones to 0."""
    length = (field**2).sum(3, keepdim=True).clamp(min=1e-12).sqrt()
    return (1 - DEAD_ZONE / length).clamp(min=0)


def _cubic(at: Tensor, count: int) -> Tensor:
    """[length, count], weights of `count` nodes at places in units of their distance: cubic convolution (Keys 1981).

    Rows sum to 1, also where a node beyond the edge is missing.
    """
    t = (at[:, None] - torch.arange(count, dtype=torch.float32)).abs()
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    weights = torch.where(t < 1, near, torch.where(t < 2, far, torch.zeros_like(t)))
    return weights / weights.sum(1, keepdim=True)


def _grid(field: Tensor, affine: Tensor, of_height: int, of_width: int, height: int, width: int, step: int) -> Tensor:
    """Where to look: positions [N, height / step, width / step, 2], -1 to 1, in a picture of `of_height` x `of_width`.

    field:  [N, rows, columns, 2], affine: [N, 3, 2]; both in pixels of the picture's luma
    step:   1 for luma, 2 for chroma, whose pixels lie in the middle of four of luma

    x and y interleaved come out of one product: the field is brought to full width by a matrix with alternate zeros,
    the affine part joins as two more rows, and one matrix for the whole batch brings the sum to full height.
    """
    batch, rows, columns = field.shape[:3]
    height, width = height // step, width // step
    size = torch.tensor([2.0, 2.0]) / torch.stack([_scalar(of_width), _scalar(of_height)])
    x, y = ((torch.arange(length, dtype=torch.float32) + 0.5) * step - 0.5 for length in (width, height))
    offset = affine * size + torch.tensor([[0.0], [0.0], [1.0]]) * (size / 2 - 1)
    pair = torch.eye(2)
    across = _cubic(x * ((columns - 1) / (width * step - 1)), columns).T
    wide = (field * size).reshape(batch, rows, columns * 2) @ (across[:, None, :, None] * pair[:, None]).reshape(
        columns * 2, width * 2
    )
    line = (x[:, None] * offset[:, :1] + offset[:, 2:]).reshape(batch, 1, width * 2)
    slope = offset[:, 1:2].expand(batch, width, 2).reshape(batch, 1, width * 2)
    down = _cubic(y * ((rows - 1) / (height * step - 1)), rows)
    down = torch.cat([down, torch.ones_like(y)[:, None], y[:, None]], 1)
    return (down @ torch.cat([wide, line, slope], 1)).reshape(batch, height, width, 2)


def _sample(plane: Tensor, grid: Tensor, step: int) -> Tensor:
    """Luma bicubically; chroma, which has no detail to keep, bilinearly."""
    mode = "bicubic" if step == 1 else "bilinear"
    return nn.functional.grid_sample(plane, grid, mode=mode, padding_mode="border", align_corners=False)


def _scalar(value: int) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float32)


def _upsample(coarse: Tensor, height: int, width: int) -> Tensor:
    """[N, C, rows, columns], the means of equal cells -> [N, C, height, width]."""

    def across(length: int, count: int) -> Tensor:
        return _cubic((torch.arange(length, dtype=torch.float32) + 0.5) * (count / length) - 0.5, count)

    return across(height, coarse.shape[2]) @ coarse @ across(width, coarse.shape[3]).T


def _low_frequency(differences: list[Tensor], ring: Tensor) -> Tensor:
    """Normalised Gaussian blur of the differences where the ring is, continued smoothly everywhere; 0 without a ring.

    Luma [N, 1, h, w] and chroma [N, 2, h / 2, w / 2] -> [N, 3, *COLOUR_GRID]; ring: [N, h / RING_STEP, w / RING_STEP]
    """
    means = [nn.functional.avg_pool2d(d, RING_STEP // step) for d, step in zip(differences, STEPS, strict=True)]
    height, width = ring.shape[1:]
    sigma = COLOUR_SIGMA * width

    def gaussian(count: int, length: int) -> Tensor:
        t = _centres(count, length)[:, None] - torch.arange(length, dtype=torch.float32)
        return torch.exp(-0.5 * (t / sigma) ** 2) / sigma

    rows, columns = gaussian(COLOUR_GRID[0], height), gaussian(COLOUR_GRID[1], width).T
    weight = ring[:, None] / 255
    return (rows @ (torch.cat(means, 1) * weight) @ columns) / (rows @ weight @ columns + 1e-3)


def example(batch: int = 2) -> tuple[Tensor, ...]:
    """Inputs of plausible sizes: small displacements about the middle of the crops."""
    generator = torch.Generator().manual_seed(0)
    sizes = {
        "batch": batch,
        "base_lines": 192,
        "base_width": 160,
        "mouth_lines": 144,
        "mouth_width": 112,
        "layer_lines": 120,
        "layer_width": 96,
        "ring_height": 20,
        "ring_width": 24,
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
    return tuple(tensors[name] for name in INPUTS)

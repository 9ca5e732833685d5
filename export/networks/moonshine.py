"""Moonshine's speech encoder [1]: three convolutions and six transformer layers with rotary positions [2].

It was trained to recognise English on very much real speech, and what it makes of a voice depends little on who speaks.
The weights of the tiny model (MIT licence) come in the package `moonshine-voice`, as 8-bit integers for onnxruntime.

[1] Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands", arXiv 2410.15608.
[2] Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding", arXiv 2104.09864.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.ort_reader import read_constants

WIDTH, LAYERS, HEADS, HIDDEN = 288, 6, 8, 1152
"""LAYERS: of the whole encoder."""
ROTARY = 32
"""Of the 36 numbers of a head, those that a position turns."""
VECTOR_HOP, VECTOR_FIRST = 384, 447
"""Vector i stands for the sound about sample VECTOR_FIRST + VECTOR_HOP i."""


class Attention(nn.Module):
    """Self-attention [N, T, WIDTH] -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        def split(value: Tensor) -> Tensor:
            return value.reshape(value.shape[0], -1, HEADS, WIDTH // HEADS).transpose(1, 2)

        queries, keys = (_turn(split(project(x)), cosine, sine) for project in (self.q_proj, self.k_proj))
        weights = (queries @ keys.transpose(2, 3) * (WIDTH // HEADS) ** -0.5).softmax(dim=-1)
        mixed = (weights @ split(self.v_proj(x))).transpose(1, 2)
        result: Tensor = self.o_proj(mixed.reshape(x.shape[0], -1, WIDTH))
        return result


def _turn(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn neighbouring pairs of the first ROTARY numbers of [N, heads, T, size] by angles of [T, ROTARY / 2]."""
    pairs = x[..., :ROTARY].reshape(x.shape[0], HEADS, -1, ROTARY // 2, 2)
    even, odd = pairs[..., 0], pairs[..., 1]
    turned = torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], dim=-1)
    return torch.cat([turned.reshape(x.shape[0], HEADS, -1, ROTARY), x[..., ROTARY:]], dim=-1)


class Layer(nn.Module):
    """[N, T, WIDTH] -> the same: attention and a two-layer perceptron, each normalised before and added."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = (nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.self_attn = Attention()
        self.fc1, self.fc2 = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        result: Tensor = x + self.fc2(functional.gelu(self.fc1(self.post_attention_layernorm(x))))
        return result


class Encoder(nn.Module):
    """16 kHz mono audio [N, samples] -> vectors [N, T, WIDTH], 41.7 a second.

    depth: transformer layers; with fewer than LAYERS, the last one's sum is returned as it is, not normalised
    """

    frequencies: Tensor

    def __init__(self, depth: int = LAYERS) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, WIDTH, 127, stride=64, bias=False)
        self.groupnorm = nn.GroupNorm(1, WIDTH, eps=1e-5)
        self.conv2 = nn.Conv1d(WIDTH, 2 * WIDTH, 7, stride=3)
        self.conv3 = nn.Conv1d(2 * WIDTH, WIDTH, 3, stride=2)
        self.layers = nn.ModuleList([Layer() for _ in range(depth)])
        self.layer_norm = nn.LayerNorm(WIDTH, bias=False) if depth == LAYERS else nn.Identity()
        self.register_buffer("frequencies", torch.zeros(ROTARY // 2))

    def forward(self, audio: Tensor) -> Tensor:
        x = self.groupnorm(torch.tanh(self.conv1(audio[:, None])))
        x = functional.gelu(self.conv3(functional.gelu(self.conv2(x)))).transpose(1, 2)
        angles = torch.arange(x.shape[1], device=x.device)[:, None] * self.frequencies
        cosine, sine = angles.cos(), angles.sin()
        for layer in self.layers:
            x = layer(x, cosine, sine)
        result: Tensor = self.layer_norm(x)
        return result


def read_encoder(path: Path, depth: int = LAYERS) -> Encoder:
    """The first layers of the encoder of `moonshine_voice/assets/tiny-en/encoder_model.ort`, in evaluation mode."""
    constants = read_constants(path)
    state = {}
    network = Encoder(depth)
    # Names of a node's own matrix, and of constants that the exporter gave a name of its own.
    named = {
        "conv1.weight": "conv1.weight_add_tensor",
        "conv2.weight": "conv2.weight_add_tensor",
        "conv3.weight": "conv3.weight_add_tensor",
        "groupnorm.weight": "onnx::Mul_2080",
        "groupnorm.bias": "onnx::Add_2081",
        "frequencies": "onnx::Expand_202",
    }
    for name, value in network.state_dict().items():
        layer, _, rest = name.partition(".self_attn.") if ".self_attn." in name else name.rpartition(".fc")
        if "_proj.weight" in name:
            found = constants[f"/{layer}/self_attn/{rest.removesuffix('.weight')}/MatMul_quant"].T
        elif name.endswith((".fc1.weight", ".fc2.weight")):
            found = constants[f"/{layer}/mlp/fc{rest.removesuffix('.weight')}/MatMul_quant"].T
        elif name.endswith((".fc1.bias", ".fc2.bias")):
            found = constants[f"{layer}.mlp.fc{rest}"]
        else:
            found = constants[named.get(name, name)]
        state[name] = torch.from_numpy(found.copy()).reshape(value.shape)
    network.load_state_dict(state)
    return network.eval()

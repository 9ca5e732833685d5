"""Wav2Lip, 96x96: your own checkpoint (--checkpoint FILE.pth) or ready ONNX file (--onnx FILE.onnx); no weights ship.

Both become one tensor contract, with --int8 in 8-bit integers. Inside the graph: uint8 RGB to BGR in 0-1, the face with
its lower half masked beside the whole one, the network, and back to uint8 RGB. Left to the caller: the face box and the
mel spectrogram.

The licence of the weights is the caller's to keep: the authors of Wav2Lip allow research and personal use only.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import compose, parser

from export import BadWeightsError
from export.networks.wav2lip import Wav2Lip
from export.wav2lip_weights import INPUTS, TOLERANCE, first_line, load_checkpoint, load_onnx, run, some
from export.weight_range import LARGEST, wide_weights

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "model_repository" / "wav2lip" / "config.pbtxt"
SAMPLE = ROOT / "samples" / "template.mkv"
OPSET = 17
IR_VERSION = 8
"""What the oldest supported server can read, see `export.graph`."""
FACES = 64
"""From which the ranges for 8-bit integers are taken, and as many more by which what comes out is judged."""
LEAST_FACES = 32
"""That the clips must show together, a second of somebody who talks."""
LEAST_PSNR = 30.0
"""Decibels that the lower face in 8-bit integers must reach against the one in floating point."""


def export(
    target_dir: Path,
    *,
    checkpoint: Path | None = None,
    onnx_file: Path | None = None,
    int8: Sequence[Path] | None = None,
) -> None:
    """Write `target_dir`/model.onnx, and config.pbtxt into the folder above where it is missing.

    int8: clips of people who talk, by which the network is made one of 8-bit integers; empty for the sample's
    Raises BadWeightsError, which says what is wrong with the file.
    """
    if checkpoint:
        network = to_onnx(load_checkpoint(checkpoint))
    elif onnx_file:
        network = load_onnx(onnx_file)
        if wide := wide_weights(network):
            print(
                f"Warning: {onnx_file.name} has 8-bit weights beyond +-{LARGEST} ({some(wide, 2)}). "
                "On CPUs without VNNI it draws wrong faces; quantise it with 7-bit weights (`reduce_range`)",
                file=sys.stderr,
            )
    else:
        raise BadWeightsError(
            "wav2lip ships without weights: name yours with --checkpoint FILE.pth or --onnx FILE.onnx"
        )
    # A server may load it at any moment, so the file is complete or not there.
    part = target_dir / ".model.onnx.part"
    wrapped = wrap(network)
    onnx.save(wrapped if int8 is None else in_int8(wrapped, int8 or [SAMPLE]), part)
    config = target_dir.parent / CONFIG.name
    if not config.exists():
        shutil.copyfile(CONFIG, config)
    os.replace(part, target_dir / "model.onnx")


def to_onnx(network: Wav2Lip) -> onnx.ModelProto:
    """The network with inputs `source` and `target` [N, ...] and output `output`, compared with the original."""
    example = {name: torch.rand(2, *shape) for name, shape in INPUTS.items()}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            # Here, for it may come in train mode, where batch norm looks at the batch.
            network.eval(),
            tuple(example.values()),
            buffer,  # type: ignore[arg-type]  # a file object works too
            input_names=list(INPUTS),
            output_names=["output"],
            dynamic_axes={name: {0: "N"} for name in (*INPUTS, "output")},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    with torch.no_grad():
        wanted = network.eval()(*example.values()).numpy()
    difference = float(np.abs(run(model, {name: tensor.numpy() for name, tensor in example.items()}) - wanted).max())
    if difference > TOLERANCE:
        raise BadWeightsError(f"the exported network differs from the checkpoint by {difference:.2g}")
    return model


def wrap(network: onnx.ModelProto) -> onnx.ModelProto:
    """The network between uint8 pictures: mel float [N, 80, 16], face uint8 [N, 96, 96, 3] RGB -> image, like face."""
    opset = next(entry.version for entry in network.opset_import if entry.domain in ("", "ai.onnx"))
    versions = f'<ir_version: {IR_VERSION}, opset_import: ["": {opset}]>'
    mask = ", ".join("1" if row < 48 else "0" for row in range(96))
    before = parser.parse_model(f"""{versions}
        before (float[N, 80, 16] mel, uint8[N, 96, 96, 3] face)
            => (float[N, 1, 80, 16] source, float[N, 6, 96, 96] target)
        <
            int64[4] channel_first = {{0, 1, 80, 16}}, int64[3] bgr = {{2, 1, 0}}, float white = {{255}},
            float[1, 1, 96, 1] upper_half = {{{mask}}}
        > {{
            source = Reshape(mel, channel_first)
            pixels = Cast<to = 1>(face)
            planes = Transpose<perm = [0, 3, 1, 2]>(pixels)
            swapped = Gather<axis = 1>(planes, bgr)
            reference = Div(swapped, white)
            masked = Mul(reference, upper_half)
            target = Concat<axis = 1>(masked, reference)
        }}""")
    after = parser.parse_model(f"""{versions}
        after (float[N, 3, 96, 96] drawn) => (uint8[N, 96, 96, 3] image)
        <
            int64[3] rgb = {{2, 1, 0}}, float zero = {{0}}, float one = {{1}}, float full = {{255}},
            float half = {{0.5}}
        > {{
            raised = Max(drawn, zero)
            clipped = Min(raised, one)
            scaled = Mul(clipped, full)
            rounded = Add(scaled, half)
            ordered = Gather<axis = 1>(rounded, rgb)
            drawn_pixels = Transpose<perm = [0, 2, 3, 1]>(ordered)
            image = Cast<to = 2>(drawn_pixels)
        }}""")
    inner = compose.add_prefix(network, "network/")
    inner.ir_version = IR_VERSION
    joined = compose.merge_models(before, inner, [(name, f"network/{name}") for name in INPUTS])
    joined = compose.merge_models(joined, after, [(inner.graph.output[0].name, "drawn")])
    joined.graph.name = "wav2lip"
    # Each part brought its own.
    versions_of = {entry.domain: entry.version for entry in joined.opset_import}
    del joined.opset_import[:]
    joined.opset_import.extend(starmap(onnx.helper.make_opsetid, versions_of.items()))
    onnx.checker.check_model(joined)
    return joined


def in_int8(wrapped: onnx.ModelProto, clips: Sequence[Path]) -> onnx.ModelProto:
    """What `wrap` returned in 8-bit integers, with ranges from these clips, in more kinds of light than they show.

    Raises BadWeightsError where a clip cannot be used, or where the faces come out too differently.
    """
    try:
        from export.calibration import recorded_inputs, varied
        from export.int8 import quantised
    except ImportError as error:
        raise BadWeightsError(f"--int8 wants ONNX Runtime: pip install '.[cpu]' or '.[gpu]' ({error})") from error
    samples = recorded_inputs("wav2lip", clips, 2 * FACES)
    if (count := len(samples["face"])) < LEAST_FACES:
        raise BadWeightsError(f"--int8 needs clips that show a face {LEAST_FACES} times; here it is {count}")
    ranges, unseen = ({name: array[k::2] for name, array in samples.items()} for k in range(2))
    try:
        rounded = quantised(wrapped, varied(ranges))
    except Exception as error:  # ONNX and ONNX Runtime raise many kinds
        raise BadWeightsError(f"this network cannot be made in 8-bit integers: {first_line(error)}") from error
    unseen = varied(unseen, seed=1)
    wanted, found = (run(model, unseen)[:, 48:].astype(np.float32) for model in (wrapped, rounded))
    psnr = 10 * np.log10(255**2 / max(float(((found - wanted) ** 2).mean()), 1e-6))
    if psnr < LEAST_PSNR:
        raise BadWeightsError(
            f"in 8-bit integers this network draws other faces (PSNR {psnr:.1f} dB): leave --int8 out"
        )
    print(f"The lower face of {len(found)} pictures in 8-bit integers against floating point: PSNR {psnr:.1f} dB")
    return rounded

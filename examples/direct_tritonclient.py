"""Calls the face networks with plain tritonclient, without any code of this project.

    pip install "tritonclient[http]" av opencv-python-headless
    python direct_tritonclient.py VIDEO --url HOST:PORT

Finds the face in the first frames of a video and prints how far the mouth is open in each. What goes in and comes out
is described in docs/networks.md; all arithmetic on pixels is inside the networks, so the wire carries uint8 images.
"""

import argparse
from itertools import islice
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from tritonclient.http import InferenceServerClient, InferInput, InferResult

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("video")
parser.add_argument("--url", default="127.0.0.1:8000", help="host:port of Triton's HTTP service")
options = parser.parse_args()

with av.open(options.video) as container:
    frames = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), 8)]
client = InferenceServerClient(options.url)


def infer(network: str, name: str, images: npt.NDArray[Any]) -> InferResult:
    """One request for a whole batch: uint8 [N, 192, 192, 3]."""
    tensor = InferInput(name, images.shape, "UINT8")
    tensor.set_data_from_numpy(images)
    return client.infer(network, [tensor])


# The detector sees the whole picture, scaled to fit into 192 x 192.
height, width = frames[0].shape[:2]
scale = 192 / max(height, width)
fit = np.array([[scale, 0, 0], [0, scale, 0]])
pictures = np.stack([cv2.warpAffine(frame, fit, (192, 192)) for frame in frames])
found = infer("face_detector", "image", pictures)
best = found.as_numpy("scores").argmax(1)
boxes = found.as_numpy("boxes")[np.arange(len(frames)), best] * 192 / scale

# The mesh sees one face, upright, in a square 1.5 times as large.
crops, zooms = [], []
for frame, (x0, y0, x1, y1) in zip(frames, boxes, strict=True):
    zoom = 192 / (1.5 * max(x1 - x0, y1 - y0))
    shift = 96 - np.array([(x0 + x1) / 2, (y0 + y1) / 2]) * zoom
    crops.append(cv2.warpAffine(frame, np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]]), (192, 192)))
    zooms.append(zoom)
answer = infer("face_mesh", "face", np.stack(crops))
landmarks, score = answer.as_numpy("landmarks"), answer.as_numpy("score")

# Points 13 and 14 are the middle of the upper and the lower lip, on the inside.
opening = np.linalg.norm(landmarks[:, 13, :2] - landmarks[:, 14, :2], axis=1) / zooms
for number, (pixels, sure) in enumerate(zip(opening, score[:, 0], strict=True)):
    print(f"frame {number}: mouth open by {pixels:.1f} px, a face with probability {sure:.3f}")
print(f"{len(frames)} frames, {len(frames)} faces")

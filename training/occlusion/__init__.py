"""How the network `face_occlusion` was trained; see docs/model-card-face-occlusion.md."""

from typing import Any

import numpy.typing as npt

Float = npt.NDArray[Any]
"""float32 or float64; shapes stand in the docstrings."""
Uint8 = npt.NDArray[Any]
"""Pictures and masks of bytes."""

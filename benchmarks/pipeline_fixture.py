"""The pipeline in this process and an embedded Triton, for benchmarks that look at the rendered frames."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digital_human.pipeline.context import PipelineContext
from digital_human.resources import bundled
from digital_human.runtime.context import build_context, make_folders
from digital_human.runtime.triton import triton_for
from digital_human.settings import Settings


@contextmanager
def pipeline_context(base_path: Path, speech_network: Path | None = None) -> Iterator[PipelineContext]:
    """speech_network: another model.onnx in the place of the one that ships."""
    with tempfile.TemporaryDirectory() as folder:
        repository = bundled("model_repository")
        if speech_network:
            repository = Path(folder, "models")
            shutil.copytree(bundled("model_repository"), repository)
            shutil.copy(speech_network, repository / "speech_to_lips" / "1" / "model.onnx")
        settings = Settings(base_path=base_path, model_repository=repository)
        make_folders(settings)
        with triton_for(settings) as triton:
            assert triton is not None
            yield build_context(settings, triton.url)

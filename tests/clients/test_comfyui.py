"""The node for ComfyUI, loaded as ComfyUI loads it, against the real service.

ComfyUI is no package that could be installed here. What the node uses of it is played by modules with the functions
that ComfyUI documents: `folder_paths`, `comfy.utils.ProgressBar`, `comfy.model_management`, `comfy_api.input_impl`.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import shutil
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest

from tests.clients.conftest import KEY
from tests.live_service import Live, leftovers

torch = pytest.importorskip("torch")
NODE = Path(__file__).resolve().parents[2] / "clients" / "comfyui"


class VideoFromFile:
    """As ComfyUI's: a VIDEO is anything with `save_to`."""

    def __init__(self, file: str) -> None:
        self.file = file

    def save_to(self, path: str) -> None:
        shutil.copy(self.file, path)


class Comfy:
    """Where outputs go, the progress that was shown, and whether somebody presses Cancel"""

    def __init__(self, output: Path) -> None:
        self.output, self.shown, self.cancelled = output, list[int](), False

    def throw(self) -> None:
        if self.cancelled:
            raise InterruptedError("cancelled")

    def bar(self, total: int) -> Any:
        assert total == 1000
        bar = ModuleType("bar")
        bar.update_absolute = self.shown.append  # type: ignore[attr-defined]
        return bar

    def modules(self) -> dict[str, ModuleType]:
        contents: dict[str, dict[str, Any]] = {
            "folder_paths": {"get_output_directory": lambda: str(self.output)},
            "comfy": {},
            "comfy.utils": {"ProgressBar": self.bar},
            "comfy.model_management": {"throw_exception_if_processing_interrupted": self.throw},
            "comfy_api": {},
            "comfy_api.input_impl": {"VideoFromFile": VideoFromFile},
        }
        made = {name: ModuleType(name) for name in contents}
        for name, module in made.items():
            vars(module).update(contents[name])
        return made


def load(name: str = "digital_human_nodes") -> ModuleType:
    """The folder, as ComfyUI imports one below `custom_nodes`."""
    spec = importlib.util.spec_from_file_location(name, NODE / "__init__.py", submodule_search_locations=[str(NODE)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def comfy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Comfy]:
    (tmp_path / "output").mkdir()
    found = Comfy(tmp_path / "output")
    for name, module in found.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("DIGITAL_HUMAN_API_KEY", KEY)
    yield found
    for name in [name for name in sys.modules if name.startswith("digital_human_nodes")]:
        del sys.modules[name]


def run(live: Live, **inputs: Any) -> tuple[dict[str, Any], Any, str]:
    """What the node shows, and its outputs. Inputs that are left out have their defaults, as ComfyUI fills them in."""
    node = load().NODE_CLASS_MAPPINGS["DigitalHumanVideo"]
    given = {"service_url": f"http://127.0.0.1:{live.port}", "filename_prefix": "talks/one", **inputs}
    answer = getattr(node(), node.FUNCTION)(**given)
    assert len(answer["result"]) == len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
    return answer["ui"], *answer["result"]


def frames(path: str | Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def sound(path: Path) -> dict[str, Any]:
    """A recording as the node LoadAudio gives it."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return {
            "waveform": torch.from_numpy(samples / np.float32(32768))[None, None],
            "sample_rate": file.getframerate(),
        }


def test_it_is_a_node_as_comfyui_describes_one(comfy: Comfy) -> None:
    module = load()
    (name,) = module.NODE_CLASS_MAPPINGS
    assert set(module.NODE_DISPLAY_NAME_MAPPINGS) == {name}
    node = module.NODE_CLASS_MAPPINGS[name]
    inputs = node.INPUT_TYPES()
    named = [*inputs["required"], *inputs["optional"]]
    taken = inspect.signature(getattr(node, node.FUNCTION)).parameters
    assert list(taken)[1:] == named
    assert all(taken[name].default is inspect.Parameter.empty for name in inputs["required"])
    assert all(taken[name].default is not inspect.Parameter.empty for name in inputs["optional"])
    assert node.RETURN_TYPES == ("VIDEO", "STRING")


def test_a_video_and_a_sound_of_other_nodes_become_a_video(studio: Live, comfy: Comfy, folder: Path) -> None:
    video = VideoFromFile(str(folder / "template.mkv"))
    ui, made, path = run(studio, video=video, audio=sound(folder / "speech.wav"), options='{"lead_in": 0.4}')
    assert path == made.file == str(comfy.output / "talks" / "one_00001.mp4")
    assert frames(path) == 50
    assert ui == {
        "images": [{"filename": "one_00001.mp4", "subfolder": "talks", "type": "output"}],
        "animated": (True,),
    }
    assert comfy.shown == sorted(comfy.shown) and comfy.shown[-1] == 1000


def test_an_image_and_a_text_become_a_video(studio: Live, comfy: Comfy, folder: Path) -> None:
    with av.open(str(folder / "template.mkv")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    image = torch.from_numpy(picture)[None].float() / 255
    (comfy.output / "talks").mkdir()
    (comfy.output / "talks" / "one_00007.mp4").write_text("of before")
    _, _, path = run(studio, image=image, text="Twenty characters...", voice="onyx")
    assert path.endswith("one_00008.mp4") and frames(path) == 30  # a second, and the silence after a sentence
    assert (comfy.output / "talks" / "one_00007.mp4").read_text() == "of before"


def test_an_image_goes_behind_the_person(studio: Live, comfy: Comfy, folder: Path) -> None:
    background = torch.full((1, 72, 90, 3), 0.9)
    _, _, path = run(studio, avatar="lena", audio_path=str(folder / "speech.wav"), background=background)
    with av.open(path) as container:
        luma = next(container.decode(video=0)).to_ndarray(format="gray")
    # The sample template is before a blue screen.
    assert abs(luma[80:200, 40:160].mean() - 0.9 * 255) < 8


def test_the_workflow_of_the_readme_runs(studio: Live, comfy: Comfy, folder: Path) -> None:
    graph = json.loads((NODE / "example.json").read_text())
    (load_audio,) = (node for node in graph.values() if node["class_type"] == "LoadAudio")
    (step,) = (node for node in graph.values() if node["class_type"] == "DigitalHumanVideo")
    inputs = {**step["inputs"], "audio": sound(folder / load_audio["inputs"]["audio"])}
    del inputs["service_url"]
    _, _, path = run(studio, **inputs)
    assert frames(path) == 45


def test_what_cannot_be_made_is_said_on_the_node(studio: Live, comfy: Comfy, folder: Path) -> None:
    template, text = {"avatar": "lena"}, {"text": "Hello."}
    refused: list[tuple[str, dict[str, Any]]] = [
        ("one of video, image", text),
        ("one of video, image", {**template, **text, "image": torch.zeros(1, 8, 8, 3)}),
        ("one of audio", {**template, "text": "  "}),
        ("Create Video", {**text, "image": torch.zeros(2, 8, 8, 3)}),
        ("no such file", {**text, "template_path": str(folder / "none.mp4")}),
        ("outside", {**template, **text, "filename_prefix": "../up"}),
        ("no JSON", {**template, **text, "options": "{"}),
        ("no such avatar", {**text, "avatar": "nobody"}),
        ("background", {**template, **text, "options": '{"background": "#mauve"}'}),
        ("background: 2 pictures", {**template, **text, "background": torch.zeros(2, 8, 8, 3)}),
        ("face", {**text, "image": torch.zeros(1, 64, 64, 3)}),
        ("no service answers", {**template, **text, "service_url": "http://127.0.0.1:9"}),
    ]
    for words, inputs in refused:
        with pytest.raises((ValueError, RuntimeError), match=words):
            run(studio, **inputs)
    assert not [path for path in comfy.output.rglob("*") if path.is_file()] and leftovers(studio.base) == []


def test_cancel_ends_the_task(studio: Live, comfy: Comfy, folder: Path) -> None:
    comfy.cancelled = True
    with pytest.raises(InterruptedError):
        run(studio, avatar="lena", audio_path=str(folder / "speech.wav"), options='{"title": "stopped"}')
    (task,) = [task for task in studio.client.get("/human/tasks").json()["data"]["tasks"] if task["title"] == "stopped"]
    assert studio.until(task["task_id"], "cancelled")["state"] == "cancelled"


def test_a_file_that_has_changed_makes_it_run_again(comfy: Comfy, folder: Path) -> None:
    node = load().NODE_CLASS_MAPPINGS["DigitalHumanVideo"]
    first = node.IS_CHANGED(audio_path=str(folder / "speech.wav"))
    with (folder / "speech.wav").open("ab") as file:
        file.write(b"\0\0")

    os.utime(folder / "speech.wav", (1, 1))
    assert node.IS_CHANGED(audio_path=str(folder / "speech.wav")) != first != node.IS_CHANGED(audio_path="")


def test_comfyui_without_the_type_video_gets_the_path(comfy: Comfy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comfy_api.input_impl", None)
    node = load().NODE_CLASS_MAPPINGS["DigitalHumanVideo"]
    assert node.RETURN_TYPES[1] == "STRING"
    assert sys.modules["digital_human_nodes.comfy"].video_of(Path("x.mp4")) is None

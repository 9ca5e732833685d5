"""The node: a template, and a recording or a text, become a video."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import comfy, media
from .service import Service

KEY = "DIGITAL_HUMAN_API_KEY"
"""The variable of the environment with the service's key. An input would be saved in every picture's workflow."""


class DigitalHumanVideo:
    """One of `video`, `image`, `template_path` and `avatar`; one of `audio`, `audio_path` and `text`"""

    CATEGORY = "video"
    DESCRIPTION = "A person of a template says a recording or a text."
    RETURN_TYPES = ("VIDEO" if comfy.HAS_VIDEO else "*", "STRING")
    RETURN_NAMES = ("video", "path")
    FUNCTION = "make"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:
        def line(tooltip: str, default: str = "") -> tuple[str, dict[str, Any]]:
            return "STRING", {"default": default, "tooltip": tooltip}

        speed = {"default": 1.0, "min": 0.5, "max": 2.0, "step": 0.05, "tooltip": "how fast the text is said"}
        strength = {"default": 1.0, "min": 0.5, "max": 1.5, "step": 0.05, "tooltip": "how far the mouth opens"}
        text = {"default": "", "multiline": True, "tooltip": "what is said, in place of a recording"}
        return {
            "required": {
                "service_url": line("the running service", "http://127.0.0.1:8308"),
                "filename_prefix": line("of the video in the folder of outputs", "digital_human"),
            },
            "optional": {
                "video": ("VIDEO", {"tooltip": "the template"}),
                "image": ("IMAGE", {"tooltip": "the template: one picture of a person"}),
                "template_path": line("the template: a file of this machine"),
                "avatar": line("the template: an avatar of the service"),
                "audio": ("AUDIO", {"tooltip": "what is said"}),
                "audio_path": line("what is said: a file of this machine"),
                "text": ("STRING", text),
                "voice": line("who says the text; empty for one that fits it"),
                "speed": ("FLOAT", speed),
                "mouth_strength": ("FLOAT", strength),
                "background": ("IMAGE", {"tooltip": "a picture in place of the template's green or blue screen"}),
                "options": line('further fields of POST /human/generate, as {"lead_in": 0.5}', "{}"),
            },
        }

    @classmethod
    def IS_CHANGED(cls, template_path: str = "", audio_path: str = "", **_: Any) -> str:
        """The node runs again when one of its files has changed."""
        return "".join(
            f"{name}:{os.path.getmtime(name)};" for name in (template_path, audio_path) if os.path.isfile(name)
        )

    def make(
        self,
        service_url: str,
        filename_prefix: str,
        video: Any = None,
        image: Any = None,
        template_path: str = "",
        avatar: str = "",
        audio: dict[str, Any] | None = None,
        audio_path: str = "",
        text: str = "",
        voice: str = "",
        speed: float = 1.0,
        mouth_strength: float = 1.0,
        background: Any = None,
        options: str = "{}",
    ) -> dict[str, Any]:
        _one_of(video=video, image=image, template_path=template_path, avatar=avatar)
        _one_of(audio=audio, audio_path=audio_path, text=text.strip())
        body = {"mouth_strength": mouth_strength, **_parsed(options)}
        path = comfy.free_file(filename_prefix)
        with Service(service_url, os.environ.get(KEY)) as service:
            body |= (
                {"avatar": avatar} if avatar else {"video_path": _sent_template(service, video, image, template_path)}
            )
            if text.strip():
                body |= {"text": text, "voice": voice, "speed": speed}
            elif audio is not None:
                body["audio_path"] = service.upload("speech.wav", media.wav_of(audio))
            else:
                body["audio_path"] = _sent_file(service, "audio_path", audio_path)
            if background is not None:
                body["background"] = service.upload("background.png", media.png_of("background", background))
            task = service.order(body)
            warnings = service.wait(task, comfy.follow())
            service.fetch(task, path)
        for warning in warnings:
            print(f"digital human: {path.name}: {warning}")
        return {"ui": comfy.shown(path), "result": (comfy.video_of(path), str(path))}


def _one_of(**given: Any) -> None:
    """Raises ValueError unless just one is there."""
    count = sum(value is not None and (not isinstance(value, str) or value != "") for value in given.values())
    if count != 1:
        raise ValueError(f"give one of {', '.join(given)}; {count} are given")


def _parsed(options: str) -> dict[str, Any]:
    try:
        fields = json.loads(options or "{}")
    except ValueError as error:
        raise ValueError(f"options: no JSON ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError("options: must be an object of JSON")
    return fields


def _sent_template(service: Service, video: Any, image: Any, path: str) -> str:
    if image is not None:
        return service.upload("template.png", media.png_of("image", image))
    if video is None:
        return _sent_file(service, "template_path", path)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.mp4"
        comfy.save_video(video, file)
        return _sent_file(service, "video", str(file))


def _sent_file(service: Service, field: str, name: str) -> str:
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"{field}: no such file: {name}")
    with path.open("rb") as file:
        return service.upload(path.name, file)

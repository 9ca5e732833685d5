"""The reference pages name everything that the code has, and nothing that it does not."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import REGISTRY
from pydantic import SecretStr

from digital_human.api.models import GenerateRequest
from digital_human.cli import _parser
from digital_human.observability import metrics
from digital_human.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROW = re.compile(r"^\| `([^`]+)`(?:, `[^`]+`)* \| ([^|]*)\|", re.MULTILINE)
RUNTIME = {"ONNXRUNTIME_THREADS", "ONNXRUNTIME_PROCESSORS"}
"""Settings that the processes of the models read themselves."""


def rows(page: str, heading: str = "") -> dict[str, str]:
    """First column -> second column of a page's tables, below the heading if one is named."""
    text = (DOCS / page).read_text()
    if heading:
        text = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {name: value.strip().strip("`") for name, value in ROW.findall(text)}


def test_the_settings_page_lists_every_setting() -> None:
    assert set(rows("settings.md")) - RUNTIME == {name.upper() for name in Settings.model_fields}


def test_the_settings_page_gives_the_defaults() -> None:
    listed = rows("settings.md")
    for name, field in Settings.model_fields.items():
        default, said = field.default, listed[name.upper()]
        if default is None or default == () or default == "" or isinstance(default, SecretStr):
            assert said == "" or name == "helpers", name
        elif isinstance(default, bool):
            assert said == str(int(default)), name
        elif name.endswith("_bytes"):
            assert said in (f"{default / 2**30:g} GiB", f"{default / 2**20:g} MiB", f"{default / 2**10:g} KiB"), name
        elif isinstance(default, int | float) and name != "max_template_pixels":
            assert float(said) == default, name
        elif name == "max_template_pixels":
            width, height = said.split(" x ")
            assert int(width) * int(height) == default
        elif name != "watermark_image":
            assert Path(said).name == Path(str(default)).name, name


def test_the_page_of_the_rest_api_lists_every_field_of_a_request() -> None:
    listed = rows("rest-api.md", "Make a video")
    assert set(listed) == set(GenerateRequest.model_fields)
    for name, field in GenerateRequest.model_fields.items():
        if name in ("engine", "timeout"):  # these come from a setting
            assert listed[name].isupper()
        elif field.is_required() or field.default is None:
            assert listed[name] == ""
        else:
            assert str(field.default).removesuffix(".0") == listed[name], name


def test_the_monitoring_page_lists_every_metric() -> None:
    text = (DOCS / "monitoring.md").read_text()
    documented = set(re.findall(r"`(digital_human_\w+)`", text))
    made = set()
    for family in REGISTRY.collect():
        if family.name.startswith("digital_human"):
            made.add(family.name + ("_total" if family.type == "counter" else ""))
    assert metrics.frames is not None  # the module is what registers them
    assert documented == made


def test_the_page_of_the_command_line_names_every_command() -> None:
    commands = next(action for action in _parser()._actions if action.choices and action.dest == "command")
    assert commands.choices is not None
    assert set(rows("command-line.md")) == set(commands.choices)


def test_the_architecture_page_names_every_room() -> None:
    package = DOCS.parent / "frontend" / "digital_human"
    text = (DOCS / "architecture.md").read_text()
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("__init__.py")} - {"."}
    assert len(folders) > 15
    assert not [folder for folder in folders if f"`{folder}/`" not in text]

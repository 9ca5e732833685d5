"""What the site has beyond the Markdown files: the OpenAPI document, and links that leave docs/."""

from __future__ import annotations

import json
import posixpath
import re
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from digital_human.api.app import create_app
from digital_human.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)(#[^)]*)?\)")
METHODS = ("get", "post", "put", "patch", "delete")


def on_page_markdown(markdown: str, /, page: Page, config: MkDocsConfig, files: Files) -> str:
    folder = posixpath.dirname(page.file.src_uri)
    markdown = OUTSIDE.sub(lambda match: outside(match, folder, config.repo_url), markdown)
    return markdown.replace("<!-- openapi -->", "\n".join(reference(document())))


def on_files(files: Files, /, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, "openapi.json", content=json.dumps(document(), indent=1)))
    return files


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, as a running service gives it."""
    return create_app(Settings(_env_file=None), nullcontext).openapi()  # type: ignore[call-arg,arg-type]


def outside(match: re.Match[str], folder: str, repository: str | None) -> str:
    """A link to a file of the repository that is not part of the site: to the repository, or the file's name."""
    text, target = match[1], posixpath.normpath(posixpath.join("docs", folder, match[2]))
    if target.startswith("docs/"):
        return match[0]
    if not (ROOT / target).exists():
        raise PluginError(f"a link leads to {target}, which does not exist")
    if repository:
        return f"[{text}]({repository.rstrip('/')}/blob/main/{target})"
    name = f"`{target}`"
    return name if text in (name, target) else f"{text} ({name})"


def reference(api: dict[str, Any]) -> list[str]:
    """Markdown: every call with its parameters and answers, and every schema with its fields."""
    lines = ["The document itself: [openapi.json](openapi.json).", ""]
    for path, calls in api["paths"].items():
        for method in METHODS:
            if call := calls.get(method):
                lines += [f"## `{method.upper()} {path}`", "", call.get("description", call.get("summary", "")), ""]
                lines += parameters(call) + answers(call)
    lines += ["## Schemas", ""]
    for name, schema in api["components"]["schemas"].items():
        lines += [f"### {name}", "", *paragraph(schema), *fields(schema)]
    return lines


def parameters(call: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{one['name']}` | {one['in']} | {kind(one['schema'])} | {line(one.get('description', ''))} |"
        for one in call.get("parameters", ())
    ]
    body = [
        f"| | body, `{media}` | {kind(content['schema'])} | |"
        for media, content in call.get("requestBody", {}).get("content", {}).items()
    ]
    return ["| parameter | in | type | |", "| --- | --- | --- | --- |", *rows, *body, ""] if rows or body else []


def answers(call: dict[str, Any]) -> list[str]:
    lines = ["| status | meaning | body |", "| --- | --- | --- |"]
    for status, answer in sorted(call["responses"].items()):
        bodies = {kind(content["schema"]) for content in answer.get("content", {}).values() if "schema" in content}
        lines.append(f"| {status} | {line(answer['description'])} | {', '.join(sorted(bodies))} |")
    return [*lines, ""]


def paragraph(schema: dict[str, Any]) -> list[str]:
    return [schema["description"], ""] if schema.get("description") else []


def fields(schema: dict[str, Any]) -> list[str]:
    if "properties" not in schema:
        return [kind(schema), ""]
    lines = ["| field | type | default | |", "| --- | --- | --- | --- |"]
    for name, field in schema["properties"].items():
        needed = name in schema.get("required", ())
        default = "required" if needed else f"`{json.dumps(field['default'])}`" if "default" in field else ""
        lines.append(f"| `{name}` | {kind(field)} | {default} | {line(field.get('description', ''))} |")
    return [*lines, ""]


def kind(schema: dict[str, Any]) -> str:
    """The type of a schema in a few words."""
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(kind(option) for option in options)
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    words = [schema.get("format") or schema.get("type", "any")]
    for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("maxLength", "length <=")):
        if key in schema:
            words.append(f"{sign} {schema[key]:g}")
    return " ".join(words)


def line(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")

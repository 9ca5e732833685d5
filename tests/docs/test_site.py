"""The documentation: no link leads nowhere, neither in the repository nor on the site that is built from it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = ("http://", "https://", "mailto:")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/*/*.md"), *ROOT.glob("samples/*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_in_the_repository_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        path, anchor = urldefrag(link)
        if link.startswith(ELSEWHERE):
            continue
        target = (document.parent / unquote(path)) if path else document
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in headings(target), link


def headings(document: Path) -> set[str]:
    """The anchors that GitHub and MkDocs give to headings."""
    lines = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL).splitlines()
    names = (line.lstrip("#").strip().lower() for line in lines if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", name).replace(" ", "-") for name in names}


class Page(HTMLParser):
    """What a page links to and which anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        self.anchors |= {have[name] for name in ("id", "name") if name in have}
        for name in ("href", "src"):
            if name in have:
                self.links.append(have[name])
                if tag in ("script", "img", "iframe") or (tag == "link" and have.get("rel") == "stylesheet"):
                    self.loaded.append(have[name])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("mkdocstrings") is None:
        pytest.skip("the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "frontend"), *sys.path])}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_links_on_the_site_lead_somewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 40
    for path, page in pages.items():
        for link, target, anchor in targets(site, path, page):
            assert target.exists(), f"{path.relative_to(site)}: {link}"
            if anchor and target in pages:
                assert anchor in pages[target].anchors, f"{path.relative_to(site)}: {link}"


def targets(site: Path, path: Path, page: Page) -> Iterator[tuple[str, Path, str]]:
    for link in page.links:
        where, anchor = urldefrag(link)
        if link.startswith((*ELSEWHERE, "data:")) or path.name == "404.html":
            continue
        target = (site / where.lstrip("/")) if where.startswith("/") else (path.parent / unquote(where))
        target = path if not where else target.resolve()
        yield link, target / "index.html" if target.is_dir() else target, unquote(anchor)


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert not [link for link in Page(path).loaded if link.startswith((*ELSEWHERE, "//"))], path


@pytest.mark.slow
def test_the_site_has_the_references(site: Path) -> None:
    calls = json.loads((site / "openapi.json").read_text())["paths"]
    listed = (site / "openapi" / "index.html").read_text()
    assert "/human/generate" in calls
    for path, methods in calls.items():
        for method in methods:
            assert f"{method.upper()} {path}" in listed
    python = (site / "python" / "index.html").read_text()
    for name in ("Client.generate", "AsyncClient.download", "Task.require_success", "ClientError"):
        assert f'id="digital_human.client.{name}"' in python
    assert 'id="digital_human.engines.base.Engine.render"' in (site / "engine-reference" / "index.html").read_text()

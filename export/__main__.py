"""`python -m export` lists the networks; `python -m export NAME...` rebuilds them."""

from __future__ import annotations

import argparse
import ast
import importlib
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent / "model_repository"


def networks() -> dict[str, str]:
    """Names of the exporters and the first line of what each says of itself, without importing any."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "export" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("name", nargs="*", help="networks to rebuild; without any, they are listed")
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="model repository to write into")
    options = parser.parse_args(arguments)
    known = networks()
    if not options.name:
        for name, summary in known.items():
            print(f"{name:20} {summary}")
    for name in options.name:
        if name not in known:
            parser.error(f"no network is called {name!r}; there are: {', '.join(known)}")
    for name in options.name:
        target = options.repository / name / "1"
        target.mkdir(parents=True, exist_ok=True)
        importlib.import_module(f"export.{name}").export(target)
        print(f"{target / 'model.onnx'}: {(target / 'model.onnx').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

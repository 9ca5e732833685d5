"""`python -m export` lists the networks; `python -m export NAME...` rebuilds them.

`python -m export NAME --checkpoint FILE` or `--onnx FILE` installs a network whose weights do not ship.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path

from export import BadWeightsError

HERE = Path(__file__).resolve().parent
EXPORTERS = HERE / "exporters"
REPOSITORY = HERE.parent / "model_repository"


def networks() -> dict[str, str]:
    """Names of the exporters and the first line of what each says of itself, without importing any."""
    found = {}
    for path in sorted(EXPORTERS.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "export" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("name", nargs="*", help="networks to rebuild; without any, they are listed")
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="model repository to write into")
    parser.add_argument("--checkpoint", type=Path, help="weights to bring: a PyTorch checkpoint")
    parser.add_argument("--onnx", type=Path, dest="onnx_file", help="weights to bring: a ready ONNX file")
    parser.add_argument(
        "--int8",
        type=Path,
        nargs="*",
        metavar="CLIP",
        help="in 8-bit integers, for CPUs; their ranges come from clips of people who talk, else from the sample",
    )
    options = parser.parse_args(arguments)
    weights = {name: getattr(options, name) for name in ("checkpoint", "onnx_file") if getattr(options, name)}
    if len(weights) > 1 or (weights and len(options.name) != 1):
        parser.error("--checkpoint or --onnx goes with the name of one network")
    if options.int8 is not None:
        weights["int8"] = options.int8
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
        export = importlib.import_module(f"export.exporters.{name}").export
        if not weights.keys() <= inspect.signature(export).parameters.keys():
            parser.error(f"the weights of {name} ship with the project, and it is made of them as it is")
        try:
            export(target, **weights)
        except BadWeightsError as error:
            parser.exit(1, f"{error}\n")
        print(f"{target / 'model.onnx'}: {(target / 'model.onnx').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

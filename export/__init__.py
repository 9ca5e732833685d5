"""From a network's source, packaged weights or a checkpoint, to `model_repository/NAME/1/model.onnx`.

Every network has a module of its name here with one function, `export(target_dir: Path) -> None`, which writes
`model.onnx` into that folder. `python -m export NAME` calls it. Networks whose weights their users bring have
`export(target_dir, *, checkpoint=None, onnx_file=None)`, and `int8=None` where they can be made in 8-bit integers.
"""


class BadWeights(Exception):
    """A file of weights does not fit the network; `str(error)` names the file and what is wrong."""

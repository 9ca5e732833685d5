"""From a network's source, packaged weights or a checkpoint, to `model_repository/NAME/1/model.onnx`.

Every network has a module of its name here with one function, `export(target_dir: Path) -> None`, which writes
`model.onnx` into that folder. `python -m export NAME` calls it.
"""

"""One module for each model, named as in `model_repository/`, with a function `export`.

    export(target_dir: Path) -> None

writes `model.onnx` into `target_dir`. Where users bring the weights it also takes `checkpoint=None` and
`onnx_file=None`, and `int8=None` where the model can be made in 8-bit integers.
"""

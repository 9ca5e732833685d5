"""From a network's source, packaged weights or a checkpoint, to `model_repository/NAME/1/model.onnx`.

networks/     definitions in PyTorch
exporters/    one module for each model; `python -m export NAME` runs it
weights/      checkpoints that ship with the project

The modules beside them are tools that several exporters share.
"""


class BadWeightsError(Exception):
    """A file of weights does not fit the network; `str(error)` names the file and what is wrong."""

"""Network definitions in PyTorch, with their checkpoint formats. Exporters and training both build on them."""

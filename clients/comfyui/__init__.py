"""Nodes for ComfyUI: this folder goes into `custom_nodes`."""

from .node import DigitalHumanVideo

NODE_CLASS_MAPPINGS = {"DigitalHumanVideo": DigitalHumanVideo}
NODE_DISPLAY_NAME_MAPPINGS = {"DigitalHumanVideo": "Digital human: video"}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]

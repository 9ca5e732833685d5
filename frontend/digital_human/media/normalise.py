"""Converts any decoded picture to I420: upright, square pixels, even size, 8 bit, limited range, SDR."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from digital_human.core.frame import Frame
from digital_human.media.tone_map import DEPTH_FORMAT, tone_map
from digital_human.media.video_info import VideoInfo

_TURN = {90: "cclock", 180: "", 270: "clock"}


class Normaliser:
    """Holds the filter graph, which is rebuilt when the picture's format changes."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        # What the filter graph makes, and what needs none.
        self._format = "yuv420p" if info.hdr is None else DEPTH_FORMAT
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    def __call__(self, frame: VideoFrame) -> Frame:
        info = self._info
        if not self._is_plain(frame):
            frame = self._filtered(frame)
        if info.hdr is not None:
            return tone_map(info.hdr)(frame)
        data = frame.to_ndarray(format="yuv420p")
        return Frame(np.ascontiguousarray(data), info.matrix)

    def _is_plain(self, frame: VideoFrame) -> bool:
        return (
            frame.format.name == self._format
            and frame.color_range != ColorRange.JPEG
            and frame.rotation == 0
            and (frame.width, frame.height) == (self._info.width, self._info.height)
        )

    def _filtered(self, frame: VideoFrame) -> VideoFrame:
        key = (frame.width, frame.height, frame.format.name, frame.rotation, frame.color_range)
        if self._graph is None or key != self._key:
            self._graph, self._key = self._build(frame), key
        self._graph.push(frame)
        result = self._graph.pull()
        assert isinstance(result, VideoFrame)
        return result

    def _build(self, frame: VideoFrame) -> Graph:
        info, graph = self._info, Graph()
        nodes: list[FilterContext] = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
        ]
        rotation = frame.rotation % 360
        if rotation == 180:
            nodes += [graph.add("hflip"), graph.add("vflip")]
        elif rotation in _TURN:
            nodes.append(graph.add("transpose", f"dir={_TURN[rotation]}"))
        width, height = (frame.height, frame.width) if rotation in (90, 270) else (frame.width, frame.height)
        # An odd edge is padded, not resampled.
        odd = (width + width % 2, height + height % 2) == (info.width, info.height)
        size = "iw:ih" if odd else f"{info.width}:{info.height}"
        full = frame.color_range == ColorRange.JPEG or frame.format.is_rgb or "yuvj" in frame.format.name
        matrix = "bt709" if info.matrix == "bt709" else "smpte170m"
        if info.hdr is not None:
            matrix = info.hdr.matrix
        ranges = f"in_range={'full' if full else 'limited'}:out_range=limited"
        colours = f"out_color_matrix={matrix}" + ("" if frame.format.is_rgb else f":in_color_matrix={matrix}")
        nodes.append(graph.add("scale", f"{size}:flags=bicubic+accurate_rnd:{ranges}:{colours}"))
        if odd and (width % 2 or height % 2):
            nodes.append(graph.add("format", "yuv444p" if info.hdr is None else "yuv444p10le"))
            nodes.append(graph.add("pad", f"{info.width}:{info.height}"))
            nodes.append(graph.add("fillborders", f"right={width % 2}:bottom={height % 2}:mode=smear"))
        nodes.append(graph.add("format", self._format))
        nodes.append(graph.add("buffersink"))
        for a, b in pairwise(nodes):
            a.link_to(b)
        graph.configure()
        return graph

"""Converts any decoded picture to I420: upright, square pixels, even size, 8 bit, limited range, SDR."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from digital_human.core.frame import Frame
from digital_human.media import alpha
from digital_human.media.tone_map import DEPTH_FORMAT, tone_map
from digital_human.media.video_info import VideoInfo

_TURN = {90: "cclock", 180: "", 270: "clock"}


class Normaliser:
    """Holds the filter graph, which is rebuilt when the picture's format changes."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        # What needs no filter graph, and what one makes.
        self._kept, self._format = _formats(info)
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    def __call__(self, frame: VideoFrame) -> Frame:
        info = self._info
        if not self._is_plain(frame):
            frame = self._filtered(frame)
        if info.hdr is not None:
            made = tone_map(info.hdr)(frame)
            return alpha.with_alpha(made, frame) if info.alpha else made
        if info.alpha:
            return alpha.frame_of(frame, info.matrix)
        data = frame.to_ndarray(format="yuv420p")
        return Frame(np.ascontiguousarray(data), info.matrix)

    def _is_plain(self, frame: VideoFrame) -> bool:
        return (
            frame.format.name == self._kept
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
            deep = "yuva444p" if info.alpha else "yuv444p"
            nodes.append(graph.add("format", deep if info.hdr is None else f"{deep}10le"))
            nodes.append(graph.add("pad", f"{info.width}:{info.height}"))
            nodes.append(graph.add("fillborders", f"right={width % 2}:bottom={height % 2}:mode=smear"))
        nodes.append(graph.add("format", self._format))
        nodes.append(graph.add("buffersink"))
        for a, b in pairwise(nodes):
            a.link_to(b)
        graph.configure()
        return graph


def _formats(info: VideoInfo) -> tuple[str, str]:
    """FFmpeg's names of the pictures that are used as they are, and of those that all others are made into."""
    if info.hdr is not None:
        kind = alpha.DEPTH_FORMAT if info.alpha else DEPTH_FORMAT
        return kind, kind
    return (alpha.PLAIN_FORMAT, alpha.FULL_FORMAT) if info.alpha else ("yuv420p", "yuv420p")

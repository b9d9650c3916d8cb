"""One filled GenTL buffer to pixels and metadata: Mono8 with or without chunks; nothing is kept of a buffer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vision.cameras.camera import CameraError, Grab, GrabStatus
from vision.cameras.chunks import ChunkReader
from vision.types import Pixels

_IMAGE, _CHUNK_DATA = 1, 4  # GenTL payload types that hold one image
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is the same for all buffers of an acquisition. row_bytes: width and padding."""

    row_bytes: int
    timestamp_ns: Callable[[Any], int | None]


class BufferReader:
    """Reads the buffers of one camera.

    width, height: of every frame, pixels. chunks: of ChunkFrameID, ChunkEncoderValue, ChunkLineStatusAll those that the camera
    sends. device: asked for its tick frequency where frames have no time in ns.
    """

    def __init__(self, width: int, height: int, chunks: ChunkReader, device: Any) -> None:
        self._shape = (height, width)
        self._chunks = chunks
        self._device = device
        self._layout: _Layout | None = None
        self._offset = 0  # of the image in the last buffer

    def read(self, buffer: Any, into: Pixels | None, arrival_ns: int, place: int | None = None) -> Grab:
        """Metadata, then the pixels into `into` ((height, width) uint8). Anything odd in the frame makes it INCOMPLETE.

        place: the buffer is this place and begins where `into` does, so pixels that lie right are not copied (in_place).

        CameraError when the camera sends something that is not one Mono8 image, or `into` has another shape.
        """
        if into is not None and (into.shape != self._shape or into.dtype != np.uint8):
            raise CameraError(f"frames are {self._shape} uint8 (height, width), the destination is {into.shape} {into.dtype}")
        if self._layout is None:
            self._layout = self._first(buffer)
        frame_id = None
        try:
            chunks = self._chunks.read(buffer)
            frame_id = chunks.get("ChunkFrameID")
            if frame_id is None:
                frame_id = int(buffer.frame_id)
            timestamp_ns = self._layout.timestamp_ns(buffer)
            if not self._chunks.as_before:  # each question to the producer costs 1 to 4 us
                shape = (int(buffer.height), int(buffer.width))
                if shape != self._shape:
                    detail = f"the frame is {shape[1]}x{shape[0]}, {self._shape[1]}x{self._shape[0]} was asked"
                    return Grab(GrabStatus.INCOMPLETE, frame_id, arrival_ns, timestamp_ns, detail=detail)
                self._offset = int(buffer.image_offset)
            row_bytes = self._layout.row_bytes
            if into is not None and (place is None or row_bytes != self._shape[1] or self._offset):
                np.copyto(into, self._view(buffer, row_bytes))  # within one place too: numpy sees the overlap
        except Exception as error:  # a chunk or an info that this frame lacks: no reason to give up the camera
            return Grab(GrabStatus.INCOMPLETE, frame_id, arrival_ns, detail=" ".join(str(error).split()))
        encoder, lines = chunks.get("ChunkEncoderValue"), chunks.get("ChunkLineStatusAll")
        return Grab(GrabStatus.FRAME, frame_id, arrival_ns, timestamp_ns, encoder, lines, place=place)

    def _view(self, buffer: Any, row_bytes: int) -> Pixels:
        """The pixels where they lie: valid until the buffer is queued."""
        height, width = self._shape
        flat = np.frombuffer(buffer.raw_buffer, np.uint8, count=row_bytes * height, offset=self._offset)
        return flat.reshape(height, row_bytes)[:, :width]

    def _first(self, buffer: Any) -> _Layout:
        """Looks once at what every frame will be like."""
        kind = int(buffer.payload_type)
        if kind not in (_IMAGE, _CHUNK_DATA):
            raise CameraError(f"the camera sends payload type {kind}; one image, with or without chunks, is needed")
        padding = 0
        try:
            padding = int(buffer.padding_x)
        except Exception as error:  # most producers do not say where there is none
            log.debug("no padding told: %s", error)
        return _Layout(self._shape[1] + padding, _timestamp_reader(buffer, self._device))


def _timestamp_reader(buffer: Any, device: Any) -> Callable[[Any], int | None]:
    """The cheapest way to a frame's device time in ns: the buffer's own, else its ticks, else none."""
    try:
        int(buffer.timestamp_ns)
        return lambda frame: int(frame.timestamp_ns)
    except Exception as error:
        log.debug("no timestamp in ns: %s", error)
    try:
        ns_per_tick = 1e9 / int(device.timestamp_frequency)
        int(buffer.timestamp)
        return lambda frame: round(int(frame.timestamp) * ns_per_tick)
    except Exception as error:
        log.debug("no timestamp: %s", error)
    return lambda frame: None

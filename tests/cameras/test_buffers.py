"""Buffers as producers fill them: padded rows, chunks that are missing, things that are no image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from vision.cameras.buffers import BufferReader
from vision.cameras.camera import CameraError, GrabStatus
from vision.cameras.chunks import ChunkReader


class NotToldError(Exception):
    """What genicam raises where a producer does not say something."""


class Buffer:
    """A filled buffer: 3 rows of 4 pixels, each row followed by `padding` bytes, `offset` bytes before the image."""

    def __init__(self, padding: int | None = None, offset: int = 0, payload_type: int = 1, **infos: Any) -> None:
        rows = np.full((3, 4 + (padding or 0)), 99, np.uint8)
        rows[:, :4] = np.arange(12, dtype=np.uint8).reshape(3, 4)
        self.raw_buffer = bytes(offset) + rows.tobytes() + b"chunks"
        self._infos = {"padding_x": padding, "image_offset": offset, "payload_type": payload_type, "width": 4, "height": 3}
        self._infos |= {"frame_id": 5, "timestamp_ns": 70, **infos}

    def __getattr__(self, name: str) -> Any:
        if self._infos.get(name) is None:
            raise NotToldError(name)
        return self._infos[name]


@dataclass
class Node:
    content: int | None

    @property
    def value(self) -> int:
        if self.content is None:
            raise NotToldError("no chunk")
        return self.content


def reader(device: object = None, **chunks: int | None) -> BufferReader:
    return BufferReader(4, 3, ChunkReader({name: Node(content) for name, content in chunks.items()}), device)


@pytest.mark.parametrize("padding", [None, 0, 4])
@pytest.mark.parametrize("offset", [0, 16])
def test_pixels_are_taken_from_where_they_lie(padding: int | None, offset: int) -> None:
    into = np.empty((3, 4), np.uint8)
    grab = reader().read(Buffer(padding, offset), into, 123)
    assert (grab.status, grab.frame_id, grab.arrival_ns, grab.device_timestamp_ns) == (GrabStatus.FRAME, 5, 123, 70)
    assert into.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_chunks_win_over_the_buffer() -> None:
    grab = reader(ChunkFrameID=8, ChunkEncoderValue=9, ChunkLineStatusAll=3).read(Buffer(), None, 0)
    assert (grab.frame_id, grab.encoder_count, grab.line_status) == (8, 9, 3)


def test_a_frame_without_its_chunk_is_incomplete() -> None:
    grab = reader(ChunkFrameID=8, ChunkEncoderValue=None).read(Buffer(), None, 7)
    assert grab.status is GrabStatus.INCOMPLETE
    assert grab.arrival_ns == 7
    assert "no chunk" in grab.detail


def test_a_frame_of_another_size_is_incomplete() -> None:
    into = np.full((3, 4), 200, np.uint8)
    grab = reader().read(Buffer(height=2), into, 0)
    assert (grab.status, grab.frame_id) == (GrabStatus.INCOMPLETE, 5)
    assert "4x2" in grab.detail
    assert (into == 200).all()


def test_a_buffer_shorter_than_its_image_is_incomplete() -> None:
    buffer = Buffer()
    buffer.raw_buffer = buffer.raw_buffer[:10]
    assert reader().read(buffer, np.empty((3, 4), np.uint8), 0).status is GrabStatus.INCOMPLETE


def test_ticks_serve_where_there_is_no_time_in_ns() -> None:
    @dataclass
    class Device:
        timestamp_frequency: int = 125_000_000

    grab = reader(Device()).read(Buffer(timestamp_ns=None, timestamp=250), None, 0)
    assert grab.device_timestamp_ns == 2000
    assert reader().read(Buffer(timestamp_ns=None), None, 0).device_timestamp_ns is None


def test_what_is_no_single_image_is_refused() -> None:
    with pytest.raises(CameraError, match="payload type 10"):
        reader().read(Buffer(payload_type=10), None, 0)
    for wrong in (np.empty((4, 3), np.uint8), np.empty((3, 4), np.uint16)):
        with pytest.raises(CameraError, match="the destination is"):
            reader().read(Buffer(), wrong, 0)

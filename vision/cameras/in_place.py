"""Frames straight into memory of ours: the camera's buffers are the slots, and nobody copies a frame.

harvesters announces `bytes` objects of its own making. Here it is given `bytes` objects that lie in memory that was there before:
their head is written at the end of the page in front of the slot, which becomes this process's own (other cameras use the same
slots), and they are never freed, for they are counted more often than anybody can let go of them. As with harvesters' own, the
camera writes into them. Only CPython lays objects out so; where a real one looks otherwise, frames are copied. At 1280x1024 the
copy took 0.17 ms of CPU per frame, more than half of a grab.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Sequence
from typing import Any

from vision.types import Pixels

HEAD_BYTES = bytes.__basicsize__ - 1
PAGE_BYTES = mmap.PAGESIZE
"""In front of each place, for this module."""

_MAP_FIXED = 0x10  # Linux; the mmap module does not name it

_COUNTED = 1 << 30  # references to each object: more than all that ask for it


def _words(size: int) -> bytes:
    """The head of a `bytes` object: references, type, length, hash not known yet."""
    return b"".join(value.to_bytes(8, sys.byteorder) for value in (_COUNTED, id(bytes), size, (1 << 64) - 1))


def possible() -> bool:
    """Whether this interpreter lays out `bytes` as this module writes them."""
    if sys.implementation.name != "cpython" or sys.platform != "linux" or HEAD_BYTES != 32:
        return False
    real = bytes(100)
    head = ctypes.string_at(id(real), HEAD_BYTES)
    return head[8:] == _words(100)[8:] and int.from_bytes(head[:8], sys.byteorder) < 100


def bytes_at(address: int, size: int) -> bytes:
    """A `bytes` object whose content is the memory at `address`, the begin of a page. The page in front of it is taken from whoever
    shares it. The memory must stay as long as the process does. OSError where the page cannot be had."""
    if address % PAGE_BYTES:
        raise OSError(f"{address:#x} is not the begin of a page")
    page = address - PAGE_BYTES
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
    if libc.mmap(page, PAGE_BYTES, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0) != page:
        raise OSError(ctypes.get_errno(), "the page in front of a slot cannot be mapped")
    ctypes.memmove(address - HEAD_BYTES, _words(size), HEAD_BYTES)
    made: bytes = ctypes.cast(address - HEAD_BYTES, ctypes.py_object).value
    assert type(made) is bytes and len(made) == size
    return made


class PlacedBuffers:
    """Lets harvesters fill the places given; to be made before acquisition starts.

    acquirer: harvesters'. views: of the places' first bytes, as frames; writable. room_bytes: of each place, as the camera sends
    more than pixels. active: from the start on; False = its frames do not fit there, and are to be copied as ever.
    """

    def __init__(self, acquirer: Any, views: Sequence[Pixels], room_bytes: int) -> None:
        self.views = list(views)
        # Never given back: at the end of the interpreter nobody may let go of objects in memory that is gone.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.views))
        self.active = False
        self._room_bytes = room_bytes
        self._places: list[bytes] = []
        self._stream: Any = None
        self._buffers: list[Any] = []
        self._given: list[int] = []  # before the start
        self._plain = (acquirer._create_raw_buffers, acquirer._queue_announced_buffers, acquirer.num_buffers)
        acquirer._create_raw_buffers = self._create
        acquirer._queue_announced_buffers = self._queue
        acquirer.num_buffers = len(views)

    def give(self, index: int) -> None:
        """The camera may fill this place."""
        if self._buffers:
            self._stream.queue_buffer(self._buffers[index], False)
        else:
            self._given.append(index)

    def _create(self, num_buffers: int = 0, size: int = 0) -> list[bytes]:
        """Instead of harvesters': the places."""
        create, _, count = self._plain
        aligned = all(view.ctypes.data % PAGE_BYTES == 0 for view in self.views)
        self.active = possible() and aligned and size <= self._room_bytes and num_buffers == len(self.views)
        if not self.active:
            made: list[bytes] = create(min(num_buffers, count) if num_buffers == len(self.views) else num_buffers, size)
            return made
        self._places = self._places or [bytes_at(view.ctypes.data, size) for view in self.views]
        return self._places

    def _queue(self, data_stream: Any = None, buffers: Any = None) -> None:
        """Instead of harvesters': only places that were given."""
        if not self.active:
            self._plain[1](data_stream=data_stream, buffers=buffers)
            return
        self._stream, self._buffers = data_stream, list(buffers)
        for index in self._given:
            data_stream.queue_buffer(self._buffers[index])

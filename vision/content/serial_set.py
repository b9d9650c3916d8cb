"""Many serials in little memory: a sorted array of their bytes, 20 per serial, searched by halves.

Ten million serials take 200 MB, against 1.3 GB as a set of str; a look-up takes some microseconds and is exact (no hashes).
Which of them were used is not known here (see serials).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Set
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from vision.content.gs1_rules import SET_82

LENGTH_MAX = 20
_ITEM = np.dtype(f"S{LENGTH_MAX}")
_CHUNK = 100_000
_ALLOWED = np.zeros(256, dtype=bool)
_ALLOWED[np.frombuffer(SET_82.encode(), np.uint8)] = True


class SerialSet(Set[str]):
    """A frozen set of serials (text of 1 to 20 characters of set 82), in the order of their bytes.

    array: (n,) S20, sorted, each once; `of` makes it from anything.
    """

    __slots__ = ("_bytes", "array")

    def __init__(self, array: npt.NDArray[np.bytes_]) -> None:
        self.array = array
        self._bytes = memoryview(np.ascontiguousarray(array).view(np.uint8).data if len(array) else b"")

    def __reduce__(self) -> tuple[type[SerialSet], tuple[npt.NDArray[np.bytes_]]]:
        return SerialSet, (self.array,)

    @classmethod
    def of(cls, serials: Iterable[str]) -> SerialSet:
        """From any serials; those that stand there twice count once. Raises ValueError for one that is not of set 82."""
        parts = []
        source = iter(serials)
        while chunk := list(islice(source, _CHUNK)):
            for serial in chunk:
                if not 0 < len(serial) <= LENGTH_MAX or not serial.isascii():
                    raise ValueError(f"{serial!a} is no serial: expected 1 to {LENGTH_MAX} characters of GS1 set 82")
            parts.append(np.array(chunk, dtype=_ITEM))
        return cls(np.unique(np.concatenate(parts)) if parts else np.empty(0, _ITEM))

    def index(self, serial: str) -> int:
        """The place of a serial in the array, -1 where it is not in it."""
        if not 0 < len(serial) <= LENGTH_MAX or not serial.isascii():
            return -1
        item = serial.encode().ljust(LENGTH_MAX, b"\0")
        # By hand: where caches are cold, numpy's searchsorted for one item costs 20 us more than these 12 to 24 rounds.
        view = self._bytes
        low, high = 0, len(view) // LENGTH_MAX
        while low < high:
            middle = (low + high) // 2
            if view[middle * LENGTH_MAX : (middle + 1) * LENGTH_MAX].tobytes() < item:
                low = middle + 1
            else:
                high = middle
        return low if view[low * LENGTH_MAX : (low + 1) * LENGTH_MAX] == item else -1

    def __contains__(self, serial: object) -> bool:
        return isinstance(serial, str) and self.index(serial) >= 0

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self.array), _CHUNK):
            yield from self.array[begin : begin + _CHUNK].astype(str).tolist()

    def __len__(self) -> int:
        return len(self.array)

    def __hash__(self) -> int:
        return self._hash()

    def __repr__(self) -> str:
        return f"SerialSet({len(self)} serials)"

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> SerialSet:  # type: ignore[override]
        return cls.of(it)

    def digest_into(self, digest: hashlib._Hash) -> None:
        """Feeds NUL and serial, in order, to a hash."""
        for begin in range(0, len(self.array), _CHUNK):
            digest.update(b"\x00" + b"\x00".join(self.array[begin : begin + _CHUNK].tolist()))


def lines_of(content: bytes) -> SerialSet | None:
    """The serials of a plain file, one on each line, or None where it is not as plain as that (quotes, errors, one twice).

    The quick way for millions: whoever gets None reads the file row by row and can say what is where.
    """
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
    head, _, rest = content.partition(b"\n")
    if head.strip().lower() == b"serial":
        content = rest
    if not content:
        return None
    if not content.endswith(b"\n"):
        content += b"\n"
    characters = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(characters == 0x0A)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    returns = (lengths > 0) & (characters[np.maximum(ends - 1, 0)] == 0x0D)
    lengths = lengths - returns
    kept = lengths > 0  # empty lines count for nothing
    starts, lengths = starts[kept], lengths[kept]
    if not len(starts) or lengths.max() > LENGTH_MAX:
        return None
    plain = _ALLOWED.copy()
    plain[[0x0A, 0x0D]] = True
    plain[[0x22, 0x2C]] = False  # quotes and commas are CSV's
    if not plain[characters].all() or int((characters == 0x0D).sum()) != int(returns.sum()):
        return None
    serials = np.zeros((len(starts), LENGTH_MAX), np.uint8)
    for begin in range(0, len(starts), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        places = starts[part, None] + np.arange(LENGTH_MAX)
        inside = np.arange(LENGTH_MAX) < lengths[part, None]
        serials[part] = np.where(inside, characters[np.minimum(places, len(characters) - 1)], 0)
    array = serials.view(_ITEM).ravel()
    array.sort()
    if len(array) > 1 and bool((array[1:] == array[:-1]).any()):
        return None
    return SerialSet(array)

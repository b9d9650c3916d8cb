"""The frame pool: slots of anonymous shared memory, and who owns each.

Anonymous (an unlinked file behind a RawArray): nothing is left after kill -9. A pool and not a ring, for frames finish
out of order. The generation of a slot is raised by the acquirer each time it begins to write there and is checked by
the inspector before and after its look: a slot written to in between would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vision.cameras.in_place import PAGE_BYTES
from vision.types import Pixels


class FramePool:
    """Pixels and generations of all slots; made by the line, handed to acquirers, inspectors and recorder at their start.

    shapes: (height, width) of each station's frames; every slot is large enough for the largest. Pixels begin on a page; a page in
    front of them and at least one behind are the acquirer's: a camera that fills slots itself sends more than pixels.
    """

    def __init__(self, context: Any, slot_count: int, shapes: Sequence[tuple[int, int]]) -> None:
        self.slot_count = slot_count
        self.shapes = tuple(shapes)
        # Slots begin on a page, so that two processes never write to one cache line or page.
        self.room_bytes = -(-max(h * w for h, w in shapes) // PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES
        self.slot_bytes = PAGE_BYTES + self.room_bytes
        self._memory = context.RawArray("B", self.slot_bytes * slot_count)
        self._generations = context.RawArray("Q", slot_count)

    def pixels(self, slot: int, station: int) -> Pixels:
        """A writable (height, width) view of a slot as the station's frame."""
        height, width = self.shapes[station]
        flat = np.frombuffer(self._memory, dtype=np.uint8, count=height * width, offset=slot * self.slot_bytes + PAGE_BYTES)
        return flat.reshape(height, width)

    def read_only(self, slot: int, station: int) -> Pixels:
        view = self.pixels(slot, station)
        view.flags.writeable = False
        return view

    @property
    def generations(self) -> npt.NDArray[np.uint64]:
        """(slot_count,) uint64; written by acquirers only."""
        return np.frombuffer(self._generations, dtype=np.uint64)


class SlotOwners:
    """Who owns each slot, kept by the line alone: "line", ("acquirer", i), ("inspector", i) or "recorder".

    Free slots are the line's own, waiting to be given to an acquirer.
    """

    def __init__(self, slot_count: int) -> None:
        self.owner: list[tuple[str, int]] = [("line", 0)] * slot_count
        self.free: list[int] = list(range(slot_count))
        self._counts: Counter[tuple[str, int]] = Counter({("line", 0): slot_count})

    def give(self, slot: int, role: str, index: int = 0) -> None:
        self._counts[self.owner[slot]] -= 1
        self.owner[slot] = (role, index)
        self._counts[role, index] += 1

    def release(self, slot: int) -> None:
        if slot in self.free:
            raise AssertionError(f"slot {slot} released twice")
        self.give(slot, "line")
        self.free.append(slot)

    def take_free(self, role: str, index: int) -> int | None:
        if not self.free:
            return None
        slot = self.free.pop()
        self.give(slot, role, index)
        return slot

    def owned_by(self, role: str, index: int = 0) -> list[int]:
        return [slot for slot, owner in enumerate(self.owner) if owner == (role, index)]

    def count(self, role: str, index: int | None = None) -> int:
        """Slots of one owner, or of all of a role."""
        if index is not None:
            return self._counts[role, index]
        return sum(count for (of_role, _), count in self._counts.items() if of_role == role)

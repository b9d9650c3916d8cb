"""What the ledger decides, for the line to carry out in order (dispatch.py)."""

from __future__ import annotations

from typing import NamedTuple

from vision.pipeline.messages import Key
from vision.types import Record


class DoExpect(NamedTuple):
    """The rejector must know of this pack."""

    key: Key
    arrival_ns: int
    encoder_count: int | None


class DoInspect(NamedTuple):
    """An idle inspector is to look at this slot."""

    inspector: int
    key: Key
    slot: int
    generation: int


class DoWrite(NamedTuple):
    """The row, or its next revision, must be made durable."""

    key: Key
    record: Record


class DoPass(NamedTuple):
    """Good, and its row is durable."""

    key: Key


class DoReject(NamedTuple):
    """Bad: an early word, for without one it is rejected anyway. bad_places: of a tray, bit 0 = place 1."""

    key: Key
    bad_places: int = 0


class DoRelease(NamedTuple):
    """The slot is of no more use; keep: its pixels are evidence of this reject."""

    slot: int
    key: Key
    keep: bool


class DoKill(NamedTuple):
    """The inspector hangs."""

    inspector: int
    key: Key


Action = DoExpect | DoInspect | DoWrite | DoPass | DoReject | DoRelease | DoKill

"""Everything that is said between the processes: one small record per sentence, grouped by who says it to whom.

A slot belongs to whoever was last given it by message. Keys are (station index, trigger). Named tuples, for a
channel sends their plain values with a code (process.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

from vision.types import Reason, Record

Key = tuple[int, int]


# --- any process -> line -----------------------------------------------------------------------------------------------


class Ready(NamedTuple):
    """The process is set up and can work."""

    detail: str = ""


class Failed(NamedTuple):
    """The process cannot be set up for a reason the user must mend; it leaves after this."""

    detail: str


class LogLine(NamedTuple):
    level: int
    name: str
    text: str
    created: float


# --- acquirer <-> line ---------------------------------------------------------------------------------------------------


class FrameReady(NamedTuple):
    """A whole frame lies in a slot, which passes to the line."""

    trigger: int
    slot: int
    generation: int
    frame_id: int | None
    arrival_ns: int
    device_timestamp_ns: int | None
    encoder_count: int | None


class FrameMissing(NamedTuple):
    """A trigger without a usable frame, and why."""

    trigger: int
    reason: Reason
    frame_id: int | None
    arrival_ns: int
    detail: str = ""
    encoder_count: int | None = None


class CameraLost(NamedTuple):
    """The camera is gone; the acquirer leaves after this."""

    detail: str


class Ended(NamedTuple):
    """No more frames will come: a recording is at its end, or the number of frames asked for was reached."""


class Slots(NamedTuple):
    """Free slots, given to the acquirer."""

    slots: tuple[int, ...]


class StopAcquisition(NamedTuple):
    pass


class SetOutput(NamedTuple):
    """rejector -> line -> acquirer: the camera's user output (only the acquirer may touch the camera)."""

    value: bool


# --- line <-> inspector -----------------------------------------------------------------------------------------------------


class Inspect(NamedTuple):
    """Look at the frame in this slot; the slot is the inspector's until it answers."""

    key: Key
    slot: int
    generation: int


class Inspected(NamedTuple):
    """What was found. serials: of the symbols, in reading order; symbols: rows for the results, pickled, relayed unopened.

    measured: what the control charts follow (vision.audit.spc).
    bad_places: of a tray, bit 0 = place 1.
    """

    key: Key
    reasons: tuple[Reason, ...]
    serials: tuple[str, ...]
    symbols: bytes
    inspect_ns: int
    cpu_ns: int = 0
    measured: tuple[float, ...] = ()
    bad_places: int = 0


# --- line <-> rejector --------------------------------------------------------------------------------------------------------


class Expect(NamedTuple):
    """A pack passed the trigger: it will be rejected unless passed."""

    trigger: int
    arrival_ns: int
    encoder_count: int | None


class Pass(NamedTuple):
    trigger: int


class Reject(NamedTuple):
    """bad_places: of a tray, bit 0 = place 1; 0 = not known, or no tray."""

    trigger: int
    bad_places: int = 0


class LineReady(NamedTuple):
    """Whether the station may be called ready to the machine."""

    ready: bool


class Settled(NamedTuple):
    """Fates of packs, as told to the machine: (trigger, accept). Gathered for a moment: a message costs more than what it says."""

    fates: tuple[tuple[int, bool], ...]


class RejectsConfirmed(NamedTuple):
    """Said once, as the rejector leaves: packs it rejected, and how many the machine confirmed; not where it confirms none."""

    rejected_count: int
    confirmed_count: int


class OutputState(NamedTuple):
    """The rejector's word on its output: what keeps the machine from being told ready (not connected, bin full, a stop asked for,
    a reject not confirmed), in words; empty = nothing."""

    detail: str


# --- line <-> recorder --------------------------------------------------------------------------------------------------------


Row = tuple[Any, ...]
"""A Record's fields in their order: sent in a fraction of a Record's time."""

row_of: Callable[[Record], Row] = attrgetter(*(field.name for field in fields(Record)))


class Write(NamedTuple):
    """Make these rows durable, then answer with Ack. rows: (station index, row) each."""

    rows: tuple[tuple[int, Row], ...]


class KeepImage(NamedTuple):
    """Keep the pixels of this slot as evidence; the slot is the recorder's until ImageDone."""

    key: Key
    slot: int
    station: str


class AllSettled(NamedTuple):
    """Every row written so far has its last revision: its file may be sealed. The next Write ends it."""


class Ack(NamedTuple):
    """These rows are on disk: (station index, trigger, revision), since durable_ns. refused: accepts that were written as
    rejects, as the pool of serials said no: (station index, trigger, reasons)."""

    rows: tuple[tuple[int, int, int], ...]
    durable_ns: int
    refused: tuple[tuple[int, int, tuple[Reason, ...]], ...] = ()


class ImageDone(NamedTuple):
    slot: int
    kept: bool


class RecorderTrouble(NamedTuple):
    """Rows cannot be made durable now (detail), or can again (empty)."""

    detail: str


# --- line -> any ------------------------------------------------------------------------------------------------------------------


class Leave(NamedTuple):
    """Finish what you have and leave in order."""


KINDS = tuple([kind for kind in globals().values() if isinstance(kind, type) and kind.__module__ == __name__])
"""All of them; a channel sends a message as its place here and its fields."""

"""Everything that is said between the processes: one small record per sentence, grouped by who says it to whom.

A slot belongs to whoever was last given it by message. Keys are (station index, trigger).
"""

from __future__ import annotations

from dataclasses import dataclass

from vision.types import Reason, Record

Key = tuple[int, int]


# --- any process -> line -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is set up and can work."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot be set up for a reason the user must mend; it leaves after this."""

    detail: str


@dataclass(frozen=True, slots=True)
class LogLine:
    level: int
    name: str
    text: str
    created: float


# --- acquirer <-> line ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FrameReady:
    """A whole frame lies in a slot, which passes to the line."""

    trigger: int
    slot: int
    generation: int
    frame_id: int | None
    arrival_ns: int
    device_timestamp_ns: int | None
    encoder_count: int | None


@dataclass(frozen=True, slots=True)
class FrameMissing:
    """A trigger without a usable frame, and why."""

    trigger: int
    reason: Reason
    frame_id: int | None
    arrival_ns: int
    detail: str = ""
    encoder_count: int | None = None


@dataclass(frozen=True, slots=True)
class CameraLost:
    """The camera is gone; the acquirer leaves after this. frame_id: the last one seen, to count from after a reconnect."""

    detail: str


@dataclass(frozen=True, slots=True)
class Ended:
    """No more frames will come: a recording is at its end, or the number of frames asked for was reached."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Free slots, given to the acquirer."""

    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StopAcquisition:
    pass


@dataclass(frozen=True, slots=True)
class SetOutput:
    """rejector -> line -> acquirer: the camera's user output (only the acquirer may touch the camera)."""

    value: bool


# --- line <-> inspector -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look at the frame in this slot; the slot is the inspector's until it answers."""

    key: Key
    slot: int
    generation: int


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found. serials: of the symbols, in reading order; symbols: rows for the results, pickled, relayed unopened."""

    key: Key
    reasons: tuple[Reason, ...]
    serials: tuple[str, ...]
    symbols: bytes
    inspect_ns: int
    cpu_ns: int = 0


# --- line <-> rejector --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expect:
    """A pack passed the trigger: it will be rejected unless passed."""

    trigger: int
    arrival_ns: int
    encoder_count: int | None


@dataclass(frozen=True, slots=True)
class Pass:
    trigger: int


@dataclass(frozen=True, slots=True)
class Reject:
    trigger: int


@dataclass(frozen=True, slots=True)
class LineReady:
    """Whether the station may be called ready to the machine."""

    ready: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Fates of packs, as told to the machine: (trigger, accept). Gathered for a moment: a message costs more than what it says."""

    fates: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class OutputState:
    """The rejector's word on its output: connected or not, rejects the machine confirmed, whether it asks for a stop."""

    healthy: bool
    confirmed_count: int | None = None
    detail: str = ""


# --- line <-> recorder --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Write:
    """Make this row durable, then answer with Ack."""

    key: Key
    record: Record


@dataclass(frozen=True, slots=True)
class KeepImage:
    """Keep the pixels of this slot as evidence; the slot is the recorder's until ImageDone."""

    key: Key
    slot: int
    station: str


@dataclass(frozen=True, slots=True)
class AllSettled:
    """Every row written so far has its last revision: its file may be sealed. The next Write ends it."""


@dataclass(frozen=True, slots=True)
class Ack:
    """These rows are on disk: (station index, trigger, revision)."""

    rows: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ImageDone:
    slot: int
    kept: bool


@dataclass(frozen=True, slots=True)
class RecorderTrouble:
    """Rows cannot be made durable now (detail), or can again (empty)."""

    detail: str


# --- line -> any ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leave:
    """Finish what you have and leave in order."""

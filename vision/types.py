"""The records that flow through the station, and nothing else.

Every other module may import this one; it imports none of them. Pixel coordinates have x to the right, y down and pixel
centres at integers. Modules are addressed by (row, column) from the top-left module of the symbol as printed, with the L
at the left and at the bottom; a mirrored symbol is described in its un-mirrored form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""A Mono8 image, shape (height, width)."""


class Reason(StrEnum):
    """Why a pack is rejected: the closed list, in order of precedence (the first that holds is the first reason)."""

    # From the line: there was nothing to look at, or nobody to look.
    NO_SLOT = "NO_SLOT"
    INCOMPLETE_FRAME = "INCOMPLETE_FRAME"
    MISSED_FRAME = "MISSED_FRAME"
    CAMERA_LOST = "CAMERA_LOST"
    INSPECTOR_LOST = "INSPECTOR_LOST"
    MISSED_DEADLINE = "MISSED_DEADLINE"
    LINE_LOST = "LINE_LOST"
    # From the frame.
    NO_SYMBOL = "NO_SYMBOL"
    NOT_DECODED = "NOT_DECODED"
    WRONG_SYMBOL_COUNT = "WRONG_SYMBOL_COUNT"
    # From the content.
    NOT_GS1 = "NOT_GS1"
    BAD_SYNTAX = "BAD_SYNTAX"
    BAD_CHECK_DIGIT = "BAD_CHECK_DIGIT"
    MISSING_ELEMENT = "MISSING_ELEMENT"
    WRONG_PRODUCT = "WRONG_PRODUCT"
    WRONG_LOT = "WRONG_LOT"
    WRONG_EXPIRY = "WRONG_EXPIRY"
    WRONG_NATIONAL_NUMBER = "WRONG_NATIONAL_NUMBER"
    UNKNOWN_SERIAL = "UNKNOWN_SERIAL"
    BLOCKED_SERIAL = "BLOCKED_SERIAL"
    DUPLICATE_SERIAL = "DUPLICATE_SERIAL"
    # From the print.
    LOW_GRADE = "LOW_GRADE"
    # From the record.
    NOT_RECORDED = "NOT_RECORDED"


LINE_REASONS = frozenset(
    {
        Reason.NO_SLOT,
        Reason.INCOMPLETE_FRAME,
        Reason.MISSED_FRAME,
        Reason.CAMERA_LOST,
        Reason.INSPECTOR_LOST,
        Reason.MISSED_DEADLINE,
        Reason.NOT_RECORDED,
        Reason.LINE_LOST,
    }
)
"""Reasons that say nothing about the pack: the station failed it, not the print."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The image of one trigger.

    pixels: (height, width) uint8, read-only, C-contiguous.
    arrival_ns: host monotonic clock when the frame was complete.
    """

    pixels: Pixels
    station: str = ""
    trigger: int = 0
    frame_id: int | None = None
    arrival_ns: int = 0
    device_timestamp_ns: int | None = None
    encoder_count: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """Where a symbol lies.

    grid: (rows + 1, columns + 1, 2) float64, x and y in pixels of the module corners as fitted by the decoder; grid[r, c]
        is the top-left corner of module (r, c) of the symbol as printed.
    inverted: the finder is light on dark.
    mirrored: the grid is left-handed in the image.
    """

    grid: npt.NDArray[np.float64]
    inverted: bool = False
    mirrored: bool = False

    @property
    def rows(self) -> int:
        return int(self.grid.shape[0]) - 1

    @property
    def columns(self) -> int:
        return int(self.grid.shape[1]) - 1

    @property
    def corners(self) -> npt.NDArray[np.float64]:
        """(4, 2) x, y in pixels: corner of the L, then clockwise as printed (bottom-left, top-left, top-right, bottom-right)."""
        corners: npt.NDArray[np.float64] = self.grid[(-1, 0, 0, -1), (0, 0, -1, -1)]
        return corners

    @property
    def px_per_module(self) -> float:
        """Mean module pitch in pixels, over both axes."""
        bottom_left, top_left, top_right, bottom_right = self.corners
        width = (np.hypot(*(top_right - top_left)) + np.hypot(*(bottom_right - bottom_left))) / 2
        height = (np.hypot(*(top_left - bottom_left)) + np.hypot(*(top_right - bottom_right))) / 2
        return float((width / self.columns + height / self.rows) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Modules:
    """The modules as sampled by the decoder.

    bits: (rows, columns) uint8, 1 where the module has the colour of the finder's solid bars (dark; light when inverted).
    confidence: (rows, columns) float32, distance from the local threshold, 0 (on it) to 1.
    """

    bits: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.float32]


class Failure(StrEnum):
    """Why a place in a frame was not read: the closed list, in the order of how far it came."""

    NO_L = "no L found"
    NO_GRID = "grid not fitted"
    NO_FINDER = "no finder on the grid"
    TOO_MANY_ERRORS = "too many errors"
    NOT_SURE = "not sure enough"
    NO_MESSAGE = "no message in the codewords"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A place where nothing was read, and why.

    corners: (4, 2) x, y in pixels, in order around; of the finder from the corner of its L. rows, columns: modules tried, 0 where
    no finder was seen. score: agreement of its dashed sides, 0 to 1. view: of the picture, as in `Reading.rescue`.
    """

    failure: Failure
    corners: npt.NDArray[np.float64]
    rows: int = 0
    columns: int = 0
    inverted: bool = False
    score: float = 0.0
    view: str = ""


@dataclass(frozen=True, slots=True)
class CodewordCounts:
    """Codewords of a symbol; corrected and erasures are sums over the Reed-Solomon blocks."""

    total: int
    data: int
    check: int
    corrected: int
    erasures: int


@dataclass(frozen=True, slots=True)
class StructuredAppend:
    """Which part of a message in several symbols this one is: ISO/IEC 16022, 5.6.

    position: from 1. total: 2 to 16, None where the symbol gives no number that its position fits into.
    file_id: the two codewords of the file identification, 1 to 254 each; the parts of one message share it.
    """

    position: int
    total: int | None
    file_id: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the code says.

    payload: the bytes of the message; a later FNC1 is 0x1D. Macro 05/06 are expanded.
    symbology_identifier: ISO/IEC 15424, "]d2" for GS1, "]d1" for plain.
    bits: (rows, columns) uint8, the true modules after error correction, finder and fixed patterns included, 1 = finder colour.
    corrected_per_block, check_per_block: one number per Reed-Solomon block (for unused error correction).
    rescue: empty, or the name of what made it readable beyond the plain path (for example "libdmtx").
    eci: (offset in the payload, designator) of each extended channel interpretation; from there on the bytes mean what it says.
    structured_append: None for a message in one symbol. reader_programming: the message is meant for the reader itself.
    macro: 5 or 6 where the header and trailer of the payload were one codeword, else None.
    evidence_bits: -log2 of the chance that wrong codewords pass error correction as these did, in the likeliest block.
    """

    payload: bytes
    symbology_identifier: str
    bits: npt.NDArray[np.uint8]
    codewords: CodewordCounts
    corrected_per_block: tuple[int, ...]
    check_per_block: tuple[int, ...]
    rescue: str = ""
    eci: tuple[tuple[int, int], ...] = ()
    structured_append: StructuredAppend | None = None
    reader_programming: bool = False
    macro: int | None = None
    evidence_bits: float = 0.0


@dataclass(frozen=True, slots=True)
class Parameter:
    """One graded parameter: its raw value (None where the standard defines only a grade) and its grade 0.0-4.0."""

    value: float | None
    grade: float


@dataclass(frozen=True, slots=True, eq=False)
class GradeReport:
    """The grade of one symbol, under one edition; names as in the contract (`vision inspect --json`).

    segments: the five segments of the fixed pattern, `average_value` and `average`.
    maps: arrays kept for reports, (rows + 2, columns + 2) float32 with the quiet-zone ring: "reflectance"; "modulation" (cell
        modulation in 29158), nan and 0 outside the frame; "modulation_level", the grade of each module by modulation alone;
        "wrong_colour", 1 where the colour at the threshold is wrong for the module's role or after error correction, 0 where
        right, nan where it is not known (data of a symbol that was not decoded).
    grid: (rows + 1, columns + 1, 2) float64, x and y in pixels of the measured intersections; None where nothing was measured.

    Overlay tables and the damaged modules of each segment are worked out from these by `vision.grade.details.details`.
    """

    standard: str
    edition: str
    overall: float
    letter: str
    formal: str
    warnings: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    segments: Mapping[str, float]
    informative: Mapping[str, float | None]
    maps: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    grid: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The payload taken apart: element values by identifier, and what is wrong with them (empty = nothing).

    elements: "01" -> "0401234..." for GS1; "9N", "1T", "D", "S" for IFA.
    text: for reading only: element strings in brackets, or the payload with control characters shown as <GS>.
    """

    text: str
    elements: Mapping[str, str]
    reasons: tuple[Reason, ...] = ()

    @property
    def serial(self) -> str | None:
        return self.elements.get("21") or self.elements.get("S")


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One symbol of a frame and all that was found out about it; reading None = located but not decoded."""

    symbol: Symbol
    reading: Reading | None
    content: Content | None
    report: GradeReport | None


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one place of a tray.

    position: from 1, as in the layout. finding: its index among those of the frame, None = no symbol.
    reasons: what is wrong with it, in order of precedence; empty = nothing.
    """

    position: int
    finding: int | None
    reasons: tuple[Reason, ...]

    @property
    def accept(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we decided. Reasons are in order of precedence; accept means there are none. places: of a tray, by position."""

    reasons: tuple[Reason, ...]
    places: tuple[Place, ...] = ()

    @property
    def accept(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """All that was found in one frame. Pure: same frame and recipe, same inspection (but for stage_ns).

    trials: where a symbol was expected and not read: the places tried and why they failed, the most promising first.
    """

    findings: tuple[Finding, ...]
    verdict: Verdict
    width: int
    height: int
    stage_ns: Mapping[str, int]
    trials: tuple[Trial, ...] = ()


@dataclass(slots=True)
class Record:
    """One row of the results: what became of one trigger. Times: _ns on the host's monotonic clock, utc_ns since the epoch.

    revision: 0 for the first row of a trigger; a later one replaces it (only ever an accept turned into a reject).
    frame_id, device_timestamp_ns, encoder_count: from the camera, None where there was no frame.
    arrival_ns: when the frame was complete at the host (for a missing frame: when it was found missing).
    decided_ns: when the verdict was made. inspector: its index, -1 where none looked. inspect_ns: time spent in inspect().
    symbols: pickled list of rows as made by vision.results.schema.symbol_rows (relayed unopened by the line), b"" = none.
    evidence: the pixels of this trigger are to be kept as an image.
    detail: words for the engineer ("inspector 1 died with SIGSEGV"), empty for ordinary packs.
    serials: of its symbols, for the pool; in the row they stand with the symbols.
    """

    station: str
    trigger: int
    reasons: tuple[Reason, ...]
    arrival_ns: int
    utc_ns: int
    decided_ns: int
    revision: int = 0
    frame_id: int | None = None
    device_timestamp_ns: int | None = None
    encoder_count: int | None = None
    inspector: int = -1
    inspect_ns: int = 0
    symbols: bytes = b""
    evidence: bool = False
    detail: str = ""
    serials: tuple[str, ...] = ()

    @property
    def accept(self) -> bool:
        return not self.reasons

"""Findings and records as the line makes them, for the tests of the results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vision.results.schema import symbol_rows
from vision.types import CodewordCounts, Content, Finding, GradeReport, Parameter, Reading, Reason, Record, Symbol

GTIN = "04012345678901"
PARAMETERS_2011 = {
    "decode": Parameter(1.0, 4.0),
    "symbol_contrast": Parameter(0.82, 4.0),
    "modulation": Parameter(None, 3.0),
    "reflectance_margin": Parameter(None, 2.0),
    "fixed_pattern_damage": Parameter(None, 4.0),
    "axial_nonuniformity": Parameter(0.004, 4.0),
    "grid_nonuniformity": Parameter(0.05, 4.0),
    "unused_error_correction": Parameter(0.917, 4.0),
}
SEGMENTS = {"L1": 4.0, "L2": 3.0, "QZL1": 4.0, "QZL2": 4.0, "clock_track": 4.0, "average_value": 3.8, "average": 3.0}
INFORMATIVE = {"contrast_uniformity": 0.71, "print_growth_horizontal": None, "reflectance_max": 0.88}


def symbol() -> Symbol:
    """24 x 24 modules, turned and sheared a little, so that no two coordinates are equal."""
    row, column = np.meshgrid(np.arange(25.0), np.arange(25.0), indexing="ij")
    return Symbol(np.stack((100 + 6.1 * column - 0.3 * row, 50 + 0.2 * column + 5.9 * row), axis=-1), inverted=True)


def report(**changes: Any) -> GradeReport:
    plain = GradeReport("ISO/IEC 15415", "2011", 2.0, "C", "2.0/08/660", ("uncalibrated",), PARAMETERS_2011, SEGMENTS, INFORMATIVE)
    return replace(plain, **changes)


def finding(serial: str = "SN1") -> Finding:
    payload = f"01{GTIN}21{serial}".encode("utf-8", "surrogatepass") + b"\x1d17271231"
    reading = Reading(payload, "]d2", np.zeros((24, 24), np.uint8), CodewordCounts(60, 36, 24, 1, 0), (1,), (24,), "libdmtx")
    content = Content(f"(01){GTIN}(21){serial}(17)271231", {"01": GTIN, "21": serial, "17": "271231"}, (Reason.WRONG_LOT,))
    return Finding(symbol(), reading, content, report())


def record(trigger: int, *reasons: Reason, station: str = "S1", serial: str | None = None, **changes: Any) -> Record:
    """A record of a trigger: an accept with its symbol, or a reject for the reasons given."""
    plain = Record(
        station=station,
        trigger=trigger,
        reasons=reasons,
        arrival_ns=1_000_000 * trigger,
        utc_ns=1_795_000_000_000_000_000 + trigger,
        decided_ns=1_000_000 * trigger + 4_000_000,
        frame_id=trigger,
        inspector=1,
        inspect_ns=1_900_000,
        symbols=symbol_rows((finding(serial or f"SN{trigger}"),)),
    )
    return replace(plain, **changes)

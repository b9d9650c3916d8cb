"""Values of grades at full precision: they must come out the same bit for bit on every machine, with any number of workers,
today and later.

`python -m tests.golden.test_grades` writes grades.json anew; a change of it is a change of what is measured and belongs in
CHANGELOG.md.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.grade.known_symbols import reading, symbol
from tests.grade.symbol_renderer import Picture, matrix, picture
from vision.grade.grade import grade
from vision.grade.setup import Setup

FILE = Path(__file__).with_name("grades.json")
SETUPS = {"15415:2011": Setup(), "15415:2024": Setup(edition="2024", white=240.0, black=3.0), "29158:2020": Setup("29158")}


def drawn_symbols() -> dict[str, tuple[Picture, bool]]:
    """Pictures whose pixels come from whole numbers alone: no blur by exponentials, angles of 3-4-5 triangles."""
    made = {}
    for name, size, px, angle, inverted, mirrored in (
        ("24x24", (24, 24), 8.0, 0.0, False, False),
        ("16x48", (16, 48), 6.4, 90.0, True, False),
        ("32x32", (32, 32), 7.0, 0.0, False, True),
        ("10x10", (10, 10), 11.5, 180.0, True, True),
    ):
        light, ink = (40.0, 210.0) if inverted else (210.0, 40.0)
        one = picture(
            matrix(size),
            light,
            ink,
            px_per_module=(px, px * 1.03),
            angle_deg=angle,
            mirrored=mirrored,
            growth=(0.1, -0.05),
            samples=4,
        )
        one.values[5, 6] = 100.0
        one.values[1, 4] = 125.0
        one.values[0, 3] = ink
        made[name] = one, inverted
    return made


def pixels_of(one: Picture, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-6, 7, one.build().shape)
    return np.clip(one.build().astype(np.int64) + noise, 0, 255).astype(np.uint8)


def values_of(name: str, one: Picture, inverted: bool) -> dict[str, Any]:
    """Every number of the reports, as hexadecimal floats, and digests of the arrays."""
    pixels = pixels_of(one, len(name))
    found: dict[str, Any] = {"pixels": hashlib.sha256(pixels.tobytes()).hexdigest()}
    where = symbol(one, inverted)
    where = type(where)(np.round(where.grid * 64) / 64, where.inverted, where.mirrored)  # cosines differ in their last bit
    for edition, setup in SETUPS.items():
        report = grade(pixels, where, reading(one.dark), setup)
        numbers = {f"{key}.value": p.value for key, p in report.parameters.items() if p.value is not None}
        numbers |= {f"{key}.grade": p.grade for key, p in report.parameters.items()} | dict(report.segments)
        numbers |= {key: value for key, value in report.informative.items() if value is not None}
        assert report.grid is not None
        arrays = {**report.maps, "grid": report.grid}
        found[edition] = {
            "formal": report.formal,
            "numbers": {key: float(value).hex() for key, value in sorted(numbers.items())},
            "arrays": {key: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for key, a in sorted(arrays.items())},
        }
    return found


@pytest.mark.parametrize("name", sorted(drawn_symbols()))
def test_values_are_the_same_bit_for_bit(name: str) -> None:
    expected = json.loads(FILE.read_text(encoding="utf-8"))[name]
    found = values_of(name, *drawn_symbols()[name])
    assert found["pixels"] == expected["pixels"], "the renderer or the encoder changed, not the grader"
    assert found == expected


def test_threads_change_no_bit() -> None:
    symbols = drawn_symbols()
    alone = {name: values_of(name, *one) for name, one in symbols.items()}
    with ThreadPoolExecutor(4) as pool:
        together = dict(zip(symbols, pool.map(lambda name: values_of(name, *symbols[name]), symbols), strict=True))
    assert together == alone


if __name__ == "__main__":
    made = {name: values_of(name, *one) for name, one in drawn_symbols().items()}
    FILE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")

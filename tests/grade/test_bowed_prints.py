"""Prints bowed by most of a module, as the conformance symbol for grid nonuniformity is: read by our own search in a crop of 6 px
per module, graded on the grid that is really there.

Edges alone cannot tell a grid line from its neighbour half a module away; the known modules can (kernels/grid_pattern.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import vision
from tests.grade.known_symbols import printed_grid, reading, size, symbol, true_grid_nonuniformity
from tests.grade.symbol_renderer import Picture, matrix, picture
from vision.grade import geometry
from vision.grade.grade import grade
from vision.grade.setup import Setup

PX = 6.0
Bow = Callable[[np.ndarray, np.ndarray], np.ndarray]


def bowed(shape: tuple[int, int], amplitude: float, along: str, angle_deg: float) -> tuple[Picture, np.ndarray]:
    """A print whose rows ("rows") or columns ("columns") are arcs, by so many modules in the middle, or whose columns are wide at
    one side and narrow at the other ("pitch"); and its true grid."""
    rows, columns = shape

    def bow(w: np.ndarray, length: int) -> np.ndarray:
        return amplitude * (1 - (2 * w / length - 1) ** 2)

    def back(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if along == "pitch":
            return u - bow(u, columns), v
        return (u - bow(v, rows), v) if along == "columns" else (u, v - bow(u, columns))

    def there(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if along == "pitch":
            place = u
            for _ in range(60):  # what `back` maps onto u
                place = u + bow(place, columns)
            return place, v
        return (u + bow(v, rows), v) if along == "columns" else (u, v + bow(u, columns))

    options: dict[str, object] = {"warp": back, "blur_px": 0.15 * PX, "samples": 4, "lattice": True, "margin": 3.5}
    drawn = picture(matrix(shape, "1234"), 220.0, 40.0, px_per_module=(PX, PX), angle_deg=angle_deg, **options)
    return drawn, printed_grid(drawn, there)


@pytest.mark.parametrize("angle_deg", [0.0, 91.0])
@pytest.mark.parametrize("along", ["columns", "rows", "pitch"])
@pytest.mark.parametrize(
    ("shape", "amplitude"),
    [((18, 18), 0.84), ((18, 18), -0.84), ((18, 18), 0.7), ((24, 24), 0.95), ((24, 24), -0.7), ((16, 48), 0.84)],
)
def test_a_bowed_print_is_graded_on_its_own_grid(shape: tuple[int, int], amplitude: float, along: str, angle_deg: float) -> None:
    drawn, grid = bowed(shape, amplitude, along, angle_deg)
    (left, top), (right, bottom) = np.rint(grid.min(axis=(0, 1)) - PX), np.rint(grid.max(axis=(0, 1)) + PX)
    part = slice(max(0, int(top)), int(bottom) + 1), slice(max(0, int(left)), int(right) + 1)
    noisy = drawn.exact()[part] + np.random.default_rng(1).normal(
        0.0, 1.0, (part[0].stop - part[0].start, part[1].stop - part[1].start)
    )
    inspection = vision.inspect(np.clip(np.floor(noisy + 0.5), 0, 255).astype(np.uint8))
    (finding,) = inspection.findings
    assert finding.reading is not None and finding.reading.payload == b"1234" and finding.report is not None
    parameters, report = finding.report.parameters, finding.report
    true = true_grid_nonuniformity(grid, size(*shape))
    assert parameters["grid_nonuniformity"].value == pytest.approx(true, abs=0.04)
    assert parameters["unused_error_correction"].value == 1.0
    spacing = [np.linalg.norm(np.diff(grid, axis=axis), axis=-1).mean() for axis in (1, 0)]
    assert parameters["axial_nonuniformity"].value == pytest.approx(abs(spacing[0] - spacing[1]) / (sum(spacing) / 2), abs=0.005)
    assert {name: report.segments[name] for name in ("L1", "L2", "QZL1", "QZL2", "clock_track")} == dict.fromkeys(
        ("L1", "L2", "QZL1", "QZL2", "clock_track"), 4.0
    )
    assert parameters["modulation"].grade == parameters["decode"].grade == 4.0


def test_damage_is_no_bow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A symbol with many wrong modules on a good grid comes out to the same bits as if no bow were ever looked for."""
    random = np.random.default_rng(7)
    drawn = picture(
        matrix((24, 24), "1234"), 220.0, 40.0, px_per_module=(PX, PX), angle_deg=11.0, blur_px=0.9, samples=4, lattice=True
    )
    for r, c in random.integers(1, 25, (12, 2)):
        drawn.values[r, c] = 260.0 - drawn.values[r, c]
    drawn.extra = [(9.0, 14.0, 2.0, 40.0)]
    looked = []
    real = geometry._bowed
    monkeypatch.setattr(geometry, "_bowed", lambda *given: looked.append(1) or real(*given))
    found = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup())
    assert looked, "so many wrong modules are worth a look"
    monkeypatch.setattr(geometry, "BOW_WRONG", 10_000)
    plain = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup())
    assert found.grid is not None and plain.grid is not None and (found.grid == plain.grid).all()
    assert found.parameters == plain.parameters and found.segments == plain.segments

"""Grades of symbols as the real decoder finds them: in rendered pictures and in the frames of the shared line set."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.grade.symbol_renderer import matrix, picture
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.grade.grade import grade
from vision.grade.setup import Setup

LINE = Path(__file__).resolve().parents[3] / "shared" / "data" / "line"


@pytest.mark.parametrize(
    ("size", "inverted", "mirrored", "angle_deg"),
    [
        ((24, 24), False, False, 10.0),
        ((18, 18), True, False, 200.0),
        ((20, 20), False, True, 75.0),
        ((16, 48), True, True, -40.0),
        ((32, 32), False, False, 45.0),
    ],
)
def test_a_clean_print_is_an_a(size: tuple[int, int], inverted: bool, mirrored: bool, angle_deg: float) -> None:
    light, ink = (20.0, 225.0) if inverted else (225.0, 20.0)
    drawn = picture(
        matrix(size, "01040123456789011728123110ABC"),
        light,
        ink,
        angle_deg=angle_deg,
        mirrored=mirrored,
        blur_px=0.7,
        noise=1.5,
        margin=6.0,
        samples=3,
    )
    pixels = drawn.build()
    found = decode(pixels, Search(symbol_count=1), Workspace())
    assert len(found) == 1
    symbol, _, read = found[0]
    assert read is not None
    assert (symbol.inverted, symbol.mirrored) == (inverted, mirrored)
    assert (read.bits == drawn.dark).all()
    report = grade(pixels, symbol, read, Setup())
    assert (report.overall, report.letter) == (4.0, "A")
    assert report.parameters["symbol_contrast"].value == pytest.approx(205 / 255, abs=0.05)
    assert report.parameters["grid_nonuniformity"].value == pytest.approx(0.0, abs=0.04)
    assert set(report.segments.values()) == {4.0}


@pytest.mark.parametrize("number", range(0, 12, 2))
def test_clean_line_frames_lose_on_contrast_alone(number: int) -> None:
    file = LINE / f"L0_{number:03}.png"
    if not file.exists():
        pytest.skip(f"{LINE} is not here")
    with (LINE / "truth.csv").open(newline="") as table:
        truth = next(row for row in csv.DictReader(table) if row["file"] == file.name)
    pixels = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE))
    symbol, _, read = decode(pixels, Search(symbol_count=1), Workspace())[0]
    assert f"{symbol.rows}x{symbol.columns}" == truth["size"]
    report = grade(pixels, symbol, read, Setup())
    grades = {name: parameter.grade for name, parameter in report.parameters.items()}
    contrast = grades.pop("symbol_contrast")
    assert set(grades.values()) == {4.0}
    assert report.overall == contrast
    # The set's contrast is that of the ink on this print, before the light of the scene.
    assert report.parameters["symbol_contrast"].value == pytest.approx(float(truth["sc"]) * float(truth["light"]), abs=0.09)

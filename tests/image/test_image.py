"""`vision.inspect` from Python: the example of its page runs, an array and its file are one, and what is no image is one line."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import vision
from vision.cameras.recorded import Recording
from vision.image import mono8
from vision.inspection import inspect as inspect_frame
from vision.types import Frame

DEMO = Path(vision.__file__).parent / "demo"


@pytest.fixture(scope="module")
def pack() -> Any:
    with Recording.open(DEMO / "packs.zip") as recording:
        return recording.frame(1)


def test_the_example_of_the_page_runs(pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    import vision.image

    page = vision.image.__doc__ or ""
    example = textwrap.dedent("\n".join(line for line in page.splitlines() if line.startswith("    ")))
    assert "vision.inspect(" in example and "vision.explain(" in example
    pack = pack.copy()
    pack[::2] = np.where(pack[::2] < 128, 128, pack[::2])  # something must limit the grade, for explain to say
    cv2.imwrite(str(tmp_path / "pack.png"), pack)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    said = capsys.readouterr().out
    assert "Parameter(value=" in said and "(26, 26)" in said


def test_defaults_are_those_of_the_command_and_a_recipe_decides_alone(pack: Any) -> None:
    by_default = vision.inspect(pack)
    (finding,) = by_default.findings
    assert finding.report is not None and "uncalibrated" in finding.report.warnings
    assert finding.report.standard == "ISO/IEC 15415" and finding.report.edition == "2011"
    work = vision.Workspace()
    recipe = vision.Recipe(vision.Search(symbol_count=1), vision.Setup(mm_per_px=0.06))
    ours, lines = vision.inspect(pack, recipe, work), inspect_frame(Frame(pack), recipe, work)
    assert ours.findings[0].report is not None and lines.findings[0].report is not None
    assert ours.findings[0].report.parameters == lines.findings[0].report.parameters
    assert vision.inspect(Frame(pack), recipe, work).verdict == ours.verdict
    work.close()
    with pytest.raises(ValueError, match="a Recipe holds order, symbols and decode_only"):
        vision.inspect(pack, recipe, symbols=2)


def test_an_order_and_a_number_of_symbols_are_compared(pack: Any) -> None:
    order = vision.load_order(DEMO / "order.json")
    assert vision.inspect(pack, order=order, decode_only=True).verdict.accept
    other = dataclasses.replace(order, lot="OTHER")
    assert vision.inspect(pack, order=other, decode_only=True).verdict.reasons == (vision.Reason.WRONG_LOT,)
    assert vision.Reason.WRONG_SYMBOL_COUNT in vision.inspect(pack, symbols=2, decode_only=True).verdict.reasons


def test_colour_transparency_and_one_channel(pack: Any) -> None:
    rgb = np.dstack([pack] * 3)
    rgba = np.dstack([rgb, np.full(pack.shape, 255, np.uint8)])
    for image in (pack[:, :, np.newaxis], rgb, rgba):
        assert np.abs(mono8(image).astype(int) - pack).max() <= 1
    red, blue = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = blue[..., 2] = 200
    assert mono8(red)[0, 0] == 60 and mono8(blue)[0, 0] == 23  # the order is RGB, not OpenCV's


BAD: dict[str, tuple[Any, str]] = {
    "nan": (np.array([[0.5, np.nan], [1.0, np.nan]]), "float64 with 2 values that are not numbers, expected uint8"),
    "floats": (np.zeros((9, 9), np.float32), "pixels are float32, expected uint8"),
    "16 bits": (np.zeros((9, 9), np.uint16), "pixels are uint16, expected uint8"),
    "truth values": (np.zeros((9, 9), np.bool_), "pixels are bool, expected uint8"),
    "nothing": (np.zeros((0, 5), np.uint8), r"shape \(0, 5\)"),
    "a line": (np.zeros(9, np.uint8), r"shape \(9,\)"),
    "five channels": (np.zeros((9, 9, 5), np.uint8), r"shape \(9, 9, 5\)"),
    "glass": (np.zeros((9, 9, 4), np.uint8), "partly transparent"),
    "words": ("pack.png", r"shape \(\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_one_line(name: str) -> None:
    pixels, words = BAD[name]
    with pytest.raises(ValueError, match=words) as caught:
        vision.inspect(pixels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (7, 7), (2, 2, 3)])
def test_an_image_too_small_for_a_symbol_holds_none(shape: tuple[int, ...]) -> None:
    found = vision.inspect(np.full(shape, 120, np.uint8))
    assert found.findings == () and found.verdict.reasons == (vision.Reason.NO_SYMBOL,)


def test_strides_do_not_matter(pack: Any) -> None:
    turned = np.asfortranarray(pack)
    a, b = vision.inspect(pack).findings[0].report, vision.inspect(turned).findings[0].report
    assert a is not None and b is not None and a.parameters == b.parameters and a.overall == b.overall

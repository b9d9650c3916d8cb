"""`vision inspect` held against the contract line by line: names, shapes, meanings, exit codes, one line on stderr."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.cli.calls import DEMO
from tests.grade.symbol_renderer import matrix, picture
from vision.cameras.recorded import Recording
from vision.cli.main import call

SYMBOL_KEYS = [
    *("symbology_identifier", "bytes_hex", "codewords", "rescue", "text", "rows", "columns", "inverted", "mirrored"),
    *("px_per_module", "corners", "elements", "grade"),
    *("eci", "structured_append", "reader_programming", "macro", "evidence_bits"),
]
GRADE_KEYS = [
    *("standard", "edition", "overall", "letter", "formal", "warnings", "parameters", "fixed_pattern_segments", "informative"),
    "limits",
]
COMMON = ("decode", "fixed_pattern_damage", "axial_nonuniformity", "grid_nonuniformity", "unused_error_correction")
PARAMETERS = {
    ("15415", "2011"): {*COMMON, "symbol_contrast", "modulation", "reflectance_margin"},
    ("15415", "2024"): {*COMMON, "symbol_contrast", "modulation", "print_growth"},
    ("29158", "2020"): {*COMMON, "cell_contrast", "cell_modulation", "minimum_reflectance", "distributed_damage"},
}


def canvas(*symbols: np.ndarray[Any, Any], gap: int = 40) -> np.ndarray[Any, Any]:
    """Symbols beside each other on light ground."""
    height = max(symbol.shape[0] for symbol in symbols) + 2 * gap
    parts = [np.full((height, gap), 228, np.uint8)]
    for symbol in symbols:
        part = np.full((height, symbol.shape[1]), 228, np.uint8)
        part[gap : gap + symbol.shape[0]] = symbol
        parts += [part, parts[0]]
    return np.hstack(parts)


def drawn(text: str, **options: Any) -> np.ndarray[Any, Any]:
    return picture(matrix((24, 24), text), 228.0, 28.0, samples=2, **options).build()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    with Recording.open(DEMO / "packs.zip") as recording:
        pack = np.ascontiguousarray(recording.frame(1)[330:640, 300:620])  # 24x24 modules of 8 px
    cv2.imwrite(str(folder / "pack.png"), pack)
    cv2.imwrite(str(folder / "pack.jpg"), pack)
    cv2.imwrite(str(folder / "colour.png"), np.dstack([pack] * 3))
    cv2.imwrite(str(folder / "tiny.png"), np.full((1, 1), 90, np.uint8))
    cv2.imwrite(str(folder / "deep.png"), pack.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "two.png"), canvas(drawn("FIRST"), drawn("SECOND")))
    cv2.imwrite(str(folder / "turned.png"), np.rot90(canvas(drawn("TURNED")), 3))
    cv2.imwrite(str(folder / "other.png"), canvas(drawn("OTHER")))
    (folder / "cut.png").write_bytes((folder / "pack.png").read_bytes()[:9000])
    (folder / "empty.png").write_bytes(b"")
    (folder / "a folder").mkdir()
    shutil.copy(DEMO / "order.json", folder / "order.json")
    return folder


@pytest.fixture
def inspect(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """A call in that folder: exit code, stdout and stderr."""
    monkeypatch.chdir(place)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = call(["inspect", "--second-opinion-ms", "0", *map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_one_line_of_json_for_each_image_in_their_order_and_nothing_else(inspect: Any) -> None:
    code, out, err = inspect("pack.png", "./tiny.png", "two.png", "--json")
    found = lines(out)
    assert code == 0 and err == "" and [line["image"] for line in found] == ["pack.png", "./tiny.png", "two.png"]
    for line in found:
        assert list(line) == ["image", "width", "height", "ms", "symbols", "verdict", "tried"]
        assert list(line["verdict"]) == ["accept", "reasons"] and type(line["verdict"]["accept"]) is bool
        assert type(line["width"]) is type(line["height"]) is int and line["ms"] > 0
    assert (found[0]["width"], found[0]["height"]) == (320, 310)
    assert found[1]["symbols"] == [] and found[1]["verdict"] == {"accept": False, "reasons": ["NO_SYMBOL"]}
    assert [symbol["text"] for symbol in found[2]["symbols"]] == ["FIRST", "SECOND"], "reading order"


def test_a_symbol_has_every_name_of_the_contract(inspect: Any) -> None:
    ((line),) = lines(inspect("pack.png", "--json")[1])
    (symbol,) = line["symbols"]
    assert sorted(symbol) == sorted(SYMBOL_KEYS)
    assert symbol["symbology_identifier"] == "]d2" and symbol["text"].startswith("(01)0415001234567")
    payload = bytes.fromhex(symbol["bytes_hex"])
    assert payload.startswith(b"01") and b"\x1d" in payload
    assert symbol["elements"]["10"] == "KX4031" and all(type(value) is str for value in symbol["elements"].values())
    assert symbol["codewords"] == {"total": 60, "data": 36, "check": 24, "corrected": 0, "erasures": 0}
    assert (symbol["rows"], symbol["columns"], symbol["inverted"], symbol["mirrored"]) == (24, 24, False, False)
    assert 7.0 < symbol["px_per_module"] < 9.0


def test_corners_begin_at_that_of_the_l_and_go_clockwise_as_printed(inspect: Any) -> None:
    for name, turn in (("two.png", 0), ("turned.png", 1)):
        (line,) = lines(inspect(name, "--json")[1])
        corners = np.array(line["symbols"][0]["corners"])
        bottom_left = corners[:, 0] - corners[:, 1]  # least: at the left and at the bottom, y down
        expected = (int(bottom_left.argmin()) + turn) % 4 if turn == 0 else int((corners[:, 0] + corners[:, 1]).argmin())
        assert expected == 0, (name, corners)
        rolled = np.roll(corners, -1, axis=0)
        assert np.sum(corners[:, 0] * rolled[:, 1] - rolled[:, 0] * corners[:, 1]) > 0, "clockwise with y down"


@pytest.mark.parametrize(("standard", "edition"), PARAMETERS)
def test_the_grade_has_the_names_of_its_edition(inspect: Any, standard: str, edition: str) -> None:
    code, out, _ = inspect("pack.png", "--standard", standard, "--edition", edition, "--json", "--mm-per-px", "0.06")
    ((line),) = lines(out)
    grade = line["symbols"][0]["grade"]
    assert code == 0 and list(grade) == GRADE_KEYS
    assert (grade["standard"], grade["edition"]) == (f"ISO/IEC {standard}", edition)
    assert set(grade["parameters"]) == PARAMETERS[standard, edition]
    for name, parameter in grade["parameters"].items():
        assert list(parameter) == ["value", "grade"] and 0.0 <= parameter["grade"] <= 4.0, name
    for name in ("modulation", "cell_modulation", "reflectance_margin", "fixed_pattern_damage"):
        assert grade["parameters"].get(name, {"value": None})["value"] is None
    assert grade["overall"] == min(parameter["grade"] for parameter in grade["parameters"].values())
    assert set(grade["fixed_pattern_segments"]) == {"L1", "L2", "QZL1", "QZL2", "clock_track", "average_value", "average"}
    assert {
        *("contrast_uniformity", "print_growth_horizontal", "print_growth_vertical", "reflectance_max", "reflectance_min")
    } <= set(grade["informative"])
    assert grade["letter"] in "ABCDF" and grade["formal"].partition("/")[0] in (
        f"{grade['overall']:.1f}",
        f"DPM{grade['overall']:.1f}",
    )


@pytest.mark.parametrize(
    ("options", "formal", "warnings"),
    [
        ((), "/80%/660", ["uncalibrated"]),
        (("--aperture", "50%"), "/50%/660", ["uncalibrated"]),
        (("--mm-per-px", "0.0635"), "/16/660", ["uncalibrated"]),
        (("--mm-per-px", "0.06", "--aperture", "8mil"), "/08/660", ["uncalibrated"]),
        (("--white", "300", "--black", "-12.5"), "/80%/660", []),
        (("--wavelength-nm", "525", "--angle-deg", "30"), "/80%/525/30", ["uncalibrated"]),
    ],
)
def test_aperture_scale_and_reflectance(inspect: Any, options: tuple[str, ...], formal: str, warnings: list[str]) -> None:
    ((line),) = lines(inspect("pack.png", "--json", *options)[1])
    grade = line["symbols"][0]["grade"]
    assert grade["formal"] == f"{grade['overall']:.1f}{formal}" and grade["warnings"] == warnings


def test_white_and_black_scale_the_contrast(inspect: Any) -> None:
    plain, scaled = (
        lines(inspect("pack.png", "--json", *options)[1])[0]["symbols"][0]["grade"]
        for options in ((), ("--white", 510, "--black", 0))
    )
    values = [grade["parameters"]["symbol_contrast"]["value"] for grade in (plain, scaled)]
    assert values[1] == pytest.approx(values[0] / 2)


def test_an_order_decides_the_verdict_and_the_call_the_edition(inspect: Any, place: Path) -> None:
    order = json.loads((place / "order.json").read_text("utf-8"))
    (place / "other.json").write_text(json.dumps({**order, "lot": "OTHER", "edition": "2024"}))
    ((fine),) = lines(inspect("pack.png", "--json", "--order", "order.json")[1])
    assert fine["verdict"] == {"accept": True, "reasons": []}
    ((wrong),) = lines(inspect("pack.png", "--json", "--order", "other.json")[1])
    assert wrong["verdict"]["reasons"] == ["WRONG_LOT"] and wrong["symbols"][0]["grade"]["edition"] == "2024"
    ((asked),) = lines(inspect("pack.png", "--json", "--order", "other.json", "--edition", "2011")[1])
    assert asked["symbols"][0]["grade"]["edition"] == "2011"


def test_decode_only_grades_nothing_and_symbols_are_counted(inspect: Any) -> None:
    ((line),) = lines(inspect("two.png", "--json", "--decode-only", "--symbols", 3)[1])
    assert [symbol["grade"] for symbol in line["symbols"]] == [None, None]
    assert line["verdict"]["reasons"] == ["WRONG_SYMBOL_COUNT"]


def test_a_jpeg_is_graded_and_flagged_and_colour_is_taken(inspect: Any) -> None:
    jpeg, colour = lines(inspect("pack.jpg", "colour.png", "--json")[1])
    assert jpeg["symbols"][0]["grade"]["warnings"] == ["lossy_image", "uncalibrated"]
    assert colour["symbols"][0]["grade"]["warnings"] == ["uncalibrated"]


def test_an_unreadable_image_does_not_lose_the_others(inspect: Any, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    code, out, err = inspect("pack.png", "cut.png", "deep.png", "two.png", "--json", "--report", target)
    assert code == 2 and [line["image"] for line in lines(out)] == ["pack.png", "two.png"]
    assert len(err.splitlines()) == 1 and "cut.png: is a damaged or cut off PNG" in err and "deep.png: has 16 bits" in err
    page = target.read_text("utf-8")
    assert "cut.png" in page and "deep.png" in page and "FIRST" in page


BAD_CALLS: list[tuple[tuple[object, ...], tuple[str, ...]]] = [
    (("absent.png",), ("absent.png", "no such file, expected an image")),
    (("empty.png",), ("empty.png", "is empty")),
    (("a folder",), ("a folder", "is a folder, expected an image")),
    (("pack.png", "--edition", "1999"), ("--edition 1999", "--standard 15415 --edition 2011")),
    (("pack.png", "--standard", "1"), ("--standard 1", "29158")),
    (("pack.png", "--standard", "29158", "--edition", "2011"), ("--edition 2011",)),
    (("pack.png", "--aperture", "8mil"), ("--mm-per-px",)),
    (("pack.png", "--aperture", "900%"), ("--aperture 900%", "10% to 150%")),
    (("pack.png", "--mm-per-px", "0"), ("--mm-per-px 0", "more than 0")),
    (("pack.png", "--white", "10", "--black", "10"), ("--white 10",)),
    (("pack.png", "--white", "nan"), ("--white nan",)),
    (("pack.png", "--wavelength-nm", "9999"), ("--wavelength-nm 9999", "200 to 2000")),
    (("pack.png", "--angle-deg", "91"), ("--angle-deg 91", "0 to 90")),
    (("pack.png", "--report", "report.txt"), ("--report report.txt", ".html or .pdf")),
    (("pack.png", "--report", "nowhere/report.pdf"), ("--report nowhere/report.pdf", "does not exist")),
    (("pack.png", "--order", "absent.json"), ("absent.json",)),
    (("pack.png", "--symbols", "0"), ("--symbols", "greater than or equal to 1")),
    (("pack.png", "--scans", "--decode-only"), ("--scans", "--decode-only")),
    (("two.png", "--scans"), ("two.png", "holds 2 symbols, expected one")),
    (("tiny.png", "--scans"), ("--scans", "none of the images holds a symbol")),
    (("pack.png", "--nothing"), ("--nothing",)),
    ((), ("IMAGE",)),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_CALLS, ids=lambda value: " ".join(map(str, value)))
def test_a_wrong_call_is_exit_2_and_one_line(
    inspect: Any, place: Path, arguments: tuple[object, ...], words: tuple[str, ...]
) -> None:
    before = sorted(place.iterdir())
    code, _, err = inspect(*arguments)
    assert code == 2 and len(err.splitlines()) == 1, err
    assert all(word in err for word in words), err
    assert sorted(place.iterdir()) == before, "nothing half-written stays"


def test_several_images_of_one_symbol(inspect: Any) -> None:
    code, out, _ = inspect("pack.png", "pack.jpg", "colour.png", "--scans", "--json")
    *images, last = lines(out)
    assert code == 0 and len(images) == 3 and list(last) == ["scans"]
    grades = [image["symbols"][0]["grade"]["overall"] for image in images]
    assert last["scans"]["grades"] == grades and last["scans"]["count"] == 3 and last["scans"]["same_content"] is True
    assert last["scans"]["overall"] == pytest.approx(sum(grades) / 3, abs=0.051)
    assert last["scans"]["formal"].startswith(f"{last['scans']['overall']:.1f}/")
    *_, mixed = lines(inspect("pack.png", "other.png", "--scans", "--json")[1])
    assert (mixed["scans"]["overall"], mixed["scans"]["letter"], mixed["scans"]["same_content"]) == (0.0, "F", False)
    *_, missing = lines(inspect("pack.png", "tiny.png", "--scans", "--json")[1])
    assert missing["scans"]["grades"][1] == 0.0 and missing["scans"]["overall"] == missing["scans"]["grades"][0] / 2


def test_require_is_exit_1_with_all_results_told(inspect: Any) -> None:
    code, out, err = inspect("tiny.png", "pack.png", "--require", "--json")
    assert code == 1 and len(lines(out)) == 2 and "1 of 2 images hold no readable symbol" in err


def test_text_says_in_one_line_what_limits_the_grade(inspect: Any) -> None:
    _, out, _ = inspect("pack.png", "two.png")
    assert out.count("    limits: ") == 3 and "in-line grade" in out and "\x1b" not in out and "\x1d" not in out


@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_a_report_of_all_images_in_one_file(inspect: Any, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"report.{ending}"
    code, _, err = inspect("pack.png", "two.png", "tiny.png", "--report", target)
    assert code == 0 and err == "" and [path.name for path in tmp_path.iterdir()] == [target.name]
    head = target.read_bytes()[:15].lower()
    assert head.startswith(b"%pdf-" if ending == "pdf" else b"<!doctype html>")


def test_help_names_every_option_of_the_contract(inspect: Any) -> None:
    _, out, _ = inspect("--help")
    for option in (
        *("--order", "--edition", "--standard", "--aperture", "--mm-per-px", "--white", "--black", "--symbols", "--decode-only"),
        *("--report", "--json", "--scans", "--require", "Example:", "vision inspect pack.png"),
    ):
        assert option in out, option

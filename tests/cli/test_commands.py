"""The commands as others script against them: exit codes, one line on stderr, the shapes of the contract."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import typer

from tests.cli.calls import DEMO, line_text, refused, vision
from tests.decode.rendering import draw, modules
from vision.cameras.recorded import Recording
from vision.cli.main import app, call


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with one frame of the demonstration, and images that are none of ours."""
    folder = tmp_path_factory.mktemp("cli")
    with Recording.open(DEMO / "packs.zip") as recording:
        pixels = recording.frame(0)
    cv2.imwrite(str(folder / "pack.png"), pixels)
    cv2.imwrite(str(folder / "pack.jpg"), pixels)
    cv2.imwrite(str(folder / "deep.png"), pixels.astype(np.uint16) * 256)
    (folder / "text.png").write_text("no image")
    (folder / "wall").write_text("a file where a folder is asked for")
    order = json.loads((DEMO / "order.json").read_text("utf-8"))
    (folder / "order.json").write_text(json.dumps({**order, "gtin": "04150012345670"}))
    return folder


@pytest.fixture(scope="session")
def run(place: Path) -> tuple[dict[str, Any], Path]:
    """Thirty packs of the demonstration line: the summary and the batch folder."""
    done = vision("run", "--frames", 30, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    summary = json.loads(done.stdout)
    return summary, place / summary["results"]


BAD_CALLS = [
    (["nothing"], ["nothing"]),
    (["run", "--nothing"], ["--nothing"]),
    (["run", "absent.toml"], ["absent.toml"]),
    (["run", "--order", "order.json"], ["order.json", "gtin"]),
    (["inspect", "absent.png"], ["absent.png"]),
    (["inspect", "text.png"], ["text.png"]),
    (["inspect", "deep.png"], ["deep.png", "16"]),
    (["inspect", "pack.png", "--aperture", "wide"], ["aperture", "wide"]),
    (["inspect", "pack.png", "--aperture", "8mil"], ["aperture", "--mm-per-px"]),
    (["inspect", "pack.png", "--edition", "2012"], ["--edition 2012"]),
    (["inspect", "pack.png", "--standard", "15416"], ["--standard 15416"]),
    (["inspect", "pack.png", "--white", "0"], ["white"]),
    (["results", "verify", "absent"], ["absent"]),
    (["results", "show", "."], ["no batch"]),
    (["camera", "show", "absent"], ["absent"]),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_CALLS, ids=" ".join)
def test_a_wrong_call_is_one_line(place: Path, arguments: list[str], words: list[str]) -> None:
    refused(vision(*arguments, cwd=place), *words)


def test_the_sums_of_a_run_hold(run: tuple[dict[str, Any], Path]) -> None:
    summary, folder = run
    assert summary["triggered"] == summary["records"] == 30
    assert summary["accepted"] + summary["rejected"] == 30
    assert sum(summary["reasons"].values()) == summary["rejected"]
    assert set(summary["latency_ms"]) == {"p50", "p99", "p999", "max"}
    assert folder.is_dir()


def test_results_are_verified_shown_exported_and_asked(run: tuple[dict[str, Any], Path], place: Path) -> None:
    summary, folder = run
    sound = vision("results", "verify", folder, "--json", cwd=place)
    assert sound.returncode == 0 and json.loads(sound.stdout)["sound"] is True
    shown = vision("results", "show", folder, "--last", 7, "--json", cwd=place)
    assert [json.loads(row)["trigger"] for row in shown.stdout.splitlines()] == list(range(24, 31))
    for ending in ("csv", "parquet", "json"):
        done = vision("results", "export", folder, "--out", f"rows.{ending}", cwd=place)
        assert done.returncode == 0 and done.stdout == ""
    with open(place / "rows.csv", newline="", encoding="utf-8") as file:
        assert len({row["trigger"] for row in csv.DictReader(file)}) == 30
    assert pq.read_table(place / "rows.parquet").num_rows == 30
    assert len((place / "rows.json").read_text().splitlines()) == 30
    asked = vision("results", "query", folder, "select count(*) as n from results where accept", "--json", cwd=place)
    assert json.loads(asked.stdout) == {"n": summary["accepted"]}


def test_a_changed_byte_is_told_with_its_file(run: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    copy = tmp_path / "batch"
    shutil.copytree(run[1], copy)
    target = copy / "000001.arrow"
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
    done = vision("results", "verify", copy, cwd=tmp_path)
    assert done.returncode == 1 and "000001.arrow" in done.stdout


def test_inspect_json_has_the_shape_of_the_contract(place: Path) -> None:
    done = vision("inspect", "pack.png", "pack.jpg", "--json", "--order", DEMO / "order.json", cwd=place)
    assert done.returncode == 0 and done.stderr == ""
    png, jpeg = map(json.loads, done.stdout.splitlines())
    assert set(png) == {"image", "width", "height", "ms", "symbols", "verdict", "tried"}
    assert (png["image"], png["width"], png["height"]) == ("pack.png", 1280, 1024)
    assert type(png["verdict"]["accept"]) is bool and set(png["verdict"]) == {"accept", "reasons"}
    (symbol,) = png["symbols"]
    forms = {"eci", "structured_append", "reader_programming", "macro", "evidence_bits"}
    assert set(symbol) - {"rescue"} - forms == {
        *("symbology_identifier", "bytes_hex", "text", "rows", "columns", "inverted", "mirrored", "px_per_module", "corners"),
        *("elements", "codewords", "grade"),
    }
    assert bytes.fromhex(symbol["bytes_hex"]) and np.shape(symbol["corners"]) == (4, 2)
    assert set(symbol["codewords"]) == {"total", "data", "check", "corrected", "erasures"}
    grade = symbol["grade"]
    assert (grade["standard"], grade["edition"]) == ("ISO/IEC 15415", "2011")
    assert list(grade["parameters"]) == [
        *("decode", "symbol_contrast", "modulation", "reflectance_margin", "fixed_pattern_damage", "axial_nonuniformity"),
        *("grid_nonuniformity", "unused_error_correction"),
    ]
    assert set(grade["fixed_pattern_segments"]) == {"L1", "L2", "QZL1", "QZL2", "clock_track", "average_value", "average"}
    assert grade["warnings"] == ["uncalibrated"]
    assert "lossy_image" in jpeg["symbols"][0]["grade"]["warnings"]


def test_inspect_tells_the_forms_of_a_message(tmp_path: Path) -> None:
    part, _ = draw(modules("PART", part=(3, 7, b"005009")), 6.0)
    wide, _ = draw(modules("WIDE", eci=26), 6.0)
    cv2.imwrite(str(tmp_path / "part.png"), part)
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    done = vision("inspect", "part.png", "wide.png", "--json", "--decode-only", cwd=tmp_path)
    (first,), (second,) = (json.loads(line)["symbols"] for line in done.stdout.splitlines())
    assert first["structured_append"] == {"position": 3, "total": 7, "file_id": [5, 9]}
    assert (first["eci"], first["reader_programming"], first["macro"]) == ([], False, None)
    assert (second["eci"], second["structured_append"]) == ([{"offset": 0, "designator": 26}], None)
    words = vision("inspect", "part.png", "wide.png", "--decode-only", cwd=tmp_path).stdout
    assert "part 3 of 7, file 5.9" in words and "extended channel interpretation 000026" in words


def test_what_was_tried_is_told_and_drawn(place: Path, tmp_path: Path) -> None:
    broken = modules("DESTROYED", "24x24")
    broken[2:-2, 2:-2] = np.random.default_rng(3).integers(0, 2, (20, 20))
    picture, corners = draw(broken, 6.0, 20.0)
    cv2.imwrite(str(tmp_path / "broken.png"), picture)
    call = ("inspect", "broken.png", "--decode-only", "--second-opinion-ms", 0)
    done = vision(*call, "--json", "--debug-picture", "seen.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)["tried"][0]
    assert (first["failure"], first["rows"], first["columns"]) == ("too many errors", 24, 24)
    assert np.abs(np.mean(first["corners"], axis=0) - corners.mean(axis=0)).max() < 3
    drawn = cv2.imread(str(tmp_path / "seen.png"))
    scale = drawn.shape[0] / picture.shape[0]
    x, y = np.rint((corners[0] + corners[1]) / 2 * scale).astype(int)  # the middle of the upright side of the L
    near = drawn[y - 6 : y + 7, x - 6 : x + 7].astype(int)
    assert (near.max(axis=2) - near.min(axis=2)).max() > 60  # coloured: the frame itself is grey
    assert "too many errors" in vision(*call, cwd=tmp_path).stdout
    refused(vision("inspect", "pack.png", "pack.jpg", "--debug-picture", "x.png", cwd=place), "--debug-picture", "expected one")
    refused(vision("inspect", "pack.png", "--debug-picture", "none/x.png", cwd=place), "none/x.png")


def test_symbols_and_decode_only_hold_under_an_order_too(place: Path) -> None:
    call = ("inspect", "pack.png", "--json", "--order", DEMO / "order.json", "--symbols", 2, "--decode-only")
    found = json.loads(vision(*call, cwd=place).stdout)
    assert found["verdict"]["reasons"][0] == "WRONG_SYMBOL_COUNT" and found["symbols"][0]["grade"] is None


def test_one_code_too_many_is_seen(place: Path) -> None:
    once = cv2.imread(str(place / "pack.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(place / "twice.png"), np.hstack((once, once)))
    found = json.loads(vision("inspect", "twice.png", "--json", "--symbols", 1, "--decode-only", cwd=place).stdout)
    assert len(found["symbols"]) == 2 and "WRONG_SYMBOL_COUNT" in found["verdict"]["reasons"]


def test_require_asks_for_a_readable_symbol(place: Path) -> None:
    cv2.imwrite(str(place / "blank.png"), np.full((200, 200), 200, np.uint8))
    done = vision("inspect", "blank.png", "--require", "--json", cwd=place)
    assert done.returncode == 1
    assert json.loads(done.stdout)["symbols"] == [] and json.loads(done.stdout)["verdict"]["reasons"] == ["NO_SYMBOL"]


def test_a_simulated_camera_is_listed_shown_grabbed_and_recorded(tmp_path: Path) -> None:
    ours, profile = ("--producer", "simulator"), "simulator_1280x1024_line0"
    listed = vision("camera", "list", *ours, "--json", cwd=tmp_path)
    assert json.loads(listed.stdout)["serial_number"] == "SIM0001"
    shown = vision("camera", "show", profile, *ours, "--json", cwd=tmp_path)
    assert shown.returncode == 0
    assert not any(json.loads(row)["differs"] for row in shown.stdout.splitlines())
    refused(vision("camera", "show", profile, *ours, "--serial-number", "NONE", cwd=tmp_path), "NONE", "SIM0001")
    assert vision("camera", "grab", profile, *ours, "--out", "one.png", cwd=tmp_path).returncode == 0
    assert cv2.imread(str(tmp_path / "one.png"), cv2.IMREAD_GRAYSCALE).shape == (1024, 1280)
    assert vision("camera", "record", profile, "frames", *ours, "--frames", 4, cwd=tmp_path).returncode == 0
    with Recording.open(tmp_path / "frames") as recording:
        assert len(recording) == 4


def test_check_tells_all_and_doubts_a_silent_plc(tmp_path: Path) -> None:
    (tmp_path / "line.toml").write_text(line_text())
    fine = vision("check", "line.toml", "--order", DEMO / "order.json", cwd=tmp_path)
    assert fine.returncode == 0, fine.stderr
    assert "memory" in fine.stdout and "travel" in fine.stdout and "TriggerMode[TriggerSelector=FrameStart]" in fine.stdout
    (tmp_path / "line.toml").write_text(line_text(port="port = 1", simulate_plc="simulate_plc = false"))
    doubt = vision("check", "line.toml", "--no-camera", cwd=tmp_path)
    assert doubt.returncode == 2 and "127.0.0.1:1" in doubt.stderr and len(doubt.stderr.splitlines()) == 1


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    for name, part in getattr(command, "commands", {}).items():
        yield from every_command(part, (*path, name))


@pytest.mark.parametrize("command", list(every_command(typer.main.get_command(app))), ids=" ".join)
def test_help_shows_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert call([*command, "--help"]) == 0
    example = " ".join(capsys.readouterr().out.partition("Example:")[2].split())
    assert f"vision {' '.join(command)} " in example


@pytest.mark.parametrize("group", ["", "aggregate", "batch", "camera", "results"])
def test_lists_of_commands_say_each_in_a_whole_sentence(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([*group.split(), "--help"]) == 0
    rows = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert rows and not [row for row in rows if not row.endswith(".") or row.endswith("...")]

"""A tray of 40 containers through the whole line: one trigger, many codes, a verdict per place, a row that says so."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.decode.rendering import draw, modules
from vision.config import load_line
from vision.content.order import load_order
from vision.pipeline.run import run_line
from vision.results.reader import open_batch
from vision.results.verify import verify
from vision.trace.records import Question, Records

GTIN, LOT, EXPIRY = "04012345678901", "L1", "281231"
ROWS, COLUMNS, PITCH = 5, 8, 150


def tray(serials: list[str | None], turn_deg: float = 0.0, shift: tuple[int, int] = (0, 0)) -> np.ndarray:  # type: ignore[type-arg]
    """A picture of a tray: a code for each serial, place by place, row by row; None = an empty place."""
    picture = np.full((900, 1400), 215, np.uint8)
    for place, serial in enumerate(serials):
        if serial is None:
            continue
        text = f"(01){GTIN}(17){EXPIRY}(10){LOT}(21){serial}"
        code, _ = draw(modules(text, "20x20", gs1=True), px=5.0, seed=place, frame=(140, 140))
        x, y = 100 + PITCH * (place % COLUMNS) + 60, 60 + PITCH * (place // COLUMNS) + 60
        picture[y - 70 : y + 70, x - 70 : x + 70] = np.minimum(picture[y - 70 : y + 70, x - 70 : x + 70], code)
    centre = (160 + PITCH * (COLUMNS - 1) / 2, 120 + PITCH * (ROWS - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, turn_deg, 1.0)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, (1400, 900), flags=cv2.INTER_CUBIC, borderValue=215)


@pytest.fixture
def line(tmp_path: Path) -> Path:
    frames = tmp_path / "frames"
    frames.mkdir()
    good = [f"A{n:02d}" for n in range(40)]
    second: list[str | None] = [f"B{n:02d}" for n in range(40)]
    second[6] = None
    second[17] = "B18"  # the code of its neighbour
    third = [f"C{n:02d}" for n in range(40)]
    for number, picture in enumerate((tray(good, 1.5, (9, -7)), tray(second, -1.5, (-8, 6)), tray(third), tray(good)), 1):
        cv2.imwrite(str(frames / f"{number:04d}.png"), picture)
    order = {
        "order": "PO-1", "product": "Eye drops", "scheme": "GS1", "gtin": GTIN, "lot": LOT, "expiry": EXPIRY,
        "national_number": None, "serials": None, "quantity": 200, "grade_min": 0.0, "edition": "2011", "symbols_per_frame": 40,
    }  # fmt: skip
    (tmp_path / "order.json").write_text(json.dumps(order), "utf-8")
    path = tmp_path / "line.toml"
    path.write_text(
        f"""
[line]
name = "BFS"
results = "{tmp_path / "results"}"
deadline_ms = 9000.0
slots = 8
[[station]]
name = "TRAY"
[station.camera]
backend = "recorded"
source = "frames"
rate_hz = 1.0
loop = false
[station.recipe]
effort = 4096
count_extra = false
[station.recipe.layout]
rows = {ROWS}
columns = {COLUMNS}
x_px = 160.0
y_px = 120.0
pitch_x_px = {PITCH}.0
pitch_y_px = {PITCH}.0
tolerance_px = 30.0
shift_px = 30.0
rotation_deg = 3.0
[station.reject]
output = "modbus"
port = 0
simulate_plc = true
position_bits = true
distance_mm = 9500.0
speed_mm_per_s = 1000.0
""",
        "utf-8",
    )
    return path


def test_trays_through_the_whole_line(line: Path) -> None:
    summary = run_line(load_line(line), load_order(line.parent / "order.json"))
    assert (summary.counts.triggered, summary.counts.accepted, summary.counts.rejected) == (4, 2, 2), summary.counts.reasons
    folder = Path(summary.results)
    rows = open_batch(folder, ["accept", "reasons", "symbols"]).to_pylist()
    assert [row["accept"] for row in rows] == [True, False, True, False]
    for row, letter in ((rows[0], "A"), (rows[2], "C")):
        assert {symbol["position"]: symbol["serial"] for symbol in row["symbols"]} == {n + 1: f"{letter}{n:02d}" for n in range(40)}
        assert all(symbol["position_accept"] for symbol in row["symbols"])
    bad = {symbol["position"]: symbol["position_reasons"] for symbol in rows[1]["symbols"] if not symbol["position_accept"]}
    assert bad == {7: ["NO_SYMBOL"], 18: ["DUPLICATE_SERIAL"], 19: ["DUPLICATE_SERIAL"]}
    assert rows[1]["reasons"] == ["NO_SYMBOL", "WRONG_SYMBOL_COUNT", "DUPLICATE_SERIAL"]
    assert rows[3]["reasons"] == ["DUPLICATE_SERIAL"], "the first tray's serials again"
    log = [line.split(",")[1:] for line in (folder / "logs" / "plc.TRAY.csv").read_text("ascii").splitlines()[1:]]
    verdicts = {int(sequence): verdict for sequence, verdict, _ in log if verdict != "PLACES"}
    assert verdicts == {1: "PASS", 2: "REJECT", 3: "PASS", 4: "REJECT"}
    told = [(sequence, int(bits, 16)) for sequence, verdict, bits in log if verdict == "PLACES"]
    assert told == [("2", 1 << 6 | 1 << 17 | 1 << 18)]
    order = [(sequence, verdict) for sequence, verdict, _ in log if sequence == "2"]
    assert order == [("2", "PLACES"), ("2", "REJECT")], "the places first"
    assert verify(folder) == []
    passed = Records(folder.parents[1]).select(Question(lot=LOT, accepted_only=True)).to_pylist()
    assert {(pack["serial"], pack["position"]) for pack in passed} == {(f"{c}{n:02d}", n + 1) for c in "AC" for n in range(40)}

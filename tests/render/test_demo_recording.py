"""The shipped recording: whole, small enough, its truth true to its order, its symbols readable by a foreign decoder."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
import zxingcpp

from vision.cameras.recorded import Recording

DEMO = Path(__file__).resolve().parents[2] / "vision" / "demo"
PACKS = DEMO / "packs.zip"
KINDS = {
    "good", "NO_SYMBOL", "NOT_DECODED", "LOW_GRADE", "WRONG_LOT", "WRONG_EXPIRY", "WRONG_PRODUCT", "BAD_CHECK_DIGIT",
    "UNKNOWN_SERIAL", "DUPLICATE_SERIAL", "NOT_GS1", "MISSING_ELEMENT", "MISSING_ELEMENT|WRONG_LOT", "BAD_SYNTAX",
    "WRONG_SYMBOL_COUNT",
}  # fmt: skip
UNREADABLE = {"NO_SYMBOL", "NOT_DECODED"}


@pytest.fixture(scope="module")
def truth() -> list[dict[str, str]]:
    with (DEMO / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def order() -> dict[str, object]:
    loaded: dict[str, object] = json.loads((DEMO / "order.json").read_text(encoding="utf-8"))
    return loaded


def _elements(text: str) -> dict[str, str]:
    """Element strings taken apart by length and separator alone: enough for 01, 17, 10 and 21."""
    elements: dict[str, str] = {}
    while text:
        identifier, text = text[:2], text[2:]
        if identifier in ("01", "17"):
            length = {"01": 14, "17": 6}[identifier]
            elements[identifier], text = text[:length], text[length:].removeprefix("<GS>")
        else:
            elements[identifier], _, text = text.partition("<GS>")
    return elements


def _sum_of_gtin(gtin: str) -> int:
    return sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(gtin)) % 10


def test_whole_and_small(truth: list[dict[str, str]]) -> None:
    assert sum(file.stat().st_size for file in DEMO.rglob("*") if file.is_file()) <= 10_000_000
    recording = Recording.open(PACKS)
    assert (len(recording), recording.width, recording.height) == (320, 1280, 1024)
    assert 6 <= len(recording.backgrounds) <= 8
    assert [int(row["index"]) for row in truth] == list(range(len(recording)))
    for index, (background, x, y, patch) in enumerate(recording.parts()):
        assert background is not None
        assert (patch is None) == (truth[index]["kind"] == "NO_SYMBOL")
        if patch is not None:
            corners = [float(truth[index][f"{axis}{corner}"]) for corner in range(4) for axis in "xy"]
            assert all(x < value < x + patch.shape[1] for value in corners[0::2])
            assert all(y < value < y + patch.shape[0] for value in corners[1::2])


def test_every_kind_early_and_most_packs_good(truth: list[dict[str, str]]) -> None:
    assert {row["kind"] for row in truth[:100]} == KINDS == {row["kind"] for row in truth}
    counts = Counter(row["kind"] for row in truth)
    assert 0.80 <= counts["good"] / len(truth) <= 0.84
    assert all(count >= 3 for count in counts.values())


def test_order_holds(order: dict[str, object]) -> None:
    serials = order["serials"]
    assert isinstance(serials, list) and len(serials) == len(set(serials)) == order["quantity"]
    assert _sum_of_gtin(str(order["gtin"])) == 0
    assert (order["scheme"], order["edition"], order["grade_min"], order["symbols_per_frame"]) == ("GS1", "2011", 1.5, 1)


def test_truth_follows_from_content_and_order(truth: list[dict[str, str]], order: dict[str, object]) -> None:
    """Each content, parsed here and held against the order, is wrong in the one way that its kind names."""
    wanted = {"01": order["gtin"], "17": order["expiry"], "10": order["lot"]}
    allocated = set(order["serials"])  # type: ignore[call-overload]
    seen: set[str] = set()
    print_faults = {"good", "LOW_GRADE", "NOT_DECODED", "NOT_GS1", "WRONG_SYMBOL_COUNT"}
    for row in truth:
        if row["kind"] == "NO_SYMBOL":
            assert row["text"] == ""
            continue
        texts = row["text"].split("|")
        elements = _elements(texts[0])
        assert len(texts) == (2 if row["kind"] == "WRONG_SYMBOL_COUNT" else 1)
        differs = {name for name, value in wanted.items() if elements.get(name) != value}
        expected = {
            "WRONG_LOT": {"10"}, "WRONG_EXPIRY": {"17"}, "BAD_SYNTAX": {"17"}, "WRONG_PRODUCT": {"01"}, "BAD_CHECK_DIGIT": {"01"},
            "MISSING_ELEMENT": {"10"}, "MISSING_ELEMENT|WRONG_LOT": {"10"},
        }.get(row["kind"], set())  # fmt: skip
        assert differs == expected, row
        assert (_sum_of_gtin(elements["01"]) != 0) == (row["kind"] == "BAD_CHECK_DIGIT")
        assert (elements["17"][2:4] > "12") == (row["kind"] == "BAD_SYNTAX")
        assert ("10" not in elements) == (row["kind"] == "MISSING_ELEMENT")
        assert ("21" not in elements) == (row["kind"] == "MISSING_ELEMENT|WRONG_LOT")
        if "21" not in elements:
            assert elements["10"].startswith(f"{order['lot']}21") and len(elements["10"]) <= 20
            continue
        assert (elements["21"] not in allocated) == (row["kind"] == "UNKNOWN_SERIAL")
        assert (elements["21"] in seen) == (row["kind"] == "DUPLICATE_SERIAL"), row
        seen.add(elements["21"])
        assert expected or row["kind"] in print_faults | {"UNKNOWN_SERIAL", "DUPLICATE_SERIAL"}


def test_a_foreign_decoder_reads_what_the_truth_says(truth: list[dict[str, str]]) -> None:
    recording = Recording.open(PACKS)
    bad = [index for index, row in enumerate(truth) if row["kind"] != "good"]
    good = [index for index, row in enumerate(truth) if row["kind"] == "good"][::4]
    for index in sorted(bad + good):
        row = truth[index]
        found = zxingcpp.read_barcodes(recording.frame(index), formats=zxingcpp.BarcodeFormat.DataMatrix)
        texts = sorted(symbol.bytes.decode().replace("\x1d", "<GS>") for symbol in found)
        assert texts == ([] if row["kind"] in UNREADABLE else sorted(row["text"].split("|"))), index
        assert {symbol.symbology_identifier for symbol in found} <= {"]d1" if row["kind"] == "NOT_GS1" else "]d2"}, index


def test_good_symbols_are_clearly_good(truth: list[dict[str, str]]) -> None:
    """Contrast and scale of the good ones and of the faint ones leave room for any grader's tolerance."""
    good = [row for row in truth if row["kind"] == "good"]
    assert min(float(row["contrast"]) for row in good) >= 0.75
    assert min(float(row["px_per_module"]) for row in good) >= 7.0
    faint = [float(row["contrast"]) for row in truth if row["kind"] == "LOW_GRADE" and float(row["contrast"]) < 0.7]
    assert faint and max(faint) < 0.36

"""Serials that come in files: every kind of mistake is named with file, row and rule, and nothing is half-loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.batch.packing import GTIN, line_file, order_file, start_batch, vision
from vision.content.serial_set import SerialSet, lines_of

GOOD = [f"G{number:04d}" for number in range(100)]
MISTAKES = {
    "twice": ("\n".join([*GOOD, "G0007"]), "row 101: 'G0007' stands twice"),
    "too long": ("\n".join([*GOOD, "X" * 21]), "row 101: 'XXXXXXXXXXXXXXXXXXXXX' is wrong: expected a serial, 1 to 20 characters"),
    "a blank": ("\n".join([*GOOD, "A B"]), "row 101: 'A B' is wrong"),
    "a control character": ("\n".join([*GOOD, "A\x1dB"]), "row 101: 'A\\x1dB' is wrong"),
    "not of set 82": ("\n".join([*GOOD, "Grüße"]), "row 101: 'Gr\\xfc\\xdfe' is wrong"),
    "empty in quotes": ("\n".join([*GOOD, '""']), "row 101: '' is wrong"),
    "two columns": ("\n".join([*GOOD, "A,B"]), "row 101: 2 columns, expected 1"),
    "open quotes": ("\n".join([*GOOD, '"A']), "is not CSV"),
    "not UTF-8": (b"G1\n\xff\xfe\n", "is not UTF-8 text"),
    "empty": ("", "no serial"),
    "only a heading": ("serial\n", "no serial"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_pool_file_with_a_mistake(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, words = MISTAKES[mistake]
    file = tmp_path / "new.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = line_file(tmp_path)
    assert vision("batch", "pool", line, GTIN, "--load", file) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(file) in error and words in error
    assert vision("batch", "pool", line, GTIN, "--json") == 0
    assert json.loads(capsys.readouterr().out)["serials"] == {}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_block_list_with_a_mistake(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, words = MISTAKES[mistake]
    file = tmp_path / "stolen.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    batch = start_batch(tmp_path)
    capsys.readouterr()
    assert vision("batch", "block", batch.folder, "--file", file, "--kind", "stolen") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(file) in error and words in error
    with batch.pool() as pool:
        assert pool.blocked(batch.product) == {}


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name not in ("empty", "only a heading")])
def test_an_order_whose_serials_have_a_mistake(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, words = MISTAKES[mistake]
    file = tmp_path / "ordered.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    order = order_file(tmp_path, {"file": "ordered.csv"}, quantity=1)
    assert vision("batch", "start", line_file(tmp_path), order) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "ordered.csv" in error and words in error
    assert not (tmp_path / "results").exists()


def test_serials_that_are_there_already_are_named_and_nothing_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, file = line_file(tmp_path), tmp_path / "new.csv"
    file.write_text("\n".join(GOOD))
    assert vision("batch", "pool", line, GTIN, "--load", file) == 0
    file.write_text("\n".join(["N1", "G0042"]))
    capsys.readouterr()
    assert vision("batch", "pool", line, GTIN, "--load", file) == 2
    assert f"serial 'G0042' of product {GTIN} is Unallocated already" in capsys.readouterr().err
    assert vision("batch", "pool", line, GTIN, "--json") == 0
    assert json.loads(capsys.readouterr().out)["serials"] == {"Unallocated": 100}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("04012345678902", "expected check digit 1"),
        ("110375286415", "modulo 97"),
        ("../x", "expected a GTIN of 14 digits or a PPN"),
    ],
)
def test_a_product_that_is_none(code: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vision("batch", "pool", line_file(tmp_path), code) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["postgresql://nobody", "mysql://a@b/c", "sqlite:/nowhere/at/all.db", "postgresql://a@127.0.0.1:1/x"]
)
def test_a_pool_that_cannot_be_opened(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pg8000", reason="the extra `postgresql` is not installed")
    assert vision("batch", "start", line_file(tmp_path, pool=address), order_file(tmp_path, ["A"])) == 2
    error = capsys.readouterr().err
    assert error.startswith("vision: pool") and error.count("\n") == 1
    line = tmp_path / "results" / "L1"
    assert not line.exists() or not [path for path in line.iterdir() if path.is_dir()]


def test_another_programs_database_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3

    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    assert vision("batch", "start", line_file(tmp_path, pool=f"sqlite:{path}"), order_file(tmp_path, ["A"])) == 2
    assert "is a database of another program" in capsys.readouterr().err
    (tmp_path / "text.db").write_text("no database at all, only words that go on for a while")
    assert vision("batch", "start", line_file(tmp_path, pool=f"sqlite:{tmp_path / 'text.db'}"), order_file(tmp_path, ["A"])) == 2


@pytest.mark.parametrize("text", ["serial\r\nA\r\nB\r\n", "A\nB", "\ufeffA\n\nB\n", 'SERIAL\n"A"\nB\n'])
def test_plain_and_quoted_files_say_the_same(text: str, tmp_path: Path) -> None:
    from vision.content.order import load_serials

    (tmp_path / "f.csv").write_bytes(text.encode())
    assert load_serials(tmp_path / "f.csv") == {"A", "B"}
    quick = lines_of(text.encode())
    assert quick == SerialSet.of(["A", "B"]) or '"' in text

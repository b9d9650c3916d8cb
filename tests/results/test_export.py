"""Hostile serials are legal; none of them may do anything where it comes out, and each comes back as it was."""

from __future__ import annotations

import csv
import json
import string
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.results.samples import GTIN, record
from vision.results.export import CSV_COLUMNS, Format, csv_cell, export, json_rows, printable, show
from vision.results.folder import ResultsError
from vision.results.reader import open_batch, query
from vision.results.schema import SCHEMA
from vision.results.writer import BatchWriter
from vision.types import Reason

HOSTILE = [
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "'=1",
    " =1+1",
    "=cmd|'/C calc'!A0",
    "<script>alert(1)",
    "&lt;b>",
    "../../etc/passwd",
    '"",""',
    "a,b;c",
    "';DROP TABLE results",
    "%s%n%x",
    "a\r\n=1+1",
    "\t=1+1",
    "\x1b[2J\x1b]0;x\x07",
    "\x00\x7f\x9b31m",
    "a\u202eb",
    "a\u2028b",
    "＝1+1",
    "ü\U0001f48a",
]
CONTROL = {chr(code) for code in (*range(32), *range(127, 160))} | {"\u2028", "\u2029", "\u202e"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    writer = BatchWriter(folder, {})
    writer.append([record(trigger, serial=serial) for trigger, serial in enumerate(HOSTILE)])
    writer.append([record(len(HOSTILE), Reason.NO_SYMBOL, symbols=b"", detail="=1+1\x1b[2J")])
    writer.commit()
    writer.close()
    return folder


def test_no_cell_of_the_csv_is_a_formula_or_has_a_control_character(hostile: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert export(open_batch(hostile), path, "csv") == len(HOSTILE) + 1
    text = path.read_bytes().decode()
    assert not (set(text) - {"\r", "\n"}) & CONTROL
    assert text.count("\n") == text.count("\r\n") == len(HOSTILE) + 2  # one line each: none was broken in two
    lines = list(csv.DictReader(text.splitlines()))
    for line in lines:
        for name, cell in line.items():
            assert not cell.lstrip().startswith(("=", "@", "＝")), (name, cell)
            if cell.startswith(("+", "-")):
                float(cell)  # only numbers of ours begin so
    for line, serial in zip(lines[:-1], HOSTILE, strict=True):
        assert bytes.fromhex(line["bytes_hex"]) == f"01{GTIN}21{serial}\x1d17271231".encode()
        cell = line["serial"][1:] if line["serial"].startswith("'") else line["serial"]
        assert cell == printable(serial)
    assert lines[-1]["detail"] == "'=1+1<ESC>[2J" and lines[-1]["bytes_hex"] == "" and lines[-1]["reasons"] == "NO_SYMBOL"


def test_the_csv_has_all_that_was_found(hostile: Path, tmp_path: Path) -> None:
    export(open_batch(hostile), tmp_path / "out.csv", "csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        line = next(iter(csv.DictReader(file)))
    assert list(line) == CSV_COLUMNS
    assert (line["trigger"], line["accept"], line["utc"]) == ("0", "true", "2026-11-18T11:06:40.000000000Z")
    assert (line["grade_overall"], line["symbol_contrast_value"], line["modulation_grade"]) == ("2.0", "0.82", "3.0")
    assert (line["codewords_corrected"], line["inverted"], line["rescue"]) == ("1", "true", "libdmtx")
    assert json.loads(line["elements"])["01"] == GTIN and json.loads(line["fixed_pattern_segments"])["L2"] == 3.0
    assert len(json.loads(line["corners"])) == 4
    assert line["print_growth_grade"] == ""


def test_json_comes_back_as_it_was_and_may_stand_in_a_page(hostile: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    export(open_batch(hostile), path, "json")
    text = path.read_text("ascii")
    assert not set(text) & {"<", ">", "&"} and not (set(text) - {"\n"}) & CONTROL
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["symbols"][0]["serial"] for row in rows[:-1]] == HOSTILE
    assert rows[-1]["symbols"] == [] and rows[-1]["reasons"] == ["NO_SYMBOL"]
    symbol = rows[0]["symbols"][0]
    assert symbol["bytes_hex"].startswith("3031") and len(symbol["corners"]) == 4 and len(symbol["corners"][0]) == 2
    assert symbol["grade"]["parameters"]["modulation"] == {"value": None, "grade": 3.0}
    assert "print_growth" not in symbol["grade"]["parameters"]


def test_parquet_holds_the_table(hostile: Path, tmp_path: Path) -> None:
    table = open_batch(hostile)
    export(table, tmp_path / "out.parquet", "parquet")
    assert list(json_rows(pq.read_table(tmp_path / "out.parquet"))) == list(json_rows(table))


def test_nothing_reaches_a_terminal_raw(hostile: Path) -> None:
    shown = show(open_batch(hostile))
    assert len(shown) == len(HOSTILE) + 1
    assert all(cell.isprintable() for row in shown for cell in row.values())
    assert "<ESC>[2J<ESC>]0;x<BEL>" in shown[16]["text"] and "<U+202E>" in shown[18]["text"]
    assert (shown[-1]["verdict"], shown[-1]["reasons"], shown[-1]["decision_ms"]) == ("reject", "NO_SYMBOL", "4.0")
    assert [row["trigger"] for row in show(open_batch(hostile), limit=2)] == [str(len(HOSTILE) - 1), str(len(HOSTILE))]


@given(st.text(st.one_of(st.characters(), st.sampled_from(string.printable)), max_size=20))
def test_no_text_becomes_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert cell.isprintable() and not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert (cell[1:] if cell.startswith("'") else cell) == printable(text)


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_an_empty_batch_is_exported(form: Format, tmp_path: Path) -> None:
    assert export(SCHEMA.empty_table(), tmp_path / "out", form) == 0
    assert (tmp_path / "out").exists()


def test_an_export_is_whole_or_not_there(hostile: Path, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"none/out\.csv: cannot be written"):
        export(open_batch(hostile), tmp_path / "none" / "out.csv", "csv")
    unknown: Any = "xls"
    with pytest.raises(ResultsError, match="'xls': no such format"):
        export(open_batch(hostile), tmp_path / "out.xls", unknown)
    assert list(tmp_path.iterdir()) == []


def test_sql_sees_the_rows(hostile: Path) -> None:
    table = query(
        hostile, "SELECT symbols[1].serial AS serial, symbols[1].grade.parameters.modulation.grade AS modulation FROM results"
    )
    assert table["serial"].to_pylist()[:-1] == HOSTILE and table["modulation"].to_pylist()[0] == 3.0
    assert query(hostile, "SELECT count(*) AS n FROM results WHERE NOT accept").to_pylist() == [{"n": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "COPY results TO '{folder}/out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SELECT * FROM folder",
        "SELECT * FROM os",
        "nonsense",
        "",
    ],
)
def test_sql_sees_nothing_else(sql: str, hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    if sql:
        with pytest.raises(ResultsError, match=r"^query: [^\n]*$"):
            query(hostile, sql.format(folder=tmp_path))
    else:
        assert query(hostile, sql).num_rows == 0
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]

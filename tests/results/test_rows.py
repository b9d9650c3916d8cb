"""The quick way to an Arrow message gives the bytes of the plain one, whatever the row holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.results.samples import finding, record, report, symbol
from vision.results.rows import UNFIT, RowEncoder, rows_to_batch
from vision.results.schema import PARAMETERS, SCHEMA, symbol_rows
from vision.types import CodewordCounts, Content, Finding, Parameter, Reading, Reason, Record

INT16, INT64 = st.integers(-(2**15), 2**15 - 1), st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats(allow_nan=True, allow_infinity=True)
TEXT = st.text(max_size=12)  # lone surrogates among them
REASONS = st.lists(st.sampled_from(list(Reason)), max_size=3).map(tuple)
NUMBERS = st.dictionaries(TEXT, st.none() | NUMBER, max_size=4)
PARAMETER = st.builds(Parameter, st.none() | NUMBER, NUMBER)
REPORTS = st.builds(
    report,
    overall=NUMBER,
    formal=st.text(alphabet="0123456789./", max_size=9),
    warnings=st.lists(st.sampled_from(["uncalibrated", ""]), max_size=2).map(tuple),
    parameters=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), PARAMETER, max_size=13),
    segments=st.dictionaries(TEXT, NUMBER, max_size=3).map(
        lambda numbers: {k.encode("utf-8", "replace").decode(): v for k, v in numbers.items()}
    ),
    informative=NUMBERS.map(lambda numbers: {k.encode("utf-8", "replace").decode(): v for k, v in numbers.items()}),
)
READINGS = st.builds(
    lambda payload, identifier, corrected, rescue: Reading(
        payload, identifier, np.zeros((24, 24), np.uint8), CodewordCounts(60, 36, 24, corrected, 0), (corrected,), (24,), rescue
    ),
    st.binary(max_size=40),
    st.sampled_from(["]d1", "]d2"]),
    st.integers(0, 2**31 - 1),
    st.sampled_from(["", "libdmtx"]),
)
CONTENTS = st.builds(Content, TEXT, st.dictionaries(st.sampled_from(["01", "21", "S", "ä"]), TEXT, max_size=3), REASONS)
FINDINGS = st.builds(Finding, st.just(symbol()), st.none() | READINGS, st.none() | CONTENTS, st.none() | REPORTS)
RECORDS = st.builds(
    Record,
    station=st.sampled_from(["S1", "Tür"]),
    trigger=st.integers(1, 2**40),
    reasons=REASONS,
    arrival_ns=st.integers(0, 2**60),
    utc_ns=st.integers(0, 2**62),
    decided_ns=st.integers(0, 2**60),
    revision=st.integers(0, 9),
    frame_id=st.none() | INT64,
    device_timestamp_ns=st.none() | INT64,
    encoder_count=st.none() | INT64,
    inspector=INT16,
    inspect_ns=st.integers(0, 2**60),
    symbols=st.lists(FINDINGS, max_size=3).map(symbol_rows),
    evidence=st.booleans(),
    detail=TEXT,
)


def plainly(records: list[Record]) -> bytes:
    return bytes(memoryview(rows_to_batch(records).serialize()))


def read(messages: bytes) -> pa.Table:
    """Rows as a reader of the stream finds them."""
    source = pa.BufferReader(messages)
    batches = []
    while source.tell() < len(messages):
        batches.append(pa.ipc.read_record_batch(pa.ipc.read_message(source), SCHEMA))
        batches[-1].validate(full=True)
    return pa.Table.from_batches(batches)


def shown(table: pa.Table) -> str:
    """All but utc (Python has no nanoseconds), as text, for nan is not nan."""
    return repr(table.drop_columns(["utc"]).to_pylist())


@given(RECORDS, st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_a_template_gives_the_bytes_of_arrow(row: Record, times: int) -> None:
    encoder = RowEncoder()
    records = [row] * times
    expected = plainly(records)
    assert [encoder.encode(records) for _ in range(3)] == [expected] * 3
    assert (encoder.learnt, encoder.plain) == (1, 2), "the third one went through the template"


@given(st.lists(RECORDS, min_size=1, max_size=4), st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_every_row_is_read_back_in_its_place(records: list[Record], repeats: int) -> None:
    encoder = RowEncoder()
    for _ in range(repeats):
        messages = encoder.encode(records)
    expected = pa.Table.from_batches([pa.ipc.read_record_batch(pa.ipc.read_message(pa.py_buffer(plainly(records))), SCHEMA)])
    found = read(messages)
    assert shown(found) == shown(expected)
    assert found["utc"].cast(pa.int64()).to_pylist() == [row.utc_ns for row in records]


@given(RECORDS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_template_holds_nothing_of_the_rows_it_was_learnt_from(one: Record, data: st.DataObject) -> None:
    """Same nulls, texts as long, other values: nothing of the first may show."""
    encoder = RowEncoder()
    for _ in range(2):
        encoder.encode([one, one])
    detail = data.draw(st.text(alphabet="abcß", min_size=len(one.detail), max_size=len(one.detail)))
    changed = replace(one, trigger=one.trigger + 1, arrival_ns=5, inspect_ns=7, inspector=3, detail=detail)
    for records in ([changed, changed], [one, changed], [changed, one]):
        assert shown(read(encoder.encode(records))) == shown(read(plainly(records)))


def test_ordinary_packs_share_a_template() -> None:
    encoder = RowEncoder()
    for trigger in range(10, 30, 2):
        records = [record(trigger), record(trigger + 1)]
        assert encoder.encode(records) == plainly(records)
    assert (encoder.learnt, encoder.plain) == (1, 2)


def test_a_message_is_read_back_under_the_schema() -> None:
    encoder = RowEncoder()
    for trigger in (11, 12, 13):
        messages = encoder.encode([record(trigger), record(trigger, Reason.NO_SLOT, symbols=b"")])
    table = read(messages)
    assert table["trigger"].to_pylist() == [13, 13] and table["reasons"].to_pylist() == [[], ["NO_SLOT"]]
    assert table["symbols"][0].as_py()[0]["serial"] == "SN13"
    assert (encoder.learnt, encoder.plain) == (2, 4), "a template for each of the two shapes"


@pytest.mark.parametrize("change", [{"inspector": 40_000}, {"encoder_count": 2**63}, {"symbols": b"\x80"}, {"frame_id": "x"}])
def test_what_does_not_fit_is_refused_and_not_written_as_something_else(change: dict[str, Any]) -> None:
    encoder = RowEncoder()
    good = [record(11), record(12)]
    for _ in range(3):
        encoder.encode(good)
    wrong = record(12, **change)
    with pytest.raises(UNFIT):
        rows_to_batch([wrong])
    with pytest.raises(UNFIT):
        encoder.encode([record(11), wrong])
    assert encoder.encode(good) == plainly(good)


def test_the_memory_of_templates_is_bounded() -> None:
    encoder = RowEncoder()
    for length in range(300):
        for _ in range(2):
            encoder.encode([record(1, symbols=b"", detail="x" * length)])
    assert encoder.learnt == 300 and len(encoder._templates) == 256
    tray = record(1, symbols=symbol_rows([finding(f"SN{n}") for n in range(60)]))
    for _ in range(3):
        assert encoder.encode([tray]) == plainly([tray])
    assert encoder.learnt == 300, "a tray's message is large, and cheap for each symbol"

"""Rows are compared field by field: what changed is named by its path, times are no difference."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from vision.pipeline.replay import _compared
from vision.results.schema import SCHEMA, SYMBOL


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [path for path, _, _ in _compared(before, after)]


def symbol(**cells: Any) -> dict[str, Any]:
    return {"text": "a", "grade": {"overall": 4.0, "informative": {"x": float("nan")}}, **cells}


def row(*symbols: dict[str, Any], **cells: Any) -> dict[str, Any]:
    return {"station": "S1", "trigger": 1, "accept": True, "reasons": [], "symbols": list(symbols), **cells}


def test_the_same_rows_differ_in_nothing() -> None:
    assert differing(row(symbol()), row(symbol(), trigger=9)) == []


def test_each_field_is_named() -> None:
    assert differing(row(symbol()), row(symbol(), accept=False, reasons=["LOW_GRADE"])) == ["accept", "reasons"]
    assert differing(row(symbol()), row(symbol(grade={"overall": 3.0, "informative": {"x": float("nan")}}))) == [
        "symbols.0.grade.overall"
    ]
    assert differing(row(symbol()), row(symbol(text="b"), symbol())) == ["symbols.count", "symbols.0.text"]
    assert differing(row(symbol()), row(symbol(grade=None))) == ["symbols.0.grade"]


def test_a_field_that_only_the_newer_file_has_is_no_difference() -> None:
    assert differing(row(symbol()), row(symbol(new=1), added=2)) == []


def test_what_is_compared_is_in_the_schema() -> None:
    from vision.pipeline.replay import COMPARED

    assert set(COMPARED) <= set(SCHEMA.names) and pa.types.is_struct(SYMBOL)

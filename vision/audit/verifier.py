"""In-line against a verifier: its values from a CSV, paired with ours by what the codes say, bias and spread per parameter.

Columns: `text` (element strings in brackets, or plain; separators may be left out) or `bytes_hex`, and any of `overall`,
`<parameter>_grade` and `<parameter>_value` with names as in `vision inspect --json`; `<parameter>_percent` is a value in percent.
Other columns are named in the report and not used. A content that stands more than once counts with its mean.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from vision.audit.sources import AuditError
from vision.audit.summary import parts
from vision.results.schema import PARAMETERS

LEAST_PAIRS = 3
"""Pairs below which nothing is said of bias and spread."""

_BRACKETS = re.compile(r"\((\d{2,4})\)")
_IDENTIFIER = re.compile(r"^\](d[0-6])")


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """One number measured by both: pairs (n, 2), in-line first. bias: mean difference; spread: 1.96 standard deviations of it."""

    name: str
    pairs: npt.NDArray[np.float64]

    @property
    def differences(self) -> npt.NDArray[np.float64]:
        return self.pairs[:, 0] - self.pairs[:, 1]

    @property
    def bias(self) -> float:
        return float(self.differences.mean())

    @property
    def spread(self) -> float:
        return 1.96 * float(self.differences.std(ddof=1))

    @property
    def largest(self) -> float:
        return float(np.abs(self.differences).max())


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What was compared: agreements by name; contents of the verifier that we have not, and columns that were not used."""

    agreements: tuple[Agreement, ...]
    paired: int
    unpaired: tuple[str, ...]
    unused: tuple[str, ...]


def key_of(payload: bytes) -> str:
    """What a payload is paired by: its characters without separators."""
    return payload.replace(b"\x1d", b"").decode("latin-1")


def _key_of_text(text: str) -> str:
    text = _IDENTIFIER.sub("", text.strip()).replace("<GS>", "").replace("\x1d", "")
    return _BRACKETS.sub(r"\1", text) if text.startswith("(") else text


def read_verifier(path: Path) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    """Mean values by content, and the columns that were not used. Raises AuditError naming file, row and column."""
    sums: dict[str, dict[str, list[float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, strict=True)
            names = list(rows.fieldnames or ())
            content = next((name for name in ("bytes_hex", "text") if name in names), None)
            wanted = {name: found for name in names if (found := _column(name)) is not None}
            if content is None or not wanted:
                raise AuditError(
                    f"{path}: row 1: expected a column text or bytes_hex and at least one of overall, <parameter>_grade, "
                    "<parameter>_value or <parameter>_percent"
                )
            for number, row in enumerate(rows, start=2):
                key = _content(row[content] or "", content, f"{path}: row {number}")
                for name, (own, factor) in wanted.items():
                    text = (row[name] or "").strip()
                    if text:
                        value = _number(text, f"{path}: row {number}: column {name!r}") * factor
                        sums.setdefault(key, {}).setdefault(own, []).append(value)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuditError(f"{path}: cannot be read as CSV ({getattr(error, 'strerror', None) or error})") from None
    if not sums:
        raise AuditError(f"{path}: holds no values")
    means = {key: {name: sum(found) / len(found) for name, found in values.items()} for key, values in sums.items()}
    return means, tuple(name for name in names if name not in wanted and name != content)


def _column(name: str) -> tuple[str, float] | None:
    """Our name for a column, and what its numbers are multiplied by; None for a column of no use."""
    if name in ("overall", "overall_grade"):
        return "overall", 1.0
    parameter, _, kind = name.rpartition("_")
    if parameter not in PARAMETERS or kind not in ("grade", "value", "percent"):
        return None
    return f"{parameter}_{'grade' if kind == 'grade' else 'value'}", 0.01 if kind == "percent" else 1.0


def _content(text: str, column: str, where: str) -> str:
    if not text.strip():
        raise AuditError(f"{where}: column {column!r} is empty, expected what the code says")
    if column == "text":
        return _key_of_text(text)
    try:
        return key_of(bytes.fromhex(text))
    except ValueError:
        raise AuditError(f"{where}: column {column!r}: {text[:40]!a} is not hexadecimal") from None


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AuditError(f"{where}: {text[:40]!a} is not a number")
    return value


def compare(folder: Path, path: Path) -> Verification:
    """Our values of a dataset beside those of a verifier's file. Raises AuditError; also where no content is in both."""
    theirs, unused = read_verifier(path)
    ours = _ours(folder, theirs)
    both = sorted(key for key in theirs if key in ours)
    if not both:
        raise AuditError(f"{path}: none of its {len(theirs)} contents is among the codes of this audit")
    names = list(dict.fromkeys(name for key in both for name in theirs[key]))
    agreements = []
    for name in names:
        pairs = [(ours[key][name], theirs[key][name]) for key in both if name in ours[key] and name in theirs[key]]
        if len(pairs) >= LEAST_PAIRS:
            agreements.append(Agreement(name, np.array(pairs, dtype=np.float64)))
    return Verification(tuple(agreements), len(both), tuple(sorted(set(theirs) - set(ours))), unused)


def _ours(folder: Path, wanted: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Mean values by content of the symbols in a dataset whose content is wanted."""
    sums: dict[str, dict[str, list[float]]] = {}
    for table in parts(folder, ["payload", "grade"]):
        grade = table["grade"].combine_chunks()
        columns = {"overall": pc.struct_field(grade, "overall").to_pylist()}
        parameters = pc.struct_field(grade, "parameters")
        for name in PARAMETERS:
            for kind in ("grade", "value"):
                columns[f"{name}_{kind}"] = pc.struct_field(parameters, [name, kind]).to_pylist()
        for row, payload in enumerate(table["payload"].to_pylist()):
            key = None if payload is None else key_of(payload)
            if key in wanted:
                for name, values in columns.items():
                    if values[row] is not None:
                        sums.setdefault(str(key), {}).setdefault(name, []).append(values[row])
    return {key: {name: sum(found) / len(found) for name, found in values.items()} for key, values in sums.items()}

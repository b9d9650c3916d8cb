"""What is followed over an audit: one number per symbol and measure, as arrays.

A dataset is read file by file: what stays in memory is some forty small numbers per symbol, never a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vision.audit.limits import MEASURES
from vision.audit.summary import parts
from vision.results.schema import PARAMETERS

Floats = npt.NDArray[np.float64]

_INFORMATIVE = ("contrast_uniformity", "print_growth_horizontal", "print_growth_vertical", "reflectance_max", "reflectance_min")


@dataclass(frozen=True, slots=True, eq=False)
class Symbols:
    """All graded symbols of a dataset, in order; arrays of one length.

    source, frame, index: where each comes from. time_ns: wall clock, or the camera's; 0 where neither is known. place: position on
    the tray as a line recorded it, 0 = none. x, y: of its middle, as a share of the frame. values: by measure, nan where there is
    none. grades: by graded parameter. sizes: rows * 1000 + columns.
    """

    source: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    x: Floats
    y: Floats
    sizes: npt.NDArray[np.int64]
    values: Mapping[str, Floats]
    grades: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.source)

    def of(self, source: int) -> Symbols:
        """Those of one source."""
        return self.where(self.source == source)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Symbols:
        return Symbols(
            self.source[chosen],
            self.frame[chosen],
            self.index[chosen],
            self.time_ns[chosen],
            self.place[chosen],
            self.x[chosen],
            self.y[chosen],
            self.sizes[chosen],
            {name: values[chosen] for name, values in self.values.items()},
            {name: values[chosen] for name, values in self.grades.items()},
        )


_COLUMNS = (
    "source", "frame", "utc", "device_timestamp_ns", "width", "height", "symbol_index", "rows", "columns", "corners", "grade",
    "position",
)  # fmt: skip
_PROFILES = ("columns_dark", "columns_light", "rows_dark", "rows_light")


def read_symbols(folder: Path, regraded: bool = False) -> Symbols:
    """The graded symbols of a dataset. regraded: by the other recipe, where the frame was graded by it."""
    pieces = []
    for table in parts(folder, [*_COLUMNS, *_PROFILES, "regrade"]):
        grade = table["grade"].combine_chunks()
        if regraded:
            grade = pc.struct_field(table["regrade"].combine_chunks(), "grade")
        valid = pc.is_valid(grade)
        pieces.append(_symbols(table.filter(valid), grade.filter(valid)))
    if not pieces:
        raise ValueError(f"{folder}: no file of a dataset")
    return _joined(pieces)


def _symbols(table: pa.Table, grade: pa.StructArray) -> Symbols:
    parameters, informative = pc.struct_field(grade, "parameters"), pc.struct_field(grade, "informative")
    grades = {name: _floats(pc.struct_field(parameters, [name, "grade"])) for name in PARAMETERS}
    overall = _floats(pc.struct_field(grade, "overall"))
    values = {"overall": overall}
    for name in MEASURES:
        if name in _INFORMATIVE:
            values[name] = _floats(pc.map_lookup(informative, pa.scalar(name), "first"))
        elif name.endswith("_grade"):
            values[name] = grades[name.removesuffix("_grade")]
        elif name in PARAMETERS:
            values[name] = _floats(pc.struct_field(parameters, [name, "value"]))
    for axis, name in (("columns", "weakest_column"), ("rows", "weakest_row")):
        lows = [_lowest(profile) for kind in ("dark", "light") for profile in [table[f"{axis}_{kind}"]]]
        values[name] = np.fmin(lows[0], lows[1])
    corners = _floats(pc.list_flatten(table["corners"].combine_chunks())).reshape(-1, 4, 2)
    with np.errstate(invalid="ignore"):
        x, y = corners[..., 0].mean(axis=1) / _floats(table["width"]), corners[..., 1].mean(axis=1) / _floats(table["height"])
    utc = pc.coalesce(table["utc"].cast(pa.int64()), table["device_timestamp_ns"], pa.scalar(0, pa.int64()))
    names = ("source", "frame", "symbol_index", "rows", "columns")
    whole = {name: np.asarray(table[name].to_numpy(), dtype=np.int64) for name in names}
    return Symbols(
        whole["source"],
        whole["frame"],
        whole["symbol_index"],
        np.asarray(utc.to_numpy(), dtype=np.int64),
        np.asarray(pc.fill_null(table["position"], 0).to_numpy(), dtype=np.int64),
        x,
        y,
        whole["rows"] * 1000 + whole["columns"],
        values,
        {**grades, "overall": overall},
    )


def _floats(array: pa.Array | pa.ChunkedArray) -> Floats:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _lowest(profiles: pa.ChunkedArray) -> Floats:
    """The lowest of each profile less its median; the outermost two, finder and clock track, left out; nan where there is none."""
    found = np.full(len(profiles), np.nan)
    for number, profile in enumerate(profiles.to_pylist()):
        if profile is not None:
            inner = np.asarray(profile[1:-1], dtype=np.float64)
            inner = inner[~np.isnan(inner)]
            if len(inner) > 4:
                found[number] = inner.min() - np.median(inner)
    return found


def _joined(pieces: Sequence[Symbols]) -> Symbols:
    first = pieces[0]

    def whole(name: str) -> npt.NDArray[np.int64]:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    def share(name: str) -> Floats:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    return Symbols(
        whole("source"),
        whole("frame"),
        whole("index"),
        whole("time_ns"),
        whole("place"),
        share("x"),
        share("y"),
        whole("sizes"),
        {name: np.concatenate([piece.values[name] for piece in pieces]) for name in first.values},
        {name: np.concatenate([piece.grades[name] for piece in pieces]) for name in first.grades},
    )


def mean_profiles(folder: Path, source: int, size: int, spans: Sequence[tuple[int, int]]) -> list[dict[str, Floats]]:
    """Mean profiles over spans of frames [first, end) of one source, of the symbols of one size; nan where there are none."""
    rows, columns = divmod(size, 1000)
    sums = [{name: np.zeros((2, rows if name.startswith("rows") else columns)) for name in _PROFILES} for _ in spans]
    for batch in _profile_rows(folder):
        for where, row_source, frame, row_rows, row_columns, *profiles in batch:
            if where is None or row_source != source or row_rows * 1000 + row_columns != size:
                continue
            for (first, end), total in zip(spans, sums, strict=True):
                if first <= frame < end:
                    for name, profile in zip(_PROFILES, profiles, strict=True):
                        values = np.asarray(profile, dtype=np.float64)
                        seen = ~np.isnan(values)
                        total[name][0, seen] += values[seen]
                        total[name][1, seen] += 1
    with np.errstate(invalid="ignore"):
        return [{name: total[0] / total[1] for name, total in each.items()} for each in sums]


def _profile_rows(folder: Path) -> Iterator[Iterator[tuple]]:  # type: ignore[type-arg]
    for table in parts(folder, ["source", "frame", "rows", "columns", *_PROFILES]):
        lists = [table[name].to_pylist() for name in ("columns_dark", "source", "frame", "rows", "columns", *_PROFILES)]
        yield zip(*lists, strict=True)

"""What an audit found, in numbers: the end of `vision audit`. Reads the dataset file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vision.audit.plan import Brief


def parts(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The files of a dataset in their order, with these top-level columns."""
    for path in sorted(folder.glob("[0-9]*.arrow")):
        with pa.OSFile(str(path), "rb") as source:
            names = pa.ipc.open_file(source).schema.names
            source.seek(0)
            chosen = None if columns is None else sorted(names.index(name) for name in columns)
            options = pa.ipc.IpcReadOptions(included_fields=chosen or [])
            yield pa.ipc.open_file(source, options=options).read_all()


@dataclass(slots=True)
class Summary:
    """frames: all. symbols: found; read: decoded. grades: how many symbols of each letter. unreadable: (name, why)."""

    folder: str
    sources: list[str]
    frames: int = 0
    symbols: int = 0
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    regraded: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "symbols": self.symbols,
            "read": self.read,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "reasons": dict(self.reasons.most_common()),
            "letters": {letter: self.letters[letter] for letter in "ABCDF"},
            "regrade": dict(self.regraded) or None,
            "unreadable": [{"name": name, "why": why} for name, why in self.unreadable],
            "results": self.folder,
        }

    def lines(self) -> list[str]:
        letters = ", ".join(f"{letter} {self.letters[letter]}" for letter in "ABCDF")
        found = [
            f"{self.frames} frames: {self.accepted} good, {self.rejected} rejected; {self.read} of {self.symbols} symbols read",
            f"in-line grades: {letters}",
            *(f"  {count:6d}  {reason}" for reason, count in self.reasons.most_common()),
        ]
        if self.regraded:
            found.append("regraded: " + ", ".join(f"{words} {count}" for words, count in self.regraded.most_common()))
        return [*found, f"results: {self.folder}"]


def summarize(folder: Path, brief: Brief) -> Summary:
    """The numbers of a whole dataset."""
    found = Summary(str(folder), [source.label for source in brief.sources])
    columns = ["source", "name", "trouble", "accept", "reasons", "symbol_index", "symbology_identifier", "grade", "regrade"]
    for table in parts(folder, columns):
        index = table["symbol_index"].to_numpy(zero_copy_only=False)
        first = np.isnan(index.astype(float)) | (index == 0)
        frames = table.filter(pa.array(first))
        found.frames += frames.num_rows
        bad = frames.filter(pc.not_equal(frames["trouble"], ""))
        for source, name, words in zip(*(bad[key].to_pylist() for key in ("source", "name", "trouble")), strict=True):
            found.unreadable.append((f"{found.sources[source]}/{name}", words))
        looked = frames.filter(pc.equal(frames["trouble"], ""))
        accept = looked["accept"].to_numpy()
        found.accepted += int(accept.sum())
        found.rejected += int((~accept).sum())
        found.reasons.update(pc.list_flatten(looked["reasons"]).to_pylist())
        found.symbols += int(pc.sum(pc.is_valid(table["symbol_index"])).as_py() or 0)
        found.read += int(pc.sum(pc.is_valid(table["symbology_identifier"])).as_py() or 0)
        found.letters.update(pc.struct_field(table["grade"].combine_chunks(), "letter").drop_null().to_pylist())
        other = pc.struct_field(looked["regrade"].combine_chunks(), "accept").to_pylist()
        for before, after in zip(accept.tolist(), other, strict=True):
            if after is None:
                found.regraded["no image kept"] += brief.regrade is not None
            else:
                found.regraded[f"{_verdict(before)} -> {_verdict(after)}"] += 1
    found.regraded = +found.regraded
    return found


def _verdict(accept: bool) -> str:
    return "accept" if accept else "reject"

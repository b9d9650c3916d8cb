"""Where packs are now, from the aggregation journals of all lines: the container around a pack, and the packs in a container.

A journal of years is long, so an index stands beside it, `aggregation.index`: child and container, by child, with the place in
the journal up to which it holds. It is only ever made from the journal, and what came after it is read from there; one that does
not fit its journal is not believed.
"""

from __future__ import annotations

import json
import mmap
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vision.results.chain import chain_lines, sha256
from vision.results.folder import ResultsError, write_whole
from vision.trace.aggregate import Entry
from vision.trace.identifiers import is_container
from vision.trace.journal import JOURNAL

INDEX = "aggregation.index"
_TAIL_BYTES = 4_000_000
"""Journal bytes behind the index that are worth a new one; they are read in about a tenth of a second."""
_SCHEMA = pa.schema([("child", pa.string()), ("parent", pa.dictionary(pa.int32(), pa.string())), ("level", pa.string())])


@dataclass(slots=True)
class Whereabouts:
    """The state of one journal, as far as who asks needs it. folder: of the line. Raises ResultsError where it cannot be read."""

    folder: Path
    _table: pa.Table = field(default_factory=_SCHEMA.empty_table)
    _after: dict[str, str] = field(default_factory=dict)  # child -> parent, "" = taken out, since the index
    _levels: dict[str, str] = field(default_factory=dict)
    _tail_bytes: int = 0
    _covered_bytes: int = 0
    _last_line: bytes = b""  # of what was read

    def __post_init__(self) -> None:
        covered = self._read_index()
        path = self.folder / JOURNAL
        if not path.exists():
            return
        try:
            with open(path, "rb") as file:
                file.seek(covered)
                content = file.read()
            lines = chain_lines(content)
            self._tail_bytes = sum(map(len, lines))
            self._covered_bytes = covered + self._tail_bytes
            self._last_line = lines[-1] if lines else b""
            for line in lines:
                self._take(json.loads(line))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{path}: cannot be read ({error})") from None

    def parent(self, epc: str) -> str:
        """The container that this is directly in, "" = none."""
        known = self._after.get(epc)
        if known is not None:
            return known
        found = self._row(epc)
        return str(found["parent"]) if found else ""

    def level(self, container: str) -> str:
        """The name of a container's level, "" = no such container."""
        found = self._levels.get(container) or (self._row(container) or {}).get("level")
        return str(found or "")

    def around(self, epc: str) -> list[str]:
        """The containers around it, the innermost first."""
        found = []
        while epc := self.parent(epc):
            found.append(epc)
        return found

    def inside(self, container: str) -> list[str]:
        """What is directly in a container, sorted."""
        held = self._table.filter(pc.equal(self._table["parent"], container))["child"].to_pylist() if self._table.num_rows else []
        found = {child for child in held if child not in self._after}
        return sorted(found | {child for child, parent in self._after.items() if parent == container})

    def packs(self, container: str) -> list[str]:
        """The packs in a container at any depth, sorted."""
        found: list[str] = []
        for child in self.inside(container):
            found += self.packs(child) if is_container(child) else [child]
        return sorted(found)

    def parents_of(self, epcs: pa.StringArray) -> pa.StringArray:
        """The container of each of many things, null = in none."""
        found = pa.nulls(len(epcs), pa.string())
        for chunk in self._table.to_batches():
            # The index may be much longer than the question: it is walked once, and only what fits is put in order.
            held = chunk.filter(pc.is_in(chunk.column("child"), value_set=epcs))
            parents = held.column("parent").cast(pa.string())
            found = pc.coalesce(found, parents.take(pc.index_in(epcs, value_set=held.column("child"))))
        if self._after:
            place = pc.index_in(epcs, value_set=pa.array(self._after.keys(), pa.string()))
            found = pc.coalesce(pa.array(self._after.values(), pa.string()).take(place), found)
        return pc.if_else(pc.equal(found, ""), None, found)

    def entries_about(self, epcs: Iterable[str]) -> list[Entry]:
        """The entries of the journal that name one of these, in their order."""
        path = self.folder / JOURNAL
        if not path.exists() or not path.stat().st_size:
            return []
        found: dict[int, Entry] = {}
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as journal:
            for epc in epcs:
                wanted, place = f'"{epc}"'.encode(), 0
                while (place := journal.find(wanted, place)) >= 0:
                    begin, end = journal.rfind(b"\n", 0, place) + 1, journal.find(b"\n", place)
                    if end < 0:
                        break
                    found[begin] = json.loads(journal[begin:end])
                    place = end
        return [found[begin] for begin in sorted(found)]

    @property
    def wants_index(self) -> bool:
        return self._tail_bytes > _TAIL_BYTES

    def write_index(self) -> None:
        """Makes the index anew, as far as the journal was read. Raises OSError; then the former one stands."""
        if not self._last_line:
            return
        kept = self._table.filter(
            pc.invert(pc.is_in(self._table["child"], value_set=pa.array([*self._after, *self._levels], pa.string())))
        )
        names = sorted({*self._after, *self._levels})
        parents = pa.array([self._after.get(name) if name in self._after else self.parent(name) for name in names], pa.string())
        levels = pa.array([self.level(name) if is_container(name) else "" for name in names])
        fresh = pa.Table.from_arrays([pa.array(names, pa.string()), parents.dictionary_encode(), levels], schema=_SCHEMA)
        table = pa.concat_tables([kept, fresh]).unify_dictionaries().combine_chunks().sort_by("child").combine_chunks()
        last = self._last_line
        place = {"bytes": self._covered_bytes, "last_bytes": len(last), "sha256": sha256(last)}
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, _SCHEMA.with_metadata({"vision.aggregation": json.dumps(place)})) as writer:
            writer.write_table(table.replace_schema_metadata({"vision.aggregation": json.dumps(place)}))
        write_whole(self.folder / INDEX, sink.getvalue().to_pybytes())

    def _read_index(self) -> int:
        """Maps the index; bytes of the journal that it covers, 0 without one that fits."""
        path, journal = self.folder / INDEX, self.folder / JOURNAL
        try:
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
            place = json.loads(table.schema.metadata[b"vision.aggregation"])
            with open(journal, "rb") as file:
                file.seek(place["bytes"] - place["last_bytes"])
                if sha256(file.read(place["last_bytes"])) != place["sha256"]:
                    return 0
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
            return 0
        self._table = table
        return int(place["bytes"])

    def _row(self, epc: str) -> dict[str, Any] | None:
        if not self._table.num_rows:
            return None
        column = self._table["child"].chunk(0)
        place = bisect_left(range(len(column)), epc, key=lambda index: column[index].as_py())
        if place == len(column) or column[place].as_py() != epc:
            return None
        return dict(self._table.slice(place, 1).to_pylist()[0])

    def _take(self, entry: Entry) -> None:
        match entry["do"]:
            case "pack":
                self._into(entry, entry["children"])
            case "repack":
                self._into(entry, [child for children in entry["from"].values() for child in children])
            case "unpack" | "dissolve":
                self._after.update((child, "") for child in entry["children"])

    def _into(self, entry: Entry, children: Iterable[str]) -> None:
        if entry["opened"]:
            self._levels[entry["parent"]] = entry["level"]
        self._after.update((child, entry["parent"]) for child in children)


def all_whereabouts(results: Path) -> Iterator[Whereabouts]:
    """Those of every line of a results folder that has a journal."""
    for line in sorted(entry for entry in results.iterdir() if entry.is_dir()):
        if (line / JOURNAL).exists():
            yield Whereabouts(line)

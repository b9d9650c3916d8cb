"""What the results say of packs, over all lines and batches of a results folder: by serial, lot, expiry and time.

Looks into the pack lists beside the sealed files (vision.results.packs), and into the rows themselves where a file has none yet (an
open file, an old one). Nothing is written. Where a pack is, is in whereabouts.py; what follows from it, in recall.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vision.results.folder import ResultsError, batches
from vision.results.packs import SCHEMA, SUFFIX, PackList, open_packs, packs_in_memory
from vision.results.reader import read_rows, row_files
from vision.trace.identifiers import IdentifierError, item_epc

_COLUMNS = ["utc", "accept", "reasons", "symbols"]
_WHOLE = ["reasons", "detail", "evidence"]
_REVISED = pa.schema(
    [("line", pa.string()), ("batch", pa.string()), ("station", pa.string()), ("trigger", pa.int64()), ("revision", pa.int32())]
)
FIELDS = [*SCHEMA.names, "line", "batch", "file"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which packs. lot, expiry (YYMMDD as printed): as they were read. from_ns, to_ns: seen from, and before; None = no bound.

    accepted_only: packs that were let through.
    """

    lot: str | None = None
    expiry: str | None = None
    product: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    accepted_only: bool = False

    def may_hold(self, packs: PackList) -> bool:
        """Whether a pack list can hold any of them, by its summary."""
        first_ns, last_ns = packs.utc_ns
        return (
            (self.lot is None or packs.lots is None or self.lot in packs.lots)
            and (self.expiry is None or packs.expiries is None or self.expiry in packs.expiries)
            and (self.from_ns is None or last_ns >= self.from_ns)
            and (self.to_ns is None or first_ns < self.to_ns)
        )


@dataclass(slots=True)
class Records:
    """The pack lists of a results folder, mapped once and looked into many times.

    folder: with lines, `<folder>/<line>/<batch>`. Raises ResultsError where there is none, or where a file cannot be read: a pack
    must not be taken for unseen because a disk failed.
    """

    folder: Path
    lists: list[tuple[Path, PackList]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise ResultsError(f"{self.folder}: no such results folder")
        for line in sorted(entry for entry in self.folder.iterdir() if entry.is_dir()):
            for batch in batches(line):
                self.lists += [(batch, packs) for packs in pack_lists(batch)]

    @property
    def pack_count(self) -> int:
        return sum(packs.table.num_rows for _, packs in self.lists)

    def of_serial(self, serial: str, product: str | None = None) -> list[dict[str, Any]]:
        """Every time a pack with this serial was seen, oldest first: FIELDS, the last revision of each trigger."""
        found = [
            {**row, "line": batch.parent.name, "batch": batch.name, "file": packs.path.stem}
            for batch, packs in self.lists
            for row in packs.of_serial(serial)
            if product is None or row["product"] == product
        ]
        return sorted(
            (row for row in found if not self._amended(row)), key=lambda row: (row["utc_ns"], row["line"], row["trigger"])
        )

    def _amended(self, row: dict[str, Any]) -> bool:
        """A later revision of its row stands in the same batch, under whatever serial."""
        key = (row["station"], row["trigger"])
        revised = self._revised({(row["line"], row["batch"])})
        return any((one["station"], one["trigger"]) == key and one["revision"] > row["revision"] for one in revised)

    def _revised(self, asked: set[tuple[str, str]]) -> list[dict[str, Any]]:
        """The rows of these batches that replace others: few, as each is a pass that failed."""
        found = []
        for batch, packs in self.lists:
            line = batch.parent.name
            if packs.revised and (line, batch.name) in asked:
                table = packs.table.filter(pc.greater(packs.table["revision"], 0)).select(["station", "trigger", "revision"])
                found += [{**row, "line": line, "batch": batch.name} for row in table.to_pylist()]
        return found

    def select(self, question: Question) -> pa.Table:
        """The packs asked for, FIELDS, one row per pack, the last revision of each trigger, by serial within each batch."""
        import duckdb  # noqa: PLC0415 - the line has no use for a database

        parts = [_named(batch, packs) for batch, packs in self.lists if question.may_hold(packs)]
        if not parts:
            return pa.Table.from_arrays([pa.array([], kind) for kind in (*SCHEMA.types, *(pa.string(),) * 3)], names=FIELDS)
        asked = {(batch.parent.name, batch.name) for batch, packs in self.lists if question.may_hold(packs)}
        with duckdb.connect(":memory:", config={"python_enable_replacements": "false"}) as database:
            database.register("packs", pa.concat_tables(parts))
            database.register("revised", pa.Table.from_pylist(self._revised(asked), schema=_REVISED))
            where, values = _condition(question)
            sql = (
                f"SELECT p.* FROM packs p WHERE {where} AND NOT EXISTS (SELECT 1 FROM revised r WHERE r.line = p.line AND "
                "r.batch = p.batch AND r.station = p.station AND r.trigger = p.trigger AND r.revision > p.revision) "
                "ORDER BY p.line, p.batch, p.serial, p.utc_ns"
            )
            return database.sql(sql, params=values).to_arrow_table()

    def row_of(self, pack: dict[str, Any]) -> dict[str, Any]:
        """What only the whole row of a pack says: reasons, detail, evidence. pack: as given by of_serial. Raises ResultsError."""
        folder = self.folder / pack["line"] / pack["batch"]
        for path in row_files(folder):
            if path.stem == pack["file"]:
                try:
                    return dict(read_rows(path, _WHOLE).slice(pack["row"], 1).select(_WHOLE).to_pylist()[0])
                except (OSError, IndexError) as error:
                    raise ResultsError(f"{path}: cannot be read ({error})") from None
        raise ResultsError(f"{folder / pack['file']}: gone while it was read")


def _named(batch: Path, packs: PackList) -> pa.Table:
    """A pack list with the names of its line, batch and file."""
    same = pa.repeat(pa.scalar(0, pa.int32()), packs.table.num_rows)
    names = [pa.DictionaryArray.from_arrays(same, pa.array([name])) for name in (batch.parent.name, batch.name, packs.path.stem)]
    return pa.Table.from_arrays([*packs.table.columns, *names], names=FIELDS)


def epc_of(row: dict[str, Any]) -> str | None:
    """The EPC of a pack as given by Records; None for one that has none (no serial, or a product without GTIN)."""
    try:
        return item_epc(row["product"], row["serial"] or "")
    except IdentifierError:
        return None


def epcs_of(table: pa.Table) -> pa.StringArray:
    """The EPC of each row of a table as given by Records, null for those without one."""
    products = table["product"].cast(pa.string()).combine_chunks().dictionary_encode()
    heads = pa.array([_head(product) for product in products.dictionary.to_pylist()], pa.string()).take(products.indices)
    serials = table["serial"].combine_chunks()
    plain = pc.and_(pc.ascii_is_alnum(serials), pc.less_equal(pc.utf8_length(serials), 20))
    found = pc.binary_join_element_wise(heads, pc.if_else(plain, serials, None), "")
    others = pc.invert(plain)  # few: signs to be escaped
    rows = zip(products.filter(others).to_pylist(), serials.filter(others).to_pylist(), strict=True)
    return pc.replace_with_mask(
        found, others, pa.array([epc_of({"product": product, "serial": serial}) for product, serial in rows], pa.string())
    )


def _head(product: str) -> str | None:
    """What the EPCs of a product begin with, None where it has none."""
    try:
        return item_epc(product, "0")[:-1]
    except IdentifierError:
        return None


def pack_lists(batch: Path) -> Iterator[PackList]:
    """The pack lists of a batch, one per file with rows. A batch may be written meanwhile."""
    for path in row_files(batch):
        try:
            if path.suffix == ".arrow":
                try:
                    yield open_packs(path.with_suffix(SUFFIX))
                    continue
                except FileNotFoundError:
                    pass
            try:
                rows = read_rows(path, _COLUMNS)
            except FileNotFoundError:  # sealed between listing and reading
                yield open_packs(path.with_suffix(SUFFIX))
                continue
        except OSError as error:
            raise ResultsError(f"{path}: cannot be read ({error.strerror or error})") from None
        if rows.num_rows:
            yield packs_in_memory(path, rows)


def _condition(question: Question) -> tuple[str, list[Any]]:
    """The WHERE of a question, and its values."""
    parts, values = ["p.serial <> ''"], []
    for name in ("lot", "expiry", "product"):
        if (value := getattr(question, name)) is not None:
            parts.append(f"p.{name} = ?")
            values.append(value)
    for name, sign in (("from_ns", ">="), ("to_ns", "<")):
        if (value := getattr(question, name)) is not None:
            parts.append(f"p.utc_ns {sign} ?")
            values.append(value)
    if question.accepted_only:
        parts.append("p.accept")
    return " AND ".join(parts), values

"""Reading results: a batch as one table (sealed and open files, one row per trigger), SQL over it, and its accepted serials.

Nothing here writes. Output for people and other programs is in vision.results.export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vision.results.folder import ResultsError, batches, read_batch_info
from vision.results.schema import SCHEMA
from vision.results.stream import StreamReader


def open_batch(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a batch, one per trigger (its last revision), sorted by station and trigger.

    columns: top-level names to keep, None for all. A batch may be read while it is written: an open file counts up to its last
    whole row batch. Raises ResultsError naming the folder or file.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such batch folder")
    for _ in range(5):
        try:
            tables = [read_rows(path, columns) for path in row_files(folder)]
            break
        except FileNotFoundError:  # an open file was sealed between listing and reading
            continue
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be read ({error.strerror or error})") from None
    else:
        raise ResultsError(f"{folder}: files vanish while they are read")
    if not tables:
        empty = SCHEMA.empty_table()
        return empty.select(list(columns)) if columns is not None else empty
    table = pa.concat_tables([table.replace_schema_metadata(None) for table in tables], promote_options="default")
    folded = fold(table)
    return folded.select(list(columns)) if columns is not None else folded


def row_files(folder: Path) -> list[Path]:
    """The files with rows, by number; where a file is there both sealed and open (a sealing not finished), the sealed one."""
    names = {path.stem: path for path in sorted(folder.glob("*.arrows"))}
    names |= {path.stem: path for path in folder.glob("*.arrow")}
    return [names[stem] for stem in sorted(names)]


def read_rows(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one file as they lie there, station, trigger and revision always among them.

    Raises FileNotFoundError, OSError, and ResultsError for a file that is no Arrow file.
    """
    wanted = None if columns is None else [*{"station": 0, "trigger": 0, "revision": 0, **dict.fromkeys(columns)}]
    if path.suffix == ".arrows":
        reader = StreamReader(path)
        parts = list(reader)
        if reader.schema is None:
            return SCHEMA.empty_table() if wanted is None else SCHEMA.empty_table().select(wanted)
        table = pa.Table.from_batches(parts, schema=reader.schema)
        return table if wanted is None else table.select(wanted)
    try:
        with pa.OSFile(str(path), "rb") as source:
            if wanted is None:
                return pa.ipc.open_file(source).read_all()
            names = pa.ipc.open_file(source).schema.names
            source.seek(0)
            fields = sorted(names.index(name) for name in wanted if name in names)
            options = pa.ipc.IpcReadOptions(included_fields=fields)
            return pa.ipc.open_file(source, options=options).read_all()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ResultsError(f"{path}: not a whole Arrow file ({error})") from None


def fold(table: pa.Table) -> pa.Table:
    """One row per trigger: the highest revision, the later row of two equal ones; sorted by station and trigger."""
    if table.num_rows == 0:
        return table
    stations = pc.rank(table["station"], sort_keys="ascending", tiebreaker="dense").to_numpy()
    triggers, revisions = table["trigger"].to_numpy(), table["revision"].to_numpy()
    order = np.lexsort((np.arange(table.num_rows), revisions, triggers, stations))
    followed = (np.diff(stations[order].astype(np.int64)) == 0) & (np.diff(triggers[order]) == 0)
    last = order[np.append(~followed, True)]
    if len(last) == table.num_rows and np.array_equal(last, np.arange(len(last))):
        return table
    return table.take(pa.array(last))


def revisions(paths: Sequence[Path]) -> dict[tuple[str, int], tuple[int, bool]]:
    """(revision, accept) by (station, trigger), over the files in their order. Raises OSError, ResultsError."""
    known: dict[tuple[str, int], tuple[int, bool]] = {}
    for path in paths:
        table = read_rows(path, ["accept"])
        rows = zip(*(table[name].to_pylist() for name in ("station", "trigger", "revision", "accept")), strict=True)
        known |= {(station, trigger): (revision, accept) for station, trigger, revision, accept in rows}
    return known


def query(folder: Path, sql: str) -> pa.Table:
    """What an SQL statement says about the rows of a batch, seen as the table `results`.

    It runs in a database of its own, in memory: it can read nothing else, no file and no network, and write nowhere. Raises
    ResultsError with the database's words.
    """
    import duckdb  # here, as the recorder reads files too and has no use for a database  # noqa: PLC0415

    rows = open_batch(folder)
    with duckdb.connect(":memory:", config={"python_enable_replacements": "false"}) as database:
        database.register("results", rows)
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        try:
            relation = database.sql(sql)
            return pa.table({}) if relation is None else relation.to_arrow_table()
        except (duckdb.Error, pa.ArrowException) as error:
            raise ResultsError(f"query: {' '.join(str(error).split())}") from None


def accepted_serials(line: Path, order: str, gtin: str) -> Iterator[str]:
    """Serials that earlier batches of a line accepted for an order.

    line: the line's folder. order: its name, as in batch.json. gtin: GTIN, or PPN, whose serials count. A batch without
    batch.json is not of this order. Raises ResultsError where a batch of the order cannot be read: a serial must not be taken
    for unseen because a disk failed.
    """
    for batch in batches(line):
        if not (batch / "batch.json").exists() or read_batch_info(batch).order != order:
            continue
        table = open_batch(batch, ["accept", "symbols"])
        symbols = pc.list_flatten(table.filter(table["accept"])["symbols"])
        for chunk in symbols.chunks:
            elements = chunk.field("elements")
            products = [pc.map_lookup(elements, pa.scalar(key), "first") for key in ("01", "9N")]
            mine = pc.equal(pc.coalesce(*products), gtin)
            yield from chunk.field("serial").filter(mine).drop_null().to_pylist()

"""Trace at its size: `python -m bench.trace`: questions over 10 million rows, and the events of a batch of 100 000 packs.

The rows are made here, sealed as the recorder seals them as far as it counts: result files with their symbols, compressed, and the
pack lists beside them. They are many, so that the folder can be kept: `--folder` names it and is used again when it is there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vision.config import LevelConfig
from vision.content.gs1_rules import check_digit
from vision.results.folder import BatchInfo, write_batch_info
from vision.results.packs import SUFFIX, packs_of, write_packs
from vision.results.schema import SCHEMA, SYMBOL
from vision.trace.check_events import check_json
from vision.trace.epcis_xml import write_xml
from vision.trace.events import Event, Happening, Place, event_objects, write_json
from vision.trace.identifiers import item_epc
from vision.trace.journal import JOURNAL, Journal, journal_events, read_journal
from vision.trace.recall import History
from vision.trace.records import Question, Records
from vision.trace.sscc import SsccRange

GTIN = "0401234567890" + check_digit("0401234567890")
START_NS = 1_790_000_000_000_000_000
ROWS_PER_FILE = 10_000
PACKS_PER_LOT = 100_000
LEVELS = (LevelConfig("bundle", 10), LevelConfig("case", 10), LevelConfig("pallet", 50))


def serial(number: int) -> str:
    """Random to look at, and the same at each run."""
    return hashlib.blake2b(number.to_bytes(8), digest_size=8).hexdigest().upper()


def rows_of(first: int, count: int, lot: str) -> pa.RecordBatch:
    """Results of a file: one good pack per trigger, with what the pack lists look at; one in 100 was rejected."""
    numbers = range(first, first + count)
    serials = pa.array([serial(number) for number in numbers])
    keys = pa.array(["01", "17", "10", "21"] * count)
    values = np.empty((count, 4), object)
    values[:, 0], values[:, 1], values[:, 2], values[:, 3] = GTIN, "281231", lot, serials.to_pylist()
    offsets = pa.array(np.arange(0, 4 * count + 1, 4, dtype=np.int32))
    fields: dict[str, pa.Array] = {
        "serial": serials,
        "elements": pa.MapArray.from_arrays(offsets, keys, pa.array(values.ravel().tolist())),
        "payload": pa.array([f"01{GTIN}1728123110{lot}\x1d21{text}".encode() for text in serials.to_pylist()]),
    }
    symbol = pa.StructArray.from_arrays([fields.get(f.name, pa.nulls(count, f.type)) for f in SYMBOL], fields=list(SYMBOL))
    one_each = pa.array(np.arange(count + 1, dtype=np.int32))
    accept = [number % 100 != 0 for number in numbers]
    given: dict[str, pa.Array] = {
        "station": pa.array(["S1"] * count),
        "trigger": pa.array(np.arange(first % PACKS_PER_LOT + 1, first % PACKS_PER_LOT + count + 1)),
        "utc": pa.array(START_NS + np.arange(first, first + count) * 100_000_000, pa.timestamp("ns", tz="UTC")),
        "accept": pa.array(accept),
        "reasons": pa.array([[] if good else ["LOW_GRADE"] for good in accept], pa.list_(pa.string())),
        "symbols": pa.ListArray.from_arrays(one_each, symbol).cast(SCHEMA.field("symbols").type),
    }
    columns = []
    for field in SCHEMA:
        if field.name in given:
            columns.append(given[field.name])
        elif pa.types.is_string(field.type):
            columns.append(pa.array([""] * count))
        else:
            columns.append(pa.array(np.zeros(count), pa.float64()).cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def build(folder: Path, rows: int) -> None:
    """Results of `rows` packs: batches of one lot each; the good packs of the middle one are packed up to pallets."""
    for lot_number in range(rows // PACKS_PER_LOT):
        batch = folder / "L1" / f"2026-{1 + lot_number // 28 % 12:02d}-{1 + lot_number % 28:02d}T120000Z"
        batch.mkdir(parents=True)
        lot = f"LOT{lot_number:04d}"
        write_batch_info(batch, BatchInfo("L1", f"PO-{lot_number}", "bench", "2026-01-01T00:00:00.000+00:00", GTIN, lot))
        for file_number in range(PACKS_PER_LOT // ROWS_PER_FILE):
            table = rows_of(lot_number * PACKS_PER_LOT + file_number * ROWS_PER_FILE, ROWS_PER_FILE, lot)
            path = batch / f"{file_number + 1:06d}.arrow"
            with pa.ipc.new_file(path, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
                writer.write_batch(table)
            for _ in write_packs(path.with_suffix(SUFFIX), [packs_of(table, 0)]):
                pass
        print(f"\r{lot_number + 1} lots written", end="", file=sys.stderr)
    first = rows // PACKS_PER_LOT // 2 * PACKS_PER_LOT
    pack(folder / "L1" / JOURNAL, [item_epc(GTIN, serial(n)) for n in range(first, first + PACKS_PER_LOT) if n % 100])
    print(", the middle one packed", file=sys.stderr)


def timed(name: str, call: Callable[[], Any], repeats: int = 5) -> dict[str, Any]:
    """Median wall time of a question that begins with mapping the lists, as a command does."""
    times, cpu = [], []
    for _ in range(repeats):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        answer = call()
        times.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - cpu_begin)
    median, median_cpu = sorted(times)[repeats // 2], sorted(cpu)[repeats // 2]
    figures = {"median_s": median, "max_s": max(times), "median_cpu_s": median_cpu}
    return {"question": name, "packs": answer, **{key: round(value, 3) for key, value in figures.items()}}


def questions(folder: Path, rows: int) -> Iterator[dict[str, Any]]:
    lots = rows // PACKS_PER_LOT
    draw = random.Random(1)
    day_ns = 86_400_000_000_000
    yield timed("a serial", lambda: len(Records(folder).of_serial(serial(draw.randrange(rows)))))
    yield timed("a serial that is not there", lambda: len(Records(folder).of_serial("NOT-THERE")))
    lot = Question(lot=f"LOT{lots // 2:04d}")
    yield timed("a lot, as a table", lambda: Records(folder).select(lot).num_rows)
    yield timed("a lot, every pack and where it is", lambda: len(History(folder).select(lot)))
    packed = serial(lots // 2 * PACKS_PER_LOT + 1)
    yield timed("a pack with its containers and events", lambda: len(History(folder).of_serial(packed)["containers"]))
    yield timed("an hour", lambda: Records(folder).select(Question(from_ns=START_NS, to_ns=START_NS + day_ns // 24)).num_rows)
    yield timed("a lot that is not there", lambda: Records(folder).select(Question(lot="NONE")).num_rows)


def pack(path: Path, epcs: list[str]) -> int:
    """Packs into bundles, cases and pallets, all full, 100 deeds to a sync; how many containers."""
    with Journal(path, LEVELS, lambda epc: "LOT1") as journal:
        state = journal.state
        journal.do(state.add_ranges([SsccRange("4012345", 3, 0, len(epcs))]))
        below = epcs
        for level in LEVELS:
            parents = []
            for first in range(0, len(below), 100 * level.capacity):
                with journal.together():
                    for start in range(first, min(len(below), first + 100 * level.capacity), level.capacity):
                        entry = journal.do(state.pack(level.name, below[start : start + level.capacity], close=True))
                        parents.append(entry["parent"])
            below = parents
        return len(state.containers)


def events(packs: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Commissioning and aggregation of a batch, a commissioning event per pack: from journal and packs to both documents."""
    epcs = [item_epc(GTIN, serial(number)) for number in range(packs)]
    begin = time.perf_counter()
    containers = pack(folder / JOURNAL, epcs)
    packed_s = time.perf_counter() - begin
    yield {"step": f"pack {packs} packs into {containers} containers, 100 to a sync", "s": round(packed_s, 2)}
    begin = time.perf_counter()
    accepted = (Event(Happening.ACCEPTED, START_NS + n * 10**8, (epc,), lot="LOT1", expiry="281231") for n, epc in enumerate(epcs))
    objects = list(event_objects([*accepted, *journal_events(read_journal(folder / JOURNAL))], Place()))
    made_s = time.perf_counter() - begin
    for name, write in (("json", write_json), ("xml", lambda o, s, c: write_xml(o, s, c, ("4012345",)))):
        begin = time.perf_counter()
        with open(folder / f"events.{name}", "w", encoding="utf-8") as stream:
            count = write(objects, stream, "2026-11-23T12:00:00.000Z")
        written_s = time.perf_counter() - begin
        size = (folder / f"events.{name}").stat().st_size
        yield {"step": f"{count} events as {name}", "s": round(made_s + written_s, 2), "megabytes": round(size / 1e6, 1)}
    begin = time.perf_counter()
    problems = check_json((folder / "events.json").read_text("utf-8"))
    yield {"step": "our own checks of the JSON form", "s": round(time.perf_counter() - begin, 2), "problems": len(problems)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.trace", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--packs", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="results to ask, made there when absent; without it a temporary one")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        for line in events(options.packs, Path(temporary)):
            print(json.dumps(line))
        folder = options.folder or Path(temporary) / "results"
        if not folder.exists():
            build(folder, options.rows)
        for line in questions(folder, options.rows):
            print(json.dumps(line))
        if options.folder is None:
            shutil.rmtree(folder)
    print(json.dumps({"peak_memory_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

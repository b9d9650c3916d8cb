"""What a batch costs: an hour of packs through claim, record and pool at full speed, and ten million serials.

python -m bench.batch load [--packs 36000]         600 packs/min for an hour, replayed as fast as it goes
python -m bench.batch serials [--count 10000000]   from a file into order and pool; memory; look-ups
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from tests.results.samples import GTIN, record
from vision.batch.claims import Claims
from vision.content.order import Order, load_serials
from vision.content.serials import SerialIndex
from vision.results.writer import BatchWriter
from vision.serials.open import open_pool
from vision.serials.states import State

GROUP = 4
"""Packs of one group commit, as on a line at 60 packs/s."""


def load(packs: int) -> None:
    """Each pack: claimed in the line's index, claimed in the pool, written, synced. Tells ten slices, so that drift is seen."""
    with tempfile.TemporaryDirectory(prefix="batch-bench-") as name:
        folder = Path(name)
        serials = [f"S{number * 7919 % 10**9:09d}" for number in range(packs)]
        order = Order("PO", "x", "GS1", "L", "271231", packs, gtin=GTIN, serials=frozenset(serials))
        with open_pool(f"sqlite:{folder / 'serials.db'}") as pool:
            pool.load(GTIN, sorted(serials), State.ALLOCATED, "L1/B")
            (folder / "B").mkdir()
            writer = BatchWriter(folder / "B", {"software": "bench"})
            claims = Claims(pool, GTIN, "L1/B", listed=True)
            index = SerialIndex(order)
            template = record(1)
            begin, cpu = time.perf_counter(), time.process_time()
            for slice_index in range(10):
                part = time.perf_counter()
                numbers = range(slice_index * packs // 10, (slice_index + 1) * packs // 10)
                for first in range(numbers.start, numbers.stop, GROUP):
                    rows = []
                    for number in range(first, min(first + GROUP, numbers.stop)):
                        refused = index.claim_all((serials[number],))
                        rows.append(replace(template, trigger=number + 1, reasons=refused, serials=(serials[number],)))
                    claims.claim(rows)
                    writer.append(rows)
                    writer.commit()
                    writer.roll(settled=True)
                rate = len(numbers) / (time.perf_counter() - part)
                memory = psutil.Process().memory_info().rss / 1e6
                print(json.dumps({"slice": slice_index + 1, "packs_per_s": round(rate), "rss_mb": round(memory, 1)}))
            writer.close()
            wall, used = time.perf_counter() - begin, time.process_time() - cpu
            counts = pool.counts(GTIN, "L1/B")
        total = {"packs": packs, "packs_per_s": round(packs / wall), "cpu_us_per_pack": round(used / packs * 1e6)}
        print(json.dumps({**total, "commissioned": counts.get(State.COMMISSIONED, 0)}))


def serials(count: int) -> None:
    """A file of random serials to an order's set, into an empty pool, back as an index; then look-ups of random ones."""
    with tempfile.TemporaryDirectory(prefix="serials-bench-") as name:
        folder = Path(name)
        letters = np.frombuffer(b"0123456789ABCDEFGHJKMNPRSTVWXYZ", np.uint8)
        text = np.full((count, 15), 0x0A, np.uint8)
        text[:, :14] = letters[np.random.default_rng(1).integers(0, len(letters), (count, 14), dtype=np.uint8)]
        (folder / "serials.csv").write_bytes(text.tobytes())
        del text
        begin = time.perf_counter()
        given = load_serials(folder / "serials.csv")
        read = time.perf_counter()
        with open_pool(f"sqlite:{folder / 'serials.db'}") as pool:
            pool.load(GTIN, given, State.ALLOCATED, "L1/B")
            loaded = time.perf_counter()
            index = SerialIndex(Order("PO", "x", "GS1", "L", "271231", 1, gtin=GTIN, serials=given))
            index.see(s for s, state in pool.of_batch(GTIN, "L1/B") if state is State.COMMISSIONED)
            rebuilt = time.perf_counter()
        chosen = [given.array[place].decode() for place in random.Random(2).sample(range(len(given)), 20_000)]
        started = time.thread_time()
        for serial in chosen:
            index.claim(serial)
        lookup_us = (time.thread_time() - started) / len(chosen) * 1e6
        figures = {
            "serials": len(given),
            "file_s": round(read - begin, 1),
            "pool_s": round(loaded - read, 1),
            "load_s": round(loaded - begin, 1),
            "rebuild_s": round(rebuilt - loaded, 1),
            "pool_mb": round((folder / "serials.db").stat().st_size / 1e6),
            "rss_max_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
            "lookup_us": round(lookup_us, 1),
        }
        print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description="What a batch costs. Example: python -m bench.batch load")
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("load").add_argument("--packs", type=int, default=36_000)
    commands.add_parser("serials").add_argument("--count", type=int, default=10_000_000)
    options = parser.parse_args()
    if options.what == "load":
        load(options.packs)
    else:
        serials(options.count)


if __name__ == "__main__":
    main()

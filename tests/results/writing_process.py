"""A writer process for the tests that kill it: says on stdout what was acknowledged, one "station trigger revision" per line.

Usage: writing_process.py FOLDER SEED. Small files, amendments, evidence and sealing in small steps, so that a kill may hit any.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np

from tests.results.samples import record
from vision.results.images import EvidenceStore
from vision.results.writer import BatchWriter
from vision.types import Reason


def main(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    writer = BatchWriter(folder, {"software": "test"}, rows_per_file=20)
    store = EvidenceStore(folder / "images", max_count=1000, max_bytes=10**8, min_free_bytes=0)
    pixels = np.full((64, 64), seed % 256, np.uint8)
    trigger = 0
    while True:
        records = []
        for _ in range(chance.randint(1, 4)):
            trigger += 1
            records.append(record(trigger))
            if chance.random() < 0.1:
                records.append(record(trigger, Reason.NOT_RECORDED, revision=1, evidence=True))
        writer.append(records)
        for station, number, revision in writer.commit():
            sys.stdout.write(f"{station} {number} {revision}\n")
            if revision:
                store.keep(station, number, pixels)
        sys.stdout.flush()
        writer.roll(settled=True, budget_ns=100_000)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

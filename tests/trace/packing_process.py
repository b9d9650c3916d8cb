"""Packs into a journal until it is killed, and says on stdout what it was told is done: `packing_process.py JOURNAL SEED`."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.trace.event_samples import gtin
from vision.config import LevelConfig
from vision.trace.aggregate import AggregationError
from vision.trace.identifiers import item_epc
from vision.trace.journal import Journal
from vision.trace.sscc import SsccRange

LEVELS = (LevelConfig("bundle", 4), LevelConfig("case", 3))


def main(path: str, seed: str) -> None:
    draw = random.Random(int(seed))
    with Journal(Path(path), LEVELS, lambda epc: "A", by="test") as journal:
        state = journal.state
        if not state.ranges:
            journal.do(state.add_ranges([SsccRange("4012345", 3, 0, 10**6)]))
        print("ready", flush=True)
        while True:
            free = [item_epc(gtin(0), f"S{draw.randrange(10**9)}") for _ in range(draw.randint(1, 4))]
            try:
                match draw.choice(["pack", "pack", "case", "unpack", "dissolve"]):
                    case "pack":
                        entry = state.pack("bundle", free, close=True)
                    case "case":
                        loose = [epc for epc, one in state.containers.items() if one.closed and epc not in state.parents]
                        entry = state.pack("case", [epc for epc in loose if state.containers[epc].level == 0][:3])
                    case "unpack":
                        entry = state.unpack([draw.choice(list(state.parents))])
                    case _:
                        entry = state.dissolve(draw.choice(list(state.containers)))
            except (AggregationError, IndexError):
                continue
            journal.do(entry)
            print(journal.head, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

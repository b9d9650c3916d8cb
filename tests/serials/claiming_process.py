"""A line that claims serials as fast as it can, for the test with two of them: `claiming_process URL BATCH LISTED SEED`.

Waits for a line on stdin, claims S0 .. S149 in an order of its own, one group each, then writes what it got.
"""

from __future__ import annotations

import random
import sys

from vision.serials.open import open_pool
from vision.serials.pool import PoolBusy


def main(url: str, batch: str, listed: bool, seed: int) -> None:
    serials = [f"S{number}" for number in range(150)]
    random.Random(seed).shuffle(serials)
    with open_pool(url) as pool:
        print("ready", flush=True)
        sys.stdin.readline()
        for serial in serials:
            while True:
                try:
                    (reasons,) = pool.claim("04012345678901", batch, [[serial]], listed)
                    break
                except PoolBusy:
                    continue
            if not reasons:
                print(serial)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "listed", int(sys.argv[4]))

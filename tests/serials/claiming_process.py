"""A line that claims each serial it is told on stdin and answers with the reasons, for the test with two of them.

Usage: claiming_process URL BATCH listed|any
"""

from __future__ import annotations

import sys

from vision.serials.open import open_pool
from vision.serials.pool import PoolBusy


def main(url: str, batch: str, listed: bool) -> None:
    with open_pool(url) as pool:
        for line in sys.stdin:
            while True:
                try:
                    (reasons,) = pool.claim("04012345678901", batch, [[line.strip()]], listed)
                    break
                except PoolBusy:
                    continue
            print(" ".join(reasons) or "won", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "listed")

"""`python -m bench`: the figures of the README: the line at speed, what waking a process costs, and the decoder over image sets."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import decode_sets, line, wakeups

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def main() -> int:
    """The line for a minute, the floor of its overhead, the decoder's table where there are image sets.

    Gives 1 when a limit of the line was missed.
    """
    code = line.main([])
    print()
    wakeups.main([])
    print()
    if DATA.is_dir():
        decode_sets.main([str(DATA), "--sets", "L0,L1,L2,L3,N"])
    else:
        print(f"no image sets at {DATA}: the table of read rates is left out", file=sys.stderr)
    return code


sys.exit(main())

"""The challenge test: known-bad packs are put on the belt one after the other, and each must be rejected for its own reason.

The packs are guided from outside the line, which treats them as any other: what is tried is the way that every pack goes. When one
passes, the line is stopped, its serial (if it has one) becomes Inactive, and the batch cannot run on before a new test passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vision.results.operations import read_operations
from vision.results.reader import open_batch
from vision.types import Reason

_POLL_S = 0.02
_MARKER = "logs/challenge"
_MARKER_S = 600.0


@dataclass(frozen=True, slots=True)
class KnownBad:
    """A pack of the set. kind: its name. words: what it is. reasons: one of these must be among those it is rejected for."""

    kind: str
    words: str
    reasons: frozenset[Reason]


KNOWN_BAD: tuple[KnownBad, ...] = (
    KnownBad("no_print", "a pack without a code", frozenset({Reason.NO_SYMBOL, Reason.WRONG_SYMBOL_COUNT})),
    KnownBad("wrong_lot", "a pack with a good code of another lot", frozenset({Reason.WRONG_LOT})),
    KnownBad("bad_quality", "a pack whose print is below the limit", frozenset({Reason.LOW_GRADE, Reason.NOT_DECODED})),
    KnownBad("duplicate_serial", "a pack with a serial that was used already", frozenset({Reason.DUPLICATE_SERIAL})),
    KnownBad(
        "missing_separator",
        "a pack whose code lacks the separator behind the lot or the serial",
        frozenset({Reason.WRONG_LOT, Reason.UNKNOWN_SERIAL, Reason.MISSING_ELEMENT, Reason.BAD_SYNTAX}),
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one known-bad pack. caught: rejected for one of its reasons."""

    kind: str
    trigger: int
    reasons: tuple[str, ...]
    serials: tuple[str, ...]
    caught: bool

    @property
    def passed_through(self) -> bool:
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "trigger": self.trigger, "reasons": list(self.reasons), "caught": self.caught}


class NoPack(Exception):
    """No pack came in time."""


def challenge(folder: Path, station: str, on_step: Callable[[KnownBad], None], timeout_s: float) -> Iterator[Step]:
    """Guides the set past a station of a running line; ends early with the first pack that is accepted.

    on_step: told which pack to put on the belt next. timeout_s: for each pack. Raises NoPack.
    """
    last = _last_trigger(folder, station)
    for known in KNOWN_BAD:
        on_step(known)
        step = _await(folder, station, last + 1, known, timeout_s)
        last = step.trigger
        yield step
        if step.passed_through:
            return


def _last_trigger(folder: Path, station: str) -> int:
    rows = open_batch(folder, ["station", "trigger"]).to_pylist()
    return max((row["trigger"] for row in rows if row["station"] == station), default=0)


def _await(folder: Path, station: str, trigger: int, known: KnownBad, timeout_s: float) -> Step:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        for row in open_batch(folder, ["station", "trigger", "reasons", "symbols"]).to_pylist():
            if row["station"] == station and row["trigger"] == trigger:
                serials = tuple(symbol["serial"] for symbol in row["symbols"] if symbol["serial"])
                reasons = tuple(row["reasons"])
                return Step(known.kind, trigger, reasons, serials, bool(known.reasons & set(reasons)))
        time.sleep(_POLL_S)  # rows come from another process through files
    raise NoPack(f"no pack came within {timeout_s:g} s: expected {known.words}")


@contextmanager
def guiding(folder: Path) -> Iterator[None]:
    """While a test is made, the line counts as ready although one is due."""
    marker = folder / _MARKER
    marker.parent.mkdir(exist_ok=True)
    marker.write_text("")
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)


def under_challenge(folder: Path) -> bool:
    """A test is being made now; one that was given up without a word counts for ten minutes."""
    try:
        return time.time() - (folder / _MARKER).stat().st_mtime < _MARKER_S
    except OSError:
        return False


def challenge_due(folder: Path, minutes: float) -> str:
    """Why a batch must not run on before a challenge test, "" where it may.

    minutes: longest time between two tests, 0 = none is asked for; one that failed must be followed by one that passes in any
    case.
    """
    tests = [operation for operation in read_operations(folder) if operation["what"] == "challenge"]
    if tests and not tests[-1]["passed"]:
        return f"the challenge test of {tests[-1]['utc']} failed, and none has passed since"
    if minutes <= 0:
        return ""
    if not tests:
        return "no challenge test was made yet"
    since = datetime.now(UTC) - datetime.fromisoformat(tests[-1]["utc"])
    return f"the last challenge test is of {tests[-1]['utc']}" if since > timedelta(minutes=minutes) else ""

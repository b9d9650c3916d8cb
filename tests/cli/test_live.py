"""What the terminal shows of a running line: every number of the status, and what is not as it should be."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from vision.cli.live import LiveStatus, picture, plain
from vision.pipeline.ledger import Counts
from vision.pipeline.stats import Status
from vision.types import Reason

REASONS = Counter({Reason.LOW_GRADE: 9, Reason.NO_SYMBOL: 2})
CALM: dict[str, Any] = {
    "state": "RUNNING",
    "seconds": 65.0,
    "rate_hz": 59.5,
    "counts": Counts(
        triggered=1007, accepted=990, rejected=11, late=0, reasons=Counter({Reason.LOW_GRADE: 9, Reason.NO_SYMBOL: 2})
    ),
    "latency": SimpleNamespace(as_dict=lambda: {"p50": 31.2, "p99": 48.9, "p999": 55.0, "max": 61.0}),
    "inspectors_ready": 2,
    "slots_free": 27,
    "slots": 32,
    "restarts": 0,
    "output_healthy": True,
    "trouble": "",
    "images_dropped": 0,
}
WRONG = {
    "an inspector is away": ({"inspectors_ready": 1}, "1 of 2"),
    "the machine is not heard": (
        {"output_healthy": False, "trouble": "output of S1: not connected"},
        "output of S1: not connected",
    ),
    "images are dropped": ({"images_dropped": 37}, "images not kept 37"),
    "hostile words": ({"trouble": "camera \x1b[2J"}, "<ESC>"),
}


def shown(**changes: Any) -> str:
    console = Console(width=110, color_system=None, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(picture("L1", 2, Status(**{**CALM, **changes})))
    return capture.get()


def test_every_number_has_its_place() -> None:
    text = shown()
    words = [
        *(
            "RUNNING",
            "line L1",
            "0:01:05",
            "59.5 packs/s",
            "990",
            "1007",
            "11",
            "31 ms",
            "49 ms",
            "61 ms",
            "2 of 2",
            "27 of 32",
            "in order",
        ),
        *("LOW_GRADE", "NO_SYMBOL"),
    ]
    assert [word for word in words if word not in text] == []
    assert "under way         6" in text


def test_numbers_keep_their_place_whatever_they_are() -> None:
    big = Counts(triggered=1_234_567, accepted=1_234_000, rejected=500, late=3, reasons=REASONS)
    calm, busy = shown().splitlines(), shown(counts=big, slots_free=0, inspectors_ready=0, output_healthy=False).splitlines()
    for label in ("packs seen", "inspectors", "slots for frames", "too late", "output"):
        (before,) = (line.index(label) for line in calm if label in line)
        (after,) = (line.index(label) for line in busy if label in line)
        assert before == after, label


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_seen_in_the_picture_and_in_the_line(name: str) -> None:
    changes, words = WRONG[name]
    assert words in shown(**changes)
    line = plain(2, Status(**{**CALM, **changes}))
    assert words in line and line.isprintable()
    assert words not in plain(2, Status(**CALM)), "what is as it should be is not said"


def test_an_output_in_trouble_stands_out() -> None:
    assert "TROUBLE" in shown(output_healthy=False) and "TROUBLE" not in shown()


def test_without_a_terminal_a_line_comes_now_and_then_and_at_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveStatus("L1", 2, to_stderr=True) as show:
        for seconds, state in ((0.0, "RUNNING"), (0.2, "RUNNING"), (1.0, "DEGRADED"), (1.2, "DEGRADED"), (6.1, "DEGRADED")):
            show.update(Status(**{**CALM, "seconds": seconds, "state": state}))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split()[0] for line in captured.err.splitlines()] == ["0.0", "1.0", "6.1"]

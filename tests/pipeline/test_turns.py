"""Turns on the processor are asked for, given back, and done without where the kernel says no."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vision.pipeline import turns


def test_the_line_gives_back_what_it_was_given() -> None:
    before = turns.attributes()
    with turns.turn_of_the_line():
        assert turns.attributes()[:2] == before[:2]
        assert turns.attributes()[2] in (turns.SLICE_NS, before[2]), "a kernel before 6.12 knows one slice for all"
    assert turns.attributes() == before


@pytest.mark.parametrize("role", ["inspector", "recorder"])
def test_whoever_hands_packs_on_gets_a_short_slice_and_keeps_its_nice(role: str) -> None:
    """Without any right: as root the process gives its rights away first."""
    words = (
        "import os, sys\n"
        "from vision.pipeline import turns\n"
        "before = turns.attributes()\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "turns.ask_for_turn(sys.argv[1])\n"
        "print(*before, *turns.attributes())\n"
    )
    said = subprocess.run([sys.executable, "-c", words, role], capture_output=True, text=True, check=True).stdout
    policy, nice, slice_before, policy_now, nice_now, slice_now = map(int, said.split())
    assert (policy_now, nice_now) == (policy, nice)
    assert slice_now in ((slice_before,) if role == "inspector" else (turns.SLICE_NS, slice_before))


def test_threads_of_a_camera_run_as_any_other() -> None:
    words = (
        "import threading\n"
        "from vision.pipeline import turns\n"
        "before = turns.attributes()\n"
        "turns.ask_for_turn('acquirer')\n"
        "found = []\n"
        "thread = threading.Thread(target=lambda: found.append(turns.attributes()))\n"
        "thread.start()\n"
        "thread.join()\n"
        "assert found == [before] or before[1] > 0, (found, before)\n"
    )
    subprocess.run([sys.executable, "-c", words], check=True)


def test_what_somebody_made_real_time_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(turns, "attributes", lambda: (os.SCHED_FIFO, 0, 0))
    monkeypatch.setattr(turns, "_ask", lambda nice, slice_ns, flags=0: asked.append((nice, slice_ns)))
    with turns.turn_of_the_line():
        pass
    assert not asked

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
        policy, nice, slice_ns = turns.attributes()
        assert policy == before[0] and nice <= before[1]
        assert slice_ns in (turns.SLICE_NS, before[2]), "a kernel before 6.12 knows one slice for all"
        assert nice == turns.NICE or os.geteuid() != 0 or before[1] < turns.NICE
    assert turns.attributes() == before


@pytest.mark.parametrize(("role", "nice"), [("inspector", turns.INSPECTOR_NICE), ("recorder", turns.NICE)])
def test_a_process_without_the_right_keeps_its_nice_and_gets_its_slice(role: str, nice: int) -> None:
    """As root both are given; one that gave its rights away runs on, with the slice only."""
    words = (
        "import os, sys\n"
        "from vision.pipeline import turns\n"
        "before = turns.attributes()\n"
        "if sys.argv[2] == 'without': os.setuid(65534)\n"
        "turns.ask_for_turn(sys.argv[1])\n"
        "print(*before, *turns.attributes())\n"
    )
    for rights in ("with", "without") if os.geteuid() == 0 else ("with",):
        said = subprocess.run([sys.executable, "-c", words, role, rights], capture_output=True, text=True, check=True).stdout
        policy, nice_before, slice_before, policy_now, nice_now, slice_now = map(int, said.split())
        assert policy_now == policy
        if role == "inspector" or not slice_before:
            assert slice_now == slice_before
        else:
            assert slice_now in (turns.SLICE_NS, slice_before)
        if rights == "without":
            assert nice_now == nice_before
        elif os.geteuid() == 0:
            assert nice_now == min(nice, nice_before)


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
    monkeypatch.setattr(turns, "_ask", lambda nice, slice_ns, flags=0: asked.append((nice, slice_ns)) or True)
    with turns.turn_of_the_line():
        pass
    assert not asked

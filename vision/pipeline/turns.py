"""Whose turn it is where more processes want to run than there are cores: asked of the kernel, and done without where it says no.

Linux lets a process that wakes up wait until the running one has had its slice, 3 to 4 ms, though it wants 0.1 ms itself; a
pack's way to its row is six such waits. Since Linux 6.12 one that asks for a shorter slice goes first, without any right. Those who
hand packs on ask for that; inspectors keep their long slices, as an interruption empties their caches. Beside five busy processes:
trigger to durable verdict p99 105 -> 46 ms. Priorities on top gave 42, and let whatever else the machine must do starve; SCHED_FIFO
for all was as quick and dearer by 0.1 ms of CPU per frame, as it interrupts an inspection although another core is idle.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Iterator

SLICE_NS = 100_000  # the shortest the kernel gives

_SCHED_ATTR = struct.Struct("<IIQiIQQQII")
_SET, _GET = {"x86_64": (314, 315), "aarch64": (274, 275)}.get(platform.machine(), (0, 0))
_OTHER = 0
_RESET_ON_FORK = 1  # threads of a camera's software, which may spin, run as any other


def attributes() -> tuple[int, int, int]:
    """Policy, nice and slice in nanoseconds of this thread; a slice of 0 where the kernel does not say."""
    found = ctypes.create_string_buffer(_SCHED_ATTR.size)
    if not _GET or ctypes.CDLL(None, use_errno=True).syscall(_GET, 0, found, _SCHED_ATTR.size, 0):
        return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), 0
    _, policy, _, nice, _, slice_ns, *_ = _SCHED_ATTR.unpack(found.raw)
    return policy, nice, slice_ns


def _ask(nice: int, slice_ns: int, flags: int = 0) -> None:
    wanted = _SCHED_ATTR.pack(_SCHED_ATTR.size, _OTHER, flags, nice, 0, slice_ns, 0, 0, 0, 0)
    if _SET:
        ctypes.CDLL(None, use_errno=True).syscall(_SET, 0, wanted, 0)


def ask_for_turn(role: str) -> None:
    """For this thread: turns as this role needs them. One that somebody made real-time is left as it is."""
    policy, nice, _ = attributes()
    if policy == _OTHER and role != "inspector":
        _ask(nice, SLICE_NS, _RESET_ON_FORK if role == "acquirer" else 0)  # only who has the right can take that off again


@contextlib.contextmanager
def turn_of_the_line() -> Iterator[None]:
    """While the line runs in a thread of its caller: as ask_for_turn; afterwards as it was."""
    policy, nice, slice_ns = attributes()
    ask_for_turn("line")
    try:
        yield
    finally:
        if policy == _OTHER:
            _ask(nice, slice_ns)

"""What a woken process costs on this machine, at the least: `python -m bench.wakeups [--rate 60] [--seconds 10]`.

A child receives a small message and answers it, nothing else, in plain Python; the CPU it takes is counted, first on an idle
machine, then beside two processes that pass over frames as inspectors do and empty the caches in between. The line's
overhead outside `inspect()` cannot be less than this figure times the wake-ups of a frame.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import time

import numpy as np

FRAME = (1024, 1280)
BUSY_SHARE = 0.33
"""Of a core, for each of two inspectors at 60 packs/s."""


def _answer(end: socket.socket, report: socket.socket) -> None:
    """Answers every message until end of file, then reports its CPU time and how many there were."""
    begin = time.process_time()
    count = 0
    while message := end.recv(256):
        end.send(message)
        count += 1
    report.send(f"{time.process_time() - begin} {count}".encode())


def _inspect(period_s: float) -> None:
    """Passes over a frame for a share of each period, for ever."""
    frame = np.random.default_rng(os.getpid()).integers(0, 256, FRAME).astype(np.uint8)
    while True:
        end = time.perf_counter() + period_s
        while time.perf_counter() < end - period_s * (1 - BUSY_SHARE):
            np.add(frame, 1, out=frame)
        time.sleep(max(0.0, end - time.perf_counter()))


def wakeup_us(rate_hz: float, seconds: float, busy: bool) -> float:
    """CPU of the answering child per message, in microseconds."""
    context = multiprocessing.get_context("fork")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    report, reporting = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    child = context.Process(target=_child, args=(ours, theirs, report, reporting), daemon=True)
    neighbours = [context.Process(target=_inspect, args=(2 / rate_hz,), daemon=True) for _ in range(2 if busy else 0)]
    for process in (child, *neighbours):
        process.start()
    theirs.close()
    reporting.close()
    next_s = time.perf_counter() + 0.2
    for _ in range(int(rate_hz * seconds)):
        time.sleep(max(0.0, next_s - time.perf_counter()))
        next_s += 1 / rate_hz
        ours.send(b"x" * 200)
        ours.recv(256)
    ours.shutdown(socket.SHUT_RDWR)
    cpu_s, count = report.recv(256).split()
    for process in neighbours:
        process.kill()
    for process in (child, *neighbours):
        process.join()
    return float(cpu_s) / int(count) * 1e6


def _child(ours: socket.socket, theirs: socket.socket, report: socket.socket, reporting: socket.socket) -> None:
    ours.close()
    report.close()
    _answer(theirs, reporting)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.wakeups", description="CPU of a process per bare wake-up.")
    parser.add_argument("--rate", type=float, default=60.0, help="messages per second (60)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long, for each of the two (10)")
    options = parser.parse_args(arguments)
    print("| a process woken by a message, answering it | CPU, us |")
    print("|---|---|")
    for busy in (False, True):
        us = wakeup_us(options.rate, options.seconds, busy)
        print(f"| {'beside two busy ones' if busy else 'on an idle machine'} | {us:.0f} |")


if __name__ == "__main__":
    main()

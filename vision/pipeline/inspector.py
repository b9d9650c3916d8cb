"""The inspector process: inspect() one frame at a time, and nothing kept between frames that could change a result."""

from __future__ import annotations

import time

import cv2
import numpy as np

from vision.audit.spc import measured
from vision.inspection import Workspace, inspect
from vision.pipeline.messages import Inspect, Inspected, Leave, Ready
from vision.pipeline.pool import FramePool
from vision.pipeline.process import Channel
from vision.results.schema import symbol_rows
from vision.types import Frame
from vision.verdict.recipe import Recipe


class StaleSlot(Exception):
    """A slot was written to while it was ours: the pool's rule is broken, nothing from it may be believed."""


def run_inspector(channel: Channel, pool: FramePool, recipes: tuple[Recipe, ...]) -> None:
    """Until told to leave or the line is gone.

    recipes: one per station.
    """
    cv2.setNumThreads(1)  # one thread per process: the parallelism is the inspectors
    work = Workspace()
    for station, recipe in enumerate(recipes):  # the first frame must not pay for what is made on first use
        inspect(Frame(np.zeros(pool.shapes[station], np.uint8)), recipe, work)
    generations = pool.generations
    channel.send(Ready())
    while not channel.closed:
        for message in channel.listen():
            if isinstance(message, Leave):
                work.close()
                return
            if isinstance(message, Inspect):
                channel.send(_inspect_slot(message, pool, generations, recipes, work))


def _inspect_slot(message: Inspect, pool: FramePool, generations, recipes: tuple[Recipe, ...], work: Workspace) -> Inspected:  # type: ignore[no-untyped-def]
    begin_ns = time.monotonic_ns()
    begin_cpu_ns = time.thread_time_ns()
    if int(generations[message.slot]) != message.generation:
        raise StaleSlot(f"slot {message.slot}: generation {int(generations[message.slot])}, expected {message.generation}")
    station, trigger = message.key
    frame = Frame(pool.read_only(message.slot, station), trigger=trigger)
    inspection = inspect(frame, recipes[station], work)
    symbols = symbol_rows(inspection.findings, inspection.verdict.places)
    if int(generations[message.slot]) != message.generation:
        raise StaleSlot(f"slot {message.slot} was overwritten during its inspection")
    followed = measured(inspection.findings)
    cpu_ns = time.thread_time_ns() - begin_cpu_ns
    serials = tuple(f.content.serial for f in inspection.findings if f.content is not None and f.content.serial)
    bad_places = sum(1 << place.position - 1 for place in inspection.verdict.places if not place.accept)
    took_ns = time.monotonic_ns() - begin_ns
    return Inspected(message.key, inspection.verdict.reasons, serials, symbols, took_ns, cpu_ns, followed, bad_places)

"""The acquirer and a camera that fills slots itself: who may write where, and what becomes of a frame without room."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rig import line_file
from vision.cameras.camera import Grab, GrabStatus
from vision.cameras.frame_ids import FrameIds
from vision.config import load_line
from vision.pipeline.acquirer import Acquirer
from vision.pipeline.messages import Ended, FrameMissing, FrameReady, Slots, StopAcquisition
from vision.pipeline.pool import FramePool
from vision.pipeline.process import CONTEXT
from vision.types import Reason

SLOTS, BUFFERS = 12, 4


class Channel:
    """The line's side: what it says next, and what it was told."""

    def __init__(self) -> None:
        self.next: deque[list[Any]] = deque()
        self.told: list[Any] = []
        self.closed = self.waiting = False

    def wait(self, timeout_s: float) -> None:
        assert self.next, "the acquirer waits for a line that says nothing"

    def receive(self) -> list[Any]:
        return self.next.popleft() if self.next else []

    def send(self, message: Any) -> None:
        self.told.append(message)


class Camera:
    """Fills the place given first; each grab is asked of `next_status`, and `before` is called first."""

    width, height = 8, 6

    def __init__(self, can_fill: bool = True) -> None:
        self.fills = can_fill
        self.places: deque[int] = deque()
        self.started = False
        self.frame_id = 0
        self.before: Any = lambda: GrabStatus.FRAME

    def fill(self, views: Any, room_bytes: int) -> bool:
        assert not self.started and len(views) == SLOTS
        return True

    def give(self, place: int) -> None:
        assert place not in self.places, f"slot {place} was given twice"
        self.places.append(place)

    def start(self) -> None:
        assert self.places, "a camera without a place loses the first frames"
        self.started = True

    def grab(self, into: Any, timeout_s: float) -> Grab:
        status = self.before()
        if status is not GrabStatus.FRAME:
            return Grab(status, arrival_ns=self.frame_id)
        self.frame_id += 1
        return Grab(status, self.frame_id, self.frame_id, place=self.places.popleft() if self.fills else None)


def station(folder: Path, camera: Camera) -> tuple[Acquirer, Channel, FramePool]:
    channel, pool = Channel(), FramePool(CONTEXT, SLOTS, [(6, 8)])
    config = load_line(line_file(folder)).stations[0]
    return Acquirer(channel, camera, pool, 0, config, FrameIds(), 0, None, BUFFERS), channel, pool  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_slots_go_round_and_each_trigger_is_told_once(tmp_path: Path, seed: int) -> None:
    """The line gives slots back whenever it likes; a frame that leaves the camera fewer slots than its own is NO_SLOT."""
    rng, camera = random.Random(seed), Camera()
    acquirer, channel, pool = station(tmp_path, camera)
    held: dict[int, int] = {}  # the line's: slot -> generation
    channel.next.append([Slots(tuple(range(SLOTS)))])
    seen = 0

    def before() -> GrabStatus:
        nonlocal seen
        for message in channel.told[seen:]:
            if isinstance(message, FrameReady):
                assert message.slot not in held and message.slot not in camera.places
                held[message.slot] = message.generation
        seen = len(channel.told)
        assert all(pool.generations[slot] == generation for slot, generation in held.items()), "a slot of the line's was touched"
        assert sorted([*held, *camera.places]) == list(range(SLOTS))
        assert len(camera.places) >= BUFFERS
        back = tuple(slot for slot in held if rng.random() < 0.08)
        if back:
            channel.next.append([Slots(back)])
        for slot in back:
            del held[slot]
        if camera.frame_id == 400:
            channel.next.append([StopAcquisition()])
            return GrabStatus.TIMEOUT
        return GrabStatus.INCOMPLETE if rng.random() < 0.05 else GrabStatus.FRAME

    def next_status() -> GrabStatus:
        status = before()
        if channel.next and isinstance(channel.next[0][0], Slots):
            acquirer._listen()  # at once, or a slot under way would be in neither hand
        return status

    camera.before = next_status
    acquirer.start()
    assert camera.started
    assert acquirer.run() == ""
    told = [message for message in channel.told if isinstance(message, FrameReady | FrameMissing)]
    assert [message.trigger for message in told] == list(range(1, len(told) + 1))
    reasons = [message.reason for message in told if isinstance(message, FrameMissing)]
    assert {Reason.NO_SLOT, Reason.INCOMPLETE_FRAME} == set(reasons) and reasons.count(Reason.NO_SLOT) > 20
    assert not any(isinstance(message, Ended) for message in channel.told)


def test_told_to_stop_before_there_is_a_slot_the_camera_is_not_started(tmp_path: Path) -> None:
    camera = Camera()
    acquirer, channel, _ = station(tmp_path, camera)
    channel.next.append([StopAcquisition()])
    acquirer.start()
    assert not camera.started and acquirer.run() == ""


def test_a_camera_that_cannot_fill_after_all_gets_copies(tmp_path: Path) -> None:
    camera = Camera()
    acquirer, channel, _ = station(tmp_path, camera)
    channel.next.append([Slots((3, 5))])
    camera.fills = False
    camera.before = lambda: GrabStatus.FRAME if camera.frame_id < 3 else GrabStatus.ENDED
    acquirer.start()
    acquirer.run()
    kinds = [(type(message), getattr(message, "slot", None)) for message in channel.told]
    assert [kind for kind, _ in kinds] == [FrameReady, FrameReady, FrameMissing, Ended] and {kinds[0][1], kinds[1][1]} == {3, 5}

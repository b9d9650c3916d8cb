"""The acquirer process of a station: grab into a free slot, number the trigger, post. It waits for nobody but the camera.

It owns the camera alone: a reconnect is a new process. What it knows when the line is gone it leaves in a file
(last_words), so that the recorder can close the account.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from vision.cameras.camera import Camera, CameraError, Grab, GrabStatus
from vision.cameras.frame_ids import FrameIds, Seen, Step
from vision.config import StationConfig
from vision.pipeline.last_words import write_last_words
from vision.pipeline.messages import (
    CameraLost,
    Ended,
    Failed,
    FrameMissing,
    FrameReady,
    Leave,
    Ready,
    SetOutput,
    Slots,
    StopAcquisition,
)
from vision.pipeline.pool import FramePool
from vision.pipeline.process import Channel
from vision.pipeline.sources import Source, open_camera
from vision.types import Reason

log = logging.getLogger("acquirer")

_GRAB_TIMEOUT_S = 0.050
_GRAB_TIMEOUT_WAITED_FOR_S = 0.001
"""How long one look for a frame takes; a stop may wait as long, a frame never does. Each look in vain is a wake-up: 2 ms cost 67 ms
of CPU per second of waiting, 8 ms cost 30. Short where somebody waits: without a free slot (one may lie in the channel), and
with a reject output on the camera."""
_SLOTS_LOW = 4
"""With more slots than that the channel is looked into every 50 ms only: a look in vain costs 20 us where caches are cold."""
_GAP = {Reason.MISSED_FRAME: "the camera's frame ids leave this one out", Reason.CAMERA_LOST: "went by while the camera was away"}
_GAP_BY_PACE = "the camera's frame ids began again: counted by the pace of the packs before"


class Acquirer:
    """One camera's frames to slots and messages.

    A camera that can fills the slots itself (`fills`); of those it holds, buffer_count are its own, to fill ahead: with no more
    left there is NO_SLOT. From another camera a frame is copied into a free slot.

    last_trigger: number of the last trigger that has its verdict; above 0 this is a reconnect, and triggers missing before
    the first frame went by while the camera was away. trigger_limit: stop after this trigger, None = never.
    """

    def __init__(
        self,
        channel: Channel,
        camera: Camera,
        pool: FramePool,
        station: int,
        config: StationConfig,
        frame_ids: FrameIds,
        last_trigger: int,
        trigger_limit: int | None,
        buffer_count: int = 0,
    ) -> None:
        self._channel = channel
        self._camera = camera
        self._pool = pool
        self._station = station
        self._views = [pool.pixels(slot, station) for slot in range(pool.slot_count)]
        self._generations = pool.generations
        self._fills = camera.fill(self._views, pool.room_bytes)
        self._given: set[int] = set()  # slots that the camera may fill
        self._buffer_count = buffer_count
        self._free: list[int] = []  # the slot freed last is taken first: its memory is the likeliest to be in a cache
        self._frame_ids = frame_ids
        self._trigger = last_trigger
        self._reason_for_gap = Reason.CAMERA_LOST if last_trigger else Reason.MISSED_FRAME
        self._trigger_limit = trigger_limit
        self._frame_timeout_s = config.camera.frame_timeout_ms / 1e3
        self._user_output = config.reject.user_output
        self._grab_timeout_s = _GRAB_TIMEOUT_WAITED_FOR_S if self._user_output else _GRAB_TIMEOUT_S
        self._stop = False

    @property
    def last_trigger(self) -> int:
        return self._trigger

    def start(self) -> None:
        """Begins acquisition, with slots where the camera fills them; not at all when told to leave before there are any."""
        while self._fills and not self._given and not self._stop and not self._channel.closed:
            self._channel.wait(_GRAB_TIMEOUT_S)
            self._listen()
        if self._stop or self._channel.closed:
            return
        self._camera.start()
        if self._fills and not self._camera.fills:  # it sends more than has room: copied as from other cameras
            self._fills = False
            self._free.extend(self._given)
            self._given.clear()

    def run(self) -> str:
        """Grabs until told to stop, the line is gone, the camera is lost or at its end; gives the detail of a loss or ""."""
        last_frame = listened = time.monotonic()
        while not self._stop and not self._channel.closed:
            now = time.monotonic()
            if self._hungry or now - listened > _GRAB_TIMEOUT_S:
                listened = now
                self._listen()
            grab, slot = self._grab_in_place() if self._fills else self._grab_copied()
            if grab.status is GrabStatus.TIMEOUT:
                if self._frame_timeout_s and time.monotonic() - last_frame > self._frame_timeout_s:
                    return f"no frame for {self._frame_timeout_s:g} s"
                continue
            last_frame = time.monotonic()
            if grab.status is GrabStatus.LOST:
                return grab.detail or "camera lost"
            if grab.status is GrabStatus.ENDED:
                self._channel.send(Ended())
                self._stop = True
            else:
                self._post(grab, slot)
                if slot is not None and slot in self._given:
                    self._give(slot)  # it did not go to the line
        return ""

    @property
    def _hungry(self) -> bool:
        """A word of the line would matter at once: more slots, the camera's output, or the rest of what it had no room for."""
        left = len(self._given) - self._buffer_count if self._fills else len(self._free)
        return left < _SLOTS_LOW or bool(self._user_output) or self._channel.waiting

    def _grab_copied(self) -> tuple[Grab, int | None]:
        """The next frame in a free slot."""
        if not self._free:
            return self._camera.grab(None, _GRAB_TIMEOUT_WAITED_FOR_S), None
        slot = self._free[-1]
        self._generations[slot] += 1  # before the first byte is written
        return self._camera.grab(self._views[slot], self._grab_timeout_s), slot

    def _grab_in_place(self) -> tuple[Grab, int | None]:
        """The next frame in the slot that the camera filled."""
        spare = len(self._given) > self._buffer_count
        grab = self._camera.grab(None, self._grab_timeout_s if spare else _GRAB_TIMEOUT_WAITED_FOR_S)
        return grab, grab.place

    def _give(self, slot: int) -> None:
        """The camera may fill this slot."""
        self._generations[slot] += 1  # before the first byte is written
        self._given.add(slot)
        self._camera.give(slot)

    def _post(self, grab: Grab, slot: int | None) -> None:
        """Numbers the trigger, and tells of those that the camera's frame ids show missing before it."""
        step = self._frame_ids.advance(grab.frame_id, grab.arrival_ns, grab.device_timestamp_ns)
        if step.repeated:
            return  # told twice: this trigger already has its verdict
        detail = _GAP_BY_PACE if step.counted_by == "pace" else _GAP[self._reason_for_gap]
        self._warn(step, detail)
        for _ in range(step.missing_before):
            if not self._number():
                return
            self._channel.send(FrameMissing(self._trigger, self._reason_for_gap, None, grab.arrival_ns, detail))
        if grab.frame_id is not None:
            self._reason_for_gap = Reason.MISSED_FRAME
        if not self._number():
            return
        if grab.status is GrabStatus.INCOMPLETE:
            self._miss(Reason.INCOMPLETE_FRAME, grab, grab.detail)
        elif slot is None or (self._fills and len(self._given) <= self._buffer_count):
            self._miss(Reason.NO_SLOT, grab, "all slots in use")
        else:
            if self._fills:
                self._given.remove(slot)
            else:
                self._free.pop()
            self._channel.send(
                FrameReady(
                    self._trigger,
                    slot,
                    int(self._generations[slot]),
                    grab.frame_id,
                    grab.arrival_ns,
                    grab.device_timestamp_ns,
                    grab.encoder_count,
                )
            )
        if self._trigger == self._trigger_limit:
            self._channel.send(Ended())
            self._stop = True

    def _warn(self, step: Step, detail: str) -> None:
        if step.missing_before:
            log.warning("packs without a frame before trigger %d: %d: %s", step.trigger, step.missing_before, detail)
        elif step.counted_by == "nobody":
            log.warning(
                "the camera's frame ids began again at trigger %d and no pace says how many packs went by before it: "
                "those have no record, compare with the machine's count",
                step.trigger,
            )

    def _miss(self, reason: Reason, grab: Grab, detail: str) -> None:
        self._channel.send(FrameMissing(self._trigger, reason, grab.frame_id, grab.arrival_ns, detail, grab.encoder_count))

    def _number(self) -> bool:
        if self._trigger_limit is not None and self._trigger >= self._trigger_limit:
            return False
        self._trigger += 1
        return True

    def _listen(self) -> None:
        if self._channel.waiting:
            self._channel.flush()
        for message in self._channel.receive():
            match message:
                case Slots(slots) if self._fills:
                    for slot in slots:
                        self._give(slot)
                case Slots(slots):
                    self._free.extend(slots)
                case SetOutput(value):
                    self._set_output(value)
                case StopAcquisition() | Leave():
                    self._stop = True

    def _set_output(self, value: bool) -> None:
        try:
            self._camera.set_user_output(self._user_output, value)
        except CameraError as error:
            log.error("%s", error)


def run_acquirer(
    channel: Channel,
    pool: FramePool,
    station: int,
    config: StationConfig,
    source: Source,
    folder: str,
    last_trigger: int,
    seen: Sequence[Seen],
    trigger_limit: int | None,
) -> None:
    """The process of one station's camera.

    last_trigger, seen: where the count stands (see FrameIds.resumed), 0 and empty at the first start.
    """
    os.environ.update(source.environment)
    try:
        camera = open_camera(config.camera)
    except CameraError as error:
        channel.send(Failed(f"station {config.name}: {error}"))
        channel.drain(1.0)
        return
    lost = ""
    acquirer = None
    try:
        if (camera.height, camera.width) != pool.shapes[station]:
            raise CameraError(
                f"camera gives {camera.width}x{camera.height}, its profile says {pool.shapes[station][1]}x{pool.shapes[station][0]}"
            )
        frame_ids = FrameIds.resumed(source.frame_id_bits, last_trigger, seen)
        starting = Acquirer(channel, camera, pool, station, config, frame_ids, last_trigger, trigger_limit, source.buffer_count)
        starting.start()
        acquirer = starting
        channel.send(Ready())
        lost = acquirer.run()
    except CameraError as error:
        lost = str(error)
        if acquirer is None:
            channel.send(Failed(f"station {config.name}: {error}"))
    if lost and acquirer is not None:
        channel.send(CameraLost(lost))
    if channel.closed and acquirer is not None:
        write_last_words(Path(folder), "acquirer", config.name, {"last_trigger": acquirer.last_trigger})
    with contextlib.suppress(CameraError):
        if config.reject.output == "camera_line":
            camera.set_user_output(config.reject.user_output, False)  # reject is the safe state
        camera.stop()
    camera.close()

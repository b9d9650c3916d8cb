"""What is said at once, what waits for company, and how long answers may lie unread."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.rig import line_file
from vision.config import load_line
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.pipeline import dispatch as module
from vision.pipeline.dispatch import Dispatch
from vision.pipeline.messages import (
    Ack,
    Expect,
    FrameMissing,
    FrameReady,
    Inspect,
    Inspected,
    KeepImage,
    Pass,
    Reject,
    Slots,
    Write,
)
from vision.types import Reason
from vision.verdict.recipe import Recipe

MS = 1_000_000


class Channel:
    """Keeps what was held and what has left."""

    def __init__(self) -> None:
        self.held: list[Any] = []
        self.gone: list[Any] = []

    def hold(self, message: Any) -> None:
        self.held.append(message)

    def release(self) -> None:
        self.gone += self.held
        self.held.clear()

    def send(self, message: Any) -> None:
        self.hold(message)
        self.release()


class Crew:
    def __init__(self) -> None:
        roles = ("acquirer", "inspector", "rejector", "recorder")
        self.all = {role: SimpleNamespace(role=role, index=0, name=role, ended="died", channel=Channel()) for role in roles}

    def get(self, role: str, index: int = 0) -> Any:
        return self.all.get(role) if index == 0 else None

    def of(self, role: str) -> list[Any]:
        return [self.all[role]] if role in self.all else []

    def send(self, role: str, index: int, message: Any) -> bool:
        self.all[role].channel.send(message)
        return True

    def gone(self, role: str) -> list[Any]:
        """What a child was sent since the last question."""
        channel = self.all[role].channel
        gone, channel.gone = channel.gone, []
        return list(gone)


class Clock:
    def __init__(self) -> None:
        self.ns = 10**12

    def monotonic_ns(self) -> int:
        return self.ns

    def time_ns(self) -> int:
        return self.ns

    def monotonic(self) -> float:
        return self.ns / 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


RECIPE = Recipe(Search(), Setup())


class Station:
    """A dispatcher with one idle inspector, and a clock."""

    def __init__(self, folder: Path, clock: Clock, **line: float) -> None:
        self.clock, self.crew = clock, Crew()
        self.dispatch = Dispatch(load_line(line_file(folder, inspectors=1, **line)), self.crew, lambda serials: (), [RECIPE])  # type: ignore[arg-type]
        for role in ("rejector", "recorder", "inspector"):
            self.dispatch.ready(self.crew.all[role])  # type: ignore[arg-type]
        self.dispatch.give_slots()
        (self.slots,) = self.crew.gone("acquirer")
        self.trigger = 0

    def after(self, ms: float) -> None:
        self.clock.ns += int(ms * MS)
        self.dispatch.tick(self.clock.ns)

    def frame(self) -> None:
        self.trigger += 1
        slot = self.slots.slots[self.trigger]
        self.dispatch.on_frame(
            self.crew.all["acquirer"], FrameReady(self.trigger, slot, 1, self.trigger, self.clock.ns, None, None)
        )  # type: ignore[arg-type]
        self.dispatch.tick(self.clock.ns)

    def answer(self, *reasons: Reason) -> None:
        self.dispatch.on_inspected(self.crew.all["inspector"], Inspected((0, self.trigger), reasons, (), b"", 5 * MS))  # type: ignore[arg-type]
        self.dispatch.tick(self.clock.ns)

    def ack(self, *triggers: int, durable_ns: int = 0) -> None:
        rows = tuple((0, trigger, 0) for trigger in triggers)
        self.dispatch.on_ack(self.crew.all["recorder"], Ack(rows, durable_ns or self.clock.ns))  # type: ignore[arg-type]
        self.dispatch.tick(self.clock.ns)


def test_slots_go_to_the_acquirer_in_one_message(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    assert isinstance(station.slots, Slots) and len(station.slots.slots) == 24
    station.dispatch.check()
    station.frame()
    station.dispatch.give_slots()
    assert station.crew.gone("acquirer") == [], "one slot is not worth a wake-up"


def test_rows_of_young_packs_wait_for_each_other(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    for _ in range(2):
        station.frame()
        assert isinstance(station.crew.gone("inspector")[-1], Inspect)
        station.after(8)
        station.answer()
        assert station.crew.gone("recorder") == []
        station.after(8)
    station.frame()  # the loop turns anyway when the first pack is 32 ms old
    (write,) = station.crew.gone("recorder")
    assert isinstance(write, Write) and [row[1][1] for row in write.rows] == [1, 2]


def test_a_row_alone_goes_when_its_pack_is_old(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    station.frame()
    station.after(5)
    station.answer()
    due_ns = station.dispatch.next_ns()
    assert due_ns is not None and 30 * MS <= due_ns - (station.clock.ns - 5 * MS) <= 40 * MS
    station.after((due_ns - station.clock.ns) / MS)
    assert len(station.crew.gone("recorder")) == 1


def test_the_row_of_a_slow_frame_does_not_wait(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    station.frame()
    station.after(60)
    station.answer(Reason.NO_SYMBOL)
    keep, write = station.crew.gone("recorder")
    assert isinstance(keep, KeepImage) and isinstance(write, Write), "the image goes with it, and not by a message of its own"


def test_words_wait_for_company_and_not_near_a_deadline(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)  # a deadline of one second
    station.frame()
    station.after(20)
    station.answer()
    station.after(20)
    station.ack(1)
    assert station.crew.gone("rejector") == []
    station.after(60)
    said = station.crew.gone("rejector")
    assert [type(word) for word in said] == [Expect, Pass], "in order, in one message"
    station.frame()
    station.after(900)
    station.crew.gone("rejector")
    station.answer(Reason.NO_SYMBOL)
    assert [type(word) for word in station.crew.gone("rejector")] == [Reject], "100 ms before its deadline: at once"


def test_a_short_deadline_leaves_no_time_to_wait(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock, deadline_ms=100.0, travel_ms=200.0)
    station.frame()
    assert [type(word) for word in station.crew.gone("rejector")] == [Expect]


def test_answers_may_lie_unread_for_a_moment_and_no_longer(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    assert station.dispatch.listen_from_ns() == 0, "nobody owes anything: whatever comes is worth waking for"
    station.frame()
    begun_ns = station.clock.ns
    assert 0 < station.dispatch.listen_from_ns() - begun_ns <= 25 * MS
    station.after(10)
    assert station.dispatch.listen_from_ns() == begun_ns + 25 * MS, "counted from what is owed the longest"
    station.frame()
    assert station.dispatch.listen_from_ns() == 0, "a frame waits for the inspector"
    station.dispatch.on_missing(
        station.crew.all["acquirer"],  # type: ignore[arg-type]
        FrameMissing(3, Reason.MISSED_FRAME, None, station.clock.ns),
    )
    station.after(40)
    assert len(station.crew.gone("recorder")) == 1
    station.trigger = 1
    station.answer()
    station.trigger = 2
    station.answer()
    written_ns = station.clock.ns
    assert station.dispatch.listen_from_ns() == written_ns + 25 * MS, "the recorder owes its word on the rows"
    station.after(3)
    station.ack(3)
    assert station.dispatch.listen_from_ns() == 0


def test_latency_ends_when_the_row_is_on_the_disk(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    station.frame()
    station.after(5)
    station.answer()
    station.after(35)
    durable_ns = station.clock.ns
    station.after(15)
    station.ack(1, durable_ns=durable_ns)
    assert station.dispatch.latency.max_ns == 40 * MS and station.dispatch.ledger.counts.passed == 1


def test_a_dead_recorder_is_told_all_again(tmp_path: Path, clock: Clock) -> None:
    station = Station(tmp_path, clock)
    station.frame()
    station.after(50)
    station.answer(Reason.NO_SYMBOL)
    recorder = station.crew.all.pop("recorder")
    station.crew.all["recorder"] = recorder
    station.crew.gone("recorder")
    station.dispatch.lost(recorder)  # type: ignore[arg-type]
    assert station.dispatch.images_dropped == 1, "the slot that it held is ours again"
    station.dispatch.ready(recorder)  # type: ignore[arg-type]
    station.after(0)
    assert [type(message) for message in station.crew.gone("recorder")] == [Write]
    station.dispatch.check()

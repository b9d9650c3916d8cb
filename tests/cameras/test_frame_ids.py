"""Frame ids to triggers: every trigger that passed has exactly one number, whatever the ids do."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.cameras.frame_ids import SEEN_COUNT, FrameIds, Seen, Step


def ids_of(pack: int, bits: int) -> int:
    """The id a camera gives to the pack-th frame (from 0): GigE block ids of 16 bits skip 0."""
    return pack % 65535 + 1 if bits == 16 else (pack + 1) % 2**bits


@settings(max_examples=200, deadline=None)
@given(
    bits=st.sampled_from([16, 32, 64]),
    start=st.integers(0, 200_000),
    losses=st.lists(st.integers(0, 400), min_size=1, max_size=60),
)
def test_numbers_follow_the_belt_whatever_is_lost(bits: int, start: int, losses: list[int]) -> None:
    frame_ids, pack = FrameIds(bits), start
    frame_ids.advance(ids_of(pack, bits))
    for lost in losses:
        pack += lost + 1
        assert frame_ids.advance(ids_of(pack, bits)) == Step(pack - start + 1, lost)


@pytest.mark.parametrize(("bits", "last", "following"), [(16, 65535, 1), (32, 2**32 - 1, 0), (64, 2**64 - 1, 0)])
def test_wraps_around_without_a_gap(bits: int, last: int, following: int) -> None:
    frame_ids = FrameIds(bits)
    assert frame_ids.advance(last) == Step(1, 0)
    assert frame_ids.advance(following) == Step(2, 0)


def test_an_id_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="frame id 0"):
        FrameIds(16).advance(0)
    with pytest.raises(ValueError, match="65536"):
        FrameIds(16).advance(65536)


def test_a_repeated_frame_gets_no_number_of_its_own() -> None:
    frame_ids = FrameIds()
    frame_ids.advance(7, timestamp=100)
    frame_ids.advance(8, timestamp=200)
    assert frame_ids.advance(8, timestamp=200) == Step(2, 0, True)
    assert frame_ids.advance(9, timestamp=300) == Step(3, 0)


def test_the_same_id_with_another_time_is_another_frame() -> None:
    frame_ids = FrameIds()
    frame_ids.advance(1, timestamp=100)
    assert frame_ids.advance(1, timestamp=50) == Step(2, 0, counted_by="nobody")


def test_a_frame_without_id_is_one_of_the_missing() -> None:
    frame_ids = FrameIds()
    frame_ids.advance(10)
    assert frame_ids.advance(None) == Step(2, 0)
    assert frame_ids.advance(12) == Step(3, 0)
    assert frame_ids.advance(None) == Step(4, 0)
    assert frame_ids.advance(15) == Step(6, 1)


PERIOD_NS = 100_000_000


def frames_at_a_pace(count: int = 20) -> list[Seen]:
    """`count` frames, ids from 1."""
    return [Seen(k + 1, k + 1, k * PERIOD_NS) for k in range(count)]


def test_ids_that_go_on_after_a_loss_tell_what_was_missed() -> None:
    seen = frames_at_a_pace()
    frame_ids = FrameIds.resumed(64, 20, seen)
    assert frame_ids.advance(31, at_ns=seen[-1].at_ns + 11 * PERIOD_NS) == Step(31, 10)
    assert frame_ids.advance(33, at_ns=seen[-1].at_ns + 13 * PERIOD_NS) == Step(33, 1)


@pytest.mark.parametrize("first_id", [0, 1, 2])
def test_ids_that_begin_again_leave_the_count_to_the_pace(first_id: int) -> None:
    seen = frames_at_a_pace()
    frame_ids = FrameIds.resumed(64, 20, seen)
    assert frame_ids.advance(first_id, at_ns=seen[-1].at_ns + 11 * PERIOD_NS) == Step(31, 10, counted_by="pace")
    assert frame_ids.advance(first_id + 1, at_ns=seen[-1].at_ns + 12 * PERIOD_NS) == Step(32, 0)
    assert frame_ids.advance(first_id + 4, at_ns=seen[-1].at_ns + 15 * PERIOD_NS) == Step(35, 2)


def test_sixteen_bits_that_begin_again_look_like_a_jump_and_are_not_believed() -> None:
    seen = [Seen(k + 1, 60_001 + k, k * PERIOD_NS) for k in range(20)]
    frame_ids = FrameIds.resumed(16, 20, seen)
    assert frame_ids.advance(1, at_ns=seen[-1].at_ns + 11 * PERIOD_NS) == Step(31, 10, counted_by="pace")


def test_a_belt_that_stood_still_meanwhile_has_missed_nothing() -> None:
    seen = frames_at_a_pace()
    assert FrameIds.resumed(64, 20, seen).advance(21, at_ns=seen[-1].at_ns + 600 * PERIOD_NS) == Step(21, 0)


def test_a_belt_that_runs_half_as_fast_again_is_believed() -> None:
    seen = frames_at_a_pace()
    assert FrameIds.resumed(64, 20, seen).advance(36, at_ns=seen[-1].at_ns + 10 * PERIOD_NS) == Step(36, 15)


def test_after_a_minute_without_a_camera_the_pace_says_nothing() -> None:
    seen = frames_at_a_pace()
    frame_ids = FrameIds.resumed(64, 20, seen)
    assert frame_ids.advance(1, at_ns=seen[-1].at_ns + 601 * PERIOD_NS) == Step(21, 0, counted_by="nobody")


def test_a_pace_that_is_not_known_counts_nothing() -> None:
    assert FrameIds.resumed(64, 1, [Seen(1, 7, 0)]).advance(1, at_ns=PERIOD_NS * 9) == Step(2, 0, counted_by="nobody")


def test_what_was_missed_since_another_run_is_nobodys() -> None:
    assert FrameIds.resumed(64, 320, []).advance(9000, at_ns=PERIOD_NS) == Step(321, 0)


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("goes_on", [True, False])
def test_frames_without_an_id_around_a_loss_are_counted_once(before: int, after: int, goes_on: bool) -> None:
    """Incomplete frames have their verdict already, or get it before the first id is seen."""
    seen = frames_at_a_pace()
    away = 10
    frame_ids = FrameIds.resumed(64, 20 + before, seen)
    for k in range(after):
        at_ns = seen[-1].at_ns + (before + away + 1 + k) * PERIOD_NS
        assert frame_ids.advance(None, at_ns=at_ns) == Step(20 + before + 1 + k, 0)
    pack = 20 + before + away + after + 1
    step = frame_ids.advance(pack if goes_on else after + 1, at_ns=(pack - 1) * PERIOD_NS)
    assert step == Step(pack, away, counted_by="ids" if goes_on else "pace")


def test_a_counter_that_begins_again_unannounced_goes_on_by_the_pace() -> None:
    frame_ids = FrameIds()
    for frame in frames_at_a_pace():
        frame_ids.advance(frame.frame_id, at_ns=frame.at_ns)
    assert frame_ids.advance(3, at_ns=20 * PERIOD_NS) == Step(21, 0, counted_by="pace")


@pytest.mark.parametrize("seed", range(5))
def test_no_number_twice_and_none_left_out(seed: int) -> None:
    """20 000 frames with losses, repeats, frames without id and lost cameras: the numbers tile the integers."""
    random = np.random.default_rng(seed)
    frame_ids, pack, expected = FrameIds(16), 0, 1
    seen: deque[Seen] = deque(maxlen=SEEN_COUNT)
    for _ in range(20_000):
        event = random.random()
        pack += 1 + (int(random.integers(1, 50)) if event < 0.02 else 0)
        if 0.02 <= event < 0.03:
            frame_ids = FrameIds.resumed(16, expected - 1, seen)
        frame_id = ids_of(pack, 16) if event < 0.97 else None
        step = frame_ids.advance(frame_id, at_ns=pack * 1000, timestamp=pack)
        assert not step.repeated
        assert step.trigger - step.missing_before == expected
        expected = step.trigger + 1
        if frame_id is not None:
            seen.append(Seen(step.trigger, frame_id, pack * 1000))
        if 0.03 <= event < 0.05:
            assert frame_ids.advance(ids_of(pack, 16), at_ns=pack * 1000 + 1, timestamp=pack) == Step(step.trigger, 0, True)
    assert expected == pack + 1

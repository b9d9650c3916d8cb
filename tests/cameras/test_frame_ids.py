"""Frame ids to triggers: every trigger that passed has exactly one number, whatever the ids do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.cameras.frame_ids import FrameIds, Step


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


def test_frames_lost_before_the_first_one_count_when_the_first_id_is_known() -> None:
    assert FrameIds(first_id=1).advance(4) == Step(4, 3)
    assert FrameIds().advance(4) == Step(1, 0)


def test_a_repeated_frame_gets_no_number_of_its_own() -> None:
    frame_ids = FrameIds()
    frame_ids.advance(7, timestamp=100)
    frame_ids.advance(8, timestamp=200)
    assert frame_ids.advance(8, timestamp=200) == Step(2, 0, True)
    assert frame_ids.advance(9, timestamp=300) == Step(3, 0)


def test_the_same_id_with_another_time_is_another_frame() -> None:
    frame_ids = FrameIds()
    frame_ids.advance(1, timestamp=100)
    assert frame_ids.advance(1, timestamp=50) == Step(2, 0)


def test_a_frame_without_id_is_one_of_the_missing() -> None:
    frame_ids = FrameIds()
    frame_ids.advance(10)
    assert frame_ids.advance(None) == Step(2, 0)
    assert frame_ids.advance(12) == Step(3, 0)
    assert frame_ids.advance(None) == Step(4, 0)
    assert frame_ids.advance(15) == Step(6, 1)


def paced(period_ns: int = 100_000_000, count: int = 20) -> tuple[FrameIds, int]:
    """A count that has seen `count` frames at a pace, and the time of the last."""
    frame_ids = FrameIds()
    for k in range(count):
        frame_ids.advance(k + 1, at_ns=k * period_ns)
    return frame_ids, (count - 1) * period_ns


def test_ids_that_go_on_after_a_reconnect_tell_what_was_missed() -> None:
    frame_ids, last_ns = paced()
    frame_ids.reconnected()
    assert frame_ids.advance(31, at_ns=last_ns + 1_100_000_000) == Step(31, 10)


def test_ids_that_begin_again_leave_the_count_to_the_pace() -> None:
    frame_ids, last_ns = paced()
    frame_ids.reconnected()
    assert frame_ids.advance(1, at_ns=last_ns + 1_100_000_000) == Step(31, 10)
    assert frame_ids.advance(2, at_ns=last_ns + 1_200_000_000) == Step(32, 0)


def test_a_belt_that_stood_still_meanwhile_has_missed_nothing() -> None:
    frame_ids, last_ns = paced()
    frame_ids.reconnected()
    assert frame_ids.advance(21, at_ns=last_ns + 60_000_000_000) == Step(21, 0)


def test_ids_that_jump_further_than_time_allows_are_not_believed() -> None:
    frame_ids, last_ns = paced()
    frame_ids.reconnected()
    assert frame_ids.advance(5000, at_ns=last_ns + 1_100_000_000) == Step(31, 10)


def test_a_counter_that_begins_again_unannounced_goes_on_by_the_pace() -> None:
    frame_ids, last_ns = paced()
    assert frame_ids.advance(3, at_ns=last_ns + 100_000_000) == Step(21, 0)


@pytest.mark.parametrize("seed", range(5))
def test_no_number_twice_and_none_left_out(seed: int) -> None:
    """20 000 frames with losses, repeats, frames without id and reconnects: the numbers tile the integers."""
    random = np.random.default_rng(seed)
    frame_ids, pack, expected = FrameIds(16), 0, 1
    for _ in range(20_000):
        event = random.random()
        pack += 1 + (int(random.integers(1, 50)) if event < 0.02 else 0)
        if 0.02 <= event < 0.03:
            frame_ids.reconnected()
        step = frame_ids.advance(ids_of(pack, 16) if event < 0.97 else None, at_ns=pack * 1000, timestamp=pack)
        assert not step.repeated
        assert step.trigger - step.missing_before == expected
        expected = step.trigger + 1
        if 0.03 <= event < 0.05:
            assert frame_ids.advance(ids_of(pack, 16), at_ns=pack * 1000 + 1, timestamp=pack) == Step(step.trigger, 0, True)
    assert expected == pack + 1

"""The frame pool: every slot has one owner, and every process sees the same pixels."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vision.pipeline.pool import FramePool, SlotOwners
from vision.pipeline.process import CONTEXT


def test_slots_do_not_overlap_and_views_share_memory() -> None:
    pool = FramePool(CONTEXT, 5, [(31, 47), (20, 30)])
    for slot in range(5):
        pool.pixels(slot, 0)[:] = slot + 1
    for slot in range(5):
        assert (pool.read_only(slot, 0) == slot + 1).all()
        assert pool.pixels(slot, 1).shape == (20, 30)
        assert np.shares_memory(pool.pixels(slot, 1), pool.pixels(slot, 0))
    with pytest.raises(ValueError, match="read-only"):
        pool.read_only(0, 0)[0, 0] = 1
    pool.generations[3] += 1
    assert pool.generations.tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("seed", range(5))
def test_the_sum_of_owners_is_the_number_of_slots(seed: int) -> None:
    rng = random.Random(seed)
    owners = SlotOwners(12)
    held: list[int] = []
    for _ in range(2000):
        if held and rng.random() < 0.5:
            owners.release(held.pop(rng.randrange(len(held))))
        elif (slot := owners.take_free("acquirer", rng.randrange(2))) is not None:
            held.append(slot)
            if rng.random() < 0.5:
                owners.give(slot, "inspector", rng.randrange(3))
        assert sum(owners.count(role) for role in ("line", "acquirer", "inspector")) == 12
        assert len(owners.free) == owners.count("line") == 12 - len(held)
    slot = owners.take_free("recorder", 0) if owners.free else held.pop()
    assert slot is not None
    owners.release(slot)
    with pytest.raises(AssertionError, match="twice"):
        owners.release(slot)

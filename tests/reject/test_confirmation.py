"""Rejects signalled = rejects confirmed."""

from __future__ import annotations

import random

import pytest

from vision.reject.confirmation import Confirmations

GRACE = 1000


def test_a_reject_that_is_not_confirmed_in_time_is_missed_for_good() -> None:
    confirmations = Confirmations(GRACE)
    confirmations.heard(7)  # before our time
    confirmations.rejected(100)
    confirmations.rejected(200)
    confirmations.heard(8)
    assert confirmations.missed(100 + GRACE + 1) == 0, "the first one came"
    assert confirmations.missed(200 + GRACE) == 0
    assert confirmations.missed(200 + GRACE + 1) == 1
    confirmations.heard(9)
    assert confirmations.missed(10**9) == 1, "too late"
    assert (confirmations.rejected_count, confirmations.confirmed_count) == (2, 2) and not confirmations.waiting


def test_a_confirmation_may_come_before_the_books_are_kept() -> None:
    confirmations = Confirmations(GRACE)
    confirmations.heard(0)
    confirmations.heard(2)
    for due_ns in (100, 110, 120):
        confirmations.rejected(due_ns)
    assert confirmations.missed(115 + GRACE) == 0 and confirmations.missed(121 + GRACE) == 1


def test_the_counter_wraps() -> None:
    confirmations = Confirmations(GRACE)
    confirmations.heard(0xFFFFFFFF)
    confirmations.rejected(1)
    confirmations.rejected(2)
    confirmations.heard(1)
    assert confirmations.missed(10**9) == 0


def test_a_machine_started_anew_begins_to_count_again() -> None:
    confirmations = Confirmations(GRACE)
    confirmations.heard(500)
    confirmations.rejected(1)
    confirmations.heard(0)
    confirmations.rejected(2)
    confirmations.heard(1)
    assert confirmations.missed(10**9) == 1, "one confirmation for two rejects"


def test_a_machine_that_confirms_nothing_is_not_asked() -> None:
    confirmations = Confirmations(0)
    confirmations.rejected(1)
    confirmations.heard(0)
    assert confirmations.missed(10**12) == 0


@pytest.mark.parametrize("seed", range(10))
def test_no_reject_is_missed_while_all_are_confirmed_and_each_loss_is_seen(seed: int) -> None:
    rng = random.Random(seed)
    confirmations = Confirmations(GRACE)
    count = rng.randrange(2**32)
    confirmations.heard(count)
    lost = 0
    waiting: list[int] = []
    for now_ns in range(0, 200_000, 50):
        if rng.random() < 0.3:
            confirmations.rejected(now_ns)
            if rng.random() < 0.02:
                lost += 1
            else:
                waiting.append(now_ns + rng.randrange(GRACE // 2))
        arrived = [at for at in waiting if at <= now_ns]
        waiting = [at for at in waiting if at > now_ns]
        count = (count + len(arrived)) & 0xFFFFFFFF
        confirmations.heard(count)
        assert confirmations.missed(now_ns) <= lost
    confirmations.heard(count + len(waiting) & 0xFFFFFFFF)
    assert confirmations.missed(10**9) == lost

"""What every pool must do, whichever database it lies in."""

from __future__ import annotations

import pytest

from vision.serials.open import open_pool
from vision.serials.pool import Entry, Pool, PoolError
from vision.serials.states import LABELS, TRANSITIONS, State
from vision.types import Reason

GTIN = "04012345678901"
BATCH = "L1/2026-11-26T120000Z"


def test_an_order_takes_serials_new_or_free(pool: Pool) -> None:
    assert pool.load(GTIN, ["A", "B"]) == 2
    assert pool.load(GTIN, ["B", "C"], State.ALLOCATED, BATCH) == 2
    assert pool.entry(GTIN, "A") == Entry(GTIN, "A", State.UNALLOCATED, "", "")
    assert pool.entry(GTIN, "B") == Entry(GTIN, "B", State.ALLOCATED, BATCH, "")
    assert pool.entry(GTIN, "D") is None and pool.entry("other", "A") is None
    assert pool.counts(GTIN) == {State.UNALLOCATED: 1, State.ALLOCATED: 2}
    assert pool.counts(GTIN, BATCH) == {State.ALLOCATED: 2}
    assert list(pool.of_batch(GTIN, BATCH)) == [("B", State.ALLOCATED), ("C", State.ALLOCATED)]


@pytest.mark.parametrize(
    ("serials", "words"),
    [
        (["X", "A"], "serial 'A' of product 04012345678901 is Allocated already for batch L1"),
        (["X", "X"], "serial 'X' stands twice"),
    ],
)
def test_nothing_is_half_loaded(pool: Pool, serials: list[str], words: str) -> None:
    pool.load(GTIN, ["A"], State.ALLOCATED, BATCH)
    with pytest.raises(PoolError, match=words):
        pool.load(GTIN, serials, State.ALLOCATED, "L2/other")
    assert pool.counts(GTIN) == {State.ALLOCATED: 1}
    with pytest.raises(PoolError, match=r"is Allocated already|stands twice"):
        pool.load(GTIN, serials)
    assert pool.claim(GTIN, BATCH, [["A"]], listed=True) == [()]


def test_a_serial_is_claimed_once(pool: Pool) -> None:
    pool.load(GTIN, ["A", "B", "C"], State.ALLOCATED, BATCH)
    pool.load(GTIN, ["F"])
    pool.load(GTIN, ["O"], State.ALLOCATED, "L2/other")
    claim = [["A"], ["A"], ["X"], ["F"], ["O"], ["B", "A"], ["B", "B"], ["B", "C"]]
    assert pool.claim(GTIN, BATCH, claim, listed=True) == [
        (),
        (Reason.DUPLICATE_SERIAL,),
        (Reason.UNKNOWN_SERIAL,),
        (Reason.UNKNOWN_SERIAL,),
        (Reason.UNKNOWN_SERIAL,),
        (Reason.DUPLICATE_SERIAL,),
        (Reason.DUPLICATE_SERIAL,),
        (),
    ]
    assert pool.counts(GTIN, BATCH) == {State.COMMISSIONED: 3}


def test_a_frame_claims_all_or_none(pool: Pool) -> None:
    pool.load(GTIN, ["A", "B"], State.ALLOCATED, BATCH)
    pool.block(GTIN, ["B"], "stolen")
    assert pool.claim(GTIN, BATCH, [["A", "B", "X"]], listed=True) == [(Reason.UNKNOWN_SERIAL, Reason.BLOCKED_SERIAL)]
    assert pool.counts(GTIN, BATCH) == {State.ALLOCATED: 2}


def test_any_serial_once_where_none_are_listed(pool: Pool) -> None:
    pool.block(GTIN, ["Z"], "suspect")
    assert pool.claim(GTIN, BATCH, [["A"], ["A"], ["Z"]], listed=False) == [
        (),
        (Reason.DUPLICATE_SERIAL,),
        (Reason.BLOCKED_SERIAL,),
    ]
    assert pool.claim(GTIN, "L2/other", [["A"], ["B"]], listed=False) == [(Reason.DUPLICATE_SERIAL,), ()]
    assert pool.claim("other", BATCH, [["A"]], listed=False) == [()]
    assert pool.set_back(GTIN, BATCH, ["A"]) == 1
    assert pool.claim(GTIN, "L2/other", [["A"]], listed=False) == [(Reason.UNKNOWN_SERIAL,)]
    assert pool.claim(GTIN, BATCH, [["A"]], listed=False) == [()]


def test_blocks_hold_at_once_and_end(pool: Pool, pool_url: str) -> None:
    pool.load(GTIN, ["A"], State.ALLOCATED, BATCH)
    with open_pool(pool_url) as other:
        assert other.block(GTIN, ["A", "B"], "recalled") == 2
        assert other.block(GTIN, ["A"], "stolen") == 0
        assert pool.claim(GTIN, BATCH, [["A"]], listed=True) == [(Reason.BLOCKED_SERIAL,)]
        assert pool.blocked(GTIN) == {"A": "recalled", "B": "recalled"}
        assert pool.entry(GTIN, "B") == Entry(GTIN, "B", State.UNASSIGNED, "", "recalled")
        assert other.unblock(GTIN, ["A", "C"]) == 1
    assert pool.claim(GTIN, BATCH, [["A"]], listed=True) == [()]


def test_a_pack_rejected_after_all_gives_its_serial_back(pool: Pool) -> None:
    pool.load(GTIN, ["A", "B"], State.ALLOCATED, BATCH)
    pool.claim(GTIN, BATCH, [["A"]], listed=True)
    assert pool.set_back(GTIN, BATCH, ["A", "B"]) == 1
    assert pool.mark_encoded(GTIN, BATCH, ["B"]) == 1
    assert pool.counts(GTIN, BATCH) == {State.ENCODED: 2}
    assert pool.claim(GTIN, BATCH, [["A"]], listed=True) == [()]
    assert pool.set_back(GTIN, "L2/other", ["A"]) == 0


@pytest.mark.parametrize("former", State)
def test_only_moves_of_the_table_are_made(pool: Pool, former: State) -> None:
    serials = {following: f"S{int(following)}" for following in State}
    pool.load(GTIN, list(serials.values()), former, BATCH)
    for following, serial in serials.items():
        if following in TRANSITIONS[former]:
            assert pool.move(GTIN, [serial], following, BATCH) == [(serial, former)]
            entry = pool.entry(GTIN, serial)
            assert entry is not None and entry.state is following
            assert entry.batch == ("" if following is State.UNALLOCATED else BATCH)
        else:
            with pytest.raises(PoolError, match=f"is {LABELS[former]}, from which nothing becomes {LABELS[following]}"):
                pool.move(GTIN, [serial], following, BATCH)
            assert pool.entry(GTIN, serial) == Entry(GTIN, serial, former, BATCH, "")


def test_a_move_is_for_all_or_none(pool: Pool) -> None:
    pool.load(GTIN, ["A", "B"], State.COMMISSIONED, BATCH)
    pool.load(GTIN, ["O"], State.COMMISSIONED, "L2/other")
    with pytest.raises(PoolError, match=r"serial 'X' of product \d+: not in the pool"):
        pool.move(GTIN, ["A", "X"], State.SAMPLED)
    with pytest.raises(PoolError, match=r"serial 'O' .* does not belong to batch"):
        pool.move(GTIN, ["A", "O"], State.SAMPLED, BATCH)
    assert pool.counts(GTIN) == {State.COMMISSIONED: 3}
    assert len(pool.move(GTIN, ["A", "A", "O"], State.SAMPLED)) == 2


def test_what_was_not_used_goes_back(pool: Pool) -> None:
    pool.load(GTIN, ["A", "B", "C"], State.ALLOCATED, BATCH)
    pool.claim(GTIN, BATCH, [["A"]], listed=True)
    assert pool.move_all(GTIN, BATCH, State.ALLOCATED, State.UNALLOCATED) == 2
    assert pool.counts(GTIN) == {State.UNALLOCATED: 2, State.COMMISSIONED: 1}
    assert pool.counts(GTIN, BATCH) == {State.COMMISSIONED: 1}
    assert pool.load(GTIN, ["B"], State.ALLOCATED, "L1/next") == 1


def test_hostile_serials_are_only_text(pool: Pool) -> None:
    hostile = ["'; DROP TABLE serials--", '"><script>', "=1+1", "../../etc", "%s?:$1", "A;B", "<GS>", "\\.", "N"]
    pool.load(GTIN, hostile, State.ALLOCATED, BATCH)
    assert pool.claim(GTIN, BATCH, [[serial] for serial in hostile], listed=True) == [()] * len(hostile)
    assert sorted(serial for serial, _ in pool.of_batch(GTIN, BATCH)) == sorted(hostile)
    assert len(pool.move(GTIN, hostile, State.SAMPLED)) == len(hostile)


def test_serials_are_given_in_the_order_of_their_bytes(pool: Pool) -> None:
    serials = ["a", "B", "_", "1", "A", "-"]
    pool.load(GTIN, serials, State.ALLOCATED, BATCH)
    assert [serial for serial, _ in pool.of_batch(GTIN, BATCH)] == sorted(serials)


def test_many_at_once_lose_none(pool: Pool) -> None:
    serials = [f"S{number:06d}" for number in range(12_345)]
    assert pool.load(GTIN, serials, State.ALLOCATED, BATCH) == len(serials)
    assert [serial for serial, _ in pool.of_batch(GTIN, BATCH)] == serials
    assert len(pool.move(GTIN, serials[::2], State.ENCODED)) == len(serials[::2])

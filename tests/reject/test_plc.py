"""The simulated PLC's rule: reject unless a pass is held, the station is ready and its heartbeat runs."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.reject import registers
from vision.reject.plc import BeltEnd
from vision.reject.registers import PASS, READY, REJECT, entry_words

MS = 1_000_000


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def belt_end(log: io.StringIO) -> BeltEnd:
    return BeltEnd(heartbeat_ns=500 * MS, log=log)


def _station(beat: int, ready: int = READY, session: int = 7) -> list[int]:
    return [1, beat, ready, 120, session, 0, 0]


def test_a_pack_is_let_go_only_on_a_pass_of_a_ready_station(belt_end: BeltEnd) -> None:
    belt_end.take_station(_station(1), 0)
    belt_end.take_entries([*entry_words(5, PASS), *entry_words(6, REJECT), 0, 0, 0, 0], 1 * MS)
    assert [belt_end.lets_go(sequence) for sequence in (4, 5, 6, 0)] == [False, True, False, False]
    belt_end.take_station(_station(2, ready=1), 2 * MS)
    assert not belt_end.lets_go(5), "only the ready code is ready"
    belt_end.take_station([2, *_station(3)[1:]], 3 * MS)
    assert not belt_end.lets_go(5), "another version of the map may mean anything"
    belt_end.take_station(_station(4), 4 * MS)
    assert belt_end.lets_go(5)


def test_silence_makes_it_forget_and_the_same_beat_is_silence(belt_end: BeltEnd) -> None:
    belt_end.take_station(_station(1), 0)
    belt_end.take_entries(list(entry_words(5, PASS)), 0)
    belt_end.take_station(_station(1), 400 * MS)
    assert not belt_end.supervise(500 * MS)
    assert belt_end.supervise(501 * MS)
    assert not belt_end.lets_go(5) and not belt_end.supervise(502 * MS)
    belt_end.take_station(_station(2), 600 * MS)
    assert belt_end.ready and not belt_end.lets_go(5)
    assert (belt_end.summary.heartbeat_losses, belt_end.summary.forgotten, belt_end.summary.ready_transitions) == (1, 1, 3)


def test_signing_off_is_not_a_loss_but_rejects(belt_end: BeltEnd) -> None:
    belt_end.take_station(_station(1), 0)
    belt_end.take_entries(list(entry_words(5, PASS)), 0)
    belt_end.take_station(_station(0, ready=0), 10 * MS)
    assert not belt_end.lets_go(5) and not belt_end.supervise(10_000 * MS)
    assert belt_end.summary.heartbeat_losses == 0
    belt_end.take_station(_station(0), 20 * MS)
    assert not belt_end.ready, "no heartbeat, not ready"


def test_a_new_session_forgets_the_old_numbers(belt_end: BeltEnd) -> None:
    belt_end.take_station(_station(1), 0)
    belt_end.take_entries(list(entry_words(5, PASS)), 0)
    belt_end.take_station(_station(2, session=8), 1 * MS)
    assert belt_end.ready and not belt_end.lets_go(5)


def test_verdicts_are_told_apart_and_logged(belt_end: BeltEnd, log: io.StringIO) -> None:
    belt_end.take_station(_station(1), 0)
    for verdict in (PASS, PASS, REJECT, PASS):
        belt_end.take_entries(list(entry_words(5, verdict)), 42)
    low, high, code, check = entry_words(6, PASS)
    for torn in ([low, high, code, check ^ 1], [low, high, 1, check], [low + 1, high, code, check]):
        belt_end.take_entries(torn, 43)
    assert not belt_end.lets_go(5) and not belt_end.lets_go(6) and not belt_end.lets_go(7)
    summary = belt_end.summary
    assert (summary.told_pass, summary.repeated, summary.revoked, summary.contradicting, summary.torn) == (1, 1, 1, 1, 3)
    assert summary.told_reject == 1
    assert log.getvalue().splitlines() == ["42,5,PASS,new", "42,5,PASS,repeated", "42,5,REJECT,revoked", "42,5,PASS,contradicting"]


def _seen(beat: int, newest: int, ready: int = READY) -> list[int]:
    return [1, beat, ready, 120, 7, newest & 0xFFFF, newest >> 16]


def test_a_pack_that_comes_to_the_ejector_untold_is_rejected(log: io.StringIO) -> None:
    belt_end = BeltEnd(500 * MS, log, travel_ns=100 * MS)
    belt_end.take_station(_seen(1, 3), 0)  # packs 1 to 3 passed the trigger
    belt_end.take_entries([*entry_words(1, PASS), *entry_words(3, REJECT)], 10 * MS)
    belt_end.move(99 * MS)
    assert (belt_end.summary.let_go, belt_end.summary.rejected) == (0, 0), "still on the belt"
    belt_end.take_station(_seen(2, 5), 99 * MS)
    belt_end.move(100 * MS)
    summary = belt_end.summary
    assert (summary.let_go, summary.rejected, summary.rejected_untold) == (1, 2, 1)
    assert belt_end.block()[2:4] == [2, 0], "what was rejected is confirmed, told or not"
    belt_end.take_entries(list(entry_words(4, PASS)), 110 * MS)
    belt_end.take_station(_seen(3, 5, ready=0), 120 * MS)
    belt_end.move(200 * MS)
    assert (summary.let_go, summary.rejected, summary.rejected_untold) == (1, 4, 2), "not ready: a pass is not enough"


def test_the_belt_stands_while_the_station_is_signed_off(log: io.StringIO) -> None:
    belt_end = BeltEnd(500 * MS, log, travel_ns=100 * MS)
    belt_end.take_station(_seen(1, 2), 0)
    belt_end.take_station(_seen(0, 2, ready=0), 1 * MS)
    belt_end.move(10_000 * MS)
    assert belt_end.summary.rejected == 0
    belt_end.take_station(_seen(5, 0), 11_000 * MS)  # started anew: it has seen nothing yet
    belt_end.move(11_000 * MS)
    assert (belt_end.summary.rejected, belt_end.summary.rejected_untold) == (2, 2)


def test_a_sensor_that_fails_confirms_no_more(log: io.StringIO) -> None:
    belt_end = BeltEnd(500 * MS, log, travel_ns=0, unconfirmed_from=3)
    for newest in range(1, 6):
        belt_end.take_station(_seen(newest, newest), newest)
        belt_end.move(newest)
    assert belt_end.block()[2:4] == [2, 0] and belt_end.summary.unconfirmed == 3


def test_its_own_block_says_what_it_saw(belt_end: BeltEnd) -> None:
    belt_end.take_station(_station(1), 0)
    for sequence in range(70_000):
        belt_end.take_entries(list(entry_words(sequence, REJECT)), 0)
    first, second = belt_end.block(), belt_end.block()
    assert first[2:4] == [70_000 & 0xFFFF, 1]
    assert first[1] != second[1], "its heartbeat"


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**48 - 1))
def test_bad_places_come_back_and_a_torn_entry_does_not(sequence: int, bad_places: int) -> None:
    words = registers.places_words(sequence, bad_places)
    assert registers.read_places(words) == (sequence, bad_places)
    for index in range(registers.PLACES_ENTRY_COUNT):
        assert registers.read_places((*words[:index], words[index] ^ 1, *words[index + 1 :])) is None
    assert registers.read_places((0,) * registers.PLACES_ENTRY_COUNT) is None


def test_bad_places_let_nothing_through() -> None:
    belt_end = BeltEnd(500_000_000, None)
    belt_end.take_station([registers.VERSION, 1, registers.READY, 120, 7, 0, 0], 0)
    belt_end.take_places(list(registers.places_words(5, 0b101)), 0)
    assert not belt_end.lets_go(5) and belt_end.places == {5: 0b101} and belt_end.summary.bad_places == 2
    belt_end.take_entries(list(registers.entry_words(5, registers.REJECT)), 0)
    assert not belt_end.lets_go(5)
    belt_end.take_station([registers.VERSION, 2, registers.READY, 120, 8, 0, 0], 0)
    assert belt_end.places == {}, "a new session forgets them too"

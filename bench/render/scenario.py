"""Which packs pass the camera, and why each is good or bad: the order, the plan and the truth. No pixels here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.render.print_model import DOTS_PER_MODULE, Defects
from bench.render.symbol import Content, check_digit

GOOD = "good"
BAD_KINDS = (
    "NO_SYMBOL",
    "LOW_GRADE",
    "WRONG_LOT",
    "NO_SYMBOL",
    "LOW_GRADE",
    "DUPLICATE_SERIAL",
    "NOT_DECODED",
    "WRONG_EXPIRY",
    "WRONG_PRODUCT",
    "UNKNOWN_SERIAL",
    "NOT_GS1",
    "MISSING_ELEMENT",
    "BAD_CHECK_DIGIT",
    "BAD_SYNTAX",
    "WRONG_SYMBOL_COUNT",
    "MISSING_ELEMENT|WRONG_LOT",
)
"""First reasons a bad pack must be rejected with; a bar stands where the reader may see either first (a swallowed
element). What happens most on a line stands twice."""

_SERIAL_ALPHABET = "0123456789ABCDEFGHKMNPRTUVWXYZ"
_SERIAL_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Batch:
    """The fields of the order file that the print must carry."""

    order: str = "DEMO"
    product: str = "Examplol 10 mg"
    gtin: str = "04150012345678"
    lot: str = "KX4031"
    expiry: str = "280731"

    def order_file(self, serials: list[str]) -> dict[str, Any]:
        """The order as the contract has it."""
        return {
            "order": self.order,
            "product": self.product,
            "scheme": "GS1",
            "gtin": self.gtin,
            "lot": self.lot,
            "expiry": self.expiry,
            "national_number": None,
            "serials": serials,
            "quantity": len(serials),
            "grade_min": 1.5,
            "edition": "2011",
            "symbols_per_frame": 1,
        }


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack: what it carries and the first reason expected ("good" where it must pass).

    contents: one per symbol, empty where nothing is printed. lines: the text beside the code.
    """

    kind: str
    contents: tuple[Content, ...]
    lines: tuple[str, ...]
    defects: Defects = field(default_factory=Defects)


@dataclass(frozen=True, slots=True)
class Plan:
    """The packs in the order they pass, and the serials allocated to the batch."""

    batch: Batch
    packs: tuple[Pack, ...]
    serials: tuple[str, ...]


def make_plan(
    batch: Batch, count: int, bad_share: float, seed: int, kinds: tuple[str, ...] = BAD_KINDS, pool: list[str] | None = None
) -> Plan:
    """`count` packs of which about `bad_share` are bad, each kind in turn; `pool`: the order's own serials."""
    rng = np.random.default_rng([seed, 1])
    bad_at = _bad_places(count, bad_share, rng) if kinds else set()
    serials = _Serials(rng, pool)
    packs: list[Pack] = []
    good: list[Pack] = []
    turns: list[str] = []
    for index in range(count):
        if index not in bad_at:
            packs.append(_good(batch, serials.allocate(), rng))
            good.append(packs[-1])
            continue
        if not turns:
            turns = [str(kind) for kind in rng.permutation(kinds)]
        kind = turns.pop()
        if kind == "DUPLICATE_SERIAL" and not good:
            kind, turns = turns.pop(0) if turns else kind, [*turns, kind]
        turn = sum(pack.kind == kind for pack in packs)
        packs.append(_bad(kind, batch, serials, good, turn, rng))
    return Plan(batch, tuple(packs), tuple(serials.allocated))


class _Serials:
    """Serials of the batch, random and without repetition; those never allocated are for packs that must be refused."""

    def __init__(self, rng: np.random.Generator, pool: list[str] | None) -> None:
        self._rng = rng
        self._pool = None if pool is None else list(pool)
        self._known = set(pool or ())
        self._next = 0
        self.allocated: list[str] = list(pool or ())

    def allocate(self) -> str:
        if self._pool is not None:
            if self._next == len(self._pool):
                raise ValueError(f"the order has {len(self._pool)} serials, more packs were asked for")
            self._next += 1
            return self._pool[self._next - 1]
        self.allocated.append(self.foreign())
        return self.allocated[-1]

    def foreign(self) -> str:
        while True:
            serial = "".join(_SERIAL_ALPHABET[place] for place in self._rng.integers(0, len(_SERIAL_ALPHABET), _SERIAL_LENGTH))
            if serial not in self._known:
                self._known.add(serial)
                return serial


def _bad_places(count: int, share: float, rng: np.random.Generator) -> set[int]:
    """Indices of the bad packs: one at a random place of each stretch."""
    edges = np.linspace(0, count, round(count * share) + 1)
    return {int(rng.integers(int(low), max(int(high), int(low) + 1))) for low, high in itertools.pairwise(edges)}


def _elements(gtin: str, expiry: str, lot: str, serial: str) -> tuple[tuple[str, str], ...]:
    return (("01", gtin), ("17", expiry), ("10", lot), ("21", serial))


def _lines(gtin: str, expiry: str, lot: str, serial: str) -> tuple[str, ...]:
    return (f"PC {gtin}", f"SN {serial}", f"LOT {lot}", f"EXP {expiry[2:4]}/20{expiry[:2]}")


def _good(batch: Batch, serial: str, rng: np.random.Generator) -> Pack:
    fields = (batch.gtin, batch.expiry, batch.lot, serial)
    return Pack(GOOD, (Content(_elements(*fields)),), _lines(*fields), _wear(rng))


def _wear(rng: np.random.Generator) -> Defects:
    """What a sound print shows of its printer: some growth, at times a dead nozzle or two, ink a little thin or run."""
    dead = int(rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 2)))
    rows = (int(module) * DOTS_PER_MODULE + int(rng.integers(1, 11)) for module in rng.integers(2, 14, dead))
    return Defects(
        growth=float(rng.uniform(-0.10, 0.14)),
        stretch=float(rng.uniform(-0.01, 0.025)),
        density=float(rng.uniform(0.92, 1.0)),
        dead_dots=tuple(rows),
        blur_modules=float(rng.uniform(0.06, 0.16)) if rng.random() < 0.25 else 0.0,
    )


def _bad(kind: str, batch: Batch, serials: _Serials, good: list[Pack], turn: int, rng: np.random.Generator) -> Pack:
    """A pack that must be refused for `kind` first; all else about it is right."""
    if kind == "DUPLICATE_SERIAL":
        return replace(good[int(rng.integers(len(good)))], kind=kind, defects=Defects(growth=float(rng.uniform(-0.04, 0.06))))
    gtin, expiry, lot = batch.gtin, batch.expiry, batch.lot
    if kind == "WRONG_LOT":
        lot = _other(lot, rng)
    elif kind == "WRONG_EXPIRY":
        expiry = f"{int(expiry[:2]) + 1:02d}{expiry[2:]}"
    elif kind == "WRONG_PRODUCT":
        stem = f"{(int(gtin[:-1]) + 10 * int(rng.integers(1, 50))):013d}"
        gtin = stem + check_digit(stem)
    elif kind == "BAD_CHECK_DIGIT":
        gtin = gtin[:-1] + str((int(gtin[-1]) + int(rng.integers(1, 10))) % 10)
    elif kind == "BAD_SYNTAX":
        expiry = expiry[:2] + "13" + expiry[4:]
    serial = serials.foreign() if kind == "UNKNOWN_SERIAL" else serials.allocate()
    pack = Pack(kind, (Content(_elements(gtin, expiry, lot, serial)),), _lines(gtin, expiry, lot, serial))
    if kind == "NO_SYMBOL":
        return replace(pack, contents=(), lines=())
    if kind == "NOT_DECODED":
        return replace(pack, defects=Defects(smeared=True))
    if kind == "LOW_GRADE":
        return replace(pack, defects=_low_grade(turn, rng))
    if kind == "NOT_GS1":
        return replace(pack, contents=(replace(pack.contents[0], plain=True),))
    if kind == "WRONG_SYMBOL_COUNT":
        second = Content(_elements(gtin, expiry, lot, serials.allocate()))
        return replace(pack, contents=(pack.contents[0], second), lines=())
    if kind == "MISSING_ELEMENT":
        kept = tuple(element for element in pack.contents[0].elements if element[0] != "10")
        return replace(pack, contents=(Content(kept),))
    if kind == "MISSING_ELEMENT|WRONG_LOT":
        swallowed = (("01", gtin), ("17", expiry), ("10", f"{lot}21{serial}"))
        return replace(pack, contents=(Content(swallowed),))
    return pack


def _low_grade(turn: int, rng: np.random.Generator) -> Defects:
    """Readable but too poor (ISO/IEC 15415): faint ink (SC < 0.4), drawn out in one axis (AN > 0.12), run ink (MOD)."""
    return (
        Defects(density=float(rng.uniform(0.32, 0.37))),
        Defects(stretch=float(rng.uniform(0.145, 0.165))),
        Defects(blur_modules=float(rng.uniform(0.40, 0.44))),
    )[turn % 3]


def _other(lot: str, rng: np.random.Generator) -> str:
    """A lot that differs in one digit, as a wrong entry at the printer would."""
    place = int(rng.choice([place for place, letter in enumerate(lot) if letter.isdigit()] or [0]))
    old = int(lot[place]) if lot[place].isdigit() else 0
    return lot[:place] + str((old + int(rng.integers(1, 10))) % 10) + lot[place + 1 :]

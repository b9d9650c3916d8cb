"""Events of every kind for the tests, hostile serials and lots among them."""

from __future__ import annotations

import random

from vision.content.gs1_rules import SET_82, check_digit
from vision.trace.events import Event, Happening
from vision.trace.identifiers import item_epc, sscc_epc

GTIN = "04012345678901"
PREFIXES = ("4012345",)
GLN = "4012345000009"
START_NS = 1_795_000_000_123_456_789


def gtin(item: int) -> str:
    digits = f"04012345{item:05d}"
    return digits + check_digit(digits)


def sscc(number: int) -> str:
    digits = f"34012345{number:09d}"
    return digits + check_digit(digits)


def serial(draw: random.Random, characters: str = SET_82) -> str:
    return "".join(draw.choice(characters) for _ in range(draw.randint(1, 20)))


def one_of_each(draw: random.Random, characters: str = SET_82, count: int = 3) -> list[Event]:
    """An event of every kind, of count packs each."""
    events = []
    for number, happening in enumerate(Happening):
        epcs = tuple(dict.fromkeys(item_epc(gtin(draw.randrange(100)), serial(draw, characters)) for _ in range(count)))
        packing = happening in (Happening.PACKED, Happening.UNPACKED)
        accepted = happening is Happening.ACCEPTED
        events.append(
            Event(
                happening,
                START_NS + number * 1_234_567_890,
                epcs,
                parent=sscc_epc(sscc(draw.randrange(10**9))) if packing else "",
                lot="L" + serial(draw, characters)[:19] if accepted else "",
                expiry=draw.choice(["271231", "280200", "271200"]) if accepted else "",
            )
        )
    return events

"""What a station looks for and what it lets through: everything that decides a verdict, in one frozen record with a hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from vision.content.order import Order, OrderError
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.verdict.layout import Layout

EXTRA_EFFORT = 24
"""Work units for a glance at the places that are like an ordered symbol's, and the reading of one there: about 0.6 ms of a frame.
Of 400 second codes drawn into line frames 336 are seen with it, 333 with 16."""


@dataclass(frozen=True)
class Recipe:
    """Same frame and recipe, same verdict.

    search: how symbols are looked for. setup: how they are graded.
    order: what they must say, None = syntax alone.
    grade_min: lowest overall grade that passes, 0.0-4.0.
    symbols_per_frame: how many symbols a frame must hold, None = any number but none at all.
    decode_only: nothing is graded and no grade is asked for.
    layout: the places of a tray, None = a frame shows a pack. Then symbols_per_frame is the number of its places.
    """

    search: Search
    setup: Setup
    order: Order | None = None
    grade_min: float = 1.5
    symbols_per_frame: int | None = None
    decode_only: bool = False
    layout: Layout | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.grade_min) and 0.0 <= self.grade_min <= 4.0):
            raise ValueError(f"grade_min {self.grade_min} is out of range, expected 0.0 to 4.0")
        if self.symbols_per_frame is not None and self.symbols_per_frame < 1:
            raise ValueError(f"symbols_per_frame {self.symbols_per_frame} is out of range, expected 1 or more")
        if self.layout is not None and self.symbols_per_frame != len(self.layout.places):
            raise ValueError(f"symbols_per_frame {self.symbols_per_frame}: expected {len(self.layout.places)}, one for each place")

    def of_one_container(self) -> Recipe:
        """For one container that was taken out of its tray: the same, but a frame holds one symbol, wherever it lies."""
        search = dataclasses.replace(self.search, symbol_count=1, extra_effort=self.search.extra_effort or EXTRA_EFFORT)
        return dataclasses.replace(self, search=search, symbols_per_frame=1, layout=None)

    def hash(self) -> str:
        """SHA-256 of the canonical JSON of all fields; the order enters with its own digest."""
        fields: dict[str, Any] = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["search"] = dataclasses.asdict(self.search)
        fields["setup"] = dataclasses.asdict(self.setup)
        fields["layout"] = None if self.layout is None else dataclasses.asdict(self.layout)
        fields["order"] = None if self.order is None else self.order.digest()
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()

    def setup_hash(self) -> str:
        """SHA-256 of how symbols are graded alone: the calibration (grey of white and black, mm per pixel), aperture and
        edition.
        """
        return hashlib.sha256(json.dumps(dataclasses.asdict(self.setup), sort_keys=True).encode()).hexdigest()


def recipe_for(
    order: Order,
    search: Search,
    setup: Setup,
    grade_min: float = 0.0,
    count_extra: bool = False,
    layout: Layout | None = None,
) -> Recipe:
    """The recipe of a station under an order, which sets the edition, the number of symbols and the least grade.

    Raises OrderError in one line where the station cannot grade by the edition, or its tray has another number of places.
    grade_min: can raise the order's, never lower it.
    count_extra: looks on for a moment after as many symbols as ordered were read, so that one too many is seen. Without it
        WRONG_SYMBOL_COUNT means too few.
    """
    if setup.standard == "15415":
        try:
            setup = dataclasses.replace(setup, edition=order.edition)
        except ValueError as error:
            raise OrderError(f"order {order.order!a}: key 'edition': {error}") from None
    if layout is not None and order.symbols_per_frame != len(layout.places):
        raise OrderError(
            f"order {order.order!a}: key 'symbols_per_frame': {order.symbols_per_frame}, expected {len(layout.places)}, "
            "one for each place of the station's layout"
        )
    return Recipe(
        search=dataclasses.replace(
            search,
            symbol_count=order.symbols_per_frame,
            extra_effort=search.extra_effort or (EXTRA_EFFORT if count_extra else 0),
        ),
        setup=setup,
        order=order,
        grade_min=max(order.grade_min, grade_min),
        symbols_per_frame=order.symbols_per_frame,
        layout=layout,
    )

"""Places on a tray: which of the symbols found stands at which place of the mould, by geometry and not by reading order.

The tray may lie a little shifted and turned, places may be empty, and a symbol may lie where none belongs. All motions within the
bounds are tried; those that put most symbols onto places must agree. A symbol on whose place they differ has none: nothing is
guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

PLACES_MAX = 64
_Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Where symbols are expected on a tray.

    places: x, y of the centres in pixels, in the order of their positions 1, 2, 3 ... tolerance_px: how far a symbol may be from
    its place, once the tray's motion is known. shift_px, rotation_deg: how far the tray may lie shifted, and turned about the
    middle of its places. Raises ValueError where a symbol could be taken for its neighbour's: shift and tolerance together must
    be less than half the least distance of two places.
    """

    places: tuple[tuple[float, float], ...]
    tolerance_px: float
    shift_px: float = 0.0
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.places) <= PLACES_MAX:
            raise ValueError(f"places {len(self.places)}: expected 1 to {PLACES_MAX}")
        if not all(len(place) == 2 and all(math.isfinite(value) and value >= 0 for value in place) for place in self.places):
            raise ValueError("places: expected pairs of x and y in pixels, 0 or more")
        if not 0 < self.tolerance_px < math.inf:
            raise ValueError(f"tolerance_px {self.tolerance_px}: expected more than 0")
        if not (0 <= self.shift_px < math.inf and 0 <= self.rotation_deg <= 30):
            raise ValueError(
                f"shift_px {self.shift_px}, rotation_deg {self.rotation_deg}: expected 0 or more, and at most 30 degrees"
            )
        if len(self.places) > 1 and 2 * (self.shift_px + self.tolerance_px) >= self._least_distance:
            raise ValueError(
                f"tolerance_px {self.tolerance_px:g} and shift_px {self.shift_px:g}: expected less than "
                f"{self._least_distance / 2:g} together, half the least distance of two places: a symbol could be taken for its "
                "neighbour's"
            )

    @cached_property
    def _points(self) -> _Points:
        return np.array(self.places, np.float64)

    @property
    def _least_distance(self) -> float:
        apart = np.hypot(*(self._points[:, None] - self._points[None]).transpose(2, 0, 1))
        return float(apart[~np.eye(len(apart), dtype=bool)].min())

    def assign(self, centres: Sequence[tuple[float, float]]) -> list[int | None]:
        """The index of the place of each symbol, by its centre in pixels; None for one that stands at none.

        Two symbols at one place: the nearer one has it. Pure: the same centres, the same places.
        """
        if not centres:
            return []
        found = np.array(centres, np.float64)
        taken = self._match(found)
        moves = self.shift_px > 0 or self.rotation_deg > 0
        if not moves:
            return taken
        if len(found) == len(self.places):  # a whole tray is at its places, or nearly: the search takes some ms
            if None in taken:
                taken = self._match(self._fitted(found))
            if None not in taken:
                return taken
        points, agreed = self._moved_back(found)
        taken = max((self._match(self._fitted(points)), self._match(points)), key=_count)
        return [place if place is None or place == other else None for place, other in zip(taken, agreed, strict=True)]

    def _match(self, found: _Points) -> list[int | None]:
        """Nearest pairs first, no place and no symbol twice, none further apart than the tolerance."""
        apart = np.hypot(*(found[:, None] - self._points[None]).transpose(2, 0, 1))
        taken: list[int | None] = [None] * len(found)
        free = set(range(len(self.places)))
        for symbol, place in zip(*np.unravel_index(np.argsort(apart, axis=None, kind="stable"), apart.shape), strict=True):
            if apart[symbol, place] > self.tolerance_px:
                break
            if taken[symbol] is None and place in free:
                taken[symbol] = int(place)
                free.remove(int(place))
        return taken

    def _moved_back(self, found: _Points) -> tuple[_Points, list[int]]:
        """The symbols with the least of the best motions undone, and the place that all best motions give to each, -1 = none.

        Turns are tried in steps that move the outermost place by half the tolerance, shifts that put some symbol onto some place.
        """
        middle = self._points.mean(axis=0)
        reach = float(np.hypot(*(self._points - middle).T).max())
        turns = math.ceil(math.radians(self.rotation_deg) * reach / (self.tolerance_px / 2))
        angles = np.radians(np.linspace(-self.rotation_deg, self.rotation_deg, 2 * turns + 1))
        best, points, nearest = 0, found, [np.full((1, len(found)), -1)]
        for angle in angles[np.argsort(np.abs(angles), kind="stable")]:
            turned = _turn(found - middle, -angle) + middle
            shifts = (turned[:, None] - self._points[None]).reshape(-1, 2)
            shifts = shifts[np.hypot(*shifts.T) <= self.shift_px + self.tolerance_px / 2]
            if not len(shifts):
                continue
            moved = turned[None] - shifts[:, None]  # (shifts, symbols, 2)
            x, y = (moved[:, :, None, axis] - self._points[:, axis] for axis in (0, 1))
            apart = x * x + y * y
            on_place = apart.min(axis=2) <= self.tolerance_px**2
            counts = on_place.sum(axis=1)
            if counts.max() > best:
                best, nearest = int(counts.max()), []
                points = moved[np.lexsort((np.hypot(*shifts.T), -counts))[0]]
            if counts.max() == best:
                chosen = counts == best
                nearest.append(np.where(on_place, apart.argmin(axis=2), -1)[chosen])
        places = np.concatenate(nearest)
        highest = places.max(axis=0)
        agree = ((places == highest) | (places == -1)).all(axis=0)
        return points, [int(place) if same else -1 for place, same in zip(highest, agree, strict=True)]

    def _fitted(self, points: _Points) -> _Points:
        """Points turned and shifted onto the places that they match, in the sense of least squares (Kabsch)."""
        taken = self._match(points)
        pairs = [(symbol, place) for symbol, place in enumerate(taken) if place is not None]
        if len(pairs) < 2:
            return points
        ours, theirs = points[[s for s, _ in pairs]], self._points[[p for _, p in pairs]]
        a, b = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
        angle = math.atan2(float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()), float((a * b).sum()))
        fitted: _Points = _turn(points - ours.mean(axis=0), angle) + theirs.mean(axis=0)
        return fitted


def grid_places(
    rows: int, columns: int, x_px: float, y_px: float, pitch_x_px: float, pitch_y_px: float
) -> tuple[tuple[float, float], ...]:
    """The places of a grid, row by row from the first one at x_px, y_px."""
    return tuple((x_px + column * pitch_x_px, y_px + row * pitch_y_px) for row in range(rows) for column in range(columns))


def _turn(points: _Points, angle: float) -> _Points:
    cosine, sine = math.cos(angle), math.sin(angle)
    turned: _Points = points @ np.array([[cosine, sine], [-sine, cosine]])
    return turned


def _count(taken: list[int | None]) -> int:
    return sum(place is not None for place in taken)

"""What became of the containers of each place of a tray over a batch, with the mould cavity that the MES says they come from.

A cavity that fills badly, or a print that fades at one place, hides in the sums of a batch; by place it stands out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from vision.results.operations import read_operations
from vision.results.reader import open_batch

_ENDS_SHARE = 0.25
_SIGMA = 4.0
"""Standard errors from which a place stands out: by chance one place in some 10 000."""

_LEAST_GRADE = 0.3
"""Change of the mean grade worth a word."""

_EMPTY = "NO_SYMBOL"


@dataclass(slots=True)
class PlaceAccount:
    """One place of the trays of a station.

    cavities: ids that the MES gives for it. seen: trays. good, empty: containers with nothing wrong, places where none was found.
    reasons: the first reason of each bad one. grade, begin, end: mean overall grade over all trays, over the first and the last
    quarter, nan where nothing was graded. many_bad: worse than the other places beyond chance. falls: so does its grade.
    """

    station: str
    position: int
    cavities: tuple[str, ...] = ()
    seen: int = 0
    good: int = 0
    empty: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    grade: float = float("nan")
    begin: float = float("nan")
    end: float = float("nan")
    many_bad: bool = False
    falls: bool = False

    @property
    def bad(self) -> int:
        return self.seen - self.good


def place_accounts(folder: Path) -> list[PlaceAccount]:
    """The places of the trays of a batch, by station and position; none where no packs lay on trays. Raises ResultsError."""
    rows = open_batch(folder, ["station", "symbols"])
    symbols = rows["symbols"].combine_chunks()
    if not len(symbols):
        return []
    flat, parents = pc.list_flatten(symbols), pc.list_parent_indices(symbols)
    placed = pc.is_valid(flat.field("position"))
    flat, parents = flat.filter(placed), parents.filter(placed)
    stations = np.asarray(rows["station"].take(parents).to_pylist(), dtype=object)
    positions = flat.field("position").to_numpy(zero_copy_only=False)
    good = flat.field("position_accept").to_numpy(zero_copy_only=False)
    grades = flat.field("grade").field("overall").to_numpy(zero_copy_only=False).astype(float)
    reasons = flat.field("position_reasons")
    cavities = _cavities(folder, set(rows["station"].to_pylist()))
    found = []
    for station in sorted(set(stations)):
        of_station = []
        for position in np.unique(positions[stations == station]):
            at = np.flatnonzero((stations == station) & (positions == position))
            wrong = at[~good[at].astype(bool)]
            firsts = Counter(names[0] for names in reasons.take(wrong).to_pylist() if names)
            account = PlaceAccount(station, int(position), cavities.get((station, int(position)), ()), len(at))
            account.good, account.empty, account.reasons = len(at) - len(wrong), firsts.pop(_EMPTY, 0), firsts
            _grades(account, grades[at])
            of_station.append(account)
        _mark(of_station)
        found += of_station
    return found


def _grades(account: PlaceAccount, grades: npt.NDArray[np.float64]) -> None:
    """Mean grades of a place over its trays in order, and whether they fall beyond chance."""
    graded = grades[~np.isnan(grades)]
    quarter = int(len(graded) * _ENDS_SHARE)
    if not len(graded):
        return
    account.grade = float(graded.mean())
    if quarter < 4:
        return
    first, last = graded[:quarter], graded[-quarter:]
    account.begin, account.end = float(first.mean()), float(last.mean())
    error = sqrt((float(first.var()) + float(last.var()) + 0.02) / quarter)  # grades of ISO 2011 are whole: often without spread
    account.falls = account.begin - account.end > max(_LEAST_GRADE, _SIGMA * error)


def _mark(places: list[PlaceAccount]) -> None:
    for one in places:
        seen, bad = sum(p.seen for p in places if p is not one), sum(p.bad for p in places if p is not one)
        share = (bad + 0.5) / (seen + 1)
        one.many_bad = one.bad - share * one.seen > max(2.0, _SIGMA * sqrt(one.seen * share * (1 - share)))


def _cavities(folder: Path, stations: set[str]) -> dict[tuple[str, int], tuple[str, ...]]:
    """Ids of the mould cavities by station and place, as linked to the batch. stations: of the batch."""
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    linked: list[dict[str, Any]] = [o for operation in read_operations(folder) for o in operation.get("components", [])]
    for one in linked:
        if one["kind"] == "mould_cavity":
            for station in stations if "station" not in one else {one["station"]}:
                for position in one.get("positions", ()):
                    known = found.get((station, position), ())
                    found[station, position] = known if one["id"] in known else (*known, one["id"])
    return found

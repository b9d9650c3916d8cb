"""The standards' thresholds as data, one table per standard and edition; kernels and measurements know none of them.

Grades of ISO/IEC 15415:2011 are whole numbers 0 to 4; those of 15415:2024 and 29158:2020 go in steps of 0.1, by straight lines
through the points of the table. What is [open] in our sources is a named constant here, and says so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

TOLERANCE = 1e-9
"""A value this near to a limit is on it: 0.7 made of grey levels must not miss 0.70 by a rounding error of the last bit."""


class Sense(Enum):
    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What a value must meet for each step of grade, and on which side of it.

    per_grade: steps to one grade: 1 for whole grades, 10 for decimals; a grade is its step / per_grade.
    points: the table as printed, (limit, grade), best first; exact fractions.
    limits: (4 * per_grade,) float64; limits[k - 1] must be met for step k. A value on a limit meets AT_LEAST and AT_MOST and misses
        BELOW.
    bounds, unrounded_bounds: the same with the tolerance, so that a value on a bound meets it: what kernels compare with.
    as_bounds: bounds as plain numbers: one value is graded in 1 us instead of 5.
    unrounded: limits without rounding half up to the step: what the levels of an overlay are compared with (ISO/IEC 15415:2024).
    """

    sense: Sense
    per_grade: int
    points: tuple[tuple[Fraction, Fraction], ...]
    limits: npt.NDArray[np.float64]
    unrounded: npt.NDArray[np.float64]
    as_bounds: tuple[float, ...] = field(init=False)
    bounds: npt.NDArray[np.float64] = field(init=False)
    unrounded_bounds: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", self._bounds(self.limits))
        object.__setattr__(self, "as_bounds", tuple(self.bounds.tolist()))
        object.__setattr__(self, "unrounded_bounds", self._bounds(self.unrounded))

    def grade(self, value: float) -> float:
        """The grade 0.0 to 4.0 of a value; nan gives 0."""
        step = 0
        if self.sense is Sense.AT_LEAST:
            for bound in self.as_bounds:
                if not value >= bound:
                    break
                step += 1
        else:
            for bound in self.as_bounds:
                if not value <= bound:
                    break
                step += 1
        return step / self.per_grade

    def _bounds(self, limits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.sense is Sense.AT_LEAST:
            bounds = limits - TOLERANCE
        elif self.sense is Sense.AT_MOST:
            bounds = limits + TOLERANCE
        else:
            bounds = np.nextafter(limits - TOLERANCE, -np.inf)
        bounds.setflags(write=False)
        return bounds


def _array(limits: list[Fraction]) -> npt.NDArray[np.float64]:
    made = np.array([float(limit) for limit in limits])
    made.setflags(write=False)
    return made


def _whole(sense: Sense, *limits: str) -> Scale:
    """Whole grades: the limits of 4, 3, 2, 1."""
    points = tuple((Fraction(limit), Fraction(4 - step)) for step, limit in enumerate(limits))
    steps = _array([limit for limit, _ in reversed(points)])
    return Scale(sense, 1, points, steps, steps)


def _decimal(sense: Sense, *points: tuple[str, str]) -> Scale:
    """Grades in steps of 0.1, half up, on straight lines between points (value, grade) from grade 4 down to 0."""
    exact = tuple((Fraction(value), Fraction(grade)) for value, grade in points)

    def value_of(grade: Fraction) -> Fraction:
        for (better, high), (worse, low) in itertools.pairwise(exact):
            if grade >= low:
                return better + (worse - better) * (high - grade) / (high - low)
        return exact[-1][0]

    grades = [Fraction(step, 10) for step in range(1, 41)]
    half = Fraction(1, 20)
    return Scale(
        sense, 10, exact, _array([value_of(grade - half) for grade in grades]), _array([value_of(grade) for grade in grades])
    )


def _decimal_of(whole: Scale, zero: str) -> Scale:
    """The decimal scale through the limits of a whole one, 0 at `zero`."""
    points = [(str(limit), str(grade)) for limit, grade in whole.points]
    return _decimal(Sense.AT_LEAST if whole.sense is Sense.AT_LEAST else Sense.AT_MOST, *points, (zero, "0"))


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """All scales of one edition.

    title: how a report names the standard. per_grade: steps to one grade.
    colours_count: a module of the wrong colour is level 0 in the overlay of modulation (not in 15415:2011, which has the
    reflectance
        margin for that).
    scales: by the parameter's name in the report, and by `modulation_level` (one module), `fixed_pattern_damage` (share of
        damaged modules of a bar or quiet zone), `clock_track_damage` (of a clock track or solid area), `transition_ratio`,
        `average` (mean of the five segments).
    """

    standard: str
    edition: str
    title: str
    per_grade: int
    colours_count: bool
    scales: Mapping[str, Scale]

    def __getitem__(self, name: str) -> Scale:
        return self.scales[name]

    @property
    def steps(self) -> int:
        """The step of grade 4."""
        return 4 * self.per_grade

    def rounded(self, grade: float) -> float:
        """A mean of grades to one decimal, half up, where the edition has decimals."""
        return math.floor(grade * 10.0 + 0.5 + TOLERANCE) / 10.0 if self.per_grade == 10 else grade


_WHOLE: Mapping[str, Scale] = MappingProxyType(
    {
        "symbol_contrast": _whole(Sense.AT_LEAST, "0.70", "0.55", "0.40", "0.20"),
        "modulation_level": _whole(Sense.AT_LEAST, "0.50", "0.40", "0.30", "0.20"),
        "axial_nonuniformity": _whole(Sense.AT_MOST, "0.06", "0.08", "0.10", "0.12"),
        "grid_nonuniformity": _whole(Sense.AT_MOST, "0.38", "0.50", "0.63", "0.75"),
        "unused_error_correction": _whole(Sense.AT_LEAST, "0.62", "0.50", "0.37", "0.25"),
        "fixed_pattern_damage": _whole(Sense.AT_MOST, "0", "0.09", "0.13", "0.17"),
        "clock_track_damage": _whole(Sense.BELOW, "0.10", "0.15", "0.20", "0.25"),
        "transition_ratio": _whole(Sense.BELOW, "0.06", "0.08", "0.10", "0.12"),
        "average": _whole(Sense.AT_LEAST, "4", "3.5", "3.0", "2.5"),
    }
)

DECIMAL_ZERO = MappingProxyType(
    {
        "symbol_contrast": "0",
        "modulation_level": "0.10",
        "axial_nonuniformity": "0.14",
        "grid_nonuniformity": "0.88",
        "unused_error_correction": "0.12",
        "fixed_pattern_damage": "0.21",
        "clock_track_damage": "0.30",
        "average": "2",
    }
)
"""[open] Where a decimal grade reaches 0: one more step of the table beyond the limit of grade 1."""

TRANSITION_RATIO_2024 = (("0.06", "4"), ("1/13", "3.5"), ("0.08", "3"), ("0.10", "2"), ("0.12", "1"), ("0.14", "0"))
"""[open] The transition ratio in decimals: an instrument printed 1/13 as 3.5, where a straight line between 4 and 3 gives 3.2.
Working choice: the limits of 2011 hold, and the printed value is a point of its own between them."""

PRINT_GROWTH_2024 = (("0.09", "4"), ("0.27", "3"), ("0.45", "2"), ("0.63", "1"), ("0.81", "0"))
"""[open] Print growth, the larger of both axes: printed reports give 4.0 up to about 9 %, 3.7 at 15 %, 3.6 at 16 and 17 %; the line
through them loses one grade in 18 % of X."""

CELL_CONTRAST_29158 = (("0.30", "4"), ("0.25", "3"), ("0.20", "2"), ("0.15", "1"), ("0.10", "0"))
"""[open] Cell contrast of ISO/IEC 29158:2020."""

MINIMUM_REFLECTANCE_29158 = "0.05"
"""Mean reflectance of the light cells from which minimum reflectance is 4, and below 0 (ISO/IEC 29158:2020)."""

_DECIMAL: Mapping[str, Scale] = MappingProxyType(
    {
        **{name: _decimal_of(_WHOLE[name], zero) for name, zero in DECIMAL_ZERO.items()},
        "transition_ratio": _decimal(Sense.AT_MOST, *TRANSITION_RATIO_2024),
    }
)


def _edition_2024() -> Mapping[str, Scale]:
    return MappingProxyType({**_DECIMAL, "print_growth": _decimal(Sense.AT_MOST, *PRINT_GROWTH_2024)})


def _edition_29158() -> Mapping[str, Scale]:
    scales = {name: scale for name, scale in _DECIMAL.items() if name != "symbol_contrast"}
    scales["cell_contrast"] = _decimal(Sense.AT_LEAST, *CELL_CONTRAST_29158)
    step = (Fraction(MINIMUM_REFLECTANCE_29158), Fraction(4))
    limits = _array([step[0]] * 40)
    scales["minimum_reflectance"] = Scale(Sense.AT_LEAST, 10, (step,), limits, limits)
    return MappingProxyType(scales)


ISO_15415_2011 = Scales("15415", "2011", "ISO/IEC 15415", 1, False, _WHOLE)
ISO_15415_2024 = Scales("15415", "2024", "ISO/IEC 15415", 10, True, _edition_2024())
ISO_29158_2020 = Scales("29158", "2020", "ISO/IEC 29158", 10, True, _edition_29158())

EDITIONS: Mapping[tuple[str, str], Scales] = MappingProxyType(
    {(scales.standard, scales.edition): scales for scales in (ISO_15415_2011, ISO_15415_2024, ISO_29158_2020)}
)
"""Every standard and edition we can grade to."""

DEFAULT_EDITION: Mapping[str, str] = MappingProxyType({"15415": "2011", "29158": "2020"})
"""The edition of a standard where none is asked for."""

_LETTERS = ((3.5, "A"), (2.5, "B"), (1.5, "C"), (0.5, "D"))


def scales_of(standard: str, edition: str) -> Scales:
    """The tables of one edition; ValueError with one line where it is unknown."""
    try:
        return EDITIONS[standard, edition]
    except KeyError:
        known = ", ".join(f"{s}:{e}" for s, e in EDITIONS)
        raise ValueError(f"edition {standard}:{edition} is unknown, expected one of {known}") from None


def letter(grade: float) -> str:
    """The letter A, B, C, D or F of a grade."""
    for lowest, name in _LETTERS:
        if grade >= lowest - TOLERANCE:
            return name
    return "F"

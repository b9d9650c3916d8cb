"""The standard's thresholds as data, one table per standard and edition; kernels and measurements know none of them.

Grades of ISO/IEC 15415:2011 are whole numbers 0 to 4. A scale holds the limits of grades 4, 3, 2 and 1; what meets none is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from types import MappingProxyType

TOLERANCE = 1e-9
"""A value this near to a limit is on it: 0.7 made of grey levels must not miss 0.70 by a rounding error of the last bit."""


class Sense(Enum):
    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Scale:
    """Limits of grades 4, 3, 2, 1 for one parameter, and on which side of them a value must lie.

    limits: decimal fractions, exact; a value on a limit meets AT_LEAST and AT_MOST and misses BELOW.
    """

    sense: Sense
    limits: tuple[Fraction, Fraction, Fraction, Fraction]

    def grade(self, value: float) -> float:
        """The grade 0.0 to 4.0 of a value; nan gives 0."""
        for step, limit in enumerate(self.limits):
            if self._meets(value, float(limit)):
                return float(4 - step)
        return 0.0

    def _meets(self, value: float, limit: float) -> bool:
        if self.sense is Sense.AT_LEAST:
            return value >= limit - TOLERANCE
        if self.sense is Sense.AT_MOST:
            return value <= limit + TOLERANCE
        return value < limit - TOLERANCE


def _scale(sense: Sense, *limits: str) -> Scale:
    four, three, two, one = (Fraction(limit) for limit in limits)
    return Scale(sense, (four, three, two, one))


@dataclass(frozen=True, slots=True)
class Scales:
    """All scales of one edition.

    scales: by the parameter's name in the report, and by `modulation_level` (one module), `fixed_pattern_damage` (share of
        damaged modules of a bar or quiet zone), `clock_track_damage` (of a clock track or solid area), `transition_ratio`,
        `average` (mean of the five segments).
    levels: the grades at which an overlay is tried, highest first.
    """

    standard: str
    edition: str
    title: str
    scales: Mapping[str, Scale]
    levels: tuple[float, ...]

    def __getitem__(self, name: str) -> Scale:
        return self.scales[name]


_MODULE = _scale(Sense.AT_LEAST, "0.50", "0.40", "0.30", "0.20")

ISO_15415_2011 = Scales(
    standard="15415",
    edition="2011",
    title="ISO/IEC 15415",
    scales=MappingProxyType(
        {
            "symbol_contrast": _scale(Sense.AT_LEAST, "0.70", "0.55", "0.40", "0.20"),
            "modulation_level": _MODULE,
            "axial_nonuniformity": _scale(Sense.AT_MOST, "0.06", "0.08", "0.10", "0.12"),
            "grid_nonuniformity": _scale(Sense.AT_MOST, "0.38", "0.50", "0.63", "0.75"),
            "unused_error_correction": _scale(Sense.AT_LEAST, "0.62", "0.50", "0.37", "0.25"),
            "fixed_pattern_damage": _scale(Sense.AT_MOST, "0", "0.09", "0.13", "0.17"),
            "clock_track_damage": _scale(Sense.BELOW, "0.10", "0.15", "0.20", "0.25"),
            "transition_ratio": _scale(Sense.BELOW, "0.06", "0.08", "0.10", "0.12"),
            "average": _scale(Sense.AT_LEAST, "4", "3.5", "3.0", "2.5"),
        }
    ),
    levels=(4.0, 3.0, 2.0, 1.0, 0.0),
)

EDITIONS: Mapping[tuple[str, str], Scales] = MappingProxyType({("15415", "2011"): ISO_15415_2011})
"""Every standard and edition we can grade to."""

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

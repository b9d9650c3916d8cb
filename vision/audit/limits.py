"""What is followed over the packs, which way is worse, where the limit of the lowest passing grade lies. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from vision.grade.scales import Scale, Sense, scales_of


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a symbol.

    worse: -1 where lower is worse, +1 where higher is, 0 where either may be. least: the smallest change worth a word, in its unit.
    scale: the name of its scale in vision.grade.scales, "" = none; "grade" = it is a grade itself.
    """

    name: str
    label: str
    worse: int
    least: float
    scale: str = ""
    digits: int = 2


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("overall", "overall grade", -1, 0.25, "grade", 1),
        Measure("symbol_contrast", "symbol contrast", -1, 0.03, "symbol_contrast"),
        Measure("cell_contrast", "cell contrast", -1, 0.03, "cell_contrast"),
        Measure("contrast_uniformity", "weakest data module", -1, 0.05, "modulation_level"),
        Measure("modulation_grade", "modulation, grade", -1, 0.3, "grade", 1),
        Measure("fixed_pattern_damage_grade", "fixed pattern damage, grade", -1, 0.3, "grade", 1),
        Measure("axial_nonuniformity", "axial non-uniformity", +1, 0.008, "axial_nonuniformity", 3),
        Measure("grid_nonuniformity", "grid non-uniformity", +1, 0.04, "grid_nonuniformity"),
        Measure("unused_error_correction", "unused error correction", -1, 0.05, "unused_error_correction"),
        Measure("print_growth_horizontal", "print growth, horizontal", 0, 0.04),
        Measure("print_growth_vertical", "print growth, vertical", 0, 0.04),
        Measure("reflectance_max", "lightest reflectance", 0, 0.03),
        Measure("reflectance_min", "darkest reflectance", 0, 0.03),
        Measure("weakest_column", "weakest column", -1, 0.15),
        Measure("weakest_row", "weakest row", -1, 0.15),
    )
}
"""Everything that is followed. `contrast_uniformity`: modulation of the weakest data module. `weakest_column` and `_row`: how far
the lowest mean margin lies below the median one."""


def limit_of(measure: Measure, standard: str, edition: str, grade_min: float) -> float | None:
    """The value at which a measure no longer makes the lowest grade that passes; None where it is not graded."""
    if measure.scale == "grade":
        return grade_min
    if not measure.scale:
        return None
    try:
        scale = scales_of(standard, edition)[measure.scale]
    except (KeyError, ValueError):
        return None
    return _crossing(scale, grade_min)


def _crossing(scale: Scale, grade_min: float) -> float | None:
    """By halving: the scales of all editions are steps or lines, and all of them rise or fall."""
    good, bad = (2.0, -1.0) if scale.sense is Sense.AT_LEAST else (-1.0, 2.0)
    if scale.grade(good) < grade_min or scale.grade(bad) >= grade_min:
        return None
    for _ in range(60):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if scale.grade(middle) >= grade_min else (good, middle)
    return round(good, 6)

"""What limits a grade: which parameters, modules and codewords, what the grade would be without them, and what to do about it.

Pure: the same finding gives the same limits. The shapes of damage come from evidence.py; what each means to a print engineer is the
table CAUSES. What a cause holds down is not guessed but worked out: its modules are put in order and the parameters graded again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vision.decode.symbol_sizes import size_of
from vision.grade.evidence import (
    MODULE_PARAMETERS,
    Evidence,
    Line,
    Mask,
    crossing_share,
    damaged_lines,
    evidence_of,
    grid_shape,
    ring_sides,
    spots,
    squeezed,
)
from vision.types import Finding, GradeReport

CAUSES: dict[str, str] = {
    "not_decoded": (
        "Look at the picture first: is the whole symbol in the frame, sharp and evenly lit? Then at what else limits the grade."
    ),
    "dark_print": (
        "Ink, ribbon or laser mark is too pale: raise density, heat or energy, change the ribbon or ink; a red light on "
        "red or brown print shows it pale as well."
    ),
    "dull_substrate": (
        "The substrate reflects too little: a whiter or less glossy one, or more light; calibrate if the light was changed."
    ),
    "low_contrast": (
        "Print too pale and substrate too dull, or stray light and glare: check light and angle first, then ink and substrate."
    ),
    "growth_wide": (
        "Lower burn time, heat or print pressure, a smaller drop size or thinner ink; if only along the transport, check "
        "speed against firing rate as well."
    ),
    "growth_thin": "Raise burn time, heat or print pressure, or the drop size; a worn ribbon or head prints thin too.",
    "axial": "Encoder scale, belt speed or slip along the transport; if the print measures right, the camera looks at it slanted.",
    "grid_shifted": (
        "The transport shakes sideways, or the head plays, while lines are printed one after the other: guides, bearings, "
        "belt joint; on a laser, the mirror."
    ),
    "grid_uneven": (
        "The transport slips, jerks or changes its speed while it prints, or the encoder is not read at each line: drive roller, "
        "belt tension, encoder wheel and its scale."
    ),
    "grid_bent": (
        "The surface bends or tilts under the head or under the camera: hold it flat; if the print measures right, lens distortion "
        "or a slanted camera."
    ),
    "line_lost": (
        "A dead nozzle, heater dot or laser scan line at that place, if the print head lies across the symbol there; else "
        "a missed firing. Clean the head, run its nozzle or dot test."
    ),
    "line_added": (
        "A streak: a nozzle that drips, a dirty doctor or wiper, a scratched ribbon or a fold in it, or a scratch in the varnish."
    ),
    "quiet_zone": (
        "Move the code away from text, cut edge or fold: it needs one module free on each side; or clean what smears there."
    ),
    "spot_lost": (
        "A void: dust or varnish under the print, a crease in the ribbon, ink that did not wet, or glare from a glossy place."
    ),
    "spot_added": "A stain or splash: ink mist, dirt on the substrate, or other print under the code.",
    "scattered_lost": "Specks without ink: rough or dusty substrate, too little ink or heat, a tired ribbon.",
    "scattered_added": "Specks of ink: satellites and mist; check drop speed, head distance and static charge.",
    "blur": (
        "Focus first, then exposure time against belt speed and the aperture (80 % of the module); only then the print, "
        "whose edges may run."
    ),
    "motion": (
        "The picture is smeared along that axis: shorten the exposure or strobe; if other packs are sharp, the print itself smears."
    ),
}
"""What to do, by cause."""

CONTRAST_DARK, CONTRAST_LIGHT = 0.25, 0.65
"""Reflectance of the darkest point above which the print is pale, and of the lightest below which the substrate is dull."""

GROWTH = 0.08
"""Print growth, in X, from which it is taken for the cause where the modules it narrows are the harmed ones."""

GROWTH_LEAST = 3
"""Fewest harmed modules that growth is asked about."""

GROWTH_SHARE = 0.65
"""Share of the harmed modules that growth must narrow."""

SPOT_LEAST = 4
"""Modules that touch and are called a spot; fewer are scattered."""

FOLLOWERS = ("blur", "motion")
"""Causes that others bring about."""

GRID_SHARE = 0.88
"""Share of the grid's movement that whole rows or columns must make to be named; less is bent (half waves both ways: 0.81)."""

NAMED_MOST = 6
"""Single modules that are named one by one; of more only the number is said."""

BLUR_SHARE = 0.06
"""Share of all modules that is harmed, in both colours, from which it is the picture and not single modules."""

MOTION_RATIO = 1.6
"""How much more often harmed modules change colour along one axis than along the other where the picture is smeared along it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that holds the grade down.

    cause: a key of CAUSES. parameters: those it holds down, of their own or with others, lowest first. grade: the lowest of them.
    modules: (row, column) of the harmed ones, 0-based, -1 and rows or columns for the quiet zone; empty where it is none of single
        modules. codewords: those the modules belong to, 0-based in the order of placement.
    without: the overall grade were this alone in order. limiting: its grade is the overall grade.
    words: what was found, in one sentence. action: what to do.
    """

    cause: str
    parameters: tuple[str, ...]
    grade: float
    modules: tuple[tuple[int, int], ...]
    codewords: tuple[int, ...]
    without: float
    limiting: bool
    words: str

    @property
    def action(self) -> str:
        return CAUSES[self.cause]


def explain(finding: Finding, mm_per_px: float | None = None) -> tuple[Limit, ...]:
    """What limits the grade of a finding, what matters most first; empty at 4.0, or where nothing was graded.

    mm_per_px: scale in the plane of the print, to say where on the symbol in mm.
    """
    report, evidence = finding.report, evidence_of(finding)
    if report is None or evidence is None:
        return ()
    place = _Place(evidence, finding.symbol.px_per_module * mm_per_px if mm_per_px else None)
    found = list(_by_modules(evidence, place))
    # Where modules explain why it could not be decoded, that is the cause.
    known = {"decode"} if any("decode" in limit.parameters for limit in found) else set()
    found += [limit for limit in _whole(finding, report) if not known.intersection(limit.parameters)]
    # A grid that is off makes modules weak all over: of two at the same grade it is told first.
    return tuple(
        sorted(found, key=lambda limit: (limit.grade, limit.cause in FOLLOWERS, -limit.without, -len(limit.modules), limit.cause))
    )


def summary(limits: tuple[Limit, ...], report: GradeReport) -> str:
    """The limits in one line: the first in words, the others by name."""
    if not limits:
        return "nothing limits the grade" if report.overall >= 4.0 else "the grade is limited by no single cause"
    first, others = limits[0], [limit for limit in limits[1:] if limit.limiting]
    words = f"{_names(first.parameters)} {first.grade:.1f}: {first.words}"
    if first.without > report.overall:
        return f"{words}; without it {first.without:.1f}"
    if others:
        together = without_all(tuple(limit for limit in limits if limit.limiting), report)
        return f"{words}; also {'; '.join(other.words for other in others)}; without all of them {together:.1f}"
    return words


def without_all(limits: tuple[Limit, ...], report: GradeReport) -> float:
    """The overall grade were all of these in order."""
    held = {name for limit in limits for name in limit.parameters}
    return min((4.0, *(p.grade for name, p in report.parameters.items() if name not in held)))


def _names(parameters: tuple[str, ...]) -> str:
    words = [name.replace("_", " ") for name in parameters]
    if len(words) < 4:
        return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
    return f"{words[0]}, {words[1]} and {len(words) - 2} more"


def _rest(report: GradeReport, *without: str) -> float:
    return min((4.0, *(parameter.grade for name, parameter in report.parameters.items() if name not in without)))


def _whole(finding: Finding, report: GradeReport) -> Iterator[Limit]:
    """Limits that lie in the symbol as a whole."""
    for name, causes in (
        ("decode", _not_decoded),
        ("symbol_contrast", _contrast),
        ("cell_contrast", _contrast),
        ("minimum_reflectance", _contrast),
        ("axial_nonuniformity", _axial),
        ("grid_nonuniformity", _grid),
        ("print_growth", _growth),
    ):
        parameter = report.parameters.get(name)
        if parameter is None or parameter.grade >= 4.0:
            continue
        cause, words = causes(finding, report, parameter.value)
        limiting = parameter.grade <= report.overall
        yield Limit(cause, (name,), parameter.grade, (), (), _rest(report, name), limiting, words)


def _not_decoded(finding: Finding, report: GradeReport, value: float | None) -> tuple[str, str]:
    if finding.reading is not None:
        return "not_decoded", f"only a rescue ({finding.reading.rescue or 'not the strict path'}) could read it"
    return "not_decoded", "the finder was seen, the data could not be decoded"


def _contrast(finding: Finding, report: GradeReport, value: float | None) -> tuple[str, str]:
    dark, light = report.informative["reflectance_min"] or 0.0, report.informative["reflectance_max"] or 0.0
    shown = f"lightest {light:.0%}, darkest {dark:.0%} reflectance"
    if dark >= CONTRAST_DARK and light >= CONTRAST_LIGHT:
        return "dark_print", f"the dark side is pale ({shown})"
    if light < CONTRAST_LIGHT and dark < CONTRAST_DARK:
        return "dull_substrate", f"the light side is dull ({shown})"
    return "low_contrast", f"light and dark lie close together ({shown})"


def _axial(finding: Finding, report: GradeReport, value: float | None) -> tuple[str, str]:
    symbol = finding.symbol
    corners = symbol.corners
    width = (np.hypot(*(corners[2] - corners[1])) + np.hypot(*(corners[3] - corners[0]))) / symbol.columns
    height = (np.hypot(*(corners[1] - corners[0])) + np.hypot(*(corners[2] - corners[3]))) / symbol.rows
    longer, shorter = ("wide", "high") if width > height else ("high", "wide")
    return "axial", f"modules are {value or 0.0:.1%} too {longer} for how {shorter} they are"


def _grid(finding: Finding, report: GradeReport, value: float | None) -> tuple[str, str]:
    size = size_of(finding.symbol.rows, finding.symbol.columns)
    words = f"the grid is {value or 0.0:.2f} X off its place"
    if report.grid is None or size is None:
        return "grid_bent", words
    shape = grid_shape(report.grid, size)
    words += f", most at row {shape.row}, column {shape.column}"
    # Movement along the rows: whole rows shifted against each other, or columns unevenly spaced; across them the other way round.
    shifted, uneven = (shape.by_row, shape.by_column) if shape.along_rows else (shape.by_column, shape.by_row)
    lines, others = ("rows", "columns") if shape.along_rows else ("columns", "rows")
    if shifted >= GRID_SHARE and shifted > uneven:
        return "grid_shifted", f"{words}: whole {lines} are shifted along themselves"
    if uneven >= GRID_SHARE:
        return "grid_uneven", f"{words}: the {others} are unevenly spaced"
    return "grid_bent", f"{words}: it is bent"


def _growth(finding: Finding, report: GradeReport, value: float | None) -> tuple[str, str]:
    across, down = _print_growth(report)
    worst, axis = max((across, "wide"), (down, "high"), key=lambda one: abs(one[0]))
    if worst > 0:
        return "growth_wide", f"printed modules are {worst:.2f} X too {axis}"
    return "growth_thin", f"printed modules are {-worst:.2f} X less {axis} than they should be"


def _print_growth(report: GradeReport) -> tuple[float, float]:
    return report.informative.get("print_growth_horizontal") or 0.0, report.informative.get("print_growth_vertical") or 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Says where modules are. module_mm: size of a module, None = unknown."""

    evidence: Evidence
    module_mm: float | None

    def line(self, line: Line) -> str:
        name, side = ("column", "left") if line.is_column else ("row", "top")
        which = f"{name} {line.first}" if line.first == line.last else f"{name}s {line.first} to {line.last}"
        middle = (line.first + line.last + 1) / 2
        far = f"{middle * self.module_mm:.1f} mm" if self.module_mm else f"{middle:g} modules"
        return f"{which} ({far} from the {side} edge)"

    def area(self, modules: Mask) -> str:
        rows, columns = np.nonzero(modules)
        if len(rows) == 1:
            return f"row {rows[0] - 1}, column {columns[0] - 1}"
        return f"{_span('row', rows)}, {_span('column', columns)}"

    def single(self, modules: Mask) -> str:
        places = [f"({row - 1}, {column - 1})" for row, column in np.argwhere(modules)]
        return f"at row and column {', '.join(places)}"


def _span(name: str, indices: np.ndarray) -> str:  # type: ignore[type-arg]
    first, last = int(indices.min()) - 1, int(indices.max()) - 1
    return f"{name} {first}" if first == last else f"{name}s {first} to {last}"


def _by_modules(evidence: Evidence, place: _Place) -> Iterator[Limit]:
    """Limits that lie in single modules, each with the shape it takes; modules belong to one cause only."""
    report = evidence.report
    left = evidence.harmed()
    every = left.copy()
    all_mended = evidence.mended(every)
    for cause, words, modules, cured in _shapes(evidence, left, place):
        mended = evidence.mended(cured)
        now = {name: report.parameters[name].grade for name in MODULE_PARAMETERS if name in report.parameters}
        held = [name for name in now if mended[name] > now[name]]
        if not held:  # alone it changes nothing: it counts where all together do
            rest = evidence.mended(every & ~modules)
            held = [name for name in now if rest[name] < all_mended[name]]
        if not held:
            continue
        held.sort(key=lambda name: now[name])
        lowest = now[held[0]]
        without = mended["overall"]
        inside = tuple((int(row) - 1, int(column) - 1) for row, column in np.argwhere(modules))
        words_hit = evidence.codewords_with(modules)
        yield Limit(cause, tuple(held), lowest, inside, words_hit, without, lowest <= report.overall, words)


def _shapes(evidence: Evidence, left: Mask, place: _Place) -> Iterator[tuple[str, str, Mask, Mask]]:
    """Cause, words, harmed modules and all cured by its end, of each shape of damage; what one takes is gone for the next."""

    def taken(modules: Mask) -> Mask:
        mine = modules & left
        left[mine] = False
        return mine

    grown = _growth_shape(evidence, left)
    if grown is not None:
        cause, words, modules = grown
        yield cause, words, taken(left & modules), modules
    if _is_everywhere(evidence, left):
        modules = taken(left.copy())
        yield (*_blur(evidence, modules), modules, np.ones_like(left))
    if grown is None:
        for line in list(damaged_lines(evidence, left)):
            modules = taken(line.modules)
            if modules.any():
                state = "not printed" if line.lost else "printed where it should be blank"
                yield f"line_{'lost' if line.lost else 'added'}", f"{place.line(line)} {state}", modules, modules
    for side, modules in ring_sides(left).items():
        yield "quiet_zone", f"{_modules(modules)} of the quiet zone dirty ({side} side)", taken(modules), modules
    for lost in (True, False):
        ending, state = ("lost", "without print") if lost else ("added", "stained")
        for modules in spots(left & (evidence.expected == lost), SPOT_LEAST):
            yield f"spot_{ending}", f"{_modules(modules)} {state} at {place.area(modules)}", taken(modules), modules
        rest = taken(left & (evidence.expected == lost))
        if rest.any():
            where = place.single(rest) if rest.sum() <= NAMED_MOST else "here and there"
            yield f"scattered_{ending}", f"{_modules(rest)} {state} {where}", rest, rest


def _modules(modules: Mask) -> str:
    count = int(modules.sum())
    return f"{count} module{'' if count == 1 else 's'}"


def _is_everywhere(evidence: Evidence, harmed: Mask) -> bool:
    """Whether so many modules of both colours are harmed, all over the symbol, that it is the picture or the print as a whole."""
    size, count = evidence.size, int(harmed.sum())
    if count <= max(SPOT_LEAST, BLUR_SHARE * size.rows * size.columns):
        return False
    lost = float((harmed & evidence.expected).sum()) / count
    spread = (harmed.any(axis=1).sum() / size.rows, harmed.any(axis=0).sum() / size.columns)
    return 0.2 <= lost <= 0.8 and min(spread) >= 0.5


def _growth_shape(evidence: Evidence, left: Mask) -> tuple[str, str, Mask] | None:
    """Cause, words and all modules that print growth narrows, where most harmed ones are among them; else None."""
    count = int(left.sum())
    axes = dict(zip(("horizontally", "vertically"), _print_growth(evidence.report), strict=True))
    strong = {axis: growth for axis, growth in axes.items() if abs(growth) >= GROWTH}
    if count < GROWTH_LEAST or not strong or len({growth > 0 for growth in strong.values()}) > 1:
        return None
    modules = np.zeros_like(left)
    for axis, growth in strong.items():
        modules |= squeezed(evidence, axis == "horizontally", growth > 0)
    if (modules & left).sum() < GROWTH_SHARE * count:
        return None
    grown = next(iter(strong.values())) > 0
    shown = " and ".join(f"{growth:+.2f} X {axis}" for axis, growth in strong.items())
    which = "the gaps between them close" if grown else "they thin out"
    words = f"printed modules are too {'wide' if grown else 'narrow'}, {shown}: {which}"
    return ("growth_wide" if grown else "growth_thin"), words, modules


def _blur(evidence: Evidence, modules: Mask) -> tuple[str, str]:
    along, down = crossing_share(evidence, modules)
    words = f"{_modules(modules)} weak all over the symbol, dark and light ones"
    if along > MOTION_RATIO * down:
        return "motion", f"{words}, most of them beside changes along the rows: smeared horizontally"
    if down > MOTION_RATIO * along:
        return "motion", f"{words}, most of them beside changes along the columns: smeared vertically"
    return "blur", words

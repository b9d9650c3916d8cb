"""The pictures of a symbol's report: where it lies, its modules by modulation, its fixed pattern, its reflectances, its grades.

Each gives a whole SVG. Colours say the grade of a module and are never alone: wrong colours bear a cross, weak modules a dot.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vision.grade.evidence import Evidence
from vision.grade.scales import Scale, Sense
from vision.inspection_report import svg
from vision.report.charts import INK, RULE, SOFT
from vision.types import Finding, Inspection, Pixels

ACCENT = "#1f5fa8"
DARK_FILLS = ("#8a0f24", "#b4371c", "#a8650f", "#6f6a2a", "#23282e")
LIGHT_FILLS = ("#ef5a6a", "#f79a78", "#fcc56b", "#f3ea9a", "#ffffff")
"""Fill of a module of level 0, 1, 2, 3, 4 where it is dark, and where it is light."""

GRADE_FILLS = ("#e6b3ae", "#efccb4", "#f5e3b8", "#dfe8c4", "#c3dfcd")
"""Ground of the grades 0 to 4 on a scale."""

THUMB_PX = 640
"""Longest side of the picture of a whole frame."""


def frame_picture(pixels: Pixels, inspection: Inspection) -> str:
    """The whole image, small, with its symbols outlined and numbered."""
    height, width = pixels.shape
    scale = min(1.0, THUMB_PX / max(height, width))
    small = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    w, h = small.shape[1], small.shape[0]
    body = [svg.image(small, 0, 0, w, h), svg.rect(0.5, 0.5, w - 1, h - 1, "none", f'stroke="{RULE}"')]
    for number, finding in enumerate(inspection.findings, start=1):
        corners = (finding.symbol.corners + 0.5) * scale
        body.append(svg.path(svg.points_of(corners), "#ffffff", 4, closed=True))
        body.append(svg.path(svg.points_of(corners), ACCENT, 2, closed=True))
        x, y = corners.min(axis=0)
        if len(inspection.findings) > 1:
            body.append(svg.rect(x - 2, y - 17, 9 + 8 * len(str(number)), 15, ACCENT))
            body.append(svg.text(x + 3, y - 5, str(number), 11, "#ffffff"))
    return svg.document(w, h, body)


def symbol_picture(pixels: Pixels, finding: Finding, grid: npt.NDArray[np.float64]) -> str:
    """The symbol as the camera saw it, with its grid and the two solid sides of its finder marked.

    grid: (rows + 1, columns + 1, 2) float64, intersections in pixels.
    """
    margin = 2.5 * finding.symbol.px_per_module
    x0, y0 = np.floor(np.maximum(grid.reshape(-1, 2).min(axis=0) - margin, 0)).astype(int)
    x1, y1 = np.ceil(grid.reshape(-1, 2).max(axis=0) + margin).astype(int) + 1
    crop = pixels[y0:y1, x0:x1]
    if crop.size == 0:
        return svg.document(400, 60, [svg.text(0, 30, "the symbol lies outside the picture", 12, SOFT)])
    scale = 400 / max(crop.shape)
    width, height = crop.shape[1] * scale, crop.shape[0] * scale
    at = (grid - (x0, y0) + 0.5) * scale
    body = [svg.image(crop, 0, 0, width, height, smooth=False)]
    lines = [at[row] for row in range(at.shape[0])] + [at[:, column] for column in range(at.shape[1])]
    body += [svg.path(svg.points_of(line), ACCENT, 0.5, extra='stroke-opacity="0.55"') for line in lines]
    rim = np.concatenate((at[0, :-1], at[:-1, -1], at[-1, :0:-1], at[:0:-1, 0]))
    body.append(svg.path(svg.points_of(rim), ACCENT, 1.2, closed=True))
    solid = np.concatenate((at[:, 0], at[-1, 1:]))
    body.append(svg.path(svg.points_of(solid), "#c2571a", 2.4, extra='stroke-linejoin="round"'))
    return svg.document(max(width, 400), height, body)  # a narrow one must not be blown up to the width of its column


def _axes(rows: int, columns: int, unit: float, x0: float, y0: float) -> list[str]:
    """Numbers of rows and columns, every fifth and the last."""

    def shown(count: int) -> list[int]:
        every = 5 if count <= 64 else 20
        return [k for k in range(0, count, every) if count - 1 - k > every // 2] + [count - 1]

    size = min(9.0, max(6.5, unit))
    body = [svg.text(x0 + (c + 0.5) * unit, y0 - 4, str(c), size, SOFT, "middle") for c in shown(columns)]
    body += [svg.text(x0 - 4, y0 + (r + 0.5) * unit + size * 0.36, str(r), size, SOFT, "end") for r in shown(rows)]
    return body


def _unit(rows: int, columns: int) -> float:
    return 372.0 / (max(rows, columns) + 2)


def module_map(evidence: Evidence, marked: npt.NDArray[np.bool_]) -> str:
    """All modules with their quiet zone, coloured by the grade of their modulation; wrong colours are crossed out.

    marked: (rows + 2, columns + 2) bool, modules that limit the grade: framed.
    """
    rows, columns = evidence.levels.shape
    unit = _unit(rows - 2, columns - 2)
    x0 = y0 = 22.0
    body = [svg.rect(x0, y0, columns * unit, rows * unit, "#ffffff", f'stroke="{RULE}" stroke-width="0.8"')]
    late: list[str] = []
    for row in range(rows):
        for column in range(columns):
            x, y = x0 + column * unit, y0 + row * unit
            level = int(min(4.0, max(0.0, np.floor(evidence.levels[row, column] + 1e-6))))
            dark = bool(evidence.dark[row, column])
            fill = (DARK_FILLS if dark else LIGHT_FILLS)[level]
            if fill != "#ffffff":
                body.append(svg.rect(x, y, unit + 0.15, unit + 0.15, fill))
            if evidence.wrong[row, column]:
                late.append(svg.cross(x + unit / 2, y + unit / 2, unit * 0.26, "#ffffff" if dark else "#8a0f24", unit * 0.14))
            elif level < 4:
                radius = svg.number(unit * 0.13)
                late.append(
                    f'<circle cx="{svg.number(x + unit / 2)}" cy="{svg.number(y + unit / 2)}" r="{radius}" '
                    f'fill="{"#ffffff" if dark else INK}"/>'
                )
            if marked[row, column]:
                late.append(
                    svg.rect(x + 0.5, y + 0.5, unit - 1, unit - 1, "none", f'stroke="{ACCENT}" stroke-width="{unit * 0.12:.2f}"')
                )
    inner = svg.rect(x0 + unit, y0 + unit, (columns - 2) * unit, (rows - 2) * unit, "none", f'stroke="{SOFT}" stroke-width="0.6"')
    body += [*late, inner, *_axes(rows - 2, columns - 2, unit, x0 + unit, y0)]
    height = y0 + rows * unit
    return svg.document(max(x0 + columns * unit + 2, 400), height + 24, [*body, *_level_legend(x0, height + 8)])


def _level_legend(x: float, y: float) -> list[str]:
    body = []
    for level in range(4, -1, -1):
        body += [svg.rect(x, y, 10, 10, DARK_FILLS[level]), svg.rect(x + 10, y, 10, 10, LIGHT_FILLS[level], f'stroke="{RULE}"')]
        body.append(svg.text(x + 24, y + 8.5, str(level), 9, INK))
        x += 44
    body += [svg.cross(x + 6, y + 5, 4, "#8a0f24", 2), svg.text(x + 15, y + 8.5, "wrong colour", 9, INK)]
    x += 84
    body.append(svg.rect(x, y, 10, 10, "none", f'stroke="{ACCENT}" stroke-width="1.6"'))
    return [*body, svg.text(x + 15, y + 8.5, "limits", 9, INK)]


def pattern_map(evidence: Evidence, damaged: npt.NDArray[np.bool_]) -> str:
    """The fixed pattern alone: bars, clock tracks and quiet zone, damaged modules in red.

    damaged: (rows + 2, columns + 2) bool, modules below grade 4 in their role.
    """
    rows, columns = evidence.levels.shape
    unit = _unit(rows - 2, columns - 2)
    x0 = y0 = 22.0
    body = [svg.rect(x0, y0, columns * unit, rows * unit, "#ffffff", f'stroke="{RULE}" stroke-width="0.8"')]
    body.append(svg.rect(x0 + unit, y0 + unit, (columns - 2) * unit, (rows - 2) * unit, "#eef1f4"))
    late = []
    ring = np.ones((rows, columns), np.bool_)
    ring[1:-1, 1:-1] = False
    for row, column in np.argwhere(evidence.fixed | ring):
        x, y = x0 + column * unit, y0 + row * unit
        if not ring[row, column]:
            fill = "#59626c" if evidence.expected[row, column] else "#ffffff"
            body.append(svg.rect(x, y, unit + 0.15, unit + 0.15, fill))
        if damaged[row, column]:
            late.append(svg.rect(x, y, unit, unit, "#b3261e"))
            if evidence.wrong[row, column]:
                late.append(svg.cross(x + unit / 2, y + unit / 2, unit * 0.26, "#ffffff", unit * 0.14))
    body += [*late, *_axes(rows - 2, columns - 2, unit, x0 + unit, y0)]
    return svg.document(max(x0 + columns * unit + 2, 400), y0 + rows * unit + 4, body)


def histogram(reflectances: npt.NDArray[np.float64], lowest: float, threshold: float, highest: float) -> str:
    """How often each reflectance occurs in the inspection area, with Rmin, the threshold GT and Rmax.

    reflectances: those of all pixels, 0 to 1 on the set-up's scale.
    """
    width, height, left, base = 400.0, 300.0, 30.0, 270.0
    low, high = min(0.0, lowest), max(1.0, highest)

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (width - left - 12)

    counts, edges = np.histogram(np.clip(reflectances, low, high), bins=64, range=(low, high))
    peak = max(1, int(counts.max()))
    body = []
    for count, begin, end in zip(counts, edges, edges[1:], strict=False):
        if count:
            tall = np.sqrt(count / peak) * (base - 34)
            fill = "#3b4148" if (begin + end) / 2 <= threshold else "#b9c2cb"
            body.append(svg.rect(at(begin) + 0.3, base - tall, at(end) - at(begin) - 0.6, tall, fill))
    body.append(svg.path([(left, base), (width - 12, base)], SOFT, 0.8))
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        body.append(svg.path([(at(tick), base), (at(tick), base + 4)], SOFT, 0.8))
        body.append(svg.text(at(tick), base + 15, f"{tick:.0%}", 9, SOFT, "middle"))
    marks = (("Rmin", lowest), ("GT", threshold), ("Rmax", highest))
    taken = -1e9
    for name, value in marks:
        x = at(value)
        body.append(svg.path([(x, 24), (x, base)], ACCENT, 1.2, extra="" if name != "GT" else 'stroke-dasharray="4 3"'))
        label = max(x, taken + 58)
        taken = label
        body.append(svg.text(min(label, width - 26), 16, f"{name} {value:.0%}", 9.5, ACCENT, "middle"))
    return svg.document(width, height - 8, body)


def grade_bar(grade: float, scale: Scale | None = None, value: float | None = None) -> str:
    """Five zones, grade 0 to 4 from left to right, each as wide as the others, and a mark where the value lies.

    Without a scale, or with a value off its end, the mark stands by the grade.
    """
    zone, height = 24.0, 14.0
    body = [svg.rect(k * zone, 2, zone - 1, height - 4, GRADE_FILLS[k]) for k in range(5)]
    at = position(grade, scale, value) * zone
    body.append(svg.path([(at, 0), (at, height)], INK, 2.6, extra='stroke-linecap="round"'))
    return svg.document(5 * zone, height, body)


def position(grade: float, scale: Scale | None, value: float | None) -> float:
    """Where a value lies on the five zones, 0.1 to 4.9: the zone is that of its whole grade, its place inside by its limits."""
    whole = min(4, int(grade + 1e-9))
    limits = whole_limits(scale) if scale is not None else {}
    if scale is None or len(limits) < 4 or value is None or not np.isfinite(value):
        return min(4.9, max(0.1, grade + 0.5 if grade == whole else whole + (grade - whole)))
    sign = 1.0 if scale.sense is Sense.AT_LEAST else -1.0
    # The ends have one limit only: their zones are as wide as their neighbours.
    lower = limits.get(whole, limits[1] - sign * abs(limits[2] - limits[1]))
    upper = limits.get(whole + 1, limits[4] + sign * abs(limits[4] - limits[3]))
    share = (value - lower) / (upper - lower) if upper != lower else 0.5
    return min(4.9, max(0.1, whole + min(0.96, max(0.04, share))))


def whole_limits(scale: Scale) -> dict[int, float]:
    """The limit of each whole grade 1 to 4 of a scale."""
    return {int(grade): float(limit) for limit, grade in scale.points if grade in (1, 2, 3, 4)}


def line_of_grades(grades: Sequence[float]) -> str:
    """The scan grades of several images as bars next to each other."""
    width, height, gap = 400.0, 70.0, 4.0
    step = min(60.0, (width - 20) / max(1, len(grades)))
    body = [svg.path([(16, y), (width, y)], RULE, 0.6) for y in (52 - 11 * k for k in range(5))]
    body += [svg.text(10, 55 - 11 * k, str(k), 8, SOFT, "end") for k in (0, 2, 4)]
    for number, grade in enumerate(grades):
        x, tall = 18 + number * step, 11 * grade
        body.append(svg.rect(x, 52 - tall, step - gap, tall, ACCENT))
        body.append(svg.text(x + (step - gap) / 2, 64, f"{grade:.1f}", 8.5, INK, "middle"))
    return svg.document(width, height, body)

"""From a located symbol to its measured grid: the reference grey-scale image, edges, grid lines, inspection area.

The kernels measure; this module puts them in order and picks the lines that a parameter looks at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.aperture import UNITS, aperture_half_px, aperture_weights, area_extremes, module_greys, polygon_spans, reference_image
from kernels.grid_edges import TERMS, centre_values, drop_wrong, fit_levels, local_colours, module_edges
from kernels.grid_lines import SHIFTS, corner_deviation, edge_shifts, extend_grid, grid_pitch, line_offsets, move_grid
from kernels.grid_pattern import bow_of, level_grid, pattern_shifts
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.scratch import Scratch
from vision.types import Pixels, Symbol

Floats = npt.NDArray[np.float64]
Colours = npt.NDArray[np.uint8]

PHASES = 4
"""Places per pixel at which an aperture can be centred on a module."""

LEAST_ROUNDS, MOST_ROUNDS = 2, 6
"""Rounds of edges and moved grid lines: the first finds the grid, the others take back what averaging smoothed away."""

SETTLED = 0.03
"""Movement in modules below which no further round is needed."""

NEAR = 0.2
"""Movement in modules below which the grid is near enough to tell a stain's edge from one of the grid."""

WRONG_SHARE = 0.05
"""Share of modules of another colour than printed above which a first look says that the grid is off, and not that they are
damaged. Where they were left in, the rim of a stain over a 144x144 bent the grid by 0.37 X."""

FIT_AGAIN = 0.05
"""Movement in modules above which the levels of light and dark are fitted anew: the modules were not seen at their centres."""

BOW_WRONG, BOW_MOVED = 3, 0.3
"""Modules of another colour than printed, and modules by which the grid left where it was sought, from which the print may be
bowed more than edges can follow: then the known modules are looked for beside their places. A grid line that is half a module
off sees the edges of its neighbour: of prints bowed by 0.7 to 0.95 X a third came out with wrong codewords or GN off by 0.1 and
more, the 18x18 conformance symbol (0.84 X by its outer corners) among them."""

BOW_SPACING, BOW_NODES = 3, 12
"""Modules from one patch of known modules to the next, and patches along a side at most."""

BOW_STEPS = ((0.3, 4), (0.2, 2))
"""Steps in modules, and how many each way, in which the known modules are looked for: far at first, then near their places."""

BOW_WORTH = 0.5
"""Share of the wrong modules that a bow may leave wrong: damage is the same on any grid, what comes of the grid goes with it."""

MARGIN = 1.5
"""Modules around the symbol in which the reference image is made: the ring of one module, and room for the grid to move."""


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What the kernels measured of one symbol.

    grid: (rows + 1, columns + 1, 2) float64, measured intersections in pixels.
    pitch_x_px, pitch_y_px: mean spacing of intersections along rows and along columns.
    growth_x, growth_y: finder colour wider than nominal, in modules, horizontally and vertically.
    greys: (rows + 2, columns + 2) float64, mean grey over the aperture at each module centre, quiet-zone ring included; nan where
        that is outside the image.
    grey_max, grey_min: extremes of the reference image in the inspection area.
    outside_count: modules, ring included, whose centre is outside the image.
    lone_count: intersections with no edge near enough to be measured.
    aperture_px: diameter of the aperture it was seen through.
    """

    grid: Floats
    pitch_x_px: float
    pitch_y_px: float
    growth_x: float
    growth_y: float
    greys: Floats
    grey_max: float
    grey_min: float
    outside_count: int
    lone_count: int
    aperture_px: float


def outline(grid: Floats) -> Floats:
    """The corners of a grid's rim in order, (n, 2) float64 x, y."""
    height, width = grid.shape[:2]
    rim = np.empty((2 * (height + width) - 4, 2))
    # Assigned, not concatenated: 1.5 us instead of 4.
    rim[: width - 1] = grid[0, :-1]
    rim[width - 1 : width + height - 2] = grid[:-1, -1]
    rim[width + height - 2 : 2 * width + height - 3] = grid[-1, :0:-1]
    rim[2 * width + height - 3 :] = grid[:0:-1, 0]
    return rim


def _weights(diameter_px: float, phases: int, name: str, work: Scratch) -> npt.NDArray[np.int32]:
    size = 2 * aperture_half_px(diameter_px, phases) + 1
    weights = work.array(name, (phases, phases, size, size), np.int32)
    aperture_weights(diameter_px, weights, work.array("area", (size * size,), np.float64))
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """The reference image and where it lies: pixels (h, w) float32 at image position left, top; spans (h, 2), its valid columns."""

    pixels: npt.NDArray[np.float32]
    left: int
    top: int
    spans: npt.NDArray[np.int64]


def _reference(image: Pixels, extended: Floats, diameter_px: float, work: Scratch) -> _Reference:
    """The reference grey-scale image of the symbol, its ring, and half a module more; never more than the frame and that margin."""
    rim = outline(extended)
    middle = np.array([rim[:, 0].sum(), rim[:, 1].sum()]) / len(rim)
    rows, columns = extended.shape[0] - 3, extended.shape[1] - 3
    grown = middle + (rim - middle) * (1.0 + 2.0 * (MARGIN - 1.0) / (min(rows, columns) + 2.0))
    height, width = image.shape
    # A grid that runs far out of the frame is cut here: beyond one aperture outside there is nothing to see.
    reach = int(diameter_px) + 2
    (x_least, y_least), (x_most, y_most) = grown.min(axis=0).tolist(), grown.max(axis=0).tolist()
    left, top = max(math.floor(x_least), -reach), max(math.floor(y_least), -reach)
    right, bottom = min(math.ceil(x_most), width - 1 + reach), min(math.ceil(y_most), height - 1 + reach)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    spans = work.array("spans", (bottom - top + 1, 2), np.int64)
    polygon_spans(grown, top, left, right + 1, spans)
    weights = _weights(diameter_px, 1, "reference_weights", work)
    size = weights.shape[2]
    pixels = work.array("reference", (bottom - top + 1, right - left + 1), np.float32)
    pixels.fill(0.0)
    rows_scratch = work.array("rows", (size // 2 + 2, pixels.shape[1] + size - 1), np.float32)
    reference_image(image, weights, left, top, spans, rows_scratch, pixels)
    return _Reference(pixels, left, top, spans)


class _Lines(NamedTuple):
    """What the kernels note of the grid lines of one direction; `lines` of them, each along `places` modules.

    edges: (lines, places, SHIFTS + 2), filled by module_edges. offsets: (lines, places + 1), how far each line is off at each
    intersection. The others are scratch of line_offsets.
    """

    edges: Floats
    values: Floats
    moments: Floats
    sums: Floats
    offsets: Floats


def _lines(name: str, lines: int, places: int, work: Scratch) -> _Lines:
    return _Lines(
        work.array(name, (lines, places, SHIFTS + 2), np.float64),
        work.array("values", (2, places), np.float64),
        work.array("moments", (5, lines, places + 1), np.float64),
        work.array("sums", (9, places + 1), np.float64),
        work.array(f"{name}_offsets", (lines, places + 1), np.float64),
    )


class _Found(NamedTuple):
    """The grid moved onto the edges, growth along x and y in modules, intersections without edges near, modules of another colour
    than printed on it (0 where that is not known), farthest that it is from where it was sought, in modules."""

    grid: Floats
    growth_x: float
    growth_y: float
    lone: int
    wrong: int
    moved: float


def _measured_grid(reference: _Reference, start: Floats, inverted: int, expected: Colours | None, work: Scratch) -> _Found:
    rows, columns = start.shape[0] - 1, start.shape[1] - 1
    grid = np.array(start, np.float64, order="C")
    moved = np.empty_like(grid)
    extended = work.array("extended", (rows + 3, columns + 3, 2), np.float64)
    centres = work.array("centres", (rows + 4, columns + 4, 6), np.float64)
    levels = np.zeros(TERMS)
    growth = np.zeros(2)
    lines = [_lines("across", columns + 1, rows, work), _lines("down", rows + 1, columns, work)]
    extremes = work.array("extremes", (rows + 2, columns + 2, 2), np.float64)
    shifts = np.empty(SHIFTS, np.float64)
    lone = wrong = 0
    movement = np.inf
    for turn in range(MOST_ROUNDS):
        robust = int(movement < NEAR)
        extend_grid(grid, extended)
        centre_values(reference.pixels, reference.left, reference.top, extended, centres)
        if turn == 0:
            local_colours(centres, extremes, inverted)
            fit_levels(centres, 0, levels)
        if movement > FIT_AGAIN:
            fit_levels(centres, 1, levels)
        if expected is not None:
            most = expected.size if robust else int(WRONG_SHARE * expected.size)
            wrong = int(drop_wrong(centres, expected, inverted, most))
        across, down = lines[0].edges, lines[1].edges
        module_edges(reference.pixels, reference.left, reference.top, extended, inverted, centres, levels, growth, across, down)
        lone = 0
        for axis, of in enumerate(lines):
            edge_shifts(of.edges, robust, shifts)
            growth[axis] = 2.0 * shifts[0]
            lone += line_offsets(of.edges, shifts, robust, of.values, of.moments, of.sums, of.offsets)
        movement = move_grid(grid, lines[0].offsets, lines[1].offsets, moved)
        grid, moved = moved, grid
        if movement < SETTLED and turn + 1 >= LEAST_ROUNDS:
            break
    far = np.sqrt(((grid - start) ** 2).sum(axis=2).max()) / sum(grid_pitch(grid)) * 2.0
    return _Found(grid, float(growth[0]), float(growth[1]), lone, wrong, float(far))


def _bowed(image: Pixels, start: Floats, inverted: int, expected: Colours, aperture_px: float, work: Scratch) -> Floats:
    """A grid laid over the known modules: that without any bow, and the bow with which patches of them fit best."""
    height, width = expected.shape
    grid, moved = np.empty_like(start), np.empty_like(start)
    level_grid(start, grid)
    spacing = max(BOW_SPACING, -(-max(height, width) // BOW_NODES))
    nodes = work.array("nodes", (-(-(height - 1) // spacing) + 1, -(-(width - 1) // spacing) + 1, 5), np.float64)
    centres = work.array("centres", (height + 2, width + 2, 6), np.float64)
    extended = work.array("extended", (height + 1, width + 1, 2), np.float64)
    across, down = (
        work.array("bow_across", (width - 1, height - 1), np.float64),
        work.array("bow_down", (height - 1, width - 1), np.float64),
    )
    for step, steps in BOW_STEPS:
        extend_grid(grid, extended)
        seen = _reference(image, extended, aperture_px, work)
        centre_values(seen.pixels, seen.left, seen.top, extended, centres)
        pattern_shifts(seen.pixels, seen.left, seen.top, centres, expected, inverted, spacing, step, steps, nodes)
        bow_of(nodes, across, down)
        move_grid(grid, across, down, moved)
        grid, moved = moved, grid
    return grid


def module_pitch_px(grid: Floats) -> float:
    """Mean module pitch of a grid, over both axes; by square roots alone, which are the same on every machine."""
    across, down = grid_pitch(np.ascontiguousarray(grid, np.float64))
    return (across + down) / 2.0


def measure(image: Pixels, symbol: Symbol, aperture_px: float, work: Scratch, expected: Colours | None = None) -> Measurement:
    """Measures one symbol through a round aperture.

    image: (height, width) uint8. aperture_px: diameter in pixels; below one pixel it counts as one.
    expected: (rows + 2, columns + 2) uint8, what was printed: 1 the finder's colour, 0 the other, 2 not known. Modules of another
        colour are damage, and their edges none of the grid's.
    """
    image = np.ascontiguousarray(image)
    diameter_px = max(1.0, aperture_px)
    rows, columns = symbol.rows, symbol.columns
    extended = work.array("extended", (rows + 3, columns + 3, 2), np.float64)
    inverted, start = int(symbol.inverted), np.ascontiguousarray(symbol.grid, np.float64)
    extend_grid(start, extended)
    reference = _reference(image, extended, diameter_px, work)
    found = _measured_grid(reference, start, inverted, expected, work)
    if expected is not None and (found.wrong >= BOW_WRONG or found.moved > BOW_MOVED):
        bowed = _bowed(image, start, inverted, expected, diameter_px, work)
        extend_grid(bowed, extended)
        reference = _reference(image, extended, diameter_px, work)
        again = _measured_grid(reference, bowed, inverted, expected, work)
        if again.wrong <= (BOW_WORTH * found.wrong if found.moved <= BOW_MOVED else found.wrong):
            found = again
        else:
            extend_grid(start, extended)
            reference = _reference(image, extended, diameter_px, work)
    grid, growth_x, growth_y, lone = found[:4]
    extend_grid(grid, extended)
    greys = np.empty((rows + 2, columns + 2), np.float64)
    outside = module_greys(image, _weights(diameter_px, PHASES, "module_weights", work), extended, greys)
    area = work.array("inspection_area", (reference.spans.shape[0], 2), np.int64)
    height, width = image.shape
    polygon_spans(outline(extended), reference.top, 0, width, area)
    area[: max(0, -reference.top)] = 0
    area[max(0, height - reference.top) :] = 0
    low, high = area_extremes(reference.pixels, reference.left, reference.top, reference.spans, area, reference.top)
    pitch_x, pitch_y = grid_pitch(grid)
    return Measurement(grid, pitch_x, pitch_y, growth_x, growth_y, greys, high / UNITS, low / UNITS, outside, lone, diameter_px)


def grid_deviation(grid: Floats, size: SymbolSize) -> float:
    """Largest distance, in pixels, of a grid intersection from its ideal place (grid nonuniformity, ISO/IEC 15415).

    [open] The sources do not say what the ideal grid is fitted to. Working choice: in each data region the grid lines of the data
    (the finder's outer sides left out), divided evenly between that region's own four corners; the largest of all regions counts.
    """
    height, width = size.rows // size.region_rows, size.columns // size.region_columns
    return max(
        float(corner_deviation(grid, top + 1, left + 1, top + height - 1, left + width - 1))
        for top in range(0, size.rows, height)
        for left in range(0, size.columns, width)
    )


def axial_nonuniformity(pitch_x_px: float, pitch_y_px: float) -> float:
    """Difference of the mean grid spacings along the two axes, as a share of their mean (ISO/IEC 15415)."""
    return abs(pitch_x_px - pitch_y_px) / ((pitch_x_px + pitch_y_px) / 2.0)

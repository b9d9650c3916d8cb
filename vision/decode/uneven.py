"""Symbols whose rows and columns are of uneven pitch, or bowed: the grid is taken from the finder itself.

A print of changing speed, a slipped encoder, a bottle or an ampoule: the sides are curves, and the clock tracks say where each row
and column begins. Nothing regular is assumed but that a clock track alternates. From four rough corners of a blot to a grid of
module corners; whether it is a symbol is decided where its modules are read.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from kernels.edges import grid_edges
from kernels.grid_fit import bend_grid, least_difference
from vision.decode.search import Workspace
from vision.decode.slanted import FILLED
from vision.decode.symbol_sizes import size_of
from vision.decode.tracks import FARTHEST, Bowed, Floats, SidesView, Singles, module_edges
from vision.types import Pixels, Symbol

SIDE, MARGIN = 224, 40
"""Side of the patch in which four rough corners are a square, and what is seen around it, in patch pixels."""

EDGE = SIDE + 2 * MARGIN
SMOOTH = 1.0
"""Standard deviation of the smoothing of a patch, in its pixels."""

REACH = 40
"""Patch pixels inside of the rough side to which its edge is sought."""

BOWS = np.linspace(-28.0, 28.0, 15)
"""How far the middle of a side may lie to the right (inside) of the line between its ends, in patch pixels: 1/8 of the side."""

SLOPES = np.linspace(-12.0, 12.0, 5)
"""How far a side may be turned about its middle, at its ends, in patch pixels."""

CURVES = np.array([(slope, bow) for bow in BOWS for slope in SLOPES])

FINER = np.array([(slope, bow) for bow in np.arange(-3.0, 4.0) for slope in np.arange(-3.0, 4.0)])
"""Steps of slope and bow about the best of CURVES where the modules are small."""

UNLIKE = 0.01
"""What a pixel of bow more or less than the opposite side's, or of slope, costs a dashed side of its share."""

OUT = 44
"""Patch pixels that a curve may leave what is looked at; more than the largest bow and slope together."""

WITHIN = 1.5
"""Patch pixels inside of a side where it is seen whether it is solid: one of the smallest modules."""

PLACES = 32
"""Places of a side where its edge is sought at first."""

NEAR = 4
"""Patch pixels about a curve in which its edge is measured."""

SOLID, DASHED = 0.7, 0.3
"""Share of a solid and of a dashed side at least that shows an edge."""

SMALLEST_PX = 1.5
"""Pixels of a module below which no track is told."""

STIFF = 0.1
"""Pull of a dashed side's bow towards that of the opposite one, as a share of the edges that show another."""

FIRST_COUNTS, FIRST_OF_LONG, LONG = (24, 60, 130, 10), (24, 12, 8, 16), 1.5
"""Modules of the shorter side before they are known, in the order tried, for squares and for what is so much longer than high: with
each, the tracks of symbols with half as many to a third more are met."""

FINE_LEAST, FINE_MOST = 1.5, 4
"""Samples of a track per pixel of the picture at least, and per patch pixel at most: the modules of 144x144 need four."""

GAP, LEAST_SHARE, CLOSER = 25, 0.3, 0.93
"""Patch pixels of the square that closes the gaps between modules where rough corners are brought closer, and the share of the
patch's side that what they outline must and may have."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a patch as a curve, seen with the side at the left: polynomial of how far it lies to the right of where it is
    straight, in pixels, over -1 to 1 from top to bottom; share: of it that shows an edge; knee: fall of grey that is one;
    lightest: grey that a tenth of it exceeds WITHIN pixels inside.
    """

    curve: Floats
    share: float
    knee: float
    lightest: float


def fit_uneven(picture: Pixels, quad: Floats, polarity: str, work: Workspace) -> Symbol | None:
    """The symbol within four rough corners (4, 2), in order around, as un-mirrored; None where no finder is seen.

    picture: (height, width) uint8, C-contiguous. polarity: as of `Search`; of both, the one with the more solid sides is
    tried first. Where the corners of a long shape are too rough, what lies within is outlined anew.
    """
    symbol = _fitted(picture, quad, polarity, work)
    wide, tall = _lengths(quad)
    if symbol is not None or max(wide / tall, tall / wide) < LONG:
        return symbol
    for inverted in {"dark": (False,), "light": (True,)}.get(polarity, (False, True)):
        closer = _outlined(picture, quad, inverted)
        if closer is not None:
            symbol = _fitted(picture, closer, "light" if inverted else "dark", work)
            if symbol is not None:
                return symbol
    return None


def _lengths(quad: Floats) -> tuple[float, float]:
    """How long the upper and the left side of a quad (4, 2) are."""
    return float(np.hypot(*(quad[1] - quad[0]))), float(np.hypot(*(quad[3] - quad[0])))


def _outlined(picture: Pixels, quad: Floats, inverted: bool) -> Floats | None:
    """The four corners of what is dark (inverted: light) within rough ones; None where it has no four sides, or where they were
    as close.
    """
    patch, matrix = _patch(picture, quad)
    greys = np.asarray(np.clip(255 - patch if inverted else patch, 0, 255), np.uint8)
    _, dark = cv2.threshold(greys, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    blots = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((GAP, GAP), np.uint8))
    outlines, _ = cv2.findContours(blots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea)) if outlines else np.zeros((0, 1, 2), np.int32)
    if len(hull) < 4:
        return None
    corners = np.asarray(cv2.approxPolyN(hull, 4, ensure_convex=True), np.float64).reshape(-1, 2)
    area = float(cv2.contourArea(corners.astype(np.float32))) if len(corners) == 4 else 0.0
    if not (LEAST_SHARE * SIDE < math.sqrt(area) < CLOSER * SIDE) or cv2.contourArea(hull) < FILLED * area:
        return None
    return np.asarray(cv2.perspectiveTransform(corners.reshape(1, -1, 2), matrix).reshape(4, 2), np.float64)


def _fitted(picture: Pixels, quad: Floats, polarity: str, work: Workspace) -> Symbol | None:
    """As `fit_uneven`, by these corners."""
    ahead, behind = quad[2] - quad[0], quad[3] - quad[1]
    clockwise = quad if ahead[0] * behind[1] - ahead[1] * behind[0] > 0 else quad[::-1]  # y points down
    patch, _ = _patch(picture, clockwise)
    tried: list[tuple[float, bool, int]] = []
    for inverted in {"dark": (False,), "light": (True,)}.get(polarity, (False, True)):
        sides = _sides(255 - patch if inverted else patch)
        shares = [side.share for side in sides]
        # Sides left, bottom, right, top: which two that follow each other are the solid ones, by their edges; and, where modules
        # are so small that those of a dashed side run together, by how light they are within.
        for marks in (shares, [-side.lightest for side in sides]):
            turn = max(range(4), key=lambda k: min(marks[k], marks[(k + 1) % 4]))
            worst = min(shares[turn], shares[(turn + 1) % 4])
            if min(shares) >= DASHED and worst >= SOLID and (inverted, turn) not in [entry[1:] for entry in tried]:
                tried.append((worst, inverted, turn))
    for _, inverted, turn in sorted(tried, key=lambda entry: -entry[0]):
        turned = np.roll(clockwise, turn, axis=0)
        patch, matrix = _patch(picture, turned)
        symbol = _gridded(picture, 255 - patch if inverted else patch, turned, matrix, inverted, work)
        if symbol is not None:
            return symbol
    return None


def _patch(picture: Pixels, quad: Floats) -> tuple[Singles, Floats]:
    """A quad (4, 2) of a picture, clockwise from what is to be the upper left, as a square with a margin; and the map back."""
    low, high = MARGIN - 0.5, MARGIN + SIDE - 0.5
    square = np.array(((low, low), (high, low), (high, high), (low, high)), np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(square, quad.astype(np.float32)), np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpPerspective(picture, matrix, (EDGE, EDGE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(patch.astype(np.float32), (0, 0), SMOOTH), np.float32), matrix


def _sides(patch: Singles) -> list[Side]:
    """The left, bottom, right and upper side of a patch, each seen with it turned to the left."""
    return [_side(np.rot90(patch, -turn)) for turn in range(4)]


def _side(patch: Singles, bow: float | None = None, near: int = NEAR) -> Side:
    """The curve along which a patch gets darker from the left to the right, near its left margin.

    bow: it has about this one. near: pixels to which the modules ask for it: where fewer than NEAR, it is sought in finer steps.
    """
    wide = MARGIN + REACH
    t = (np.arange(PLACES) + 0.5) / PLACES * 2 - 1
    rows = np.rint(MARGIN + (t + 1) / 2 * SIDE - 0.5).astype(int)
    fall = patch[rows, : wide - 2] - patch[rows, 2:wide]  # at column x + 1
    knee = max(0.25 * float(np.percentile(fall, 97)), 4.0)
    votes = np.clip(fall / knee, 0.0, 1.0)
    padded = np.pad(votes, ((0, 0), (OUT, OUT))).ravel()
    width = votes.shape[1] + 2 * OUT
    total = padded[_paths(width, votes.shape[1])].sum(axis=0) / PLACES  # (curves, columns)
    likely = total if bow is None else total - UNLIKE * np.abs(CURVES - (0.0, bow)).sum(axis=1)[:, None]
    index, at = divmod(int(likely.argmax()), votes.shape[1])
    share, (slope, inward) = float(total[index, at]), CURVES[index]
    if near < NEAR:
        around = CURVES[index] + FINER
        paths = np.rint(around[:, 1:] * (1 - t * t) + around[:, :1] * t).astype(np.int64) + OUT
        columns = np.clip(at + np.arange(-NEAR, NEAR + 1), 0, votes.shape[1] - 1)
        total = padded[(np.arange(PLACES) * width + paths)[:, :, None] + columns].mean(axis=1)
        index, place = divmod(int(total.argmax()), columns.size)
        share, (slope, inward), at = float(total[index, place]), around[index], int(columns[place])
    curve = np.array((at + 1.0 - (MARGIN - 0.5) + inward, slope, -inward))
    fine = np.linspace(-1, 1, SIDE // 2)
    inside = curve[0] + fine * (curve[1] + fine * curve[2]) + MARGIN - 0.5 + WITHIN
    lines = np.rint(MARGIN + (fine + 1) / 2 * SIDE - 0.5).astype(int)
    greys = patch[np.clip(lines, 0, EDGE - 1), np.clip(np.rint(inside).astype(int), 0, EDGE - 1)]
    return Side(curve, share, knee, float(np.percentile(greys, 90)))


@functools.cache
def _paths(width: int, columns: int) -> npt.NDArray[np.int64]:
    """Where in a raveled (PLACES, width) array each of CURVES runs through each column: (PLACES, curves, columns)."""
    t = (np.arange(PLACES) + 0.5) / PLACES * 2 - 1
    shift = np.rint([bow * (1 - t * t) + slope * t for slope, bow in CURVES]).astype(np.int64)
    return np.ascontiguousarray(np.arange(PLACES)[:, None, None] * width + shift.T[:, :, None] + OUT + np.arange(columns))


def _measured(patch: Singles, side: Side, bent: float | None = None, near: int = NEAR) -> Floats:
    """The curve of a side drawn to the edges near it, along all of the side; bent: what its last coefficient is likely to be."""
    t = (np.arange(0, SIDE, 2) + 0.5) / SIDE * 2 - 1
    rows = np.arange(0, SIDE, 2)[:, None] + MARGIN
    powers = np.stack((np.ones(t.size), t, t * t), axis=1)
    curve = side.curve
    for reach in (near, near, max(near // 2, 1)):
        at = np.rint(powers @ curve + MARGIN - 0.5).astype(int)[:, None] + np.arange(-reach, reach + 1)
        np.clip(at, 1, EDGE - 2, out=at)
        fall = np.maximum(patch[rows, at - 1] - patch[rows, at + 1], 0.0)
        strong = fall.max(axis=1) > side.knee
        if strong.sum() < t.size * DASHED / 2:
            break
        places = (fall * at).sum(axis=1)[strong] / fall.sum(axis=1)[strong] - (MARGIN - 0.5)
        known = powers[strong]
        normal, right = known.T @ known + 1e-6 * np.eye(3), known.T @ places
        if bent is not None:
            normal[2, 2] += STIFF * len(known)
            right[2] += STIFF * len(known) * bent
        curve = np.linalg.solve(normal, right)
    return curve


def _gridded(picture: Pixels, patch: Singles, quad: Floats, matrix: Floats, inverted: bool, work: Workspace) -> Symbol | None:
    """The grid of a patch whose L is at the left and below, dark; None where its tracks do not alternate as a symbol's do.

    quad: (4, 2), the patch's corners in the picture. matrix: from the patch to the picture.
    """
    turned = [np.rot90(patch, -turn) for turn in range(4)]
    wide, tall = _lengths(quad)
    fine = min(max(round(FINE_LEAST * max(wide, tall) / SIDE), 1), FINE_MOST)
    longer = max(wide / tall, tall / wide)
    tries = [(count, 1.0) for count in FIRST_COUNTS if count * SMALLEST_PX < max(wide, tall)]
    if longer > LONG:
        tries = [(count, across) for across in (1.0, longer) for count in FIRST_OF_LONG]
    bows: dict[int, Bowed] = {}
    for count, across in tries:
        near = min(NEAR, max(1, round(SIDE / (count * across) / 2)))
        if near not in bows:
            curves = [_measured(seen, _side(seen, None, near), None, near) for seen in turned[:2]]
            curves += [_dashed(seen, curve, near) for seen, curve in zip(turned[2:], curves, strict=True)]
            bows[near] = _bowed(curves)
        view = SidesView(picture, bows[near], matrix, inverted, fine * SIDE)
        found = module_edges(view, 1 / (count * max(wide / tall, 1.0)), 1 / (count * max(tall / wide, 1.0)))
        if found is not None and size_of(found[1].size - 1, found[0].size - 1) is not None:
            u, v = np.meshgrid(found[0], 1 - found[1][::-1])
            corners = cv2.perspectiveTransform(bows[near](u, v).reshape(1, -1, 2), matrix).reshape(*u.shape, 2)
            if np.abs(corners).max() < FARTHEST:  # so written that what is no number is refused, too
                return Symbol(_bent(picture, np.ascontiguousarray(corners, np.float64), work), inverted)
    return None


def _dashed(seen: Singles, opposite: Floats, near: int) -> Floats:
    """The curve of a dashed side. It is bowed about as the solid one against it: by its edges alone, data within may show a
    likelier curve. Both bow to one side where a cylinder leans, each to its own where its middle is nearer to the camera.
    """
    bow = float(opposite[2])
    side, bent = max(((_side(seen, sign * bow, near), -sign * bow) for sign in (1, -1)), key=lambda entry: entry[0].share)
    return _measured(seen, side, bent, near)


def _bowed(sides: list[Floats]) -> Bowed:
    """The map from the unit square, (u, v) from the upper left, into a patch between its four curved sides (Coons)."""
    left, bottom, right, top = sides
    low, high = MARGIN - 0.5, MARGIN + SIDE - 0.5

    def to_t(place: Floats) -> Floats:
        return (place - low) / SIDE * 2 - 1

    def at(curve: Floats, t: Floats) -> Floats:
        return np.asarray(curve[0] + t * (curve[1] + t * curve[2]))

    # Each seen turned to the left: the left side from top to bottom, the lower one from left to right, the others against these.
    def left_x(y: Floats) -> Floats:
        return low + at(left, to_t(y))

    def bottom_y(x: Floats) -> Floats:
        return high - at(bottom, to_t(x))

    def right_x(y: Floats) -> Floats:
        return high - at(right, -to_t(y))

    def top_y(x: Floats) -> Floats:
        return low + at(top, -to_t(x))

    corners = []
    for side_x, side_y, x, y in (
        (left_x, top_y, low, low),
        (right_x, top_y, high, low),
        (right_x, bottom_y, high, high),
        (left_x, bottom_y, low, high),
    ):
        corner = np.array((x, y))
        for _ in range(8):
            corner = np.array((side_x(corner[1]), side_y(corner[0])))
        corners.append(corner)
    upper_left, upper_right, lower_right, lower_left = corners

    def place(u: Floats, v: Floats) -> Floats:
        top_x = upper_left[0] + u * (upper_right[0] - upper_left[0])
        bottom_x = lower_left[0] + u * (lower_right[0] - lower_left[0])
        left_y = upper_left[1] + v * (lower_left[1] - upper_left[1])
        right_y = upper_right[1] + v * (lower_right[1] - upper_right[1])
        upper, lower = np.stack((top_x, top_y(top_x)), axis=-1), np.stack((bottom_x, bottom_y(bottom_x)), axis=-1)
        before, after = np.stack((left_x(left_y), left_y), axis=-1), np.stack((right_x(right_y), right_y), axis=-1)
        u, v = u[..., None], v[..., None]
        straight = (1 - v) * ((1 - u) * upper_left + u * upper_right) + v * ((1 - u) * lower_left + u * lower_right)
        return np.asarray((1 - v) * upper + v * lower + (1 - u) * before + u * after - straight)

    return place


def _bent(picture: Pixels, grid: Floats, work: Workspace) -> Floats:
    """A grid drawn to the printed edges near it."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    across = work.array("across", (2, rows, columns + 1), np.float32)
    down = work.array("down", (2, rows + 1, columns), np.float32)
    grid_edges(picture, grid, least_difference(picture, grid), across, down)
    bent = np.empty(grid.shape)
    bend_grid(grid, across, down, np.zeros(10), bent)
    return bent

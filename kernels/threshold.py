"""Light or dark: modules judged against those around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel, u8

REACH = 4
"""Modules to either side that a module is judged against."""


FINDER = 2
"""What marks a module of the finder in a layout."""

BINS = 256
"""Bins that greys are counted in to find those of a given rank: sorting them all takes ten times as long."""


@helper
def _range(greys: Any) -> Any:
    """The least and the largest grey; four at a time, for one comparison waits for the one before."""
    a = b = c = d = e = f = g = h = greys[0]
    whole = greys.size // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = min(a, greys[i]), min(b, greys[i + 1]), min(c, greys[i + 2]), min(d, greys[i + 3])
        e, f, g, h = max(e, greys[i]), max(f, greys[i + 1]), max(g, greys[i + 2]), max(h, greys[i + 3])
    for i in range(whole, greys.size):
        a, e = min(a, greys[i]), max(e, greys[i])
    return min(a, b, c, d), max(e, f, g, h)


@helper
def _quantiles(greys: Any) -> Any:
    """The 10 % and the 90 % quantile, interpolated between neighbours."""
    low, high = _range(greys)
    bins, counts, picked = np.empty(greys.size, np.uint8), np.zeros(BINS, np.int64), np.empty(greys.size, np.float32)
    per_bin = f32(BINS * 0.999) / max(high - low, f32(1e-3))
    for i in range(greys.size):
        bins[i] = np.int32((greys[i] - low) * per_bin)
    for i in range(greys.size):
        counts[bins[i]] += 1
    found = np.empty(2, np.float32)
    for k in range(2):
        at = (0.1 if k == 0 else 0.9) * (greys.size - 1)
        below = int(at)
        above = min(below + 1, greys.size - 1)
        # The bins of both ranks and those between; `before` greys are darker.
        before = begin = 0
        while before + counts[begin] <= below:
            before += counts[begin]
            begin += 1
        end, seen = begin, before + counts[begin]
        while seen <= above:
            end += 1
            seen += counts[end]
        count = 0
        for i in range(greys.size):
            picked[count] = greys[i]
            count += 1 if begin <= bins[i] <= end else 0
        ranked = np.sort(picked[:count])
        first, second = ranked[below - before], ranked[above - before]
        found[k] = first + f32(at - below) * (second - first)
    return found[0], found[1]


@helper
def _mirrored(at: Any, size: Any) -> Any:
    """An index beyond the end, folded back with the last one repeated."""
    while at < 0 or at >= size:
        at = -1 - at if at < 0 else 2 * size - 1 - at
    return at


@helper
def _fold(plane: Any) -> None:
    """Fills the outer REACH places of a plane to each side with what lies within, folded back."""
    rows, columns = plane.shape[0] - 2 * REACH, plane.shape[1] - 2 * REACH
    for c in range(REACH):
        left, right = REACH + _mirrored(c - REACH, columns), REACH + _mirrored(columns + c, columns)
        for r in range(REACH, REACH + rows):
            plane[r, c], plane[r, columns + REACH + c] = plane[r, left], plane[r, right]
    for r in range(REACH):
        above, below = REACH + _mirrored(r - REACH, rows), REACH + _mirrored(rows + r, rows)
        for c in range(plane.shape[1]):
            plane[r, c], plane[rows + REACH + r, c] = plane[above, c], plane[below, c]


@helper
def _box_mean(plane: Any, down: Any, out: Any) -> None:
    """Means of the (2 REACH + 1) square around each place of a folded plane, (rows + 2 REACH, columns + 2 REACH).

    down: as plane, scratch. out: as plane; the mean around (r + REACH, c + REACH) is left at (r, c). All rows are gone through as
    one, the places between them too, whose means say nothing: so no short line leaves a rest.
    """
    size = (plane.shape[0] - 2 * REACH) * plane.shape[1]
    row_on = np.uint64(plane.shape[1])  # unsigned places need no test for counting from the end
    flat, sums, means = plane.ravel(), down.ravel(), out.ravel()
    share = f32(1.0 / (2 * REACH + 1) ** 2)
    for i in range(size):
        total = f32(0)
        for k in range(2 * REACH + 1):
            total += flat[np.uint64(i) + np.uint64(k) * row_on]
        sums[i] = total
    for i in range(size - 2 * REACH):
        total = f32(0)
        for k in range(2 * REACH + 1):
            total += sums[np.uint64(i + k)]
        means[i] = total * share


@helper
def _parted(grey: Any, limit: Any, dark: Any, dark_grey: Any) -> None:
    """1 in `dark` where a grey is below its limit, else 0; that grey in `dark_grey`, else 0."""
    for i in range(grey.size):
        dark[i] = f32(1) if grey[i] < limit[i] else f32(0)
        dark_grey[i] = dark[i] * grey[i]


@helper
def _middles(total: Any, count: Any, total_dark: Any, size: Any, low: Any, high: Any, half: Any) -> None:
    """The middle between the means of light and of dark, left in `total_dark`, and half their distance.

    total, count, total_dark: means over a square of all greys, of what is dark and of its greys. low, high: what each mean is drawn
    to where there is little of its colour.
    """
    few, one, middle = f32(0.02), f32(1), f32(0.5)
    for i in range(size - 2 * REACH):
        mean_dark = (total_dark[i] + few * low) / (count[i] + few)
        mean_light = (total[i] - total_dark[i] + few * high) / (one - count[i] + few)
        total_dark[i] = middle * (mean_dark + mean_light)
        apart = middle * (mean_light - mean_dark)
        half[i] = apart if apart > one else one


@kernel(void(array(f32, 2, True), array(f32, 2), array(f32, 2)))
def local_threshold(greys: Any, threshold: Any, half: Any) -> None:
    """The middle between the means of light and of dark modules around each module, and half their distance (1 at least).

    greys: (rows, columns) float32. threshold, half: out, as greys.
    What is light is told by the 10 % and 90 % quantiles first, then by the threshold that came of it.
    """
    rows, columns = greys.shape
    low, high = _quantiles(greys.ravel())
    planes = np.empty((9, rows + 2 * REACH, columns + 2 * REACH), np.float32)
    grey, limit, dark, dark_grey, down = planes[0], planes[1], planes[2], planes[3], planes[4]
    total, count, total_dark, reach = planes[5], planes[6], planes[7], planes[8]
    for r in range(rows):
        for c in range(columns):
            grey[r + REACH, c + REACH] = greys[r, c]
    _fold(grey)
    _box_mean(grey, down, total)
    limit[:] = f32(0.5) * (low + high)
    for step in range(2):
        _parted(grey.ravel(), limit.ravel(), dark.ravel(), dark_grey.ravel())
        _box_mean(dark, down, count)
        _box_mean(dark_grey, down, total_dark)
        _middles(total.ravel(), count.ravel(), total_dark.ravel(), rows * planes.shape[2], low, high, reach.ravel())
        for r in range(rows):
            for c in range(columns):
                limit[r + REACH, c + REACH] = total_dark[r, c]
        if step == 0:
            _fold(limit)
    for r in range(rows):
        for c in range(columns):
            threshold[r, c], half[r, c] = total_dark[r, c], reach[r, c]


@kernel(void(array(f32, 2, True), f64, array(u8, 2), array(f32, 2)))
def judge_modules(greys: Any, sharpen: Any, bits: Any, confidence: Any) -> None:
    """Which modules are dark, and how sure that is.

    greys: (rows + 2, columns + 2) float32, with the ring around. sharpen: share of its four neighbours' greys that is taken out
    of a module. bits: (rows, columns) uint8 out, 1 = dark. confidence: (rows, columns) float32 out, distance from the threshold of
    `local_threshold` in half ranges, 1 at most.
    """
    rows, columns = bits.shape
    planes = np.empty((3, rows, columns), np.float32)
    inner, threshold, half = planes[0], planes[1], planes[2]
    centre, share, one = f32(1.0 + 4.0 * sharpen), f32(sharpen), f32(1)
    for r in range(rows):
        for c in range(columns):
            around = greys[r, c + 1] + greys[r + 2, c + 1] + greys[r + 1, c] + greys[r + 1, c + 2]
            inner[r, c] = greys[r + 1, c + 1] * centre - share * around if sharpen > 0.0 else greys[r + 1, c + 1]
    local_threshold(inner, threshold, half)
    for r in range(rows):
        for c in range(columns):
            bits[r, c] = 1 if inner[r, c] < threshold[r, c] else 0
            sure = abs(inner[r, c] - threshold[r, c]) / half[r, c]
            confidence[r, c] = sure if sure < one else one


@kernel(i64(array(u8, 2, True), array(u8, 2, True)))
def finder_errors(bits: Any, layout: Any) -> Any:
    """How many modules of a finder are wrong.

    bits: (rows, columns) uint8 of 0 and 1. layout: (rows, columns) uint8, FINDER + its value where a module belongs to the finder,
    below FINDER elsewhere.
    """
    seen, fixed = bits.ravel(), layout.ravel()
    wrong = 0
    for i in range(seen.size):
        wrong += fixed[i] >> 1 & (fixed[i] ^ seen[i])
    return wrong

"""Long straight edges in an upright patch: the solid sides of a finder."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel

STRIP = 8
"""Rows of the patch that are averaged into one strip."""


@kernel(f64(array(f32, 2), array(f32, 2)))
def strip_edges(patch: Any, out: Any) -> Any:
    """Mean horizontal slope of each strip of 8 rows, at each column.

    patch: (rows, columns) float32. out: (rows // 8, columns) float32: mean over the strip of (right neighbour - left
    neighbour), 0 at the borders. Returns the mean of the absolute values, in grey levels.
    """
    columns = patch.shape[1]
    out[:] = 0
    total = 0.0
    for k in range(out.shape[0]):
        for y in range(k * STRIP, (k + 1) * STRIP):
            for x in range(1, columns - 1):
                out[k, x] += patch[y, x + 1] - patch[y, x - 1]
        for x in range(1, columns - 1):
            out[k, x] *= f32(1.0 / STRIP)
            total += abs(out[k, x])
    return total / max(1, out.shape[0] * columns)


@kernel(f64(array(f32, 2), array(f32, 2)))
def strip_edges_down(patch: Any, out: Any) -> Any:
    """As `strip_edges` of the patch with rows and columns exchanged.

    patch: (rows, columns) float32. out: (columns // 8, rows) float32. Returns the mean of the absolute values, in grey levels.
    """
    rows = patch.shape[0]
    out[:] = 0
    total = 0.0
    for y in range(1, rows - 1):
        above, below = patch[y - 1], patch[y + 1]
        for k in range(out.shape[0]):
            value = f32(0)
            for x in range(k * STRIP, (k + 1) * STRIP):
                value += below[x] - above[x]
            out[k, y] = value * f32(1.0 / STRIP)
            total += abs(out[k, y])
    return total / max(1, out.shape[0] * rows)


@kernel(void(array(f32, 2), f64, array(f32, 2)))
def consistency(strips: Any, knee: Any, out: Any) -> Any:
    """Slopes pressed into -1 .. 1 as s / (|s| + knee): says that there is an edge and its sign, hardly how strong it is."""
    for k in range(strips.shape[0]):
        for x in range(strips.shape[1]):
            out[k, x] = strips[k, x] / (abs(strips[k, x]) + f32(knee))


TOGETHER, WIDTH = 4, 8
"""Strips that `straight_runs` takes at once, and what it rounds their columns up to: whole vectors, none left over."""


@kernel(void(array(f32, 2), f64, i64, f64, array(f32, 3)))
def straight_runs(edges: Any, steepest: Any, slopes: Any, price: Any, out: Any) -> Any:
    """The best nearly vertical run of edges of one sign through each column.

    edges: (strips, columns) float32 from `consistency`. A line runs through column x at the middle strip with one of
    `slopes` slopes from -steepest to steepest, in columns per strip. Its score is the largest sum over consecutive strips
    of (sign * edge - price). out: (2, 2, columns) float32, for sign + and -: best score, its slope.
    Where a run begins and ends is found by `_run` for the few lines that are picked: kept here for all, it took six times
    the time (1.2 ms instead of 0.2 ms for a patch of 288x288).
    """
    strips, columns = edges.shape
    middle = 0.5 * (strips - 1)
    zero, cost = f32(0), f32(price)
    # No number stands where a line has left the edges: a run that begins there begins anew, and one that ends there has ended.
    reach = int(np.ceil(steepest * middle)) + 1
    width = (columns + WIDTH - 1) // WIDTH * WIDTH
    wide = np.full(((strips + TOGETHER - 1) // TOGETHER * TOGETHER, width + 2 * reach), np.nan, np.float32)
    for k in range(strips):
        for column in range(columns):
            wide[k, reach + column] = edges[k, column]
    running, shifts = np.empty((4, width), np.float32), np.full(wide.shape[0], reach, np.int64)
    out[:] = 0
    for index in range(slopes):
        slope = f32(-steepest + 2.0 * steepest * index / max(1, slopes - 1))
        for k in range(strips):
            shifts[k] = reach + round(slope * (k - middle))
        running[:] = 0
        for k in range(0, wide.shape[0], TOGETHER):
            first, second, third, fourth = shifts[k], shifts[k + 1], shifts[k + 2], shifts[k + 3]
            # Both signs and four strips at once, unsigned places and no branches, so that the compiler takes eight columns at a
            # time and keeps the runs in registers: 5 us a patch of 96x96 instead of 8.
            for column in range(width):
                x = np.uint64(column)
                up, down = running[0, x], running[1, x]
                best_up, best_down = running[2, x], running[3, x]
                for edge in (
                    wide[k, np.uint64(column + first)],
                    wide[k + 1, np.uint64(column + second)],
                    wide[k + 2, np.uint64(column + third)],
                    wide[k + 3, np.uint64(column + fourth)],
                ):
                    up, down = (up if up > zero else zero) + edge - cost, (down if down > zero else zero) - edge - cost
                    best_up = up if up > best_up else best_up
                    best_down = down if down > best_down else best_down
                running[0, x], running[1, x], running[2, x], running[3, x] = up, down, best_up, best_down
        for sign in range(2):
            for column in range(columns):
                x = np.uint64(column)
                better = running[2 + sign, x] > out[sign, 0, x]
                out[sign, 0, x] = running[2 + sign, x] if better else out[sign, 0, x]
                out[sign, 1, x] = slope if better else out[sign, 1, x]


@helper
def _run(edges: Any, x: Any, slope: Any, sign: Any, price: Any) -> Any:
    """First and last strip of the best run of a line through column x at the middle strip."""
    strips, columns = edges.shape
    middle = 0.5 * (strips - 1)
    score, best = f32(0), f32(0)
    start = first = last = 0
    for k in range(strips):
        at = x + round(slope * (k - middle))
        if at < 0 or at >= columns:
            continue
        if score <= 0:
            start = k
            score = f32(0)
        score = score + f32(sign) * edges[k, at] - f32(price)
        if score > best:
            best = score
            first = start
            last = k
    return first, last


@helper
def edge_peak(strips: Any, k: Any, x: Any, sign: Any) -> Any:
    """The sub-pixel place of the steepest slope of this sign within two columns of x, and its height."""
    columns = strips.shape[1]
    best = -1
    height = 0.0
    for near in range(max(1, x - 2), min(columns - 1, x + 3)):
        value = strips[k, near] * sign
        if value > height:
            height = value
            best = near
    if best < 0:
        return 0.0, 0.0
    before = strips[k, best - 1] * sign
    after = strips[k, best + 1] * sign
    curve = before + after - 2 * height
    offset = 0.0
    if curve < 0:
        offset = min(max(0.5 * (before - after) / curve, -0.5), 0.5)
    return best + offset, height


@helper
def fitted_line(strips: Any, first: Any, end: Any, at: Any, slope: Any, sign: Any) -> Any:
    """The line of least squares through the edges near a line, by their heights: (place at the patch's first line, slope per line
    of the patch, sum of the heights).

    strips: (strips, places) float32. first, end: the strips looked at, end not among them. at: place of the line at the middle
    strip; slope: in places per strip; both hold where no edge is near. sign: of the edges, +1 brighter behind.
    """
    middle = 0.5 * (strips.shape[0] - 1)
    w = sk = sx = skk = skx = 0.0
    for k in range(first, end):
        x, height = edge_peak(strips, k, at + round(slope * (k - middle)), sign)
        if height > 0:
            w += height
            sk += height * k
            sx += height * x
            skk += height * k * k
            skx += height * k * x
    spread = w * skk - sk * sk
    fit = (w * skx - sk * sx) / spread if end > first + 1 and spread > 1e-9 else slope
    start = (sx - fit * sk) / w if w > 0.0 else at - slope * middle
    # Strip k is centred on line 8 k + 3.5.
    return start - fit / STRIP * 0.5 * (STRIP - 1), fit / STRIP, w


STRETCH = 16
"""Columns of which `pick_lines` keeps the best."""


@kernel(i64(array(f32, 2), array(f32, 2), array(f32, 3), f64, i64, f64, array(f64, 2)))
def pick_lines(strips: Any, edges: Any, runs: Any, price: Any, most: Any, least: Any, out: Any) -> Any:
    """The best lines of `straight_runs`, each alone in its neighbourhood and fitted to sub-pixel edge places.

    strips: (strips, columns) float32 slopes from `strip_edges`. edges, price: as given to `straight_runs`. runs: (2, 2,
    columns) as from there; scores taken are set to 0. most: how many lines; least: lowest score. out: (most, 7) float64: sign
    (+1 brighter to the right), score, x at row 0, dx per row, first row, last row, in patch pixels, and the logarithm of its mean
    slope of grey. Returns how many.
    """
    columns = runs.shape[2]
    count = 0
    # The best of each so many columns is kept: a line costs a look at these and at the columns around the last one.
    stretches = (columns + STRETCH - 1) // STRETCH
    tops = np.empty((2, stretches), np.float32)
    for sign in range(2):
        for n in range(stretches):
            tops[sign, n] = f32(0)
            for x in range(n * STRETCH, min(columns, n * STRETCH + STRETCH)):
                tops[sign, n] = max(tops[sign, n], runs[sign, 0, x])
    while count < most:
        best, at, which, stretch = f32(least), -1, 0, -1
        for sign in range(2):
            for n in range(stretches):
                if tops[sign, n] > best:
                    best, which, stretch = tops[sign, n], sign, n
        if stretch < 0:
            break
        for x in range(stretch * STRETCH, min(columns, stretch * STRETCH + STRETCH)):
            if runs[which, 0, x] == best:
                at = x
                break
        direction = 1.0 if which == 0 else -1.0
        slope = runs[which, 1, at]
        first, last = _run(edges, at, slope, direction, price)
        out[count, 0] = direction
        out[count, 1] = best
        out[count, 2], out[count, 3], w = fitted_line(strips, first, last + 1, at, f64(slope), direction)
        out[count, 4] = first * STRIP
        out[count, 5] = (last + 1) * STRIP - 1
        out[count, 6] = log(w / (last - first + 1) + 0.1)
        count += 1
        for x in range(max(0, at - 3), min(columns, at + 4)):
            runs[which, 0, x] = 0
        for n in range(max(0, at - 3) // STRETCH, (min(columns, at + 4) - 1) // STRETCH + 1):
            tops[which, n] = f32(0)
            for x in range(n * STRETCH, min(columns, n * STRETCH + STRETCH)):
                tops[which, n] = max(tops[which, n], runs[which, 0, x])
    return count


@kernel(i64(array(f64, 2), i64, array(f64, 2), i64, f64, f64, array(f64, 2)))
def pair_lines(upright: Any, upright_count: Any, level: Any, level_count: Any, shortest: Any, gap: Any, out: Any) -> Any:
    """Pairs of an upright and a level line that can be the solid sides of a finder.

    upright, level: lines from `pick_lines`; the level ones with x and y exchanged. shortest: length of a side, gap: how far a
    side may end from the corner, in patch pixels. out: (n, 8) float64: score, +1 for a dark and -1 for a light finder, corner x, y,
    end of the upright side x, y, end of the level side x, y. Returns how many (never more than n; four per pair at most).
    """
    count = 0
    for i in range(upright_count):
        for j in range(level_count):
            # x = ux + us y; y = ly + ls x
            scale = 1.0 - upright[i, 3] * level[j, 3]
            x = (upright[i, 2] + upright[i, 3] * level[j, 2]) / scale
            y = level[j, 2] + level[j, 3] * x
            for up in range(2):
                end_y = upright[i, 4] if up else upright[i, 5]
                start_y = upright[i, 5] if up else upright[i, 4]
                tall = y - end_y if up else end_y - y
                miss_y = y - start_y if up else start_y - y
                if tall < shortest or miss_y > gap + 0.2 * tall:
                    continue
                for right in range(2):
                    end_x = level[j, 5] if right else level[j, 4]
                    start_x = level[j, 4] if right else level[j, 5]
                    wide = end_x - x if right else x - end_x
                    miss_x = start_x - x if right else x - start_x
                    if wide < shortest or miss_x > gap + 0.2 * wide:
                        continue
                    inward_x = 1.0 if right else -1.0
                    inward_y = -1.0 if up else 1.0
                    if upright[i, 0] * inward_x != level[j, 0] * inward_y or count >= out.shape[0]:
                        continue
                    past = max(0.0, -miss_x) / wide + max(0.0, -miss_y) / tall
                    out[count, 0] = (tall * wide) / (tall + wide) / (1.0 + past)
                    out[count, 1] = -upright[i, 0] * inward_x
                    out[count, 2] = x
                    out[count, 3] = y
                    out[count, 4] = upright[i, 2] + upright[i, 3] * end_y
                    out[count, 5] = end_y
                    out[count, 6] = end_x
                    out[count, 7] = level[j, 2] + level[j, 3] * end_x
                    count += 1
    return count


@helper
def _side(first: Any, last: Any, start: Any, end: Any) -> Any:
    """How much of a side from start to end a run covers, less a fourth of what it runs on beyond both ends."""
    length = max(end - start, 1.0)
    covered = max(0.0, min(last, end) - max(first, start)) / length
    beyond = (max(0.0, start - first) + max(0.0, last - end)) / length
    return covered - 0.25 * min(beyond, 1.0)


DASHES = 0.7
"""Logarithm of the ratio of the mean slopes of grey of a solid side and of a dashed one, of which half has no edge."""

UNLIKE_PRICE = 1.2
"""Logarithm of what it costs of an outline's score where its sides part from that, per unit of their standard deviation."""


@helper
def _unlike(left: Any, right: Any, top: Any, bottom: Any) -> Any:
    """How far four sides' slopes of grey (logarithms) are from those of two solid and two dashed sides that follow each other."""
    least = 1e9
    for dashed in range(4):
        a, b = left + DASHES * (dashed & 1), right + DASHES * (1 - (dashed & 1))
        c, d = top + DASHES * (dashed >> 1), bottom + DASHES * (1 - (dashed >> 1))
        mean = 0.25 * (a + b + c + d)
        least = min(least, (a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2 + (d - mean) ** 2)
    return sqrt(0.25 * least)


SIDES_WITHIN = 0.15
"""How far a side may be from the one wanted, as a share of it: neighbours differ by perspective and by where their edges are
found."""


@kernel(i64(array(f64, 2), i64, array(f64, 2), i64, f64, f64, f64, f64, array(f64, 2)))
def quad_lines(
    upright: Any, upright_count: Any, level: Any, level_count: Any, shortest: Any, polarity: Any, short: Any, long: Any, out: Any
) -> Any:
    """Fours of lines that can be the outline of a symbol: on all sides the same change from outside to inside.

    upright, level: lines from `pick_lines`; the level ones with x and y exchanged. shortest: length of a side, in patch pixels.
    polarity: +1 dark inside, -1 light inside, 0 both. short, long: lengths of the sides wanted, in patch pixels; 0 = any.
    out: (n, 10) float64, the n best, best first: score, +1 for dark inside and
    -1 for light, then x, y of the corners top-left, top-right, bottom-right, bottom-left. Returns how many.
    """
    count, last = 0, out.shape[0] - 1
    # The level lines brighter below, then those brighter above: what belongs together stands side by side.
    order, brighter = np.empty(level_count, np.int64), 0
    for sign in (1.0, -1.0):
        at = 0 if sign > 0.0 else brighter
        for k in range(level_count):
            if level[k, 0] == sign:
                order[at] = k
                at += 1
        brighter = at if sign > 0.0 else brighter
    # Where each upright line crosses each level one, and what a level one counts at most.
    cross_x, cross_y = np.empty((upright_count, level_count)), np.empty((upright_count, level_count))
    counts, best_level = np.empty(level_count), 0.0
    for n in range(level_count):
        k = order[n]
        counts[n] = level[k, 1]
        best_level = max(best_level, counts[n])
        for i in range(upright_count):
            x = (upright[i, 2] + upright[i, 3] * level[k, 2]) / (1.0 - upright[i, 3] * level[k, 3])
            cross_x[i, n] = x
            cross_y[i, n] = level[k, 2] + level[k, 3] * x
    for i in range(upright_count):
        # Of the other sign: lines of the same change from outside to inside.
        first, end = (0, brighter) if upright[i, 0] > 0.0 else (brighter, level_count)
        first_across, end_across = (brighter, level_count) if upright[i, 0] > 0.0 else (0, brighter)
        for j in range(upright_count):
            if upright[i, 0] != -upright[j, 0] or upright[i, 0] == polarity:
                continue
            # A side counts at most its run's score: what cannot come among the best is not looked at.
            uprights = upright[i, 1] + upright[j, 1]
            least = out[last, 0] if count > last else -1.0
            if uprights + 2.0 * best_level <= least:
                continue
            for k in range(first, end):
                if cross_x[j, k] - cross_x[i, k] < shortest or uprights + counts[k] + best_level <= least:
                    continue
                for m in range(first_across, end_across):
                    # Of 16 lines each way 4000 fours come here and 250 go on: one test for all, without branches in it.
                    tall = min(cross_y[i, m] - cross_y[i, k], cross_y[j, m] - cross_y[j, k])
                    wide = min(cross_x[j, k] - cross_x[i, k], cross_x[j, m] - cross_x[i, m])
                    if not ((min(wide, tall) >= shortest) & (uprights + counts[k] + counts[m] > least)):
                        continue
                    if abs(min(wide, tall) - short) > SIDES_WITHIN * short and short > 0.0:
                        continue
                    if abs(max(wide, tall) - long) > SIDES_WITHIN * long and long > 0.0:
                        continue
                    left = _side(upright[i, 4], upright[i, 5], cross_y[i, k], cross_y[i, m])
                    right = _side(upright[j, 4], upright[j, 5], cross_y[j, k], cross_y[j, m])
                    top = _side(level[order[k], 4], level[order[k], 5], cross_x[i, k], cross_x[j, k])
                    bottom = _side(level[order[m], 4], level[order[m], 5], cross_x[i, m], cross_x[j, m])
                    if min(left, right, top, bottom) < 0.25:
                        continue
                    # By the runs' own scores: coverage alone cannot tell the outline from a line of modules or of text.
                    score = left * upright[i, 1] + right * upright[j, 1] + top * counts[k] + bottom * counts[m]
                    if score <= least:
                        continue
                    # A label's outline is as long and clear, but alike on all sides: of 20 rendered outlines the true one came
                    # among the first five 10 times without this, 17 times with it.
                    score *= exp(-UNLIKE_PRICE * _unlike(upright[i, 6], upright[j, 6], level[order[k], 6], level[order[m], 6]))
                    if score <= least:
                        continue
                    at = min(count, last)
                    while at > 0 and out[at - 1, 0] < score:
                        for place in range(10):  # row by row, numba compiles an error message with shapes: 1.4 s
                            out[at, place] = out[at - 1, place]
                        at -= 1
                    out[at, 0], out[at, 1] = score, -upright[i, 0]
                    out[at, 2], out[at, 3] = cross_x[i, k], cross_y[i, k]
                    out[at, 4], out[at, 5] = cross_x[j, k], cross_y[j, k]
                    out[at, 6], out[at, 7] = cross_x[j, m], cross_y[j, m]
                    out[at, 8], out[at, 9] = cross_x[i, m], cross_y[i, m]
                    count = min(count + 1, last + 1)
                    least = out[last, 0] if count > last else -1.0
    return count

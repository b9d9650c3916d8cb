"""Finders in one turned rectangle of the frame: outlines of straight edges whose sides look like two solid and two dashed ones."""

from __future__ import annotations

from math import hypot, log, sqrt
from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, boolean, f32, f64, helper, i32, i64, kernel, pixels, tuple_of
from kernels.lines import STRIP, consistency, pair_lines, pick_lines, quad_lines, straight_runs, strip_edges, strip_edges_down
from kernels.patterns import square_to_quad
from kernels.sampling import mean_of_two, turn_upright, two_greys

LINES = 16
"""Lines kept per direction of a patch."""

EDGE_PRICE = 0.42
"""Consistency below which a strip speaks against a solid side."""

SHORTEST = 14.0
"""Length of a side of a symbol, in patch pixels."""

PITCH_LEAST = 1.5
"""Smallest module pitch, in pixels of the picture."""

STRETCH_MOST, STRETCH_PRICE = 1.1, 0.05
"""Largest ratio of the pitches of the two axes, as its logarithm, and what it costs of a finder's score."""

SAMPLES = (48, 96, 192, 384)
"""Places of a profile along a side: the first of these that are three to a module, or the last."""


LANES = 24
"""Samples that are multiplied side by side: all halves of SAMPLES are multiples of it."""


def wave_table(counts: Any) -> Any:
    """The dashes that `side_waves` correlates with: (n, sum(SAMPLES) / 2 / LANES, 2, LANES) float32, sin and cos of pi count t.

    counts: (n,) numbers of modules. t in the middle of each sample of the first half of a side, for each number of samples.
    """
    places = np.concatenate([(np.arange(samples // 2) + 0.5) / samples for samples in SAMPLES])
    turns = np.pi * places[:, None] * np.asarray(counts, np.float64)
    waves = np.stack((np.sin(turns), np.cos(turns))).astype(np.float32)
    return np.ascontiguousarray(waves.reshape(2, -1, LANES, turns.shape[1]).transpose(3, 1, 0, 2))


@helper
def _apart(quad: Any, a: Any, b: Any) -> Any:
    return hypot(quad[a, 0] - quad[b, 0], quad[a, 1] - quad[b, 1])


@kernel(void(pixels, array(f64, 2), i64, array(i32, 1), array(boolean, 1), array(f32, 4), array(f64, 3)))
def side_waves(picture: Any, outline: Any, first_side: Any, counts: Any, wanted: Any, table: Any, out: Any) -> Any:
    """How two opposite sides of an outline go along with the dashes of so many modules, just inside of them.

    picture: (h, w) uint8, at least 2x2. outline: (4, 2) float64, x and y of its corners, in order around. first_side: 0 or 1, for
    sides 0 and 2 or 1 and 3; side s runs from corner s to the next. counts: (n,) int32, even numbers of modules, rising. wanted:
    (n,), which of them are looked at. table: of `wave_table`.
    out: (4, n, 4) float64, of which the two sides are written. In phase and in quadrature: correlation, -1 to 1, of the grey
    (dark counts as 1) with sin(pi count t), t from 0 to 1 along the side, so 1 where the first module is dark and the last one
    light; then the mean grey and its standard deviation. -2, 0, 0, 0 where a module would be under 1.5 px and for counts not
    wanted. The profile runs about half a module inside: at the same depth for all counts whose pitch lies within a factor of two.
    """
    height, width = picture.shape
    flat = picture.ravel()
    h, quad = np.empty(8), np.empty((4, 2))
    greys, near = np.empty(SAMPLES[-1], np.int32), np.empty((2, SAMPLES[-1]), np.int32)
    at, fx, fy = np.empty(SAMPLES[-1], np.int32), np.empty(SAMPLES[-1], np.int32), np.empty(SAMPLES[-1], np.int32)
    odd, even = np.empty((SAMPLES[-1] // (2 * LANES), LANES), np.float32), np.empty((SAMPLES[-1] // (2 * LANES), LANES), np.float32)
    sums = np.empty((2, LANES), np.float32)
    most_x, most_y, zero = f32(width - 1.001), f32(height - 1.001), f32(0)
    wide, width_32 = np.uint64(width), i32(width)
    for side in (first_side, first_side + 2):
        for k in range(counts.size):
            out[side, k, 0] = -2.0
            out[side, k, 1] = out[side, k, 2] = out[side, k, 3] = 0.0
        # u runs along the side, v into the outline.
        for corner in range(4):
            quad[corner, 0] = outline[(side + corner) % 4, 0]
            quad[corner, 1] = outline[(side + corner) % 4, 1]
        square_to_quad(quad, h)
        along = 0.5 * (_apart(quad, 0, 1) + _apart(quad, 3, 2))
        inward = 0.5 * (_apart(quad, 0, 3) + _apart(quad, 1, 2))
        high = counts.size
        while high > 0 and along < PITCH_LEAST * counts[high - 1]:
            high -= 1
        while high > 0:
            pitch = along / counts[high - 1]
            low, used = high - 1, wanted[high - 1]
            while low > 0 and along < 2.0 * pitch * counts[low - 1]:
                low -= 1
                used |= wanted[low]
            if not used:
                high = low
                continue
            samples, first = SAMPLES[0], 0
            for more in SAMPLES[1:]:
                if samples < 3 * counts[high - 1]:
                    first += samples // (2 * LANES)
                    samples = more
            depth = min(0.7 * pitch / inward, 0.5)
            x0, y0, w0 = f32(h[1] * depth + h[2]), f32(h[4] * depth + h[5]), f32(h[7] * depth + 1.0)
            x1, y1, w1 = f32(h[0]), f32(h[3]), f32(h[6])
            step = f32(1.0 / samples)
            # Places, then the greys about each, then what lies between: the first and the last loop take eight places at a
            # time (45 us an outline as one loop, 8 as three). This stands here and not in a helper, which would count references
            # to the arrays.
            for place in range(i32(samples)):
                at_place = np.uint64(place)
                u = (f32(i32(place)) + f32(0.5)) * step
                scale = f32(1) / (w1 * u + w0)
                x, y = (x1 * u + x0) * scale, (y1 * u + y0) * scale
                # So written that what is no number becomes 0.
                x, y = x if x > zero else zero, y if y > zero else zero
                at_x = np.int32((x if x < most_x else most_x) * f32(4096))
                at_y = np.int32((y if y < most_y else most_y) * f32(4096))
                at[at_place] = i32(i32(at_y >> i32(12)) * width_32 + i32(at_x >> i32(12)))
                fx[at_place], fy[at_place] = i32(at_x & i32(4095)), i32(at_y & i32(4095))
            for i in range(samples):
                here, above_at = np.uint64(i), np.uint64(at[np.uint64(i)])
                near[0, here], near[1, here] = two_greys(flat, above_at), two_greys(flat, above_at + wide)
            total = square = np.int64(0)
            for i in range(samples):
                here = np.uint64(i)
                above, below = mean_of_two(near[0, here], fx[here], 12), mean_of_two(near[1, here], fx[here], 12)
                grey = i32(i32(above + i32(i32(fy[here] * i32(i32(below - above) >> 4)) >> 8)) >> 2)
                greys[here] = grey
                total += grey
                square += np.int64(grey) * np.int64(grey)
            mean = total / (1024.0 * samples)
            deviation = sqrt(max(square / (1048576.0 * samples) - mean * mean, 0.0))
            # sin(pi count t) is odd and cos even about the middle of the side: both halves are taken at once.
            twice, unit = f32(2.0 * mean), f32(1.0 / 1024.0)
            blocks = samples // (2 * LANES)
            for block in range(blocks):
                for lane in range(LANES):
                    i = block * LANES + lane
                    before, after = f32(greys[i]) * unit, f32(greys[samples - 1 - i]) * unit
                    odd[block, lane], even[block, lane] = after - before, twice - before - after
            # Flat sides of under a grey level of deviation say nothing.
            share = sqrt(2.0) / (samples * (deviation + 1.0))
            for k in range(low, high):
                if not wanted[k]:
                    continue
                # Lanes of a length known beforehand and no slices: 3 us an outline, counts side by side in slices 14.
                sums[:] = 0
                for block in range(blocks):
                    for lane in range(LANES):
                        sums[0, lane] += odd[block, lane] * table[k, first + block, 0, lane]
                        sums[1, lane] += even[block, lane] * table[k, first + block, 1, lane]
                phase = quarter = zero
                for lane in range(LANES):
                    phase += sums[0, lane]
                    quarter += sums[1, lane]
                out[side, k, 0], out[side, k, 1], out[side, k, 2], out[side, k, 3] = phase * share, quarter * share, mean, deviation
            high = low


@helper
def _dashes(waves: Any, side: Any, k: Any, sign: Any) -> Any:
    """Agreement of a side with its dashes: their phase may be up to 60 degrees off."""
    in_phase = sign * waves[side, k, 0]
    if in_phase <= 0.0 or waves[side, k, 0] < -1.5:
        return -2.0  # modules too small to be told: not so the other way round either
    return min(hypot(waves[side, k, 0], waves[side, k, 1]), 2.0 * in_phase)


@helper
def _solid(waves: Any, dashed: Any, solid: Any, k: Any, light: Any) -> Any:
    """How far a side is of the finder's colour: 1 = as far from the mean of its dashed opposite as that one's dashes are."""
    return min(light * (waves[dashed, k, 2] - waves[solid, k, 2]) / (waves[dashed, k, 3] + 1.0), 1.0)


@helper
def _axes(outline: Any) -> Any:
    """Mean length of sides 0 and 2 of an outline, and that of sides 1 and 3."""
    along = 0.5 * (_apart(outline, 1, 0) + _apart(outline, 3, 2))
    return along, 0.5 * (_apart(outline, 2, 1) + _apart(outline, 0, 3))


@helper
def _stretch(wide: Any, tall: Any, across: Any, up: Any) -> Any:
    """How far apart the pitches of both axes are: the logarithm of their ratio, without its sign."""
    return abs(log((wide / across) / (tall / up)))


@kernel(boolean(array(f64, 2), f64, array(i32, 1), array(i32, 2), array(f64, 3), f64, array(boolean, 1)))
def partners(outline: Any, light: Any, counts: Any, shapes: Any, waves: Any, least_dashed: Any, out: Any) -> Any:
    """Which numbers of modules can stand along sides 1 and 3, by the dashes of sides 0 and 2; whether there are any.

    Arguments as for `rank_turns`, waves of sides 0 and 2 only. out: (counts,) bool; what is False there is in no finder that
    `rank_turns` gives, whatever the waves of sides 1 and 3.
    """
    out[:] = False
    along, across = _axes(outline)
    found = False
    for k in range(counts.size):
        for place in range(2):
            # Sides 0 and 2 run along u, the dark module first, or along v, the light one first.
            sign = light if place == 0 else -light
            # Most fail here: _dashes needs twice the part in phase at least.
            if 2.0 * max(sign * waves[0, k, 0], sign * waves[2, k, 0]) < least_dashed:
                continue
            if max(_dashes(waves, 0, k, sign), _dashes(waves, 2, k, sign)) < least_dashed:
                continue
            for n in range(shapes.shape[0]):
                other = shapes[n, 1 - place]
                # A little more than is allowed: here the ratio may be turned upside down.
                if shapes[n, place] == k and _stretch(along, across, counts[k], counts[other]) <= STRETCH_MOST + 1e-6:
                    out[other] = found = True
    return found


@helper
def _insert(outline: Any, light: Any, turn: Any, across: Any, up: Any, score: Any, count: Any, out: Any) -> Any:
    """Puts a finder in its place among the best, instead of a worse one that is nearly the same."""
    at = count
    for other in range(count):
        if out[other, 1] == light and out[other, 2] == across and out[other, 3] == up:
            apart = 0.0
            for m in range(4):
                corner = (3 - turn - m) % 4
                apart = max(apart, abs(out[other, 4 + 2 * m] - outline[corner, 0]), abs(out[other, 5 + 2 * m] - outline[corner, 1]))
            if apart < 2.0:
                if out[other, 0] >= score:
                    return count
                at = other
                count -= 1
                break
    if at == out.shape[0]:
        at -= 1
        if out[at, 0] >= score:
            return count
        count -= 1
    while at > 0 and out[at - 1, 0] < score:
        for place in range(12):
            out[at, place] = out[at - 1, place]
        at -= 1
    out[at, 0], out[at, 1], out[at, 2], out[at, 3] = score, light, across, up
    for m in range(4):
        corner = (3 - turn - m) % 4
        out[at, 4 + 2 * m], out[at, 5 + 2 * m] = outline[corner, 0], outline[corner, 1]
    return count + 1


@kernel(i64(array(f64, 2), f64, array(i32, 1), array(i32, 2), array(f64, 3), f64, f64, i64, array(f64, 2)))
def rank_turns(
    outline: Any, light: Any, counts: Any, shapes: Any, waves: Any, least_dashed: Any, least: Any, count: Any, out: Any
) -> Any:
    """Adds the likeliest sizes and turns of an outline to the best found so far; returns how many there are now.

    outline: (4, 2) as for `side_waves`, from which waves comes with counts. light: +1 dark finder, -1 light finder. shapes: (n, 2)
    int32, places in counts of the modules along u and v. least_dashed: agreement that each dashed side must reach; least: the
    smallest score. count: how many are in `out` already. out: (most, 12) float64, best first: score, light, modules along u and v,
    then x, y of the corner of the L, the end of u, the opposite corner, the end of v. None nearly repeats a better one.
    """
    along, across_them = _axes(outline)
    for turn in range(4):
        # Both dashed sides run from an end of the L to the opposite corner, one of them against the order of the corners.
        dashed_u, dashed_v, solid_u, solid_v = (4 - turn) % 4, (5 - turn) % 4, (2 - turn) % 4, (3 - turn) % 4
        wide, tall = (along, across_them) if turn % 2 == 0 else (across_them, along)
        for n in range(shapes.shape[0]):
            u, v = shapes[n, 0], shapes[n, 1]
            # Most fail here: _dashes needs twice the part in phase at least.
            if 2.0 * light * waves[dashed_u, u, 0] < least_dashed or -2.0 * light * waves[dashed_v, v, 0] < least_dashed:
                continue
            across = _dashes(waves, dashed_u, u, light)
            up = _dashes(waves, dashed_v, v, -light)
            if across < least_dashed or up < least_dashed:
                continue
            stretch = _stretch(wide, tall, counts[u], counts[v])
            if stretch > STRETCH_MOST:
                continue
            solid = _solid(waves, dashed_u, solid_u, u, light) + _solid(waves, dashed_v, solid_v, v, light)
            score = 0.4 * (across + up) + 0.1 * solid - 1.0 / sqrt(counts[u] + counts[v]) - STRETCH_PRICE * stretch
            if score < least:
                continue
            count = _insert(outline, light, turn, counts[u], counts[v], score, count, out)
    return count


@helper
def _lines(strips: Any, mean: Any, length: Any, steepest: Any, out: Any) -> Any:
    """The best nearly vertical lines of the strips of a patch, as from `pick_lines`; how many."""
    edges = np.empty(strips.shape, np.float32)
    consistency(strips, 0.5 * mean + 0.5, edges)
    # Neighbouring slopes part by two columns between the ends of the patch.
    slopes = 2 * int(np.ceil(steepest * length / 2)) + 1
    runs = np.empty((2, 2, strips.shape[1]), np.float32)
    straight_runs(edges, steepest * STRIP, slopes, EDGE_PRICE, runs)
    return pick_lines(strips, edges, runs, EDGE_PRICE, LINES, 0.6, out)


@helper
def _take_best(rows: Any, count: Any, polarity: Any) -> Any:
    """The row of wanted polarity with the highest score, which is taken away; -1 when none is left."""
    best = -1
    for n in range(count):
        if rows[n, 0] > -1e8 and (polarity == 0 or rows[n, 1] == polarity) and (best < 0 or rows[n, 0] > rows[best, 0]):
            best = n
    if best >= 0:
        rows[best, 0] = -1e9
    return best


@helper
def _solid_pairs(
    upright: Any, uprights: Any, flat: Any, flats: Any, polarity: Any, x0: Any, y0: Any, right_x: Any, right_y: Any, out: Any
) -> Any:
    """The best pairs of lines that can be solid sides, in the frame; how many. Arguments as in `find_finders`."""
    pairs = np.empty((4 * LINES * LINES, 8))
    count = pair_lines(upright, uprights, flat, flats, SHORTEST, 6.0, pairs)
    for pair in range(out.shape[0]):
        best = _take_best(pairs, count, polarity)
        if best < 0:
            return pair
        out[pair, 0] = pairs[best, 1]
        for point in range(3):
            source = 2 if point == 0 else 6 if point == 1 else 4
            i, j = pairs[best, source], pairs[best, source + 1]
            out[pair, 1 + 2 * point] = x0 + i * right_x - j * right_y
            out[pair, 2 + 2 * point] = y0 + i * right_y + j * right_x
    return out.shape[0]


@kernel(
    tuple_of(i64, i64)(
        pixels,
        pixels,
        array(f64, 1),
        array(f32, 2),
        f64,
        f64,
        array(i32, 1),
        array(f32, 4),
        array(i32, 2),
        f64,
        f64,
        f64,
        i64,
        f64,
        f64,
        array(f64, 2),
        array(f64, 2),
    )
)
def find_finders(
    picture: Any,
    level: Any,
    place: Any,
    patch: Any,
    steepest: Any,
    polarity: Any,
    counts: Any,
    table: Any,
    shapes: Any,
    least_dashed: Any,
    least: Any,
    enough: Any,
    outlines: Any,
    short: Any,
    long: Any,
    finders: Any,
    corners: Any,
) -> Any:
    """The likeliest finders of one turned rectangle, and the pairs of long edges that can be solid sides.

    picture: (h, w) uint8, the frame. level: the level of its pyramid that is looked at. place: (5,) float64: x, y in the level of
    the patch's first pixel, the step along its rows (x, y), frame pixels per level pixel. patch: (rows, columns) float32
    scratch, its shape says how large the rectangle is. steepest: largest slope of a solid side against the axes of the patch.
    polarity: +1 dark finders, -1 light ones, 0 both. counts, table: as for `side_waves`. shapes, least_dashed,
    least: as for `rank_turns`. enough: score with which no further outline is looked at. outlines: how many are, at most.
    short, long: lengths of the sides of those wanted, in frame pixels; 0 = any.
    finders: (most, 12) float64 out, as from there. corners: (most, 7) float64 out: +1 dark or -1 light, then x, y in the frame of
    the corner of the L, the end of its level side and that of its upright side.
    Returns how many finders and corners.
    """
    rows, columns = patch.shape
    x0, y0, right_x, right_y, scale = place[0], place[1], place[2], place[3], place[4]
    turn_upright(level, x0, y0, right_x, right_y, -right_y, right_x, patch)
    upright, flat = np.empty((LINES, 7)), np.empty((LINES, 7))
    strips = np.empty((rows // STRIP, columns), np.float32)
    uprights = _lines(strips, strip_edges(patch, strips), rows, steepest, upright)
    strips = np.empty((columns // STRIP, rows), np.float32)
    flats = _lines(strips, strip_edges_down(patch, strips), columns, steepest, flat)
    pixel = hypot(right_x, right_y) * scale
    # From patch to frame.
    x0, y0 = x0 * scale + 0.5 * (scale - 1.0), y0 * scale + 0.5 * (scale - 1.0)
    right_x, right_y = right_x * scale, right_y * scale

    corner_count = 0
    if corners.shape[0] > 0:
        corner_count = _solid_pairs(upright, uprights, flat, flats, polarity, x0, y0, right_x, right_y, corners)
    quads = np.empty((outlines, 10))
    count = quad_lines(upright, uprights, flat, flats, SHORTEST, polarity, short / pixel, long / pixel, quads)
    outline, waves = np.empty((4, 2)), np.empty((4, counts.size, 4))
    every, wanted = np.ones(counts.size, np.bool_), np.empty(counts.size, np.bool_)
    found = 0
    for best in range(count):
        for point in range(4):
            i, j = quads[best, 2 + 2 * point], quads[best, 3 + 2 * point]
            outline[point, 0] = x0 + i * right_x - j * right_y
            outline[point, 1] = y0 + i * right_y + j * right_x
        # Sides 1 and 3 cost as much as 0 and 2, and most outlines have no dashes there; of a symbol one or two sizes are left.
        side_waves(picture, outline, 0, counts, every, table, waves)
        if not partners(outline, quads[best, 1], counts, shapes, waves, least_dashed, wanted):
            continue
        side_waves(picture, outline, 1, counts, wanted, table, waves)
        found = rank_turns(outline, quads[best, 1], counts, shapes, waves, least_dashed, least, found, finders)
        if found and finders[0, 0] >= enough:
            break
    return found, corner_count

"""How well a place in the picture agrees with a finder: combs of grid lines, dashed sides."""

from __future__ import annotations

from math import cos, pi, sqrt
from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i32, i64, kernel, pixels
from kernels.sampling import bilinear, two_greys


@kernel(void(array(f32, 1), f64, f64, f64, array(f64, 1)))
def comb_scores(profile: Any, origin: Any, shortest: Any, ratio: Any, out: Any) -> Any:
    """How far the energy of a profile lies on the teeth of combs of different pitch.

    profile: (n,) float32 energies from `edge_profile`, limited here to three times their mean. origin: place of the first
    tooth, in entries. Pitches are shortest * ratio ** k entries. out: (pitches,) float64, from -1 to 1.
    """
    mean = 0.0
    for i in range(profile.size):
        mean += profile[i]
    mean /= max(1, profile.size)
    weight = 1e-9
    # cos((i + 1) a) = 2 cos(a) cos(i a) - cos((i - 1) a), for all pitches side by side: a pitch after the other waits for each
    # product (0.8 ms instead of 0.1 ms).
    twice, before, wave = np.empty(out.size), np.empty(out.size), np.empty(out.size)
    for k in range(out.size):
        turn = 2.0 * pi / (shortest * ratio**k)
        twice[k] = 2.0 * cos(turn)
        before[k] = cos(-turn * (origin + 1))
        wave[k] = cos(-turn * origin)
        out[k] = 0.0
    for i in range(profile.size):
        energy = min(float(profile[i]), 3.0 * mean) - mean
        weight += abs(energy)
        for k in range(out.size):
            value = wave[k]
            out[k] += energy * value
            wave[k] = twice[k] * value - before[k]
            before[k] = value
    for k in range(out.size):
        out[k] /= weight


@kernel(i64(array(f64, 1), f64, i64, array(i64, 1)))
def comb_peaks(scores: Any, least: Any, reach: Any, out: Any) -> Any:
    """The highest entries of `comb_scores` above `least` that none within `reach` entries exceeds, best first; returns how many.

    scores: (n,) float64. out: (most,) int64, their places.
    """
    count = 0
    for k in range(scores.size):
        if scores[k] <= least:
            continue
        highest = scores[k]
        for near in range(max(0, k - reach), min(scores.size, k + reach + 1)):
            highest = max(highest, scores[near])
        if highest > scores[k] or (count == out.size and scores[k] <= scores[out[count - 1]]):
            continue
        at = min(count, out.size - 1)
        while at > 0 and scores[out[at - 1]] < scores[k]:
            out[at] = out[at - 1]
            at -= 1
        out[at] = k
        count = min(count + 1, out.size)
    return count


@helper
def square_to_quad(quad: Any, h: Any) -> Any:
    """The map of the unit square to a quad (corner, end of u, opposite, end of v), as h[0..7]."""
    sum_x = quad[0, 0] - quad[1, 0] + quad[2, 0] - quad[3, 0]
    sum_y = quad[0, 1] - quad[1, 1] + quad[2, 1] - quad[3, 1]
    d1x = quad[1, 0] - quad[2, 0]
    d1y = quad[1, 1] - quad[2, 1]
    d2x = quad[3, 0] - quad[2, 0]
    d2y = quad[3, 1] - quad[2, 1]
    det = d1x * d2y - d2x * d1y
    if abs(det) < 1e-9:
        det = 1e-9
    h[6] = (sum_x * d2y - d2x * sum_y) / det
    h[7] = (d1x * sum_y - sum_x * d1y) / det
    h[0] = quad[1, 0] - quad[0, 0] + h[6] * quad[1, 0]
    h[1] = quad[3, 0] - quad[0, 0] + h[7] * quad[3, 0]
    h[2] = quad[0, 0]
    h[3] = quad[1, 1] - quad[0, 1] + h[6] * quad[1, 1]
    h[4] = quad[3, 1] - quad[0, 1] + h[7] * quad[3, 1]
    h[5] = quad[0, 1]


@helper
def _line(h: Any, depth: Any, along_u: Any) -> Any:
    """The line at a depth of `square_to_quad`'s square, along u or along v, as x, y and scale at its start and per unit."""
    if along_u:
        return h[1] * depth + h[2], h[0], h[4] * depth + h[5], h[3], h[7] * depth + 1.0, h[6]
    return h[0] * depth + h[2], h[1], h[3] * depth + h[5], h[4], h[6] * depth + 1.0, h[7]


@helper
def _lies_inside(picture: Any, line: Any) -> Any:
    """Whether both ends of a line, and so all of it, lie well inside of the picture: there nothing needs clamping."""
    inside = True
    for t in (0.0, 1.0):
        scale = 1.0 / (line[5] * t + line[4])
        x, y = (line[1] * t + line[0]) * scale, (line[3] * t + line[2]) * scale
        inside &= scale > 0.0 and 1.0 < x < picture.shape[1] - 3.0 and 1.0 < y < picture.shape[0] - 3.0
    return inside


@helper
def _greys(picture: Any, line: Any, count: Any, out: Any) -> Any:
    """The grey at the middle of each of count parts of a line."""
    inside = _lies_inside(picture, line)
    flat, width = picture.ravel(), np.uint64(picture.shape[1])
    for k in range(count):
        t = (k + 0.5) / count
        scale = 1.0 / (line[5] * t + line[4])
        x, y = (line[1] * t + line[0]) * scale, (line[3] * t + line[2]) * scale
        if not inside:
            out[k] = bilinear(picture, x, y)
            continue
        # As `bilinear`, to the bit.
        left, top = int(x), int(y)
        at = np.uint64(top) * width + np.uint64(left)
        upper, lower = two_greys(flat, at), two_greys(flat, at + width)
        above = (upper & 255) + (x - left) * ((upper >> 8) - (upper & 255))
        below = (lower & 255) + (x - left) * ((lower >> 8) - (lower & 255))
        out[k] = above + (y - top) * (below - above)


@helper
def _dashed(greys: Any, count: Any, light: Any) -> Any:
    """Agreement of one dashed side, -1 to 1; greys of its count modules, from the solid side on."""
    agree = 0.0
    size = 1e-9
    for k in range(1, count - 1):
        swing = (greys[k] - 0.5 * (greys[k - 1] + greys[k + 1])) * light
        agree += swing if k % 2 else -swing
        # As a correlation: at a third of the pitch the swings agree too, but two thirds of them are small.
        size += swing * swing + 0.5
    return agree / sqrt(size * max(1, count - 2))


@helper
def _quiet(beyond: Any, greys: Any, count: Any, light: Any) -> Any:
    """Share of a dashed side beside which it is lighter than the middle between two of its neighbouring modules.

    beyond, greys: beside its count modules and in their middle.
    """
    quiet = 0.0
    for k in range(1, count - 1):
        if (beyond[k] - 0.5 * (greys[k] + greys[k + 1])) * light > 0:
            quiet += 1.0
    return quiet / max(1, count - 2)


@kernel(void(pixels, array(f64, 3), array(i32, 2), f64, f64, i64, f64, array(f64, 2)))
def match_clocks(picture: Any, quads: Any, shape: Any, light: Any, reach: Any, steps: Any, least: Any, out: Any) -> Any:
    """How well the dashed sides fit, for each quad and shape, with the opposite corner moved about.

    picture: (h, w) uint8. quads: (n, 4, 2) float64, x, y in pixels of the corner of the L, the end along u, the opposite
    corner, the end along v. shape: (n, 2) int32, modules along u and v. light: +1 dark finder, -1 light finder. reach: how
    far the opposite corner is moved, in modules, in 2 * steps + 1 places per axis. least: score that is of use. out: (n, 3)
    float64: score, moves along u and v in modules. A score is the agreement (1 = perfect) less what chance
    reaches with so few modules; -2 where one side
    disagrees or `least` is not reached for sure.
    """
    # In arrays and tuples of numbers: a list of eight took three times as long.
    h = np.empty(8)
    most = 1
    for n in range(quads.shape[0]):
        most = max(most, shape[n, 0], shape[n, 1])
    tops, sides, beyond = np.empty(most), np.empty(most), np.empty(most)
    for n in range(quads.shape[0]):
        across, up = shape[n, 0], shape[n, 1]
        quad = quads[n].copy()
        out[n, 0] = -2.0
        ux = (quad[1, 0] - quad[0, 0]) / across
        uy = (quad[1, 1] - quad[0, 1]) / across
        vx = (quad[3, 0] - quad[0, 0]) / up
        vy = (quad[3, 1] - quad[0, 1]) / up
        for i in range(-steps, steps + 1):
            for j in range(-steps, steps + 1):
                du = reach * i / max(1, steps)
                dv = reach * j / max(1, steps)
                quad[2, 0] = quads[n, 2, 0] + du * ux + dv * vx
                quad[2, 1] = quads[n, 2, 1] + du * uy + dv * vy
                square_to_quad(quad, h)
                _greys(picture, _line(h, 1.0 - 0.5 / up, True), across, tops)
                top = _dashed(tops, across, light)
                if top < 0.1:
                    continue
                _greys(picture, _line(h, 1.0 - 0.5 / across, False), up, sides)
                side = _dashed(sides, up, light)
                score = 0.3 * (top + side) + 0.2 * min(top, side)
                score -= 0.01 * (abs(du) + abs(dv)) + 1.5 / sqrt(across + up)
                # The quiet zone gives 0.2 at most.
                if score + 0.2 <= max(out[n, 0], least):
                    continue
                _greys(picture, _line(h, 1.0 + 0.6 / up, True), across, beyond)
                score += 0.1 * _quiet(beyond, tops, across, light)
                _greys(picture, _line(h, 1.0 + 0.6 / across, False), up, beyond)
                score += 0.1 * _quiet(beyond, sides, up, light)
                if score > out[n, 0]:
                    out[n, 0] = score
                    out[n, 1] = du
                    out[n, 2] = dv

"""How well a place in the picture agrees with a finder: combs of grid lines, dashed sides."""

from __future__ import annotations

from math import cos, pi, sin, sqrt
from typing import Any

from numba import void

from kernels._jit import array, f32, f64, helper, i32, i64, kernel, pixels
from kernels.sampling import bilinear


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
    for k in range(out.size):
        turn = 2.0 * pi / (shortest * ratio**k)
        total = 0.0
        weight = 1e-9
        # One rotation per entry instead of one cosine.
        step_cos, step_sin = cos(turn), sin(turn)
        wave_cos, wave_sin = cos(-turn * origin), sin(-turn * origin)
        for i in range(profile.size):
            energy = min(float(profile[i]), 3.0 * mean) - mean
            total += energy * wave_cos
            weight += abs(energy)
            wave_cos, wave_sin = wave_cos * step_cos - wave_sin * step_sin, wave_sin * step_cos + wave_cos * step_sin
        out[k] = total / weight


@helper
def _projective(quad: Any, h: Any) -> Any:
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
def _grey(picture: Any, h: Any, u: Any, v: Any) -> Any:
    w = h[6] * u + h[7] * v + 1.0
    return bilinear(picture, (h[0] * u + h[1] * v + h[2]) / w, (h[3] * u + h[4] * v + h[5]) / w)


@helper
def _dashed(picture: Any, h: Any, count: Any, depth: Any, outside: Any, along_u: Any, light: Any) -> Any:
    """Agreement of one dashed side, -1 to 1, and of the quiet zone beside it; count modules, from the solid side on."""
    agree = 0.0
    size = 1e-9
    quiet = 0.0
    before = _grey(picture, h, 0.5 / count if along_u else depth, depth if along_u else 0.5 / count)
    value = _grey(picture, h, 1.5 / count if along_u else depth, depth if along_u else 1.5 / count)
    for k in range(1, count - 1):
        at = (k + 1.5) / count
        after = _grey(picture, h, at if along_u else depth, depth if along_u else at)
        swing = (value - 0.5 * (before + after)) * light
        agree += swing if k % 2 else -swing
        # As a correlation: at a third of the pitch the swings agree too, but two thirds of them are small.
        size += swing * swing + 0.5
        at = (k + 0.5) / count
        beyond = _grey(picture, h, at if along_u else outside, outside if along_u else at)
        # The middle between a light and a dark neighbour, against what lies outside.
        if (beyond - 0.5 * (value + after)) * light > 0:
            quiet += 1.0
        before = value
        value = after
    return agree / sqrt(size * max(1, count - 2)), quiet / max(1, count - 2)


@kernel(void(pixels, array(f64, 3), array(i32, 2), f64, f64, i64, array(f64, 2)))
def match_clocks(picture: Any, quads: Any, shape: Any, light: Any, reach: Any, steps: Any, out: Any) -> Any:
    """How well the dashed sides fit, for each quad and shape, with the opposite corner moved about.

    picture: (h, w) uint8. quads: (n, 4, 2) float64, x, y in pixels of the corner of the L, the end along u, the opposite
    corner, the end along v. shape: (n, 2) int32, modules along u and v. light: +1 dark finder, -1 light finder. reach: how
    far the opposite corner is moved, in modules, in 2 * steps + 1 places per axis. out: (n, 3) float64: score, moves along u
    and v in modules. A score is the agreement (1 = perfect) less what chance reaches with so few modules; -2 where one side
    disagrees.
    """
    h = [0.0] * 8
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
                _projective(quad, h)
                top, top_quiet = _dashed(picture, h, across, 1.0 - 0.5 / up, 1.0 + 0.6 / up, True, light)
                if top < 0.1:
                    continue
                side, side_quiet = _dashed(picture, h, up, 1.0 - 0.5 / across, 1.0 + 0.6 / across, False, light)
                score = 0.3 * (top + side) + 0.1 * (top_quiet + side_quiet) + 0.2 * min(top, side)
                score -= 0.01 * (abs(du) + abs(dv)) + 1.5 / sqrt(across + up)
                if score > out[n, 0]:
                    out[n, 0] = score
                    out[n, 1] = du
                    out[n, 2] = dv

"""Light or dark: modules judged against those around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, boolean, f32, f64, helper, i64, kernel, u8

REACH = 4
"""Modules to either side that a module is judged against."""


BINS = 64
"""Bins that greys are counted in to find one of a given rank: sorting them all takes ten times as long."""


@helper
def _ranked(greys: Any, counts: Any, low: Any, per_bin: Any, rank: Any, picked: Any) -> Any:
    """The grey of this rank, 0 the darkest; counts: greys per bin, low and per_bin: how a grey becomes a bin."""
    before = which = 0
    while before + counts[which] <= rank:
        before += counts[which]
        which += 1
    count = 0
    for i in range(greys.size):
        if int((greys[i] - low) * per_bin) == which:
            picked[count] = greys[i]
            count += 1
    return np.sort(picked[:count])[rank - before]


@helper
def _quantiles(greys: Any) -> Any:
    """The 10 % and the 90 % quantile, interpolated between neighbours."""
    low, high = greys[0], greys[0]
    for i in range(greys.size):
        low, high = min(low, greys[i]), max(high, greys[i])
    counts, picked = np.zeros(BINS, np.int64), np.empty(greys.size, np.float32)
    per_bin = f32(BINS * 0.999) / max(high - low, f32(1e-3))
    for i in range(greys.size):
        counts[int((greys[i] - low) * per_bin)] += 1
    found = np.empty(2, np.float32)
    for k in range(2):
        at = (0.1 if k == 0 else 0.9) * (greys.size - 1)
        below = int(at)
        first = _ranked(greys, counts, low, per_bin, below, picked)
        second = _ranked(greys, counts, low, per_bin, min(below + 1, greys.size - 1), picked)
        found[k] = first + f32(at - below) * (second - first)
    return found[0], found[1]


@helper
def _mirrored(at: Any, size: Any) -> Any:
    """An index beyond the end, folded back with the last one repeated."""
    while at < 0 or at >= size:
        at = -1 - at if at < 0 else 2 * size - 1 - at
    return at


@helper
def _box_mean(values: Any, down: Any, out: Any) -> None:
    """Means of the (2 REACH + 1) square around each place, folded back at the sides."""
    rows, columns = values.shape
    for r in range(rows):
        line = down[r]
        line[:] = 0
        for k in range(-REACH, REACH + 1):
            other = values[_mirrored(r + k, rows)]
            for c in range(columns):
                line[c] += other[c]
    share = f32(1.0 / (2 * REACH + 1) ** 2)
    # Folded out beyond both ends, so that no place needs a test.
    line = np.empty(columns + 2 * REACH, np.float32)
    for r in range(rows):
        for c in range(-REACH, columns + REACH):
            line[c + REACH] = down[r, _mirrored(c, columns)] if c < 0 or c >= columns else down[r, c]
        sums = out[r]
        sums[:] = 0
        for k in range(2 * REACH + 1):
            shifted = line[k:]
            for c in range(columns):
                sums[c] += shifted[c]
        for c in range(columns):
            sums[c] *= share


@kernel(void(array(f32, 2), array(f32, 3), array(f32, 2), array(f32, 2)))
def local_threshold(greys: Any, scratch: Any, threshold: Any, half: Any) -> None:
    """The middle between the means of light and of dark modules around each module, and half their distance (1 at least).

    greys: (rows, columns) float32. scratch: (6, rows, columns) float32. threshold, half: out, as greys.
    What is light is told by the 10 % and 90 % quantiles first, then by the threshold that came of it.
    """
    low, high = _quantiles(greys.ravel())
    few = f32(0.02)
    dark, dark_greys, down, count, total_dark, total = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    threshold[:] = f32(0.5) * (low + high)
    _box_mean(greys, down, total)
    for _ in range(2):
        for r in range(greys.shape[0]):
            for c in range(greys.shape[1]):
                dark[r, c] = f32(1) if greys[r, c] < threshold[r, c] else f32(0)
                dark_greys[r, c] = dark[r, c] * greys[r, c]
        _box_mean(dark, down, count)
        _box_mean(dark_greys, down, total_dark)
        for r in range(greys.shape[0]):
            for c in range(greys.shape[1]):
                mean_dark = (total_dark[r, c] + few * low) / (count[r, c] + few)
                mean_light = (total[r, c] - total_dark[r, c] + few * high) / (f32(1) - count[r, c] + few)
                threshold[r, c] = f32(0.5) * (mean_dark + mean_light)
                half[r, c] = max(f32(0.5) * (mean_light - mean_dark), f32(1))


@kernel(void(array(f32, 2), f64, array(f32, 3), array(u8, 2), array(f32, 2)))
def judge_modules(greys: Any, sharpen: Any, scratch: Any, bits: Any, confidence: Any) -> None:
    """Which modules are dark, and how sure that is.

    greys: (rows + 2, columns + 2) float32, with the ring around. sharpen: share of its four neighbours' greys that is taken out
    of a module. scratch: (9, rows, columns) float32. bits: (rows, columns) uint8 out, 1 = dark. confidence: (rows, columns) float32
    out, distance from the threshold of `local_threshold` in half ranges, 1 at most.
    """
    rows, columns = bits.shape
    inner, threshold, half = scratch[6], scratch[7], scratch[8]
    centre, share = f32(1.0 + 4.0 * sharpen), f32(sharpen)
    for r in range(rows):
        for c in range(columns):
            around = greys[r, c + 1] + greys[r + 2, c + 1] + greys[r + 1, c] + greys[r + 1, c + 2]
            inner[r, c] = greys[r + 1, c + 1] * centre - share * around if sharpen > 0.0 else greys[r + 1, c + 1]
    local_threshold(inner, scratch[:6], threshold, half)
    for r in range(rows):
        for c in range(columns):
            bits[r, c] = 1 if inner[r, c] < threshold[r, c] else 0
            confidence[r, c] = min(abs(inner[r, c] - threshold[r, c]) / half[r, c], f32(1))


@kernel(i64(array(u8, 2), array(u8, 2, True), array(boolean, 2, True)))
def finder_errors(bits: Any, pattern: Any, finder: Any) -> Any:
    """How many modules of a finder are wrong. bits, pattern: (rows, columns) uint8; finder: (rows, columns) bool, where it is."""
    wrong = 0
    for r in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            if finder[r, c] and bits[r, c] != pattern[r, c]:
                wrong += 1
    return wrong

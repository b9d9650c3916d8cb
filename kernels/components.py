"""Connected parts of a map of blocks, at several levels of energy at once."""

from __future__ import annotations

from math import atan2, cos, hypot, sin, sqrt
from typing import Any

import numpy as np

from kernels._jit import array, f32, f64, helper, i32, i64, kernel

DONE = 1 << 30
"""Mark of a block that is on no level."""

LEVEL_RISE = 3.0
"""Factor between the levels at which a map is cut."""


@helper
def _flood(marks: Any, wide: Any, depth: Any, queue: Any) -> Any:
    """Marks the part of queue[0] as seen on this level, its places in the queue in the order they are come by; returns how many.

    marks: (places,) int32, of a map `wide` places wide; up to `depth` where a block is not yet seen.
    """
    seen = i32(depth + 1)
    marks[queue[0]] = seen
    count, at = 1, 0
    while at < count:
        corner = np.uint64(queue[at] - wide - 1)
        at += 1
        # With jumps: writing all nine places in any case took 10 % longer (43 us for a frame with one code, 39 so).
        for row in range(3):
            for column in range(3):
                near = corner + np.uint64(row * wide + column)
                if marks[near] < seen:
                    queue[np.uint64(count)] = near
                    count += 1
                    marks[near] = seen
    return count


@helper
def _still_above(both: Any, level: Any, places: Any, listed: Any, marks: Any) -> Any:
    """The listed places where the map reaches a level, moved to the front of the list; the others are done. Returns how many."""
    left = 0
    for n in range(listed):
        place = places[np.uint64(n)]
        above = both[place] >= level
        places[np.uint64(left)] = place
        left += above
        marks[place] = marks[place] if above else DONE
    return left


@helper
def _measure_part(blocks: Any, members: Any, out: Any) -> Any:
    """Writes the row (12,) of `cut_blocks` for a part; members: (n,) int32, its places."""
    wide = blocks.shape[2]
    plane = blocks.shape[1] * wide
    flat = blocks.ravel()
    both = energy = even = odd = cosines = sines = 0.0
    for member in members:
        k = np.uint64(member)
        energy, even, odd = energy + flat[k], even + flat[k + np.uint64(plane)], odd + flat[k + np.uint64(2 * plane)]
        cosines, sines = cosines + flat[k + np.uint64(3 * plane)], sines + flat[k + np.uint64(4 * plane)]
        both += flat[k + np.uint64(5 * plane)]
    angle = 0.25 * atan2(sines, cosines)
    cosine, sine = cos(angle), sin(angle)
    along_low = across_low = 1e9
    along_high = across_high = -1e9
    per_line = 1.0 / wide
    for member in members:
        # By a product: a division takes longer than all the rest. Half a place more, so that no rounding matters.
        line = int((member + 0.5) * per_line)
        x, y = (member - line * wide) - 0.5, line - 0.5
        along = x * cosine + y * sine
        across = y * cosine - x * sine
        along_low = min(along_low, along)
        along_high = max(along_high, along)
        across_low = min(across_low, across)
        across_high = max(across_high, across)
    out[0], out[1], out[2], out[3], out[4], out[5], out[6] = members.size, both, energy, even, odd, cosines, sines
    out[7], out[8], out[9], out[10], out[11] = angle, along_low, along_high, across_low, across_high


@kernel(i64(array(f32, 3), f64, i64, i64, array(i32, 2), array(f64, 2)))
def cut_blocks(blocks: Any, lowest: Any, listed: Any, least: Any, marks: Any, out: Any) -> Any:
    """The 8-connected parts of a map that lie above each of several levels, with their direction and extent along it.

    blocks: (n, rows + 2, columns + 2) float32, a map with a rim: five sums, as from `block_gradients` and `fourth_harmonic`, then
    what is cut. lowest: the first level; each further one is LEVEL_RISE times as high, as long as anything reaches it.
    marks: (3, places of a plane) int32, the second row with the places above the lowest level, `listed` of them in order; scratch.
    least: smallest number of blocks of a part. out: (parts, 12) float64: blocks, sum of what is cut, the five sums, angle in
    radians from the fourth harmonic, then least and most along it and least and most across it, in blocks. Returns how many
    (never more than fit).
    """
    flags, places, queue = marks[0], marks[1], marks[2]
    both = blocks[5].ravel()
    # A mark says up to which level a block is seen. A level costs a look at the blocks still above it and not at the map.
    flags[:] = DONE
    for n in range(listed):
        flags[places[n]] = 0
    count, depth, level = 0, 0, lowest
    while listed > 0:
        for n in range(listed):
            if flags[places[n]] > depth or count >= out.shape[0]:
                continue
            queue[0] = places[n]
            size = _flood(flags, blocks.shape[2], depth, queue)
            if size >= least:
                _measure_part(blocks, queue[:size], out[count])
                count += 1
        depth += 1
        level *= LEVEL_RISE
        listed = _still_above(both, level, places, listed, flags)
    return count


@kernel(i64(array(f64, 2), array(i64, 1), array(i64, 1)))
def unlike_boxes(boxes: Any, order: Any, kept: Any) -> Any:
    """The boxes, in this order, that do not nearly repeat one kept before: by less than a sixth of their size.

    boxes: (n, 4) float64, centre x, y, width, height, in one unit. order: (n,) int64. kept: (n,) int64 out, indices of boxes.
    Returns how many.
    """
    count = 0
    for index in order:
        x, y, width, height = boxes[index]
        reach = 0.16 * max(width, height)
        repeats = False
        for other in kept[:count]:
            if (
                abs(x - boxes[other, 0]) < reach
                and abs(y - boxes[other, 1]) < reach
                and abs(width - boxes[other, 2]) < 1.3 * reach
                and abs(height - boxes[other, 3]) < 1.3 * reach
            ):
                repeats = True
                break
        if not repeats:
            kept[count] = index
            count += 1
    return count


@kernel(i64(array(f64, 2), f64, array(f64, 2)))
def rank_parts(parts: Any, side: Any, out: Any) -> Any:
    """The parts of a block map as turned rectangles, most promising first, none nearly repeating a better one.

    parts: (n, 12) float64, as from `cut_blocks`. side: of a block, in the pixels wanted. out: (n, 8) float64: centre x, y, angle in
    radians, width, height; promise: edge energy in two directions at right angles, much of it, in a compact place; filled: share of
    the rectangle that is above the level; balance: 1 = as much energy in one direction as across. Returns how many.
    """
    boxes = np.empty((parts.shape[0], 4))
    promise, filled, balance = np.empty(parts.shape[0]), np.empty(parts.shape[0]), np.empty(parts.shape[0])
    for n in range(parts.shape[0]):
        energy = parts[n, 2] + 1e-6
        square = hypot(parts[n, 5], parts[n, 6]) / energy
        balance[n] = 1.0 - hypot(parts[n, 3], parts[n, 4]) / energy
        # Half a block on each side for the block itself and half for the smoothing that may have lost the rim.
        wide, tall = parts[n, 9] - parts[n, 8] + 2.0, parts[n, 11] - parts[n, 10] + 2.0
        compact = min(wide, tall) / max(wide, tall)
        filled[n] = min(1.0, parts[n, 0] / (wide * tall))
        strength = sqrt(parts[n, 1] / parts[n, 0])
        promise[n] = strength * (0.3 + square) * balance[n] * filled[n] * sqrt(parts[n, 0]) * (0.4 + compact)
        along, across = 0.5 * (parts[n, 8] + parts[n, 9]), 0.5 * (parts[n, 10] + parts[n, 11])
        cosine, sine = cos(parts[n, 7]), sin(parts[n, 7])
        boxes[n, 0] = (along * cosine - across * sine) * side - 0.5
        boxes[n, 1] = (along * sine + across * cosine) * side - 0.5
        boxes[n, 2] = wide * side
        boxes[n, 3] = tall * side
    # By insertion: a hundred parts take no longer than with numba's sort, which takes a second to compile.
    order = np.empty(parts.shape[0], np.int64)
    for n in range(parts.shape[0]):
        at = n
        while at > 0 and promise[order[at - 1]] < promise[n]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = n
    kept = np.empty(parts.shape[0], np.int64)
    count = unlike_boxes(boxes, order, kept)
    for n in range(count):
        index = kept[n]
        out[n, 0], out[n, 1], out[n, 2] = boxes[index, 0], boxes[index, 1], parts[index, 7]
        out[n, 3], out[n, 4], out[n, 5] = boxes[index, 2], boxes[index, 3], promise[index]
        out[n, 6], out[n, 7] = filled[index], balance[index]
    return count

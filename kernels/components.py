"""Connected parts of a map of blocks, at several levels of energy at once."""

from __future__ import annotations

from math import atan2, cos, hypot, sin, sqrt
from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, i32, i64, kernel


@kernel(void(array(f32, 3), f64, array(f32, 3)))
def smooth_blocks(blocks: Any, share: Any, out: Any) -> Any:
    """The energy of each block and twice that of its weaker direction, both as means over 3x3 blocks, the border's repeated.

    blocks: (5, rows, columns) float32, as from `block_gradients`. share: factor of the result. out: (2, rows, columns) float32.
    """
    rows, columns = out.shape[1], out.shape[2]
    # One more on each side, so that no place needs a test: such a loop is not vectorised.
    tall = np.empty((3, columns + 2), np.float32)
    third = f32(share / 9.0)
    one, two = np.uint64(1), np.uint64(2)
    for r in range(rows):
        above, below = max(r - 1, 0), min(r + 1, rows - 1)
        for harmonic in range(3):
            for column in range(columns):
                c = np.uint64(column)
                tall[harmonic, c + one] = blocks[harmonic, above, c] + blocks[harmonic, r, c] + blocks[harmonic, below, c]
            tall[harmonic, 0], tall[harmonic, columns + 1] = tall[harmonic, 1], tall[harmonic, columns]
        for column in range(columns):
            c = np.uint64(column)
            energy = tall[0, c] + tall[0, c + one] + tall[0, c + two]
            even = tall[1, c] + tall[1, c + one] + tall[1, c + two]
            odd = tall[2, c] + tall[2, c + one] + tall[2, c + two]
            out[0, r, c] = energy * third
            out[1, r, c] = max(energy - sqrt(even * even + odd * odd), f32(0)) * third


@kernel(i64(array(f32, 3), array(f32, 2), array(f64, 1), i64, array(i32, 2), array(i32, 2), array(f64, 2)))
def cut_blocks(blocks: Any, both: Any, levels: Any, least: Any, seen: Any, stack: Any, out: Any) -> Any:
    """The 8-connected parts of the map that lie above each level, with their direction and extent along it.

    blocks: (5, rows, columns) float32, as from `block_gradients`. both: (rows, columns) float32, the map that is cut. levels: (n,)
    float64, rising. least: smallest number of blocks of a part. seen: (rows + 2, columns + 2) int32 and stack: (rows * columns, 2)
    int32 scratch. out: (parts, 12) float64: blocks, sum of `both`, the five sums of `blocks`, angle in radians from the
    fourth harmonic, then least and most along it and least and most across it, in blocks. Returns how many (never more than fit).
    """
    rows, columns = both.shape
    wide = columns + 2
    per_line = 1.0 / wide
    flat = seen.ravel()
    count = 0
    # `seen` says up to which level a block is done; with a rim that is done, no neighbour needs to be asked whether it exists.
    done = levels.size + 1
    flat[:] = done
    # The blocks that are still above the level, in order: a level costs a look at these and not at the map.
    listed = 0
    for r in range(rows):
        for c in range(columns):
            if levels.size and both[r, c] >= levels[0]:
                flat[(r + 1) * wide + c + 1] = 0
                stack[listed, 1] = (r + 1) * wide + c + 1
                listed += 1
    for depth in range(levels.size):
        level = levels[depth]
        left = 0
        for n in range(listed):
            start = stack[n, 1]
            if both[start // wide - 1, start % wide - 1] < level:
                flat[start] = done
            else:
                stack[left, 1] = start
                left += 1
        listed = left
        for n in range(listed):
            start = stack[n, 1]
            if flat[start] > depth or count >= out.shape[0]:
                continue
            flat[start] = depth + 1
            stack[0, 0] = start
            top, at = 1, 0
            while at < top:
                place = stack[at, 0]
                at += 1
                for r in range(-1, 2):
                    for c in range(-1, 2):
                        near = place + r * wide + c
                        if flat[near] <= depth:
                            flat[near] = depth + 1
                            stack[top, 0] = near
                            top += 1
            if top < least:
                continue
            out[count, :] = 0
            out[count, 0] = top
            for member in range(top):
                # By a product: a division takes longer than all the sums. Half a place more, so that no rounding matters.
                line = int((stack[member, 0] + 0.5) * per_line)
                r, c = line - 1, stack[member, 0] - line * wide - 1
                stack[member, 0] = line * 65536 + c
                out[count, 1] += both[r, c]
                for harmonic in range(5):
                    out[count, 2 + harmonic] += blocks[harmonic, r, c]
            angle = 0.25 * atan2(out[count, 6], out[count, 5])
            cosine, sine = cos(angle), sin(angle)
            along_low = across_low = 1e9
            along_high = across_high = -1e9
            for member in range(top):
                y, x = (stack[member, 0] >> 16) - 0.5, (stack[member, 0] & 65535) + 0.5
                along = x * cosine + y * sine
                across = y * cosine - x * sine
                along_low = min(along_low, along)
                along_high = max(along_high, along)
                across_low = min(across_low, across)
                across_high = max(across_high, across)
            out[count, 7] = angle
            out[count, 8] = along_low
            out[count, 9] = along_high
            out[count, 10] = across_low
            out[count, 11] = across_high
            count += 1
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

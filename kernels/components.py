"""Connected parts of a map of blocks, at several levels of energy at once."""

from __future__ import annotations

from math import atan2, cos, sin
from typing import Any

from kernels._jit import array, f32, f64, i32, i64, kernel


@kernel(i64(array(f32, 3), array(f32, 2), array(f64, 1), i64, array(i32, 2), array(i32, 2), array(f64, 2)))
def cut_blocks(blocks: Any, both: Any, levels: Any, least: Any, seen: Any, stack: Any, out: Any) -> Any:
    """The 8-connected parts of the map that lie above each level, with their direction and extent along it.

    blocks: (5, rows, columns) float32, as from `block_gradients`. both: (rows, columns) float32, the map that is cut. levels: (n,)
    float64, rising. least: smallest number of blocks of a part. seen: (rows, columns) int32 and stack: (rows * columns, 2) int32
    scratch. out: (parts, 12) float64: blocks, sum of `both`, the five sums of `blocks`, angle in radians from the
    fourth harmonic, then least and most along it and least and most across it, in blocks. Returns how many (never more than fit).
    """
    rows, columns = both.shape
    count = 0
    for depth in range(levels.size):
        level = levels[depth]
        for start_row in range(rows):
            for start_column in range(columns):
                if both[start_row, start_column] < level:
                    seen[start_row, start_column] = depth + 1
                elif depth == 0:
                    seen[start_row, start_column] = 0
        for start_row in range(rows):
            for start_column in range(columns):
                if seen[start_row, start_column] > depth or count >= out.shape[0]:
                    continue
                seen[start_row, start_column] = depth + 1
                stack[0, 0] = start_row
                stack[0, 1] = start_column
                top = 1
                at = 0
                while at < top:
                    r0 = stack[at, 0]
                    c0 = stack[at, 1]
                    at += 1
                    for r in range(max(0, r0 - 1), min(rows, r0 + 2)):
                        for c in range(max(0, c0 - 1), min(columns, c0 + 2)):
                            if seen[r, c] <= depth:
                                seen[r, c] = depth + 1
                                stack[top, 0] = r
                                stack[top, 1] = c
                                top += 1
                if top < least:
                    continue
                out[count, :] = 0
                out[count, 0] = top
                for member in range(top):
                    r = stack[member, 0]
                    c = stack[member, 1]
                    out[count, 1] += both[r, c]
                    for harmonic in range(5):
                        out[count, 2 + harmonic] += blocks[harmonic, r, c]
                angle = 0.25 * atan2(out[count, 6], out[count, 5])
                cosine, sine = cos(angle), sin(angle)
                along_low = across_low = 1e9
                along_high = across_high = -1e9
                for member in range(top):
                    y = stack[member, 0] + 0.5
                    x = stack[member, 1] + 0.5
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

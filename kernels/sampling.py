"""Greys at places between pixels: patches turned upright, module grids, profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i32, i64, kernel, pixels, two_greys, u32


@helper
def bilinear(picture: Any, x: Any, y: Any) -> Any:
    """The grey at (x, y), pixel centres at integers; outside, the nearest pixel's."""
    height, width = picture.shape
    x = min(max(x, 0.0), width - 1.0)
    y = min(max(y, 0.0), height - 1.0)
    left = int(x)
    top = int(y)
    right = min(left + 1, width - 1)
    bottom = min(top + 1, height - 1)
    fx = x - left
    fy = y - top
    above = picture[top, left] + fx * (float(picture[top, right]) - picture[top, left])
    below = picture[bottom, left] + fx * (float(picture[bottom, right]) - picture[bottom, left])
    return above + fy * (below - above)


@helper
def grey_at(picture: Any, inside: Any, x: Any, y: Any) -> Any:
    """As `bilinear`, without its clamping where the place is known to lie inside: 0 <= x < width - 1, 0 <= y < height - 1."""
    if not inside:
        return bilinear(picture, x, y)
    left, top = int(x), int(y)
    fx, fy = x - left, y - top
    above = picture[top, left] + fx * (float(picture[top, left + 1]) - picture[top, left])
    below = picture[top + 1, left] + fx * (float(picture[top + 1, left + 1]) - picture[top + 1, left])
    return above + fy * (below - above)


AT_ONCE, SIDE_MOST = 8, 65535
"""Rows of a patch that `turn_upright` takes at once, and the largest side of a picture whose places it holds in 32 bits."""


@helper
def _lies_inside(x0: Any, y0: Any, right_x: Any, right_y: Any, down_x: Any, down_y: Any, out: Any, width: Any, height: Any) -> Any:
    """Whether all corners of a patch of `turn_upright` lie well inside of the picture."""
    i, j = out.shape[1] - 1.0, out.shape[0] - 1.0
    least_x, most_x = min(i * right_x, 0.0) + min(j * down_x, 0.0), max(i * right_x, 0.0) + max(j * down_x, 0.0)
    least_y, most_y = min(i * right_y, 0.0) + min(j * down_y, 0.0), max(i * right_y, 0.0) + max(j * down_y, 0.0)
    return x0 + least_x > 1.5 and x0 + most_x < width - 3.5 and y0 + least_y > 1.5 and y0 + most_y < height - 3.5


@helper
def _inner_part(x: Any, y: Any, right_x: Any, right_y: Any, columns: Any, width: Any, height: Any) -> Any:
    """Which of the places (x, y) + i (right_x, right_y), i < columns, lie well inside of the picture: the first and the end."""
    first, last = 0.0, columns - 1.0
    for start, along, most in ((x, right_x, width - 3.0), (y, right_y, height - 3.0)):
        if abs(along) < 1e-9:
            last = last if 1.0 <= start <= most else -1.0
        else:
            one_end, other_end = (1.0 - start) / along, (most - start) / along
            first, last = max(first, min(one_end, other_end)), min(last, max(one_end, other_end))
    begin = int(first) + 1 if first > 0.0 else 0
    end = max(begin, int(last) + 1) if last >= first else begin
    return (begin, end) if end > begin else (0, 0)


@helper
def mean_of_two(pair: Any, share: Any, bits: Any) -> Any:
    """The mean of `two_greys`, the second one counting share / 2**bits, in units of 1 / 2**bits; all in 32 bits."""
    first = i32(pair & 255)
    return i32(i32(first << bits) + i32(share * i32(i32(pair >> 8) - first)))


@kernel(void(pixels, f64, f64, f64, f64, f64, f64, array(f32, 2)))
def turn_upright(picture: Any, x0: Any, y0: Any, right_x: Any, right_y: Any, down_x: Any, down_y: Any, out: Any) -> Any:
    """A patch of the picture along two axes: out[j, i] = grey at (x0, y0) + i (right_x, right_y) + j (down_x, down_y).

    picture: (h, w) uint8; out: (rows, columns) float32; places in pixels, rounded down to 1/256, outside the nearest pixel's grey.
    """
    height, width = picture.shape
    flat, between = picture.ravel(), out.ravel()
    rows, columns = out.shape
    inside = _lies_inside(x0, y0, right_x, right_y, down_x, down_y, out, width, height)
    small = min(width, height) > 4 and max(width, height) <= SIDE_MOST
    # Whole numbers of 1/65536 pixel. Places of some rows, then the greys about each, then what lies between: the first and the
    # last loop take eight at a time (96x96: 20 us as one loop, 15 as three, 11 with both greys of a line loaded as one).
    # Unsigned places need no test for counting from the end, and stay in 32 bits.
    wide, row_on = u32(width), np.uint64(width)
    step_x, step_y = u32(np.int64(round(right_x * 65536.0))), u32(np.int64(round(right_y * 65536.0)))
    most = AT_ONCE * columns
    at, fx, fy = np.empty(most, np.uint32), np.empty(most, np.int32), np.empty(most, np.int32)
    above, below = np.empty(most, np.int32), np.empty(most, np.int32)
    begin, end = np.zeros(AT_ONCE, np.int64), np.full(AT_ONCE, columns if inside and small else 0, np.int64)
    for top in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - top)
        for j in range(count):
            x, y = x0 + (top + j) * down_x, y0 + (top + j) * down_y
            first = j * columns
            if small and not inside:
                begin[j], end[j] = _inner_part(x, y, right_x, right_y, columns, width, height)
                at[first : first + columns] = 0
            at_x, at_y = u32(np.int64((x + begin[j] * right_x) * 65536.0)), u32(np.int64((y + begin[j] * right_y) * 65536.0))
            for i in range(first + begin[j], first + end[j]):
                place = np.uint64(i)
                at[place] = u32(u32(u32(at_y >> u32(16)) * wide) + u32(at_x >> u32(16)))
                fx[place], fy[place] = u32(u32(at_x >> u32(8)) & u32(255)), u32(u32(at_y >> u32(8)) & u32(255))
                at_x, at_y = u32(at_x + step_x), u32(at_y + step_y)
        if small:
            for i in range(count * columns):
                place, here = np.uint64(i), np.uint64(at[np.uint64(i)])
                above[place], below[place] = two_greys(flat, here), two_greys(flat, here + row_on)
            for i in range(count * columns):
                place = np.uint64(i)
                upper, lower = mean_of_two(above[place], fx[place], 8), mean_of_two(below[place], fx[place], 8)
                grey = i32(i32(upper << 8) + i32(fy[place] * i32(lower - upper)))
                between[np.uint64(top * columns + i)] = f32(grey) * f32(1.0 / 65536.0)
        for j in range(count):
            x, y = x0 + (top + j) * down_x, y0 + (top + j) * down_y
            for i in range(columns - end[j] + begin[j]):
                column = i if i < begin[j] else i - begin[j] + end[j]
                out[top + j, column] = bilinear(picture, x + column * right_x, y + column * right_y)


@kernel(void(pixels, array(f64, 3, True), f64, i64, array(f32, 2)))
def sample_modules(picture: Any, grid: Any, aperture: Any, points: Any, out: Any) -> Any:
    """Mean grey of each module and of the ring of modules around the symbol.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, module corners x, y in pixels. aperture: side of the square
    that is averaged, in modules. points: places per side of it. out: (rows + 2, columns + 2) float32, the ring outermost.
    """
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    height, width = picture.shape
    flat = picture.ravel()
    one_on, row_on = np.uint64(1), np.uint64(width)
    step = aperture / points
    first = 0.5 - 0.5 * aperture + 0.5 * step
    for r in range(out.shape[0]):
        # Linear inside a module, continued outside the symbol.
        k = min(max(r - 1, 0), rows - 1)
        fr = r - 1 + first - k
        for c in range(out.shape[1]):
            m = min(max(c - 1, 0), columns - 1)
            fc = c - 1 + first - m
            x0, y0, x1, y1 = grid[k, m, 0], grid[k, m, 1], grid[k, m + 1, 0], grid[k, m + 1, 1]
            x2, y2, x3, y3 = grid[k + 1, m, 0], grid[k + 1, m, 1], grid[k + 1, m + 1, 0], grid[k + 1, m + 1, 1]
            # The ring lies within one module more: with this much room no place of it is outside.
            room = abs(x3 - x0) + abs(x2 - x1) + abs(y3 - y0) + abs(y2 - y1)
            inside = min(x0, x1, x2, x3) > room and max(x0, x1, x2, x3) < width - 1 - room
            inside = inside and min(y0, y1, y2, y3) > room and max(y0, y1, y2, y3) < height - 1 - room
            total, greys = 0.0, np.int64(0)
            for i in range(points):
                v = fr + i * step
                left_x, left_y = x0 + (x2 - x0) * v, y0 + (y2 - y0) * v
                step_x, step_y = x1 + (x3 - x1) * v - left_x, y1 + (y3 - y1) * v - left_y
                if not inside:
                    for j in range(points):
                        u = fc + j * step
                        total += bilinear(picture, left_x + step_x * u, left_y + step_y * u)
                    continue
                # Whole numbers of 1/4096 pixel: 15 us for 20x20 modules, with places as they are 45 us.
                at_x, at_y = np.int64((left_x + step_x * fc) * 4096.0), np.int64((left_y + step_y * fc) * 4096.0)
                move_x, move_y = np.int64(step_x * step * 4096.0), np.int64(step_y * step * 4096.0)
                for _ in range(points):
                    at, fx, fy = np.uint64((at_y >> 12) * width + (at_x >> 12)), at_x & 4095, at_y & 4095
                    above = (np.int64(flat[at]) << 12) + fx * (np.int64(flat[at + one_on]) - np.int64(flat[at]))
                    at += row_on
                    below = (np.int64(flat[at]) << 12) + fx * (np.int64(flat[at + one_on]) - np.int64(flat[at]))
                    greys += (above << 12) + fy * (below - above)
                    at_x += move_x
                    at_y += move_y
            out[r, c] = (total + greys / 16777216.0) / (points * points)


@kernel(void(pixels, f64, f64, f64, f64, f64, f64, i64, array(f32, 1)))
def edge_profile(picture: Any, x0: Any, y0: Any, along_x: Any, along_y: Any, down_x: Any, down_y: Any, lines: Any, out: Any) -> Any:
    """Edge energy along an axis, summed over parallel lines: where grid lines lie across the axis.

    picture: (h, w) uint8. out: (n,) float32: entry i is the sum over `lines` lines of the squared difference of the greys
    half a step before and after (x0, y0) + i along + j down; along, down: one step in pixels.
    """
    out[:] = 0
    for j in range(lines):
        x = x0 + j * down_x - 0.5 * along_x
        y = y0 + j * down_y - 0.5 * along_y
        before = bilinear(picture, x, y)
        for i in range(out.size):
            x += along_x
            y += along_y
            value = bilinear(picture, x, y)
            out[i] += (value - before) * (value - before)
            before = value

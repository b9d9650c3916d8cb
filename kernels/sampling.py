"""Greys at places between pixels: patches turned upright, module grids, profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i32, i64, kernel, pixels, u32


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


BATCH = 256
"""Places whose greys `greys_at` takes at once: what it notes of each stays in the first cache."""


APART = 24
"""Numbers between the rows of what is noted of a batch: rows 4096 bytes apart take each other's way into the first cache."""


@helper
def two_greys(flat: Any, place: Any) -> Any:
    """The bytes at a place and at the next one of a flat array of uint8, the first as the lower byte of an int32.

    place: uint64, which needs no test for counting from the end. LLVM makes one load of both: a third of what it costs to turn a
    patch.
    """
    return i32(u32(flat[place]) | u32(u32(flat[place + np.uint64(1)]) << u32(8)))


@helper
def _around(flat: Any, width: Any, at: Any, count: Any, near: Any) -> None:
    """The greys of each place's pixel, the one to the right of it and the two below, in the four bytes of near[i]."""
    row_on = np.uint64(width)
    for i in range(count):
        here = np.uint64(at[i])
        near[i] = u32(two_greys(flat, here)) | u32(u32(two_greys(flat, here + row_on)) << u32(16))


@helper
def greys_scratch() -> Any:
    """What `greys_at` notes of each place of a batch: its pixel, the four greys around it, its place between them."""
    return np.empty(BATCH, np.int32), np.empty(BATCH, np.uint32), np.empty((2, BATCH + APART))


@helper
def greys_at(picture: Any, x: Any, y: Any, count: Any, scratch: Any, out: Any) -> None:
    """As `bilinear`, bit for bit, for the first `count` places of x and y (n,) float64, BATCH at most; scratch: of `greys_scratch`.

    picture: 2x2 pixels at least. First all places, then all pixels, then all greys: places and greys are computed four at once, and
    nothing branches. 1.7 ns a place in a loop of them alone.
    """
    height, width = picture.shape
    flat = picture.ravel()
    at, near, part = scratch
    for i in range(count):
        in_x, in_y = min(max(x[i], 0.0), width - 1.0), min(max(y[i], 0.0), height - 1.0)
        # On the last pixel all the way from the one before, which comes to the same.
        left, top = min(np.int32(in_x), np.int32(width - 2)), min(np.int32(in_y), np.int32(height - 2))
        part[0, i], part[1, i] = in_x - left, in_y - top
        at[i] = top * width + left
    _around(flat, width, at, count, near)
    for i in range(count):
        greys = np.int64(near[i])
        a, b, c, d = float(greys & 255), float(greys >> 8 & 255), float(greys >> 16 & 255), float(greys >> 24)
        above = a + part[0, i] * (b - a)
        below = c + part[0, i] * (d - c)
        out[i] = above + part[1, i] * (below - above)


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


@helper
def _corners_of(grid: Any, k: Any, m: Any, corners: Any, i: Any) -> None:
    """x and y of the corners of module (k, m): upper left, upper right, lower left, lower right."""
    corners[0, i], corners[1, i] = grid[k, m, 0], grid[k, m, 1]
    corners[2, i], corners[3, i] = grid[k, m + 1, 0], grid[k, m + 1, 1]
    corners[4, i], corners[5, i] = grid[k + 1, m, 0], grid[k + 1, m, 1]
    corners[6, i], corners[7, i] = grid[k + 1, m + 1, 0], grid[k + 1, m + 1, 1]


@helper
def _places(grid: Any, begin: Any, end: Any, first: Any, width: Any, height: Any, corners: Any, inside: Any) -> Any:
    """Of the modules of rows begin to end, the ring counted: x and y of the four corners, and where in the module its first place
    is, right and down: corners (10, n). The ring's are those of the module within, continued. Returns how many they are.

    inside: (n,) bool, whether every place of a module is sure to lie inside the picture.
    """
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    count = 0
    for r in range(begin, end):
        k = min(max(r - 1, 0), rows - 1)
        _corners_of(grid, k, 0, corners, count)
        for m in range(columns):
            _corners_of(grid, k, m, corners, count + 1 + m)
        _corners_of(grid, k, columns - 1, corners, count + columns + 1)
        down = r - 1 + first - k
        for c in range(columns + 2):
            corners[8, count + c], corners[9, count + c] = c - 1 + first - min(max(c - 1, 0), columns - 1), down
        count += columns + 2
    for i in range(count):
        x0, y0, x1, y1 = corners[0, i], corners[1, i], corners[2, i], corners[3, i]
        x2, y2, x3, y3 = corners[4, i], corners[5, i], corners[6, i], corners[7, i]
        # The ring lies within one module more: with this much room no place of it is outside.
        room = abs(x3 - x0) + abs(x2 - x1) + abs(y3 - y0) + abs(y2 - y1)
        least, right, below = min(x0, x1, x2, x3, y0, y1, y2, y3), max(x0, x1, x2, x3), max(y0, y1, y2, y3)
        inside[i] = (least > room) & (right < width - 1 - room) & (below < height - 1 - room)
    return count


@helper
def _clamped_sum(picture: Any, corners: Any, i: Any, step: Any, points: Any) -> Any:
    """The sum of a module's greys where some of its places may lie outside the picture."""
    x0, y0, x1, y1 = corners[0, i], corners[1, i], corners[2, i], corners[3, i]
    x2, y2, x3, y3 = corners[4, i], corners[5, i], corners[6, i], corners[7, i]
    total = 0.0
    for down in range(points):
        v = corners[9, i] + down * step
        left_x, left_y = x0 + (x2 - x0) * v, y0 + (y2 - y0) * v
        step_x, step_y = x1 + (x3 - x1) * v - left_x, y1 + (y3 - y1) * v - left_y
        for right in range(points):
            u = corners[8, i] + right * step
            total += bilinear(picture, left_x + step_x * u, left_y + step_y * u)
    return total


@kernel(void(pixels, array(f64, 3, True), f64, i64, array(f32, 2)))
def sample_modules(picture: Any, grid: Any, aperture: Any, points: Any, out: Any) -> Any:
    """Mean grey of each module and of the ring of modules around the symbol.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, module corners x, y in pixels. aperture: side of the square
    that is averaged, in modules. points: places per side of it. out: (rows + 2, columns + 2) float32, the ring outermost.
    """
    height, width = picture.shape
    flat, means = picture.ravel(), out.ravel()
    step = aperture / points
    first = 0.5 - 0.5 * aperture + 0.5 * step
    corners, inside, sums = np.empty((10, BATCH + APART)), np.empty(BATCH, np.bool_), np.empty(BATCH, np.int64)
    ways, at, near = np.empty((4, BATCH), np.int32), np.empty(BATCH, np.int32), np.empty(BATCH, np.uint32)
    wide, at_once = np.int32(width), BATCH // out.shape[1]
    for row in range(0, out.shape[0], at_once):
        start = row * out.shape[1]
        count = _places(grid, row, min(row + at_once, out.shape[0]), first, width, height, corners, inside)
        sums[:] = 0
        # One place of every module at a time, in whole numbers of 1/4096 pixel: 9 us for 20x20 modules, module by module 18 us,
        # with places as they are 45 us.
        for down in range(points):
            for i in range(count):
                x0, y0, x1, y1 = corners[0, i], corners[1, i], corners[2, i], corners[3, i]
                v = corners[9, i] + down * step
                left_x, left_y = x0 + (corners[4, i] - x0) * v, y0 + (corners[5, i] - y0) * v
                step_x, step_y = x1 + (corners[6, i] - x1) * v - left_x, y1 + (corners[7, i] - y1) * v - left_y
                u = corners[8, i]
                ways[0, i], ways[1, i] = np.int32((left_x + step_x * u) * 4096.0), np.int32((left_y + step_y * u) * 4096.0)
                ways[2, i], ways[3, i] = np.int32(step_x * step * 4096.0), np.int32(step_y * step * 4096.0)
            for _ in range(points):
                for i in range(count):
                    at[i] = (ways[1, i] >> 12) * wide + (ways[0, i] >> 12) if inside[i] else 0
                _around(flat, width, at, count, near)
                for i in range(count):
                    fx, fy = ways[0, i] & 4095, ways[1, i] & 4095
                    greys = np.int64(near[i])
                    a, b, c, d = greys & 255, greys >> 8 & 255, greys >> 16 & 255, greys >> 24
                    above, below = (a << 12) + fx * (b - a), (c << 12) + fx * (d - c)
                    sums[i] += np.uint32((above << 12) + fy * (below - above))  # below 2^32, and so eight at once
                    ways[0, i] += ways[2, i]
                    ways[1, i] += ways[3, i]
        for i in range(count):
            means[start + i] = sums[i] / 16777216.0 / (points * points)
        for i in range(count):
            if not inside[i]:
                means[start + i] = _clamped_sum(picture, corners, i, step, points) / (points * points)


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

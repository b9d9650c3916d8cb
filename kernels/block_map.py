"""The map of a picture's blocks of 8x8 pixels: how much edge energy each has and in which directions, and what of it is noise.

A map has a rim of one block on each side, so that no block needs to be asked whether it has neighbours; `place` is an index into
it as one row.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numba import types, void

from kernels._jit import array, f32, f64, helper, i32, i64, kernel, pixels
from kernels.components import cut_blocks, rank_parts
from kernels.vectors import LANES, gradient_sums

BLOCK = 8
"""Side of a block, in pixels of the picture given."""

BLOCK_SAMPLES = BLOCK * BLOCK // 2
"""Places of a block at which gradients are taken: each second row."""


@kernel(void(pixels, array(f32, 3)))
def block_gradients(picture: Any, out: Any) -> Any:
    """Gradient energy of each 8x8 block and its second circular harmonic.

    picture: (h, w) uint8, w at least 16. out: (n, h // 8 + 2, w // 8 + 2) float32, the first three written within their rims: sums
    over each second row of the block of m^2, m^2 cos 2a, m^2 sin 2a, with m and a the length and angle of the central difference,
    which sees the rows between. Two perpendicular directions cancel in the second harmonic.
    """
    height, width = picture.shape
    columns = out.shape[2] - 2
    end = columns * BLOCK
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    inside, sums = np.empty(width, np.int16), np.empty((3, end // 2), np.int32)
    inside[:] = -1
    inside[0] = inside[width - 1] = 0
    for row in range(out.shape[1] - 2):
        y = row * BLOCK
        # In 16 bits, 16 columns at once: 16 us for 640x512; as a loop in float32, which numba makes of 8 at once, 37 us.
        below, whole = (y + BLOCK, types.int16(-1)) if y + BLOCK < height else (height - 1, types.int16(0))
        for x in range(0, end, LANES):
            gradient_sums(picture, y, min(x, end - LANES), below, inside, whole, sums)
        for harmonic in range(3):
            for column in range(columns):
                k = four * np.uint64(column)
                # Whole numbers below 2^24, so exact in any order.
                first, last = sums[harmonic, k] + sums[harmonic, k + one], sums[harmonic, k + two] + sums[harmonic, k + three]
                out[harmonic, row + 1, column + 1] = f32(i32(i32(first) + i32(last)))


@kernel(void(array(f32, 3), f64, array(f32, 1)))
def smooth_blocks(blocks: Any, share: Any, energy: Any) -> Any:
    """The energy of each block and twice that of its weaker direction, both as means over 3x3 blocks, the border's repeated.

    blocks: (6, rows + 2, columns + 2) float32, the first three as from `block_gradients`, whose rims are filled; the last is
    written within its rim with twice the weaker direction. share: factor of the results. energy: (rows * columns,) float32 out.
    """
    rows, columns = blocks.shape[1] - 2, blocks.shape[2] - 2
    tall = np.empty((3, columns + 2), np.float32)
    third = f32(share / 9.0)
    one, two = np.uint64(1), np.uint64(2)
    for harmonic in range(3):
        blocks[harmonic, 0], blocks[harmonic, rows + 1] = blocks[harmonic, 1], blocks[harmonic, rows]
    for r in range(rows):
        for harmonic in range(3):
            above, here, below = blocks[harmonic, r], blocks[harmonic, r + 1], blocks[harmonic, r + 2]
            for column in range(columns):
                c = np.uint64(column) + one
                tall[harmonic, c] = above[c] + here[c] + below[c]
            tall[harmonic, 0], tall[harmonic, columns + 1] = tall[harmonic, 1], tall[harmonic, columns]
        start, both = r * columns, blocks[5, r + 1]
        for column in range(columns):
            c = np.uint64(column)
            total = tall[0, c] + tall[0, c + one] + tall[0, c + two]
            even = tall[1, c] + tall[1, c + one] + tall[1, c + two]
            odd = tall[2, c] + tall[2, c + one] + tall[2, c + two]
            energy[np.uint64(start) + c] = total * third
            both[c + one] = max(total - sqrt(even * even + odd * odd), f32(0)) * third


@helper
def _count_up_to(bits: Any, limit: Any) -> Any:
    """How many of the whole numbers are not above the limit."""
    count = i32(0)
    for n in range(bits.size):
        count = i32(count + i32(bits[np.uint64(n)] <= limit))
    return count


@kernel(f64(array(f32, 1), i64, f64, f64))
def nth_smallest(values: Any, rank: Any, least: Any, most: Any) -> Any:
    """The value that `rank` others are not above, or `least` or `most` where it is not between them.

    values: (n,) float32, none negative; least, most: not negative.
    """
    # Such numbers are in the order of their bits, and the range of these is halved: each half costs a look at all, but a fast one.
    # 7 us for 5120 values of a fresh frame, where np.partition takes 9 and a call from Python; where the value is below `least`,
    # as in many, one look does (1 us). With pivots put where the counts would have them 15 % less, not worth its lines.
    bits, limits = values.view(np.int32), np.array((least, most), np.float32).view(np.int32)
    low, high = limits[0], limits[1]
    if _count_up_to(bits, low) > rank:
        return least
    if _count_up_to(bits, i32(high - 1)) <= rank:
        return most
    while high - low > 1:
        middle = i32(low + (high - low) // 2)
        if _count_up_to(bits, middle) > rank:
            high = middle
        else:
            low = middle
    limits[0] = high
    return f64(limits.view(np.float32)[0])


@kernel(i64(array(f32, 3), f64, array(i32, 1)))
def list_blocks(blocks: Any, least: Any, places: Any) -> Any:
    """The places where the last plane of a map, (n, rows + 2, columns + 2) float32, reaches `least`, in order; returns how many.

    places: int32 out, as many as the map has.
    """
    wide = blocks.shape[2]
    count = 0
    for r in range(1, blocks.shape[1] - 1):
        both = blocks[5, r]
        for c in range(1, wide - 1):
            # Written in any case: with jumps 3.2 to 4.4 us for 5120 blocks, 2.8 so.
            places[np.uint64(count)] = r * wide + c
            count += both[np.uint64(c)] >= least
    return count


@helper
def _fourth(east: Any, west: Any, south: Any, north: Any) -> Any:
    """m^2 cos 4a and m^2 sin 4a of a gradient."""
    gx, gy = f32(east) - f32(west), f32(south) - f32(north)
    a, b = gx * gx - gy * gy, f32(2) * gx * gy
    inverse = f32(1) / (gx * gx + gy * gy + f32(1e-3))
    return (a * a - b * b) * inverse, f32(2) * a * b * inverse


@kernel(void(pixels, array(i32, 1), array(f32, 3)))
def fourth_harmonic(picture: Any, places: Any, out: Any) -> Any:
    """The fourth circular harmonic of the gradients of some blocks: two perpendicular directions add up in it.

    picture, out: as of `block_gradients`; out[3] and out[4] are written, sums of m^2 cos 4a and of m^2 sin 4a, at these places
    alone. places: int32, rising.
    """
    height, width = picture.shape
    wide = out.shape[2]
    cosines, sines = np.empty(width, np.float32), np.empty(width, np.float32)
    cosine_sums, sine_sums = out[3].ravel(), out[4].ravel()
    one = np.uint64(1)
    n = 0
    while n < places.size:
        # Blocks side by side at once; the rim keeps one line from the next.
        start = n
        n += 1
        while n < places.size and places[n] == places[n - 1] + 1:
            n += 1
        row, column = places[start] // wide - 1, places[start] % wide - 1
        y, first, last = row * BLOCK, column * BLOCK, (column + n - start) * BLOCK
        # The last row of blocks where the picture ends with it: the last row of pixels has none below, and counts nothing.
        below, whole = (y + BLOCK, f32(1)) if y + BLOCK < height else (height - 1, f32(0))
        for place in range(max(first, 1), min(last, width - 1)):
            x = np.uint64(place)
            k, m = x - one, x + one
            c1, s1 = _fourth(picture[y + 1, m], picture[y + 1, k], picture[y + 2, x], picture[y, x])
            c2, s2 = _fourth(picture[y + 3, m], picture[y + 3, k], picture[y + 4, x], picture[y + 2, x])
            c3, s3 = _fourth(picture[y + 5, m], picture[y + 5, k], picture[y + 6, x], picture[y + 4, x])
            c4, s4 = _fourth(picture[below - 1, m], picture[below - 1, k], picture[below, x], picture[y + 6, x])
            cosines[x] = c1 + c2 + c3 + c4 * whole
            sines[x] = s1 + s2 + s3 + s4 * whole
        # The picture's first and last column have no neighbour on one side.
        if first == 0:
            cosines[0] = sines[0] = f32(0)
        if last == width:
            cosines[width - 1] = sines[width - 1] = f32(0)
        for at in range(start, n):
            cosine = sine = f32(0)
            for column in range(first, first + BLOCK):
                cosine += cosines[np.uint64(column)]
                sine += sines[np.uint64(column)]
            cosine_sums[places[at]], sine_sums[places[at]] = cosine, sine
            first += BLOCK


@kernel(i64(pixels, f64, f64, f64, i64, array(f32, 3), array(i32, 2), array(f64, 2), array(f64, 2)))
def find_regions(picture: Any, side: Any, quiet: Any, noisy: Any, least: Any, blocks: Any, marks: Any, parts: Any, out: Any) -> Any:
    """Places of a picture with much edge energy in two directions, most promising first.

    picture: (h, w) uint8, at least 8 high and 16 wide. side: of a block, in the pixels wanted. The map is cut at twice the edge
    energy per pixel of the lower fifth of all blocks, but at `quiet` at least and `noisy` at most; and at threefold levels above.
    least: smallest number of blocks of a region. blocks: (7, h // 8 + 2, w // 8 + 2) float32, marks: (3, places of a plane of it)
    int32 and parts: (n, 12) float64, scratch. out: (n, 8) float64, as of `rank_parts`. Returns how many.
    """
    rows, columns = blocks.shape[1] - 2, blocks.shape[2] - 2
    energy = blocks[6].ravel()[: rows * columns]
    block_gradients(picture, blocks)
    smooth_blocks(blocks, 1.0 / BLOCK_SAMPLES, energy)
    lowest = 2.0 * nth_smallest(energy, energy.size // 5, 0.5 * quiet, 0.5 * noisy)
    listed = list_blocks(blocks, lowest, marks[1])
    fourth_harmonic(picture, marks[1, :listed], blocks)
    return rank_parts(parts[: cut_blocks(blocks, lowest, listed, least, marks, parts)], side, out)

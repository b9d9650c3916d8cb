"""A candidate's whole way in two calls: from its quad to the greys of its modules, and from these to corrected codewords.

Each step is a kernel of its own, tested there. Two calls from Python instead of ten, and what lay between them, save 30 us of 150.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, boolean, f32, f64, helper, i32, i64, kernel, pixels, u8
from kernels.grid_fit import bend_grid, fit_quad
from kernels.reed_solomon import correct_blocks
from kernels.sampling import sample_modules
from kernels.threshold import finder_errors, judge_modules

APERTURE = 0.5
"""Side of the square that is averaged for a module, in modules."""

TOLD = 2
"""Numbers of `read_greys` before the codewords changed per block."""


@helper
def _pitch(grid: Any) -> Any:
    """Mean module pitch of a grid in pixels, over both axes."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    ax, ay, bx, by = grid[0, 0, 0], grid[0, 0, 1], grid[0, columns, 0], grid[0, columns, 1]
    cx, cy, dx, dy = grid[rows, 0, 0], grid[rows, 0, 1], grid[rows, columns, 0], grid[rows, columns, 1]
    wide = (np.hypot(bx - ax, by - ay) + np.hypot(dx - cx, dy - cy)) / 2
    tall = (np.hypot(cx - ax, cy - ay) + np.hypot(dx - bx, dy - by)) / 2
    return (wide / columns + tall / rows) / 2


@kernel(void(pixels, array(f64, 3, True), boolean, array(f32, 2)))
def sample_grid(picture: Any, grid: Any, inverted: Any, greys: Any) -> None:
    """Mean grey of each module of a grid with the ring around, light and dark exchanged where inverted.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, module corners x, y in pixels. greys: (rows + 2, columns + 2)
    float32 out. The larger the modules, the more places of each are averaged.
    """
    pitch = _pitch(grid)
    sample_modules(picture, grid, APERTURE, 2 if pitch < 5 else 3 if pitch < 12 else 5, greys)
    if inverted:
        for r in range(greys.shape[0]):
            for c in range(greys.shape[1]):
                greys[r, c] = f32(255) - greys[r, c]


@kernel(i64(pixels, array(f64, 2), i64, boolean, array(f64, 3), array(f32, 2)))
def sample_quad(picture: Any, quad: Any, rounds: Any, inverted: Any, grid: Any, greys: Any) -> Any:
    """Fits the grid that a quad spans to the printed edges and samples its modules; returns the edges used, as `fit_quad`.

    picture, quad, rounds: as of `fit_quad`. inverted, greys: as of `sample_grid`. grid: (rows + 1, columns + 1, 2) float64 out,
    bent to the edges. Where fewer edges than rows and columns were used, neither is written.
    """
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    regular, shift = np.empty(grid.shape), np.empty(10)
    across, down = np.empty((2, rows, columns + 1), np.float32), np.empty((2, rows + 1, columns), np.float32)
    used = fit_quad(picture, quad, rounds, regular, across, down, shift)
    if used >= rows + columns:
        bend_grid(regular, across, down, shift, grid)
        sample_grid(picture, grid, inverted, greys)
    return used


@kernel(void(array(u8, 2, True), array(i32, 1, True), array(u8, 1)))
def pack_codewords(bits: Any, bit_module: Any, words: Any) -> None:
    """The codewords (total,) uint8 of a module matrix (rows, columns) uint8; bit_module: (total * 8,) int32, where each bit is."""
    modules = bits.ravel()
    for k in range(words.size):
        word = 0
        for bit in range(8):
            word = word << 1 | modules[np.uint64(bit_module[8 * k + bit])]
        words[k] = word


@kernel(void(array(u8, 1, True), array(i32, 1, True), array(u8, 2, True), array(u8, 2)))
def place_codewords(words: Any, bit_module: Any, layout: Any, bits: Any) -> None:
    """The module matrix (rows, columns) uint8 that carries these codewords, finder included; layout: as of `finder_errors`."""
    modules, fixed = bits.ravel(), layout.ravel()
    for i in range(modules.size):
        modules[i] = fixed[i] & 1
    for k in range(words.size):
        for bit in range(8):
            modules[np.uint64(bit_module[8 * k + bit])] = words[k] >> (7 - bit) & 1


@kernel(
    void(
        array(f32, 2, True),
        f64,
        array(i32, 1, True),
        array(u8, 2, True),
        i64,
        i64,
        i64,
        array(u8, 2),
        array(f32, 2),
        array(u8, 2),
        array(u8, 1),
        array(i32, 1),
    )
)
def read_greys(
    greys: Any,
    sharpen: Any,
    bit_module: Any,
    layout: Any,
    most_wrong: Any,
    blocks: Any,
    check: Any,
    bits: Any,
    confidence: Any,
    true_bits: Any,
    words: Any,
    told: Any,
) -> None:
    """Judges the modules of a symbol, and corrects their codewords where no more than most_wrong modules of the finder are wrong.

    greys, sharpen, bits, confidence: as of `judge_modules`. bit_module, words: as of `pack_codewords`, the words corrected; layout:
    as of `finder_errors`. blocks, check: as of `correct_blocks`. true_bits: (rows, columns) uint8 out, the modules that carry the
    corrected words. told: (TOLD + blocks,) int32 out: modules of the finder that are wrong, 1 where all blocks could be corrected,
    else 0 (then true_bits is not written), and the codewords changed in each block.
    """
    judge_modules(greys, sharpen, bits, confidence)
    told[0], told[1] = finder_errors(bits, layout), 0
    if told[0] <= most_wrong:
        pack_codewords(bits, bit_module, words)
        if correct_blocks(words, np.zeros(words.size, np.bool_), blocks, check, told[TOLD:]):
            told[1] = 1
            place_codewords(words, bit_module, layout, true_bits)

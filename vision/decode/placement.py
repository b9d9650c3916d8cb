"""Which module carries which bit: ISO/IEC 16022, symbol character placement, finder patterns and region seams.

Everything here is worked out once for a size and kept as index arrays, so that a decode only gathers and packs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from kernels.symbols import pack_codewords, place_codewords
from kernels.threshold import FINDER
from vision.decode.symbol_sizes import SymbolSize

Bits = npt.NDArray[np.uint8]

# The utah shape: bits 1 (most significant) to 8 of a codeword relative to the module of bit 8, as (row, column).
_UTAH = ((-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0))


def _corner_shapes(rows: int, columns: int) -> dict[int, tuple[tuple[int, int], ...]]:
    """The four shapes used where a utah would be torn by the lower-left or upper-right corner of the mapping matrix."""
    last, right = rows - 1, columns - 1
    return {
        1: ((last, 0), (last, 1), (last, 2), (0, right - 1), (0, right), (1, right), (2, right), (3, right)),
        2: ((last - 2, 0), (last - 1, 0), (last, 0), (0, right - 3), (0, right - 2), (0, right - 1), (0, right), (1, right)),
        3: ((last - 2, 0), (last - 1, 0), (last, 0), (0, right - 1), (0, right), (1, right), (2, right), (3, right)),
        4: ((last, 0), (last, right), (0, right - 2), (0, right - 1), (0, right), (1, right - 2), (1, right - 1), (1, right)),
    }


def _utah(row: int, column: int, rows: int, columns: int) -> tuple[tuple[int, int], ...]:
    """The eight modules of a codeword whose bit 8 lies at (row, column), wrapped at the edges of the mapping matrix."""
    cells = []
    for down, across in _UTAH:
        r, c = row + down, column + across
        if r < 0:
            r += rows
            c += 4 - (rows + 4) % 8
        if c < 0:
            c += columns
            r += 4 - (columns + 4) % 8
        # The extension's shapes can wrap below the last row (ISO/IEC 21471): they come in again at the top.
        if r >= rows:
            r -= rows
        cells.append((r, c))
    return tuple(cells)


def mapping(rows: int, columns: int) -> npt.NDArray[np.int32]:
    """The mapping matrix: (rows, columns) int32, 8 * codeword + bit (bit 0 the most significant), -1 for the fixed corner."""
    filled = np.full((rows, columns), -1, np.int32)
    shapes = _corner_shapes(rows, columns)
    codeword = 0

    def put(cells: tuple[tuple[int, int], ...]) -> None:
        nonlocal codeword
        for bit, (r, c) in enumerate(cells):
            filled[r, c] = 8 * codeword + bit
        codeword += 1

    row, column = 4, 0
    while row < rows or column < columns:
        if row == rows and column == 0:
            put(shapes[1])
        if row == rows - 2 and column == 0 and columns % 4:
            put(shapes[2])
        if row == rows - 2 and column == 0 and columns % 8 == 4:
            put(shapes[3])
        if row == rows + 4 and column == 2 and columns % 8 == 0:
            put(shapes[4])
        while True:  # up and to the right
            if row < rows and column >= 0 and filled[row, column] < 0:
                put(_utah(row, column, rows, columns))
            row, column = row - 2, column + 2
            if row < 0 or column >= columns:
                break
        row, column = row + 1, column + 3
        while True:  # down and to the left
            if row >= 0 and column < columns and filled[row, column] < 0:
                put(_utah(row, column, rows, columns))
            row, column = row + 2, column - 2
            if row >= rows or column < 0:
                break
        row, column = row + 3, column + 1
    return filled


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """The index arrays of one size; modules are counted row by row over the whole symbol, finder included.

    bit_module: (total * 8,) int32, the module of each bit of each codeword.
    fixed: (rows, columns) bool, modules that carry no data: finder, clock tracks, region seams, fixed corner.
    pattern: (rows, columns) uint8, their values (1 = finder colour); 0 elsewhere.
    finder: (rows, columns) bool, fixed without the 2x2 corner. finder_count: its modules.
    layout: (rows, columns) uint8, pattern and finder in one, as of `kernels.threshold.finder_errors`.
    """

    bit_module: npt.NDArray[np.int32]
    fixed: npt.NDArray[np.bool_]
    pattern: Bits
    finder: npt.NDArray[np.bool_]
    finder_count: int
    layout: Bits


@cache
def placement(size: SymbolSize) -> Placement:
    """The placement of a size, made at its first use."""
    region_height, region_width = size.rows // size.region_rows, size.columns // size.region_columns
    row, column = np.divmod(np.arange(size.rows * size.columns).reshape(size.rows, size.columns), size.columns)
    in_row, in_column = row % region_height, column % region_width
    left, bottom = in_column == 0, in_row == region_height - 1
    top, right = in_row == 0, in_column == region_width - 1
    finder = left | bottom | top | right
    solid = left | bottom
    clock = (top & (in_column % 2 == 0)) | (right & (in_row % 2 == 1))
    pattern = (finder & (solid | clock)).astype(np.uint8)

    modules = np.flatnonzero(~finder)
    bits = mapping(size.mapping_rows, size.mapping_columns).ravel()
    bit_module = np.empty(size.total * 8, np.int32)
    bit_module[bits[bits >= 0]] = modules[bits >= 0]
    fixed = finder.copy()
    corner = modules[bits < 0]
    fixed.ravel()[corner] = True
    if corner.size:
        pattern.ravel()[corner] = (1, 0, 0, 1)  # ISO/IEC 16022, annex F: the unused 2x2 at the lower right
    layout = pattern + FINDER * finder.astype(np.uint8)
    for array in (bit_module, fixed, pattern, finder, layout):
        array.setflags(write=False)
    return Placement(bit_module, fixed, pattern, finder, int(finder.sum()), layout)


def codewords_of(bits: Bits, size: SymbolSize) -> Bits:
    """The codewords, (total,) uint8, of a module matrix (rows, columns) uint8 of 0 and 1."""
    words = np.empty(size.total, np.uint8)
    pack_codewords(bits, placement(size).bit_module, words)
    return words


def modules_of(codewords: Bits, size: SymbolSize) -> Bits:
    """The module matrix, (rows, columns) uint8, that carries these codewords, finder included."""
    place = placement(size)
    bits = np.empty(place.pattern.shape, np.uint8)
    place_codewords(codewords, place.bit_module, place.layout, bits)
    return bits

"""Symbols, readings and grid truths for the grader's tests, made without the decoder."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.grade.symbol_renderer import Matrix, Picture
from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.grade.fixed_pattern import fixed_pattern_segments, line_grades, lines_of
from vision.grade.overlay import CodewordMap, overlay
from vision.grade.scales import Scales
from vision.types import CodewordCounts, Reading, Symbol

Floats = npt.NDArray[np.float64]


def size(rows: int, columns: int) -> SymbolSize:
    found = size_of(rows, columns)
    assert found is not None, f"{rows}x{columns} is no symbol size"
    return found


def segments_of(
    levels: npt.NDArray[np.generic], colour: npt.NDArray[np.generic], symbol_size: SymbolSize, scales: Scales
) -> dict[str, float]:
    """The segments from each module's grade by modulation and its colour, (rows + 2, columns + 2)."""
    steps = np.rint(levels * scales.per_grade).astype(np.int32).ravel()
    return fixed_pattern_segments(line_grades(steps, colours_of(colour, symbol_size), symbol_size, scales), symbol_size, scales)


def colours_of(colour: npt.NDArray[np.generic], symbol_size: SymbolSize) -> npt.NDArray[np.uint8]:
    """(2, n) uint8: the colours as measured, and where they are wrong for their role."""
    expected = lines_of(symbol_size).expected.ravel()
    flat = colour.astype(np.uint8).ravel()
    return np.stack((flat, (expected < 2) & (flat != expected))).astype(np.uint8)


def overlay_grade(grades: Floats, words: CodewordMap, scales: Scales) -> float:
    """The overlay's grade from each module's, (rows, columns)."""
    steps = np.rint(np.pad(grades, 1) * scales.per_grade).astype(np.int32).ravel()
    return overlay(steps, np.zeros((2, steps.size), np.uint8), 0, words, scales).grade


def reading(bits: Matrix, corrected: tuple[int, ...] = ()) -> Reading:
    """A reading of these modules with so many codewords corrected in each block."""
    of = size(*bits.shape)
    per_block = corrected + (0,) * (of.blocks - len(corrected))
    counts = CodewordCounts(of.total, of.data, of.check, sum(per_block), 0)
    return Reading(b"12345", "]d1", bits, counts, per_block, (of.check // of.blocks,) * of.blocks)


def symbol(drawn: Picture, inverted: bool = False) -> Symbol:
    """Where the picture's symbol lies, as a decoder's global fit would say."""
    return Symbol(drawn.grid(), inverted, drawn.mirrored)


def printed_grid(drawn: Picture, forward: object = None) -> Floats:
    """(rows + 1, columns + 1, 2): where the intersections really are; forward maps ideal to printed modules."""
    rows, columns = drawn.dark.shape
    v, u = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(np.float64)
    if forward is not None:
        u, v = forward(u, v)  # type: ignore[operator]
    return drawn.place(u, v)


def true_grid_nonuniformity(grid: Floats, of: SymbolSize) -> float:
    """Largest distance, in X, of a data-region intersection from the even division of its region's four corners."""
    height, width = of.rows // of.region_rows, of.columns // of.region_columns
    worst = 0.0
    for top in range(0, of.rows, height):
        for left in range(0, of.columns, width):
            part = grid[top + 1 : top + height, left + 1 : left + width]
            v, u = np.meshgrid(np.linspace(0, 1, part.shape[0]), np.linspace(0, 1, part.shape[1]), indexing="ij")
            v, u = v[..., np.newaxis], u[..., np.newaxis]
            ideal = (1 - v) * ((1 - u) * part[0, 0] + u * part[0, -1]) + v * ((1 - u) * part[-1, 0] + u * part[-1, -1])
            worst = max(worst, float(np.linalg.norm(part - ideal, axis=-1).max()))
    x = np.linalg.norm(np.diff(grid, axis=1), axis=-1).mean()
    y = np.linalg.norm(np.diff(grid, axis=0), axis=-1).mean()
    return worst / float((x + y) / 2)

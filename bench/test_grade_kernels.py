"""What grading costs: each kernel and the whole grade of one 24x24 symbol at 8 pixels per module."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernels import aperture, grid_edges, grid_lines, grid_pattern
from tests.grade.known_symbols import reading, symbol
from tests.grade.symbol_renderer import Picture, matrix, picture
from vision.decode.symbol_sizes import size_of
from vision.grade.fixed_pattern import expected_colours
from vision.grade.geometry import measure
from vision.grade.grade import grade
from vision.grade.levels import levels_of
from vision.grade.parameters import graded
from vision.grade.scales import scales_of
from vision.grade.scratch import Scratch
from vision.grade.setup import Setup


@pytest.fixture(scope="module")
def drawn() -> Picture:
    return picture(matrix((24, 24)), angle_deg=17.0, blur_px=0.8, noise=2.0, samples=3)


def test_grade_of_a_24x24(benchmark: Any, drawn: Picture) -> None:
    pixels, found, read, work, setup = drawn.build(), symbol(drawn), reading(drawn.dark), Scratch(), Setup()
    report = benchmark(grade, pixels, found, read, setup, work)
    assert report.overall == 4.0


def test_measurement_of_a_24x24(benchmark: Any, drawn: Picture) -> None:
    pixels, found, work = drawn.build(), symbol(drawn), Scratch()
    measured = benchmark(measure, pixels, found, 6.4, work)
    assert measured.lone_count == 0


def test_reference_image(benchmark: Any, drawn: Picture) -> None:
    pixels = drawn.build()
    size = 2 * aperture.aperture_half_px(6.4, 1) + 1
    weights = np.zeros((1, 1, size, size), np.int32)
    aperture.aperture_weights(6.4, weights, np.zeros(size * size))
    height, width = pixels.shape
    spans = np.tile(np.array([0, width], np.int64), (height, 1))
    rows, reference = np.zeros((size // 2 + 2, width + size), np.float32), np.zeros((height, width), np.float32)
    assert benchmark(aperture.reference_image, pixels, weights, 0, 0, spans, rows, reference) == height * width


def test_aperture_weights(benchmark: Any) -> None:
    size = 2 * aperture.aperture_half_px(6.4, 4) + 1
    assert (
        benchmark(aperture.aperture_weights, 6.4, np.zeros((4, 4, size, size), np.int32), np.zeros(size * size)) == aperture.UNITS
    )


def fitted(drawn: Picture) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Picture, ringed grid, centres and levels as the grader has them before it looks for edges."""
    image = np.ascontiguousarray(drawn.build().astype(np.float32) * aperture.UNITS)
    extended, centres, levels = np.zeros((27, 27, 2)), np.zeros((28, 28, 6)), np.zeros(grid_edges.TERMS)
    grid_lines.extend_grid(drawn.grid(), extended)
    grid_edges.centre_values(image, 0, 0, extended, centres)
    grid_edges.local_colours(centres, np.zeros((26, 26, 2)), 0)
    grid_edges.fit_levels(centres, 0, levels)
    return image, extended, centres, levels


def test_fit_levels(benchmark: Any, drawn: Picture) -> None:
    _, _, centres, levels = fitted(drawn)
    assert benchmark(grid_edges.fit_levels, centres, 1, levels) > 0


def test_module_edges(benchmark: Any, drawn: Picture) -> None:
    image, extended, centres, levels = fitted(drawn)
    across, down = np.zeros((25, 24, 7)), np.zeros((25, 24, 7))
    assert benchmark(grid_edges.module_edges, image, 0, 0, extended, 0, centres, levels, np.zeros(2), across, down) > 500


def test_line_offsets(benchmark: Any, drawn: Picture) -> None:
    image, extended, centres, levels = fitted(drawn)
    across, down = np.zeros((25, 24, 7)), np.zeros((25, 24, 7))
    grid_edges.module_edges(image, 0, 0, extended, 0, centres, levels, np.zeros(2), across, down)
    shifts, out = np.zeros(grid_lines.SHIFTS), np.zeros((25, 25))
    grid_lines.edge_shifts(across, 1, shifts)
    scratch = np.zeros((2, 24)), np.zeros((5, 25, 25)), np.zeros((9, 25))
    assert benchmark(grid_lines.line_offsets, across, shifts, 1, *scratch, out) == 0


def test_pattern_shifts(benchmark: Any, drawn: Picture) -> None:
    image, _, centres, _ = fitted(drawn)
    expected = np.zeros((26, 26), np.uint8)
    expected[1:-1, 1:-1] = drawn.dark
    assert benchmark(grid_pattern.pattern_shifts, image, 0, 0, centres, expected, 0, 3, 0.3, 4, np.empty((10, 10, 5))) == 100


def test_bow_of(benchmark: Any) -> None:
    nodes = np.random.default_rng(1).uniform(0, 24, (10, 10, 5))
    assert benchmark(grid_pattern.bow_of, nodes, np.empty((25, 25)), np.empty((25, 25))) == 100


def test_level_grid(benchmark: Any, drawn: Picture) -> None:
    assert benchmark(grid_pattern.level_grid, drawn.grid(), np.empty((25, 25, 2))) < 1e-6


def test_pattern_grades(benchmark: Any, drawn: Picture) -> None:
    size, setup = size_of(24, 24), Setup()
    assert size is not None
    scales, read = scales_of(setup.standard, setup.edition), reading(drawn.dark)
    measured = measure(drawn.build(), symbol(drawn), 6.4, Scratch())

    def rest() -> float:
        levels = levels_of(measured, False, expected_colours(size, read), setup, scales)
        return graded(levels, measured, read, size, scales)[0]["modulation"].grade

    assert benchmark(rest) == 4.0

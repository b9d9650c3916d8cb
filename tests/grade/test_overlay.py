"""The codeword overlay and unused error correction, on the worked examples."""

import numpy as np
import pytest

from kernels.damage import module_steps
from tests.grade.known_symbols import overlay_grade, size
from vision.decode.symbol_sizes import SIZES, SymbolSize
from vision.grade.overlay import CodewordMap, codeword_map, overlay, unused_share
from vision.grade.scales import TOLERANCE, Scales, scales_of

SCALES = scales_of("15415", "2011")
DECIMALS = scales_of("15415", "2024")


def graded(counts: dict[float, int], words: CodewordMap, rows: int, columns: int, scales: Scales = SCALES) -> float:
    """The overlay's grade when that many codewords have their worst module at each grade; all other modules are perfect."""
    grades = np.full((rows, columns), 4.0)
    codeword = 0
    for grade, count in counts.items():
        for _ in range(count):
            grades.ravel()[words.modules[codeword, codeword % 8]] = grade
            codeword += 1
    return overlay_grade(grades, words, scales)


def test_seven_errors_of_24_in_decimals() -> None:
    """U is 2.359 without rounding, so 2.3, while unused error correction itself prints 2.4."""
    assert graded({4: 53, 0: 7}, codeword_map(size(24, 24)), 24, 24, DECIMALS) == 2.3
    assert DECIMALS["unused_error_correction"].grade(unused_share((7,), (24,))) == 2.4


def test_a_decimal_level_holds_while_the_codewords_below_are_few() -> None:
    words = codeword_map(size(24, 24))
    assert graded({3.3: 60}, words, 24, 24, DECIMALS) == 3.3
    assert graded({4: 56, 3.3: 4}, words, 24, 24, DECIMALS) == 4.0  # 4 errors leave 0.667
    assert graded({4: 55, 3.3: 5}, words, 24, 24, DECIMALS) == 3.6  # 5 errors: U = 3.694, and at 3.6 still 5
    assert graded({4: 55, 3.8: 5}, words, 24, 24, DECIMALS) == 3.8


def test_the_overlays_table_is_that_of_the_fact_sheet() -> None:
    words = codeword_map(size(24, 24))
    grades = np.full((24, 24), 4.0)
    codeword = 0
    for grade, count in {4: 50, 3: 3, 2: 3, 1: 2, 0: 2}.items():
        for _ in range(count):
            grades.ravel()[words.modules[codeword, codeword % 8]] = grade
            codeword += 1
    steps = np.pad(grades, 1).astype(np.int32).ravel()
    found = overlay(steps, np.zeros((2, steps.size), np.uint8), 0, words, SCALES)
    assert found.errors[0].tolist() == [2, 4, 7, 10]
    assert [round(100 * float(unused), 1) for unused in found.unused] == [83.3, 66.7, 41.7, 16.7]
    assert np.bincount(found.lowest, minlength=5).tolist() == [2, 2, 3, 3, 50]
    assert found.grade == 2.0


def test_the_worked_example() -> None:
    words = codeword_map(size(24, 24))
    assert graded({4: 50, 3: 3, 2: 3, 1: 2, 0: 2}, words, 24, 24) == 2.0


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, 4.0),
        ({0: 4}, 4.0),  # 1 - 8/24 = 0.667
        ({0: 5}, 3.0),  # 0.583
        ({0: 6}, 3.0),  # 0.5
        ({0: 7}, 2.0),  # 0.417
        ({0: 8}, 1.0),  # 0.333
        ({0: 9}, 1.0),  # 0.25
        ({0: 10}, 0.0),  # 0.167
        ({3: 60}, 3.0),
        ({1: 60}, 1.0),
        ({3: 60 - 10, 2: 10}, 2.0),
        ({3: 7, 2: 0}, 3.0),
    ],
)
def test_what_low_codewords_cost(counts: dict[int, int], expected: float) -> None:
    assert graded(counts, codeword_map(size(24, 24)), 24, 24) == expected


def test_modules_outside_codewords_do_not_count() -> None:
    words = codeword_map(size(24, 24))
    grades = np.zeros((24, 24))
    grades.ravel()[words.modules.ravel()] = 4.0
    assert overlay_grade(grades, words, SCALES) == 4.0


def test_blocks_are_not_pooled() -> None:
    words = codeword_map(size(52, 52))
    assert len(words.check_per_block) == 2

    def with_errors(codewords: np.ndarray) -> float:
        grades = np.full((52, 52), 4.0)
        grades.ravel()[words.modules[codewords, 0]] = 0.0
        return overlay_grade(grades, words, SCALES)

    of_one = np.flatnonzero(words.blocks == 0)[:14]
    spread = np.concatenate((np.flatnonzero(words.blocks == 0)[:7], np.flatnonzero(words.blocks == 1)[:7]))
    assert with_errors(of_one) == 1.0  # 1 - 28/42 = 0.333 in the one block
    assert with_errors(spread) == 4.0  # 1 - 14/42 = 0.667 in each


@pytest.mark.parametrize(
    ("errors", "check", "expected"),
    [
        ((7,), (24,), 1 - 14 / 24),
        ((0,), (24,), 1.0),
        ((12,), (24,), 0.0),
        ((15,), (24,), 0.0),
        ((1,), (5,), 1 - 2 / 4),
        ((1,), (7,), 1 - 2 / 6),
        ((2,), (11,), 1 - 4 / 10),
        ((3,), (15,), 1 - 6 / 14),
        ((1, 5), (42, 42), 1 - 10 / 42),
        ((0, 0, 9, 0), (36, 36, 36, 36), 0.5),
    ],
)
def test_unused_error_correction(errors: tuple[int, ...], check: tuple[int, ...], expected: float) -> None:
    assert unused_share(errors, check) == pytest.approx(expected, abs=1e-12)


def test_seven_errors_of_24_print_as_0_417() -> None:
    assert round(unused_share((7,), (24,)), 3) == 0.417


@pytest.mark.parametrize("symbol_size", SIZES, ids=lambda s: s.name)
def test_every_size_has_all_codewords_in_all_blocks(symbol_size: SymbolSize) -> None:
    words = codeword_map(symbol_size)
    assert words.modules.shape == (symbol_size.total, 8)
    assert np.unique(words.modules).size == symbol_size.total * 8
    counts = np.bincount(words.blocks)
    assert len(counts) == len(words.check_per_block) == symbol_size.blocks
    assert counts.max() - counts.min() <= 1


def steps_of(modulation: np.ndarray, scales: Scales) -> list[int]:
    """The steps of modules of this modulation: lighter than a threshold of 100 by 50 at modulation 1."""
    count = len(modulation)
    steps, colours, found = np.empty(count, np.int32), np.empty((2, count), np.uint8), np.empty(count)
    limits, unknown = scales["modulation_level"].unrounded, np.full(count, 2, np.uint8)
    outside = module_steps(100 + 50 * modulation, 100.0, 50.0, 50.0, 1, unknown, limits, TOLERANCE, found, steps, colours)
    assert outside == np.isnan(modulation).sum()
    np.testing.assert_allclose(found, np.nan_to_num(np.abs(modulation)), atol=1e-12)
    unseen = np.isnan(modulation)
    assert (colours[0] == (~(modulation > 0) & ~unseen)).all()
    assert (colours[1] == unseen).all()
    return [int(step) for step in steps]


def test_module_steps_agree_with_the_scale() -> None:
    values = np.append(np.linspace(0.0, 1.2, 2401), np.nan)
    assert steps_of(values, SCALES) == [SCALES["modulation_level"].grade(float(value)) for value in values]
    assert steps_of(-values, SCALES) == steps_of(values, SCALES)


def test_a_decimal_module_level_is_the_highest_that_its_modulation_reaches() -> None:
    """Without rounding: 0.459 lies at 3.59, so it reaches 3.5."""
    assert steps_of(np.array([0.459, 0.46, 0.5, 0.10, 0.11, 0.399999]), DECIMALS) == [35, 36, 40, 0, 1, 29]


def test_wrong_colours_against_the_expected() -> None:
    greys, expected = np.array([90.0, 110.0, 90.0, 110.0, 100.0, np.nan, np.nan]), np.array([1, 1, 0, 2, 1, 1, 2], np.uint8)
    steps, colours, found = np.empty(7, np.int32), np.empty((2, 7), np.uint8), np.empty(7)
    limits = SCALES["modulation_level"].unrounded
    assert module_steps(greys, 100.0, 20.0, 40.0, 1, expected, limits, TOLERANCE, found, steps, colours) == 2
    assert colours.tolist() == [[1, 0, 1, 0, 1, 0, 0], [0, 1, 1, 0, 0, 1, 1]]
    assert found.tolist() == [0.5, 0.25, 0.5, 0.25, 0.0, 0.0, 0.0]
    assert module_steps(greys, 100.0, 20.0, 40.0, 0, expected, limits, TOLERANCE, found, steps, colours) == 2
    assert colours[0].tolist() == [0, 1, 0, 1, 0, 0, 0]
    assert module_steps(greys, 100.0, 0.0, 0.0, 1, expected, limits, TOLERANCE, found, steps, colours) == 2
    assert not found.any()

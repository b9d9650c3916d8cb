"""The codeword overlay and unused error correction, on the worked examples."""

import numpy as np
import pytest

from vision.decode.symbol_sizes import SIZES, SymbolSize, size_of
from vision.grade.overlay import CodewordMap, codeword_map, module_grades, overlay_grade, unused_share
from vision.grade.scales import scales_of

SCALES = scales_of("15415", "2011")


def size(rows: int, columns: int) -> SymbolSize:
    found = size_of(rows, columns)
    assert found is not None
    return found


def graded(counts: dict[int, int], words: CodewordMap, rows: int, columns: int) -> float:
    """The overlay's grade when that many codewords have their worst module at each grade; all other modules are perfect."""
    grades = np.full((rows, columns), 4.0)
    codeword = 0
    for grade, count in counts.items():
        for _ in range(count):
            grades.ravel()[words.modules[codeword, codeword % 8]] = grade
            codeword += 1
    return overlay_grade(grades, words, SCALES)


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


def test_module_grades_agree_with_the_scale() -> None:
    values = np.linspace(0.0, 1.2, 2401)
    scale = SCALES["modulation_level"]
    assert module_grades(values, scale).tolist() == [scale.grade(float(value)) for value in values]

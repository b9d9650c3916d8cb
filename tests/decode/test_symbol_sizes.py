"""Sizes, placement and error correction agree with a foreign encoder for every size there is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.decode.rendering import SIZES, modules
from vision.decode import symbol_sizes
from vision.decode.codewords import correct
from vision.decode.encodation import read_message
from vision.decode.placement import codewords_of, modules_of, placement
from vision.types import Modules


def sure(bits: np.ndarray) -> Modules:
    return Modules(bits, np.ones(bits.shape, np.float32))


def test_all_sizes_of_both_standards_are_there() -> None:
    assert [size.name for size in symbol_sizes.SIZES] == SIZES
    assert (len(symbol_sizes.SQUARE), len(symbol_sizes.RECTANGULAR), len(symbol_sizes.EXTENDED)) == (24, 6, 18)


@pytest.mark.parametrize("size", symbol_sizes.SIZES, ids=lambda size: size.name)
def test_every_module_has_one_meaning(size: symbol_sizes.SymbolSize) -> None:
    place = placement(size)
    used = np.zeros(size.rows * size.columns, int)
    np.add.at(used, place.bit_module, 1)
    assert (used + place.fixed.ravel() == 1).all()
    assert size.data + size.check == size.total
    assert size.check % size.blocks == 0


@pytest.mark.parametrize("name", SIZES)
def test_a_foreign_symbol_of_every_size_is_read_without_a_correction(name: str) -> None:
    bits = modules("Q7", name)
    corrected = correct(sure(bits))
    assert corrected is not None
    assert sum(corrected.changed) == 0
    assert read_message(corrected.data).payload == b"Q7"
    assert (corrected.bits == bits).all()


def test_144x144_is_read_in_both_orders_of_check_codewords_that_are_printed() -> None:
    text = b"Q7" * 300
    for unskewed in (False, True):
        bits = modules(text.decode(), "144x144", unskewed_144=unskewed)
        assert correct(sure(bits), unskewed_144=not unskewed) is None
        corrected = correct(sure(bits), unskewed_144=unskewed)
        assert corrected is not None
        assert read_message(corrected.data).payload == text
        assert (corrected.bits == bits).all()


@pytest.mark.parametrize("name", ["12x12", "24x24", "52x52", "16x48", "144x144"])
def test_as_many_wrong_codewords_as_there_are_pairs_of_check_codewords_are_corrected(name: str) -> None:
    rng = np.random.default_rng(7)
    size = symbol_sizes.SIZES[SIZES.index(name)]
    true = modules("Q7", name)
    words = codewords_of(true, size)
    limit = size.check_per_block // 2
    for block in range(size.blocks):
        hit = rng.choice(np.arange(block, size.total, size.blocks), limit, replace=False)
        words[hit] ^= rng.integers(1, 256, limit).astype(np.uint8)
    corrected = correct(sure(modules_of(words, size)))
    assert corrected is not None
    assert corrected.changed == (limit,) * size.blocks
    assert (corrected.bits == true).all()


def test_noise_is_never_a_symbol() -> None:
    rng = np.random.default_rng(11)
    for size in symbol_sizes.SIZES[:10] + symbol_sizes.RECTANGULAR:
        for _ in range(200):
            bits = placement(size).pattern.copy()
            free = ~placement(size).fixed
            bits[free] = rng.integers(0, 2, int(free.sum()))
            corrected = correct(sure(bits))
            assert corrected is None or not corrected.sure()


def test_a_poor_finder_is_not_enough_for_a_read_at_the_limit() -> None:
    size = symbol_sizes.SIZES[0]
    true = modules("Q7", size.name)
    words = codewords_of(true, size)
    words[:2] ^= 0x5A
    at_limit = modules_of(words, size)
    corrected = correct(sure(at_limit))
    assert corrected is not None and corrected.sure() and not corrected.sure(first=False)
    at_limit[0, :6] ^= 1
    corrected = correct(sure(at_limit))
    assert corrected is not None and not corrected.sure()


@pytest.mark.parametrize("name", SIZES)
def test_all_that_the_standard_lets_correct_is_sure_at_the_first_look(name: str) -> None:
    size = symbol_sizes.SIZES[SIZES.index(name)]
    words = codewords_of(modules("7", name), size)
    block = np.arange(size.total) % size.blocks == 0
    words[np.flatnonzero(block)[: size.check_per_block // 2]] ^= 0x5A
    corrected = correct(sure(modules_of(words, size)))
    assert corrected is not None and corrected.sure()
    # In the other blocks nothing was wrong: the block that had most to correct is what counts.
    assert corrected.check_bits < 8 * size.check_per_block


def test_the_chance_of_a_false_read_is_as_reckoned() -> None:
    """Random codewords in 10x10 with two erased and one error corrected: 2**-13.4 by the formula, counted here."""
    size = symbol_sizes.SIZES[0]
    rng = np.random.default_rng(2)
    tries, passed, bits = 30_000, 0, []
    for _ in range(tries):
        seen = Modules(placement(size).pattern.copy(), np.ones((10, 10), np.float32))
        words = rng.integers(0, 256, size.total).astype(np.uint8)
        seen.bits[:] = modules_of(words, size)
        corrected = correct(seen, erasures=2)
        if corrected is not None:
            passed += 1
            bits.append(corrected.check_bits)
    chance = 2.0 ** -min(bits)
    assert 8 * 3 - 8 - 2.6 < min(bits) < 8 * 3 - 8 - 2.5
    assert abs(passed - tries * chance) < 4 * (tries * chance) ** 0.5 + 1


def test_erasing_the_weakest_codewords_reads_more_than_errors_alone() -> None:
    rng = np.random.default_rng(5)
    size = symbol_sizes.SIZES[SIZES.index("24x24")]
    true = modules("Q7", size.name)
    words = codewords_of(true, size)
    hit = rng.choice(size.total, 14, replace=False)
    words[hit] ^= 0xFF
    modules_seen = sure(modules_of(words, size))
    modules_seen.confidence.ravel()[placement(size).bit_module.reshape(-1, 8)[hit]] = 0.05
    assert correct(modules_seen) is None
    corrected = correct(modules_seen, erasures=14)
    assert corrected is not None
    assert corrected.erasures == 14
    assert (corrected.bits == true).all()

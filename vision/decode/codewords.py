"""Module matrix to corrected codewords, and how sure that is.

Confirmed reads only: the chance that noise passes as a symbol is bounded, counting both the check codewords left unspent
and the finder pattern seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, log2

import numpy as np
import numpy.typing as npt

from kernels.reed_solomon import correct_blocks
from vision.decode.placement import Bits, codewords_of, modules_of, placement
from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.types import Modules

NEEDED_BITS = 44.0
"""Evidence below which a read is refused: a frame tries up to some thousand hypotheses (2**12), a line 2**26 frames."""

NEEDED_CHECK_BITS = 14.0
"""Of these, what the check codewords must give alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """The codewords after error correction.

    data: the data codewords. bits: (rows, columns) uint8, the true modules with finder. changed: codewords changed per block.
    erasures: codewords declared untrusted, over all blocks. evidence_bits: -log2 of the chance that noise gets this far.
    """

    size: SymbolSize
    data: bytes
    bits: Bits
    changed: tuple[int, ...]
    erasures: int
    evidence_bits: float


def finder_bits(bits: Bits, size: SymbolSize) -> float:
    """How much the finder seen says against chance, in bits: its modules, times what one is worth at the error rate seen."""
    place = placement(size)
    count = int(place.finder.sum())
    wrong = int((bits[place.finder] != place.pattern[place.finder]).sum())
    if wrong == 0:
        return float(count)
    rate = wrong / count
    if rate >= 0.5:
        return 0.0
    return count * (1 + rate * log2(rate) + (1 - rate) * log2(1 - rate))


def check_bits(size: SymbolSize, changed: tuple[int, ...], erased: tuple[int, ...]) -> float:
    """-log2 of the chance that random codewords lie this near to a valid block, over all blocks."""
    total = 0.0
    for block, (errors, erasures) in enumerate(zip(changed, erased, strict=True)):
        count = (size.total - block + size.blocks - 1) // size.blocks
        tries = log2(comb(count, min(errors, count)))
        total += 8.0 * (size.check_per_block - erasures) - 8.0 * errors - tries
    return total


def correct(modules: Modules, erasures: int = 0, unskewed_144: bool = False) -> Corrected | None:
    """Corrects the codewords of sampled modules; None where they cannot be, or not with enough evidence.

    erasures: how many codewords per block, those with the weakest modules, are declared untrusted.
    unskewed_144: take each round of check codewords of 144x144 to start with block 0; most encoders go on counting, so that it
        starts with block 8. Both are printed.
    """
    size = size_of(*modules.bits.shape)
    if size is None:
        return None
    words = codewords_of(modules.bits, size)
    order = _order_144(size) if unskewed_144 else None
    if order is not None:
        words = words[order]
    erased = _weakest(modules, size, erasures)
    changed = np.zeros(size.blocks, np.int32)
    before = words.copy()
    if not correct_blocks(words, erased, size.blocks, size.check_per_block, changed):
        return None
    erased_count = tuple(int(erased[block :: size.blocks].sum()) for block in range(size.blocks))
    outside = (words != before) & ~erased
    errors = tuple(int(outside[block :: size.blocks].sum()) for block in range(size.blocks))
    certain = check_bits(size, errors, erased_count)
    evidence = certain + finder_bits(modules.bits, size)
    if certain < NEEDED_CHECK_BITS or evidence < NEEDED_BITS:
        return None
    data = words[: size.data].tobytes()
    if order is not None:
        printed = np.empty_like(words)
        printed[order] = words
        words = printed
    changes = tuple(int(count) for count in changed)
    return Corrected(size, data, modules_of(words, size), changes, sum(erased_count), evidence)


def _weakest(modules: Modules, size: SymbolSize, count: int) -> npt.NDArray[np.bool_]:
    """The `count` codewords of each block whose weakest module is weakest."""
    erased = np.zeros(size.total, np.bool_)
    if count <= 0:
        return erased
    confidence = modules.confidence.ravel()[placement(size).bit_module].reshape(-1, 8).min(axis=1)
    for block in range(size.blocks):
        order = np.argsort(confidence[block :: size.blocks], kind="stable")[:count]
        erased[block + size.blocks * order] = True
    return erased


def _order_144(size: SymbolSize) -> npt.NDArray[np.int64] | None:
    """Where the codewords of 144x144 lie when the check codewords start with block 0 instead of block 8."""
    if size.data % size.blocks == 0:
        return None
    order = np.arange(size.total)
    check = order[size.data :]
    block = check % size.blocks
    row = (check - size.data) // size.blocks
    # The check codeword of round `row` of this block, in the printed order that starts each round with block 0.
    order[size.data :] = size.data + row * size.blocks + block
    return order

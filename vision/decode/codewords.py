"""Module matrix to corrected codewords, and how sure that is.

Confirmed reads only: the chance that noise passes as a symbol is bounded, counting both the check codewords left unspent
and the finder pattern seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from math import comb, inf, log2

import numpy as np
import numpy.typing as npt

from kernels.reed_solomon import correct_blocks
from kernels.symbols import TOLD, read_greys
from kernels.threshold import finder_errors
from vision.decode.placement import Bits, Placement, codewords_of, modules_of, placement
from vision.decode.sample import Greys
from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.types import Modules

FINDER_LEAST = 14.0
"""Evidence of the finder, in bits, below which error correction is not tried."""

NEEDED_BITS = 44.0
"""Evidence, with that of the finder, below which a read is refused: a frame tries up to some thousand hypotheses (2**12), a line
2**26 frames."""

FIRST_CHECK_BITS = 19.0
"""Of these, what the check codewords must give alone where a place is looked at for the first time: its finder may be true and its
codewords wrong. All that the standard lets correct suffices: 10x10 with two errors, the least sure of all, has 19.2."""

AGAIN_CHECK_BITS = 24.0
"""The same where a place is looked at once more: sharpened, with codewords erased, in another view. There are up to 2**8 such looks
at a place, so that all of them together are no likelier to go wrong than the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """The codewords after error correction.

    data: the data codewords. bits: (rows, columns) uint8, the true modules with finder. changed: codewords changed per block.
    erasures: codewords declared untrusted, over all blocks. check_bits, finder_bits: -log2 of the chance that noise gets so far in
    error correction and in the finder.
    """

    size: SymbolSize
    data: bytes
    bits: Bits
    changed: tuple[int, ...]
    erasures: int
    check_bits: float
    finder_bits: float

    def sure(self, first: bool = True) -> bool:
        """Whether the evidence suffices to call it read. first: it comes from the first look at the place."""
        needed = FIRST_CHECK_BITS if first else AGAIN_CHECK_BITS
        return self.check_bits >= needed and self.check_bits + self.finder_bits >= NEEDED_BITS


def finder_bits(bits: Bits, size: SymbolSize) -> float:
    """How much the finder seen says against chance, in bits: its modules, times what one is worth at the error rate seen."""
    place, evidence, _ = _finder_of(size)
    return evidence[int(finder_errors(bits, place.layout))]


@cache
def _finder_of(size: SymbolSize) -> tuple[Placement, tuple[float, ...], int]:
    """The placement of a size, the evidence of its finder by how many modules are wrong, and the most wrong with which error
    correction is tried."""
    place = placement(size)
    evidence = tuple(_finder_bits(place.finder_count, wrong) for wrong in range(place.finder_count + 1))
    return place, evidence, sum(bits >= FINDER_LEAST for bits in evidence) - 1


def _finder_bits(count: int, wrong: int) -> float:
    if wrong == 0:
        return float(count)
    rate = wrong / count
    if rate >= 0.5:
        return 0.0
    return count * (1 + rate * log2(rate) + (1 - rate) * log2(1 - rate))


@lru_cache(maxsize=1024)
def check_bits(size: SymbolSize, changed: tuple[int, ...], erased: tuple[int, ...]) -> float:
    """-log2 of the chance that random codewords lie this near to a valid block, in the block where that is likeliest.

    changed: codewords found wrong per block, those erased not counted. erased: codewords declared untrusted per block. The
    likeliest block and not the sum over all: the others can be right and this one wrong.
    """
    least = inf
    for block, (errors, erasures) in enumerate(zip(changed, erased, strict=True)):
        count = (size.total - block + size.blocks - 1) // size.blocks
        tries = log2(comb(max(count - erasures, errors), errors))
        least = min(least, 8.0 * (size.check_per_block - erasures) - 8.0 * errors - tries)
    return least


def look_at(greys: Greys, sharpen: float, size: SymbolSize) -> tuple[Modules, float, Corrected | None]:
    """Judges the modules of a symbol, as `judged`: they, the evidence of their finder in bits, and what `correct` makes of them,
    which is tried where that reaches FINDER_LEAST.

    greys: (rows + 2, columns + 2) float32 with the ring around; sharpen: as of `judged`.
    """
    shape = size.rows, size.columns
    bits, confidence, true_bits = np.empty(shape, np.uint8), np.empty(shape, np.float32), np.empty(shape, np.uint8)
    words, told = np.empty(size.total, np.uint8), np.empty(TOLD + size.blocks, np.int32)
    place, evidence, most_wrong = _finder_of(size)
    check, blocks = size.check_per_block, size.blocks
    read_greys(greys, sharpen, place.bit_module, place.layout, most_wrong, blocks, check, bits, confidence, true_bits, words, told)
    wrong, good, *changed = told.tolist()
    modules = Modules(bits, confidence)
    if not good:
        return modules, evidence[wrong], None
    changes = tuple(changed)
    certain = check_bits(size, changes, (0,) * blocks)
    data = words[: size.data].tobytes()
    return modules, evidence[wrong], Corrected(size, data, true_bits, changes, 0, certain, evidence[wrong])


def correct(modules: Modules, erasures: int = 0, unskewed_144: bool = False) -> Corrected | None:
    """Corrects the codewords of sampled modules; None where they cannot be. Whether to believe it stands in `Corrected.sure`.

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
    changes = tuple(changed.tolist())
    errors, erased_count = changes, (0,) * size.blocks
    if erasures > 0:
        erased_count = tuple(int(erased[block :: size.blocks].sum()) for block in range(size.blocks))
        outside = (words != before) & ~erased
        errors = tuple(int(outside[block :: size.blocks].sum()) for block in range(size.blocks))
    certain = check_bits(size, errors, erased_count)
    data = words[: size.data].tobytes()
    if order is not None:
        printed = np.empty_like(words)
        printed[order] = words
        words = printed
    return Corrected(size, data, modules_of(words, size), changes, sum(erased_count), certain, finder_bits(modules.bits, size))


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

"""The codeword overlay of modulation and reflectance margin: which codewords a module harms, and what that costs.

ISO/IEC 15415: a low module counts only as far as error correction would have to mend it. The placement of codewords comes from
the decoder's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from kernels.damage import codewords_below
from vision.decode.placement import placement
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.scales import Scales

Steps = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class CodewordMap:
    """Where the codewords of a symbol lie.

    modules: (codewords, 8) int32, indices of each codeword's modules, counted row by row over the whole symbol.
    ringed: the same, counted over the symbol with its ring of quiet-zone modules.
    blocks: (codewords,) int32, the Reed-Solomon block of each. check_per_block: check codewords of each block.
    budget: (blocks, 1) float64, d - p: check codewords less p = d mod 2.
    """

    modules: npt.NDArray[np.int32]
    ringed: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]
    check_per_block: tuple[int, ...]
    budget: npt.NDArray[np.float64]


@cache
def codeword_map(size: SymbolSize) -> CodewordMap:
    """The map of one symbol size: codeword n of the placed stream belongs to block n mod blocks (ISO/IEC 16022, interleaving)."""
    blocks = np.arange(size.total, dtype=np.int32) % np.int32(size.blocks)
    modules = placement(size).bit_module.reshape(-1, 8)
    row, column = np.divmod(modules, size.columns)
    ringed = ((row + 1) * (size.columns + 2) + column + 1).astype(np.int32)
    check = size.check_per_block
    for array in (blocks, ringed):
        array.setflags(write=False)
    return CodewordMap(modules, ringed, blocks, (check,) * size.blocks, np.full((size.blocks, 1), float(check - check % 2)))


def unused_share(errors: Sequence[int], check_per_block: Sequence[int]) -> float:
    """The lowest share, over the blocks, of error correction left: 1 - 2t / (d - p), p = d mod 2, not below 0 (ISO/IEC 15415)."""
    return max(0.0, min(1.0 - 2.0 * t / (d - d % 2) for t, d in zip(errors, check_per_block, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """What low codewords cost. Index k of the arrays over steps is step k + 1 (grade (k + 1) / per_grade).

    grade: the highest level g at which the codewords below g, counted as errors, leave a notional error correction of grade g.
    lowest: (codewords,) int32, the step of each codeword: that of the lowest of its eight modules.
    errors: (blocks, steps) int32, codewords of each block below each step.
    unused: (steps,) float64, the notional unused error correction of the worst block.
    """

    grade: float
    lowest: npt.NDArray[np.int32]
    errors: npt.NDArray[np.int32]
    unused: npt.NDArray[np.float64]


def overlay(steps: Steps, words: CodewordMap, scales: Scales) -> Overlay:
    """The overlay of modulation, reflectance margin or cell modulation.

    steps: ((rows + 2) * (columns + 2),) int32, the step of each module, ring included.
    max over g of min(g, U(g)) and the highest g with U(g) >= g are the same number: errors grow with g.
    """
    below = np.empty((len(words.check_per_block), scales.steps + 1), np.int32)
    lowest = np.empty(len(words.ringed), np.int32)
    codewords_below(steps, words.ringed, words.blocks, below, lowest)
    errors = below[:, 1:]
    unused = (1.0 - 2.0 * errors / words.budget).min(axis=0)
    scale = scales["unused_error_correction"]
    step = int(np.count_nonzero(scale.met(unused, scale.unrounded)))
    return Overlay(step / scales.per_grade, lowest, errors, unused)


def wrong_codewords(wrong: npt.NDArray[np.bool_], words: CodewordMap) -> tuple[int, ...]:
    """How many codewords of each block hold a module of the wrong colour; wrong: ((rows + 2) * (columns + 2),) bool."""
    below = np.empty((len(words.check_per_block), 2), np.int32)
    codewords_below((~wrong).astype(np.int32), words.ringed, words.blocks, below, np.empty(len(words.ringed), np.int32))
    return tuple(below[:, 1].tolist())

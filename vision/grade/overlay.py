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

from kernels.damage import codewords_below, overlay_step
from vision.decode.placement import placement
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.scales import Scales

Steps = npt.NDArray[np.int32]
Colours = npt.NDArray[np.uint8]


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
    budget = np.full((size.blocks, 1), float(check - check % 2))
    for array in (blocks, ringed, budget):
        array.setflags(write=False)
    return CodewordMap(modules, ringed, blocks, (check,) * size.blocks, budget)


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


def overlay(steps: Steps, colours: Colours, counted: int, words: CodewordMap, scales: Scales) -> Overlay:
    """The overlay of modulation, reflectance margin or cell modulation.

    steps: ((rows + 2) * (columns + 2),) int32, the step of each module, ring included.
    colours: (2, ...) uint8, as measured and whether known to be wrong. counted: 1 takes a wrong colour for step 0, else 0.
    max over g of min(g, U(g)) and the highest g with U(g) >= g are the same number: errors grow with g.
    """
    below = np.empty((len(words.check_per_block), scales.steps + 1), np.int32)
    lowest = np.empty(len(words.ringed), np.int32)
    unused = np.empty(scales.steps)
    codewords_below(steps, colours, counted, words.ringed, words.blocks, below, lowest)
    step = overlay_step(below, words.budget, scales["unused_error_correction"].unrounded_bounds, unused)
    return Overlay(step / scales.per_grade, lowest, below[:, 1:], unused)


def wrong_codewords(steps: Steps, colours: Colours, words: CodewordMap) -> list[int]:
    """How many codewords of each block hold a module of the wrong colour; arguments as of `overlay`."""
    below = np.empty((len(words.check_per_block), 2), np.int32)
    codewords_below(steps, colours, 2, words.ringed, words.blocks, below, np.empty(len(words.ringed), np.int32))
    errors: list[int] = below[:, 1].tolist()
    return errors

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

from vision.decode.placement import placement
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.scales import Scale, Scales

Grades = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CodewordMap:
    """Where the codewords of a symbol lie.

    modules: (codewords, 8) int, indices of each codeword's modules, counted row by row over the whole symbol.
    blocks: (codewords,) int, the Reed-Solomon block of each. check_per_block: check codewords of each block.
    """

    modules: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]
    check_per_block: tuple[int, ...]


@cache
def codeword_map(size: SymbolSize) -> CodewordMap:
    """The map of one symbol size: codeword n of the placed stream belongs to block n mod blocks (ISO/IEC 16022, interleaving)."""
    blocks = np.arange(size.total, dtype=np.int32) % np.int32(size.blocks)
    return CodewordMap(placement(size).bit_module.reshape(-1, 8), blocks, (size.check_per_block,) * size.blocks)


def unused_share(errors: Sequence[int], check_per_block: Sequence[int]) -> float:
    """The lowest share, over the blocks, of error correction left: 1 - 2t / (d - p), p = d mod 2, not below 0 (ISO/IEC 15415)."""
    return max(0.0, min(1.0 - 2.0 * t / (d - d % 2) for t, d in zip(errors, check_per_block, strict=True)))


def module_grades(values: npt.NDArray[np.float64], scale: Scale) -> Grades:
    """The grade of each value of an array, as the scale would give it one by one."""
    limits = np.array([float(limit) for limit in scale.limits])
    grades: Grades = (values[..., np.newaxis] >= limits - 1e-9).sum(axis=-1).astype(np.float64)
    return grades


def overlay_grade(grades: Grades, words: CodewordMap, scales: Scales) -> float:
    """The grade of modulation or reflectance margin: the highest level g, with codewords below g counted as errors.

    grades: (rows, columns) float64, the grade of each module of the symbol.
    """
    lowest = grades.ravel()[words.modules].min(axis=1)
    uec = scales["unused_error_correction"]
    best = 0.0
    for level in scales.levels:
        if best >= level:
            break
        errors = np.bincount(words.blocks[lowest < level], minlength=len(words.check_per_block))
        best = max(best, min(level, uec.grade(unused_share([int(t) for t in errors], words.check_per_block))))
    return best

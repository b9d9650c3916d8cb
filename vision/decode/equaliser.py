"""What blur and small pixels have mixed, taken apart: the finder, whose modules are known, teaches how neighbours mix.

A linear filter over a module and its neighbours, by least squares: first to give back the finder's modules, then those of all
modules as it judged them. A lens, a moving pack and an enlarged picture mix rows and columns differently; no kernel is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from vision.decode.placement import placement
from vision.decode.sample import Greys
from vision.decode.symbol_sizes import SymbolSize
from vision.types import Modules

AROUND = 9
"""Modules whose mean grey is taken out of each, so that uneven light says nothing."""

RIDGE = 0.02
"""Pull of the filter towards none, as a share of the modules it learns from."""

ROUNDS = (1, 2, 2)
"""Neighbours to each side that the filter sees in each round: 3x3 learnt from the finder alone, then twice 5x5 from all modules."""


def equalised(greys: Greys, size: SymbolSize) -> Iterator[Modules]:
    """The modules after each round of learning, each made when it is asked for.

    greys: (rows + 2, columns + 2) float32 of the modules with the ring around them, light and dark exchanged where inverted.
    """
    place = placement(size)
    known = place.finder.ravel()
    print_of = 1.0 - 2.0 * place.pattern.ravel()  # dark = -1
    greys = np.ascontiguousarray(greys)
    even = (greys - cv2.blur(greys, (AROUND, AROUND), borderType=cv2.BORDER_REFLECT_101)).astype(np.float64)
    even /= max(float(even.std()), 1e-3)
    target, weight = print_of, known.astype(np.float64)
    for reach in ROUNDS:
        near = _neighbours(even, reach)
        learn = near * weight[:, None]
        ridge = RIDGE * float(weight.sum()) * np.eye(near.shape[1])
        ridge[-1, -1] *= 1e-3  # the constant is free
        told = near @ np.linalg.solve(learn.T @ near + ridge, learn.T @ target)
        bits = (told < 0).astype(np.uint8).reshape(size.rows, size.columns)
        yield Modules(bits, np.minimum(np.abs(told), 1.0).astype(np.float32).reshape(bits.shape))
        target = np.where(known, print_of, np.sign(told))
        weight = np.where(known, 1.0, np.minimum(np.abs(told), 1.0))


def _neighbours(even: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """Of each module (rows * columns) the greys within reach of it, row by row, and 1 at the end."""
    rows, columns = even.shape[0] - 2, even.shape[1] - 2
    wide = np.pad(even, reach - 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * reach + 1, 2 * reach + 1))
    return np.concatenate((windows.reshape(rows * columns, -1), np.ones((rows * columns, 1))), axis=1)

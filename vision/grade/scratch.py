"""Scratch memory of the grader: arrays kept from symbol to symbol, so that nothing as large as a symbol is allocated in a frame.

Nothing in it changes a result: everything is written before it is read.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

VIEWS = 512
"""Shapes remembered: symbols come in few sizes, but their reference images in many."""


class Scratch:
    """Named arrays that grow to the largest size asked for; one per inspector, never shared by threads."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Any], npt.NDArray[Any]] = {}
        self._views: dict[tuple[str, tuple[int, ...], Any], npt.NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
        """A C-contiguous array with undefined contents; it is valid until the same name is asked for again."""
        view = self._views.get((name, shape, dtype))
        if view is not None:
            return view
        count = math.prod(shape)
        held = self._held.get((name, dtype))
        if held is None or held.size < count:
            self._views.clear()  # they lie in the arrays that are outgrown
            held = self._held[name, dtype] = np.empty(count, dtype)
        if len(self._views) >= VIEWS:
            self._views.clear()
        view = self._views[name, shape, dtype] = held[:count].reshape(shape)
        return view

"""Scratch memory of the grader: arrays kept from symbol to symbol, so that nothing as large as a symbol is allocated in a frame.

Nothing in it changes a result: everything is written before it is read.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


class Scratch:
    """Named arrays that grow to the largest size asked for; one per inspector, never shared by threads."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], npt.NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
        """A C-contiguous array with undefined contents; it is valid until the same name is asked for again."""
        key = (name, np.dtype(dtype).str)
        count = math.prod(shape)
        held = self._held.get(key)
        if held is None or held.size < count:
            held = self._held[key] = np.empty(count, dtype)
        return held[:count].reshape(shape)

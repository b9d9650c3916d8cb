"""What to look for in a frame, and the scratch memory to look with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vision.decode.second_opinion import SecondOpinion

POLARITIES = ("both", "dark", "light")


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for.

    symbol_count: symbols expected in a frame; the search stops when they are read. None: unknown, the whole budget is used.
    polarity: "dark" (finder dark on light), "light" (light on dark) or "both".
    sizes: allowed (rows, columns), None for every size of the standards.
    effort: the budget in work units per expected symbol, so that the same frame gives the same result on any machine. A
        glance at a region costs 2, a look into it 8, a candidate tried 7, a guess at the size of a doubtful one 18, each further
        try of error correction at a place 2, the search of a pyramid level for regions 1 for 65536 of its pixels;
        a unit is about 0.04 ms.
    extra_effort: work units for one code too many, spent on the most promising places once symbol_count symbols were read;
        0 = the search ends there. Only what is read counts as one too many: printed text can look like a finder.
    rescues: whether a picture that was not fully read is searched again, with the same budget each time: at twice its size, with a
        light border, without specks. For pictures of unknown origin; a station's camera is set up so that it needs none.
    second_opinion_ms: time libdmtx may take for a frame that was not fully read, in milliseconds; 0 = it is not asked.
    """

    symbol_count: int | None = None
    polarity: str = "both"
    sizes: tuple[tuple[int, int], ...] | None = None
    effort: int = 1250
    extra_effort: int = 0
    rescues: bool = False
    second_opinion_ms: float = 0.0

    @property
    def units(self) -> int:
        """The budget of a frame, in work units."""
        return self.effort * (self.symbol_count or 1)

    def __post_init__(self) -> None:
        if self.polarity not in POLARITIES:
            raise ValueError(f"polarity must be one of {', '.join(POLARITIES)}, not {self.polarity!r}")
        if self.symbol_count is not None and self.symbol_count < 1:
            raise ValueError(f"symbol_count must be at least 1 or None, not {self.symbol_count}")
        if self.effort < 1:
            raise ValueError(f"effort must be at least 1, not {self.effort}")
        if self.extra_effort < 0:
            raise ValueError(f"extra_effort must not be negative, not {self.extra_effort}")
        if not self.second_opinion_ms >= 0:
            raise ValueError(f"second_opinion_ms must not be negative, not {self.second_opinion_ms}")


class Workspace:
    """Scratch arrays, grown on demand and used again for the next frame.

    Nothing in it influences a result: an array is handed out with unknown content, and its user writes it before reading.
    """

    def __init__(self) -> None:
        self._memory: dict[str, npt.NDArray[np.uint8]] = {}
        self._last: dict[str, tuple[tuple[int, ...], Any, npt.NDArray[Any]]] = {}
        self._second_opinion: SecondOpinion | None = None

    @property
    def second_opinion(self) -> SecondOpinion:
        """The child process that is asked for a second opinion; started when it is first asked."""
        if self._second_opinion is None:
            self._second_opinion = SecondOpinion()
        return self._second_opinion

    def close(self) -> None:
        """Ends the child process, if there is one; the workspace can be used on."""
        if self._second_opinion is not None:
            self._second_opinion.close()

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
        """A C-contiguous array of this shape and type, content unknown, valid until the same name is asked for again."""
        # Mostly the same is asked for as last time: 0.2 us instead of 1.2, 20 times a frame.
        last = self._last.get(name)
        if last is not None and last[0] == shape and last[1] is dtype:
            return last[2]
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            memory = np.empty(size, np.uint8)
            self._memory[name] = memory
        array: npt.NDArray[Any] = memory[:size].view(kind).reshape(shape)
        self._last[name] = shape, dtype, array
        return array


class Effort:
    """What is left of a budget of work units."""

    def __init__(self, units: int) -> None:
        self.left = units
        self.last = False

    def limit(self, units: int) -> None:
        """No more than this from now on, and no second pass."""
        self.left = units
        self.last = True

    def spend(self, units: int) -> bool:
        """Takes units from the budget; False when it is used up."""
        self.left -= units
        return self.left >= 0

"""Counting low modules: steps of grade, codewords below each step, lines of modules below each step. Counts only: no limit of a
standard is known here, and no grade is given.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f64, i32, i64, kernel, u8

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

RUN = 5
"""Adjacent modules of a clock track that are looked at together."""


@kernel(i64(array(f64, 1), array(f64, 1, True), f64, array(i32, 1)))
def steps_of(values: Floats, limits: Floats, tolerance: float, steps: Integers) -> int:
    """Fills how many of the ascending limits each value meets (a nan none); gives the number of values.

    values: (n,) float64. limits: (k,) float64, ascending; a value within the tolerance below a limit meets it. steps: (n,) int32.
    """
    for n in range(values.shape[0]):
        low, high = 0, limits.shape[0]
        value = values[n] + tolerance
        while low < high:
            middle = (low + high) >> 1
            if value >= limits[middle]:
                low = middle + 1
            else:
                high = middle
        steps[n] = low
    return int(values.shape[0])


@kernel(i64(array(i32, 1), array(i32, 2, True), array(i32, 1, True), array(i32, 2), array(i32, 1)))
def codewords_below(steps: Integers, modules: Integers, blocks: Integers, below: Integers, lowest: Integers) -> int:
    """Fills, for each Reed-Solomon block and step, how many codewords lie below that step; gives the number of codewords.

    steps: (n,) int32 of each module. modules: (codewords, 8) int32, indices into steps. blocks: (codewords,) int32.
    below: (blocks, top + 1) int32, top the highest step. lowest: (codewords,) int32, filled with each codeword's lowest step.
    """
    below[:] = 0
    top = below.shape[1] - 1
    for word in range(modules.shape[0]):
        low = top
        for bit in range(modules.shape[1]):
            low = min(low, steps[modules[word, bit]])
        lowest[word] = low
        if low < top:
            below[blocks[word], low + 1] += 1
    for block in range(below.shape[0]):
        for step in range(1, top + 1):
            below[block, step] += below[block, step - 1]
    return int(modules.shape[0])


@kernel(i64(array(i32, 1), array(u8, 1), array(i32, 1, True), array(i32, 1, True), i64, array(i32, 2), array(i32, 2)))
def lines_below(
    steps: Integers, colours: Bytes, modules: Integers, starts: Integers, passing: int, below: Integers, marks: Integers
) -> int:
    """Fills, for each line of modules and step, how many of its modules lie below that step; gives the number of lines.

    steps: (n,) int32 of each module in its role. colours: (n,) uint8, measured. modules: indices of all lines' modules, one line
    after the other; line k is modules[starts[k]:starts[k + 1]]. passing: modules of a run of RUN that may lie below a step.
    below: (lines, top + 1) int32. marks: (lines, 2) int32: changes of colour along the line, and the highest step at which no run
    of RUN has more than `passing` modules below it.
    """
    below[:] = 0
    top = below.shape[1] - 1
    for line in range(starts.shape[0] - 1):
        first, end = starts[line], starts[line + 1]
        changes = 0
        for k in range(first, end):
            step = steps[modules[k]]
            if step < top:
                below[line, step + 1] += 1
            changes += k > first and colours[modules[k]] != colours[modules[k - 1]]
        for step in range(1, top + 1):
            below[line, step] += below[line, step - 1]
        regular = top
        for k in range(first, end - RUN + 1):
            # The (passing + 1)-th lowest of the run: above it, more than `passing` lie below.
            for j in range(k, k + RUN):
                step = steps[modules[j]]
                lower = 0
                for i in range(k, k + RUN):
                    other = steps[modules[i]]
                    lower += other < step or (other == step and i < j)
                if lower == passing:
                    regular = min(regular, step)
        marks[line, 0] = changes
        marks[line, 1] = regular
    return int(starts.shape[0] - 1)

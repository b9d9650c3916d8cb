"""Counting low modules: the step that each reaches, codewords below each step, lines of modules below each step.

All limits come as arrays (vision/grade/scales.py): no limit of a standard is known here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f32, f64, i32, i64, kernel, u8

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

RUN = 5
"""Adjacent modules of a clock track that are looked at together."""


@kernel(
    i64(array(f64, 1), f64, f64, f64, i64, array(u8, 1, True), array(f64, 1, True), f64, array(f64, 1), array(i32, 1), array(u8, 2))
)
def module_steps(
    greys: Floats,
    threshold: float,
    dark_span: float,
    light_span: float,
    dark_colour: int,
    expected: Bytes,
    limits: Floats,
    tolerance: float,
    modulation: Floats,
    steps: Integers,
    colours: Bytes,
) -> int:
    """Fills modulation, step and colour of each module; gives how many were not seen (grey nan): modulation 0 and a wrong colour.

    greys: (n,) float64. threshold: dark is at or below it. dark_span, light_span: from the threshold to modulation 1 on either
    side; where
    one is not positive there is no contrast, and no modulation. dark_colour: what a dark module's colour is called, 0 or 1.
    expected: (n,) uint8, the colour of each module by its role, 2 where it is not known. limits: (k,) float64, ascending; a
    value within the tolerance below a limit meets it: its step is the number of limits met.
    modulation: (n,) float64. steps: (n,) int32. colours: (2, n) uint8: as measured, and 1 where that is known to be wrong.
    """
    outside = 0
    count = limits.shape[0]
    flat = dark_span <= 0.0 or light_span <= 0.0
    for n in range(greys.shape[0]):
        grey = greys[n]
        if np.isnan(grey):
            outside += 1
            modulation[n] = 0.0
            steps[n] = 0
            colours[0, n] = 1 - expected[n] if expected[n] < 2 else 0
            colours[1, n] = 1
            continue
        away = grey - threshold
        value = 0.0 if flat else away / light_span if away > 0.0 else -away / dark_span
        modulation[n] = value
        value += tolerance
        low, high = 0, count
        while low < high:
            middle = (low + high) >> 1
            if value >= limits[middle]:
                low = middle + 1
            else:
                high = middle
        steps[n] = low
        colour = dark_colour if away <= 0.0 else 1 - dark_colour
        colours[0, n] = colour
        colours[1, n] = expected[n] < 2 and colour != expected[n]
    return outside


@kernel(i64(array(f64, 1), array(f64, 1), array(i32, 1), array(u8, 2), f64, f64, f64, array(f32, 2)))
def module_maps(
    greys: Floats, modulation: Floats, steps: Integers, colours: Bytes, black: float, span: float, per_grade: float, maps: Singles
) -> int:
    """Fills what reports keep of each module: reflectance, modulation, grade by modulation, wrong colour; gives their number.

    greys to colours: as of module_steps. black: grey of reflectance 0; span: from there to 1. per_grade: steps to one grade.
    maps: (4, n) float32.
    """
    for n in range(greys.shape[0]):
        maps[0, n] = (greys[n] - black) / span
        maps[1, n] = modulation[n]
        maps[2, n] = steps[n] / per_grade
        maps[3, n] = colours[1, n]
    return int(greys.shape[0])


@kernel(i64(array(f64, 1), array(i32, 2, True)))
def lowest_module(values: Floats, modules: Integers) -> int:
    """Gives the module with the lowest value, the first in reading order of several.

    values: (n,) float64. modules: (codewords, 8) int32, indices into values: those that are looked at.
    """
    lowest = modules[0, 0]
    for word in range(modules.shape[0]):
        for bit in range(modules.shape[1]):
            module = modules[word, bit]
            if values[module] < values[lowest] or (values[module] == values[lowest] and module < lowest):
                lowest = module
    return int(lowest)


@kernel(i64(array(i32, 1), array(u8, 2), i64, array(i32, 2, True), array(i32, 1, True), array(i32, 2), array(i32, 1)))
def codewords_below(
    steps: Integers, colours: Bytes, counted: int, modules: Integers, blocks: Integers, below: Integers, lowest: Integers
) -> int:
    """Fills, for each Reed-Solomon block and step, how many codewords lie below that step; gives the number of codewords.

    steps: (n,) int32 of each module. colours: (2, n) uint8 as filled by module_steps. counted: 1 takes a wrong colour for step
    0; 2 looks at colours alone: a codeword with a wrong one is at 0, any other at the top.
    modules: (codewords, 8) int32, indices into steps. blocks: (codewords,) int32.
    below: (blocks, top + 1) int32, top the highest step. lowest: (codewords,) int32, filled with each codeword's lowest step.
    """
    below[:] = 0
    top = below.shape[1] - 1
    for word in range(modules.shape[0]):
        low = top
        for bit in range(modules.shape[1]):
            module = modules[word, bit]
            if counted > 0 and colours[1, module] == 1:
                low = 0
            elif counted < 2:
                low = min(low, steps[module])
        lowest[word] = low
        if low < top:
            below[blocks[word], low + 1] += 1
    for block in range(below.shape[0]):
        for step in range(1, top + 1):
            below[block, step] += below[block, step - 1]
    return int(modules.shape[0])


@kernel(i64(array(i32, 2), array(f64, 2, True), array(f64, 1, True), array(f64, 1)))
def overlay_step(below: Integers, budget: Floats, bounds: Floats, unused: Floats) -> int:
    """Gives the highest step whose bound the notional unused error correction of every block reaches.

    below: (blocks, top + 1) int32 as filled by codewords_below. budget: (blocks, 1) float64, check codewords that count.
    bounds: (top,) float64, the least share for step k + 1. unused: (top,) float64, filled with the worst block's share, 1 - 2
    t / budget.
    """
    best = 0
    for step in range(1, below.shape[1]):
        least = 1.0
        for block in range(below.shape[0]):
            least = min(least, 1.0 - 2.0 * below[block, step] / budget[block, 0])
        unused[step - 1] = least
        if least >= bounds[step - 1]:
            best = step
    return best


@kernel(
    i64(
        array(i32, 1),
        array(u8, 2),
        array(i32, 1, True),
        array(i32, 1, True),
        i64,
        array(f64, 1, True),
        array(f64, 1, True),
        i64,
        array(i32, 2),
    )
)
def line_steps(
    steps: Integers,
    colours: Bytes,
    modules: Integers,
    starts: Integers,
    bars: int,
    bar_bounds: Floats,
    track_bounds: Floats,
    passing: int,
    out: Integers,
) -> int:
    """Fills, for each line of modules, the highest step at which few enough of its modules lie below it; gives the number of lines.

    steps, colours: as filled by module_steps; a module of the wrong colour lies below every step.
    modules: int32, indices of all lines' modules, one line after the other; line k is modules[starts[k]:starts[k + 1]].
    bars: how many lines are bars; the others are clock tracks, each followed by its solid line.
    bar_bounds, track_bounds: (top,) float64, the largest share of modules below step k + 1. passing: modules of a run of RUN
    of a clock track that may lie below a step.
    out: (lines, 2) int32: that step (of a clock track by regularity too), and changes of colour along the line.
    """
    top = bar_bounds.shape[0]
    below = np.empty(top + 1, np.int32)
    lines = starts.shape[0] - 1
    for line in range(lines):
        first, end = starts[line], starts[line + 1]
        bounds = bar_bounds if line < bars else track_bounds
        below[:] = 0
        changes = 0
        for k in range(first, end):
            module = modules[k]
            step = 0 if colours[1, module] == 1 else steps[module]
            if step < top:
                below[step + 1] += 1
            changes += k > first and colours[0, module] != colours[0, modules[k - 1]]
        regular = top
        if line >= bars and (line - bars) % 2 == 0:
            for k in range(first, end - RUN + 1):
                # The (passing + 1)-th lowest of the run: above it, more than `passing` lie below.
                for j in range(k, k + RUN):
                    step = 0 if colours[1, modules[j]] == 1 else steps[modules[j]]
                    lower = 0
                    for i in range(k, k + RUN):
                        other = 0 if colours[1, modules[i]] == 1 else steps[modules[i]]
                        lower += other < step or (other == step and i < j)
                    if lower == passing:
                        regular = min(regular, step)
        best = 0
        for step in range(1, top + 1):
            below[step] += below[step - 1]
            if step <= regular and below[step] / (end - first) <= bounds[step - 1]:
                best = step
        out[line, 0] = best
        out[line, 1] = changes
    return int(lines)

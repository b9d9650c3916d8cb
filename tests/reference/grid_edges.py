"""Slow twins of kernels/grid_edges.py and grid_lines.py: levels, edges and grid lines by plain least squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def value_at(image: Floats, x: float, y: float) -> float:
    """Bilinear interpolation."""
    c, r = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - c, y - r
    block = image[r : r + 2, c : c + 2].astype(np.float64)
    return float(np.array([1 - fy, fy]) @ block @ np.array([1 - fx, fx]))


def levels(
    value: Floats, colour: Floats, beyond: float, stray: float, faint: float, ridge: float, weight: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Least squares of each module's value on what it is made of, how well that explains it (1 to 0), what it misses.

    value, colour (1 light, -1 dark): (rows + 2, columns + 2). Terms: half level and its run, half range and its run, sides,
    diagonals and unequal pairs, the last three as far as they differ from a plane patch of the module's colour.
    """
    rows, columns = value.shape
    around = np.pad(colour, 1, constant_values=beyond)
    v, u = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    sides = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    diagonals = around[:-2, :-2] + around[:-2, 2:] + around[2:, :-2] + around[2:, 2:]
    terms = [np.ones_like(u), u, v, colour, colour * u, colour * v, sides - 4 * colour, diagonals - 4 * colour, colour * sides - 4]
    made = np.stack([term.ravel() for term in terms], axis=1)
    w = np.ones(value.size) if weight is None else weight.ravel()
    found = np.linalg.solve(made.T @ (made * w[:, np.newaxis]) + ridge * np.eye(9), made.T @ (w * value.ravel()))
    missed = (value.ravel() - made @ found).reshape(value.shape)
    share = (missed / (faint * found[3])) ** 2
    return found, np.clip(1 - (missed / (stray * found[3])) ** 2, 0, None) ** 2, missed * share / (share + 1)


def edges(
    image: Floats,
    extended: Floats,
    inverted: bool,
    value: Floats,
    level: Floats,
    weight: Floats,
    missed: Floats,
    delta: float,
    growth: tuple[float, float],
) -> dict[tuple[str, int, int], tuple[float, float, float]]:
    """Offset from the grid line, in modules, sign and weight of each edge, by ("across" or "down", line, place).

    value: (rows + 2, columns + 2), the image at the modules' centres. level: (9,) as of `levels`. weight, missed: of each module.
    """
    middle = (extended[:-1, :-1] + extended[1:, :-1] + extended[:-1, 1:] + extended[1:, 1:]) / 4
    rows, columns = middle.shape[:2]
    v, u = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    half = level[0] + level[1] * u + level[2] * v
    span = level[3] + level[4] * u + level[5] * v
    colour = np.where(value < half, -1.0, 1.0)
    found = {}
    for name, dr, dc, wide in (("across", 0, 1, growth[0]), ("down", 1, 0, growth[1])):
        raw = {}
        for r in range(rows - dr):
            for c in range(columns - dc):
                place, line = (r - 1, c) if name == "across" else (c - 1, r)
                if not 0 <= place < (rows if name == "across" else columns) - 2 or colour[r, c] == colour[r + dr, c + dc]:
                    continue
                w = weight[r, c] * weight[r + dr, c + dc]
                if w == 0:
                    continue
                sign = colour[r, c] * (1 if inverted else -1)
                axis = middle[r + dr, c + dc] - middle[r, c]
                at = (extended[r + dr, c + dc] + extended[r + 1, c + 1]) / 2 + sign * wide / 2 * axis
                before, behind = value_at(image, *(at - delta * axis)), value_at(image, *(at + delta * axis))
                # The model's half levels and spans, and half of what it misses of either module.
                local = (span[r, c] + span[r + dr, c + dc] + colour[r, c] * (missed[r, c] - missed[r + dr, c + dc])) / 2
                level_between = (half[r, c] + half[r + dr, c + dc] + missed[r, c] + missed[r + dr, c + dc]) / 2
                response = colour[r, c] * ((before + behind) / 2 - level_between) / local
                raw[name, line, place] = response, sign, w, colour[r, c] * (before - behind) / local
        slope = sum(w * rise for _, _, w, rise in raw.values()) / sum(w for _, _, w, _ in raw.values()) / (2 * delta)
        found.update({key: (response / slope + sign * wide / 2, sign, w) for key, (response, sign, w, _) in raw.items()})
    return found


def shifts(edge: Floats, outlier: float, ridge: float) -> Floats:
    """Weighted least squares of the offset on its terms and a constant per line; each term gets `ridge` more edges of zero."""
    count = edge.shape[2] - 2
    rows = []
    values = []
    for line in range(edge.shape[0]):
        for offset, *terms, weight in edge[line]:
            if abs(offset) <= outlier:
                rows.append(np.sqrt(weight) * np.concatenate((terms, np.arange(edge.shape[0]) == line)))
                values.append(np.sqrt(weight) * offset)
    for term in range(count):
        rows.append(np.sqrt(ridge) * (np.arange(count + edge.shape[0]) == term))
        values.append(0.0)
    return np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0][:count]


def offsets(
    edge: Floats, shift: Floats, reach: int, lines: int, ridge: float, slope_ridge: float, outlier: float, own: bool
) -> Floats:
    """Where each grid line lies at each intersection: a plane through the neighbouring edges, then the line's own."""
    count, places = edge.shape[:2]
    value = edge[:, :, 0] - edge[:, :, 1:-1] @ shift
    weight = np.where(np.isnan(value), 0.0, 1.0)
    if own:
        weight = np.where(np.isnan(value), 0.0, edge[:, :, -1] * np.clip(1 - (value / outlier) ** 2, 0, None) ** 2)
    value = np.nan_to_num(value)
    out = np.zeros((count, places + 1))
    for line in range(count):
        for at in range(places + 1):
            t = np.arange(places) + 0.5 - at
            away = np.arange(count)[:, np.newaxis] - line
            near_t = np.where(np.abs(t) < reach, (1 - (t / reach) ** 2) ** 2, 0.0)
            near_l = np.where(np.abs(away) <= lines, (1 - (away / (lines + 1)) ** 2) ** 2, 0.0)
            w = (weight * near_t * near_l).ravel()
            columns = np.stack(
                [np.ones(count * places), np.broadcast_to(t, value.shape).ravel(), np.broadcast_to(away, value.shape).ravel()]
            )
            normal = columns * w @ columns.T + np.diag([0.0, slope_ridge, slope_ridge])
            plane = np.linalg.solve(normal, columns * w @ value.ravel())
            out[line, at] = plane[0]
            if own:
                w = weight[line] * near_t
                columns = np.stack([np.ones(places), t])
                rest = value[line] - plane[0] - plane[1] * t
                out[line, at] += np.linalg.solve(columns * w @ columns.T + ridge * np.eye(2), columns * w @ rest)[0]
    return out


def kept(weight: Floats, wrong: Floats, stained: int) -> Floats:
    """The weights of the modules, 0 where one is wrong or has `stained` wrong ones among its eight neighbours.

    weight, wrong (bool): (rows + 2, columns + 2).
    """
    around = np.pad(wrong, 1).astype(int)
    rows, columns = weight.shape
    out = weight.copy()
    for r in range(rows):
        for c in range(columns):
            beside = around[r : r + 3, c : c + 3].sum() - around[r + 1, c + 1]
            if wrong[r, c] or beside >= stained:
                out[r, c] = 0.0
    return out

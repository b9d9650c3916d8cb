"""Slow twins of kernels/grid_edges.py and grid_lines.py: edges by fine steps, grid lines by plain least squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
STEPS = 12


def value_at(image: Floats, x: float, y: float) -> float:
    """Bilinear interpolation."""
    c, r = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - c, y - r
    block = image[r : r + 2, c : c + 2].astype(np.float64)
    return float(np.array([1 - fy, fy]) @ block @ np.array([1 - fx, fx]))


def edges(
    image: Floats, extended: Floats, inverted: bool, neighbourhood: int, contrast: float
) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Offset from the grid line, in modules, and sign of each edge, by ("across" or "down", line, place)."""
    middle = (extended[:-1, :-1] + extended[1:, :-1] + extended[:-1, 1:] + extended[1:, 1:]) / 4
    rows, columns = middle.shape[:2]
    grey = np.array([[value_at(image, *middle[r, c]) for c in range(columns)] for r in range(rows)])
    level = np.empty_like(grey)
    for r in range(rows):
        for c in range(columns):
            near = grey[max(0, r - neighbourhood) : r + neighbourhood + 1, max(0, c - neighbourhood) : c + neighbourhood + 1]
            level[r, c] = (near.min() + near.max()) / 2
    found = {}
    for r in range(rows):
        for c in range(columns):
            for name, dr, dc in (("across", 0, 1), ("down", 1, 0)):
                if r + dr >= rows or c + dc >= columns:
                    continue
                place, line = (r - 1, c) if name == "across" else (c - 1, r)
                if not 0 <= place < (rows if name == "across" else columns) - 2:
                    continue
                a, b = grey[r, c], grey[r + dr, c + dc]
                if abs(a - b) < contrast * (grey.max() - grey.min()):
                    continue
                half = (level[r, c] + level[r + dr, c + dc]) / 2
                start, end = middle[r, c], middle[r + dr, c + dc]
                shares = np.arange(STEPS + 1) / STEPS
                profile = np.array([value_at(image, *(start + (end - start) * share)) for share in shares]) - half
                changes = np.flatnonzero((profile[1:] < 0) != (profile[:-1] < 0))
                if len(changes) != 1:
                    continue
                k = int(changes[0])
                share = shares[k] + profile[k] / (profile[k] - profile[k + 1]) / STEPS
                corner = extended[r + dr, c + dc]
                other = extended[r + 1, c + 1]
                axis = end - start
                away = start + axis * share - (corner + other) / 2
                dark_first = (a < b) != inverted
                found[name, line, place] = (float(away @ axis / (axis @ axis)), 1.0 if dark_first else -1.0)
    return found


def shifts(edge: Floats, outlier: float) -> Floats:
    """Weighted least squares of the offset on three terms and a constant per line; each term gets one more edge of zero."""
    rows = []
    values = []
    for line in range(edge.shape[0]):
        for offset, *terms, weight in edge[line]:
            if abs(offset) <= outlier:
                rows.append(np.sqrt(weight) * np.concatenate((terms, np.arange(edge.shape[0]) == line)))
                values.append(np.sqrt(weight) * offset)
    for term in range(3):
        rows.append((np.arange(3 + edge.shape[0]) == term).astype(np.float64))
        values.append(0.0)
    return np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0][:3]


def offsets(
    edge: Floats, shift: Floats, reach: int, lines: int, ridge: float, slope_ridge: float, outlier: float, own: bool
) -> Floats:
    """Where each grid line lies at each intersection: a plane through the neighbouring edges, then the line's own."""
    count, places = edge.shape[:2]
    value = edge[:, :, 0] - edge[:, :, 1:4] @ shift
    weight = np.where(np.isnan(value), 0.0, 1.0)
    if own:
        weight = np.where(np.isnan(value), 0.0, edge[:, :, 4] * np.clip(1 - (value / outlier) ** 2, 0, None) ** 2)
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

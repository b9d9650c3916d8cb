"""The picture kernels of the decoder in plain Python, one loop per idea."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def halve(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Means of 2x2 pixels, halves rounded up."""
    rows, columns = frame.shape[0] // 2, frame.shape[1] // 2
    mean = frame[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).astype(float).mean(axis=(1, 3))
    return np.floor(mean + 0.5).astype(np.uint8)


def block_gradients(picture: npt.NDArray[np.uint8]) -> Array:
    """(5, h // 8, w // 8): sums over each second row of m^2 times 1, cos 2a, sin 2a, cos 4a, sin 4a."""
    rows, columns = picture.shape[0] // 8, picture.shape[1] // 8
    out = np.zeros((5, rows, columns))
    for y in range(1, picture.shape[0] - 1, 2):
        for x in range(1, picture.shape[1] - 1):
            gx = float(picture[y, x + 1]) - float(picture[y, x - 1])
            gy = float(picture[y + 1, x]) - float(picture[y - 1, x])
            energy, angle = gx * gx + gy * gy, math.atan2(gy, gx)
            if y // 8 < rows and x // 8 < columns:
                for harmonic, wave in enumerate(
                    (1.0, math.cos(2 * angle), math.sin(2 * angle), math.cos(4 * angle), math.sin(4 * angle))
                ):
                    out[harmonic, y // 8, x // 8] += energy * wave
    return out


def parts_above(both: npt.NDArray[np.float32], level: float, least: int) -> list[set[tuple[int, int]]]:
    """The 8-connected sets of blocks at or above a level, those with at least so many blocks."""
    open_blocks = {(int(r), int(c)) for r, c in zip(*np.nonzero(both >= level), strict=True)}
    parts = []
    while open_blocks:
        part, edge = set(), [open_blocks.pop()]
        while edge:
            row, column = edge.pop()
            part.add((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & open_blocks
            open_blocks -= near
            edge += near
        if len(part) >= least:
            parts.append(part)
    return parts


def parts_of(picture: npt.NDArray[np.uint8], quiet: float, noisy: float, least: int) -> list[list[float]]:
    """The parts of a picture's map of blocks at each level, the lowest first: rows of 12 as `cut_blocks` gives them.

    The map is cut after a mean over 3x3 blocks, the border's repeated; the lowest level is twice the lower fifth's energy per
    pixel, but within quiet and noisy.
    """
    sums = block_gradients(picture)
    padded = np.pad(sums[:3], ((0, 0), (1, 1), (1, 1)), mode="edge") / 32 / 9
    near = [padded[:, r : r + sums.shape[1], c : c + sums.shape[2]] for r in range(3) for c in range(3)]
    energy, even, odd = np.sum(near, axis=0)
    both = (energy - np.hypot(even, odd)).astype(np.float32)
    level = min(max(2 * float(np.sort(energy.ravel())[energy.size // 5]), quiet), noisy)
    rows = []
    while (both >= level).any():
        for part in sorted(parts_above(both, level, least), key=min):
            totals = [sum(float(plane[at]) for at in part) for plane in (both, *sums)]
            angle = math.atan2(totals[5], totals[4]) / 4
            along = [(c + 0.5) * math.cos(angle) + (r + 0.5) * math.sin(angle) for r, c in part]
            across = [(r + 0.5) * math.cos(angle) - (c + 0.5) * math.sin(angle) for r, c in part]
            rows.append([len(part), *totals, angle, min(along), max(along), min(across), max(across)])
        level *= 3
    return rows


def bilinear(picture: npt.NDArray[np.uint8], x: float, y: float) -> float:
    """The grey between four pixel centres; outside, that of the nearest place on the rim."""
    x, y = min(max(x, 0), picture.shape[1] - 1), min(max(y, 0), picture.shape[0] - 1)
    total = 0.0
    for j in (math.floor(y), math.floor(y) + 1):
        for i in (math.floor(x), math.floor(x) + 1):
            weight = max(0.0, 1 - abs(x - i)) * max(0.0, 1 - abs(y - j))
            if weight:
                total += weight * float(picture[j, i])
    return total


def strip_edges(patch: npt.NDArray[np.float32]) -> Array:
    """Mean of right minus left neighbour over strips of 8 rows."""
    out = np.zeros((patch.shape[0] // 8, patch.shape[1]))
    for k in range(out.shape[0]):
        for x in range(1, patch.shape[1] - 1):
            out[k, x] = np.mean([float(patch[y, x + 1]) - float(patch[y, x - 1]) for y in range(8 * k, 8 * k + 8)])
    return out


def best_run(edges: npt.NDArray[np.float32], x: int, sign: int, slopes: list[float], price: float) -> float:
    """The largest sum of (sign * edge - price) over consecutive strips of a line through x at the middle strip."""
    strips, columns = edges.shape
    best = 0.0
    for slope in slopes:
        gains = []
        for k in range(strips):
            at = x + round(slope * (k - (strips - 1) / 2))
            gains.append(sign * float(edges[k, at]) - price if 0 <= at < columns else None)
        for first in range(strips):
            total = 0.0
            for gain in gains[first:]:
                if gain is None:
                    break
                total += gain
                best = max(best, total)
    return best


def comb(profile: Array, origin: float, pitch: float) -> float:
    """Energy on the teeth of a comb less that between them, as a share."""
    mean = profile.mean()
    energy = np.minimum(profile, 3 * mean) - mean
    wave = np.cos(2 * np.pi * (np.arange(profile.size) - origin) / pitch)
    return float((energy * wave).sum() / np.abs(energy).sum())


def unit_square_to(quad: Array) -> Array:
    """The (3, 3) map of (0, 0), (1, 0), (1, 1), (0, 1) to the four places of a quad."""
    rows, places = [], []
    for (u, v), (x, y) in zip(((0, 0), (1, 0), (1, 1), (0, 1)), quad, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        places += [x, y]
    return np.append(np.linalg.solve(np.array(rows, float), np.array(places, float)), 1.0).reshape(3, 3)


def side_waves(picture: npt.NDArray[np.uint8], outline: Array, counts: list[int], samples: tuple[int, ...]) -> Array:
    """(4, n, 4): each side's correlation with sin and cos of pi count t half a module inside, its mean grey and deviation."""
    out = np.zeros((4, len(counts), 4))
    out[:, :, 0] = -2
    for side in range(4):
        quad = np.roll(outline, -side, axis=0)
        to_frame = unit_square_to(quad)
        along = (math.dist(quad[0], quad[1]) + math.dist(quad[3], quad[2])) / 2
        inward = (math.dist(quad[0], quad[3]) + math.dist(quad[1], quad[2])) / 2
        left = sorted((count for count in counts if along >= 1.5 * count), reverse=True)
        while left:
            pitch = along / left[0]
            group = [count for count in left if along < 2 * pitch * count]
            left = left[len(group) :]
            number = next((many for many in samples if many >= 3 * group[0]), samples[-1])
            greys = []
            for i in range(number):
                x, y, w = to_frame @ ((i + 0.5) / number, min(0.7 * pitch / inward, 0.5), 1.0)
                greys.append(bilinear(picture, x / w, y / w))
            mean, deviation = float(np.mean(greys)), float(np.std(greys))
            for count in group:
                turns = [math.pi * count * (i + 0.5) / number for i in range(number)]
                share = math.sqrt(2) / (number * (deviation + 1))
                in_phase = share * sum((mean - grey) * math.sin(turn) for grey, turn in zip(greys, turns, strict=True))
                quadrature = share * sum((mean - grey) * math.cos(turn) for grey, turn in zip(greys, turns, strict=True))
                out[side, counts.index(count)] = (in_phase, quadrature, mean, deviation)
    return out


def unlike_finder(left: float, right: float, top: float, bottom: float) -> float:
    """Standard deviation of four sides' log slopes of grey, 0.7 added to two that follow each other and are dashed; the least."""
    arrangements = []
    for dashed_upright in (0, 1):
        for dashed_level in (0, 1):
            uprights, levels = [left, right], [top, bottom]
            uprights[dashed_upright] += 0.7
            levels[dashed_level] += 0.7
            arrangements.append(float(np.std(uprights + levels)))
    return min(arrangements)

"""Least squares of a few unknowns: the normal equations with a ridge, solved in place."""

from __future__ import annotations

from typing import Any

from kernels._jit import helper


@helper
def solve_ridge(normal: Any, right: Any, ridge: Any) -> None:
    """Solves (normal + ridge) x = right; x is left in `right`, `normal` is used up.

    normal: (n, n), symmetric and not negative, as sums of squares are; right: (n,). The ridge stands for that many observations
    which say "nothing", and makes the matrix positive definite, so that no pivot is looked for.
    """
    unknowns = right.shape[0]
    for i in range(unknowns):
        normal[i, i] += ridge
    for i in range(unknowns):
        for j in range(i + 1, unknowns):
            share = normal[j, i] / normal[i, i]
            for k in range(i, unknowns):
                normal[j, k] -= share * normal[i, k]
            right[j] -= share * right[i]
    for i in range(unknowns - 1, -1, -1):
        for k in range(i + 1, unknowns):
            right[i] -= normal[i, k] * right[k]
        right[i] /= normal[i, i]

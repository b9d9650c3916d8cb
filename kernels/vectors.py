"""What a loop cannot tell the compiler: memory wanted soon, and sums of 16-bit products side by side.

Each is an instruction or two of any CPU, written in LLVM's own words; LLVM makes of them what the CPU has. Bounds are not checked,
not in the lane for it either: callers show first that a place lies inside.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 16
"""Pixels side by side whose gradients `gradient_sums` takes at once: two blocks of 8."""

_BYTES, _SHORTS, _WORDS, _PAIRS = (ir.VectorType(ir.IntType(bits), n) for bits, n in ((8, 16), (16, 16), (32, 16), (32, 8)))
_SMALL, _PLACE = ir.IntType(32), ir.IntType(64)


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """Asks for the memory of array[index] (1-d) without waiting for it; it changes nothing else."""
    signature = types.void(array, index)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.gep(_data(context, builder, signature, arguments, 0), [arguments[1]])
        place = builder.bitcast(place, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, _SMALL, _SMALL, _SMALL])
        # To read, into the second level of caches, data.
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind), [place, _SMALL(0), _SMALL(2), _SMALL(1)]
        )
        return context.get_dummy_value()

    return signature, emit


@intrinsic  # type: ignore[untyped-decorator]
def gradient_sums(typingctx: Any, picture: Any, y: Any, x: Any, below: Any, inside: Any, whole: Any, out: Any) -> Any:
    """Products of gradients of LANES columns from column x on, summed over rows y + 1, y + 3, y + 5, y + 7 and pairs of columns.

    picture: (h, w) uint8. inside: (w,) int16, -1 for each column with a neighbour on both sides, 0 for others, which count
    nothing. below: y + 8; where the picture has no such row, its last one, and whole is 0 (else -1): row y + 7 counts nothing.
    out: (3, n) int32; from x // 2 on, each pair's sum of gx^2 + gy^2, gx^2 - gy^2 and 2 gx gy. x is even.
    """
    signature = types.void(picture, y, x, below, inside, whole, out)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        greys, mask, sums = (_data(context, builder, signature, arguments, k) for k in (0, 4, 6))
        width, step = (_row_length(context, builder, signature, arguments, k) for k in (0, 6))
        _, y, x, below, _, whole, _ = arguments

        def row(at: Any, shift: int) -> Any:
            place = builder.add(builder.mul(at, width), builder.add(x, _PLACE(shift)))
            return builder.zext(_load(builder, greys, place, _BYTES), _SHORTS)

        def pairs(a: Any, b: Any) -> Any:
            products = builder.mul(builder.sext(a, _WORDS), builder.sext(b, _WORDS), flags=["nsw"])
            first, second = (_picked(builder, products, range(k, LANES, 2)) for k in (0, 1))
            return builder.add(first, second)

        counted = _load(builder, mask, x, _SHORTS)
        last = _picked(builder, builder.insert_element(ir.Constant(_SHORTS, ir.Undefined), whole, _SMALL(0)), [0] * LANES)
        totals = [ir.Constant(_PAIRS, None)] * 3
        north = row(y, 0)
        for k in range(1, 8, 2):
            end = k == 7
            middle = builder.sub(below, _PLACE(1)) if end else builder.add(y, _PLACE(k))
            south = row(below if end else builder.add(y, _PLACE(k + 1)), 0)
            counts = builder.and_(counted, last) if end else counted
            gx = builder.and_(builder.sub(row(middle, 1), row(middle, -1)), counts)
            gy = builder.and_(builder.sub(south, north), counts)
            north = south
            totals = [builder.add(total, pairs(a, b)) for total, (a, b) in zip(totals, ((gx, gx), (gy, gy), (gx, gy)), strict=True)]
        xx, yy, xy = totals
        for k, value in enumerate((builder.add(xx, yy), builder.sub(xx, yy), builder.add(xy, xy))):
            place = builder.add(builder.mul(_PLACE(k), step), builder.lshr(x, _PLACE(1)))
            builder.store(value, builder.bitcast(builder.gep(sums, [place]), _PAIRS.as_pointer()), align=4)
        return context.get_dummy_value()

    return signature, emit


def _data(context: Any, builder: Any, signature: Any, arguments: Any, k: int) -> Any:
    """Where the elements of an argument, an array, lie."""
    return context.make_array(signature.args[k])(context, builder, arguments[k]).data


def _row_length(context: Any, builder: Any, signature: Any, arguments: Any, k: int) -> Any:
    """Elements of a row of an argument, a C-contiguous array of two dimensions."""
    return builder.extract_value(context.make_array(signature.args[k])(context, builder, arguments[k]).shape, 1)


def _load(builder: Any, data: Any, place: Any, kind: Any) -> Any:
    """The elements of an array side by side from a place on."""
    return builder.load(builder.bitcast(builder.gep(data, [place]), kind.as_pointer()), align=1)


def _picked(builder: Any, vector: Any, lanes: Any) -> Any:
    """The lanes of a vector in another order."""
    picks = list(lanes)
    return builder.shuffle_vector(
        vector, ir.Constant(vector.type, ir.Undefined), ir.Constant(ir.VectorType(_SMALL, len(picks)), picks)
    )

"""Reed-Solomon of ISO/IEC 16022 in plain Python: encoding by long division, checking by evaluation."""

from __future__ import annotations


def multiply(a: int, b: int) -> int:
    """Product in GF(256) by shift and add, modulo x^8 + x^5 + x^3 + x^2 + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x12D
        b >>= 1
    return product


def generator(check: int) -> list[int]:
    """(x - a)(x - a^2) ... (x - a^check), highest power first, a = 2."""
    poly = [1]
    root = 1
    for _ in range(check):
        root = multiply(root, 2)
        poly = [left ^ multiply(right, root) for left, right in zip([*poly, 0], [0, *poly], strict=True)]
    return poly


def encode(data: list[int], check: int) -> list[int]:
    """The check codewords of one block: the remainder of data times x^check."""
    divisor = generator(check)
    rest = data + [0] * check
    for place in range(len(data)):
        factor = rest[place]
        for offset, coefficient in enumerate(divisor):
            rest[place + offset] ^= multiply(factor, coefficient)
    return rest[len(data) :]


def is_codeword(block: list[int], check: int) -> bool:
    """Whether the block vanishes at a^1 ... a^check."""
    root = 1
    for _ in range(check):
        root = multiply(root, 2)
        total = 0
        for word in block:
            total = multiply(total, root) ^ word
        if total:
            return False
    return True

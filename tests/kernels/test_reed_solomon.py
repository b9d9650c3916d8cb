"""Error correction keeps the promise of Reed-Solomon: what is within the limit comes back, nothing else passes unnoticed."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.reed_solomon import correct_blocks
from tests.reference import reed_solomon

CHECKS = (5, 7, 10, 11, 12, 14, 15, 18, 20, 24, 28, 36, 42, 56, 62, 68)
PROPERTY = settings(max_examples=120, deadline=None, derandomize=True, database=None)


def block(rng: random.Random, check: int) -> list[int]:
    data = [rng.randrange(256) for _ in range(rng.randint(1, 120))]
    return data + reed_solomon.encode(data, check)


def run(words: list[int], erased: list[int], check: int) -> tuple[bool, list[int], int]:
    array, mask, changed = np.array(words, np.uint8), np.zeros(len(words), np.bool_), np.zeros(1, np.int32)
    mask[erased] = True
    good = correct_blocks(array, mask, 1, check, changed)
    return bool(good), array.tolist(), int(changed[0])


@PROPERTY
@given(st.sampled_from(CHECKS), st.integers(0, 2**32))
def test_errors_and_erasures_within_the_limit_are_corrected(check: int, seed: int) -> None:
    rng = random.Random(seed)
    true = block(rng, check)
    erasures = rng.randint(0, min(check, len(true)))
    errors = rng.randint(0, min((check - erasures) // 2, len(true) - erasures))
    places = rng.sample(range(len(true)), erasures + errors)
    seen = list(true)
    for place in places[:erasures]:
        seen[place] = rng.randrange(256)
    for place in places[erasures:]:
        seen[place] ^= rng.randint(1, 255)
    good, corrected, changed = run(seen, places[:erasures], check)
    assert good
    assert corrected == true
    assert changed == sum(a != b for a, b in zip(seen, true, strict=True))


@PROPERTY
@given(st.sampled_from(CHECKS), st.integers(0, 2**32))
def test_beyond_the_limit_it_fails_or_finds_another_codeword_within_it(check: int, seed: int) -> None:
    rng = random.Random(seed)
    true = block(rng, check)
    errors = min(check // 2 + rng.randint(1, 4), len(true))
    seen = list(true)
    for place in rng.sample(range(len(true)), errors):
        seen[place] ^= rng.randint(1, 255)
    good, corrected, changed = run(seen, [], check)
    if not good:
        assert corrected == seen
        assert changed == -1
    else:
        assert reed_solomon.is_codeword(corrected, check)
        assert changed <= check // 2


def test_more_erasures_than_check_codewords_are_refused() -> None:
    true = block(random.Random(1), 10)
    seen = [true[0] ^ 1, *true[1:]]
    assert run(seen, list(range(min(11, len(true)))), 10)[0] is (len(true) < 11)


def test_interleaved_blocks_are_corrected_one_by_one() -> None:
    rng = random.Random(9)
    blocks = [[rng.randrange(256) for _ in range(length)] for length in (15, 15, 14)]
    coded = [data + reed_solomon.encode(data, 12) for data in blocks]
    true = [coded[k % 3][k // 3] for k in range(sum(map(len, coded)))]
    words = np.array(true, np.uint8)
    words[[0, 3, 7, 2]] ^= 77  # two in block 0, one each in 1 and 2
    changed = np.zeros(3, np.int32)
    assert correct_blocks(words, np.zeros(words.size, np.bool_), 3, 12, changed)
    assert words.tolist() == true
    assert changed.tolist() == [2, 1, 1]

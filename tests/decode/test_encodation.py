"""The message is what the encoder was given, in every encodation; a stream that no encoder makes is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.decode.rendering import SIZES, modules
from vision.decode.codewords import correct
from vision.decode.encodation import EncodationError, Message, read_message
from vision.types import Modules, StructuredAppend


def message_of(bits: np.ndarray) -> Message:
    corrected = correct(Modules(bits, np.ones(bits.shape, np.float32)))
    assert corrected is not None
    return read_message(corrected.data)


LATIN = st.characters(min_codepoint=1, max_codepoint=255, blacklist_characters="\x80", blacklist_categories=("Cs",))
ALPHABETS = {
    "digits": st.text("0123456789", min_size=1, max_size=60),
    "C40": st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789", min_size=1, max_size=60),
    "Text": st.text("abcdefghijklmnopqrstuvwxyz 0123456789", min_size=1, max_size=60),
    "X12": st.text("\r*> 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=60),
    "EDIFACT": st.text([chr(c) for c in range(32, 95)], min_size=1, max_size=60),
    "Base256": st.text([chr(c) for c in range(161, 256)], min_size=1, max_size=60),
    "mixed": st.lists(
        st.one_of(
            st.text("0123456789", min_size=1, max_size=12),
            st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=9),
            st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9),
            st.text([chr(c) for c in range(33, 127)], min_size=1, max_size=9),
            st.text([chr(c) for c in range(161, 256)], min_size=1, max_size=9),
        ),
        min_size=1,
        max_size=8,
    ).map("".join),
}


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_what_was_encoded_is_read(alphabet: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(ALPHABETS[alphabet])
    def holds(text: str) -> None:
        read = message_of(modules(text))
        assert read.payload == text.encode("latin-1")
        assert read.symbology_identifier == "]d1"

    holds()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_encoded_is_read_in_every_size(size: str) -> None:
    """Payloads of mixed runs, so that every encodation turns up, each grown until the size holds no more."""
    rng = np.random.default_rng(SIZES.index(size))
    runs = [
        b"0123456789",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ ",
        b"abcdefghijklmnopqrstuvwxyz ",
        b"\r*> 09AZ",
        bytes(range(32, 95)),
        bytes(256),
    ]
    runs[-1] = bytes(range(256))
    full = 0
    for _ in range(6):
        payload = b""
        while True:
            run = runs[rng.integers(len(runs))]
            longer = payload + bytes(rng.choice(np.frombuffer(run, np.uint8), rng.integers(1, 24)))
            try:
                bits = modules(longer, size)
            except RuntimeError:
                break
            payload = longer
            assert message_of(bits).payload == payload
        full += bool(payload)
    assert full or size == "10x10"
    assert message_of(modules("7", size)).payload == b"7"


@pytest.mark.parametrize("designator", [3, 26, 126, 127, 899, 16382, 16383, 20000, 810899])
def test_an_interpretation_is_told_where_it_begins(designator: int) -> None:
    read = message_of(modules("ABC", eci=designator))
    assert (read.payload, read.eci, read.symbology_identifier) == (b"ABC", ((0, designator),), "]d4")


@pytest.mark.parametrize(("position", "total", "file"), [(1, 2, (1, 1)), (3, 7, (5, 9)), (16, 16, (254, 254))])
def test_a_part_of_a_message_says_which(position: int, total: int, file: tuple[int, int]) -> None:
    read = message_of(modules("PART", part=(position, total, b"%03d%03d" % file)))
    assert (read.payload, read.structured_append) == (b"PART", StructuredAppend(position, total, file))


def test_reader_programming_is_told() -> None:
    read = message_of(modules("SET-UP", programming=True))
    assert (read.payload, read.reader_programming) == (b"SET-UP", True)


def test_gs1_has_its_identifier_and_separators() -> None:
    read = message_of(modules("(01)04012345678901(10)ABC123(21)SN1", gs1=True))
    assert read.symbology_identifier == "]d2"
    assert read.payload == b"010401234567890110ABC123\x1d21SN1"


def test_macros_are_expanded() -> None:
    for number in (b"05", b"06"):
        text = (b"[)>\x1e" + number + b"\x1d9N111234567842\x1d1TABC\x1e\x04").decode()
        read = message_of(modules(text))
        assert (read.payload, read.macro) == (text.encode(), int(number))
    assert read_message(bytes((236, 66, 129))) == Message(b"[)>\x1e05\x1dA\x1e\x04", "]d1", macro=5)


@pytest.mark.parametrize(
    ("codewords", "payload", "identifier"),
    [
        ((232, 66), b"A", "]d2"),
        ((66, 232, 67), b"AB", "]d3"),
        ((142, 232, 67), b"12B", "]d3"),
        ((66, 67, 232, 68), b"AB\x1dC", "]d1"),
        ((232, 66, 232, 67), b"A\x1dB", "]d2"),
        ((241, 27, 66), b"A", "]d4"),
        ((232, 241, 27, 66), b"A", "]d5"),
        ((66, 232, 241, 27, 66), b"AA", "]d6"),
        ((233, 42, 1, 1, 66), b"A", "]d1"),
        ((233, 42, 1, 1, 232, 66), b"A", "]d2"),
        ((234, 66), b"A", "]d1"),
        ((235, 66), b"\xc1", "]d1"),
    ],
)
def test_marks_set_the_symbology_identifier(codewords: tuple[int, ...], payload: bytes, identifier: str) -> None:
    read = read_message(bytes(codewords))
    assert (read.payload, read.symbology_identifier) == (payload, identifier)


def test_eci_append_and_programming_are_told() -> None:
    assert read_message(bytes((66, 241, 27, 67))).eci == ((1, 26),)
    assert read_message(bytes((233, 42, 3, 9, 66))).structured_append == StructuredAppend(3, 7, (3, 9))
    # Part 8 of 7, and of 17: nothing says how many there are.
    assert read_message(bytes((233, 122, 3, 9, 66))).structured_append == StructuredAppend(8, None, (3, 9))
    assert read_message(bytes((233, 0, 3, 9, 66))).structured_append == StructuredAppend(1, None, (3, 9))
    assert read_message(bytes((234, 66))).reader_programming
    assert read_message(bytes((66,))) == Message(b"A", "]d1")


@pytest.mark.parametrize(
    "codewords",
    [
        (),
        (129, 1, 2),
        (0,),
        (66, 250),
        (66, 254),
        (235,),
        (235, 235, 66),
        (235, 150),
        (233, 1),
        (66, 236),
        (241,),
        (241, 130),
        (230, 255, 255, 66),
        (231, 0xFF),
    ],
)
def test_a_stream_that_no_encoder_makes_is_refused(codewords: tuple[int, ...]) -> None:
    with pytest.raises(EncodationError):
        read_message(bytes(codewords))


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=60))
@example(b"\xf0\xff\xff\xff")
def test_any_stream_gives_a_message_or_is_refused(data: bytes) -> None:
    try:
        read = read_message(data)
    except EncodationError:
        return
    assert read.payload
    assert read.symbology_identifier in {"]d1", "]d2", "]d3", "]d4", "]d5", "]d6"}

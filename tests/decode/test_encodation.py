"""The message is what the encoder was given, in every encodation; a stream that no encoder makes is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.decode.rendering import modules
from vision.decode.codewords import correct
from vision.decode.encodation import EncodationError, Message, read_message
from vision.types import Modules


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


def test_gs1_has_its_identifier_and_separators() -> None:
    read = message_of(modules("(01)04012345678901(10)ABC123(21)SN1", gs1=True))
    assert read.symbology_identifier == "]d2"
    assert read.payload == b"010401234567890110ABC123\x1d21SN1"


def test_macros_are_expanded() -> None:
    for number in (b"05", b"06"):
        text = (b"[)>\x1e" + number + b"\x1d9N111234567842\x1d1TABC\x1e\x04").decode()
        assert message_of(modules(text)).payload == text.encode()
    assert read_message(bytes((236, 66, 129))).payload == b"[)>\x1e05\x1dA\x1e\x04"


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
    assert read_message(bytes((233, 42, 3, 9, 66))).structured_append == (42, 3, 9)
    assert read_message(bytes((234, 66))).reader_programming


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

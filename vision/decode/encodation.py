"""Data codewords to message: the encodation schemes of ISO/IEC 16022, clause 5.2, and the symbology identifier of 15424.

A stream that no encoder could have made raises; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vision.types import StructuredAppend

C40_BASIC = b" 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEXT_BASIC = b" 0123456789abcdefghijklmnopqrstuvwxyz"
SHIFT_2 = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_"
TEXT_SHIFT_3 = b"`ABCDEFGHIJKLMNOPQRSTUVWXYZ{|}~\x7f"
X12 = b"\r*> 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEPARATOR = 0x1D
UNLATCH = 254
_PAIRS = tuple(b"%02d" % value for value in range(100))
MACROS = {236: 5, 237: 6}
MACRO_TAIL = b"\x1e\x04"


class EncodationError(ValueError):
    """The codewords are no message under ISO/IEC 16022."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the data codewords say.

    payload: bytes; a later FNC1 is 0x1D, macros are expanded, ECI designators are left out and listed in `eci`.
    eci, structured_append, reader_programming, macro: as in `Reading`.
    """

    payload: bytes
    symbology_identifier: str
    eci: tuple[tuple[int, int], ...] = ()
    structured_append: StructuredAppend | None = None
    reader_programming: bool = False
    macro: int | None = None


@dataclass(slots=True)
class _Stream:
    """The codewords and what was made of them so far."""

    words: bytes
    at: int = 0
    out: bytearray = field(default_factory=bytearray)
    upper: bool = False
    macro: int | None = None
    fnc1: int = 0  # 0 none, 1 in first position, 2 in second position
    first: int = 0  # index of the first codeword of the message proper
    eci: list[tuple[int, int]] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.words) - self.at

    def take(self) -> int:
        if self.at >= len(self.words):
            raise EncodationError("the codewords end in the middle of a sequence")
        word = self.words[self.at]
        self.at += 1
        return word

    def put(self, character: int) -> None:
        """Adds one character below 128, raised by 128 after an upper shift."""
        self.out.append(character + 128 if self.upper else character)
        self.upper = False


def read_message(data: bytes) -> Message:
    """The message of the data codewords (after error correction). Raises EncodationError."""
    stream = _Stream(data)
    append: StructuredAppend | None = None
    programming = False
    if data[:1] == b"\xe9":  # 233, structured append: ISO/IEC 16022, 5.6
        if len(data) < 4:
            raise EncodationError("structured append without its three codewords")
        append = _append(data[1], (data[2], data[3]))
        stream.at = 4
    elif data[:1] == b"\xea":  # 234, reader programming
        programming = True
        stream.at = 1
    stream.first = stream.at
    _plain(stream)
    while stream.left and _ascii(stream):
        _plain(stream)
    if stream.upper:
        raise EncodationError("an upper shift with nothing after it")
    if stream.macro is not None:
        stream.out += MACRO_TAIL
    if not stream.out:
        raise EncodationError("the message is empty")
    modifier = {0: 1, 1: 2, 2: 3}[stream.fnc1] + (3 if stream.eci else 0)
    return Message(bytes(stream.out), f"]d{modifier}", tuple(stream.eci), append, programming, stream.macro)


def _append(sequence: int, file_id: tuple[int, int]) -> StructuredAppend:
    """The sequence indicator taken apart: position - 1 in its upper four bits, 17 - total in the lower: ISO/IEC 16022, 5.6.2."""
    position, total = (sequence >> 4) + 1, 17 - (sequence & 15)
    return StructuredAppend(position, total if position <= total <= 16 else None, file_id)


def _plain(stream: _Stream) -> None:
    """The characters and pairs of digits that come next: what most symbols are made of, in a third of the time `_ascii` takes."""
    words, at, out = stream.words, stream.at, stream.out
    if stream.upper:
        return
    while at < len(words):
        word = words[at]
        if 1 <= word <= 128:
            out.append(word - 1)
        elif 130 <= word <= 229:
            out += _PAIRS[word - 130]
        else:
            break
        at += 1
    stream.at = at


def _ascii(stream: _Stream) -> bool:
    """One codeword of ASCII encodation and what it latches to; False at the pad."""
    index = stream.at
    word = stream.take()
    if 1 <= word <= 128:
        stream.put(word - 1)
    elif 130 <= word <= 229:
        if stream.upper:
            raise EncodationError("an upper shift before a digit pair")
        stream.out += _PAIRS[word - 130]
    elif word == 129:
        return False
    elif word == 235:
        if stream.upper:
            raise EncodationError("two upper shifts")
        stream.upper = True
    elif word == 232:
        _fnc1(stream, index)
    elif word in MACROS and index == stream.first:
        stream.macro = MACROS[word]
        stream.out += b"[)>\x1e%02d\x1d" % stream.macro
    elif word == 241:
        stream.eci.append((len(stream.out), _eci(stream)))
    elif word in _LATCHES and not stream.upper:
        _LATCHES[word](stream)
    else:
        raise EncodationError(f"codeword {word} has no meaning in ASCII encodation")
    return True


def _fnc1(stream: _Stream, index: int) -> None:
    if stream.upper:
        raise EncodationError("an upper shift before FNC1")
    before = stream.words[stream.first : index]
    if not before:
        stream.fnc1 = 1
    elif len(before) == 1 and (130 <= before[0] <= 229 or chr((before[0] - 1) & 0x7F).isalpha()):
        # After one letter or a pair of digits: the mark of an industry format (AIM application indicator).
        stream.fnc1 = 2
    else:
        stream.out.append(SEPARATOR)


def _eci(stream: _Stream) -> int:
    """An extended channel interpretation designator, ISO/IEC 16022, 5.4."""
    first = stream.take()
    if 1 <= first <= 127:
        return first - 1
    second = stream.take()
    if 128 <= first <= 191 and 1 <= second <= 254:
        return (first - 128) * 254 + second - 1 + 127
    third = stream.take()
    if 192 <= first <= 207 and 1 <= second <= 254 and 1 <= third <= 254:
        return (first - 192) * 64516 + (second - 1) * 254 + third - 1 + 16383
    raise EncodationError("an ECI designator out of range")


def _triplet(stream: _Stream) -> tuple[int, int, int]:
    """Three values 0-39 packed into two codewords."""
    packed = stream.take() * 256 + stream.take() - 1
    if not 0 <= packed < 64000:
        raise EncodationError("a codeword pair that packs no three values")
    return packed // 1600, packed // 40 % 40, packed % 40


def _ends(stream: _Stream) -> bool:
    """Whether a triplet scheme is over: unlatched, at the end, or a single codeword is left (which is ASCII)."""
    if stream.left <= 1:
        # A lone unlatch as the last codeword is allowed and says nothing.
        if stream.left and stream.words[stream.at] == UNLATCH:
            stream.at += 1
        return True
    if stream.words[stream.at] == UNLATCH:
        stream.at += 1
        return True
    return False


def _shifted(stream: _Stream, basic: bytes, shift_3: bytes) -> None:
    """C40 and Text: the same scheme over different character sets."""
    shift = 0
    while not _ends(stream):
        for value in _triplet(stream):
            if shift == 0 and value < 3:
                shift = value + 1
                continue
            if shift == 0:
                stream.put(basic[value - 3])
            elif shift == 1 and value < 32:
                stream.put(value)
            elif shift == 2 and value < len(SHIFT_2):
                stream.put(SHIFT_2[value])
            elif shift == 2 and value == 27 and not stream.upper:
                stream.out.append(SEPARATOR)
            elif shift == 2 and value == 30 and not stream.upper:
                stream.upper = True
            elif shift == 3 and value < 32:
                stream.put(shift_3[value])
            else:
                raise EncodationError("a value with no meaning after its shift")
            shift = 0
    # A shift or upper shift left over at the end of the scheme is padding of the last triplet.
    stream.upper = False


def _c40(stream: _Stream) -> None:
    _shifted(stream, C40_BASIC, bytes(range(96, 128)))


def _text(stream: _Stream) -> None:
    _shifted(stream, TEXT_BASIC, TEXT_SHIFT_3)


def _x12(stream: _Stream) -> None:
    while not _ends(stream):
        stream.out += bytes(X12[value] for value in _triplet(stream))


def _edifact(stream: _Stream) -> None:
    """Four 6-bit values in three codewords; with one or two codewords left the rest is ASCII."""
    while stream.left > 2:
        packed = 0
        for place in range(3):
            packed |= stream.words[stream.at + place] << (16 - 8 * place)
        for place in range(4):
            value = packed >> (18 - 6 * place) & 0x3F
            if value == 0x1F:
                stream.at += min(place + 1, 3)  # the codeword the unlatch ends in is used up
                return
            stream.out.append(value if value & 0x20 else value | 0x40)
        stream.at += 3


def _base256(stream: _Stream) -> None:
    def plain() -> int:
        position = stream.at + 1
        return (stream.take() - (149 * position % 255 + 1)) % 256

    length = plain()
    if length == 0:
        length = stream.left
    elif length >= 250:
        length = (length - 249) * 250 + plain()
    stream.out += bytes(plain() for _ in range(length))


_LATCHES = {230: _c40, 231: _base256, 238: _x12, 239: _text, 240: _edifact}

"""Bytes of a code as text that is safe to look at: nothing in it moves a cursor, hides or turns the line around."""

from __future__ import annotations

_CONTROLS = (
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "BEL",
    "BS",
    "HT",
    "LF",
    "VT",
    "FF",
    "CR",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "FS",
    "GS",
    "RS",
    "US",
)


def payload_text(payload: bytes) -> str:
    """The payload for reading only: control characters as <GS> and the like; UTF-8 where it is, else ISO/IEC 8859-1."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        text = payload.decode("latin-1")  # the default interpretation of Data Matrix (ISO/IEC 16022)
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _named(ord(character)) for character in text)


def _named(code: int) -> str:
    if code < len(_CONTROLS):
        return f"<{_CONTROLS[code]}>"
    return "<DEL>" if code == 0x7F else f"<U+{code:04X}>"

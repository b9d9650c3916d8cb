"""GS1 element strings: bytes to values by application identifier, and what the GS1 rules find wrong with them.

What the values should be is not known here (see compare). A missing separator is no syntax error: it makes the value
before it longer, and only the comparison with an order sees that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vision.content.gs1_elements import Component, Element, elements
from vision.content.gs1_rules import CHECK_DIGIT_RULES, RULES, SET_82, UNCHECKED_RULES
from vision.content.parsed import Parsed
from vision.types import Reason

SEPARATOR = "\x1d"
"""A later FNC1 as the decoder hands it over."""

_CLASSES = {
    "N": "[0-9]",
    "X": "[" + re.escape(SET_82) + "]",
    "Y": r"[#\-/0-9A-Z]",
    "Z": r"[\-0-9A-Z_a-z=]",
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """An element made ready for parsing: one pattern over its components, the rules by group of that pattern."""

    element: Element
    length: int
    matches: Callable[[str], re.Match[str] | None]
    rules: tuple[tuple[int, Callable[[str], bool], Reason], ...]


def _pattern(components: tuple[Component, ...]) -> str:
    """Optional components nest: a later one may stand only where all before it do."""
    opened = ""
    closing = ""
    for component in components:
        group = f"({_CLASSES[component.kind]}{{{component.length_min},{component.length_max}}})"
        opened += ("(?:" if component.optional else "") + group
        closing += ")?" if component.optional else ""
    return opened + closing


def _shape(element: Element) -> _Shape:
    rules = tuple(
        (index, RULES[rule], Reason.BAD_CHECK_DIGIT if rule in CHECK_DIGIT_RULES else Reason.BAD_SYNTAX)
        for index, component in enumerate(element.components, start=1)
        for rule in component.rules
        if rule not in UNCHECKED_RULES
    )
    return _Shape(element, element.length_max, re.compile(_pattern(element.components)).fullmatch, rules)


_SHAPES = {identifier: _shape(element) for identifier, element in elements().items()}
_IDENTIFIER_LENGTH = {identifier[:2]: len(identifier) for identifier in _SHAPES}  # the first two digits decide


def parse(payload: bytes) -> Parsed:
    """Takes the message of a GS1 DataMatrix apart (GS1 General Specifications, element strings).

    payload: bytes after the first FNC1, later FNC1 as 0x1D. A separator after an element of predefined length or at the end is
    superfluous and let through; two in a row are not.
    """
    text = payload.decode("latin-1")
    found: dict[str, str] = {}
    reasons: set[Reason] = set()
    whole = len(text) > 0
    position = 0
    while position < len(text):
        identifier = text[position : position + _IDENTIFIER_LENGTH.get(text[position : position + 2], 0)]
        shape = _SHAPES.get(identifier)
        if shape is None:
            whole = False
            break
        position += len(identifier)
        end = position + shape.length if shape.element.predefined else text.find(SEPARATOR, position)
        value = text[position:end] if end >= 0 else text[position:]
        match = shape.matches(value)
        if match is None:
            whole = False
            if shape.element.predefined:
                break  # nothing says where the next element starts
        else:
            _check_value(shape, match, reasons)
            if found.setdefault(identifier, value) != value:
                reasons.add(Reason.BAD_SYNTAX)
        position += len(value)
        if text.startswith(SEPARATOR, position):
            position += 1
    if not whole:
        reasons.add(Reason.BAD_SYNTAX)
    _check_companions(found, whole, reasons)
    return Parsed(found, frozenset(reasons), whole)


def value_reasons(identifier: str, value: str) -> frozenset[Reason]:
    """What is wrong with one value by itself, its companions left aside: characters, length, check digit, date, code."""
    shape = _SHAPES.get(identifier)
    match = None if shape is None else shape.matches(value)
    if shape is None or match is None:
        return frozenset({Reason.BAD_SYNTAX})
    reasons: set[Reason] = set()
    _check_value(shape, match, reasons)
    return frozenset(reasons)


def _check_value(shape: _Shape, match: re.Match[str], reasons: set[Reason]) -> None:
    for group, holds, reason in shape.rules:
        part = match[group]
        if part is not None and not holds(part):
            reasons.add(reason)


def _check_companions(found: Mapping[str, str], whole: bool, reasons: set[Reason]) -> None:
    """A companion that is missing breaks the syntax and is a missing element: both are said."""
    present = found.keys()
    for identifier in found:
        element = _SHAPES[identifier].element
        if not element.excludes.isdisjoint(present):
            reasons.add(Reason.BAD_SYNTAX)
        if (
            whole
            and element.requires
            and not any(all(not choice.isdisjoint(present) for choice in group) for group in element.requires)
        ):
            reasons.update((Reason.BAD_SYNTAX, Reason.MISSING_ELEMENT))


def bracketed(found: Mapping[str, str]) -> str:
    """Element strings for reading: (01)04012345678901(21)SN1."""
    return "".join(f"({identifier}){value}" for identifier, value in found.items())

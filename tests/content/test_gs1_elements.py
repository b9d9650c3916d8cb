"""Our table of application identifiers says what the GS1 Barcode Syntax Dictionary says, line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vision.content.gs1_elements import elements
from vision.content.gs1_rules import RULES, UNCHECKED_RULES

DICTIONARY = Path(__file__).resolve().parents[3] / "shared" / "standards" / "gs1-syntax-dictionary.txt"


def _entries() -> dict[str, tuple[bool, list[str], list[str], list[str]]]:
    """Identifier -> predefined length, components, req alternatives, ex patterns, as the dictionary writes them."""
    entries = {}
    for line in DICTIONARY.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        words = line.split(" # ")[0].split()
        first, _, last = words[0].partition("-")
        flags = words[1] if not re.match(r"\[?[NXYZ]", words[1]) else ""
        rest = words[2:] if flags else words[1:]
        components = [word for word in rest if "=" not in word and word != "dlpkey"]
        requires = [part for word in rest if word.startswith("req=") for part in word[4:].split(",")]
        excludes = [part for word in rest if word.startswith("ex=") for part in word[3:].split(",")]
        for number in range(int(first), int(last or first) + 1):
            entries[str(number).zfill(len(first))] = ("*" in flags, components, requires, excludes)
    return entries


def _identifiers(pattern: str, known: set[str]) -> set[str]:
    return {identifier for identifier in known if re.fullmatch(pattern.replace("n", "[0-9]"), identifier)}


@pytest.mark.skipif(not DICTIONARY.exists(), reason="the GS1 dictionary is not at ../shared/standards")
def test_the_table_equals_the_dictionary() -> None:
    entries = _entries()
    table = elements()
    assert table.keys() == entries.keys()
    known = set(entries)
    for identifier, (predefined, components, requires, excludes) in entries.items():
        element = table[identifier]
        assert element.predefined == predefined, identifier
        written = [
            ("[{}]" if part.optional else "{}").format(
                part.kind + (f"{part.length_max}" if part.length_min == part.length_max else f"..{part.length_max}")
            )
            + "".join("," + rule for rule in part.rules)
            for part in element.components
        ]
        assert written == components, identifier
        wanted = [[_identifiers(pattern, known) for pattern in alternative.split("+")] for alternative in requires]
        assert [[set(choice) for choice in group] for group in element.requires] == wanted, identifier
        forbidden = {other for pattern in excludes for other in _identifiers(pattern, known)} - {identifier}
        assert element.excludes == forbidden, identifier


def test_the_first_two_digits_decide_the_length_of_the_identifier() -> None:
    lengths: dict[str, set[int]] = {}
    for identifier in elements():
        lengths.setdefault(identifier[:2], set()).add(len(identifier))
    assert all(len(found) == 1 for found in lengths.values())


def test_every_rule_is_checked_or_named_as_unchecked() -> None:
    named = {rule for element in elements().values() for part in element.components for rule in part.rules}
    assert named == RULES.keys() | UNCHECKED_RULES
    assert not RULES.keys() & UNCHECKED_RULES


def test_predefined_lengths_are_fixed() -> None:
    for element in elements().values():
        if element.predefined:
            assert all(part.length_min == part.length_max and not part.optional for part in element.components)

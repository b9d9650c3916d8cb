"""One table of a TOML file, handed out key by key with type and bounds checked; errors name file, table and key in one line."""

from __future__ import annotations

import re
import typing
from pathlib import Path
from typing import Any

UNSET: Any = object()
"""Default of a key that must be there."""

NAME = re.compile("[A-Za-z0-9_-]{1,40}")


class ConfigError(Exception):
    """One line for the user: which file, which key, what was found and what was expected."""


class Section:
    """One table of the file: hands out keys checked, and knows which were never asked for."""

    def __init__(self, path: Path, name: str, table: object) -> None:
        self.path = path
        self.name = name
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name}: expected a table, found {shown(table)}")
        self._table: dict[str, Any] = dict(table)
        self._asked: list[str] = []

    def wrong(self, key: str, expected: str) -> ConfigError:
        found = shown(self._table[key]) if key in self._table else "missing"
        return ConfigError(f"{self.path}: {self.name} {key}: {found}, expected {expected}")

    def has(self, key: str) -> bool:
        return key in self._table

    def value(self, key: str, expected: str, default: Any) -> Any:
        self._asked.append(key)
        if key not in self._table:
            if default is UNSET:
                raise self.wrong(key, expected)
            return default
        return self._table[key]

    def number(self, key: str, lowest: float, highest: float, default: Any = UNSET) -> float:
        expected = f"a number from {lowest:g} to {highest:g}"
        value = self.value(key, expected, default)
        if key not in self._table:
            return typing.cast(float, value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise self.wrong(key, expected)
        return float(value)

    def count(self, key: str, lowest: int, highest: int, default: Any = UNSET) -> int:
        expected = f"a whole number from {lowest} to {highest}"
        value = self.value(key, expected, default)
        if key not in self._table:
            return typing.cast(int, value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self.wrong(key, expected)
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.value(key, "true or false", default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, expected: str = "a text", pattern: str = r"[^\x00-\x1f\x7f]+", default: Any = UNSET) -> str:
        value = self.value(key, expected, default)
        if key in self._table and (not isinstance(value, str) or re.fullmatch(pattern, value) is None):
            raise self.wrong(key, expected)
        return typing.cast(str, value)

    def choice(self, key: str, choices: tuple[str, ...], default: Any = UNSET) -> Any:
        expected = "one of " + ", ".join(f'"{choice}"' for choice in choices)
        if self.value(key, expected, default) not in choices:
            raise self.wrong(key, expected)
        return self._table.get(key, default)

    def table(self, key: str, required: bool = False) -> Section:
        return Section(self.path, f"{self.name[:-1]}.{key}]", self.value(key, "a table", UNSET if required else {}))

    def refuse(self, keys: tuple[str, ...], why: str) -> None:
        """Keys that would have no effect are errors: somebody expects something of them."""
        for key in keys:
            if key in self._table:
                raise self.wrong(key, f"no such key: {why}")

    def finish(self) -> None:
        for key in self._table:
            if key not in self._asked:
                raise ConfigError(
                    f"{self.path}: {self.name} {bare(key)}: unknown key, expected one of {', '.join(sorted(self._asked))}"
                )


def shown(value: object) -> str:
    """A value of the file in a message: one line, plain ASCII, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def printable(text: str) -> str:
    """Another layer's message made one safe line: it may quote the file as it is."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def bare(key: str) -> str:
    return key if NAME.fullmatch(key) else shown(key)

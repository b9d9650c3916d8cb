"""What a parser of one content scheme gives: shared by gs1 and ifa."""

from __future__ import annotations

from dataclasses import dataclass

from vision.types import Reason


@dataclass(frozen=True, slots=True)
class Parsed:
    """A payload taken apart.

    elements: value by identifier, in the order of the message; a value whose characters or length are wrong is left out.
    reasons: what the scheme's own rules found wrong, without order of precedence.
    whole: everything was taken apart, so that an element that is not in elements is not in the code.
    """

    elements: dict[str, str]
    reasons: frozenset[Reason]
    whole: bool

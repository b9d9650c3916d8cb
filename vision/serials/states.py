"""What can become of a serial: the states of OPEN-SCS and the moves between them, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class State(IntEnum):
    """The states of a serial (names of the OPEN-SCS packaging serialization specification); the number is what a pool stores."""

    UNASSIGNED = 0
    UNALLOCATED = 1
    ALLOCATED = 2
    SN_INVALID = 3
    ENCODED = 4
    LABEL_SAMPLED = 5
    LABEL_SCRAPPED = 6
    COMMISSIONED = 7
    SAMPLED = 8
    INACTIVE = 9
    DESTROYED = 10
    RELEASED = 11

    @property
    def label(self) -> str:
        """The name as OPEN-SCS writes it."""
        return LABELS[self]


LABELS: Mapping[State, str] = {
    State.UNASSIGNED: "Unassigned",
    State.UNALLOCATED: "Unallocated",
    State.ALLOCATED: "Allocated",
    State.SN_INVALID: "SNInvalid",
    State.ENCODED: "Encoded",
    State.LABEL_SAMPLED: "LabelSampled",
    State.LABEL_SCRAPPED: "LabelScrapped",
    State.COMMISSIONED: "Commissioned",
    State.SAMPLED: "Sampled",
    State.INACTIVE: "Inactive",
    State.DESTROYED: "Destroyed",
    State.RELEASED: "Released",
}

TRANSITIONS: Mapping[State, frozenset[State]] = {
    # Not bound to a product; then free in the pool of its product; then given to a batch.
    State.UNASSIGNED: frozenset({State.UNALLOCATED, State.SN_INVALID}),
    State.UNALLOCATED: frozenset({State.ALLOCATED, State.SN_INVALID}),
    # Printed, or returned unused. Commissioned without a stop at Encoded: the line sees print and check as one.
    State.ALLOCATED: frozenset({State.UNALLOCATED, State.ENCODED, State.COMMISSIONED, State.LABEL_SCRAPPED, State.SN_INVALID}),
    # Printed, and its pack not accepted (yet): reworked, thrown away, a sample, or back to the pool with its print destroyed.
    State.ENCODED: frozenset(
        {State.COMMISSIONED, State.LABEL_SCRAPPED, State.LABEL_SAMPLED, State.UNALLOCATED, State.ALLOCATED, State.SN_INVALID}
    ),
    # Encoded again: its row was turned into a reject before the pack was passed, so that it never was an object.
    State.COMMISSIONED: frozenset({State.ENCODED, State.SAMPLED, State.INACTIVE, State.DESTROYED, State.RELEASED}),
    State.SAMPLED: frozenset({State.INACTIVE, State.DESTROYED}),
    State.INACTIVE: frozenset({State.DESTROYED, State.SAMPLED}),
    State.RELEASED: frozenset({State.SAMPLED, State.INACTIVE, State.DESTROYED}),
    # Ends: such a serial is never used again.
    State.SN_INVALID: frozenset(),
    State.LABEL_SAMPLED: frozenset(),
    State.LABEL_SCRAPPED: frozenset(),
    State.DESTROYED: frozenset(),
}

CLAIMABLE = frozenset(state for state, following in TRANSITIONS.items() if State.COMMISSIONED in following)
"""States from which an accepted pack takes its serial."""

INVALIDATED = frozenset({State.SN_INVALID, State.LABEL_SAMPLED, State.LABEL_SCRAPPED})
"""States in which a serial was given up before a pack bore it: a pack that shows it is blocked."""


def may_move(former: State, following: State) -> bool:
    return following in TRANSITIONS[former]

"""A plain twin of vision.trace.aggregate, written from the rules: one flat list of (child, parent) pairs, everything counted anew.

Answers only whether a deed is allowed, and what is where afterwards; no entries, no counters, no messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Twin:
    """levels: (name, capacity, mixed_lots), the smallest first. lot_of: (product and lot) of a commissioned pack, or None."""

    def __init__(self, levels: Sequence[tuple[str, int, bool]], lot_of: Callable[[str], str | None], ssccs: Sequence[str]) -> None:
        self.levels = list(levels)
        self.lot_of = lot_of
        self.free = list(ssccs)
        self.pairs: list[tuple[str, str]] = []
        self.level: dict[str, int] = {}
        self.closed: set[str] = set()
        self.gone: set[str] = set()
        self.lots: dict[str, str] = {}

    def children(self, parent: str) -> list[str]:
        return [child for child, other in self.pairs if other == parent]

    def parent(self, child: str) -> str | None:
        found = [parent for other, parent in self.pairs if other == child]
        assert len(found) <= 1
        return found[0] if found else None

    def inside(self, parent: str) -> set[str]:
        """Lots of the packs inside, at any depth."""
        found = set()
        for child in self.children(parent):
            found |= self.inside(child) if child in self.level else {self.lots[child]}
        return found

    def alive(self, container: str) -> bool:
        return container in self.level and container not in self.gone

    def pack(self, level: str, children: Sequence[str], parent: str | None, close: bool, moving: bool = False) -> bool:
        names = [name for name, _, _ in self.levels]
        if level not in names or not children or len(set(children)) < len(children):
            return False
        index = names.index(level)
        if parent is None:
            if not self.free:
                return False
        elif not self.alive(parent) or self.level[parent] != index or parent in self.closed or self.parent(parent):
            return False
        for child in children:
            source = self.parent(child)
            if moving:
                if source is None or source == parent or self.parent(source):
                    return False
            elif source is not None:
                return False
            if child.startswith("00/"):
                if not self.alive(child) or child not in self.closed or self.level[child] >= index:
                    return False
            elif self.lot_of(child) is None:
                return False
        held = self.children(parent) if parent else []
        _, capacity, mixed = self.levels[index]
        lots = self.inside(parent) if parent else set()
        for child in children:
            lots |= (
                self.inside(child)
                if child.startswith("00/")
                else {self.lots.get(child, "") if moving else self.lot_of(child) or ""}
            )
        if len(held) + len(children) > capacity or (len(lots) > 1 and not mixed):
            return False
        target = parent or self.free.pop(0)
        self.level.setdefault(target, index)
        for child in children:
            if moving:
                self.closed.discard(self.parent(child) or "")
                self.pairs = [pair for pair in self.pairs if pair[0] != child]
            elif not child.startswith("00/"):
                self.lots[child] = self.lot_of(child) or ""
            self.pairs.append((child, target))
        if close or len(self.children(target)) == capacity:
            self.closed.add(target)
        return True

    def unpack(self, children: Sequence[str]) -> bool:
        parents = {self.parent(child) for child in children}
        if len(parents) != 1 or None in parents or len(set(children)) < len(children):
            return False
        parent = parents.pop()
        assert parent is not None
        if self.parent(parent):
            return False
        self.pairs = [pair for pair in self.pairs if pair[0] not in children]
        self.closed.discard(parent)
        return True

    def close(self, parent: str) -> bool:
        if not self.alive(parent) or parent in self.closed or not self.children(parent):
            return False
        self.closed.add(parent)
        return True

    def dissolve(self, parent: str) -> bool:
        if not self.alive(parent) or self.parent(parent):
            return False
        self.pairs = [pair for pair in self.pairs if pair[1] != parent]
        self.closed.discard(parent)
        self.gone.add(parent)
        return True

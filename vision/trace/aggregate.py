"""Which pack is in which container: a state machine of packing, removal, repacking and dissolving. Pure: no file, no clock.

A deed is **decided** first (checked against every rule, nothing changed) and comes out as an **entry**; the entry is made durable
(journal.py), then **applied**. The same entries applied again give the same state. Names of packs and containers are EPCs.

The rules: nothing is in two containers; a container holds only what is smaller than itself, so there are no cycles; only
commissioned packs are packed; an SSCC is given once; what is inside another container is not changed before it is taken out; a
container goes into another one closed and not empty; levels hold no more than their capacity, and packs of one lot and product
unless mixed lots are allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vision.config import LevelConfig
from vision.trace.identifiers import IdentifierError, check_epc, is_container, sscc_epc
from vision.trace.sscc import SsccRange, overlaps

Entry = dict[str, Any]
"""What was done: `do` (range, pack, unpack, repack, close, dissolve) and its objects, as it stands in the journal."""


class AggregationError(Exception):
    """One line: which pack or container, and which rule forbids it. Nothing was changed."""


@dataclass(slots=True)
class Container:
    """level: index of its level. children: EPCs directly in it, in order. lots: packs inside at any depth, by product and lot.

    dissolved: everything was taken out for good; its SSCC is never used again.
    """

    level: int
    children: dict[str, None] = field(default_factory=dict)
    lots: Counter[str] = field(default_factory=Counter)
    closed: bool = False
    dissolved: bool = False


class Aggregation:
    """All containers of a line.

    levels: the smallest container first. lot_of: the lot of a commissioned pack, None for one that is not (any more).
    """

    def __init__(self, levels: Sequence[LevelConfig], lot_of: Callable[[str], str | None]) -> None:
        self.levels = tuple(levels)
        self.ranges: list[SsccRange] = []
        self.containers: dict[str, Container] = {}
        self.parents: dict[str, str] = {}
        self.packed_lots: dict[str, str] = {}  # product and lot of each pack that was ever packed
        self._lot_of = lot_of
        self._drawn = 0  # numbers used up, over all ranges in their order
        self._index = {level.name: index for index, level in enumerate(self.levels)}

    # --- deeds: checked, not yet done -------------------------------------------------------------------------------------

    def add_ranges(self, ranges: Iterable[SsccRange]) -> Entry:
        """SSCCs to be given to containers, after those known before."""
        ranges = list(ranges)
        for place, one in enumerate(ranges):
            if any(overlaps(one, other) for other in (*self.ranges, *ranges[:place])):
                raise AggregationError(f"SSCC range {one.first} to {one.last}: overlaps one loaded before; an SSCC is used once")
        return {"do": "range", "ranges": [list(one) for one in ranges]}

    def pack(self, level: str, children: Sequence[str], parent: str | None = None, close: bool = False) -> Entry:
        """Children go into a container of this level: into parent, or into a new one under the next SSCC.

        A container that is full is closed; close: also one that is not (a partial case). Raises AggregationError.
        """
        index, parent, opened = self._target(level, parent)
        lots = {}
        self._check_list(children)
        for child in children:
            if child in self.parents:
                raise AggregationError(f"{child}: is in {self.parents[child]}")
            if is_container(child):
                self._check_container_child(child, index)
            else:
                lots[child] = self._commissioned(child)
        entry = {"do": "pack", "level": level, "parent": parent, "opened": opened, "children": list(children)}
        entry["closed"] = self._check_fit(index, parent, children, lots, close)
        if lots:
            entry["lots"] = _packed_list([lots[child] for child in children if child in lots])
        return entry

    def unpack(self, children: Sequence[str]) -> Entry:
        """Children are taken out of the one container that they are in; it is open again. Raises AggregationError."""
        self._check_list(children)
        parents = {self._parent(child) for child in children}
        if len(parents) > 1:
            raise AggregationError(f"{children[0]}: not all of them are in one container, but in {', '.join(sorted(parents))}")
        self._check_outermost(parent := parents.pop())
        return {"do": "unpack", "parent": parent, "children": list(children)}

    def repack(self, level: str, children: Sequence[str], parent: str | None = None, close: bool = False) -> Entry:
        """Children change from the containers they are in to parent, or to a new one of this level, in one deed."""
        index, parent, opened = self._target(level, parent)
        self._check_list(children)
        sources: dict[str, list[str]] = {}
        lots = {}
        for child in children:
            source = self._parent(child)
            if source == parent:
                raise AggregationError(f"{child}: is in {parent} already")
            if source not in sources:
                self._check_outermost(source)
            sources.setdefault(source, []).append(child)
            if is_container(child):
                self._check_container_child(child, index)
            else:
                self._commissioned(child)
                lots[child] = self.packed_lots[child]
        closed = self._check_fit(index, parent, children, lots, close)
        ordered = [child for source in sources.values() for child in source]
        assert len(ordered) == len(children)
        return {"do": "repack", "level": level, "parent": parent, "opened": opened, "closed": closed, "from": sources}

    def close(self, parent: str) -> Entry:
        """Nothing more goes into this container: it is full, or a partial one. Raises AggregationError."""
        container = self._container(parent)
        if container.closed:
            raise AggregationError(f"{parent}: is closed already")
        if not container.children:
            raise AggregationError(f"{parent}: is empty")
        return {"do": "close", "parent": parent}

    def dissolve(self, parent: str) -> Entry:
        """Everything is taken out of this container, and it is no more. Raises AggregationError."""
        container = self._container(parent)
        self._check_outermost(parent)
        return {"do": "dissolve", "parent": parent, "children": list(container.children)}

    # --- done --------------------------------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Does what an entry says. Raises AggregationError for one that cannot be of this line."""
        match entry["do"]:
            case "range":
                self.ranges += [SsccRange(*one) for one in entry["ranges"]]
            case "pack":
                lots = iter(_unpacked_list(entry.get("lots", []), sum(not is_container(child) for child in entry["children"])))
                self.packed_lots |= {child: next(lots) for child in entry["children"] if not is_container(child)}
                self._apply_into(entry, entry["children"])
            case "unpack":
                self._apply_out(entry["parent"], entry["children"])
            case "repack":
                for source, children in entry["from"].items():
                    self._apply_out(source, children)
                self._apply_into(entry, [child for children in entry["from"].values() for child in children])
            case "close":
                self.containers[entry["parent"]].closed = True
            case "dissolve":
                self._apply_out(entry["parent"], entry["children"])
                self.containers[entry["parent"]].dissolved = True
            case unknown:
                raise AggregationError(f"entry {unknown!a}: no such deed is known to this version")

    def _apply_into(self, entry: Entry, children: Sequence[str]) -> None:
        parent = entry["parent"]
        if entry["opened"]:
            if entry["level"] not in self._index:
                raise AggregationError(f"{parent}: its level {entry['level']!a} is not in the line file")
            assert parent == self.next_sscc(), f"{parent} is not the next SSCC"
            self._drawn += 1
            self.containers[parent] = Container(self._index[entry["level"]])
        container = self.containers[parent]
        for child in children:
            assert child not in self.parents, f"{child} would be in two containers"
            container.children[child] = None
            self.parents[child] = parent
            container.lots += self._lots(child)
        container.closed = entry["closed"]

    def _apply_out(self, parent: str, children: Sequence[str]) -> None:
        container = self.containers[parent]
        for child in children:
            del container.children[child], self.parents[child]
            container.lots -= self._lots(child)
        container.closed = False

    # --- questions -----------------------------------------------------------------------------------------------------------

    def next_sscc(self) -> str:
        """EPC of the next container. Raises AggregationError where all SSCCs are used up."""
        index = self._drawn
        for one in self.ranges:
            if index < one.size:
                return sscc_epc(one.sscc(index))
            index -= one.size
        raise AggregationError(f"no SSCC is left: all {self._drawn} of the loaded ranges are used")

    @property
    def ssccs_left(self) -> int:
        return sum(one.size for one in self.ranges) - self._drawn

    def room(self, level: str, parent: str | None) -> int:
        """How many more a container takes, None = a new one of this level. Raises AggregationError."""
        held = 0 if parent is None else len(self.containers[parent].children)
        return self.levels[self._level(level)].capacity - held

    def is_commissioned(self, epc: str) -> bool:
        """Whether a pack was let through and is still good."""
        return self._lot_of(epc) is not None

    def packs(self, parent: str) -> list[str]:
        """The packs in a container, at any depth."""
        found: list[str] = []
        for child in self._container(parent, gone=True).children:
            found += self.packs(child) if is_container(child) else [child]
        return found

    def check(self) -> None:
        """Asserts what must hold after every entry."""
        assert self._drawn == len(self.containers), "an SSCC without a container, or the other way round"
        held = [child for container in self.containers.values() for child in container.children]
        assert len(held) == len(set(held)) == len(self.parents), "something is in two containers"
        for epc, container in self.containers.items():
            assert all(self.parents[child] == epc for child in container.children)
            assert not (container.dissolved and container.children)
            below = [self.containers[child].level for child in container.children if is_container(child)]
            assert all(level < container.level for level in below), f"{epc} holds something as large as itself"
            assert sum(container.lots.values()) == len(self.packs(epc))

    # --- the rules, one each -----------------------------------------------------------------------------------------------------

    def _level(self, name: str) -> int:
        if name not in self._index:
            raise AggregationError(f"level {name!a}: expected one of {', '.join(self._index) or '(none in the line file)'}")
        return self._index[name]

    def _target(self, level: str, parent: str | None) -> tuple[int, str, bool]:
        """(index of the level, EPC of the container, whether it is a new one)."""
        index = self._level(level)
        if parent is None:
            return index, self.next_sscc(), True
        container = self._container(parent)
        if container.level != index:
            raise AggregationError(f"{parent}: is a {self.levels[container.level].name}, not a {level}")
        if container.closed:
            raise AggregationError(f"{parent}: is closed")
        self._check_outermost(parent)
        return index, parent, False

    def _container(self, epc: str, gone: bool = False) -> Container:
        container = self.containers.get(epc)
        if container is None:
            raise AggregationError(f"{epc!a}: no such container")
        if container.dissolved and not gone:
            raise AggregationError(f"{epc}: was dissolved")
        return container

    def _parent(self, child: str) -> str:
        parent = self.parents.get(child)
        if parent is None:
            raise AggregationError(f"{child!a}: is in no container")
        return parent

    def _check_outermost(self, epc: str) -> None:
        if epc in self.parents:
            raise AggregationError(f"{epc}: is in {self.parents[epc]}, and must be taken out first")

    def _check_list(self, children: Sequence[str]) -> None:
        if not children:
            raise AggregationError("nothing is given to be packed or taken out")
        seen = set()
        for child in children:
            try:
                check_epc(child)
            except IdentifierError as error:
                raise AggregationError(str(error)) from None
            if child in seen:
                raise AggregationError(f"{child}: is given twice")
            seen.add(child)

    def _check_container_child(self, child: str, index: int) -> None:
        container = self._container(child)
        if container.level >= index:
            raise AggregationError(f"{child}: a {self.levels[container.level].name} does not go into a {self.levels[index].name}")
        if not container.closed:
            raise AggregationError(f"{child}: is not closed")

    def _commissioned(self, child: str) -> str:
        lot = self._lot_of(child)
        if lot is None:
            raise AggregationError(f"{child}: is not a commissioned pack")
        return f"{child[3:17]}/{lot}"

    def _check_fit(self, index: int, parent: str, children: Sequence[str], lots: dict[str, str], close: bool) -> bool:
        """Whether the container will be closed; AggregationError where they do not fit, by number or by lot."""
        level = self.levels[index]
        former = self.containers.get(parent)
        count = len(children) + (len(former.children) if former else 0)
        if count > level.capacity:
            raise AggregationError(f"{parent}: would hold {count}, and a {level.name} holds {level.capacity}")
        kinds = set(lots.values()) | (set(former.lots) if former else set())
        for child in children:
            if child not in lots:
                kinds |= set(self.containers[child].lots)
        if len(kinds) > 1 and not level.mixed_lots:
            raise AggregationError(f"{parent}: a {level.name} holds one lot of one product, these are {', '.join(sorted(kinds))}")
        return close or count == level.capacity

    def _lots(self, child: str) -> Counter[str]:
        return self.containers[child].lots if is_container(child) else Counter((self.packed_lots[child],))


def _packed_list(values: list[str]) -> list[str]:
    """One value for all where all are the same: a case of 100 packs of one lot says it once."""
    return values[:1] if len(set(values)) == 1 else values


def _unpacked_list(values: list[str], count: int) -> list[str]:
    return values * count if len(values) == 1 else values

"""The serials of all products and what became of each: the one place that says which pack a serial belongs to.

A pool holds the present state of each serial; its history is the journal (rows and operations of the batches). The same SQL runs on
SQLite (default, one file, write-ahead log) and on PostgreSQL (several lines draw on one pool). A claim is one transaction: of two
lines that claim a serial at the same instant, exactly one gets it. States and moves are in vision.serials.states.

    pool = open_pool("sqlite:results/serials.db")
    entry = pool.entry("04012345678901", "SN1")     # Entry(product, serial, state, batch, blocked) or None
    for serial, state in pool.of_batch("04012345678901", "L1/2026-11-26T120000Z"): ...
    pool.move("04012345678901", ["SN1"], State.INACTIVE)
    pool.block("04012345678901", ["SN1"], "recalled")
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from vision.serials.states import CLAIMABLE, INVALIDATED, TRANSITIONS, State
from vision.types import Reason

BlockKind = Literal["suspect", "stolen", "recalled"]
BLOCK_KINDS: tuple[BlockKind, ...] = ("suspect", "stolen", "recalled")

_CLAIMABLE = ", ".join(str(int(state)) for state in sorted(CLAIMABLE))


class PoolError(Exception):
    """One line: which pool or serial, and what is wrong."""


class PoolBusy(PoolError):
    """Another process holds the pool, or its server cannot be reached: the same call may be made again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A serial in the pool. product: GTIN or PPN. batch: the batch it was given to, "" = none. blocked: why, "" = not."""

    product: str
    serial: str
    state: State
    batch: str
    blocked: str


Row = tuple[Any, ...]


class Database(Protocol):
    """What SQLite and PostgreSQL give to the pool: statements with `?`, and a fast way in for many rows.

    Every method raises PoolBusy where trying again may help, PoolError else.
    """

    name: str

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing; one that writes holds off other writers of the same serials."""
        ...

    def run(self, sql: str, *values: object) -> list[Row]: ...

    def stream(self, sql: str, *values: object) -> Iterator[Row]: ...

    def load(self, product: int, batch: int, state: int, serials: Iterable[str], replaceable: Sequence[int]) -> int:
        """Puts serials in, or moves those that stand in a replaceable state; how many were put or moved. In a transaction."""
        ...

    def give(self, serials: Iterable[str]) -> None:
        """Fills the temporary table `given` (serial) for the statements that follow. In a transaction."""
        ...

    def close(self) -> None: ...


class Pool:
    """See the module. One per process; not for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[tuple[str, str], int] = {}

    @property
    def name(self) -> str:
        """Where the pool lies, without any password."""
        return self._database.name

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # --- filling ----------------------------------------------------------------------------------------------------------

    def load(self, product: str, serials: Collection[str], state: State = State.UNALLOCATED, batch: str = "") -> int:
        """Puts serials into the pool, all or none; their count. Sorted ones go in several times as fast.

        Those that the pool has already must stand in a state that may become the new one (Unallocated ones may be allocated), or
        PoolError names the first that does not.
        """
        replaceable = [int(State.UNALLOCATED)] if state is State.ALLOCATED else []
        given = _Counted(serials)
        try:
            with self._transaction():
                ids = self._id("product", product), self._id("batch", batch)
                if self._database.load(*ids, int(state), given, replaceable) != given.count:
                    raise _Conflict
        except _Conflict:
            raise PoolError(f"pool {self.name}: {self._conflict(product, serials, replaceable)}") from None
        return given.count

    def _conflict(self, product: str, serials: Iterable[str], replaceable: Sequence[int]) -> str:
        seen: set[str] = set()
        for serial in serials:
            if serial in seen:
                return f"serial {serial!a} stands twice in what is loaded"
            seen.add(serial)
            entry = self.entry(product, serial)
            if entry is not None and int(entry.state) not in replaceable:
                where = f" for batch {entry.batch}" if entry.batch else ""
                return f"serial {serial!a} of product {product} is {entry.state.label} already{where}"
        return f"serials of product {product} were changed by another process while they were loaded"

    # --- the line's side --------------------------------------------------------------------------------------------------

    def claim(self, product: str, batch: str, groups: Sequence[Sequence[str]], listed: bool) -> list[tuple[Reason, ...]]:
        """Commissions the serials of packs about to be passed: for each group (the serials of one frame) all, or none and why not.

        listed: only serials allocated to this batch count; else any serial that the product never had. When it returns, what was
        claimed is durable and nobody else can claim it.
        """
        results: list[tuple[Reason, ...]] = []
        with self._transaction():
            ids = self._id("product", product), self._id("batch", batch)
            for group in groups:
                results.append(self._claim_group(ids, group, listed))
        return results

    def _claim_group(self, ids: tuple[int, int], group: Sequence[str], listed: bool) -> tuple[Reason, ...]:
        product, batch = ids
        if len(set(group)) < len(group):
            return (Reason.DUPLICATE_SERIAL,)
        if len(group) > 1:
            self._database.run("SAVEPOINT frame")
        reasons = {reason for serial in group if (reason := self._claim_one(product, batch, serial, listed)) is not None}
        if len(group) > 1:
            self._database.run("ROLLBACK TO SAVEPOINT frame" if reasons else "RELEASE SAVEPOINT frame")
        return tuple(reason for reason in Reason if reason in reasons)

    def _claim_one(self, product: int, batch: int, serial: str, listed: bool) -> Reason | None:
        run = self._database.run
        unblocked = "NOT EXISTS (SELECT 1 FROM blocked b WHERE b.product = ? AND b.serial = ?)"
        taken: list[Row] = []
        if not listed:
            taken = run(
                f"INSERT INTO serials (product, serial, state, batch) SELECT ?, ?, 7, ? WHERE {unblocked} "
                "ON CONFLICT (product, serial) DO NOTHING RETURNING 1",
                *(product, serial, batch, product, serial),
            )
        if not taken:
            taken = run(
                f"UPDATE serials SET state = 7 WHERE product = ? AND serial = ? AND batch = ? AND state IN ({_CLAIMABLE}) "
                f"AND {unblocked} RETURNING 1",
                *(product, serial, batch, product, serial),
            )
        if taken:
            return None
        if run("SELECT 1 FROM blocked WHERE product = ? AND serial = ?", product, serial):
            return Reason.BLOCKED_SERIAL
        held = run("SELECT state, batch FROM serials WHERE product = ? AND serial = ?", product, serial)
        if not held or State(held[0][0]) in CLAIMABLE or held[0][0] in (State.UNASSIGNED, State.UNALLOCATED):
            return Reason.UNKNOWN_SERIAL  # not there, or not this batch's
        return Reason.BLOCKED_SERIAL if State(held[0][0]) in INVALIDATED else Reason.DUPLICATE_SERIAL

    def set_back(self, product: str, batch: str, serials: Iterable[str]) -> int:
        """Commissioned becomes Encoded: their packs were rejected after all. How many were; those in another state stay."""
        return self._change(product, serials, State.ENCODED, f"s.state = {int(State.COMMISSIONED)}", batch)

    def mark_encoded(self, product: str, batch: str, serials: Iterable[str]) -> int:
        """Allocated becomes Encoded: seen on packs that were rejected. How many were; those in another state stay."""
        return self._change(product, serials, State.ENCODED, f"s.state = {int(State.ALLOCATED)}", batch)

    def _change(self, product: str, serials: Iterable[str], to: State, condition: str, batch: str) -> int:
        with self._transaction():
            self._database.give(serials)
            changed = self._database.run(
                f"UPDATE serials AS s SET state = ? WHERE s.product = ? AND s.batch = ? AND {condition} "
                "AND s.serial IN (SELECT serial FROM given) RETURNING 1",
                *(int(to), self._id("product", product), self._id("batch", batch)),
            )
        return len(changed)

    # --- operations ---------------------------------------------------------------------------------------------------------

    def move(
        self,
        product: str,
        serials: Iterable[str],
        to: State,
        batch: str | None = None,
        journal: Callable[[list[tuple[str, State]]], object] = lambda moved: None,
    ) -> list[tuple[str, State]]:
        """Brings serials into another state, all or none; gives each with its former state.

        journal: called with them before the move counts; what it raises undoes the move.
        batch: they must belong to it, None = any. PoolError names the first that is not there, not of the batch, or in a state that
        does not allow the move.
        """
        given = list(dict.fromkeys(serials))
        with self._transaction():
            ids = self._id("product", product)
            self._database.give(given)
            found = self._database.run(
                "SELECT g.serial, s.state, s.batch FROM given g LEFT JOIN serials s ON s.product = ? AND s.serial = g.serial "
                "ORDER BY g.serial",
                ids,
            )
            wanted = None if batch is None else self._id("batch", batch)
            for serial, state, owner in found:
                if state is None:
                    raise PoolError(f"serial {serial!a} of product {product}: not in the pool {self.name}")
                if wanted is not None and owner != wanted:
                    raise PoolError(f"serial {serial!a} of product {product}: does not belong to batch {batch}")
                if to not in TRANSITIONS[State(state)]:
                    raise PoolError(
                        f"serial {serial!a} of product {product}: is {State(state).label}, from which nothing becomes {to.label}"
                    )
            leaves = ", batch = " + str(self._id("batch", "")) if to is State.UNALLOCATED else ""
            self._database.run(
                f"UPDATE serials SET state = ?{leaves} WHERE product = ? AND serial IN (SELECT serial FROM given)", int(to), ids
            )
            moved = [(serial, State(state)) for serial, state, _ in found]
            journal(moved)
        return moved

    def move_all(self, product: str, batch: str, former: State, to: State) -> int:
        """Brings all serials of a batch that stand in one state into another (unused ones back to the pool); their count."""
        if to not in TRANSITIONS[former]:
            raise PoolError(f"no serial goes from {former.label} to {to.label}")
        with self._transaction():
            leaves = ", batch = " + str(self._id("batch", "")) if to is State.UNALLOCATED else ""
            ids = self._id("product", product), self._id("batch", batch)
            counted = self._database.run(
                "SELECT count(*) FROM serials WHERE product = ? AND batch = ? AND state = ?", *ids, int(former)
            )
            self._database.run(
                f"UPDATE serials SET state = ?{leaves} WHERE product = ? AND batch = ? AND state = ?", int(to), *ids, int(former)
            )
        return int(counted[0][0])

    # --- block lists --------------------------------------------------------------------------------------------------------

    def block(self, product: str, serials: Iterable[str], why: BlockKind) -> int:
        """No pack may bear these any more, seen or not, in the pool or not; how many were not blocked before."""
        with self._transaction():
            self._database.give(serials)
            added = self._database.run(
                "INSERT INTO blocked (product, serial, why) SELECT ?, serial, ? FROM given WHERE true "
                "ON CONFLICT (product, serial) DO NOTHING RETURNING 1",
                *(self._id("product", product), why),
            )
            self._database.run("UPDATE counters SET value = value + 1 WHERE name = 'blocks'")
        return len(added)

    def unblock(self, product: str, serials: Iterable[str]) -> int:
        """Takes serials off the block list; how many stood there."""
        with self._transaction():
            self._database.give(serials)
            gone = self._database.run(
                "DELETE FROM blocked WHERE product = ? AND serial IN (SELECT serial FROM given) RETURNING 1",
                self._id("product", product),
            )
            self._database.run("UPDATE counters SET value = value + 1 WHERE name = 'blocks'")
        return len(gone)

    def blocked(self, product: str) -> dict[str, str]:
        """The block list of a product: why by serial."""
        rows = self._database.run(
            "SELECT b.serial, b.why FROM blocked b JOIN products p ON p.id = b.product WHERE p.name = ? ORDER BY b.serial", product
        )
        return dict(rows)

    # --- questions ----------------------------------------------------------------------------------------------------------

    def entry(self, product: str, serial: str) -> Entry | None:
        """What the pool knows of a serial; one that is blocked without being there is Unassigned."""
        rows = self._database.run(
            "SELECT s.state, b.name, x.why FROM products p JOIN serials s ON s.product = p.id JOIN batches b ON b.id = s.batch "
            "LEFT JOIN blocked x ON x.product = s.product AND x.serial = s.serial WHERE p.name = ? AND s.serial = ?",
            *(product, serial),
        )
        if rows:
            return Entry(product, serial, State(rows[0][0]), rows[0][1], rows[0][2] or "")
        why = self._database.run(
            "SELECT x.why FROM products p JOIN blocked x ON x.product = p.id WHERE p.name = ? AND x.serial = ?", product, serial
        )
        return Entry(product, serial, State.UNASSIGNED, "", why[0][0]) if why else None

    def of_batch(self, product: str, batch: str, *states: State) -> Iterator[tuple[str, State]]:
        """The serials of a batch in their order, of the states given or all. The pool must not be used until it is at its end."""
        chosen = f" AND s.state IN ({', '.join(str(int(state)) for state in states)})" if states else ""
        rows = self._database.stream(
            "SELECT s.serial, s.state FROM serials s JOIN products p ON p.id = s.product JOIN batches b ON b.id = s.batch "
            f"WHERE p.name = ? AND b.name = ?{chosen} ORDER BY s.serial",
            *(product, batch),
        )
        return ((serial, State(state)) for serial, state in rows)

    def counts(self, product: str, batch: str | None = None) -> dict[State, int]:
        """How many serials of a product (and batch) stand in each state; states without any are left out."""
        rows = self._database.run(
            "SELECT s.state, count(*) FROM serials s JOIN products p ON p.id = s.product JOIN batches b ON b.id = s.batch "
            f"WHERE p.name = ?{'' if batch is None else ' AND b.name = ?'} GROUP BY s.state ORDER BY s.state",
            *((product,) if batch is None else (product, batch)),
        )
        return {State(state): int(count) for state, count in rows}

    # --- inside ---------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._database.transaction():
                yield
        except BaseException:
            self._ids.clear()  # what was named in a transaction that did not come to be
            raise

    def _id(self, kind: Literal["product", "batch"], name: str) -> int:
        """The number of a product or batch, new where it has none. In a transaction."""
        known = self._ids.get((kind, name))
        if known is not None:
            return known
        table = {"product": "products", "batch": "batches"}[kind]
        rows = self._database.run(f"SELECT id FROM {table} WHERE name = ?", name)
        if not rows:
            self._database.run(f"INSERT INTO {table} (name) VALUES (?) ON CONFLICT (name) DO NOTHING", name)
            rows = self._database.run(f"SELECT id FROM {table} WHERE name = ?", name)
        self._ids[kind, name] = int(rows[0][0])
        return int(rows[0][0])


class _Conflict(Exception):
    """A serial stands in the pool in a state that does not give way."""


class _Counted:
    """Passes serials on and counts them."""

    def __init__(self, serials: Iterable[str]) -> None:
        self._serials = serials
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for serial in self._serials:
            self.count += 1
            yield serial

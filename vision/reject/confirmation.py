"""Whether the machine confirms what it rejected: rejects signalled = rejects confirmed.

Pure: no clock, no input. A sensor at the reject bin counts; a reject that it does not count may still lie on the belt, among the
good packs. Only the sum is known, not which pack, so confirmations close the oldest open rejects first.
"""

from __future__ import annotations

from collections import deque

_MASK = 0xFFFFFFFF


class Confirmations:
    """Rejects that wait for their confirmation.

    grace_ns: how long after its due time a reject may wait; 0 = the machine confirms nothing.
    rejected_count, confirmed_count: since the start.
    """

    def __init__(self, grace_ns: int) -> None:
        self._grace_ns = grace_ns
        self._open: deque[int] = deque()  # due times
        self._ahead = 0  # confirmed before we settled them: our book-keeping may be later than the ejector
        self._count: int | None = None
        self._missed = 0
        self.rejected_count = 0
        self.confirmed_count = 0

    @property
    def waiting(self) -> bool:
        """A reject may still be confirmed in time."""
        return bool(self._open)

    def rejected(self, due_ns: int) -> None:
        """A pack was rejected at due_ns."""
        if not self._grace_ns:
            return
        self.rejected_count += 1
        if self._ahead:
            self._ahead -= 1
        else:
            self._open.append(due_ns)

    def heard(self, confirmed_count: int | None) -> None:
        """The machine's counter as last read, 32 bits that wrap; None = not read yet. The first one is where counting begins.

        A counter that went back is a machine started anew: what it had not confirmed by then stays open.
        """
        if confirmed_count is None or not self._grace_ns:
            return
        step = 0 if self._count is None else (confirmed_count - self._count) & _MASK
        self._count = confirmed_count
        if step > _MASK // 2:
            return
        self.confirmed_count += step
        closed = min(step, len(self._open))
        for _ in range(closed):
            self._open.popleft()
        self._ahead += step - closed

    def missed(self, now_ns: int) -> int:
        """How many rejects were not confirmed in time so far. They stay missed: somebody must look at the belt."""
        while self._open and now_ns > self._open[0] + self._grace_ns:
            self._open.popleft()
            self._missed += 1
        return self._missed

"""The children of a line: who they are, what they have to say, and starting them anew when they die.

Knows nothing of triggers. The line reads messages from here and is told of deaths; what they mean is the line's matter.
"""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import psutil

from vision.pipeline.messages import LogLine
from vision.pipeline.process import CONTEXT, Child, RestartBudget

log = logging.getLogger("line")

_BACK_OFF_FIRST_S = 0.2
_BACK_OFF_LONGEST_S = 2.0
_CLOSING_S = 5.0


class Crew:
    """All children by role.

    budget_count, budget_window_s: restarts allowed per role. faults: folder for the stack dumps.
    """

    def __init__(self, budget_count: int, budget_window_s: float, faults: Path) -> None:
        self.children: dict[tuple[str, int], Child] = {}
        self.restarts = 0
        self.exhausted: set[str] = set()
        self._budget = (budget_count, budget_window_s)
        self._budgets: dict[str, RestartBudget] = {}
        self._faults = faults
        self._everyone = select.epoll()
        self._pressing = select.epoll()  # acquirers, and whoever is gone
        self._by_fd: dict[int, Child] = {}
        self._writing: set[int] = set()
        self._recipes: dict[tuple[str, int], tuple[Callable[..., None], Callable[[], Sequence[Any]]]] = {}
        self._planned: list[tuple[float, tuple[str, int]]] = []
        self._losses: dict[tuple[str, int], int] = {}
        self._cpu_baseline: dict[tuple[int, str], float] = {}
        self._cpu_last: dict[tuple[int, str], float] = {}
        self._line_baseline = 0.0

    def start(self, role: str, index: int, target: Callable[..., None], arguments: Callable[[], Sequence[Any]]) -> Child:
        """Starts a child; `arguments` are asked for again at each restart."""
        self._recipes[role, index] = (target, arguments)
        child = Child(role, index, target, arguments(), self._faults / f"{role}-{index}.stack.txt")
        self.children[role, index] = child
        self._by_fd[child.channel.fileno()] = child
        self._everyone.register(child.channel.fileno(), select.EPOLLIN)
        self._pressing.register(child.channel.fileno(), select.EPOLLIN if role == "acquirer" else 0)  # an end of file shows always
        return child

    def get(self, role: str, index: int = 0) -> Child | None:
        return self.children.get((role, index))

    def of(self, role: str) -> list[Child]:
        return [child for (r, _), child in sorted(self.children.items()) if r == role]

    def send(self, role: str, index: int, message: Any) -> bool:
        """False when there is no such child now."""
        child = self.children.get((role, index))
        if child is None:
            return False
        child.channel.send(message)
        return True

    def messages(self, timeout_s: float | None, everyone: bool = True) -> Iterator[tuple[Child, Any]]:
        """Waits at most so long; gives what children said, and (child, None) for each that is gone.

        everyone: False = only an acquirer's word ends the wait, or a child's end; what others have said by then comes with it.
        """
        for child in self.children.values():
            if child.channel.waiting or self._writing:
                self._watch_writes(child)
        if not everyone and not self._writing:
            self._pressing.poll(timeout_s)
            timeout_s = 0.0
        for fd, mask in self._everyone.poll(timeout_s):
            child = self._by_fd[fd]
            if mask & select.EPOLLOUT:
                child.channel.flush()
            if not mask & ~select.EPOLLOUT:
                continue
            for message in child.channel.receive():
                if isinstance(message, LogLine):
                    logger = logging.getLogger(message.name)
                    if logger.isEnabledFor(message.level):
                        record = logger.makeRecord(message.name, message.level, "", 0, message.text, (), None)
                        record.created = message.created
                        logger.handle(record)
                else:
                    yield child, message
            if child.channel.closed:
                self._forget(child)
                yield child, None

    def plan_restart(self, child: Child, now: float, *, budgeted: bool, back_off: bool) -> bool:
        """Plans the restart of a child that is gone; False when its role's budget is spent."""
        key = (child.role, child.index)
        budget = self._budgets.setdefault(child.role, RestartBudget(*self._budget))
        if budgeted and not budget.allow(now):
            self.exhausted.add(child.role)
            return False
        delay_s = 0.0
        if back_off:
            self._losses[key] = self._losses.get(key, 0) + 1
            delay_s = min(_BACK_OFF_FIRST_S * 2 ** (self._losses[key] - 1), _BACK_OFF_LONGEST_S)
        self.restarts += 1
        self._planned.append((now + delay_s, key))
        return True

    def settled_in(self, child: Child) -> None:
        """The child works: the next back-off begins small again."""
        self._losses.pop((child.role, child.index), None)

    def restart_due(self, now: float) -> None:
        """Starts those whose time has come."""
        if not self._planned:
            return
        due = [key for at, key in self._planned if at <= now]
        self._planned = [(at, key) for at, key in self._planned if at > now]
        for role, index in due:
            target, arguments = self._recipes[role, index]
            self.start(role, index, target, arguments)

    def drop_planned(self, role: str) -> None:
        self._planned = [(at, key) for at, key in self._planned if key[0] != role]

    def next_restart_in_s(self, now: float) -> float | None:
        return max(0.0, min(at for at, _ in self._planned) - now) if self._planned else None

    def cpu_begin(self) -> None:
        """From now on cpu_seconds() counts."""
        self._cpu_baseline = {}
        for child in self.children.values():
            with contextlib.suppress(psutil.Error):  # a camera of three frames may have left already
                for role, used in _cpu_of(child).items():
                    self._cpu_baseline[child.pid, role] = used
        self._line_baseline = time.process_time()

    def cpu_read(self) -> None:
        """Remembers what each child has used; a dead one cannot be asked any more."""
        for child in self.children.values():
            with contextlib.suppress(psutil.Error):
                for role, used in _cpu_of(child).items():
                    self._cpu_last[child.pid, role] = used - self._cpu_baseline.get((child.pid, role), 0.0)

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds per role since cpu_begin(), the line itself included; "camera" = the threads of the camera's own software."""
        sums = {"line": time.process_time() - self._line_baseline}
        for (_, role), used in self._cpu_last.items():
            sums[role] = sums.get(role, 0.0) + used
        return sums

    def close(self) -> None:
        """Lets everybody see the end of the line, waits for those who have an account to close, kills whoever is left."""
        left = list(self.children.values())
        for child in left:
            self._unwatch(child)
            child.channel.close()
        end = time.monotonic() + _CLOSING_S
        for child in left:
            child.process.join(max(0.0, end - time.monotonic()))
            self._forget(child)
        self._everyone.close()
        self._pressing.close()

    def _watch_writes(self, child: Child) -> None:
        fd = child.channel.fileno()
        if child.channel.waiting != (fd in self._writing):
            if child.channel.waiting:
                self._writing.add(fd)
                self._everyone.modify(fd, select.EPOLLIN | select.EPOLLOUT)
            else:
                self._writing.discard(fd)
                self._everyone.modify(fd, select.EPOLLIN)

    def _unwatch(self, child: Child) -> None:
        fd = child.channel.fileno()
        if fd >= 0 and self._by_fd.pop(fd, None) is not None:
            self._writing.discard(fd)
            self._everyone.unregister(fd)
            self._pressing.unregister(fd)

    def _forget(self, child: Child) -> None:
        if self.children.get((child.role, child.index)) is child:
            del self.children[child.role, child.index]
        self._unwatch(child)
        child.ended = child.how_it_ended() if child.channel.closed else "was closed"
        child.close()


def _cpu_of(child: Child) -> dict[str, float]:
    """CPU seconds by role. An acquirer is its main thread; what else runs there is the GenTL producer's: the camera's side."""
    process = psutil.Process(child.pid)
    times = process.cpu_times()
    total = float(times.user + times.system)
    if child.role != "acquirer":
        return {child.role: total}
    main = sum(float(t.user_time + t.system_time) for t in process.threads() if t.id == child.pid)
    return {"acquirer": main, "camera": total - main}


def start_fork_server() -> None:
    """Starts the fork server, which loads and warms what children need while the caller goes on; must come before any child.

    Ctrl-C reaches the whole terminal group, and the line alone decides: who is started here holds it from its first instruction,
    until it says otherwise (preload.py). For the caller it comes a moment later.
    """
    CONTEXT.set_forkserver_preload(["vision.pipeline.preload"])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        resource_tracker.ensure_running()  # started by the first child otherwise, and without the mask
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which it takes off when it has started its process
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

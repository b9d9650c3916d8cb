"""One run of a line, from configuration to summary: the function behind `vision run`, the fault tests and the line bench."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from multiprocessing_logging import install_mp_handler, uninstall_mp_handler

from vision.batch.challenge import challenge_due, under_challenge
from vision.batch.life import open_batch_of
from vision.batch.operate import record_confirmed
from vision.cameras.camera import CameraError
from vision.config import LineConfig
from vision.content.order import Order
from vision.pipeline.batch import Batch
from vision.pipeline.crew import start_fork_server
from vision.pipeline.line import Line, StartError
from vision.pipeline.plc_process import PlcProcess
from vision.pipeline.sources import prepare_sources
from vision.pipeline.stats import Status, Summary
from vision.pipeline.turns import turn_of_the_line
from vision.results.folder import ResultsError

log = logging.getLogger("line")


def run_line(
    config: LineConfig,
    order: Order | None,
    *,
    frames: int | None = None,
    seconds: float | None = None,
    on_start: Callable[[Line], None] = lambda line: None,
    on_status: Callable[[Status], None] = lambda status: None,
    status_period_s: float = 0.2,
) -> Summary:
    """Runs a line until `frames` triggers per station, `seconds`, the end of its recordings, SIGINT or SIGTERM.

    Raises StartError or ResultsError, one line, when it cannot start; nothing half-started stays then.
    """
    start_fork_server()
    ordered = open_batch_of(config.results, config.name)
    if ordered is not None:
        if order is not None and order.digest() != ordered.order.digest():
            raise ResultsError(f"{ordered.folder}: is open for order {ordered.order.order!a}: end it before another order is run")
        order = ordered.order
    recipes = [station.recipe.recipe(order) for station in config.stations]
    with ExitStack() as stack:
        # The batch first, for its lock: a start that is refused must not touch what the line that runs lives on.
        batch = Batch(config, order, recipes, ordered=ordered)
        stack.callback(batch.release)
        not_running = stack.enter_context(ExitStack())
        not_running.callback(batch.abandon)
        with _naming(config):
            sources = stack.enter_context(prepare_sources(config))
            stack.enter_context(_log_to(batch.logs / "line.log"))
            for word in batch.mended:
                log.warning("mended: %s", word)
            plcs: list[PlcProcess | None] = []
            for station in config.stations:
                plcs.append(None)
                if station.reject.output == "modbus" and station.reject.simulate_plc:
                    plcs[-1] = plc = PlcProcess(station.reject, batch.logs / f"plc.{station.name}.csv")
                    stack.callback(plc.close)
            line = Line(config, recipes, batch, sources, frames, [plc.port if plc else None for plc in plcs])
            stack.callback(line.abort)
            stopped = stack.enter_context(_stop_signals())
            line.start()
        not_running.pop_all()
        stack.enter_context(turn_of_the_line())
        on_start(line)
        watch = on_status if ordered is None else _challenge_watch(line, config.challenge_minutes, on_status)
        line.run(lambda run_s: stopped.is_set() or (seconds is not None and run_s >= seconds), watch, status_period_s)
        summary = line.stop()
        on_status(line.status())
        if ordered is not None:
            for name, said in line.rejects_confirmed.items():
                record_confirmed(ordered, name, said.rejected_count, said.confirmed_count)
        accounts = {station.name: plc.close() for station, plc in zip(config.stations, plcs, strict=True) if plc is not None}
        summary.plc = accounts or None
        return summary


def _challenge_watch(line: Line, minutes: float, on_status: Callable[[Status], None]) -> Callable[[Status], None]:
    """Looks once a second whether a challenge test of the open batch is due; then the station is not ready before one is made."""
    folder = line.batch.folder
    next_s = 0.0

    def watch(status: Status) -> None:
        nonlocal next_s
        if status.seconds >= next_s:
            next_s = status.seconds + 1.0
            due = "" if under_challenge(folder) else challenge_due(folder, minutes)
            if due:
                line.trouble["challenge"] = f"challenge test is due: {due}"
            else:
                line.trouble.pop("challenge", None)
        on_status(status)

    return watch


@contextmanager
def _naming(config: LineConfig) -> Iterator[None]:
    """What keeps a line from starting, with the name of its file in front."""
    try:
        yield
    except (CameraError, StartError) as error:
        raise StartError(f"{config.path}: {error}") from None


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """SIGINT, SIGTERM and SIGHUP ask for an end; a second one has its usual effect."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def stop(number: int, frame: object) -> None:
        stopped.set()
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Several(logging.Handler):
    """Handlers as one: multiprocessing-logging gives each a thread that wakes five times a second."""

    def __init__(self, *handlers: logging.Handler) -> None:
        super().__init__()
        self._handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)

    def close(self) -> None:
        for handler in self._handlers:
            handler.close()
        super().close()


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """The log of all processes: a file of the batch, and warnings on stderr.

    Children send their lines over their channels; multiprocessing-logging takes them from there through its queue to a
    thread that writes, so that the line waits for no disk and no terminal. No child ever holds a lock of that queue.
    """
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root.handlers = [_Several(file, terminal)]
    root.setLevel(logging.INFO)
    install_mp_handler(root)
    wrapped = root.handlers[:]
    try:
        yield
    finally:
        uninstall_mp_handler(root)
        for handler in wrapped:
            handler.close()
        root.handlers = kept
        root.setLevel(level)

"""The line process: receive, ledger, dispatch, restart. It touches no pixels, writes no result files, blocks on no send."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from vision.config import LineConfig
from vision.pipeline.batch import Batch
from vision.pipeline.crew import Crew
from vision.pipeline.dispatch import Dispatch
from vision.pipeline.messages import (
    Ack,
    AllSettled,
    CameraLost,
    Ended,
    Failed,
    FrameMissing,
    FrameReady,
    ImageDone,
    Inspected,
    Leave,
    LineReady,
    OutputState,
    Ready,
    RecorderTrouble,
    RejectsConfirmed,
    SetOutput,
    Settled,
    StopAcquisition,
)
from vision.pipeline.pool import FramePool
from vision.pipeline.process import CONTEXT, Child, Main
from vision.pipeline.sources import Source
from vision.pipeline.stats import Status, Summary
from vision.verdict.recipe import Recipe

log = logging.getLogger("line")

RUN_ACQUIRER = Main("vision.pipeline.acquirer", "run_acquirer")
RUN_INSPECTOR = Main("vision.pipeline.inspector", "run_inspector")
RUN_RECORDER = Main("vision.pipeline.recorder", "run_recorder")
RUN_REJECTOR = Main("vision.pipeline.rejector", "run_rejector")

_START_TIMEOUT_S = 60.0
_CPU_READ_S = 10.0  # what a child has used since then is not counted when it dies; reading takes 2 ms
_STOP_TIMEOUT_S = 10.0
_STATUS_SLACK_S = 0.05  # the status waits so long for a frame to wake the line


class StartError(Exception):
    """One line: what could not be started, and why."""


class Line:
    """A line from start to summary.

    recipes: one per station. batch: where results go, and which serials were seen. frame_limit: triggers per station,
    None = no limit. reject_ports: per station the port of its PLC where that was started with the line.
    """

    def __init__(
        self,
        config: LineConfig,
        recipes: Sequence[Recipe],
        batch: Batch,
        sources: Sequence[Source],
        frame_limit: int | None = None,
        reject_ports: Sequence[int | None] = (),
    ) -> None:
        self.config = config
        self.batch = batch
        self._recipes = tuple(recipes)
        self._sources = tuple(sources)
        self._frame_limit = frame_limit
        self._reject_ports = tuple(reject_ports) or (None,) * len(config.stations)
        self._names = tuple(station.name for station in config.stations)
        buffer_counts = [source.buffer_count for source in sources]
        self.pool = FramePool(CONTEXT, config.slots + sum(buffer_counts), [source.shape for source in sources])
        self.crew = Crew(config.restart_count, config.restart_window_s, batch.logs)
        self.dispatch = Dispatch(
            config, self.crew, batch.serials.claim_all, recipes, batch.last_triggers, buffer_counts, batch.serials.free
        )
        self.ledger = self.dispatch.ledger
        self.rejects_confirmed: dict[str, RejectsConfirmed] = {}  # by station, as the run ends
        self.trouble: dict[str, str] = {}  # what is wrong now, by who; empty = ready
        self._ended = [False] * len(self._names)
        self._ready_told: bool | None = None
        self._rejects_in_row = [0] * len(self._names)
        self._started = False
        self._stopping = False
        self._leaving = False  # all that can be settled is; who goes now is not started anew
        self._fatal = ""
        self._began = time.monotonic()
        self._on: dict[type, Callable[[Child, Any], None]] = {
            Ready: self._on_ready,
            Failed: self._on_failed,
            FrameReady: self.dispatch.on_frame,
            FrameMissing: self.dispatch.on_missing,
            CameraLost: self._on_camera_lost,
            Ended: self._on_ended,
            Inspected: self.dispatch.on_inspected,
            Settled: self._on_settled,
            OutputState: self._on_output_state,
            RejectsConfirmed: self._on_rejects_confirmed,
            SetOutput: self._on_set_output,
            Ack: self.dispatch.on_ack,
            ImageDone: self.dispatch.on_image_done,
            RecorderTrouble: self._on_recorder_trouble,
        }

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts everybody, cameras last; StartError when one cannot be. Nothing half-started stays."""
        config = self.config
        try:
            self.crew.start("recorder", 0, RUN_RECORDER, lambda: (self.pool, config, str(self.batch.folder), self.batch.provenance))
            for station in range(len(self._names)):
                arguments = self._rejector_arguments(station)
                self.crew.start("rejector", station, RUN_REJECTOR, arguments)
            for inspector in range(config.inspectors):
                self.crew.start("inspector", inspector, RUN_INSPECTOR, lambda: (self.pool, self._recipes))
            self._await_ready()
            for station in range(len(self._names)):
                self.crew.start("acquirer", station, RUN_ACQUIRER, self._acquirer_arguments(station))
                self.dispatch.give_slots()
            self._await_ready()
        except EOFError:
            self.crew.close()
            raise StartError("the fork server ended while it loaded the kernels (its words stand above)") from None
        except BaseException:
            self.crew.close()
            raise
        gc.collect()
        gc.freeze()  # see process.py
        self._started = True
        self._began = time.monotonic()
        self.crew.cpu_begin()
        log.info("line %s runs: %s", config.name, self.batch.folder)

    def run(self, should_stop: Callable[[float], bool], on_status: Callable[[Status], None], period_s: float = 0.2) -> None:
        """Runs until should_stop(seconds since start) says so, or every camera is at its end."""
        next_status = next_check = next_cpu = 0.0
        while True:
            now = time.monotonic()
            if now >= next_status:
                next_status = now + period_s
                on_status(self.status())
                if self.dispatch.overrun and not self._fatal:
                    self._fatal = self.trouble["line"] = self.dispatch.overrun
                if should_stop(now - self._began) or all(self._ended) or self._fatal:
                    return
            if now >= next_check:
                next_check = now + 1.0
                self.dispatch.check()
                if now >= next_cpu:
                    next_cpu = now + _CPU_READ_S
                    self.crew.cpu_read()
                if self.ledger.all_written_settled:
                    self.crew.send("recorder", 0, AllSettled())
            self._turn(min(next_status, next_check) - now + _STATUS_SLACK_S)

    def stop(self) -> Summary:
        """Stops the cameras, waits until every pack is settled and every row is durable, lets everybody leave."""
        self._stopping = True
        self.crew.cpu_read()
        cpu = self.crew.cpu_seconds()
        self.crew.drop_planned("acquirer")
        for child in self.crew.of("acquirer"):
            child.channel.send(StopAcquisition())
        end = time.monotonic() + max(s.travel_ms for s in self.config.stations) / 1e3 + _STOP_TIMEOUT_S
        while time.monotonic() < end and (self.crew.of("acquirer") or self.ledger.open or self.dispatch.owners.count("recorder")):
            self._turn(0.05)
        if self.ledger.open:
            self.trouble["line"] = f"{self.ledger.open} triggers were still open at the end"
        self.ledger.check()
        self._leaving = True
        for child in [*self.crew.of("inspector"), *self.crew.of("rejector"), *self.crew.of("recorder")]:
            child.channel.send(Leave())
        end = time.monotonic() + _STOP_TIMEOUT_S
        while time.monotonic() < end and self.crew.children:
            self._turn(0.05)
        self.crew.close()
        return self._summary(cpu)

    def abort(self) -> None:
        """Lets go of everything at once; what was not settled is told by the children's last words."""
        self.crew.close()

    # --- one turn of the loop ------------------------------------------------------------------------------------------

    def _turn(self, timeout_s: float) -> None:
        now_ns = time.monotonic_ns()
        next_ns = self.dispatch.next_ns()
        if next_ns is not None:
            timeout_s = min(timeout_s, (next_ns - now_ns) / 1e9)
        restart_in_s = self.crew.next_restart_in_s(time.monotonic())
        if restart_in_s is not None:
            timeout_s = min(timeout_s, restart_in_s)
        everyone = self._stopping or not self._started
        if not everyone:
            listen_ns = self.dispatch.listen_from_ns()
            everyone = listen_ns <= now_ns
            if not everyone:
                timeout_s = min(timeout_s, (listen_ns - now_ns) / 1e9)
        for child, message in self.crew.messages(max(0.0, timeout_s), everyone):
            if message is None:
                self._on_gone(child)
            else:
                self._on[type(message)](child, message)
        now_ns = time.monotonic_ns()
        self.dispatch.tick(now_ns)
        self.crew.restart_due(time.monotonic())
        self.dispatch.give_slots()
        self._tell()

    def _await_ready(self) -> None:
        end = time.monotonic() + _START_TIMEOUT_S
        while not all(child.ready for child in self.crew.children.values()):
            self._turn(0.1)
            if self._fatal:
                raise StartError(self._fatal)
            if time.monotonic() > end:
                names = ", ".join(c.name for c in self.crew.children.values() if not c.ready)
                raise StartError(f"not ready after {_START_TIMEOUT_S:g} s: {names}")

    def _tell(self) -> None:
        """Tells rejectors whether the line is ready, when that changes."""
        # Also while it stops: packs under way are let go by a machine that is told ready, and by no other.
        ready = self._started and not self.trouble
        if ready != self._ready_told:
            self._ready_told = ready
            for child in self.crew.of("rejector"):
                child.channel.send(LineReady(ready))

    # --- from the children ------------------------------------------------------------------------------------------------

    def _on_ready(self, child: Child, message: Ready) -> None:
        child.ready = True
        self.crew.settled_in(child)
        self.trouble.pop(child.name, None)
        if message.detail:
            log.info("%s: %s", child.name, message.detail)
        self.dispatch.ready(child)
        if child.role == "recorder":
            self.trouble.pop("recorder", None)
        elif child.role == "rejector":
            self._ready_told = None

    def _on_failed(self, child: Child, message: Failed) -> None:
        """A child that cannot be set up: fatal at the start; later as good as dead, with a better word."""
        if self._started:
            self.trouble[child.name] = f"{child.name}: {message.detail}"
            log.warning("%s", self.trouble[child.name])
        elif not self._fatal:
            self._fatal = message.detail

    def _on_camera_lost(self, child: Child, message: CameraLost) -> None:
        self.trouble[child.name] = f"camera of {self._names[child.index]} lost: {message.detail}"
        log.warning("%s", self.trouble[child.name])

    def _on_ended(self, child: Child, message: Ended) -> None:
        self._ended[child.index] = True
        if not self._stopping:
            self.crew.cpu_read()  # it leaves now, and can be asked no more

    def _on_settled(self, child: Child, message: Settled) -> None:
        self.dispatch.on_settled(child, message)
        for _, accept in message.fates:
            self._rejects_in_row[child.index] = 0 if accept else self._rejects_in_row[child.index] + 1
        limit = self.config.stations[child.index].reject.consecutive_rejects_stop
        if limit and self._rejects_in_row[child.index] >= limit and not self._fatal:
            self._fatal = f"station {self._names[child.index]}: {limit} rejects in a row"
            self.trouble["line"] = self._fatal

    def _on_output_state(self, child: Child, message: OutputState) -> None:
        who = f"output of {self._names[child.index]}"
        if not message.detail:
            self.trouble.pop(who, None)
        else:
            if who not in self.trouble:
                log.warning("%s: %s", who, message.detail)
            self.trouble[who] = f"{who}: {message.detail}"

    def _on_rejects_confirmed(self, child: Child, message: RejectsConfirmed) -> None:
        self.rejects_confirmed[self._names[child.index]] = message

    def _on_set_output(self, child: Child, message: SetOutput) -> None:
        self.crew.send("acquirer", child.index, message)

    def _on_recorder_trouble(self, child: Child, message: RecorderTrouble) -> None:
        if message.detail:
            if "recorder" not in self.trouble:
                log.warning("recorder: %s", message.detail)
            self.trouble["recorder"] = f"recorder: {message.detail}"
        else:
            self.trouble.pop("recorder", None)

    # --- deaths -------------------------------------------------------------------------------------------------------------

    def _on_gone(self, child: Child) -> None:
        """A child's channel is at its end: what it held is ours again, and it is started anew within its budget."""
        self.dispatch.lost(child)
        if child.role == "rejector" and self.config.stations[child.index].reject.output == "camera_line":
            self.crew.send("acquirer", child.index, SetOutput(False))  # a dead rejector ends no pulse
        stopping = self._leaving or (self._stopping and child.role != "recorder")  # rows are still to be written
        if stopping or (child.role == "acquirer" and self._ended[child.index]):
            return
        camera_lost = child.role == "acquirer" and child.name in self.trouble
        log.warning("%s (pid %d) %s", child.name, child.pid, child.ended)
        if not self._started:
            self._fatal = self._fatal or f"{child.name} {child.ended} while starting"
            return
        if child.role != "inspector" or not any(c.ready for c in self.crew.of("inspector")):
            self.trouble.setdefault(child.name, f"{child.name} {child.ended}")
        if not self.crew.plan_restart(child, time.monotonic(), budgeted=not camera_lost, back_off=child.role == "acquirer"):
            self.trouble[child.name] = f"{child.name} {child.ended}: restart budget spent"
            log.error("%s", self.trouble[child.name])

    # --- what children are started with -----------------------------------------------------------------------------------------

    def _acquirer_arguments(self, station: int) -> Callable[[], Sequence[Any]]:
        return lambda: (
            self.pool,
            station,
            self.config.stations[station],
            self._sources[station],
            str(self.batch.logs),
            self.ledger.last_trigger[station],
            tuple(self.dispatch.seen[station]),
            self._trigger_limit(station),
        )

    def _trigger_limit(self, station: int) -> int | None:
        """The last trigger of this run: earlier runs of the batch count, frames asked for are of this one."""
        before = self.batch.last_triggers[station] if self.batch.last_triggers else 0
        return None if self._frame_limit is None else before + self._frame_limit

    def _rejector_arguments(self, station: int) -> Callable[[], Sequence[Any]]:
        return lambda: (
            self.config.stations[station],
            self._reject_ports[station],
            str(self.batch.logs),
            not self._started,
            self.ledger.last_trigger[station],
        )

    # --- what others see ------------------------------------------------------------

    def state(self) -> str:
        if self._stopping:
            return "STOPPING"
        if self.crew.exhausted or self._fatal:
            return "FAULT"
        return "DEGRADED" if self.trouble or len(self.crew.of("inspector")) < self.config.inspectors else "RUNNING"

    def status(self) -> Status:
        now = time.monotonic()
        return Status(
            state=self.state(),
            seconds=now - self._began,
            rate_hz=self.dispatch.rate.now_hz(now),
            counts=self.ledger.counts,
            latency=self.dispatch.latency,
            inspectors_ready=sum(c.ready for c in self.crew.of("inspector")),
            slots_free=self.dispatch.slots_free,
            slots=self.config.slots,
            restarts=self.crew.restarts,
            output_healthy=not any(who.startswith("output") for who in self.trouble),
            trouble="; ".join(self.trouble.values()),
            images_dropped=self.dispatch.images_dropped,
            print_warnings=self.dispatch.print_warnings,
        )

    def _summary(self, cpu: dict[str, float]) -> Summary:
        frames = max(1, self.ledger.counts.triggered)
        inspecting = self.dispatch.inspect_cpu_ns / 1e9
        cpu = {**cpu, "inspector": max(0.0, cpu.get("inspector", 0.0) - inspecting)}
        per_frame = {role: round(seconds * 1e3 / frames, 3) for role, seconds in sorted(cpu.items())}
        return Summary(
            counts=self.ledger.counts,
            rate_hz=self.dispatch.rate.mean_hz(),
            latency_ms=self.dispatch.latency.as_dict(),
            results=str(self.batch.folder),
            restarts=self.crew.restarts,
            images_dropped=self.dispatch.images_dropped,
            state="FAULT" if self._fatal or self.crew.exhausted else "STOPPED",
            trouble=self._fatal or "; ".join(self.trouble.values()),
            print_warnings=self.dispatch.print_warnings,
            cpu_ms_per_frame={**per_frame, "inspect": round(inspecting * 1e3 / frames, 3)},
        )

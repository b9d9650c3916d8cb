"""Makes a station's schedule and output from its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vision.reject.belt import EncoderTravel, TimeTravel
from vision.reject.camera_line import CameraLineOutput
from vision.reject.modbus import ModbusOutput
from vision.reject.output import Output
from vision.reject.schedule import Schedule
from vision.reject.simulated import SimulatedOutput


class Settings(Protocol):
    """What is read of a station's reject settings (vision.config lies above). output: modbus, camera_line or simulated."""

    @property
    def output(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def unit_id(self) -> int: ...
    @property
    def position_bits(self) -> bool: ...
    @property
    def pulse_ms(self) -> float: ...
    def travel(self) -> TimeTravel | EncoderTravel: ...


def make_schedule(settings: Settings) -> Schedule:
    """The packs on the way from this station's trigger to its ejector; ValueError in one line."""
    return Schedule(settings.travel())


def make_output(
    settings: Settings,
    port: int | None = None,
    set_output: Callable[[bool], None] | None = None,
    *,
    log_path: Path | None = None,
    allow_insecure_network: bool = False,
) -> Output:
    """An output, not yet open; ValueError in one line.

    port: in place of the settings' one (a simulated PLC that chose its own). set_output: sets the camera's user output.
    log_path: of the simulated output. allow_insecure_network: the PLC may be on another host than this.
    """
    match settings.output:
        case "simulated":
            return SimulatedOutput(log_path)
        case "modbus":
            return ModbusOutput(
                settings.host,
                settings.port if port is None else port,
                device_id=settings.unit_id,
                allow_insecure_network=allow_insecure_network,
                position_bits=settings.position_bits,
            )
        case "camera_line":
            if set_output is None:
                raise ValueError("output camera_line: there is no camera to set it on")
            return CameraLineOutput(set_output, round(settings.pulse_ms * 1_000_000))
        case kind:
            raise ValueError(f"output {kind}: expected simulated, modbus or camera_line")

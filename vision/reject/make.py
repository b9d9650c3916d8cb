"""Makes a station's output from plain values, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vision.reject.camera_line import CameraLineOutput
from vision.reject.modbus import ModbusOutput
from vision.reject.output import Output
from vision.reject.simulated import SimulatedOutput

KINDS = ("simulated", "modbus", "camera_line")


def make_output(
    kind: str,
    *,
    log_path: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 502,
    device_id: int = 1,
    base: int = 0,
    entry_count: int = 120,
    allow_insecure_network: bool = False,
    set_output: Callable[[bool], None] | None = None,
    pulse_ms: float = 20.0,
) -> Output:
    """An output, not yet open; values that its kind does not know are not looked at. ValueError in one line.

    simulated: log_path. camera_line: set_output, pulse_ms. modbus: the rest.
    """
    if kind == "simulated":
        return SimulatedOutput(log_path)
    if kind == "modbus":
        return ModbusOutput(
            host,
            port,
            device_id=device_id,
            base=base,
            entry_count=entry_count,
            allow_insecure_network=allow_insecure_network,
        )
    if kind == "camera_line":
        if set_output is None:
            raise ValueError("camera_line: set_output is missing")
        return CameraLineOutput(set_output, round(pulse_ms * 1_000_000))
    raise ValueError(f"output {kind}: expected one of {', '.join(KINDS)}")

"""The simulated PLC that is started with a line: a process of its own, spoken to by Modbus TCP like a real one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from vision.config import RejectConfig
from vision.pipeline.line import StartError


class PlcProcess:
    """Starts the simulated PLC and knows its port; close() gives its own account of what it was told.

    log: a CSV line per verdict it receives. It has a belt as long as the station's. Raises StartError in one line (port taken).
    """

    def __init__(self, config: RejectConfig, log: Path) -> None:
        command = [sys.executable, "-m", "vision.reject.plc", "--host", config.host, "--port", str(config.port), "--log", str(log)]
        command += ["--travel-ms", str(config.travel_ms)]
        command += ["--position-bits"] if config.position_bits else []
        # A session of its own: Ctrl-C on the terminal ends the line, and the line ends the PLC.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            word = self._process.stderr.read().strip().splitlines()
            self._process.wait()
            raise StartError(word[-1] if word else f"simulated PLC left with exit code {self._process.returncode}")
        self.port = int(json.loads(line)["port"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> dict[str, Any] | None:
        """Lets it leave; its summary, None when it could not give one."""
        try:
            out, _ = self._process.communicate(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return None
        with contextlib.suppress(ValueError, IndexError):
            return dict(json.loads(out.strip().splitlines()[-1]))
        return None

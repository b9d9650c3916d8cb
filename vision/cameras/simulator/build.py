"""Builds the simulated camera, vision_simulator.cti, from the C files beside this one.

A script (`python vision/cameras/simulator/build.py`), and the build hook of hatchling that puts the library into the wheel.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

FOLDER = Path(__file__).resolve().parent
LIBRARY = FOLDER / "vision_simulator.cti"
FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra")

if TYPE_CHECKING:
    BuildHookInterface: Any = object
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ImportError:  # run as a script before anything is installed
        BuildHookInterface = object


class BuildError(Exception):
    """One line: what is missing or what the compiler said first."""


def sources() -> list[Path]:
    """The files the library is made from."""
    return sorted([*FOLDER.glob("*.c"), *FOLDER.glob("*.h"), FOLDER / "description.py", FOLDER / "build.py"])


def up_to_date() -> bool:
    """True when the library is newer than all its sources."""
    return LIBRARY.is_file() and LIBRARY.stat().st_mtime >= max(path.stat().st_mtime for path in sources())


def build(force: bool = False) -> Path:
    """Compiles the library unless it is up to date and gives its path; BuildError when there is no compiler or it fails."""
    if not force and up_to_date():
        return LIBRARY
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise BuildError(
            "the simulated camera needs a C compiler and none was found: install gcc (Debian: apt install gcc libc6-dev)"
        )
    description = _description()
    with tempfile.TemporaryDirectory(prefix="vision-simulator-") as scratch:
        made = Path(scratch)
        (made / "description.h").write_text(description.c_header(), encoding="utf-8")
        (made / "description.c").write_text(description.c_source(), encoding="utf-8")
        files = [str(path) for path in sorted(FOLDER.glob("*.c"))]
        result = made / LIBRARY.name
        command = [
            *compiler.split(),
            *FLAGS,
            f"-I{made}",
            f"-I{FOLDER}",
            *files,
            str(made / "description.c"),
            "-o",
            str(result),
            "-lm",
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise BuildError(f"{compiler} could not build the simulated camera:\n{run.stderr.strip()}")
        _put_in_place(result)
    return LIBRARY


def _put_in_place(result: Path) -> None:
    """Replaces the library in one step: a process that has the old one loaded keeps it whole."""
    beside = LIBRARY.with_name(f".{LIBRARY.name}.{os.getpid()}")
    shutil.copyfile(result, beside)
    os.replace(beside, LIBRARY)


def _description() -> ModuleType:
    """The feature table, loaded by path: as a build hook this folder is on no import path."""
    spec = importlib.util.spec_from_file_location("vision_simulator_description", FOLDER / "description.py")
    if spec is None or spec.loader is None:
        raise BuildError(f"{FOLDER / 'description.py'}: missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class SimulatorBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Puts the library into the wheel and tags the wheel for this platform (any Python 3)."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        try:
            build()
        except BuildError as error:
            raise SystemExit(str(error)) from None
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(LIBRARY.relative_to(self.root).as_posix())


def main() -> int:
    try:
        path = build(force="--force" in sys.argv[1:])
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    print(f"simulated camera: {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

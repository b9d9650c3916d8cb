"""What a test may do depends on who runs it: rights given up where root has too many, a small disk where others have too few."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_OVERRIDE = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_OWN_DISKS = ("unshare", "--user", "--map-root-user", "--mount")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def modes_hold() -> Iterator[None]:
    """Meanwhile the modes of files and folders hold for this thread, also where it is root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()

    def call(function: str) -> None:
        if getattr(libc, function)(ctypes.byref(header), sets):
            raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")

    call("capget")
    before = sets[0].effective
    sets[0].effective &= ~_OVERRIDE
    call("capset")
    try:
        yield
    finally:
        sets[0].effective = before
        call("capset")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own on a new folder. size: "8m", "512k". Skips the test where none can be mounted."""
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def on_a_small_disk(size: str) -> Callable[[Callable[[Path, Path], None]], Callable[[Path], None]]:
    """Makes test(tmp_path, disk) a test on a file system of its own: where this user may mount none, in a name space of its own,
    in a run of pytest that sees nobody else's disks and is seen by nobody."""

    def with_disk(test: Callable[[Path, Path], None]) -> Callable[[Path], None]:
        name = f"{Path(test.__code__.co_filename).relative_to(ROOT)}::{test.__name__}"

        def run(tmp_path: Path) -> None:
            if os.geteuid() == 0:
                with small_disk(tmp_path / "disk", size) as disk:
                    test(tmp_path, disk)
            else:
                _run_in_name_space(name, tmp_path / "own")

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return with_disk


def _run_in_name_space(name: str, folder: Path) -> None:
    if subprocess.run([*_OWN_DISKS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("neither root nor a name space of one's own: no small disk")
    command = [*_OWN_DISKS, sys.executable, "-m", "pytest", f"--basetemp={folder}", "-rs", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr

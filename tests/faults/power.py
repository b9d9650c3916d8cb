"""A power failure, as far as files show it: every process is killed, and what no sync covered is gone, or torn at any byte.

A preloaded shim (synced.c) notes the size of each file at its last sync; after the kill, longer files are cut back to a random
length between that size and their own. Files that were never synced are cut anywhere.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("synced.c")


def build_shim(folder: Path) -> Path | None:
    """Compiles the shim; None where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "synced.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def shim_environment(library: Path, log: Path) -> dict[str, str]:
    return {"LD_PRELOAD": str(library), "SYNCED_LOG": str(log)}


def sizes(folder: Path) -> dict[Path, int]:
    """Sizes of the files below a folder: what lies there when a machine starts is on the disk."""
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def drop_unsynced(folder: Path, log: Path, before: dict[Path, int], chance: random.Random) -> list[str]:
    """Cuts every file below a folder back to what was synced, or little more; says which lost how much. Logs are left alone.

    before: sizes at the start of what is logged. Whole images may be lost, as nobody synced their names.
    """
    synced: dict[int, int] = {}
    for line in log.read_text().splitlines() if log.exists() else []:
        inode, size = line.split()
        synced[int(inode)] = int(size)
    lost = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "logs" in path.parts or path.name.endswith("-shm") or path.name == ".lock":
            continue
        status = path.stat()
        kept = max(synced.get(status.st_ino, 0), before.get(path, 0))
        if kept >= status.st_size:
            continue
        cut = chance.randint(kept, status.st_size)
        if kept == 0 and path.suffix == ".bmp" and chance.random() < 0.5:
            path.unlink()
        else:
            os.truncate(path, cut)
        lost.append(f"{path.name}: {status.st_size - cut} of {status.st_size} bytes")
    return lost

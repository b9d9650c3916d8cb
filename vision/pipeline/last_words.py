"""What a process leaves behind when the line is gone: one small JSON file each in the batch folder.

The rejector tells which packs it let go, the acquirer the number of its last trigger; the recorder, or the next start,
closes the account with them (LINE_LOST for every trigger that has no row, or a row that promised a pass that never came).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vision.types import Reason, Record

_PREFIX = "last_words."


def write_last_words(folder: Path, role: str, station: str, words: dict[str, Any]) -> None:
    """Atomically; a full disk must not keep a process from leaving, so an error is swallowed (the next start does without)."""
    path = folder / f"{_PREFIX}{role}.{station}.json"
    temporary = path.with_suffix(".tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"role": role, "station": station, **words}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)


def read_last_words(folder: Path) -> list[dict[str, Any]]:
    """All last words in a batch folder; a torn file counts as not written."""
    words = []
    for path in sorted(folder.glob(f"{_PREFIX}*.json")):
        try:
            words.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return words


def remove_last_words(folder: Path) -> None:
    for path in [*folder.glob(f"{_PREFIX}*.json"), *folder.glob(f"{_PREFIX}*.tmp")]:
        path.unlink(missing_ok=True)


def last_words_complete(folder: Path, stations: Iterable[str]) -> bool:
    """Every station's rejector and acquirer have left theirs."""
    return all((folder / f"{_PREFIX}{role}.{station}.json").exists() for station in stations for role in ("rejector", "acquirer"))


def closing_records(
    rows: Iterable[tuple[str, int, int, bool]],
    words: Iterable[dict[str, Any]],
    recent: Mapping[tuple[str, int], Record],
    now_ns: int,
    utc_ns: int,
) -> list[Record]:
    """The rows that close an account after the line died. Pure.

    rows: (station, trigger, revision, accept) of every row on disk, last revisions only. words: see read_last_words; a
    rejector knows the fate of every pack after `since`. recent: rows as they were written, so that an amendment keeps what was
    found; may lack any.
    Gives a LINE_LOST row for each trigger known to anybody and without a row, and a LINE_LOST amendment for each accept
    whose pack was not let go.
    """
    known = {(station, trigger): (revision, accept) for station, trigger, revision, accept in rows}
    last: dict[str, int] = {}
    for station, trigger in known:
        last[station] = max(last.get(station, 0), trigger)
    let_go: dict[str, tuple[int, set[int]]] = {}
    for word in words:
        station = word["station"]
        last[station] = max(last.get(station, 0), int(word.get("last_trigger", 0)))
        if "let_go" in word:
            let_go[station] = int(word["since"]), set(word["let_go"])

    def lost(station: str, trigger: int, revision: int, detail: str) -> Record:
        return Record(station, trigger, (Reason.LINE_LOST,), now_ns, utc_ns, now_ns, revision=revision, detail=detail)

    records = []
    for station in sorted(last):
        since, through = let_go.get(station, (last[station], ()))
        for trigger in range(1, last[station] + 1):
            row = known.get((station, trigger))
            if row is None:
                records.append(lost(station, trigger, 0, "the line died before a verdict"))
            elif row[1] and trigger > since and trigger not in through:
                amendment = lost(station, trigger, row[0] + 1, "the line died before the pack was passed")
                former = recent.get((station, trigger))
                if former is not None:
                    amendment = replace(former, reasons=amendment.reasons, revision=amendment.revision, detail=amendment.detail)
                records.append(amendment)
    return records

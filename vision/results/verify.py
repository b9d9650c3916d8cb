"""Is a batch as it was sealed? Every changed, missing, added or reordered file, cut chain, doubled or missing row, by name.

What cannot be seen from inside: whether the whole batch, seals included, was made anew. For that the head (the hash in
seal.sha256) is printed on the signed report. Files still open have no seal yet, and are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vision.results.chain import GENESIS, chain_entries, chain_lines, origin, sha256
from vision.results.folder import BATCH_INFO, IMAGES, ResultsError, read_batch_info
from vision.results.operations import OPERATIONS
from vision.results.packs import SUFFIX
from vision.results.reader import fold, read_rows
from vision.results.seal import HEAD, IMAGE_LIST, SEALS, file_sha256, head_text
from vision.results.signatures import REPORTS, SIGNATURES
from vision.results.stream import StreamReader

_COLUMNS = ["accept", "reasons", "evidence"]


@dataclass(slots=True)
class Examination:
    """What was found about a batch.

    problems: one line each, what is not as sealed or not as it must be. notes: true, and worth knowing, but no fault (an
    open file, an amendment in a later file, images dropped at their cap). rows, accepted: after folding. missing: triggers
    without a row between the first and the last, by station. closed: the batch ended in order. head: hash of seal.jsonl.

    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    accepted: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    closed: bool = False
    head: str = ""


def verify(folder: Path) -> list[str]:
    """The problems of a batch, one line each; empty for a sound one. Raises ResultsError if there is no such folder."""
    return examine(folder).problems


def examine(folder: Path) -> Examination:
    """Everything `verify` finds, with counts and notes. Raises ResultsError if there is no such folder."""
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such batch folder")
    found = Examination()
    try:
        seals = _examine_seals(folder, found)
        tables = list(_examine_files(folder, seals, found))
        whole = not found.problems
        _examine_rows(tables, whole, found)
        _examine_images(folder, seals, tables, found)
        _examine_operations(folder, seals, found)
        named = _examine_given(folder, found)
        _examine_signatures(folder, found)
        _examine_names(folder, named, found)
    except (OSError, ResultsError) as error:
        found.problems.append(f"{folder}: cannot be examined to the end ({error})")
    return found


def _examine_seals(folder: Path, found: Examination) -> list[dict[str, Any]]:
    path, head = folder / SEALS, folder / HEAD
    content = path.read_bytes() if path.exists() else b""
    said = head.read_bytes() if head.exists() else b""
    if said != (head_text(content) if content else b""):
        found.problems.append(f"{SEALS}: is not what {HEAD} says (changed, or a sealing was interrupted and not yet recovered)")
    seals, problems = chain_entries(SEALS, content, origin(folder / BATCH_INFO))
    found.problems += problems
    if seals and seals[0].get("previous") != origin(folder / BATCH_INFO):
        found.problems.append(f"{BATCH_INFO}: changed or missing: the chain starts from another one")
    found.head = sha256(content) if content else ""
    found.closed = bool(seals) and seals[-1].get("last") is True
    if not found.closed:
        found.notes.append("the batch was not ended in order, or still runs")
    names = [str(seal.get("name")) for seal in seals]
    if names != [f"{number:06d}.arrow" for number in range(1, len(names) + 1)]:
        found.problems.append(f"{SEALS}: the files are not numbered from 000001 without a gap")
    return seals


def _examine_files(folder: Path, seals: list[dict[str, Any]], found: Examination) -> Iterator[tuple[str, pa.Table]]:
    """Checks each file with rows; gives its name and rows where they can be read."""
    for seal in seals:
        name = str(seal.get("name"))
        path = folder / Path(name).name
        if not path.is_file():
            found.problems.append(f"{name}: missing")
        elif file_sha256(path) != seal.get("sha256"):
            found.problems.append(f"{name}: changed since it was sealed")
        else:
            table = read_rows(path, _COLUMNS)
            if table.num_rows != seal.get("rows") or fold(table).num_rows != table.num_rows:
                found.problems.append(
                    f"{name}: {table.num_rows} rows, {fold(table).num_rows} triggers, sealed as {seal.get('rows')}"
                )
            yield name, table
        packs = path.with_suffix(SUFFIX)
        if "packs" in seal and not packs.is_file():
            found.problems.append(f"{packs.name}: missing")
        elif "packs" in seal and file_sha256(packs) != seal["packs"]:
            found.problems.append(f"{packs.name}: changed since it was sealed")
    sealed = {seal.get("name") for seal in seals}
    for path in sorted(folder.glob("*.arrow")):
        if path.name not in sealed:
            found.problems.append(f"{path.name}: has no seal")
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.with_suffix(".arrow").name not in sealed and not path.with_suffix(".arrows").exists():
            found.problems.append(f"{path.name}: has no seal")
    for path in sorted(folder.glob("*.arrows")):
        reader = StreamReader(path)
        parts = list(reader)
        rows = sum(part.num_rows for part in parts)
        torn = f", {reader.torn_bytes} bytes of an unfinished write behind them" if reader.torn_bytes else ""
        found.notes.append(f"{path.name}: open, {rows} rows not sealed yet{torn}")
        if parts and path.with_suffix(".arrow").name not in sealed:
            yield path.name, fold(pa.Table.from_batches(parts).select(["station", "trigger", "revision", *_COLUMNS]))


def _examine_rows(tables: list[tuple[str, pa.Table]], whole: bool, found: Examination) -> None:
    """One row per trigger over all files; whole: all files could be read, so that a missing row is truly missing."""
    if not tables:
        return
    for name, table in tables:
        contradicting = pc.sum(pc.xor(table["accept"], pc.equal(pc.list_value_length(table["reasons"]), 0))).as_py()
        if contradicting:
            found.problems.append(f"{name}: {contradicting} rows whose verdict and reasons contradict each other")
    everything = pa.concat_tables([table.replace_schema_metadata(None) for _, table in tables], promote_options="default")
    doubled = everything.group_by(["station", "trigger", "revision"]).aggregate([([], "count_all")])
    doubled = doubled.filter(pc.greater(doubled["count_all"], 1))
    if doubled.num_rows:
        first = doubled.slice(0, 1).to_pylist()[0]
        found.problems.append(f"{doubled.num_rows} rows stand twice, the first is {first['station']} {first['trigger']}")
    rows = fold(everything)
    found.rows, found.accepted = rows.num_rows, int(pc.sum(rows["accept"]).as_py() or 0)
    amended = everything.num_rows - rows.num_rows - doubled.num_rows
    if amended > 0:
        found.notes.append(f"{amended} rows were amended in a later file; the amendment counts")
    for station in sorted(pc.unique(rows["station"]).to_pylist()):
        triggers = rows.filter(pc.equal(rows["station"], station))["trigger"]
        span = pc.min_max(triggers).as_py()
        missing = span["max"] - span["min"] + 1 - len(triggers)
        if missing:
            found.missing[station] = missing
            # A batch that ended in a crash may lack what was in flight; those packs were never passed. One that was closed may not.
            text = f"{station}: {missing} of the triggers {span['min']} to {span['max']} have no row"
            (found.problems if found.closed and whole else found.notes).append(text)


def _examine_images(folder: Path, seals: list[dict[str, Any]], tables: list[tuple[str, pa.Table]], found: Examination) -> None:
    label = f"{IMAGES}/{IMAGE_LIST}"
    path = folder / IMAGES / IMAGE_LIST
    content = path.read_bytes() if path.exists() else b""
    entries, problems = chain_entries(label, content, GENESIS)
    found.problems += problems
    lines = chain_lines(content)
    covers = [0]
    for seal in seals:
        images = seal.get("images", {})
        covers.append(int(images.get("lines", 0)))
        if (sha256(lines[covers[-1] - 1]) if 0 < covers[-1] <= len(lines) else GENESIS) != images.get("sha256"):
            found.problems.append(f"{label}: is not what {seal.get('name')} was sealed with")
    if len(lines) > covers[-1]:
        found.notes.append(f"{label}: {len(lines) - covers[-1]} lines since the last seal")
    listed: dict[str, str] = {}
    line_of: dict[str, int] = {}
    lost = found_again = 0
    for number, entry in enumerate(entries, 1):
        name = str(entry.get("lost", entry.get("name")))
        if "lost" not in entry:
            listed[name], line_of[name] = str(entry.get("sha256")), number
            found_again += "found" in entry
        elif name not in line_of or any(line_of[name] <= cover < number for cover in covers):
            found.problems.append(f"{label}: line {number} calls {name} lost, which a seal covered by then")
        else:
            listed[name], lost = str(entry.get("left")), lost + 1
    if lost:
        found.notes.append(f"{lost} images were lost in a crash, before a seal covered them ({label} names them)")
    if found_again:
        found.notes.append(f"{found_again} images lost their line in a crash and were listed again")
    for name, expected in listed.items():
        image = folder / IMAGES / Path(name).name
        left = file_sha256(image) if image.is_file() else ""
        if left == expected:
            continue
        if line_of[name] > covers[-1] and not found.closed:
            found.notes.append(f"{IMAGES}/{name}: not as listed, and no seal covers it yet (being written, or lost in a crash)")
        else:
            found.problems.append(f"{IMAGES}/{name}: {'changed' if left else 'missing'}")
    present = {entry.name for entry in (folder / IMAGES).iterdir()} if (folder / IMAGES).is_dir() else set()
    for name in sorted(present - set(listed) - {IMAGE_LIST}):
        if name.startswith(".") and name.endswith(".tmp"):
            found.notes.append(f"{IMAGES}/{name}: half-written, removed at the next start")
        elif not found.closed:
            found.notes.append(
                f"{IMAGES}/{name}: not in the list of images, and no seal covers it (a crash may have taken its line)"
            )
        else:
            found.problems.append(f"{IMAGES}/{name}: not in the list of images")
    asked = {name for _, table in tables for name in table["evidence"].drop_null().to_pylist()}
    unkept = asked - {f"{IMAGES}/{name}" for name in listed}
    if unkept:
        found.notes.append(f"{len(unkept)} images were asked for and not kept (caps, disk space)")


def _examine_operations(folder: Path, seals: list[dict[str, Any]], found: Examination) -> None:
    """The list of operations is whole, and begins as each seal says."""
    path = folder / OPERATIONS
    content = path.read_bytes() if path.exists() else b""
    if content:
        found.problems += chain_entries(OPERATIONS, content, origin(folder / BATCH_INFO))[1]
    lines = chain_lines(content)
    covered = 0
    for seal in seals:
        if head := seal.get("operations"):
            covered = int(head.get("lines", 0))
            if not 0 < covered <= len(lines) or sha256(lines[covered - 1]) != head.get("sha256"):
                found.problems.append(f"{OPERATIONS}: is not what {seal.get('name')} was sealed with")
    if len(lines) > covered:
        found.notes.append(f"{OPERATIONS}: {len(lines) - covered} lines since the last seal")


def _examine_given(folder: Path, found: Examination) -> set[str]:
    """The files that batch.json names are there as they were at the start; gives their names."""
    if not (folder / BATCH_INFO).exists():
        return set()  # where there was one, the first link of the chain says so
    files = read_batch_info(folder).files
    for name, expected in files.items():
        path = folder / Path(name).name
        if not path.is_file():
            found.problems.append(f"{name}: missing")
        elif file_sha256(path) != expected:
            found.problems.append(f"{name}: changed since the batch was started")
    return set(files)


def _examine_signatures(folder: Path, found: Examination) -> None:
    """Each signature stands for the chain as it is: their own chain starts from seal.jsonl, and names what else it covers."""
    path = folder / SIGNATURES
    if not path.exists():
        return
    entries, problems = chain_entries(SIGNATURES, path.read_bytes(), origin(folder / SEALS))
    found.problems += problems
    operations = chain_lines((folder / OPERATIONS).read_bytes()) if (folder / OPERATIONS).exists() else []
    for number, entry in enumerate(entries, 1):
        if entry.get("head") != found.head:
            found.problems.append(f"{SIGNATURES}: line {number} was given for another head than this batch's")
        head = entry.get("operations")
        if head and not (
            0 < int(head["lines"]) <= len(operations) and sha256(operations[int(head["lines"]) - 1]) == head["sha256"]
        ):
            found.problems.append(f"{SIGNATURES}: line {number} was given for other operations than those of {OPERATIONS}")
        for name, expected in dict(entry.get("files", {})).items():
            path = folder / name
            if ".." in Path(name).parts or not path.is_file():
                found.problems.append(f"{name}: missing, and signed in line {number} of {SIGNATURES}")
            elif file_sha256(path) != expected:
                found.problems.append(f"{name}: changed since it was signed in line {number} of {SIGNATURES}")


def _examine_names(folder: Path, named: set[str], found: Examination) -> None:
    known = {BATCH_INFO, SEALS, HEAD, IMAGES, OPERATIONS, SIGNATURES, REPORTS, "logs"} | named
    for entry in sorted(folder.iterdir()):
        if entry.name in known or entry.suffix in (".arrow", ".arrows", SUFFIX):
            continue
        if entry.name.startswith(".") and entry.name.endswith(".tmp"):
            found.notes.append(f"{entry.name}: half-written, removed at the next start")
        else:
            found.notes.append(f"{entry.name}: not part of the results, not covered by a seal")

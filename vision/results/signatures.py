"""Signatures on a batch that ended: name, time and meaning, bound to the head of its chain (`signatures.jsonl`).

A chain of its own (vision.results.chain) that starts from seal.jsonl: `previous` of its first line is what `sha256sum seal.jsonl`
prints. Each line repeats that head, says how far operations.jsonl went, and names files that are signed with it (the report).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vision.results.chain import append_line, chain_lines, link, origin, sha256
from vision.results.folder import ResultsError
from vision.results.operations import is_open, operations_head, utc_now
from vision.results.seal import SEALS, file_sha256, head

SIGNATURES = "signatures.jsonl"
REPORTS = "reports"
"""Folder in a batch for its reports; signatures name them as reports/NAME."""


def sign(folder: Path, name: str, meaning: str, files: Sequence[str] = ()) -> dict[str, Any]:
    """Signs a batch that ended; gives the signature. Raises ResultsError, one line.

    name: of the person. meaning: what the signature says ("batch record reviewed", "released"). files: names in the batch
    folder that are signed with it.
    """
    for key, text in (("name", name), ("meaning", meaning)):
        if not text.strip() or not text.isprintable() or len(text) > 200:
            raise ResultsError(f"{folder}: {key} of a signature: {text!a}, expected 1 to 200 printable characters")
    if is_open(folder) or not head(folder):
        raise ResultsError(f"{folder}: the batch has not ended; a signature stands for its final head")
    entry = {
        "utc": utc_now(),
        "name": name.strip(),
        "meaning": meaning.strip(),
        "head": head(folder),
        **({"operations": operations} if (operations := operations_head(folder)) else {}),
        "files": {file: file_sha256(folder / file) for file in files},
    }
    path = folder / SIGNATURES
    try:
        lines = chain_lines(path.read_bytes()) if path.exists() else []
        append_line(path, link(entry, sha256(lines[-1]) if lines else origin(folder / SEALS)), sync=True)
    except OSError as error:
        raise ResultsError(f"{path}: not signed ({error.strerror or error})") from None
    return entry


def read_signatures(folder: Path) -> list[dict[str, Any]]:
    """The signatures of a batch in their order. Raises ResultsError for a damaged file."""
    path = folder / SIGNATURES
    try:
        return [json.loads(line) for line in chain_lines(path.read_bytes())] if path.exists() else []
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read ({error})") from None

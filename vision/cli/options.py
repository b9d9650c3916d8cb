"""Arguments and options that several groups of commands have in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vision.results.folder import batch_in

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="a batch, results/LINE/BATCH; results/LINE is its newest one", callback=batch_in)
]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable lines on stdout")]

"""`vision results`: the records of a batch: verify, show, export, query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The records of a batch: integrity, table, export, SQL.", rich_markup_mode=None, no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="a batch folder, results/LINE/BATCH")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable lines on stdout")]

"""`vision camera`: cameras seen, their features, frames to disk."""

from __future__ import annotations

import typer

app = typer.Typer(help="Cameras: list, show, grab, record.", rich_markup_mode=None, no_args_is_help=True)

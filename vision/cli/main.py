"""`vision`: the commands, thin: parse, call, print.

Exit codes: 0 done; 1 done, but something asked for failed; 2 the call or a file is wrong, with one line on stderr. What a
command needs is imported when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys

import typer
from typer.exceptions import Abort, Exit, TyperException

from vision.cli import aggregate, audit, batch, bench, calibrate, camera, check, inspect, results, run, trace

_INTERRUPTED = 130
"""What Typer gives back after a KeyboardInterrupt."""

app = typer.Typer(
    name="vision",
    help="Decides, pack by pack, whether a medicine leaves the line. `vision COMMAND --help` shows an example of each.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("inspect")(inspect.inspect)
app.command("audit")(audit.audit)
app.command("bench")(bench.bench)
app.command("trace")(trace.trace)
app.add_typer(aggregate.app, name="aggregate")
app.command("calibrate")(calibrate.calibrate)
app.add_typer(results.app, name="results")
app.add_typer(batch.app, name="batch")
app.add_typer(camera.app, name="camera")


def main(arguments: list[str] | None = None) -> None:
    """The console entry: never a traceback for what the user can mend."""
    sys.exit(call(arguments))


def call(arguments: list[str] | None = None) -> int:
    """Runs a command line and gives its exit code."""
    try:
        result = app(arguments, standalone_mode=False)
        code = result if isinstance(result, int) else 0
        return _interrupted() if code == _INTERRUPTED else code
    except Exit as error:
        return error.exit_code
    except (Abort, KeyboardInterrupt):
        return _interrupted()
    except BrokenPipeError:
        # The reader of our output went away (head, less): no error of ours, and nothing more to say, not even at the last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TyperException as error:
        words = error.format_message() if hasattr(error, "format_message") else str(error)
        print(f"vision: {_one_line(words)} (see --help)", file=sys.stderr)
        return 2
    except Exception as error:
        from vision.cli.expected import EXPECTED

        if isinstance(error, EXPECTED):
            words = str(error)
        elif isinstance(error, OSError) and error.filename:
            words = f"{error.filename}: {error.strerror}"
        else:
            raise
        print(f"vision: {_one_line(words)}", file=sys.stderr)
        return 2


def _interrupted() -> int:
    print("vision: interrupted; what was done is kept", file=sys.stderr)
    return 1


def _one_line(words: str) -> str:
    return " ".join(words.split())

"""How every verb ends: its exit code, its one JSON document, its errors in words."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from audits.errors import AuditError
from audits.telling import json_text, one_line

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
CANNOT = 2

as_json = click.option("--json", "json_out", is_flag=True, help="One JSON document on stdout; words go to stderr.")
existing = click.Path(exists=False, path_type=Path)


def reports_errors(function: Callable[..., int | None]) -> Callable[..., None]:
    """Turn what a verb returns, or the error it meets, into an exit code."""

    @wraps(function)
    def verb(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs) or 0
        except BrokenPipeError:  # whoever read our output has left: nothing to say, and nobody to say it to
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = CANNOT
        except click.ClickException:
            raise  # click's own usage errors, exit code 2
        except (Exception, KeyboardInterrupt) as error:  # whatever it is, it must not look like a verdict
            message, hint = _told(error)
            click.secho(f"error: {message}", err=True, fg="red")
            if hint:
                click.echo(f"  hint: {hint}", err=True)
            if kwargs.get("json_out"):
                print_json({"error": type(error).__name__, "message": message, "hint": hint})
            code = CANNOT
        sys.exit(code)

    return verb


def _told(error: BaseException) -> tuple[str, str]:
    """Return an error in words, and what to do about it."""
    if isinstance(error, AuditError):
        return error.message, error.hint
    if isinstance(error, KeyboardInterrupt):
        return "stopped", "the same command carries on from the last finished step"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", "check that the place exists, may be used and has room"
    return (
        f"{type(error).__name__}: {one_line(str(error))}",
        f"this is a defect of Evenhand; please report {_keep_trace()}",
    )


def _keep_trace() -> str:
    """Keep the trace of the error being handled, and return where it is; the trace itself where it has no place."""
    from audits import paths

    place = paths.home() / "last-error.txt"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(traceback.format_exc())
    except OSError:
        return traceback.format_exc()
    return str(place)


def print_json(document: Any) -> None:
    """Write the one JSON document of a verb to stdout."""
    sys.stdout.write(json_text(document))

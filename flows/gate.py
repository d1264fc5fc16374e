"""The gate from the command line: where the registry is, what is told, what is written, what is promoted."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from audits import paths
from audits.artifact import verify
from audits.attestation import require_signatures
from audits.errors import AuditError
from audits.gate_outcome import GateReport
from audits.gating import Asked, gate
from flows.summary import summary_keys, write_summary
from model_cards.gate_report import FORMATS, SUFFIXES, render

if TYPE_CHECKING:
    from tasks.promote import State, Target

COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}


@dataclass(frozen=True)
class Wanted:
    """What is written: ``form`` of the report (``None``: by the file's ending, else text), ``files`` it goes to.

    ``json_out`` JSON on stdout, whatever goes to files · ``summary`` file of the signed verification summary.
    """

    form: str | None = None
    files: tuple[Path, ...] = ()
    json_out: bool = False
    summary: Path | None = None


def run(
    artifact: Path, asked: Asked, wanted: Wanted, promote: str | None = None, alias: str = "champion"
) -> GateReport:
    """Carry out a gate: check, judge, write the reports, and only then touch the registry.

    Args:
        artifact: the sealed artifact.
        asked: what is asked of it.
        wanted: where the report goes.
        promote: ``models:/NAME/VERSION`` whose alias is to be moved on PASS.
        alias: the alias.

    Raises:
        AuditError: a report cannot be written, or the registry cannot be read.
    """
    for file in wanted.files:
        _form(file, wanted.form)
    keys = summary_keys() if wanted.summary else []
    home = paths.home()
    if promote or (asked.model or "").startswith("models:/"):
        from flows import environment

        environment.prepare(home)
    asked = replace(asked, home=home, tracking=tracking_of(artifact, home, asked.keys))
    report = _promoted(artifact, asked, wanted, promote, alias) if promote else gate(artifact, asked)
    _write(report, wanted)
    if wanted.summary and report.verdict is not None:
        write_summary(wanted.summary, artifact, report, promote or asked.model, keys)
    _tell(report, wanted)
    return report


def _promoted(artifact: Path, asked: Asked, wanted: Wanted, uri: str, alias: str) -> GateReport:
    from tasks.promote import current, settle, target_of

    target = target_of(uri, alias, asked.tracking, asked.home)
    before = current(target)
    report = gate(artifact, _of_the_target(asked, target, before))
    _write(report, wanted)  # what cannot be told is not done either
    return settle(report, target, before)


def _of_the_target(asked: Asked, target: Target, before: State) -> Asked:
    """What is promoted must be the audited model, and a baseline must be of the model that the alias points at."""
    if asked.model is not None and asked.model != target.uri:
        raise AuditError(
            f"got --model {asked.model} and --promote {target.uri}, expected one model", "leave out --model"
        )
    production = None if before.version is None else f"models:/{target.model}/{before.version}"
    return replace(asked, model=target.uri, production=production if asked.baseline else None)


def tracking_of(artifact: Path, home: Path, keys: Sequence[Path] = ()) -> str:
    """The registry that deploys: the environment's, else the one that the (undamaged) artifact's spec names.

    An artifact that is not signed by ``keys`` names none: nobody is sent to a stranger's server, with a token perhaps.
    """
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return os.environ["MLFLOW_TRACKING_URI"]
    named = None
    with contextlib.suppress(AuditError):  # the gate itself says what is wrong with it
        sealed = verify(artifact)
        require_signatures(sealed, keys)
        named = sealed.spec.tracking.uri
    return paths.tracking_uri(None if named and "***" in named else named, home)


def _form(file: Path, given: str | None) -> str:
    if given is not None:
        return given
    if file.suffix.lower() not in SUFFIXES:
        raise AuditError(
            f"--output: got {str(file)!r} without --format, expected a name ending in {', '.join(SUFFIXES)}",
            f"add --format, one of {', '.join(FORMATS)}",
        )
    return SUFFIXES[file.suffix.lower()]


def _write(report: GateReport, wanted: Wanted) -> None:
    for file in wanted.files:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(render(report, _form(file, wanted.form)), encoding="utf-8")
        except OSError as error:
            told = f"cannot write the report to {str(file)!r}: {error.strerror}"
            raise AuditError(told, "give another --output") from error


def _tell(report: GateReport, wanted: Wanted) -> None:
    """The report on stdout; what people read on stderr where stdout is for a program, and always why it was refused."""
    shown = "json" if wanted.json_out else "text" if wanted.files else wanted.form or "text"
    judged = report.verdict is not None
    if shown != "text":
        sys.stdout.write(render(report, shown))
    if judged:
        _show(render(report, "text"), err=shown != "text")
    if report.refused is not None:
        click.secho(f"error: {report.refused.message}", err=True, fg="red")
        if report.refused.hint:
            click.echo(f"  hint: {report.refused.hint}", err=True)
    for file in wanted.files:
        click.echo(f"wrote {file}", err=True)


def _show(text: str, err: bool) -> None:
    for line in text.splitlines():
        word, rest = line[:13], line[13:]
        colour = COLOURS.get(word.strip())
        if line.startswith("verdict: "):
            word, rest, colour = line, "", COLOURS.get(line.split()[1].rstrip("."))
        click.secho(word, nl=False, err=err, fg=colour, bold=colour is not None)
        click.echo(rest, err=err)

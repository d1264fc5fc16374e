"""Start the flow from the command line: surroundings, server, run, and what is said at the end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits import paths
from audits.errors import AuditError, SpecError, nearest
from flows import environment
from flows.server import server

if TYPE_CHECKING:
    from tasks.run import Run

STEPS = ("load", "cut", "pair", "resolve", "observe", "examine", "judge", "selfcheck", "write_card", "seal", "record")


@dataclass(frozen=True)
class Outcome:
    """What a run came to. ``verdict`` is null where it was told to stop before judging."""

    verdict: str | None
    artifact: str | None
    card: str | None
    digest: str | None
    mlflow_run: str | None
    limits: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        return asdict(self)


def run(spec_path: Path, out: Path, *, seed: int | None, only: Sequence[str] = (), quiet: bool = False) -> Outcome:
    """Carry out an audit. Raises ``AuditError`` where it cannot be."""
    home = paths.home()
    environment.prepare(home)
    from audits.attestation import signing_keys
    from audits.spec_reader import read_spec
    from model_cards.regulation import read_packs

    spec = read_spec(spec_path)  # a mistake in the spec is told before anything starts
    for key in signing_keys():  # and so is a key that cannot sign
        key.sign(b"evenhand run")
    read_packs(spec, spec_path.resolve().parent)  # and a pack that is none
    techniques, last = _wanted(only, list(spec.techniques))
    with server(home) as starting:
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        from flows.audit import audit
        from tasks.console import console
        from tasks.model import closing
        from tasks.run import close_run, open_run

        console.quiet = quiet
        console.say(f"{spec.audit}: {spec.question}")
        with open_run(spec_path, out, home, seed) as doing:
            with closing(doing), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), _own_errors():
                if starting is not None:
                    _use_the_wait(doing, last)
                    starting.wait()
                made = audit(doing, techniques, last)
            outcome = _outcome(made)
            if last == "record":
                close_run(doing)
        _tell(outcome, [one.step for one in made])
    return outcome


def resume(artifact: Path, *, quiet: bool = False) -> dict[str, Any]:
    """Log a sealed artifact that could not be logged when it was made."""
    home = paths.home()
    environment.prepare(home)
    from audits.artifact import verify
    from tasks.console import console
    from tasks.record import put_aside, record_all

    console.quiet = quiet
    folder = artifact.resolve()
    sealed = verify(folder)
    put_aside(home, folder, sealed.spec.tracking.uri)
    logged = record_all(home).get(str(folder))
    if logged is None:
        raise AuditError(f"{folder}: could not be logged to MLflow", "start the tracking server, then try again")
    console.say(f"logged to MLflow run {logged['run_id']} at {logged['tracking_uri']}")
    return {"artifact": str(folder), **logged}


def _wanted(only: Sequence[str], techniques: list[str]) -> tuple[list[str], str]:
    """Return the techniques to examine and the last step to carry out."""
    unknown = [name for name in only if name not in STEPS and name not in techniques]
    if unknown:
        known = [*STEPS, *techniques]
        got = f"--only: got {unknown[0]!r}, expected a step or a technique of the spec"
        raise SpecError(got, nearest(unknown[0], known))
    steps = [name for name in only if name in STEPS]
    if steps:
        return techniques, max(steps, key=STEPS.index)
    chosen = [name for name in techniques if name in only]
    return (chosen, "examine") if chosen else (techniques, "record")


def _use_the_wait(run: Run, last: str) -> None:
    """Load the data, and find or fit the model, while the server starts: the flow takes what it finds."""
    from tasks.load import load
    from tasks.resolve import resolve

    try:
        data = load.ahead(run)
        if STEPS.index(last) >= STEPS.index("resolve"):
            resolve.ahead(run, data)
    except AuditError:
        raise  # the server need not be there to say that the data are broken
    except Exception:  # noqa: S110  the flow tries again, with its retries, and says what is wrong
        pass


@contextlib.contextmanager
def _own_errors() -> Iterator[None]:
    """Let our own errors through as they are; prefect's own say what failed."""
    try:
        yield
    except AuditError:
        raise
    except Exception as error:
        away = str(error).startswith("Failed to reach API")  # a bare RuntimeError of prefect's
        if away or type(error).__module__.startswith(("prefect", "httpx")):
            raise AuditError(f"Prefect: {error}", "check the server that PREFECT_API_URL names") from error
        raise


def _outcome(made: Sequence[Any]) -> Outcome:
    by_step = {one.step: one for one in made}
    verdict = by_step["judge"].read("verdict.json") if "judge" in by_step else {}
    sealed = by_step["seal"].read("sealed.json") if "seal" in by_step else {}
    logged = by_step["record"].read("record.json") if "record" in by_step else {}
    return Outcome(
        verdict=verdict.get("verdict"),
        artifact=sealed.get("artifact"),
        card=f"{sealed['artifact']}/card.html" if sealed else None,
        digest=sealed.get("digest"),
        mlflow_run=logged.get("run_id"),
        limits=verdict.get("limits", []),
    )


COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}


def _tell(outcome: Outcome, steps: list[str]) -> None:
    """Say the verdict, limit by limit, and where the card is."""
    import click

    from audits.telling import one_line

    def say(text: str, **style: Any) -> None:
        click.secho(text, file=sys.stderr, **style)

    say("")
    for limit in outcome.limits:
        say(f"{limit['verdict']:<13}", fg=COLOURS[limit["verdict"]], bold=True, nl=False)
        say(f"{one_line(limit['text'])}\n{'':13}{one_line(limit['reason'])}")
    if outcome.verdict is None:
        say(f"stopped after {steps[-1]}, as asked; nothing was judged or sealed")
        return
    say(f"\nverdict: {outcome.verdict}", fg=COLOURS[outcome.verdict], bold=True)
    if outcome.artifact:
        say(f"card:    {outcome.card}\nsealed:  {outcome.artifact}")
    if outcome.mlflow_run:
        say(f"mlflow:  run {outcome.mlflow_run}")

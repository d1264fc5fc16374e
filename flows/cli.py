"""The command line: ``evenhand``. A flow is imported only by the verb that runs one.

Exit codes, the same for every verb: 0 PASS or done · 1 FAIL, a limit is broken · 2 the audit could not be carried
out · 3 INCONCLUSIVE, nothing is shown broken, but something asked for is not shown to hold.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from audits import __version__
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
                _print({"error": type(error).__name__, "message": message, "hint": hint})
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


def _print(document: Any) -> None:
    sys.stdout.write(json_text(document))


class Verbs(click.Group):
    """The verbs. With ``--json`` a usage error is one document on stdout, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether ``--json`` is asked for, before anything can be wrong with the rest."""
        ctx.obj = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Carry out the verb."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if ctx.obj:
                _print({"error": "UsageError", "message": error.format_message(), "hint": ""})
            raise


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="evenhand")
def main() -> None:
    r"""Audit a model or its decisions for parity between groups of people.

    \b
    Exit codes: 0 PASS or done, 1 FAIL (a limit is broken), 2 the audit could not be
    carried out, 3 INCONCLUSIVE (nothing shown broken, not everything shown to hold).
    """


@main.command()
@click.argument("spec", type=existing, required=False)
@click.option("--out", type=existing, default=Path("runs"), show_default=True, help="Where artifacts go.")
@click.option("--seed", type=int, help="Seed of everything random; default: the spec's.")
@click.option("--only", multiple=True, metavar="STEP", help="Stop after this step, or run only this technique.")
@click.option("--resume", type=existing, metavar="RUN", help="Log a sealed artifact that could not be logged.")
@click.option("--quiet", "-q", is_flag=True, help="No progress lines.")
@as_json
@reports_errors
def run(
    spec: Path | None,
    out: Path,
    seed: int | None,
    only: tuple[str, ...],
    resume: Path | None,
    quiet: bool,
    json_out: bool,
) -> int:
    """Carry out the audit of SPEC: seal the artifact, write the card, log to MLflow."""
    from flows import start

    if resume is not None:
        logged = start.resume(resume, quiet=quiet)
        if json_out:
            _print(logged)
        return 0
    if spec is None:
        raise click.UsageError("Missing argument 'SPEC'.")
    outcome = start.run(spec, out, seed=seed, only=only, quiet=quiet)
    if json_out:
        _print(outcome.to_json())
    if outcome.verdict is None:
        return 0
    return EXIT[outcome.verdict]


@main.command()
@click.argument("spec", type=existing)
@as_json
@reports_errors
def plan(spec: Path, json_out: bool) -> None:
    """Say what SPEC would run, how long it would take, and what it cannot answer. Runs nothing."""
    from audits import paths
    from audits.plan import plan as make_plan
    from audits.spec_reader import read_spec
    from flows import environment

    environment.prepare(paths.home())
    made = make_plan(read_spec(spec), spec.resolve().parent)
    if json_out:
        _print(made.to_json())
    else:
        click.echo(made.to_text())


@main.command()
@click.argument("artifact", type=existing)
@click.option("--key", "keys", type=existing, multiple=True, help="Public key that must have signed; may be repeated.")
@click.option("--chain", is_flag=True, help="Hold every artifact of the folder, and that each follows the one before.")
@as_json
@reports_errors
def verify(artifact: Path, keys: tuple[Path, ...], chain: bool, json_out: bool) -> None:
    """Hold every byte of ARTIFACT to what was sealed, and with --key say who signed it."""
    from flows.verifying import verified

    found = verified(artifact, keys, chain)
    if json_out:
        _print(found.to_json())
    else:
        click.echo(found.to_text())


@main.group()
def keys() -> None:
    """Keys that sign artifacts."""


@keys.command()
@click.option("--out", type=existing, default=Path("."), show_default=True, help="Where the two files go.")
@click.option("--name", default="evenhand", show_default=True, help="Name of the files.")
@as_json
@reports_errors
def new(out: Path, name: str, json_out: bool) -> None:
    """Make an Ed25519 key: NAME.key signs and stays with its owner, NAME.pub goes to whoever verifies."""
    from audits.attestation import make_key

    private, public, made = make_key(out, name)
    if json_out:
        _print({"private": str(private), "public": str(public), "keyid": made.keyid})
    else:
        click.echo(f"wrote {private} (keep it secret) and {public}; key id {made.keyid}")


@keys.command()
@click.argument("uri")
@click.option("--public", type=existing, required=True, help="Its public half, in PEM.")
@click.option("--out", type=existing, default=Path("."), show_default=True, help="Where the two files go.")
@click.option("--name", default="evenhand", show_default=True, help="Name of the files.")
@as_json
@reports_errors
def link(uri: str, public: Path, out: Path, name: str, json_out: bool) -> None:
    """Link a key that a hardware module, a cloud or a vault holds: hsm:, awskms:, gcpkms:, azurekms:, hv:."""
    from audits.attestation import link_key

    private, beside, made = link_key(uri, public, out, name)
    if json_out:
        _print({"private": str(private), "public": str(beside), "keyid": made.keyid})
    else:
        click.echo(f"wrote {private} and {beside}; key id {made.keyid}")


@main.command()
@click.argument("artifact", type=existing)
@click.option("--key", "keys", type=existing, multiple=True, required=True, help="Private key; may be repeated.")
@as_json
@reports_errors
def sign(artifact: Path, keys: tuple[Path, ...], json_out: bool) -> None:
    """Sign ARTIFACT: attestation.dsse.json, an in-toto statement of its verdict over its digests."""
    from audits.artifact import verify as check
    from audits.attestation import attest, read_private_key

    signers = [read_private_key(key) for key in keys]
    path = attest(check(artifact), signers)
    if json_out:
        _print({"attestation": str(path), "keyids": [signer.public.keyid for signer in signers]})
    else:
        click.echo(f"wrote {path}, signed by {', '.join(signer.public.keyid[:12] for signer in signers)}")


@main.command()
@click.argument("artifact", type=existing)
@click.option("--data", type=existing, help="What the artifact withheld: a folder that keeps it, or the data.")
@as_json
@reports_errors
def replay(artifact: Path, data: Path | None, json_out: bool) -> int:
    """Recompute every number of ARTIFACT that follows from its stored predictions."""
    from audits.replay import replay as recompute

    report = recompute(artifact, data)
    if json_out:
        _print(report.to_json())
    else:
        click.echo(report.to_text(), nl=False)
    return 0 if report.equal else CANNOT


@main.command()
@click.argument("artifact", type=existing)
@click.option(
    "--format", "form", default="html", show_default=True, help="html, md, pdf, json or an export: list formats."
)
@click.option("--output", "-o", type=existing, help="Where to write; default: stdout.")
@click.option("--push", metavar="models:/NAME/VERSION", help="Write its first screen to the audited model version.")
@click.option("--public", is_flag=True, help="Suppress small counts of people; a record is written beside --output.")
@click.option("--threshold", type=click.IntRange(min=2), help="With --public: the least count told; default: 11.")
@click.option("--previous", type=existing, multiple=True, metavar="FILE", help="With --public: an earlier record.")
@click.option("--statutory", metavar="REASON", help="With --public: why a statutory page shows all counts.")
@click.option("--json", "json_out", is_flag=True, help="The same as --format json.")
@reports_errors
def card(
    artifact: Path, form: str, output: Path | None, push: str | None, public: bool, json_out: bool, **given: Any
) -> None:
    """Render the card again from the sealed ARTIFACT."""
    given = {name: value for name, value in given.items() if value not in (None, ())}
    if given and not public:
        raise click.UsageError(f"--{next(iter(given))} belongs to --public, which is missing.")
    if push is not None and public:
        raise click.UsageError("--push writes to a registry what is not public: leave one of --push and --public out.")
    if push is not None:
        from flows.push import push_card

        pushed = push_card(artifact, push)
        if json_out:
            _print(pushed)
        else:
            click.echo(f"{push}: description and tags are those of {artifact}")
        return
    from audits.artifact import verify as check
    from model_cards.render import refuse_unknown, render

    form = "json" if json_out else form
    refuse_unknown(form)
    check(artifact)
    if public:
        from model_cards.publishing import publish

        content = publish(artifact, form, output, **given)
    else:
        content = render(artifact, form)
    if output is None:
        sys.stdout.buffer.write(content)
    else:
        if not public:
            output.write_bytes(content)
        click.echo(f"wrote {output}", err=True)


@main.command()
@click.argument("artifact", type=existing)
@click.option("--policy", type=existing, metavar="FILE", help="Limits to judge by; default: those of the audit.")
@click.option("--baseline", type=existing, metavar="ARTIFACT", help="Of the model in production, on the same rows.")
@click.option("--model-digest", metavar="SHA", help="Digest of the model about to be deployed.")
@click.option("--model", metavar="PLACE", help="That model itself: a folder, or models:/NAME/VERSION.")
@click.option("--max-age", type=click.FloatRange(min=0), metavar="DAYS", help="How old the audit may be.")
@click.option(
    "--key",
    "keys",
    type=existing,
    multiple=True,
    help="Public key that must have signed (the baseline too); repeatable.",
)
@click.option("--promote", metavar="models:/NAME/VERSION", help="On PASS move the alias to this version.")
@click.option("--alias", metavar="NAME", help="The alias that --promote moves; default: champion.")
@click.option("--format", "form", type=click.Choice(["text", "json", "junit", "md"]), help="Form of the report.")
@click.option("--output", "-o", "files", type=existing, multiple=True, help="Where it goes; .txt, .json, .xml, .md.")
@click.option("--summary", type=existing, metavar="FILE", help="Write a signed SLSA verification summary.")
@as_json
@reports_errors
def gate(artifact: Path, json_out: bool, **given: Any) -> int:
    """Let the audited model of ARTIFACT through, or not: only exit code 0 is a pass."""
    from audits.gating import Asked
    from flows.gate import Wanted, run

    form, files, promote, alias, summary = (given.pop(n) for n in ("form", "files", "promote", "alias", "summary"))
    if alias and not promote:
        raise click.UsageError("--alias is moved by --promote models:/NAME/VERSION, which is missing.")
    if json_out and not files and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} both want stdout: give the report a file with --output.")
    report = run(artifact, Asked(**given), Wanted(form, files, json_out, summary), promote, alias or "champion")
    return CANNOT if report.refused or report.verdict is None else EXIT[report.verdict.verdict]


@main.command(name="list")
@click.argument("what", type=click.Choice(["metrics", "techniques", "counterfactuals", "formats", "packs", "runs"]))
@click.option("--out", type=existing, default=Path("runs"), show_default=True, help="Where artifacts are.")
@click.option("--crosswalk", is_flag=True, help="Of metrics: what other libraries call each, with their sign.")
@as_json
@reports_errors
def list_(what: str, out: Path, crosswalk: bool, json_out: bool) -> None:
    """Show what there is, each with one line and its source."""
    from flows import listing

    if crosswalk and what != "metrics":
        raise click.UsageError(f"--crosswalk is of metrics: got {what!r}")
    entries = listing.crosswalk() if crosswalk else listing.listing(what, out)
    if json_out:
        _print(entries)
        return
    if crosswalk:
        click.echo("\n".join(listing.crosswalk_lines(entries)))
        return
    if not entries:
        click.echo(f"no {what} yet", err=True)
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        click.echo(f"{entry['name']:<{width}}  {entry['summary']}")
        if entry.get("source"):
            click.secho(f"{'':<{width}}  source: {entry['source']}", dim=True)


@main.command()
@click.argument("data")
@click.option("--model", metavar="URI", help="The model under audit; left out: the decisions in the data are audited.")
@click.option("--output", "-o", type=existing, help="Where to write; default: <audit>.yaml in the current folder.")
@as_json
@reports_errors
def init(data: str, model: str | None, output: Path | None, json_out: bool) -> int:
    """Write a first spec for DATA (a file or package:NAME/DATASET) from its columns, with reasons and questions."""
    from flows.first import write_first_spec

    written = write_first_spec(data, model, output)
    for question in written.questions:
        click.echo(f"? {question}", err=True)
    if written.obstacle:
        click.secho(f"not a whole spec yet: {written.obstacle}", err=True, fg="red")
    first = "next: answer its questions, then" if written.obstacle else "next:"
    click.echo(f"wrote {written.file}; {first} evenhand plan {written.file}", err=True)
    if json_out:
        _print(written.to_json())
    return CANNOT if written.obstacle else 0


@main.command()
@click.argument("before", metavar="A", type=existing)
@click.argument("after", metavar="B", type=existing)
@click.option("--format", "form", type=click.Choice(["text", "md", "json"]), default="text", show_default=True)
@click.option("--json", "json_out", is_flag=True, help="The same as --format json.")
@reports_errors
def diff(before: Path, after: Path, form: str, json_out: bool) -> None:
    """Say what changed from artifact A to artifact B: data, model, policy, numbers, verdicts."""
    from audits.differing import diff as compare

    report = compare(before, after)
    if json_out or form == "json":
        _print(report.to_json())
        return
    from model_cards.differences import to_markdown, to_text

    click.echo(to_markdown(report) if form == "md" else to_text(report), nl=False)


@main.command()
@click.argument("runs", type=existing, default=Path("runs"))
@click.option("--out", type=existing, required=True, metavar="DIR", help="Where the site goes: new, empty, or a site.")
@click.option("--tracking", metavar="URI", help="Take the artifacts that this MLflow server keeps, not those of RUNS.")
@click.option("--copy", is_flag=True, help="Copy the cards into the site, so that it stands alone.")
@click.option("--public", is_flag=True, help="Suppress small counts of people; the cards in it are public ones.")
@click.option("--threshold", type=click.IntRange(min=2), help="With --public: the least count told; default: 11.")
@click.option("--key", "keys", type=existing, multiple=True, help="Public key that checks signatures; may be repeated.")
@click.option("--afresh", is_flag=True, help="Verify every artifact and make every page again.")
@as_json
@reports_errors
def site(runs: Path, out: Path, json_out: bool, public: bool, threshold: int | None, **given: Any) -> None:
    """Build a static site of all audits in RUNS: verdicts, histories, trends, cards; again only what changed."""
    from flows.site import site as build

    if given["tracking"] and click.get_current_context().get_parameter_source("runs") is ParameterSource.COMMANDLINE:
        raise click.UsageError("RUNS and --tracking both say where the artifacts are: give one of them.")
    if threshold is not None and not public:
        raise click.UsageError("--threshold belongs to --public, which is missing.")
    if public:
        from audits.suppression import THRESHOLD

        given["public"] = threshold or THRESHOLD
    built = build(runs, out, **given)
    if json_out:
        _print(built.to_json())
    else:
        click.echo(built.to_text())


@main.command()
@as_json
@reports_errors
def selfcheck(json_out: bool) -> int:
    """Recompute the published known answers with the installed versions."""
    from audits.selfcheck import selfcheck as check

    report = check()
    if json_out:
        _print(report.to_json())
    else:
        click.echo(report.to_text(), nl=False)
    return 0 if report.ok else CANNOT


@main.command()
@click.argument("spec", type=existing)
@click.option("--cron", required=True, metavar="CRON", help="When, in UTC: '0 6 * * 1' is Mondays at six.")
@click.option(
    "--pool", metavar="NAME", help="Work pool of the server; left out: this command stays and carries it out."
)
@click.option("--out", type=existing, default=Path("runs"), show_default=True, help="Where artifacts go.")
@as_json
@reports_errors
def schedule(spec: Path, cron: str, pool: str | None, out: Path, json_out: bool) -> None:
    """Register the recurring audit of SPEC with a Prefect server."""
    from flows.schedule import schedule as register

    if pool is None:
        click.echo("carrying it out from here, until stopped; --pool NAME leaves it to the workers of a pool", err=True)
    told = register(spec, cron, out, pool)
    click.echo(f"{told['deployment']}: {cron} (UTC)", err=True)
    if json_out:
        _print(told)


@main.command()
@click.option("--json", "json_out", is_flag=True, help="What it does anyway.")
@reports_errors
def schema(json_out: bool) -> None:
    """Print the JSON Schema of the spec, for editors."""
    from audits.spec_reader import json_schema

    _print(json_schema())


if __name__ == "__main__":
    main()

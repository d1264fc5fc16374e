"""What begins with a spec or with data: carrying out an audit, planning, writing a first one, repeating it."""

from __future__ import annotations

from pathlib import Path

import click

from flows.verbs.outcome import CANNOT, EXIT, as_json, existing, print_json, reports_errors


@click.command()
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
            print_json(logged)
        return 0
    if spec is None:
        raise click.UsageError("Missing argument 'SPEC'.")
    outcome = start.run(spec, out, seed=seed, only=only, quiet=quiet)
    if json_out:
        print_json(outcome.to_json())
    if outcome.verdict is None:
        return 0
    return EXIT[outcome.verdict]


@click.command()
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
        print_json(made.to_json())
    else:
        click.echo(made.to_text())


@click.command()
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
        print_json(written.to_json())
    return CANNOT if written.obstacle else 0


@click.command()
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
        print_json(told)

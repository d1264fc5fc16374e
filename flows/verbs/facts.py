"""What there is, and whether it is right: lists, known answers, the schema of the spec."""

from __future__ import annotations

from pathlib import Path

import click

from flows.verbs.outcome import CANNOT, as_json, existing, print_json, reports_errors


@click.command(name="list")
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
        print_json(entries)
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


@click.command()
@as_json
@reports_errors
def selfcheck(json_out: bool) -> int:
    """Recompute the published known answers with the installed versions."""
    from audits.selfcheck import selfcheck as check

    report = check()
    if json_out:
        print_json(report.to_json())
    else:
        click.echo(report.to_text(), nl=False)
    return 0 if report.ok else CANNOT


@click.command()
@click.option("--json", "json_out", is_flag=True, help="What it does anyway.")
@reports_errors
def schema(json_out: bool) -> None:
    """Print the JSON Schema of the spec, for editors."""
    from audits.spec_reader import json_schema

    print_json(json_schema())

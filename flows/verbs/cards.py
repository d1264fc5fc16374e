"""What people read: cards and sites."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from flows.verbs.outcome import as_json, existing, print_json, reports_errors


@click.command()
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
            print_json(pushed)
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


@click.command()
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
        print_json(built.to_json())
    else:
        click.echo(built.to_text())

"""What is done with a sealed artifact: verifying, signing, recomputing, comparing, letting its model through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flows.verbs.outcome import CANNOT, EXIT, as_json, existing, print_json, reports_errors


@click.command()
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
        print_json(found.to_json())
    else:
        click.echo(found.to_text())


@click.group()
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
        print_json({"private": str(private), "public": str(public), "keyid": made.keyid})
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
        print_json({"private": str(private), "public": str(beside), "keyid": made.keyid})
    else:
        click.echo(f"wrote {private} and {beside}; key id {made.keyid}")


@click.command()
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
        print_json({"attestation": str(path), "keyids": [signer.public.keyid for signer in signers]})
    else:
        click.echo(f"wrote {path}, signed by {', '.join(signer.public.keyid[:12] for signer in signers)}")


@click.command()
@click.argument("artifact", type=existing)
@click.option("--data", type=existing, help="What the artifact withheld: a folder that keeps it, or the data.")
@as_json
@reports_errors
def replay(artifact: Path, data: Path | None, json_out: bool) -> int:
    """Recompute every number of ARTIFACT that follows from its stored predictions."""
    from audits.replay import replay as recompute

    report = recompute(artifact, data)
    if json_out:
        print_json(report.to_json())
    else:
        click.echo(report.to_text(), nl=False)
    return 0 if report.equal else CANNOT


@click.command()
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
        print_json(report.to_json())
        return
    from model_cards.differences import to_markdown, to_text

    click.echo(to_markdown(report) if form == "md" else to_text(report), nl=False)


@click.command()
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

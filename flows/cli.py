"""The command line: ``evenhand``. The verbs are in ``flows/verbs``.

Exit codes, the same for every verb: 0 PASS or done · 1 FAIL, a limit is broken · 2 the audit could not be carried
out · 3 INCONCLUSIVE, nothing is shown broken, but something asked for is not shown to hold.
"""

from __future__ import annotations

from typing import Any

import click

from audits import __version__
from flows.verbs import artifacts, cards, facts, runs
from flows.verbs.outcome import print_json


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
                print_json({"error": "UsageError", "message": error.format_message(), "hint": ""})
            raise


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="evenhand")
def main() -> None:
    r"""Audit a model or its decisions for parity between groups of people.

    \b
    Exit codes: 0 PASS or done, 1 FAIL (a limit is broken), 2 the audit could not be
    carried out, 3 INCONCLUSIVE (nothing shown broken, not everything shown to hold).
    """


for _verb in (
    runs.run,
    runs.plan,
    runs.init,
    runs.schedule,
    artifacts.verify,
    artifacts.keys,
    artifacts.sign,
    artifacts.replay,
    artifacts.diff,
    artifacts.gate,
    cards.card,
    cards.site,
    facts.list_,
    facts.selfcheck,
    facts.schema,
):
    main.add_command(_verb)


if __name__ == "__main__":
    main()

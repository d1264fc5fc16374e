"""An audit, step by step. What a newcomer opens first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prefect import flow

from tasks.cut import cut
from tasks.examine import examine
from tasks.judge import judge
from tasks.load import load
from tasks.model import closing
from tasks.observe import observe
from tasks.pair import pair
from tasks.record import record
from tasks.resolve import resolve
from tasks.run import Made, Run
from tasks.seal import seal
from tasks.selfcheck import selfcheck
from tasks.write_card import write_card


@flow(name="evenhand-audit", validate_parameters=False)
def audit(run: Run, techniques: Sequence[str], last: str = "record") -> list[Made]:
    """Carry out an audit up to its last wanted step.

    Args:
        run: which audit, with which seed, into which folder.
        techniques: what to examine, in this order.
        last: the step after which to stop; ``record`` for a whole audit.

    Returns:
        What each step made, in order.
    """
    made = []
    with closing(run):  # the model's process, if one was needed
        for one in steps(run, techniques):
            made.append(one)
            carried_out = sum(each.step == last for each in made)
            if carried_out == (len(techniques) if last == "examine" else 1):
                break
    return made


def steps(run: Run, techniques: Sequence[str]) -> Iterator[Made]:
    """Each step reads the run folder and adds to it; its arguments name what it stands on."""
    yield (data := load(run))
    yield (slices := cut(run, data))
    yield (pairs := pair(run, data, slices))
    yield (model := resolve(run, data))
    yield (predictions := observe(run, data, pairs, model))

    evidence = (data, slices, pairs, predictions)
    findings = []
    for name in techniques:
        findings.append(examine(run, *evidence, technique=name, options=run.spec.techniques[name]))
        yield findings[-1]

    yield (verdict := judge(run, *findings))
    yield (known := selfcheck(run))
    yield (card := write_card(run, *evidence, verdict, known))
    yield (sealed := seal(run, *evidence, verdict, known, card))
    yield record(run, sealed)

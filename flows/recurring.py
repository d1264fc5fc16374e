"""The audit that a Prefect server starts again and again: ``evenhand run`` as a flow of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prefect import State, flow
from prefect.states import Completed, Failed


@flow(name="evenhand-recurring")
def recurring(spec: str, out: str, home: str) -> State[Any]:
    """Carry out the audit of a spec.

    Args:
        spec: the spec's path where the worker runs.
        out: folder of artifacts.
        home: ``EVENHAND_HOME``: scores and finished steps, kept from one run to the next.

    Returns:
        A failed state where a limit is broken, so that automations hear of it; else a completed one named by the
        verdict. An audit that cannot be carried out raises, and its run is failed, too.
    """
    os.environ["EVENHAND_HOME"] = home
    from flows import start

    outcome = start.run(Path(spec), Path(out), seed=None, quiet=True)
    told = f"{outcome.verdict}, {outcome.card}"
    if outcome.verdict == "FAIL":
        return Failed(message=told)
    return Completed(name=outcome.verdict or "Completed", message=told)

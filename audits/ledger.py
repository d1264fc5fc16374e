"""The multiplicity ledger: everything that was tested, with its p-value raw and adjusted.

Who tests much finds something. The ledger lists every p-value of an audit, whether a limit names it or not, as it is,
as adjusted within its own table, and over the whole audit: by Holm (the chance of one false alarm or more) and by
Benjamini and Hochberg (the share of false alarms among what is called a difference).

Source: Holm 1979, Scandinavian Journal of Statistics 6:65; Benjamini, Hochberg 1995, Journal of the Royal
Statistical Society B 57:289.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audits.findings import Finding, rounded
from audits.statistics.multiplicity import benjamini_hochberg
from audits.statistics.simultaneous import holm
from audits.verdict import Verdict


def ledger(findings: Sequence[Finding], verdict: Verdict) -> dict[str, Any]:
    """Return the ledger as plain JSON values (``ledger.json``).

    ``tested`` column by column, sorted by id: ``id``, ``p``, ``p_adjusted`` with its ``adjustment``, ``holm`` and
    ``benjamini_hochberg`` over all of them · ``limits`` the p-value of each limit over each of its attributes, and
    adjusted by Holm over the policy · ``counts`` how many are below 1 − ``level``, each way.
    """
    tested = sorted((f for f in findings if f.p is not None), key=lambda finding: finding.id)
    p = np.array([finding.p for finding in tested], np.float64)
    over_all, false_share = holm(p), benjamini_hochberg(p)
    own = [finding.p if finding.p_adjusted is None else finding.p_adjusted for finding in tested]
    alpha = 1 - verdict.level
    counts = {
        "tested": len(tested),
        "raw": int((p < alpha).sum()),
        "own_table": sum(1 for each in own if each is not None and each < alpha),
        "holm": int((over_all < alpha).sum()),
        "benjamini_hochberg": int((false_share < alpha).sum()),
    }
    return {
        "level": verdict.level,
        "counts": counts,
        "tested": {
            "id": [finding.id for finding in tested],
            "p": [finding.p for finding in tested],
            "p_adjusted": own,
            "adjustment": [finding.adjustment for finding in tested],
            "holm": [rounded(float(each)) for each in over_all],
            "benjamini_hochberg": [rounded(float(each)) for each in false_share],
        },
        "limits": [
            {"limit": one.text, "verdict": one.verdict, "p": one.p, "p_adjusted": one.p_adjusted}
            for one in verdict.limits
        ],
    }

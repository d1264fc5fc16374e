"""Tests, many comparisons at once, sample sizes, effective rows."""

from __future__ import annotations

from audits.known_answers import Known
from audits.statistics import critical
from audits.statistics.differences import pooled_z
from audits.statistics.paired import clustered_mcnemar, mcnemar_p, mcnemar_z
from audits.statistics.power import detectable_difference, rows_equality, rows_equivalence, rows_noninferiority
from audits.statistics.simultaneous import holm, pairs_critical
from audits.statistics.weights import kish

BENTUR = "airway data of Bentur, in Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91"
CHOW = "Chow, Shao, Wang 2008, Sample Size Calculations in Clinical Research, section 4.2"
FIFTEEN = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
           0.759, 1.0)  # fmt: skip


def _holm() -> list[float]:
    return [float(p) for p in holm(FIFTEEN)[:4]]


KNOWN = (
    Known("McNemar mid-p, 1 and 7 flips", BENTUR, "0.0391", lambda: mcnemar_p(1, 7)),
    Known("McNemar exact, 1 and 7 flips", BENTUR, "0.0703", lambda: mcnemar_p(1, 7, "exact")),
    Known("McNemar z, 1 and 7 flips", BENTUR, "-2.1213", lambda: mcnemar_z(1, 7)),
    Known(
        "clustered McNemar, four clusters",
        "the statistic of Obuchowski 1998, Statistics in Medicine 17:1495, by hand: 25/33",
        "25/33",
        lambda: clustered_mcnemar((3, 0, 5, 1), (1, 2, 0, 1)),
    ),
    Known(
        "two standard deviations, 3/29 against 55/203",
        "yocom-mckee.com, worked example of adverse impact",
        "-1.9484320672",
        lambda: float(pooled_z(3, 29, 55, 203)),
    ),
    Known(
        "all pairs of 4 groups, q/√2 at 5 %",
        "tables of the studentized range, Tukey 1953",
        "2.569",
        lambda: pairs_critical(0.95, 4),
    ),
    Known(
        "all pairs of 8 groups, q/√2 at 5 %",
        "tables of the studentized range, Tukey 1953",
        "3.031",
        lambda: pairs_critical(0.95, 8),
    ),
    Known(
        "Holm, the first of fifteen p-values",
        "p-values of Benjamini, Hochberg 1995, JRSS B 57:289",
        "0.0015, 0.0056, 0.0247, 0.1140",
        _holm,
    ),
    Known("rows for equality, .65 against .85", CHOW, "69.66", lambda: rows_equality(0.65, 0.85)),
    Known("rows for non-inferiority by .10", CHOW, "24.39", lambda: rows_noninferiority(0.85, 0.65, 0.10)),
    Known("rows for equivalence within .20", CHOW, "132.26", lambda: rows_equivalence(0.75, 0.80, 0.2)),
    Known(
        "smallest difference found with 500 rows a group",
        "the formula of Chow, Shao, Wang 2008, section 4.2.1, at a rate of .3 and 80 % power",
        "0.081",
        lambda: detectable_difference(0.3, 500, 500, critical(0.95)),
    ),
    Known(
        "effective rows of 100 weights of 1 and 20 of 5",
        "Kish 1965, Survey Sampling, section 11.7, by hand: 200²/600",
        "200/3",
        lambda: float(kish(200, 600)),
    ),
)

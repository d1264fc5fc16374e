"""Against somebody who solves everything that is published, in every format: no few people can be told from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from audits.findings import MISSING_GROUP, Finding
from audits.suppression import Release
from model_cards.public import public_sources
from model_cards.render import render_sources
from model_cards.sources import Sources
from tests.attacker import RATES, Attacker, Of, Person, audited, sizes, small_counts
from tests.cards_example import SPEC
from tests.synthetic import spec_of

FORMATS = ("html", "md", "json", "hf", "cyclonedx", "mct", "croissant")
METRICS = ("selection_rate", "base_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy",
           "equalized_odds_difference", "average_odds_difference", "theil_index")  # fmt: skip


def people_by_chance(seed: int) -> dict[Person, int]:
    """A few hundred people in groups of very different sizes, of some of whom a group is not recorded."""
    rng = np.random.default_rng(seed)
    races, sexes = ["a", "b", "c", "d"][: 2 + seed % 3], ["m", "f"]
    if seed % 2:
        races = [*races, MISSING_GROUP]
    if seed % 3 == 0:
        sexes = [*sexes, MISSING_GROUP]
    size = {g: int(rng.choice([15, 40, 90, 220])) for g in races} | {MISSING_GROUP: int(rng.integers(3, 25))}
    share = {s: 0.5 if s != MISSING_GROUP else 0.05 for s in sexes}
    found: dict[Person, int] = {}
    for race in races:
        for sex in sexes:
            truth, decided = rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.9)
            for t, d in ((0, 0), (0, 1), (1, 0), (1, 1)):
                of = (truth if t else 1 - truth) * (decided if d else 1 - decided)
                many = int(rng.poisson(size[race] * share[sex] * of))
                if many:
                    found[race, sex, t, d] = many
    return found


def sources(folder: Path, people: Mapping[Person, int], findings: list[Finding]) -> Sources:
    spec = spec_of(SPEC.split("counterfactuals:")[0] + "techniques: {parity: {}}\n")
    attributes = {a: {"groups": [{"name": g, "n": n} for g, n in sorted(own.items())], "reference": {"group": ""}}
                  for a, own in sizes(people).items()}  # fmt: skip
    rows = sum(people.values())
    documents = {
        "groups": {"rows": rows, "attributes": attributes},
        "data": {"source": {"name": "people"}, "rows": {"audited": rows}, "digest": "0" * 64,
                 "missing": {"race": sum(n for p, n in people.items() if p[0] == MISSING_GROUP)}},
    }  # fmt: skip
    return Sources(spec, tuple(findings), {"verdict": "PASS", "limits": []}, documents)


def attacker_of(public: Sources) -> Attacker:
    """Built of nothing but what is published."""
    document = public.document("groups")
    groups = {a: {g["name"]: g["n"] for g in own["groups"]} for a, own in document["attributes"].items()}
    return Attacker(groups, document.get("rows"), public.findings)


def published(public: Sources) -> dict[str, bytes]:
    return {form: render_sources(public, form) for form in FORMATS}


def somebody(attacker: Attacker, attribute: str, group: str, which: Of, other: int) -> dict[Person, int] | None:
    """Other people with so many; of a group that is listed with both sexes there are two people at least."""
    others = attacker.another(attribute, group, which, other)
    return others or (attacker.another(attribute, group, which, 2) if other == 1 else None)


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_other_people_of_whom_a_few_are_1_or_10_would_be_published_to_the_byte_the_same(
    seed: int, tmp_path: Path
) -> None:
    """For every small count there are people of whom it is 1, and others of whom it is 10, with the same documents."""
    people = people_by_chance(seed)
    public, release = public_sources(sources(tmp_path, people, audited(tmp_path / "it", people, METRICS)))
    attacker, seen = attacker_of(public), published(public)
    secrets = list(small_counts(people, METRICS))
    assert len(secrets) > 5
    for at, (attribute, group, which, count) in enumerate(secrets):
        for other in (1, 10):
            others = somebody(attacker, attribute, group, which, other)
            assert others is not None, f"{attribute} = {group} cannot be {other}; it is {count}"
            if at % (1 + len(secrets) // 2) == 0:
                assert _as_if(release, tmp_path / f"{at}-{other}", others) == seen


def _as_if(
    release: Release, folder: Path, people: Mapping[Person, int], metrics: Sequence[str] = METRICS
) -> dict[str, bytes]:
    """What would be published of these people, were the same numbers withheld."""
    with patch("model_cards.public.suppress", return_value=release):
        public, _ = public_sources(sources(folder, people, audited(folder, people, metrics)))
    return published(public)


def test_the_attacker_finds_what_a_card_that_suppresses_only_what_is_small_gives_away(tmp_path: Path) -> None:
    people = people_by_chance(1)
    with patch("audits.suppression.protect"):
        public, _ = public_sources(sources(tmp_path, people, audited(tmp_path / "it", people, METRICS)))
    attacker = attacker_of(public)
    pinned = [secret for secret in small_counts(people, METRICS)
              if any(attacker.another(*secret[:3], other) is None for other in (1, 10))]  # fmt: skip
    assert pinned


def test_every_number_that_is_told_beside_rates_follows_from_told_rates(tmp_path: Path) -> None:
    """A composite or a range is told only where all that it is made of is."""
    for seed in range(4):
        people = people_by_chance(seed)
        public, _ = public_sources(sources(tmp_path, people, audited(tmp_path / str(seed), people, METRICS)))
        rates = {(f.measure, f.attribute, f.group): f for f in public.findings if f.comparison == "rate" and f.n}
        known = {a: [g for g in own if g != MISSING_GROUP] for a, own in sizes(people).items()}
        told = [f for f in public.findings if f.value is not None and f.comparison != "rate"]
        for finding in told:
            groups = [finding.group, finding.reference] if finding.group else known[finding.attribute]
            parts = [finding.measure] if finding.measure in RATES else ["true_positive_rate", "false_positive_rate"]
            assert all((part, finding.attribute, group) in rates for part in parts for group in groups), finding.id


def people_of(file: Path, truth: str, decision: str) -> dict[Person, int]:
    """Everybody of a file, by race and sex; ``truth`` and ``decision`` are expressions over its columns."""
    import pandas as pd

    table = pd.read_parquet(file)
    counted = table.groupby(["race", "sex", table.eval(truth).astype(int), table.eval(decision).astype(int)]).size()
    return {tuple(key): int(n) for key, n in counted.items()}  # type: ignore[misc]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "truth", "decision", "most"),
    [("compas/compas_two_years.parquet", "two_year_recid == 1", "decile_score >= 5", 0.83),
     ("adult/adult.parquet", "income == '>50K'", "education_num >= 13", 0.66)],
)  # fmt: skip
def test_nobody_can_tell_a_few_people_of_a_real_audit_from_others(
    shared_data: Path, file: str, truth: str, decision: str, most: float, tmp_path: Path
) -> None:
    people = people_of(shared_data / file, truth, decision)
    public, release = public_sources(sources(tmp_path, people, audited(tmp_path / "it", people, tuple(RATES))))
    facts = public.document("public")
    assert facts["suppressed"] / facts["numbers"] < most, "no more than must be"
    attacker, seen = attacker_of(public), published(public)
    secrets = list(small_counts(people, tuple(RATES)))
    for at, (attribute, group, which, count) in enumerate(secrets):
        for other in (1, 10):
            others = somebody(attacker, attribute, group, which, other)
            assert others is not None, f"{attribute} = {group} cannot be {other}; it is {count}"
            if at == len(secrets) // 2:
                assert _as_if(release, tmp_path / f"{at}-{other}", others, tuple(RATES)) == seen

"""Which numbers of an audit must not be published, so that no count of one to ten people can be read or worked out.

The rule is that of the Centers for Medicare & Medicaid Services: no cell of 1 to 10, nor anything from which it can
be derived; 0 may be told. It is held in four steps.

1. A number is withheld where a count that it stands on, or what is left of its denominator, is 1 to 10.
2. Rates of decisions (``parity``, in rows, not weighted) and the sizes of groups are one system of equations
   (``audits.disclosure``): more is withheld until a reader can narrow no count of 1 to 10 further than that, at the
   least cost, and what is then not needed is told again (``audits.withholding``). Differences, ratios, composites
   and ranges are told exactly where they follow from rates that are told.
3. Everything else (scores, classes, edited inputs, remedies …) is withheld group by group: where a count that it
   could tell about is withheld, all of that technique are (of scores, those made of the truth apart from the others),
   and with them the groups without which they would follow from sums (``audits.margins``). Numbers of all groups
   together go where any group's are withheld, and so do subgroups found by search: they overlap, so that their
   differences tell of fewer people than either.
4. Against earlier releases: a count that differs by 1 to 10 from what was published before is withheld and protected
   as above; so is, on the same data, what was withheld then.

Not covered: what a reader knows from elsewhere (whoever has all scores and the seed can try out which of a few people
give an interval to the last digit), or of this procedure; what a verdict's word, and the pair that it names as the
worst, say of withheld rates (inequalities); numbers of different techniques held against each other, beyond step 3;
of crossings of three attributes, the rows of which only some are recorded; earlier releases of which no record is
given.

Source: CMS cell size suppression policy (ResDAC, resdac.org); Cox 1980, JASA 75:377 (complementary suppression).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from audits.errors import ArtifactError
from audits.findings import MISSING_GROUP, Finding
from audits.linked_counts import (
    ALL,
    OUTCOMES,
    POSITIVE,
    SELECTED,
    Earlier,
    Groups,
    LinkedCounts,
    Why,
    item_of,
    rows_name,
    small,
)
from audits.margins import widened
from audits.withholding import protect

THRESHOLD = 11
RULE = "no count of 1 to {most}, nor anything from which one can be worked out; 0 may be told (the rule of CMS)"
SUPPRESSED = "suppressed"
"""How the reason of a withheld number begins, which is not to say that it could not be measured."""

CONTROL = "(control)"


@dataclass(frozen=True)
class Release:
    """What may be published. ``withheld``: finding ids and ``rows/attribute/group`` with the reason.

    ``told``: the counts that are published, by the same names. ``touched``: the attributes of which something is
    withheld. ``open_ends``: deductions that nothing withheld here can stop, because they lean on what was published
    earlier.
    """

    threshold: int
    withheld: Mapping[str, Why]
    told: Mapping[str, tuple[float, ...]]
    touched: frozenset[str] = frozenset()
    open_ends: tuple[str, ...] = ()

    def rows(self, attribute: str, group: str) -> bool:
        """Whether a group's number of rows may be told."""
        return rows_name(attribute, group) not in self.withheld


def suppress(
    findings: Sequence[Finding],
    groups: Groups,
    rows: int,
    threshold: int = THRESHOLD,
    earlier: Sequence[Earlier] = (),
    keep: Collection[str] = (),
) -> Release:
    """Decide what must be withheld.

    Args:
        findings: every finding of the audit.
        groups: the groups of every attribute and their rows.
        rows: rows audited.
        threshold: the least count that may be told.
        earlier: what was published of this audit before.
        keep: findings that are to be told where that can be done by withholding others.

    Raises:
        ArtifactError: the groups of two attributes cannot be of the same rows.
    """
    table = _linked(findings, groups, rows, threshold, earlier)
    protect(table, keep)
    others = _Others(findings, table, earlier)
    withheld: dict[str, Why] = {**table.withheld, **others.withheld}
    touched = {item.attribute for item in table.items if item.name in withheld and item.group}
    touched |= {finding.attribute for finding in findings if finding.id in withheld}
    for finding in findings:
        numbers = re.findall(r"\d+", finding.missing)
        if numbers and (finding.attribute in touched or any(small(int(n), threshold) for n in numbers)):
            withheld.setdefault(finding.id, "derived")  # a reason that quotes rows tells of rows
    told = {item.name: tuple(count for _, count in item.facts) for item in table.items if item.name not in withheld}
    told |= {f.id: tuple(_counts(f).values()) for f in findings if f.id not in withheld and f.id not in told}
    return Release(threshold, withheld, told, frozenset(touched), tuple(table.open_ends))


def _linked(
    findings: Sequence[Finding], groups: Groups, rows: int, threshold: int, earlier: Sequence[Earlier]
) -> LinkedCounts:
    """The table of everything that is linked; of the sizes of groups alone where the rates do not fit together."""
    counted = [item for finding in findings if (item := item_of(finding, groups)) is not None]
    try:
        table = LinkedCounts(groups, rows, counted, threshold, earlier)
    except KeyError:
        return LinkedCounts(groups, rows, [], threshold, earlier)
    if not table.consistent():
        table = LinkedCounts(groups, rows, [], threshold, earlier)
    if not table.consistent():
        raise ArtifactError(
            "groups: got sizes that are not those of one set of rows, expected every attribute to add up to the same",
            "nothing can be published of groups whose sizes do not fit together; run the audit again",
        )
    return table


def _counts(finding: Finding) -> dict[str, float]:
    """The counts of people that a finding tells: its rows, and those that its interval is made of."""
    told = {} if finding.n is None else {"rows": finding.n.group}
    if finding.n is not None and finding.n.reference is not None:
        told["rows of the reference"] = finding.n.reference
    names = ("x", "n", "x1", "n1", "x2", "n2", "b", "c")
    known = {name: float(value) for name, value in finding.sufficient.items() if name in names}
    told |= known
    for x, n in (("x", "n"), ("x1", "n1"), ("x2", "n2")):
        if x in known and n in known:
            told[f"{n} - {x}"] = known[n] - known[x]
    if finding.value is not None and finding.n is not None and finding.comparison in ("rate", "share"):
        told["of them"] = finding.value * finding.n.group
        told["rest"] = (1 - finding.value) * finding.n.group
    return told


class _Others:
    """Everything that is no plain count: what follows from those told is told, all else goes by group."""

    def __init__(self, findings: Sequence[Finding], table: LinkedCounts, earlier: Sequence[Earlier]) -> None:
        self._table, self._earlier = table, earlier
        self.withheld: dict[str, Why] = {}
        linked = {item.name for item in table.items}
        counted = {(f.measure, f.attribute, f.group): f.id for f in findings if f.id in linked}
        self._attributes = {attribute for _, attribute, _ in counted}
        self._told = {rate for rate, name in counted.items() if name not in table.withheld}
        hidden = [item for item in table.items if item.name in table.withheld and item.group]
        self._unclean = {(item.attribute, item.group) for item in hidden}
        labels = [(a, g) for a, own in table.groups.items() for g in own if not table.tells(a, g, POSITIVE)]
        self._unlabelled = {*self._unclean, *labels}
        by_technique: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            if finding.id in linked:
                continue
            follows = self._follows(finding)
            if follows is None:
                by_technique.setdefault((finding.technique, self._made_of(finding)), []).append(finding)
            elif why := self._alone(finding) if follows else "derived":
                self.withheld[finding.id] = why
        for (_, made_of), members in by_technique.items():
            self._decide(members, made_of)

    def _follows(self, finding: Finding) -> bool | None:
        """Whether a number is made of counts that are told; ``None`` where it is not made of linked counts."""
        from audits.metrics import registry

        attribute = finding.attribute
        if finding.technique != "parity" or attribute not in self._attributes or finding.measure not in registry:
            return None
        facts = registry[finding.measure].facts
        rate = facts["over"] == "group" and facts["scale"] == "rate"
        groups = [group for group in (finding.group, finding.reference) if group]
        if not groups or not (rate or facts["over"] == "pair"):  # of all groups, or against all
            groups = [g for g in self._table.groups[attribute] if groups or g != MISSING_GROUP]
        made_of = (finding.measure,) if rate else facts["components"]
        if not made_of and not (facts["labels"] and facts["decisions"]):
            made_of = ("base_rate",) if facts["labels"] else ("selection_rate",)
        if made_of:
            return all((measure, attribute, group) in self._told for measure in made_of for group in groups)
        return all(self._table.tells(attribute, group, *OUTCOMES) for group in groups)

    def _made_of(self, finding: Finding) -> str:
        """Of score parity: whether a number is made of scores alone, or of the truth as well; else all is one."""
        from audits.metrics import registry

        if finding.technique != "score_parity":
            return ""
        return "truth" if finding.measure not in registry or registry[finding.measure].facts["labels"] else "scores"

    def _silent(self, made_of: str) -> set[tuple[str, str]]:
        """Groups of which a withheld count would be told about by numbers that are made of so much."""
        if made_of == "truth":  # an AUC tells how many are positive
            return self._unlabelled
        if made_of == "scores":  # a score and a threshold say how many are selected, and nothing of the truth
            table = self._table
            return {(a, g) for a, g in self._unclean if not table.tells(a, g, ALL, SELECTED)}
        return self._unclean

    def _decide(self, members: Sequence[Finding], made_of: str) -> None:
        """Withhold the numbers of one technique, over all attributes, for they add up to the same."""
        groups = self._table.groups
        own: dict[str, Why] = {f.id: why for f in members if (why := self._alone(f)) is not None}
        by_attribute: dict[str, list[Finding]] = {}
        for finding in members:
            by_attribute.setdefault(finding.attribute, []).append(finding)
        silent: dict[str, set[str]] = {}
        for attribute in [name for name in by_attribute if name in groups]:
            silent[attribute] = {
                g for f in by_attribute[attribute] if f.id in own for g in _groups(f, groups[attribute])
            }
            silent[attribute] |= {g for a, g in self._silent(made_of) if a == attribute}
        wider = widened(silent, groups, [attribute for attribute in groups if attribute not in by_attribute])
        for attribute, held in by_attribute.items():
            self.withheld |= self._withheld(held, groups.get(attribute), wider.get(attribute, set()), own)

    def _withheld(
        self, held: Sequence[Finding], known: Mapping[str, int] | None, silent: set[str], own: Mapping[str, Why]
    ) -> dict[str, Why]:
        """What of a technique's numbers over one attribute goes, where some groups keep silent."""
        mine: dict[str, Why] = {finding.id: own[finding.id] for finding in held if finding.id in own}
        if known is None:
            any_ = bool(mine) or bool(self._table.withheld)
            whole = {f.id for f in held if any_ and (f.attribute or "x" in f.sufficient)}
            return {**dict.fromkeys(whole, "derived"), **mine}
        for finding in [f for f in held if f.id not in mine]:
            named = {g for g in (finding.group, finding.reference) if g}
            beyond = named - known.keys() - {CONTROL}
            if beyond or named & silent or ((silent or mine) and not named & known.keys()):
                mine[finding.id] = "derived"
        return mine

    def _alone(self, finding: Finding) -> Why | None:
        """Why a finding must be withheld for its own counts."""
        threshold, counts = self._table.threshold, _counts(finding)
        if any(small(count, threshold) for count in counts.values()):
            return "small"
        for before in self._earlier:
            if before.same_data and finding.id in before.withheld:
                return "versions"
            then = before.counts.get(finding.id, ())
            now = tuple(counts.values())
            if len(then) == len(now) and any(small(abs(a - b), threshold) for a, b in zip(now, then, strict=True)):
                return "versions"
        return None


def _groups(finding: Finding, known: Mapping[str, int]) -> set[str]:
    return {g for g in (finding.group, finding.reference) if g in known}

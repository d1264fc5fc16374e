"""Which numbers of an audit must not be published, so that no count of one to ten people can be read or worked out.

The rule is that of the Centers for Medicare & Medicaid Services: no cell of 1 to 10, nor anything from which it can
be derived; 0 may be told. It is held in four steps.

1. A number is withheld where a count that it stands on, or what is left of its denominator, is 1 to 10.
2. Rates of decisions (``parity``, in rows, not weighted) and the sizes of groups are one system of equations
   (``audits.disclosure``): while a reader could narrow a count of 1 to 10 further than that, the published number
   that the deduction leans on and that stands on fewest rows is withheld, too.
3. Everything else (scores, classes, edited inputs, remedies …) is withheld group by group: where one number of a group
   is withheld, all of that technique are; where that leaves one group of an attribute alone, the smallest other group
   goes with it, and an intersection goes whole. Numbers of all groups together go where any group's are withheld, and
   so do subgroups found by search: they overlap, so that their differences tell of fewer people than either.
4. Against earlier releases: a count that differs by 1 to 10 from what was published before is withheld and protected
   as above; so is, on the same data, what was withheld then.

Not covered: what a reader knows from elsewhere, or of this procedure; what a verdict's word says of withheld rates (an
inequality); numbers of different techniques held against each other, beyond step 3; of crossings of three attributes,
the rows of which only some are recorded; earlier releases of which no record is given.

Source: CMS cell size suppression policy (ResDAC, resdac.org); Cox 1980, JASA 75:377 (complementary suppression).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from audits.errors import ArtifactError
from audits.findings import Finding
from audits.linked_counts import Earlier, Groups, LinkedCounts, Why, item_of, rows_name, small

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
    keep: Collection[tuple[str, str]] = (),
) -> Release:
    """Decide what must be withheld.

    Args:
        findings: every finding of the audit.
        groups: the groups of every attribute and their rows.
        rows: rows audited.
        threshold: the least count that may be told.
        earlier: what was published of this audit before.
        keep: attributes and groups whose numbers are to be told where that can be done by withholding others'.

    Raises:
        ArtifactError: the groups of two attributes cannot be of the same rows.
    """
    table = _linked(findings, groups, rows, threshold, earlier)
    table.protect(keep)
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
    """Everything that is no plain count: withheld by group, technique by technique."""

    def __init__(self, findings: Sequence[Finding], table: LinkedCounts, earlier: Sequence[Earlier]) -> None:
        self._table, self._earlier = table, earlier
        self.withheld: dict[str, Why] = {}
        self._linked = {item.name: item for item in table.items}
        self._rates = {(f.measure, f.attribute, f.group): f.id for f in findings if f.id in self._linked}
        hidden = [item for item in table.items if item.name in table.withheld and item.group]
        self._unclean = {(item.attribute, item.group) for item in hidden}
        by_technique: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            if finding.id in self._linked:
                continue
            ends = self._ends(finding)
            if ends is not None:
                if any(name in table.withheld for name in ends):
                    self.withheld[finding.id] = "derived"
            else:
                by_technique.setdefault((finding.technique, finding.attribute), []).append(finding)
        for (_, attribute), members in by_technique.items():
            self._decide(attribute, members)

    def _ends(self, finding: Finding) -> list[str] | None:
        """The two rates that a difference or ratio is made of; ``None`` where it is made of something else."""
        if finding.technique != "parity" or finding.comparison not in ("difference", "ratio"):
            return None
        ends = [self._rates.get((finding.measure, finding.attribute, g)) for g in (finding.group, finding.reference)]
        return [name for name in ends if name] if all(ends) else None

    def _decide(self, attribute: str, members: Sequence[Finding]) -> None:
        """Withhold the numbers of one technique over one attribute."""
        own: dict[str, Why] = {f.id: why for f in members if (why := self._alone(f)) is not None}
        known = self._table.groups.get(attribute)
        if known is None:
            any_ = bool(own) or bool(self._table.withheld)
            whole = {f.id for f in members if any_ and (attribute or "x" in f.sufficient)}
            self.withheld |= {**dict.fromkeys(whole, "derived"), **own}
            return
        touched = {g for f in members if f.id in own for g in _groups(f, known)}
        touched |= {g for a, g in self._unclean if a == attribute}
        beyond = {f.id for f in members if any(g not in known and g != CONTROL for g in (f.group, f.reference) if g)}
        everywhere = bool(touched) or any(f.id in own for f in members)
        if everywhere and "×" in attribute:
            touched = set(known)
        elif len(touched) == 1:
            rest = [g for g in known if g not in touched]
            touched |= {min(rest, key=lambda g: (known[g], g))} if rest else set()
        for finding in members:
            groups = _groups(finding, known)
            if finding.id in own:
                self.withheld[finding.id] = own[finding.id]
            elif finding.id in beyond or groups & touched or (everywhere and not groups):
                self.withheld[finding.id] = "derived"

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

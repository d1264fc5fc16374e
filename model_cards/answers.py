"""What of an audit answers a clause of a regulation pack: numbers with their findings, or records in plain words."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from audits.findings import MISSING_GROUP, Finding
from audits.suppression import SUPPRESSED
from model_cards.clauses import Answer, Clause
from model_cards.families import distance
from model_cards.numbers import Text, number, unit_after
from model_cards.overview import audited_rows, moment, source_name
from model_cards.records import checks_of, groups_of
from model_cards.sources import Sources
from model_cards.tables import few, pair_name
from model_cards.words import group_name, shown, title

MOST_NUMBERS = 3
SEALED_LATER = ("libraries", "evenhand", "python", "seed", "digests", "files")
"""What every manifest holds, though the card is written before the manifest is."""


def answered(clause: Clause, sources: Sources) -> tuple[Text, str]:
    """Return what answers a clause, and its state: answered, in part, missing, suppressed or not applicable."""
    told, state = _answered(clause.answer, sources)
    if clause.only_with and state == "missing" and not _has(clause.only_with, sources):
        return (f"this audit has no {clause.only_with}",), "not applicable"
    if clause.left and state == "answered":
        return (*told, f"; left to people: {shown(clause.left, 300)}"), "in part"
    return told, state


def _has(what: str, sources: Sources) -> bool:
    spec = sources.spec
    has = {
        "score": spec.data.score is not None or spec.model is not None,
        "model": spec.model is not None,
        "probabilities": any(attribute.probabilities for attribute in spec.protected.values()),
    }
    return has[what]


def _answered(answer: Answer, sources: Sources) -> tuple[Text, str]:
    if answer.people is not None:
        return (f"from people: {shown(answer.people, 200)}",), "missing"
    if answer.findings is not None:
        return _numbers([f for f in sources.findings if answer.findings.of(f)])
    if answer.flip_flop is not None:
        return _flip_flop(answer.flip_flop, sources.findings)
    if answer.missing is not None:
        absent = sum(f.value is None and not f.missing.startswith(SUPPRESSED) for f in sources.findings)
        many = "1 number is" if absent == 1 else f"{absent:,} numbers are"
        return (f"{many} listed as missing, each with its reason",), "answered"
    if answer.verdict == "rows_needed":
        return _rows_needed(sources)
    found = _looked_up(answer, sources)
    return ((shown(found, 300).removesuffix("."),), "answered") if found else (("not supplied",), "missing")


def _numbers(found: Sequence[Finding]) -> tuple[Text, str]:
    """The numbers that say most, each with its finding; how many more there are."""
    there = sorted((f for f in found if f.value is not None and f.comparison != "check"), key=_rank)
    if not there:
        why = next((f.missing for f in found if f.missing), "")
        if why.startswith(SUPPRESSED):
            return ("suppressed in the public version",), "suppressed"
        return (f"not measurable: {shown(why, 200)}" if why else "this audit did not measure it",), "missing"
    measures = {finding.measure: finding for finding in reversed(there)}  # of several measures, the first of each
    first = [finding for finding in there if len(measures) == 1 or measures[finding.measure] is finding]
    told: list[Any] = []
    for finding in first[:MOST_NUMBERS]:
        who = pair_name(finding) if finding.reference else group_name(finding.group) if finding.group else "all groups"
        what = f"{title(shown(finding.measure, 80))}, " if len(measures) > 1 else ""
        told += [f"{'; ' if told else ''}{what}{who}: ", number(finding), unit_after(finding)]
        if finding.p_adjusted is not None:
            told += [" (p ", number(finding, "p_adjusted", "p"), " after correction)"]
    more = len(there) - len(first[:MOST_NUMBERS])
    return (*told, f"; and {more:,} more above" if more > 0 else ""), "answered"


def _rank(finding: Finding) -> tuple[bool, bool, str, int, bool, float]:
    """Known groups first, before rows of unknown group; groups before pairs; of pairs the widest on enough rows."""
    pair = finding.reference != ""
    apart = -distance(finding) if pair else 0.0
    kind = finding.comparison if pair else ""
    return finding.group in (MISSING_GROUP, ""), pair, kind, finding.attribute.count("×"), few(finding), apart


def _flip_flop(measure: str, findings: Sequence[Finding]) -> tuple[Text, str]:
    """In which pairs the numbers are so small that one person more or less turns the order of two groups round.

    Source: EEOC, Questions and Answers on the Uniform Guidelines, 1979 (16 of 80 against 3 of 20).
    """
    rates: dict[str, list[Finding]] = {}
    for finding in findings:
        own = finding.measure == measure and finding.comparison == "rate" and finding.group != MISSING_GROUP
        if own and finding.sufficient.keys() == {"x", "n"}:
            rates.setdefault(finding.attribute, []).append(finding)
    pairs = [pair for own in rates.values() for pair in itertools.combinations(own, 2)]
    if not pairs:
        return ("this audit did not measure it",), "missing"
    turned = [pair for pair in pairs if turns_round(*pair)]
    named = "; ".join(f"{group_name(a.group)} and {group_name(b.group)}" for a, b in turned[:MOST_NUMBERS])
    return (
        f"one selection moved turns the order in {len(turned):,} of {len(pairs):,} pairs",
        f": {named}" if named else "",
    ), "answered"


def turns_round(one: Finding, other: Finding) -> bool:
    """Return whether moving one person from the group of the higher rate to the other turns the order round."""
    (x1, n1), (x2, n2) = ((f.sufficient["x"], f.sufficient["n"]) for f in (one, other))
    if x1 * n2 < x2 * n1:
        x1, n1, x2, n2 = x2, n2, x1, n1
    return x1 * n2 > x2 * n1 and x1 >= 1 and x2 + 1 <= n2 and (x1 - 1) * n2 < (x2 + 1) * n1


def _rows_needed(sources: Sources) -> tuple[Text, str]:
    """How many rows would settle each limit that stays open."""
    limits = [limit for limit in sources.verdict.get("limits") or () if isinstance(limit, Mapping)]
    told = [
        f"{shown(limit.get('text'), 120)}: about {limit['rows_needed']:,} rows of the smaller group"
        for limit in limits
        if isinstance(limit.get("rows_needed"), int)
    ]
    if told:
        return ("; ".join(told),), "answered"
    if any(limit.get("verdict") == "INCONCLUSIVE" for limit in limits):
        return ("no number of rows is known to settle the limits that stay open",), "missing"
    return ("no limit stays open for want of rows",), "not applicable"


def _looked_up(answer: Answer, sources: Sources) -> str:
    """Return a value, or a record in plain words; empty where there is none."""
    if answer.spec is not None:
        value: Any = sources.spec
        for name in answer.spec.split("."):
            value = getattr(value, name, None)
        return _plain(value)
    if answer.manifest is not None:
        return _of_manifest(answer.manifest, sources)
    if answer.verdict is not None:
        if answer.verdict == "limits":
            return _limits(sources)
        limits = [limit.get(answer.verdict) for limit in sources.verdict.get("limits") or ()]
        return _plain(sources.verdict.get(answer.verdict) or [one for one in limits if one is not None])
    document = sources.document(answer.document or "")
    teller = _DOCUMENTS.get(answer.document or "")
    return (teller(sources) if teller else _plain(document)) if document else ""


def _plain(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        return f"recorded: {len(value)} entr{'y' if len(value) == 1 else 'ies'}" if value else ""
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return f"sha256 {value[:12]}…"  # whole under "How to check it"; in a cell it would crowd out the words
    return "" if value is None else str(value)


def _of_manifest(name: str, sources: Sources) -> str:
    """Return a field of the manifest, which is sealed after the card is written: the run knows some of it before."""
    if name in ("started", "ended"):
        day = moment(sources)
        return day if day[:1].isdigit() else ""
    if name == "previous":
        earlier = [one for one in sources.document("history") or () if isinstance(one, Mapping) and one.get("digest")]
        digest = (sources.document("manifest") or {}).get("previous") or (earlier[-1]["digest"] if earlier else "")
        return f"the audit before this one: artifact {str(digest)[:12]}" if digest else ""
    if name in SEALED_LATER:
        return "recorded in manifest.json of the artifact"
    return _plain((sources.document("manifest") or sources.document("run") or {}).get(name))


def _limits(sources: Sources) -> str:
    words = Counter(str(limit.get("verdict")) for limit in sources.verdict.get("limits") or ())
    counts = ", ".join(f"{words[word]:,} {word}" for word in ("FAIL", "INCONCLUSIVE", "PASS") if words[word])
    many = sum(words.values())
    return f"{many:,} limit{'' if many == 1 else 's'}: {counts}" if many else ""


def _groups(sources: Sources) -> str:
    told = []
    for grouped in groups_of(sources.document("groups")):
        rows = dict(grouped.groups)
        unknown = rows.pop(MISSING_GROUP, 0)
        known = f"{len(rows):,} group{'' if len(rows) == 1 else 's'}"
        many = "a suppressed number" if unknown is None else f"{unknown:,}"
        told.append(f"{shown(grouped.attribute, 80)}: {known}, {many} not recorded")
    return "; ".join(told)


def _checks(sources: Sources) -> str:
    checks = checks_of(sources.document("checks"))
    broken = sum(not check.met for check in checks)
    return f"{len(checks):,} check{'' if len(checks) == 1 else 's'} of the data, {broken:,} broken" if checks else ""


def _data(sources: Sources) -> str:
    rows = audited_rows(sources)
    return source_name(sources) + (f", {rows:,} rows audited" if rows else "")


def _selfcheck(sources: Sources) -> str:
    checks = [one for one in sources.document("selfcheck").get("checks") or () if isinstance(one, Mapping)]
    passed = sum(one.get("ok") is True for one in checks)
    return f"{passed} of {len(checks)} published known answers reproduced" if checks else ""


_DOCUMENTS = {"groups": _groups, "checks": _checks, "data": _data, "selfcheck": _selfcheck}
"""How the records of a run are told; others by how much is in them."""

"""Regulation packs: what an instrument asks, clause by clause, and what of this audit answers it.

A pack is data: the ones that ship, and any team's own, a YAML file of the same shape named in ``card.packs``. What an
instrument prescribes and what the audit's own verdict is are never put into one column.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from audits.errors import SpecError, nearest
from audits.findings import MISSING_GROUP, Finding, Frozen
from audits.spec import AuditSpec
from audits.suppression import SUPPRESSED
from model_cards.blocks import Block, Bullets, Facts, Heading, Line, Prose, Section, Table
from model_cards.numbers import Text, number, unit_after
from model_cards.sources import Sources
from model_cards.tables import pair_name
from model_cards.words import anchor, group_name, shown

PACKS = Path(__file__).resolve().parent / "packs"
STATUS = {
    "in_force": "in force",
    "pending": "pending: it does not apply yet, or not in full",
    "superseded": "superseded",
    "voluntary": "voluntary",
    "draft": "draft: not law",
}
STALE_DAYS = 365
MOST_NUMBERS = 3


class Chosen(Frozen):
    """Which findings answer a clause: all that have every one of these."""

    technique: str | None = None
    measure: str | None = None
    comparison: str | None = None

    def of(self, finding: Finding) -> bool:
        """Return whether a finding is one of them."""
        return all(getattr(finding, name) == value for name, value in self if value is not None)


class Answer(Frozen):
    """Where the answer to a clause is: exactly one of these."""

    findings: Chosen | None = None
    """Findings of the audit."""
    missing: Literal["findings"] | None = None
    """The list of what could not be measured."""
    spec: str | None = None
    """A field of the spec, dotted."""
    manifest: str | None = None
    """A field of the artifact's manifest."""
    document: str | None = None
    """A record of the run: data, groups, checks, model, selfcheck."""
    verdict: str | None = None
    """A field of the verdict, or of its limits."""
    flip_flop: str | None = None
    """A rate: whether moving one person from the favoured group to the other turns their order round."""
    people: str | None = None
    """What only people can supply."""

    @model_validator(mode="after")
    def _one(self) -> Answer:
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise ValueError(f"got {', '.join(given) or 'nothing'}, expected exactly one place of an answer")
        return self


class Clause(Frozen):
    """One thing that an instrument asks."""

    id: str
    provision: str
    asks: str
    answer: Answer
    only_with: Literal["score", "model", "probabilities"] | None = None
    also: str = ""


class Pack(Frozen):
    """An instrument, as read on a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str = Field(pattern=r"^[a-z0-9-]+$")
    instrument: str
    jurisdiction: str
    status: Literal["in_force", "pending", "superseded", "voluntary", "draft"]
    as_of: date
    effective_from: date | None
    superseded_by: str | None
    source: str
    does_not_say: tuple[str, ...]
    clauses: tuple[Clause, ...] = Field(min_length=1)


def shipped() -> list[str]:
    """Return the names of the packs that ship."""
    return sorted(path.stem for path in PACKS.glob("*.yaml"))


def shipped_packs() -> list[Pack]:
    """Return the packs that ship."""
    return [_read(name, 0, PACKS) for name in shipped()]


def read_packs(spec: AuditSpec, base: Path) -> list[Pack]:
    """Return the packs that a spec names: shipped ones by name, own ones by a path from the spec's folder.

    Raises:
        SpecError: naming the pack and the place in it that is wrong.
    """
    return [_read(name, at, base) for at, name in enumerate(spec.card.packs)]


def _read(name: str, at: int, base: Path) -> Pack:
    import yaml

    own = name.endswith((".yaml", ".yml"))
    path = (base / name) if own else PACKS / f"{name}.yaml"
    place = f"card.packs[{at}]"
    if not own and name not in shipped():
        raise SpecError(f"{place}: got {name!r}, expected a pack or the path of one", nearest(name, shipped()))
    if not path.is_file():
        raise SpecError(f"{place}: got {name!r}, there is no such file", "paths start at the spec's folder")
    try:
        return Pack.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SpecError(f"{place}: {name}: {str(error).splitlines()[0]}", "write plain YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the top"
        raise SpecError(
            f"{place}: {name}: {where}: {first['msg']}", "see the packs that ship for the shape: evenhand list packs"
        ) from error


def packs_document(packs: Sequence[Pack]) -> list[dict[str, Any]]:
    """Return packs as plain JSON values (``packs.json``)."""
    return [json.loads(pack.model_dump_json()) for pack in packs]


def regulation_section(sources: Sources) -> Section | None:
    """Return the section on the instruments that the spec names; ``None`` where it names none."""
    packs = [Pack.model_validate_json(json.dumps(document)) for document in sources.document("packs") or []]
    if not packs:
        return None
    lead = (
        "What each instrument asks, and what of this audit answers it. An answer is a number or a record, not a "
        "finding of compliance; what an instrument prescribes and the verdict of this audit are two things."
    )
    blocks: list[Block] = [Prose(text=(lead,))]
    for pack in packs:
        blocks += _pack(pack, sources)
    return Section(id="regulation", title="What regulation asks", blocks=tuple(blocks), part="proof")


def _pack(pack: Pack, sources: Sources) -> list[Block]:
    facts: list[tuple[str, Text]] = [
        ("Status", (f"{STATUS[pack.status]}, as read on {pack.as_of}",)),
        ("Applies from", (str(pack.effective_from or "not recorded"),)),
        ("Jurisdiction", (shown(pack.jurisdiction),)),
        ("Source", (shown(pack.source, 300),)),
    ]
    if pack.superseded_by:
        facts.insert(1, ("Changed by", (shown(pack.superseded_by, 300),)))
    blocks: list[Block] = [
        Heading(text=shown(pack.instrument, 200), level=3, id=anchor("regulation", pack.pack)),
        Facts(items=tuple(facts)),
    ]
    age = (_audited_on(sources) - pack.as_of).days
    if age > STALE_DAYS:
        words = f"This was read {age} days before the audit. Check whether it still holds before relying on it."
        blocks.append(Prose(text=(words,), tone="warning"))
    if pack.does_not_say:
        blocks.append(Prose(text=("What it does not say:",)))
        blocks.append(Bullets(items=tuple((shown(words, 300),) for words in pack.does_not_say)))
    lines = tuple(_line(clause, sources) for clause in pack.clauses)
    columns = ("Clause", "What it asks", "Answer", "State")
    blocks.append(Table(caption=f"{shown(pack.pack, 80)}, clause by clause", columns=columns, lines=lines))
    return blocks


def _audited_on(sources: Sources) -> date:
    for name in ("manifest", "run"):
        started = (sources.document(name) or {}).get("started")
        if isinstance(started, str) and len(started) >= 10:
            return date.fromisoformat(started[:10])
    return date.today()


def _line(clause: Clause, sources: Sources) -> Line:
    answer, state = _answered(clause, sources)
    if clause.also:
        answer = (*answer, f" ({shown(clause.also, 200)})")
    cells = ((shown(clause.asks, 300),), answer, (state,))
    tone: Any = "warning" if state == "missing" else ""
    return Line(name=(f"{shown(clause.id, 40)}, {shown(clause.provision, 80)}",), cells=cells, tone=tone)


def _answered(clause: Clause, sources: Sources) -> tuple[Text, str]:
    spec, answer = sources.spec, clause.answer
    has = {
        "score": spec.data.score is not None or spec.model is not None,
        "model": spec.model is not None,
        "probabilities": any(attribute.probabilities for attribute in spec.protected.values()),
    }
    if clause.only_with and not has[clause.only_with]:
        return (f"this audit has no {clause.only_with}",), "not applicable"
    if answer.people is not None:
        return (f"from people: {shown(answer.people, 200)}",), "missing"
    if answer.findings is not None:
        return _numbers([f for f in sources.findings if answer.findings.of(f)])
    if answer.flip_flop is not None:
        return _flip_flop(answer.flip_flop, sources.findings)
    if answer.missing is not None:
        absent = sum(f.value is None and not f.missing.startswith(SUPPRESSED) for f in sources.findings)
        return (f"{absent:,} numbers are listed as missing, each with its reason",), "answered"
    found = _looked_up(answer, sources)
    return ((shown(found, 160),), "answered") if found else (("not supplied",), "missing")


def _numbers(found: Sequence[Finding]) -> tuple[Text, str]:
    """The first numbers, each with its finding; how many more there are."""
    there = [f for f in found if f.value is not None and f.comparison != "check"]
    if not there:
        why = next((f.missing for f in found if f.missing), "")
        if why.startswith(SUPPRESSED):
            return ("suppressed in the public version",), "suppressed"
        return (f"not measurable: {shown(why, 200)}" if why else "this audit did not measure it",), "missing"
    told: list[Any] = []
    for finding in there[:MOST_NUMBERS]:
        who = pair_name(finding) if finding.reference else group_name(finding.group) or finding.attribute
        told += [f"{'; ' if told else ''}{who}: ", number(finding), unit_after(finding)]
    more = len(there) - MOST_NUMBERS
    return (*told, f"; and {more:,} more above" if more > 0 else ""), "answered"


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


def _looked_up(answer: Answer, sources: Sources) -> str:
    """A value as text; a record as how much is in it; empty where there is none."""
    if answer.spec is not None:
        value: Any = sources.spec
        for name in answer.spec.split("."):
            value = getattr(value, name, None)
    elif answer.manifest is not None:
        value = (sources.document("manifest") or sources.document("run") or {}).get(answer.manifest)
    elif answer.verdict is not None:
        limits = [limit.get(answer.verdict) for limit in sources.verdict.get("limits") or ()]
        value = sources.verdict.get(answer.verdict) or [one for one in limits if one is not None]
    else:
        value = sources.document(answer.document or "")
    if isinstance(value, dict | list | tuple):
        return f"recorded: {len(value)} entr{'y' if len(value) == 1 else 'ies'}" if value else ""
    return "" if value is None else str(value)

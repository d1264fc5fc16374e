"""Regulation packs: what an instrument asks, clause by clause, and what of this audit answers it.

A pack is data: the ones that ship, and any team's own, a YAML file of the same shape named in ``card.packs``. What an
instrument prescribes and what the audit's own verdict is are never put into one column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from audits.errors import SpecError, nearest
from audits.spec import AuditSpec
from model_cards.answers import answered
from model_cards.blocks import Block, Bullets, Facts, Heading, Line, Prose, Section, Table
from model_cards.clauses import Clause, Pack
from model_cards.numbers import Text
from model_cards.sources import Sources
from model_cards.words import anchor, shown

PACKS = Path(__file__).resolve().parent / "packs"
STATUS = {
    "in_force": "in force",
    "pending": "pending: it does not apply yet, or not in full",
    "superseded": "superseded",
    "voluntary": "voluntary",
    "draft": "draft: not law",
}
STALE_DAYS = 365


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
        "finding of compliance; what an instrument prescribes and the verdict of this audit are two things. Where the "
        "state is in part or missing, people must supply the rest."
    )
    blocks: list[Block] = [Prose(text=(lead,))]
    for pack in packs:
        blocks += _pack(pack, sources)
    return Section(id="regulation", title="What regulation asks", blocks=tuple(blocks), part="proof")


def _pack(pack: Pack, sources: Sources) -> list[Block]:
    facts: list[tuple[str, Text]] = [
        ("Status", (f"{STATUS[pack.status]}, as read on {pack.as_of}",)),
        ("Jurisdiction", (shown(pack.jurisdiction),)),
        ("Source", (shown(pack.source, 300),)),
    ]
    if pack.status != "voluntary" or pack.effective_from:
        facts.insert(1, ("Applies from", (str(pack.effective_from or "not recorded"),)))
    if pack.superseded_by:
        name = "Superseded by" if pack.status == "superseded" else "Change to know of"
        facts.insert(1, (name, (shown(pack.superseded_by, 300),)))
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
    answer, state = answered(clause, sources)
    if clause.also:
        answer = (*answer, f" ({shown(clause.also, 200)})")
    cells = ((shown(clause.asks, 300),), answer, (state,))
    tone: Any = "warning" if state == "missing" else ""
    return Line(name=(f"{shown(clause.id, 40)}, {shown(clause.provision, 80)}",), cells=cells, tone=tone)

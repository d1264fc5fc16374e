"""An audit's folder → a card: typed sections in which every number carries the finding it came from.

The card knows no technique: what a technique found is charted and tabled by what kind of number it is, so a new
technique appears without an edit here. ``SECTIONS`` only gives the well-known ones a plain title and their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audits.findings import Finding
from audits.spec import AuditSpec
from model_cards import about, overview
from model_cards.blocks import Block, Card, Fold, Heading, Leaf, Prose, Section, Strip
from model_cards.examples import example_blocks
from model_cards.families import Family, gather
from model_cards.measures import definition, family_blocks, heading
from model_cards.records import edits_of, groups_of, records_table
from model_cards.regulation import regulation_section
from model_cards.sources import Sources, read_sources
from model_cards.tables import check_table
from model_cards.words import anchor, facts_of, shown, title

SECTIONS = {
    "parity": ("Rates, group by group", "How often each group gets a decision, and how far apart the groups are."),
    "flip_rate": (
        "When only the group changes",
        "Each input was changed in nothing but the protected attribute, and the model was asked again.",
    ),
    "pair_log_odds": ("When only the group in a prompt changes", ""),
    "integrated_gradients": (
        "What the model leans on",
        "How much of each decision is carried by the words that name a group, and which words those are.",
    ),
    "shap": ("What the gap is made of", "The gap between groups, split into what each input adds to it."),
}
"""Title and first sentence of the techniques that ship with Evenhand, in the order of the card; others follow."""


MOST_UNFOLDED = 5
"""Measures of one technique that are all told in full; with more, those under no limit are folded away."""


def build(folder: Path, spec: AuditSpec | None = None) -> Card:
    """Return the card of a run folder or of a sealed artifact.

    Args:
        folder: holds ``findings.json`` and ``verdict.json``; whatever else a run leaves is told where it is there.
        spec: the spec, where the folder holds no ``spec.yaml`` yet.

    Raises:
        ArtifactError: findings, verdict or spec are absent or unreadable.
    """
    return compose(read_sources(folder, spec))


def compose(sources: Sources) -> Card:
    """Return the card of documents already read."""
    spec = sources.spec
    sections = [
        about.data_section(sources),
        about.groups_section(sources),
        *_measured(sources),
        about.missing_section(sources.findings),
        about.rule_section(sources),
        *filter(None, [regulation_section(sources)]),
        about.model_section(sources),
        about.people_section(sources),
        about.reproduce_section(sources),
    ]
    sections[-1] = _with(sections[-1], about.mitchell_blocks(sections))
    return Card(
        title=shown(spec.card.title or title(spec.audit), 200),
        audit=spec.audit,
        question=shown(spec.question),
        facts=overview.first_facts(sources),
        ruling=overview.ruling(sources),
        sections=tuple(sections),
    )


def _with(section: Section, blocks: Sequence[Block]) -> Section:
    return section.model_copy(update={"blocks": (*section.blocks, *blocks)})


def _measured(sources: Sources) -> list[Section]:
    """Return a section per technique that found anything."""
    by_technique: dict[str, list[Finding]] = {}
    for finding in sources.findings:
        by_technique.setdefault(finding.technique, []).append(finding)
    order = list(SECTIONS)
    names = sorted(by_technique, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [_technique(name, by_technique[name], sources) for name in names]


def _technique(name: str, findings: Sequence[Finding], sources: Sources) -> Section:
    heading_words, lead = SECTIONS.get(name, (shown(title(name), 80), ""))
    blocks: list[Block] = []
    lead = lead or _summary(name)
    if lead:
        blocks.append(Prose(text=(lead,)))
    groups = {g.attribute: [group for group, _ in g.groups] for g in groups_of(sources.document("groups"))}
    families = gather(findings, sources.spec, groups)
    measured = [f for f in families if any(found.value is not None for found in (*f.own, *f.pairs, *f.parts))]
    by_measure: dict[str, list[Family]] = {}
    for family in measured:
        by_measure.setdefault(family.measure, []).append(family)
    bounded = {limit.measure for limit in sources.spec.policy} & by_measure.keys()
    for measure, members in by_measure.items():
        told = [block for at, family in enumerate(members) for block in _titled(family, at == 0, sources)]
        if bounded and measure not in bounded and len(by_measure) > MOST_UNFOLDED:
            blocks.append(Fold(title=f"{title(shown(measure, 80))}: under no limit", blocks=tuple(told)))
        else:
            blocks += told
    if not measured and not any(f.checks for f in families):
        blocks.append(Prose(text=("Nothing of this could be measured; the reasons are listed below.",), tone="note"))
    blocks += _examples(findings)
    blocks += _edits(findings, sources)
    alone = [check for family in families if family not in measured for check in family.checks]
    if alone:
        blocks.append(Heading(text="How far to trust this", level=3, id=f"{anchor(name)}.checks"))
        blocks.append(check_table(alone, f"{heading_words}: checks of the method itself"))
    return Section(id=section_id(name), title=heading_words, blocks=tuple(blocks))


def section_id(technique: str) -> str:
    """Return the anchor of a technique's section, which is never that of another section."""
    taken = ("data", "groups", "missing", "rule", "model", "people", "reproduce", "sections", "main")
    return f"{anchor(technique)}.technique" if technique in taken else anchor(technique)


def _titled(family: Family, first: bool, sources: Sources) -> list[Leaf]:
    """Return a family under its headings; the measure is defined where it first appears."""
    blocks: list[Leaf] = []
    if first:
        blocks.append(Heading(text=title(shown(family.measure, 80)), level=3, id=""))
        blocks += [Prose(text=(words,)) for words in (definition(family.measure), _reading(family)) if words]
    if family.attribute:
        blocks.append(heading(family))
    return [*blocks, *family_blocks(family, sources)]


def _reading(family: Family) -> str:
    """Return how to read a measure, in the technique's own words."""
    found = (*family.own, *family.pairs)
    words = next((finding.direction for finding in found if finding.direction), "")
    return f"How to read it: {shown(words, 300)}." if words else ""


def _examples(findings: Sequence[Finding]) -> list[Block]:
    examples = example_blocks(findings)
    if not examples:
        return []
    words = "Real rows, as examples. They illustrate; they prove nothing by themselves."
    if any(isinstance(block, Strip) for block in examples):
        words += (
            " Blue over a solid line pushes towards the positive decision, orange over a dotted line against it, the "
            "deeper the more; framed words name a group."
        )
    place = f"{anchor(findings[0].technique)}.examples"
    return [Heading(text="Examples", level=3, id=place), Prose(text=(words,)), *examples]


def _edits(findings: Sequence[Finding], sources: Sources) -> list[Block]:
    """Return what was asked of the edits and what was refused, in the section of the technique that leans on them."""
    records = edits_of(sources.document("edits"))
    if not records or findings[0].technique != _first_on_pairs(sources):
        return []
    words = "An edit that could not be made leaves its row out of these numbers; what was refused is counted here."
    table = records_table("Edits asked for, made and refused", records)
    place = f"{anchor(findings[0].technique)}.edits"
    return [Heading(text="The edits", level=3, id=place), Prose(text=(words,)), table]


def _first_on_pairs(sources: Sources) -> str:
    from audits.techniques import registry

    present = list(dict.fromkeys(f.technique for f in sources.findings))
    known = [name for name in (*SECTIONS, *present) if name in present]
    needing = [name for name in known if "pairs" in facts_of(registry, name)[2].get("needs", ())]
    return next(iter(needing or [name for name in known if name in ("flip_rate", "pair_log_odds")]), "")


def _summary(name: str) -> str:
    from audits.techniques import registry

    return facts_of(registry, name)[0]

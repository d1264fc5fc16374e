"""An audit's folder → a card: typed sections in which every number carries the finding it came from.

The card knows no technique: what a technique found is charted and tabled by what kind of number it is, so a new
technique appears without an edit here. ``SECTIONS`` only gives the well-known ones a plain title and their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audits.findings import Finding
from audits.spec import AuditSpec
from model_cards import about, mitchell, overview
from model_cards.blocks import Block, Card, Fold, Heading, Leaf, Prose, Section, Strip
from model_cards.examples import example_blocks
from model_cards.families import Family, gather
from model_cards.history import history_section
from model_cards.measures import definition, family_blocks, heading
from model_cards.public import public_section
from model_cards.records import edits_of, groups_of, records_table
from model_cards.regulation import regulation_section
from model_cards.sources import Sources, read_sources
from model_cards.summary import summary
from model_cards.tables import check_table
from model_cards.tellers import TELLERS
from model_cards.words import anchor, facts_of, shown, title

SECTIONS = {
    "parity": (
        "Rates, group by group",
        "How often each group gets a decision, and how far apart the groups are. In "
        "the definitions, TP and FP count positive decisions on actual positives and on actual negatives, TN "
        "and FN negative ones on actual negatives and on actual positives.",
    ),
    "proxy_bounds": (
        "Rates where groups are known only as probabilities",
        "Nobody's group is recorded here: every row has a probability of each. What is told are bounds, between which "
        "every number fits the data, and not an estimate.",
    ),
    "flip_rate": (
        "When only the group changes",
        "Each input was changed in nothing but the protected attribute, and the model was asked again.",
    ),
    "pair_log_odds": (
        "When only the group in a prompt changes",
        "Pairs of prompts that differ in the words for a group, and how likely the model finds the same next words. "
        "The unit is the nat, a natural logarithm of odds: +0.1 is odds about 1.1 times as high, +0.7 twice as high.",
    ),
    "score_parity": (
        "Scores: ranking, errors, calibration",
        "How well the score tells positive from negative within each group, and whether it means the same in all of "
        "them, whatever the threshold.",
    ),
    "identity_auc": (
        "Each group against its background",
        "How well the score ranks a group's own rows, and its rows against those of everybody else.",
    ),
    "multiclass_parity": ("Decisions among several classes", ""),
    "regression_parity": ("Predicted numbers", "Means, errors and distributions of a predicted number, by group."),
    "ranking_parity": ("Places in ranked lists", "How much attention, and how many first places, each group gets."),
    "conditional_disparity": (
        "Within strata",
        "Whether a gap is still there among people who are alike in what the strata say.",
    ),
    "neighbours": ("People who are alike", "Whether rows are decided as those nearest to them are."),
    "subgroups": ("Subgroups that nobody named", ""),
    "integrated_gradients": (
        "What the model leans on",
        "How much of each decision is carried by the words that name a group, and which words those are.",
    ),
    "shap": ("What the gap is made of", "The gap between groups, split into what each input adds to it."),
    "data_balance": (
        "The data themselves",
        "How labels are spread over the groups, and how large the groups are, whatever any model decides.",
    ),
    "stability": ("Had the audit been set up otherwise", ""),
    "remedies": ("What it would take", ""),
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
    """Return the card of documents already read.

    Results stand first, for whoever has ten minutes; then the usual sections of a model card, in their usual order.
    """
    spec = sources.spec
    sections = [
        *_measured(sources),
        *filter(None, [history_section(sources)]),
        *filter(None, [public_section(sources)]),
        about.missing_section(sources.findings),
        mitchell.model_section(sources),
        mitchell.use_section(sources),
        about.groups_section(sources),
        about.rule_section(sources),
        about.data_section(sources),
        mitchell.training_section(sources),
        mitchell.ethics_section(sources),
        mitchell.caveats_section(sources),
        *filter(None, [regulation_section(sources)]),
        mitchell.reproduce_section(sources),
    ]
    return Card(
        title=shown(spec.card.title or title(spec.audit), 200),
        audit=spec.audit,
        question=shown(spec.question),
        facts=overview.first_facts(sources),
        ruling=overview.ruling(sources),
        summary=summary(sources),
        sections=tuple(sections),
    )


def _measured(sources: Sources) -> list[Section]:
    """Return a section per technique that found anything."""
    by_technique: dict[str, list[Finding]] = {}
    for finding in sources.findings:
        by_technique.setdefault(finding.technique, []).append(finding)
    order = list(SECTIONS)
    names = sorted(by_technique, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [_technique(name, by_technique[name], sources) for name in names]


def _technique(name: str, findings: Sequence[Finding], sources: Sources) -> Section:
    words, lead = SECTIONS.get(name, (shown(title(name), 80), ""))
    if (teller := TELLERS.get(name)) is not None:
        return Section(id=section_id(name), title=words, blocks=tuple(teller(findings, sources)), part="results")
    lead = lead or _summary(name)
    blocks: list[Block] = [Prose(text=(lead,))] if lead else []
    groups = {g.attribute: [group for group, _ in g.groups] for g in groups_of(sources.document("groups"))}
    families = gather(findings, sources.spec, groups)
    measured = [
        f for f in families if any(found.value is not None for found in (*f.own, *f.pairs, *f.parts, *f.wholes))
    ]
    blocks += _measures(measured, sources)
    if not measured and not any(f.checks for f in families):
        blocks.append(Prose(text=("Nothing of this could be measured; the reasons are listed below.",), tone="note"))
    blocks += _examples(findings)
    blocks += _edits(findings, sources)
    alone = [check for family in families if family not in measured for check in family.checks]
    if alone:
        blocks.append(Heading(text="How far to trust this", level=3, id=f"{anchor(name)}.checks"))
        blocks.append(check_table(alone, f"{words}: checks of the method itself"))
    return Section(id=section_id(name), title=words, blocks=tuple(blocks), part="results")


def _measures(families: Sequence[Family], sources: Sources) -> list[Block]:
    """Return measure by measure; what no limit speaks of is folded away where there is much of it."""
    by_measure: dict[str, list[Family]] = {}
    for family in families:
        by_measure.setdefault(family.measure, []).append(family)
    limited = {limit.measure for limit in sources.spec.policy} & by_measure.keys()
    many = len(by_measure) > MOST_UNFOLDED
    blocks: list[Block] = []
    for measure, members in by_measure.items():
        if many and measure not in limited:
            blocks.append(_folded(f"{title(shown(measure, 80))}: under no limit", members, sources))
        else:
            blocks += _whole_measure(members, sources)
    return blocks


def _whole_measure(members: Sequence[Family], sources: Sources) -> list[Block]:
    """Return a measure over every attribute; crossed groups that no limit speaks of are folded where there are many."""
    crossed = [f for f in members if "×" in f.attribute and not any(map(sources.limits, (*f.own, *f.pairs)))]
    crossed = crossed if len(crossed) > 1 else []
    blocks: list[Block] = []
    for at, family in enumerate(f for f in members if f not in crossed):
        blocks += _titled(family, at == 0, sources)
    if crossed:
        names = ", ".join(shown(f.attribute, 60) for f in crossed)
        blocks.append(_folded(f"{title(shown(members[0].measure, 80))} in crossed groups: {names}", crossed, sources))
    return blocks


def section_id(technique: str) -> str:
    """Return the anchor of a technique's section, which is never that of another section."""
    taken = ("data", "groups", "missing", "rule", "model", "use", "training", "ethics", "caveats", "regulation",
             "reproduce", "history", "summary", "main")  # fmt: skip
    return f"{anchor(technique)}.technique" if technique in taken else anchor(technique)


def _folded(words: str, members: Sequence[Family], sources: Sources) -> Fold:
    """Return families that open on demand, under one heading."""
    blocks: list[Leaf] = _defined(members[0])
    for family in members:
        blocks += [*([heading(family)] if family.attribute else []), *family_blocks(family, sources, brief=True)]
    return Fold(title=words, blocks=tuple(blocks))


def _titled(family: Family, first: bool, sources: Sources) -> list[Leaf]:
    """Return a family under its headings; the measure is defined where it first appears."""
    blocks: list[Leaf] = []
    if first:
        blocks.append(Heading(text=title(shown(family.measure, 80)), level=3, id=""))
        blocks += _defined(family)
    if family.attribute:
        blocks.append(heading(family))
    return [*blocks, *family_blocks(family, sources)]


def _defined(family: Family) -> list[Leaf]:
    return [Prose(text=(words,)) for words in (definition(family.measure), _reading(family)) if words]


def _reading(family: Family) -> str:
    """Return how to read a measure, in the technique's own words."""
    found = (*family.own, *family.pairs)
    words = next((finding.direction for finding in found if finding.direction), "")
    words = words.replace("; of group and reference", "")
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

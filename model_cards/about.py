"""The sections of a card that are not measurements: data, groups, rule, gaps in knowledge, reproduction, people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.findings import MISSING_GROUP, Finding
from audits.suppression import SUPPRESSED
from model_cards.blocks import Block, Bullets, Facts, Line, Prose, Section, Table
from model_cards.numbers import Text, written
from model_cards.overview import audited_rows, source_name
from model_cards.records import Check, blocks_of, checks_of, groups_of
from model_cards.sources import Sources
from model_cards.tables import LONG
from model_cards.words import SMALL, facts_of, group_name, nouns, shown, title

NOT_SUPPLIED = "not supplied"


def data_section(sources: Sources) -> Section:
    """Return the data and what was checked of them, broken checks first."""
    data, document = sources.spec.data, sources.document("data")
    facts: list[tuple[str, Text]] = [("Source", (source_name(sources),))]
    facts.append(("Why these data", (shown(sources.spec.card.data_motivation or NOT_SUPPLIED, 600),)))
    if data.available_from:
        facts.append(("To be had from", (shown(data.available_from, 300),)))
    if data.where:
        facts.append(("Rows kept", (shown(data.where, 300),)))
    facts += [("Truth (label)", (shown(data.label or "none: nothing that needs the truth is measured", 80),))]
    if data.label or data.decision or data.score or (sources.spec.model and sources.spec.model.kind != "causal-lm"):
        facts.append(("Positive decision", (_positive(sources),)))
    if data.weight:
        facts.append(("Weights", (f"{shown(data.weight, 80)}: rates are weighted by it; rows are counted as rows",)))
    if data.cluster:
        facts.append(("Rows that belong together", (f"those of one {shown(data.cluster, 80)}",)))
    if data.text:
        facts.append(("Languages", (shown(sources.spec.card.languages or NOT_SUPPLIED, 200),)))
    if data.split is not None:
        facts.append(("Split", (f"{100 * data.split.audit:g}% of the rows audited, the rest used for fitting, "
                                f"dealt by seed {data.split.seed}",)))  # fmt: skip
    facts += _row_facts(document.get("rows"))
    known = ("source", "rows", "missing", "columns", "split", "fingerprint", "digest", "template", "not_understood")
    blocks: list[Block] = [Facts(items=tuple(facts)), *_missing_values(document), *blocks_of(document, without=known)]
    return Section(id="data", title="Evaluation data and its checks", blocks=(*blocks, *_check_blocks(sources)))


def _positive(sources: Sources) -> str:
    """Return which decision the rates count, and whether it is the good one for the person."""
    data, word = sources.spec.data, sources.spec.card.positive_word
    told = f"{shown(data.positive_value, 80)}{f' ({shown(word, 60)})' if word else ''}"
    if data.positive_is_favourable:
        return f"{told}, which is good for the person"
    return f"{told}; what is good for the person is {shown(data.favourable, 80)}"


def _row_facts(rows: Any) -> list[tuple[str, Text]]:
    """Return how many rows each step took away, so that nothing leaves without a count."""
    if not isinstance(rows, Mapping):
        return [("Rows audited", (f"{rows:,}",))] if isinstance(rows, int) else []
    names = {
        "source": "Rows in the source",
        "left_out": "Left out by the filter",
        "left_out_unknown": "Left out, filter undecided",
        "fitting": "Kept for fitting",
        "audited": "Rows audited",
    }
    counts = [(names.get(key, title(key)), value) for key in names if isinstance(value := rows.get(key), int)]
    always = ("Rows in the source", "Rows audited")
    return [(name, (f"{value:,}",)) for name, value in counts if value or name in always]


def _missing_values(document: Mapping[str, Any]) -> list[Block]:
    counts: dict[str, int] = {}
    for key in ("missing", "not_understood"):
        found = document.get(key)
        if isinstance(found, Mapping):
            counts |= {f"{name}" + (" (not understood)" if key != "missing" else ""): value
                       for name, value in found.items() if isinstance(value, int)}  # fmt: skip
    if not counts:
        return []
    absent = {name: count for name, count in counts.items() if count}
    if not absent:
        return [Prose(text=(f"No value is missing in the {len(counts)} columns that the audit uses.",))]
    lines = tuple(Line(name=(shown(name, 80),), cells=((f"{count:,}",),)) for name, count in
                  sorted(absent.items(), key=lambda item: -item[1]))  # fmt: skip
    caption = "Missing values in the audited rows (columns without any are left out)"
    return [Table(caption=caption, columns=("Column", "Rows without a value"), lines=lines, folded=len(lines) > LONG)]


def _check_blocks(sources: Sources) -> list[Block]:
    checks = checks_of(sources.document("checks") or [])
    if not checks:
        return [Prose(text=("No expectations were set on the data, so none were checked.",), tone="note")]
    broken = [check for check in checks if not check.met]
    met = _check_table("Checks that are met", [check for check in checks if check.met])
    if not broken:
        return [Prose(text=(f"All {len(checks)} checks of the data are met.",)), met]
    mild = sum(check.severity == "warning" for check in broken)
    only = f" ({mild} of them only warnings)" if mild else ""
    words = (
        f"{len(broken)} of {len(checks)} checks of the data are broken{only}; the numbers below stand on these data."
    )
    told: list[Block] = [Prose(text=(words,), tone="warning"), _check_table("Checks that are broken", broken)]
    return [*told, met] if met.lines else told


def _check_table(caption: str, checks: Sequence[Check]) -> Table:
    lines = tuple(
        Line(
            name=(check.name,),
            cells=(("met" if check.met else f"broken{f' ({check.severity})' if check.severity else ''}",),
                   (check.observed or "–",)),
            tone="" if check.met else "warning",
        )
        for check in checks
    )  # fmt: skip
    folded = len(lines) > 6 and all(check.met for check in checks)
    return Table(caption=caption, columns=("What was expected", "Result", "Observed"), lines=lines, folded=folded)


def groups_section(sources: Sources) -> Section:
    """Return who was compared: every group with its rows, also those whose group is not recorded."""
    words = nouns(sources.spec)
    named = ", ".join(shown(name, 80) for name in sources.spec.protected)
    blocks: list[Block] = [
        Prose(text=(f"Compared by {named}, as the spec names and cuts them; along anything else nothing is known.",)),
        Prose(text=(f"How many {words.subjects} stand in each group. Groups of fewer than {SMALL} are marked "
                    "(few): their intervals are wide, and that is shown rather than hidden.",)),
    ]  # fmt: skip
    found = groups_of(sources.document("groups"))
    for grouped in found:
        known = [rows for _, rows in grouped.groups if rows is not None]
        total = sum(known) if len(known) == len(grouped.groups) else audited_rows(sources)
        lines: list[Line] = []
        for name, rows in grouped.groups:
            label = group_name(name) + (" (reference)" if name == grouped.reference else "")
            if rows is None:
                lines.append(Line(name=(label,), cells=(("suppressed",), ("suppressed",)), tone="note"))
                continue
            share = f"{written('percent', rows / total)}%" if total else "–"
            few = rows < SMALL or name == MISSING_GROUP
            count = f"{rows:,}\u00a0(few)" if rows < SMALL else f"{rows:,}"
            lines.append(Line(name=(label,), cells=((count,), (share,)), tone="note" if few else ""))
        columns = (title(shown(grouped.attribute, 80)), "Rows", "Share")
        folded = len(lines) > LONG
        blocks.append(Table(caption=f"Groups by {shown(grouped.attribute, 80)}", columns=columns, lines=tuple(lines),
                            folded=folded))  # fmt: skip
    if not found:
        alone = f"No {words.subjects} belong to a group of their own; the rows stand beside each number."
        blocks = [blocks[0], Prose(text=(alone,))]
    return Section(id="groups", title="Factors: who was compared", blocks=tuple(blocks))


def missing_section(found: Sequence[Finding]) -> Section:
    """Return what was asked for and could not be measured, by reason."""
    findings = [finding for finding in found if not finding.missing.startswith(SUPPRESSED)]
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if finding.value is None:
            who = " vs ".join(group_name(name) for name in (finding.group, finding.reference) if name)
            what = f"{title(finding.measure)} ({finding.comparison})"
            about = ", ".join(part for part in (what, shown(finding.attribute, 80), who) if part)
            reasons.setdefault(shown(finding.missing, 400), []).append(about)
    if not reasons:
        all_ = "Of what is not suppressed, everything" if len(findings) < len(found) else "Everything"
        words: Text = (f"{all_} that was asked for could be measured.",)
        return Section(id="missing", title="What could not be measured", blocks=(Prose(text=words),), part="results")
    lines = tuple(
        Line(name=(reason,), cells=((f"{len(about):,}",), (_listed(about),)))
        for reason, about in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    )
    intro = "These numbers were asked for and do not exist. None of them was counted as zero, or as equal."
    table = Table(caption="What could not be measured, and why", columns=("Reason", "Numbers", "Which"), lines=lines,
                  folded=len(lines) > 2 * LONG)  # fmt: skip
    return Section(id="missing", title="What could not be measured", blocks=(Prose(text=(intro,)), table),
                   part="results")  # fmt: skip


def _listed(items: Sequence[str], most: int = 12) -> str:
    return "; ".join(items[:most]) + (f"; and {len(items) - most:,} more" if len(items) > most else "")


def rule_section(sources: Sources) -> Section:
    """Return how the verdict was decided, and what the measures are."""
    level = sources.spec.statistics.level
    items: list[Text] = [
        (f"Every number comes with the rows it stands on, and with a {100 * level:g}% interval or why it has "
         "none. Such an interval holds for one number at a time.",),
        (f"PASS: for every group or pair, the whole interval at {100 * (2 * level - 1):g}% lies inside the limit "
         f"(each end holds with {100 * level:g}% confidence). Since all must hold at once, no correction for their "
         "number is needed.",),
        ("FAIL: for at least one, the interval lies wholly outside the limit, after it was widened for the number of "
         "groups, pairs and limits compared, so that no model fails only because many comparisons were made.",),
        ("INCONCLUSIVE: everything else. A group that cannot be measured leaves its limit open, by name.",),
        ("The audit fails if one limit fails that nobody has waived; it passes only if every limit passes.",),
        ("The limits were fixed, and their digest taken, before any number was computed.",),
    ]  # fmt: skip
    blocks: list[Block] = [Bullets(items=tuple(items))]
    if sources.spec.model is not None and sources.spec.model.kind != "causal-lm":
        words = f"A decision is positive where the model’s score is at least {sources.spec.model.threshold:g}."
        blocks.append(Prose(text=(words,)))
    blocks += _tested(sources)
    blocks += _methods(sources)
    return Section(id="rule", title="Metrics: how it was decided", blocks=tuple(blocks))


def _tested(sources: Sources) -> list[Block]:
    """Return how much was tested in all, so that a reader can tell a finding from the luck of many tries."""
    counts = (sources.document("ledger") or {}).get("counts")
    if not isinstance(counts, Mapping) or not counts.get("tested"):
        return []
    tested, alpha = int(counts["tested"]), 1 - sources.spec.statistics.level
    words = (
        f"Comparisons with a p-value, named by a limit or not: {tested:,}. Below {alpha:.3g} are {counts['raw']:,} as "
        f"they are (where nothing differs, chance alone makes about {alpha * tested:,.0f}), {counts['own_table']:,} "
        f"after correction within their own table, {counts['holm']:,} after correction for everything tested (Holm). "
        "The ledger of the artifact (ledger.json) lists each of them."
    )
    return [Prose(text=(words,))]


def _methods(sources: Sources) -> list[Block]:
    """Return a line per measure: what it is, and where its definition comes from."""
    from audits.metrics import registry as metrics
    from audits.techniques import registry as techniques

    lines = []
    for name in dict.fromkeys(f.technique for f in sources.findings):
        summary, source, _ = facts_of(techniques, name)
        lines.append(Line(name=(title(name),), cells=((summary or "–",), (source or "–",))))
    for name in dict.fromkeys(f.measure for f in sources.findings):
        summary, source, _ = facts_of(metrics, name)
        if summary:
            lines.append(Line(name=(title(name),), cells=((summary,), (source,))))
    if not lines:
        return []
    caption = "Techniques and measures, and where they are from"
    columns = ("Name", "What it is", "Source")
    return [Table(caption=caption, columns=columns, lines=tuple(lines), folded=True)]

"""Identity AUCs: is a group ranked right against everybody else? For groups that may overlap, as words in texts do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from audits.errors import NotMeasurable, SpecError, nearest
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Finding, rounded
from audits.lexicons import Form, Lexicon, lexicon_of
from audits.metrics import chosen
from audits.metrics.histograms import Binning, Scored, binning, summarise
from audits.metrics.identity import IDENTITY
from audits.metrics.running import Summarised, at, findings
from audits.metrics.score_rows import ScoredRows, scored_rows
from audits.metrics.score_tables import affordable, finest, resample
from audits.metrics.separation import exact_where_separated
from audits.metrics.standing import of_scores
from audits.registry import Entry
from audits.spec import Attribute
from audits.statistics.bootstrap import NUMBER
from audits.statistics.roots import quotient
from audits.techniques import technique
from audits.techniques.score_parity import generator

TERMS = "identity terms"
"""The attribute under which the option ``terms`` is told."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Groups:
    """The groups of one attribute: which rows are in each (columns of ``members``), and of which rows it is known."""

    attribute: str
    names: list[str]
    members: Mask
    known: Mask


@technique(
    source="Borkan et al. 2019, Nuanced Metrics for Measuring Unintended Bias with Real Data for Text Classification",
    needs={"scores", "labels"},
    task="scores",
    replayable=True,
)
def identity_auc(
    evidence: Evidence,
    *,
    attributes: list[Attribute] | None = None,
    terms: dict[str, list[str]] | None = None,
    read: Literal["columns", "texts"] | None = None,
    metrics: list[str] | None = None,
    resolution: Annotated[int, Field(ge=32, le=10_000)] = 500,
) -> Iterator[Finding]:
    """AUCs of each group within itself and against its background (all rows outside it), whatever the threshold.

    Yields a ``mean`` per group for ``subgroup_auc``, ``bpsn_auc``, ``bnsp_auc`` and the two average equality gaps,
    with intervals from resampled counts. Groups are those of an attribute's column; of an attribute that has none,
    every group whose words a row's text has: a row may be in several, and each is held against its own background.

    Args:
        evidence: rows, slices and predictions.
        attributes: protected attributes or intersections; default all that a column or words tell, or none where
            ``terms`` are given.
        terms: groups by words of their own, each a list of words looked for in the texts, whole and in any case.
        read: ``"columns"`` or ``"texts"``: take groups from there alone.
        metrics: other score metrics of one group; default the five above.
        resolution: most bins that scores are resampled in.

    Raises:
        NotMeasurable: no row has a score, or no attribute has a column or words that texts could hold.
        SpecError: a metric that compares two groups, or a word for two groups.
    """
    asked = chosen("scores", list(IDENTITY) if metrics is None else metrics)
    for entry in asked:
        if entry.facts["over"] != "group":
            raise SpecError(f"identity_auc.metrics: got {entry.name!r}, which compares two groups", "see score_parity")
    rows = scored_rows(evidence)
    bins = binning(rows.scores, affordable(2, resolution)[0])
    fine = bins if bins.exact else binning(rows.scores, finest(2))
    for name in attributes or ():
        if name not in (*evidence.attributes, *evidence.spec.protected):
            known = (*evidence.attributes, *evidence.spec.protected)
            raise SpecError(f"identity_auc.attributes: got {name!r}, which is none", nearest(name, known))
    told = list(_told(evidence, attributes, terms, read))
    if not told:
        raise NotMeasurable("no protected attribute has a column, or words that texts could hold: there is no group")
    for groups in told:
        for at_, name in enumerate(groups.names):
            yield from _held(evidence, rows, (bins, fine), groups, at_, name, asked)


def _told(
    evidence: Evidence,
    attributes: Sequence[str] | None,
    terms: dict[str, list[str]] | None,
    read: Literal["columns", "texts"] | None,
) -> Iterator[_Groups]:
    protected = evidence.spec.protected
    wanted = attributes
    if wanted is None:
        wanted = [] if terms else list(dict.fromkeys([*evidence.attributes, *protected]))
    for name in wanted:
        if name in evidence.attributes and read != "texts":
            yield _by_column(evidence, name)
        elif name in protected and read != "columns":
            lexicon = lexicon_of(name, protected[name])
            if lexicon is not None:
                yield _by_words(evidence, name, lexicon, everybody=protected[name].terms is not None)
    if terms:
        words = {group: tuple(listed) for group, listed in terms.items()}
        own = Lexicon(TERMS, "the spec's own terms", {group: frozenset() for group in words}, (Form("term", words),))
        yield _by_words(evidence, TERMS, own, everybody=True)


def _by_column(evidence: Evidence, attribute: str) -> _Groups:
    codes, names = evidence.codes(attribute)
    own = [name for name in names if name != MISSING_GROUP]
    members = codes[:, None] == np.array([names.index(name) for name in own])
    return _Groups(attribute, own, members, members.any(axis=1))


def _by_words(evidence: Evidence, attribute: str, lexicon: Lexicon, everybody: bool) -> _Groups:
    """Groups by the words of texts: all (``everybody``), or those mentioned. A row without a text is of none known."""
    texts = evidence.rows["text"].to_pylist()
    place = {group: at_ for at_, group in enumerate(lexicon.groups)}
    members = np.zeros((len(texts), len(place)), np.bool_)
    for row, text in enumerate(texts):
        for mention in lexicon.mentions(text or ""):
            members[row, place[mention.group]] = True
    kept = [at_ for at_ in place.values() if everybody or members[:, at_].any()]
    known = np.array([text is not None for text in texts], np.bool_)
    return _Groups(attribute, [lexicon.groups[at_] for at_ in kept], members[:, kept], known)


def _held(
    evidence: Evidence,
    rows: ScoredRows,
    bins: tuple[Binning, Binning],
    groups: _Groups,
    place: int,
    name: str,
    asked: list[Entry],
) -> Iterator[Finding]:
    """One group against its background: two tables that are resampled together; ``bins`` for that, and finer ones."""
    known = groups.known[rows.kept]
    kept = rows if known.all() else rows.of(known)
    outside = 1 - groups.members[rows.kept, place][known].astype(np.int64)
    rng = generator(evidence, f"identity_auc/{groups.attribute}/{name}")
    found = resample(kept, outside, 2, bins[0], rng, NUMBER)
    summary = summarise(outside, 2, kept.labels, kept.scores, bins[1], kept.weights)
    by_truth = found.rows.sum(axis=-1)
    details: dict[str, Any] = {
        **rows.told,
        **({} if known.all() else {"rows_of_unknown_group": int((~known).sum())}),
        "positives": int(by_truth[0, 2]),
        "negatives": int(by_truth[0, 1]),
        "background_positives": int(by_truth[1, 2]),
        "background_negatives": int(by_truth[1, 1]),
    }
    if not bins[1].exact:
        details["auc_error_at_most"] = rounded(_widest_error(summary))
    data = Summarised(
        technique="identity_auc",
        attribute=groups.attribute,
        groups=[name],
        summary=_group(summary, 0),
        replicates=_group(found.replicates, 1),
        rows=lambda entry: np.array([by_truth[0, 1:].sum()]),
        pairs=[],
        level=evidence.spec.statistics.level,
        favourable=evidence.spec.data.positive_is_favourable,
        selector=f"{groups.attribute} = {name} | all other rows",
        details=details,
    )
    plain = found.squares is None and not found.clustered
    units = of_scores(outside, 2, kept.labels, kept.clusters, kept.weights)
    for entry in asked:
        made = findings(entry, replace(data, units=units(entry)[:1]))
        yield from exact_where_separated(entry, made, [name], by_truth[:1], by_truth[1:], data.level) if plain else made


def _group(scored: Scored, axis: int) -> Scored:
    """The first of two groups, the second being its background."""
    one: Scored = at(scored, [0], axis)
    return one._replace(rest=np.take(scored.tally, [1], axis=axis))


def _widest_error(both: Scored) -> float:
    """How wrong an AUC can be between two of: positive, negative rows of the group, of its background."""
    count = both.tally[:, 1:].reshape(4, -1)
    shares = quotient(count, count.sum(axis=-1, keepdims=True))
    together = shares @ shares.T / 2
    return float(together[~np.eye(4, dtype=np.bool_)].max())

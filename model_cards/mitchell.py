"""The sections of a model card that are told, not measured (Mitchell et al. 2019, "Model cards for model reporting").

Of the paper's nine, four stand in ``model_cards.about`` (factors, metrics, evaluation data) and among the results
(quantitative analyses); the others are here. What nobody supplied reads so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import audits
from model_cards.about import NOT_SUPPLIED
from model_cards.blocks import Block, Code, Facts, Prose, Section
from model_cards.numbers import Text
from model_cards.overview import moment, source_name
from model_cards.records import blocks_of, library_table
from model_cards.self_tests import selfcheck_blocks
from model_cards.sources import Sources
from model_cards.words import shown

SECTIONS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)
"""The paper's names, in its order (section 4). Every card has them all; the quantitative analyses stand first."""

_KINDS = {
    "text-classifier": "reads a text and gives the probability of a class",
    "tabular": "reads columns of a table and gives a score",
    "causal-lm": "a language model, which gives the probability of words that come next",
    "python": "a function that was given to the audit",
}


def model_section(sources: Sources) -> Section:
    """Return the model under audit."""
    spec, card = sources.spec, sources.spec.card
    model, document = spec.model, sources.document("model")
    facts: list[tuple[str, Text]] = []
    if model is None:
        facts.append(("Model", ("none: the decisions that stand in the data were audited",)))
    else:
        facts += [("Where", (shown(model.uri, 200),)), ("Kind", (f"{model.kind}: {_KINDS[model.kind]}",))]
        version = model.revision or (document.get("version") if isinstance(document, Mapping) else None)
        facts.append(("Version", (shown(version or NOT_SUPPLIED, 80),)))
    facts.append(("Made by", (shown(card.developer or NOT_SUPPLIED, 300),)))
    if spec.data.features:
        facts.append(("Reads", (", ".join(shown(name, 60) for name in spec.data.features),)))
    if model is not None and model.fit:
        facts.append(("Fitted by", (f"{shown(model.fit, 200)}, on the fitting part of the data",)))
    facts.append(("Decides", (_threshold(sources),)))
    facts += [(name, (shown(value or NOT_SUPPLIED, 300),)) for name, value in (
        ("Described in", card.citation), ("Licence", card.licence), ("Owner", card.owner), ("Contact", card.contact),
    )]  # fmt: skip
    known = blocks_of(document, without=("uri", "kind", "threshold", "revision", "version")) if model else []
    return Section(id="model", title="Model details", blocks=(Facts(items=tuple(facts)), *known, *_language(sources)))


def _threshold(sources: Sources) -> str:
    model, data = sources.spec.model, sources.spec.data
    if model is not None and model.kind == "causal-lm":
        return "nothing: probabilities are compared, and no decision is taken"
    if model is not None:
        return f"positive where its score is at least {model.threshold:g}"
    return f"positive where the score is {shown(data.threshold, 40)}" if data.threshold else "as the data say"


def _language(sources: Sources) -> list[Block]:
    """Return what must be known of a language model before its answers are read: prompts, decoding, contamination."""
    spec = sources.spec
    if spec.model is None or spec.model.kind != "causal-lm":
        return []
    rows = sources.document("data").get("rows")
    count = rows.get("audited") if isinstance(rows, Mapping) else rows
    many = f"{count:,} rows" if isinstance(count, int) else "the rows"
    made = ", ".join(shown(name, 60) for name in spec.counterfactuals) or "none"
    said = shown(spec.data.continuation or NOT_SUPPLIED, 80)
    facts: list[tuple[str, Text]] = [
        ("Prompts", (f"{many} of {source_name(sources)}, column {shown(spec.data.text or NOT_SUPPLIED, 80)}; made into "
                     f"pairs by: {made}",)),
        ("What is scored", (f"the words of column {said}, as the continuation of each prompt",)),
        ("Decoding", ("none: nothing is generated, so there is no sampling and no temperature; the probabilities of "
                      "given words are read",)),
        ("System prompt", ("none is added: the model reads the prompts as they stand in the data",)),
        ("Languages", (shown(spec.card.languages or NOT_SUPPLIED, 200),)),
    ]  # fmt: skip
    words = (
        "Whether these prompts, or texts like them, were among what the model was trained on is not known to this "
        "audit. Where they were, its answers here can differ from those on texts that it has not seen."
    )
    return [Facts(items=tuple(facts)), Prose(text=("Contamination: ", words), tone="note")]


def use_section(sources: Sources) -> Section:
    """Return what the decisions are for, in the words of whoever answers for them."""
    card = sources.spec.card
    given = {"Meant for": card.intended_use, "Users": card.users, "Not meant for": card.out_of_scope}
    return Section(id="use", title="Intended use", blocks=(_told(given),))


def training_section(sources: Sources) -> Section:
    """Return what is known of the data that the model was made from."""
    spec = sources.spec
    facts: list[tuple[str, Text]] = [("Trained on", (shown(spec.card.training_data or NOT_SUPPLIED, 1000),))]
    rows = sources.document("data").get("rows")
    fitting = rows.get("fitting") if isinstance(rows, Mapping) else None
    if spec.model is not None and spec.model.fit and isinstance(fitting, int):
        facts.append(("Fitted on", (f"{fitting:,} rows of {source_name(sources)}, none of which is audited",)))
    blocks: list[Block] = [Facts(items=tuple(facts))]
    if spec.model is not None and not spec.model.fit:
        words = "This audit fitted nothing. It cannot tell whether rows that it audits were among the training data."
        blocks.append(Prose(text=(words,), tone="note"))
    return Section(id="training", title="Training data", blocks=tuple(blocks))


def ethics_section(sources: Sources) -> Section:
    """Return risks and what was done about them."""
    given = {"As supplied": sources.spec.card.ethical_considerations}
    return Section(id="ethics", title="Ethical considerations", blocks=(_told(given),))


def caveats_section(sources: Sources) -> Section:
    """Return what must be known before the numbers are relied on: as supplied, and what holds of every audit."""
    words = "What holds of every audit stands under the verdict: what a pass does not mean."
    cut = _cut_short(sources.document("model"))
    blocks: tuple[Block, ...] = (_told({"As supplied": sources.spec.card.caveats}), *cut, Prose(text=(words,)))
    return Section(id="caveats", title="Caveats and recommendations", blocks=blocks)


def _cut_short(model: Mapping[str, Any]) -> tuple[Block, ...]:
    """What must be known of texts that are longer than the model reads; nothing where there are none."""
    if not (cut := model.get("truncated")):
        return ()
    read = model.get("inputs", {}).get("distinct")
    of = f"{cut:,} of the {read:,} distinct texts" if read else f"{cut:,} texts"
    words = f"{of} {'are' if cut > 1 else 'is'} longer than the model reads: its answers to them are to a part of each."
    return (Prose(text=(words,)),)


def _told(given: Mapping[str, str | None]) -> Facts:
    return Facts(items=tuple((name, (shown(value or NOT_SUPPLIED, 2000),)) for name, value in given.items()))


def reproduce_section(sources: Sources) -> Section:
    """Return how anyone can check the numbers."""
    manifest = sources.document("manifest")
    place = f"runs/{sources.spec.audit}/…"
    digests: dict[str, Any] = {
        "Spec": sources.spec.digest,
        "Policy": sources.spec.policy_digest,
        "Data": sources.document("data").get("digest"),
        "Model": sources.document("model").get("digest"),
    }
    facts: list[tuple[str, Text]] = [
        ("Seed", (str(sources.spec.statistics.seed),)),
        ("Begun", (moment(sources),)),
        ("Evenhand", (str(manifest.get("evenhand") or audits.__version__),)),
    ]
    facts += [(f"{name} digest", (shown(value, 80),)) for name, value in digests.items() if value]
    blocks: list[Block] = [
        Prose(text=("The artifact that this card belongs to holds everything from which the numbers can be computed "
                    "again. The first command checks that every byte is what was sealed, the second computes every "
                    "number from the stored predictions, without the model.",)),
        Code(text=f"evenhand verify {place}\nevenhand replay {place}"),
        Facts(items=tuple(facts)),
    ]  # fmt: skip
    libraries = manifest.get("libraries")
    if isinstance(libraries, Mapping) and libraries:
        blocks.append(library_table(libraries))
    blocks += selfcheck_blocks(sources.document("selfcheck"))
    return Section(id="reproduce", title="How to check it", blocks=tuple(blocks), part="proof")

"""What a card never says in its own words, and how names are written."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cards_example import write_example
from every_technique import write_every

from audits.metrics import registry as metrics
from audits.techniques import registry as techniques
from model_cards import render, words
from model_cards.card import SECTIONS
from model_cards.words import NEVER_SAID, NOT_MEANT, VERDICTS, claims, title

FOLDER = Path(render.__file__).parent
QUOTED_NAMES = ("fairlearn", "Fair Credit", "Fair Housing", "fair lending", "Fair lending", "Fairness", "fairness")


class Seen(HTMLParser):
    """Collects the text of a page, without its style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.style = False

    def handle_data(self, data: str) -> None:
        self.text += [] if self.style else [data]


def sources() -> list[str]:
    """What the card quotes: where measures and techniques are from."""
    return [entry.source for known in (metrics, techniques) for entry in (known[name] for name in known)]


def test_claims_are_found_and_quotations_are_not() -> None:
    assert claims("This model is FAIR, unbiased and compliant.") == ["fair", "unbiased", "compliant"]
    assert claims("An affair of fairways.") == []
    assert claims('The spec says "a fair model".', ["a fair model"]) == []
    assert "fair" in NEVER_SAID


@pytest.mark.parametrize("path", sorted(FOLDER.glob("templates/card.*")), ids=lambda path: path.name)
def test_no_template_claims_more_than_the_evidence(path: Path) -> None:
    assert claims(path.read_text(encoding="utf-8")) == []


def test_the_verdicts_own_words_claim_nothing_more() -> None:
    told = [*VERDICTS.values(), *NOT_MEANT, *(part for pair in SECTIONS.values() for part in pair)]
    assert claims(" ".join(told)) == []


@pytest.mark.parametrize("make", [write_example, write_every], ids=["example", "every technique"])
def test_no_card_claims_more_than_the_evidence(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = make(tmp_path / "run")
    text = " ".join(Seen(render.render(run, "html").decode()).text)
    assert len(text) > 10_000
    assert claims(text, sources()) == []
    assert claims(render.render(run, "md").decode().replace("\\", ""), sources()) == []


def test_no_sentence_in_the_code_of_the_cards_claims_more() -> None:
    for path in sorted(FOLDER.glob("*.py")):
        if path.name == Path(words.__file__).name:
            continue
        texts = re.findall(r'"([^"\n]{20,})"', re.sub(r'"""[\s\S]*?"""', "", path.read_text(encoding="utf-8")))
        assert {path.name: claims("".join(texts), QUOTED_NAMES)} == {path.name: []}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("selection_rate", "Selection rate"), ("auc", "AUC"), ("bpsn_auc", "BPSN AUC"), ("ks", "KS"),
        ("ndcg", "nDCG"), ("skew[k=10]", "Skew (k 10)"), ("label_kl_divergence", "Label KL divergence"),
        ("selection_rate[class=High_up]", "Selection rate (class High_up)"), ("", ""),
    ],
)  # fmt: skip
def test_names_are_written_as_people_write_them(name: str, words: str) -> None:
    assert title(name) == words

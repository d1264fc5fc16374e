"""The plain words of a card: titles, meanings, and data made safe to read."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from audits.findings import MISSING_GROUP
from audits.spec import AuditSpec, CardSpec

LONGEST = 600
"""Characters of any one piece of data that a card shows; the rest is counted, not shown."""

NAMES = 160
"""Characters of a group's name that are shown: enough to tell groups apart whose names begin alike."""

SMALL = 30
"""Below this many rows a number is marked as standing on few rows. A mark for the reader; no verdict depends on it."""

VERDICTS = {
    "PASS": "Every limit is shown to hold: the whole interval lies inside it, for every pair of groups.",
    "FAIL": "At least one limit is shown to be broken, by more than chance explains.",
    "INCONCLUSIVE": "Nothing is shown broken, but at least one limit is not shown to hold: "
    "on these data the question stays open.",
    "WAIVED": "Every limit is shown to hold, or is broken and waived: a named person answers for it until a date.",
    "NONE": "No limits were set, so nothing was judged; the numbers below stand on their own.",
}

NEXT = {
    "PASS": "Nothing stands in the way by these limits; audit again when model, data or limits change.",
    "FAIL": "Mend what breaks a limit and audit again, or have a named person waive it until a date. Until then a gate "
    "under this policy stays closed.",
    "INCONCLUSIVE": "Read below why an open limit has no answer and mend that, or have a named person decide without "
    "one. Until then a gate under this policy stays closed.",
    "ROWS": "Bring more rows of the groups that decide, as many as the open limits say, or have a named person "
    "decide without an answer. Until then a gate under this policy stays closed.",
    "WAIVED": "Mend what is waived before the waiver ends; from that day on it counts as broken.",
    "NONE": "Set limits before the next run, and it will be judged.",
}
"""What follows from a verdict, for whoever has to act on it."""

NOT_MEANT = (
    "A pass speaks of the limits named here, on the rows audited here, and of nothing else; "
    "another measure, or the same measure on other people, can come out differently.",
    "It shows that a gap is smaller than its limit, not that there is no gap.",
    "It does not show that the labels are right, or that the data stand for the people they are taken to stand for.",
    "It does not say why a gap is there, and it is no legal opinion.",
    "It holds for exactly the model and data whose digests stand at the end, at that time; "
    "a new version is a new audit.",
    "People whose group is not recorded, or too small to measure, are not covered by it.",
)

NEVER_SAID = (
    "fair", "fairly", "fairness", "unfair", "unbiased", "debiased", "bias-free", "bias free", "free of bias",
    "not biased", "no bias", "non-discriminatory", "nondiscriminatory", "does not discriminate", "compliant",
    "complies", "comply", "compliance", "certified", "certifies", "certificate", "guaranteed", "guarantees", "proven",
    "proves", "trustworthy", "ethical ai", "safe to use",
)  # fmt: skip
"""What no card says in its own words: an audit measures gaps against limits, and none of these follows from that.

They may stand in what others wrote and the card repeats: the spec's texts, names of laws and of papers."""

_NEVER = re.compile(rf"(?<![\w-])(?:{'|'.join(re.escape(word) for word in NEVER_SAID)})(?![\w-])", re.IGNORECASE)
_DENIED = ("not a finding of compliance",)
"""Sentences that say of one of these words that it is not meant."""

_ACRONYMS = {
    "auc": "AUC", "roc": "ROC", "pr": "PR", "bpsn": "BPSN", "bnsp": "BNSP", "ndcg": "nDCG", "dcg": "DCG",
    "ndkl": "nDKL", "rnd": "rND", "rkl": "rKL", "rrd": "rRD",
    "kl": "KL", "js": "JS", "ks": "KS", "cdf": "CDF", "abroca": "ABROCA",
    "prag": "PRAG", "serp": "SERP", "id": "ID", "linf": "L∞", "l2": "L2", "f1": "F1",
}  # fmt: skip

_RTL = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_RIGHT_TO_LEFT = re.compile(rf"[{_RTL}](?:[\s'’\u200c\u200d-]*[{_RTL}])*")
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class Nouns(NamedTuple):
    """How the audit speaks of its rows and of the positive decision; verbs in the plural, after a number."""

    subjects: str
    positive: str
    negative: str


def nouns(spec: AuditSpec | None) -> Nouns:
    """Return the spec's words, or "rows" that "get the positive decision"."""
    card = spec.card if spec is not None else CardSpec()
    return Nouns(
        shown(card.subject_word or "rows", 60),
        f"are {shown(card.positive_word, 60)}" if card.positive_word else "get the positive decision",
        f"are {shown(card.negative_word, 60)}" if card.negative_word else "get the negative decision",
    )


def visible(text: str) -> str:
    """Write out control characters, and those that turn the direction of text, so that nothing hides: ``[U+202E]``."""
    return _INVISIBLE.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)


def isolated(text: str, begin: str, end: str) -> str:
    """Put stretches written from right to left between marks, so that they never drag numbers beside them along."""
    return text if text.isascii() else _RIGHT_TO_LEFT.sub(rf"{begin}\g<0>{end}", text)


def shorten(text: str, most: int = LONGEST) -> str:
    """Cut a long text, saying how much is left out where there is room to say it."""
    if len(text) <= most:
        return text
    if most < 100:
        return text[: most - 1] + "…"
    kept = text[:most].rstrip()
    return f"{kept} … [{len(text) - len(kept):,} more characters]"


def shown(value: Any, most: int = LONGEST) -> str:
    """Return any piece of data as one safe line of text."""
    text = value if isinstance(value, str) else str(value)
    return visible(shorten(re.sub(r"[\r\n\t\f\v ]+", " ", unicodedata.normalize("NFC", text)), most))


def title(name: str) -> str:
    """Return a name as a title: ``selection_rate`` is "Selection rate", ``skew[k=10]`` "Skew (k 10)"."""
    plain, bracket, rest = name.partition("[")
    words = plain.replace("_", " ").replace("-", " ").strip()
    words = " ".join(_ACRONYMS.get(word, word) for word in words.split(" "))
    if bracket:
        words += f" ({rest.removesuffix(']').replace('=', ' ')})"
    first = words.split(" ")[0]
    return words if not words or first in _ACRONYMS.values() else words[:1].upper() + words[1:]


def claims(text: str, quoted: Iterable[str] = ()) -> list[str]:
    """Return the words of ``NEVER_SAID`` in a text, without what it only quotes; empty where it claims nothing."""
    for part in sorted({*quoted, *_DENIED}, key=len, reverse=True):
        text = text.replace(part, " ") if part else text
    return [found.group().lower() for found in _NEVER.finditer(text)]


def group_name(group: str) -> str:
    """Return a group as the card calls it."""
    return "not recorded" if group == MISSING_GROUP else shown(group, NAMES)


def subgroup_name(group: str) -> str:
    """Return a combination of categories as people write it: "race Black, age ≥45"."""
    return shown(group.replace(" & ", ", ").replace("=", " "), 160)


def people_word(group: str, attribute: str, subjects: str) -> str:
    """Return "Black applicants", or "applicants with age ≥45" where the group is no word."""
    name = shown(group, NAMES)
    if name[:1].isalpha() and len(name) > 2:  # "people with sex F", not "F people"
        return f"{name.replace(' × ', ' ')} {subjects}"
    return f"{subjects} with {shown(attribute, 80)} {name}"


def anchor(*parts: str) -> str:
    """Return a name for ids and files that no other parts share: ``parity-selection_rate-race_x_sex``."""
    return "-".join(_plain(part) for part in parts if part)


def _plain(part: str) -> str:
    """Keep lower-case names as they are; where anything is lost, a digest keeps names apart."""
    kept = part.replace("×", "_x_")
    if re.fullmatch(r"[a-z0-9_]{1,60}", kept) and "_x_" not in part:
        return kept
    ascii_only = unicodedata.normalize("NFKD", part.replace("×", " x ")).encode("ascii", "ignore").decode()
    short = re.sub(r"[^a-z0-9]+", "_", ascii_only.lower()).strip("_")[:40]
    return f"{short or 'part'}.{hashlib.sha256(part.encode(errors='replace')).hexdigest()[:8]}"


def facts_of(registry: Any, name: str) -> tuple[str, str, Mapping[str, Any]]:
    """Return summary, source and facts of a registered entry; empty ones where this installation does not know it."""
    if registry is None or name not in registry:
        return "", "", {}
    entry = registry[name]
    return entry.summary, entry.source, entry.facts

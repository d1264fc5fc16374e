"""Writing words into an English text: capitals, articles and possessives kept right, nothing else touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from audits.counterfactuals import Edit
from audits.english import FUNCTION_WORDS, VERBS_OF_BEING
from audits.lexicons import Form, Mention

BARE_VERBS = frozenset(
    re.findall(
        r"\w+",
        """admit agree become begin believe bring buy carry choose come cry decide die do eat enjoy enter explain feel
        find finish fix forget get give go grow happen hear identify join keep know learn lose make meet pay prepare
        quit realize receive recover relax remember say see seem sit sleep solve speak spend survive take tell think
        understand wait win write alone against across around anything behind everything nothing something""",
    )
)
"""What follows ``made her`` and ``let her``: verbs that are no nouns, and adverbs; never said after ``his``."""

DEGREES = frozenset(
    ("later", "more", "most", "once", "then", "now", "still", "ever", "never", "always", "just", "also")
)
"""Adverbs that stand between ``his`` and its noun: ``his later years``, ``his once famous name``."""
DETERMINERS = frozenset(("a", "an", "the", "this", "that", "every", "each", "any", "one", "another", "some", "no"))

VOWEL_SOUND = re.compile(
    r"(?!eu|ew|one|once|ubi|uni(?!n|m)|us[aeiu]|ut[eio])[aeiou]|heir|hono|hour|honest", re.IGNORECASE
)
ARTICLE = re.compile(r"(?<!\w)(an?)(?=[ \t]+$)", re.IGNORECASE)
NEXT_WORD = re.compile(r"[\s\-]+([^\W_]+)")
SENTENCE_START = re.compile(r"(?:^|[.!?…]|\n)[\s\"'“”‘’(\[*_>-]*$")
GENITIVE = re.compile(r"(['’])s(?!\w)", re.IGNORECASE)
APOSTROPHE = re.compile(r"(['’])(?!\w)")
QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”")


def choose_form(text: str, mention: Mention) -> tuple[Form, bool]:
    """Return the form that a word has where it stands, and whether that was a guess.

    ``her`` and ``his`` are read by the word that follows (a noun or adjective makes them possessive), words that
    are adjective and noun by what follows and what stands before (``a Jewish man``, ``a Jew who``).

    Args:
        text: the whole text.
        mention: the place, with every form the word can have.

    Returns:
        The form; ``True`` where another reading is possible: ``her`` before a word, ``his`` before a function word.
    """
    forms = {form.name: form for form in mention.forms}
    if len(forms) < 2:
        return mention.forms[0], False
    found = NEXT_WORD.match(text, mention.end)
    following = found.group(1).lower() if found else ""
    if found and following in DEGREES and "possessive pronoun" in forms:  # her is not read so: "made her more nervous"
        found = NEXT_WORD.match(text, found.end())
        following = found.group(1).lower() if found else ""
    nominal = bool(following) and following not in FUNCTION_WORDS | BARE_VERBS
    if "possessive" in forms:
        other = next(form for name, form in forms.items() if name != "possessive")
        guess = bool(following) and (other.name == "object" or not nominal)
        return (forms["possessive"] if nominal else other), guess
    if "adjective" in forms and "noun" in forms:
        noun = not nominal and _after_determiner(text[max(0, mention.start - 60) : mention.start])
        return forms["noun" if noun else "adjective"], False
    return mention.forms[0], True


def _after_determiner(before: str) -> bool:
    """Whether a noun phrase is open: ``the devout …`` is, ``the man is …`` is not."""
    for word in re.findall(r"[^\W\d_]+|[.,;:!?]", before.lower())[:-4:-1]:
        if word in DETERMINERS:
            return True
        if word in VERBS_OF_BEING or not word.isalpha():
            return False
    return False


def cased(new: str, old: str, listed: str, starts_sentence: bool) -> str:
    """Return ``new`` with the capitals that ``old`` has over ``listed``, its spelling in the lexicon.

    As listed: as listed, but for the capital of a sentence's start. ``BLACK``: all capitals. Listed with a
    capital and written without (``asian``): without. Listed without and written with (``White``): with.
    """
    letters = [c for c in old if c.isalpha()]
    if old != listed and len(letters) > 1 and all(c.isupper() for c in letters):
        return new.upper()
    if starts_sentence and old[:1].isupper():
        return new[:1].upper() + new[1:]
    if old[:1].islower() and listed[:1].isupper():
        return new.lower()
    if old[:1].isupper() and listed[:1].islower():
        return new[:1].upper() + new[1:]
    return new


def rewrite(text: str, replacements: Iterable[tuple[Mention, str, bool]]) -> tuple[str, tuple[Edit, ...]]:
    """Write words into a text, all at once.

    Args:
        text: the original.
        replacements: place, new word as a lexicon lists it, whether it is a plural; places must not overlap.

    Returns:
        The new text, and the edits by their offsets in the original (``apply(text, edits)`` gives the new text).
        An article before a replaced word is an edit of its own, where it changes.
    """
    edits: list[Edit] = []
    lower = text == text.lower()  # a writer without capitals writes the other word without them too
    for mention, word, plural in sorted(replacements, key=lambda item: item[0].start):
        old = text[mention.start : mention.end]
        new = cased(word, old, mention.listed, bool(SENTENCE_START.search(text[: mention.start][-40:])))
        new = new.lower() if lower else new
        end, tail = _possessive(text, mention.end, new, plural)
        if (article := _article(text, mention.start, old, new)) is not None:
            edits.append(article)
        edits.append(Edit(start=mention.start, end=end, old=text[mention.start : end], new=new + tail))
    return apply(text, edits), tuple(edits)


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Return the text with every edit made. Raises ``ValueError`` where an edit does not fit the text."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        if edit.start < at or text[edit.start : edit.end] != edit.old:
            raise ValueError(f"edit at {edit.start}: got {text[edit.start : edit.end]!r}, expected {edit.old!r}")
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*parts, text[at:]])


def _possessive(text: str, end: int, new: str, plural: bool) -> tuple[int, str]:
    """Keep the possessive of a plural right: ``men's`` → ``ladies'`` and back."""
    ends_in_s = new[-1:].lower() == "s"
    if plural and ends_in_s and (found := GENITIVE.match(text, end)):
        return found.end(), found.group(1)
    if plural and not ends_in_s and text[end - 1].lower() == "s" and (found := APOSTROPHE.match(text, end)):
        return found.end(), found.group(1) + ("S" if new.isupper() else "s")
    return end, ""


def _article(text: str, start: int, old: str, new: str) -> Edit | None:
    """Return the change of a/an before a word, where the new word's sound asks for the other."""
    found = ARTICLE.search(text[max(0, start - 12) : start])
    vowel = bool(VOWEL_SOUND.match(new))
    if found is None or vowel == bool(VOWEL_SOUND.match(old)):
        return None
    at, article = max(0, start - 12) + found.start(), found.group(1)
    wanted = "an" if vowel else "a"
    if article.isupper() and len(article) + len(wanted) > 2:
        wanted = wanted.upper() if new.isupper() else wanted.capitalize()
    elif article[0].isupper():
        wanted = wanted.capitalize()
    return None if article == wanted else Edit(start=at, end=at + len(article), old=article, new=wanted)


def quotation(text: str, mention: Mention) -> bool:
    """Whether a word stands in a quotation; a text that is quoted as a whole is none."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    return any(
        found.start() < mention.start and mention.end < found.end()
        for found in QUOTED.finditer(text)
        if (found.start(), found.end()) != (first, last)
    )

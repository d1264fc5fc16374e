"""The words of protected groups: which there are, and where a text says them.

A lexicon is a list of *forms*: words of one grammatical form, one list per group, the first word of a list
being what is written in and the others only recognised. ``man``/``woman`` is a form, ``his``/``her`` another.
The built-in ones are ``counterfactuals/lexicons/*.yaml``, each with its source.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from audits.english import called_out, of_people
from audits.errors import SpecError, nearest
from audits.spec import ProtectedSpec

_LETTER = r"[\w\u0300-\u036f]"  # with the accents that some texts write after the letter, which \w lacks
_WORD = re.compile(f"{_LETTER}+")
FOLDER = Path(__file__).parent / "counterfactuals" / "lexicons"


@dataclass(frozen=True, eq=False)
class Form:
    """Words of one grammatical form. ``exact`` words are recognised only as written (``Miss``, not ``miss``)."""

    name: str
    words: Mapping[str, tuple[str, ...]]
    plural: bool = False
    exact: bool = False


@dataclass(frozen=True)
class Mention:
    """A place where a text says a group: offsets, the word as listed, and the forms that it can be."""

    start: int
    end: int
    group: str
    listed: str
    forms: tuple[Form, ...]


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words of one attribute.

    ``aliases`` lists what data call a group (``m`` for ``male``), in lower case; ``other_senses`` phrases that
    hold a term and mean something else (``black coffee``); ``blocked`` words, and ``blocked_names`` as written,
    whose presence makes a swapped text untrue to itself (``pregnant``). ``ambiguous`` words say a group of people
    only (``white``, ``old``): they are found beside words for people, and nowhere else. ``calls`` are
    also said to nobody (``Man, …``).
    """

    name: str
    source: str
    aliases: Mapping[str, frozenset[str]]
    forms: tuple[Form, ...]
    other_senses: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    blocked_names: tuple[str, ...] = ()
    ambiguous: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for word, entries in self.entries.items():
            groups = sorted({group for group, _, _ in entries})
            if len(groups) > 1:
                raise SpecError(
                    f"lexicon {self.name}: got {word!r} for {' and '.join(groups)}, expected it for one group",
                    "leave the word out of the others",
                )

    @cached_property
    def entries(self) -> dict[str, list[tuple[str, str, Form]]]:
        """Each word as it is looked up (``flat``): its group, its spelling in the list, and its forms."""
        found: dict[str, list[tuple[str, str, Form]]] = {}
        for form in self.forms:
            for group, words in form.words.items():
                for word in words:
                    found.setdefault(flat(word), []).append((group, word, form))
        return found

    @property
    def groups(self) -> list[str]:
        """The groups that have words, in order of listing."""
        return list(self.aliases)

    def group_of(self, name: str) -> str | None:
        """Return the group that ``name`` (a value in the data) means, or ``None``."""
        if name in self.aliases:
            return name
        plain = name.strip().lower()
        return next((group for group, names in self.aliases.items() if plain in names or plain == group.lower()), None)

    @cached_property
    def _phrases(self) -> Phrases:
        return Phrases([*self.entries, *self.other_senses])

    @cached_property
    def _blocking(self) -> tuple[Phrases, Phrases, Phrases]:
        return Phrases(self.blocked), Phrases(self.blocked_names, flags=0), Phrases(self.blocked_names)

    def mentions(self, text: str) -> list[Mention]:
        """Return where ``text`` says a group, left to right: whole words, the longest that fits, no overlaps."""
        found = []
        for start, end in self._phrases.find(text):
            said = text[start:end]
            if flat(said) in self.ambiguous and not of_people(text, start, end):
                continue
            if flat(said) in self.calls and called_out(text, start, end):
                continue
            entries = self.entries.get(flat(said), [])
            kept = [(group, word, form) for group, word, form in entries if not form.exact or word == said]
            if kept:
                listed = said if any(word == said for _, word, _ in kept) else kept[0][1]
                forms = tuple(dict.fromkeys(form for _, _, form in kept))
                found.append(Mention(start, end, kept[0][0], listed, forms))
        return found

    def blocking(self, text: str) -> str | None:
        """Return the first word of ``text`` that fits one group only, or ``None``.

        Names count as they are written; where the text has one case throughout, in that case.
        """
        words, as_written, in_any_case = self._blocking
        names = in_any_case if text in (text.lower(), text.upper()) else as_written
        spans = [span for phrases in (words, names) for span in itertools.islice(phrases.find(text), 1)]
        return text[slice(*min(spans))] if spans else None


def flat(word: str) -> str:
    """Return a word as it is looked up: lower case, one space for spaces and hyphens, straight apostrophe."""
    return re.sub(r"[\s\-‐‑]+", " ", word.replace("’", "'")).lower()


class Phrases:
    """Finds whole words and phrases in a text, the longest first; a space or hyphen in a phrase stands for either.

    Looked up by their first word, so that a text costs one look-up a word, however long the list is.
    """

    def __init__(self, words: Iterable[str], flags: int = re.IGNORECASE) -> None:
        by_first: dict[str, set[str]] = {}
        for word in words:
            by_first.setdefault(_WORD.findall(word)[0].lower(), set()).add(word)
        self._by_first = {
            first: re.compile(
                "(?:" + "|".join(map(_flexible, sorted(group, key=lambda w: (-len(w), w)))) + f")(?!{_LETTER})", flags
            )
            for first, group in by_first.items()
        }

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of what is found, left to right, without overlaps."""
        until = 0
        for word, start in _words(text):
            if word in self._by_first and start >= until and (found := self._by_first[word].match(text, start)):
                until = found.end()
                yield found.span()


@lru_cache(maxsize=8)
def _words(text: str) -> list[tuple[str, int]]:
    """Every word of a text in lower case and where it starts; kept, as several lists are looked up in one text."""
    return [(word.group().lower(), word.start()) for word in _WORD.finditer(text)]


def _flexible(phrase: str) -> str:
    return r"[\s\-‐‑]+".join(re.escape(part).replace("'", "['’]") for part in re.split(r"[\s\-]+", phrase))


def lexicon_names() -> list[str]:
    """Return the names of the built-in lexicons."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@lru_cache
def read_lexicon(name: str) -> Lexicon:
    """Read a lexicon: a built-in one by its name, or a YAML file of the same form.

    Raises:
        SpecError: there is no such lexicon, with the nearest name; or the file lacks a part.
    """
    import yaml

    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise SpecError(f"lexicon: got {name!r}, which is not one", nearest(name, lexicon_names()))
    content = yaml.safe_load(path.read_text("utf-8"))
    absent = {"source", "groups", "words"} - set(content if isinstance(content, dict) else ())
    if absent:
        raise SpecError(f"lexicon {name}: got no {sorted(absent)[0]}", f"see {FOLDER / 'sex.yaml'} for the form")
    groups: dict[str, list[str]] = content["groups"]
    return Lexicon(
        name=path.stem,
        source=" ".join(content["source"].split()),
        aliases={group: frozenset(map(str, aliases)) for group, aliases in groups.items()},
        forms=tuple(_form(line, list(groups)) for line in content["words"]),
        other_senses=tuple(itertools.chain.from_iterable(map(_alternatives, content.get("other_senses", ())))),
        blocked=tuple(itertools.chain.from_iterable(map(_alternatives, content.get("blocked", ())))),
        blocked_names=tuple(content.get("blocked_names", ())),
        ambiguous=frozenset(map(flat, content.get("ambiguous", ()))),
        calls=frozenset(map(flat, content.get("calls", ()))),
    )


def _form(line: dict[str, Any], groups: list[str]) -> Form:
    words = {g: (line[g],) if isinstance(line[g], str) else tuple(line[g]) for g in groups if g in line}
    name = line.get("form", "noun")
    return Form(name, words, bool(line.get("plural", False)), bool(line.get("exact", False)))


def _alternatives(phrase: str) -> Iterator[str]:
    """``black|white tea`` → ``black tea``, ``white tea``; ``{name}`` is every first name."""
    names = _first_names() if "{name}" in phrase else ()
    for parts in itertools.product(*(names if part == "{name}" else part.split("|") for part in phrase.split(" "))):
        yield " ".join(parts)


@lru_cache
def _first_names() -> tuple[str, ...]:
    return read_lexicon("sex").blocked_names


@lru_cache
def served_names() -> dict[str, str]:
    """Return what attributes are called in data, and the built-in lexicon that serves each."""
    import yaml

    served = {}
    for name in lexicon_names():
        for alias in yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))["names"]:
            served[alias] = name
    return served


def lexicon_of(attribute: str, protected: ProtectedSpec) -> Lexicon | None:
    """Return the words of a protected attribute, or ``None`` where nobody has listed any.

    The spec's ``terms`` come first; else ``lexicon`` names a built-in one; else the attribute's own name may
    (``sex`` and ``gender`` are served by ``sex.yaml``). Where terms are given and a built-in lexicon knows some
    of them as another form than the first term (``his`` beside ``man``), that form keeps the built-in pairing.
    Terms are found wherever a text has them, whatever they stand beside.

    Raises:
        SpecError: the spec names a lexicon that there is not, or a word for two groups.
    """
    name = protected.lexicon or served_names().get(attribute.lower())
    known = read_lexicon(name) if name else None
    return known if protected.terms is None else _with_terms(attribute, protected.terms, known)


def _with_terms(attribute: str, terms: Mapping[str, tuple[str, ...]], known: Lexicon | None) -> Lexicon:
    if known is None:
        return Lexicon(attribute, "the spec's own terms", {g: frozenset() for g in terms}, (Form("term", terms),))
    inside = {group: known.group_of(group) for group in terms}

    def forms_of(group: str, word: str) -> list[Form]:
        return [form for name, _, form in known.entries.get(flat(word), []) if name == inside[group]]

    first = [form for group, words in terms.items() for form in forms_of(group, words[0])]
    paired = [f for group, words in terms.items() for word in words for f in forms_of(group, word) if f not in first]
    own = {
        group: tuple(word for word in words if all(form in first for form in forms_of(group, word)))
        for group, words in terms.items()
    }
    renamed = [
        replace(form, words={group: form.words[name] for group, name in inside.items() if name and name in form.words})
        for form in dict.fromkeys(paired)
    ]
    return replace(
        known,
        name=attribute,
        source="the spec's own terms" + (f", their forms paired as in: {known.source}" if paired else ""),
        aliases={group: known.aliases[name] if name else frozenset() for group, name in inside.items()},
        forms=(Form(first[0].name if first else "term", own, bool(first) and first[0].plural), *renamed),
        ambiguous=frozenset(),
    )

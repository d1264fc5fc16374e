"""What a card is made of: a verdict, and sections of a few kinds of block. Frozen, typed, and free of any format."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from audits.findings import Frozen
from model_cards.numbers import Text

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Tone = Literal["", "note", "warning"]


class Prose(Frozen):
    """A paragraph."""

    kind: Literal["prose"] = "prose"
    text: Text
    tone: Tone = ""


class Heading(Frozen):
    """A heading inside a section; ``level`` 3 or 4."""

    kind: Literal["heading"] = "heading"
    text: str
    level: Literal[3, 4] = 3
    id: str = ""


class Bullets(Frozen):
    """A list of sentences."""

    kind: Literal["bullets"] = "bullets"
    items: tuple[Text, ...]


class Facts(Frozen):
    """Names and what they are: a description list."""

    kind: Literal["facts"] = "facts"
    items: tuple[tuple[str, Text], ...]


class Line(Frozen):
    """A row of a table: its heading, its cells, and whether it is marked (broken, few rows)."""

    name: Text
    cells: tuple[Text, ...]
    tone: Tone = ""


class Table(Frozen):
    """A table. ``columns`` heads the first column too. ``folded`` tables open on demand, and on paper."""

    kind: Literal["table"] = "table"
    caption: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    folded: bool = False


class Chart(Frozen):
    """A chart: ``name`` is its file in ``charts/``, without the ending."""

    name: str
    svg: str = Field(exclude=True)
    caption: str


class Figures(Frozen):
    """Charts that belong side by side."""

    kind: Literal["figures"] = "figures"
    charts: tuple[Chart, ...]


class Piece(Frozen):
    """A stretch of text; ``changed`` where an edit put it there or took it away."""

    text: str
    changed: bool = False


class Pair(Frozen):
    """A real pair: a row as it was and as it was after the edit, and what the model made of both."""

    kind: Literal["pair"] = "pair"
    name: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    outcome_before: Text = ()
    outcome_after: Text = ()


class Token(Frozen):
    """A token and its weight, −1 (most against) to 1 (most for the positive decision)."""

    text: str
    weight: float
    protected: bool = False


class Strip(Frozen):
    """The tokens of one text, shaded by what each adds."""

    kind: Literal["strip"] = "strip"
    name: Text
    tokens: tuple[Token, ...]
    strongest: Text = ()


class Code(Frozen):
    """Commands, as typed."""

    kind: Literal["code"] = "code"
    text: str


Leaf = Annotated[Prose | Heading | Bullets | Facts | Table | Figures | Pair | Strip | Code, Field(discriminator="kind")]


class Fold(Frozen):
    """Blocks that open on demand, and on paper: what no limit speaks of."""

    kind: Literal["fold"] = "fold"
    title: str
    blocks: tuple[Leaf, ...]


Block = Annotated[Leaf | Fold, Field(discriminator="kind")]


Part = Literal["results", "context", "proof"]
"""Where a section stands: what was found; what must be known to read it (the usual sections of a model card); how to
check it."""


class Section(Frozen):
    """A section of the card; ``id`` is its anchor."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    part: Part = "context"


class Said(Frozen):
    """A sentence of the summary, and what stands behind it: findings by id, and the place where they are told."""

    text: Text
    findings: tuple[str, ...] = ()
    anchor: str = ""
    verdict: Word | None = None


class Judged(Frozen):
    """One limit and what became of it: ``reason`` is the verdict's own sentence, ``index`` its place there."""

    index: int
    limit: str
    verdict: Word
    waived: bool = False
    reason: str
    findings: tuple[str, ...] = ()
    anchor: str = ""
    notes: tuple[Text, ...] = ()


class Ruling(Frozen):
    """The overall verdict in words."""

    word: Word
    meaning: str
    counts: str
    next_step: str
    limits: tuple[Judged, ...]
    not_meant: tuple[str, ...]


class Card(Frozen):
    """An audit, told to people."""

    format_version: Literal[1] = 1
    title: str
    audit: str
    question: str
    facts: tuple[tuple[str, Text], ...]
    ruling: Ruling
    summary: tuple[Said, ...] = ()
    sections: tuple[Section, ...]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every chart, in the order of the card."""
        return tuple(chart for block in self.leaves if isinstance(block, Figures) for chart in block.charts)

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every block that is not itself made of blocks, in the order of the card."""
        blocks = [block for section in self.sections for block in section.blocks]
        return tuple(leaf for block in blocks for leaf in (block.blocks if isinstance(block, Fold) else (block,)))

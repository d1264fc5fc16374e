"""Withholding more than what is small, and no more than must be, until a reader who solves equations learns nothing.

First numbers are withheld until every secret is open, those that cost least to a reader of the card; then, one by
one, those are told again that no longer help to keep any secret: what remains withheld is all needed.

Source: Kelly, Golden, Assad 1992, Networks 22:397 (which cells, by linear programming); Cox 1980, JASA 75:377.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from audits.disclosure import Fact, Secret
from audits.linked_counts import Item, LinkedCounts, tells_the_same

Keep = Collection[str]
ATTEMPTS = 20_000
"""Secrets asked for while numbers are told again, so that many small groups do not take hours: not a time, so that the
same numbers are withheld on every machine."""


def protect(table: LinkedCounts, keep: Keep = ()) -> None:
    """Withhold more of a table until every secret is open, and no more than that.

    What ``keep`` names is withheld only where nothing else will do.
    """
    secrets = _withhold(table, keep)
    _tell_again(table, secrets, keep)


def _withhold(table: LinkedCounts, keep: Keep) -> list[Secret]:
    """Withhold until every secret is open; returns those that are. What is open stays so when less is told."""
    by_name = {item.name: item for item in table.items}
    told = {item.name: item for item in table.items if item.name not in table.withheld}
    pending, opened = list(table.secrets), list(table.secrets)
    fixed = [*table.empty, *table.before]
    while told and pending:
        names = [name for name in told for _ in table.facts[name]]
        facts = [fact for name in told for fact in table.facts[name]]
        leaking = next(
            ((at, leans) for at, secret in enumerate(pending)
             if (leans := table.reader.leaks(secret, [*facts, *fixed])) is not None), None
        )  # fmt: skip
        if leaking is None:
            break
        at, leans = leaking
        pending = pending[at:]
        prices = [_price(table, by_name[name], keep) for name in names]
        moved = table.reader.cheapest(pending[0], facts, prices, fixed)
        on = {names[at] for at in leans if at < len(names)}
        if moved is None or not (moved or on):
            table.open_ends.append(pending[0].name)
            opened.remove(pending.pop(0))
            continue
        victims = {names[at] for at in moved} or {min(on, key=lambda name: _rank(table, by_name[name], keep))}
        for item in [i for i in told.values() if any(tells_the_same(i, by_name[name]) for name in victims)]:
            table.withheld[item.name] = "complementary"
            del told[item.name]
    return opened


def _tell_again(table: LinkedCounts, secrets: Sequence[Secret], keep: Keep) -> None:
    """Tell again, the dearest first, what was withheld to protect others and is not needed for it."""
    left, by_name = ATTEMPTS, {item.name: item for item in table.items}
    more = [by_name[name] for name, why in table.withheld.items() if why == "complementary"]
    for item in sorted(more, key=lambda one: _rank(table, one, keep), reverse=True):
        same = [one for one in more if one.name in table.withheld and tells_the_same(one, item)]
        left -= len(secrets)
        if left < 0 or item.name not in table.withheld:
            continue
        before = table.reader.forget([fact for one in same for fact in table.facts[one.name]])
        reasons = {one.name: table.withheld.pop(one.name) for one in same}
        if any(table.reader.leaks(secret, _told(table)) is not None for secret in secrets):
            table.withheld |= reasons
            table.reader.recall(before)


def _told(table: LinkedCounts) -> list[Fact]:
    told = [fact for item in table.items if item.name not in table.withheld for fact in table.facts[item.name]]
    return [*told, *table.empty, *table.before]


def _price(table: LinkedCounts, item: Item, keep: Keep) -> float:
    """What is lost by withholding an item: least by a crossing, and less by few rows than by many."""
    whole = 10_000 if item.name == "rows" else 1  # it stands in every sentence on the data
    kept = 100 if item.name in keep else 1
    plain = 1 if "×" in item.attribute else 10
    return whole * kept * plain * (1 + 3 * item.size / table.items[0].size)


def _rank(table: LinkedCounts, item: Item, keep: Keep) -> tuple[float, str]:
    return _price(table, item, keep), item.name

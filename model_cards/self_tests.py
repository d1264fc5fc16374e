"""What the version that ran was held to before: published known answers, and simulations of the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_cards.blocks import Block, Line, Prose, Table
from model_cards.words import shown


def selfcheck_blocks(document: Any) -> list[Block]:
    """Return a sentence and a folded table of ``selfcheck.json``; nothing where the artifact holds none."""
    if not isinstance(document, Mapping) or not isinstance(document.get("checks"), list):
        return []
    checks = [check for check in document["checks"] if isinstance(check, Mapping)]
    passed = sum(check.get("ok") is True for check in checks)
    words = f"{passed} of {len(checks)} published known answers reproduced with {_versions(document)}."
    if passed < len(checks):
        wrong = "; ".join(shown(check.get("name"), 80) for check in checks if check.get("ok") is not True)
        words += f" Not reproduced: {wrong}. Numbers of this card that rest on the same code may be wrong, too."
    tone: Any = "" if passed == len(checks) else "warning"
    return [Prose(text=(words,), tone=tone), _table(checks), *_calibration(document.get("calibration"))]


def _versions(document: Mapping[str, Any]) -> str:
    libraries = document.get("libraries")
    named = libraries.items() if isinstance(libraries, Mapping) else ()
    versions = [f"{shown(name, 40)} {shown(number, 40)}" for name, number in named]
    return ", ".join([f"Evenhand {shown(document.get('evenhand'), 40)}", *versions])


def _table(checks: list[Mapping[str, Any]]) -> Table:
    lines = tuple(
        Line(
            name=(shown(check.get("name"), 120),),
            cells=tuple((shown(check.get(key), 200),) for key in ("expected", "got", "source")),
            tone="" if check.get("ok") is True else "warning",
        )
        for check in sorted(checks, key=lambda check: check.get("ok") is True)
    )
    columns = ("Known answer", "Published", "Here", "Source")
    return Table(caption="Known answers, recomputed before this audit", columns=columns, lines=lines, folded=True)


def _calibration(found: Any) -> list[Block]:
    """Return a line of the simulations: version, and for each aim the worst case of all that were simulated."""
    if not isinstance(found, Mapping):
        return []
    aims, worst = (part if isinstance(part, Mapping) else {} for part in (found.get("aims"), found.get("worst")))
    told = [f"{shown(name, 60)} {_figure(worst[name])}{_aim(aims.get(name))}" for name in sorted(worst)]
    cases = f", {found['cases']:,} cases" if isinstance(found.get("cases"), int) else ""
    words = f"Calibration of the verdict by simulation (version {shown(found.get('version'), 40)}{cases})"
    words += f": in the worst case {'; '.join(told)}." if told else "."
    missed = found.get("shortfalls")
    if missed:
        words += f" {shown(missed, 20)} aims were missed; infra/calibration.md says where."
    return [Prose(text=(words,), tone="warning" if missed else "")]


def _figure(value: Any) -> str:
    """Return a share in per cent; anything else as it stands."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return f"{100 * value:.1f}%"
    return shown(value, 120)


def _aim(value: Any) -> str:
    return "" if value is None else f" (aim {_figure(value)})"

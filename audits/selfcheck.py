"""The published known answers, recomputed with the libraries that are installed."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import audits
from audits.findings import Frozen
from audits.known_answers import Known, agrees, known_answers, told

LIBRARIES = ("numpy", "scipy", "pyarrow", "pydantic")
"""The libraries that a known answer is computed with."""
CALIBRATION = Path(__file__).parent / "calibration.json"
"""What the simulations of this version came to; absent where none ships with it."""


class Check(Frozen):
    """One known answer: what is printed in its source, what came out here, and whether they agree."""

    name: str
    source: str
    expected: str
    got: str
    ok: bool


class Report(Frozen):
    """The outcome of a self-check. ``calibration`` is the summary that ships with this version, if one does."""

    evenhand: str
    python: str
    libraries: dict[str, str]
    checks: tuple[Check, ...]
    passed: int
    failed: int
    calibration: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether every known answer is reproduced, and there is one."""
        return self.passed > 0 and not self.failed

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return self.model_dump(mode="json")

    def to_text(self) -> str:
        """Return the report for people: what is not reproduced, then the count."""
        wrong = [check for check in self.checks if not check.ok]
        lines = [
            f"NOT reproduced  {one.name}: got {one.got}, expected {one.expected} ({one.source})\n" for one in wrong
        ]
        versions = ", ".join(f"{name} {number}" for name, number in self.libraries.items())
        count = f"{self.passed} of {len(self.checks)} published known answers reproduced"
        return "".join(lines) + f"{count} with Evenhand {self.evenhand}, Python {self.python}, {versions}\n"


def selfcheck(answers: Iterable[Known] | None = None) -> Report:
    """Recompute every known answer; one that cannot be computed is not reproduced, and says why.

    Args:
        answers: default those that ship with Evenhand.
    """
    checks = tuple(_check(known) for known in (known_answers() if answers is None else answers))
    passed = sum(check.ok for check in checks)
    return Report(
        evenhand=audits.__version__,
        python=platform.python_version(),
        libraries={name: _version(name) for name in LIBRARIES},
        checks=checks,
        passed=passed,
        failed=len(checks) - passed,
        calibration=_calibration(),
    )


def _check(known: Known) -> Check:
    try:
        got = known.compute()
        ok, text = agrees(known.expected, got), told(known.expected, got)
    except Exception as error:  # whatever it is: the answer is not reproduced
        ok, text = False, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return Check(name=known.name, source=known.source, expected=known.expected, got=text, ok=ok)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _calibration() -> dict[str, Any] | None:
    """Return the summary of the simulations: version, cases, aims, the worst case of the rule, how many aims missed."""
    try:
        return summary(json.loads(CALIBRATION.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a card tells of ``calibration.json``: of each path the first method is the rule that judges.

    Args:
        document: as ``tests/benchmarks/calibration.py`` writes it.
    """
    paths = document["paths"].values()
    rules = [next(iter(path["methods"].values())) for path in paths]
    names = {"wrong_fail": "wrong FAIL", "wrong_pass": "wrong PASS"}
    return {
        "version": document["evenhand"],
        "cases": sum(path["cases"] for path in paths),
        "aims": {name: document["aims"][key] for key, name in names.items()},
        "worst": {name: max(rule[key]["rate"] for rule in rules if key in rule) for key, name in names.items()},
        "shortfalls": len(document["shortfalls"]),
    }

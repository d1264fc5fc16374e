"""What a gate found, told to people and to programs: text, JSON, JUnit XML, Markdown for a pull request.

Names of groups come from the data. None of them can start a line, a tag, a link, a mention or a command of a
terminal or of a continuous-integration log in any of the four.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from xml.etree import ElementTree as Xml

from audits.findings import Finding
from audits.gate_outcome import Check, GateReport
from audits.telling import json_text, one_line
from audits.verdict import LimitVerdict
from model_cards.render import escape_markdown

FORMATS = ("text", "json", "junit", "md")
SUFFIXES = {".txt": "text", ".json": "json", ".xml": "junit", ".md": "md"}
"""The format that a file's ending means."""

MOST_ROWS, MOST_CELL = 30_000, 600
"""Characters of all limits, and of one value before it is escaped, in a comment; a forge takes 65,536 in all."""

_WIDTH = 13


def render(report: GateReport, form: str) -> str:
    """Return the report in one of ``FORMATS``, with a line break at its end."""
    return {"text": text, "json": json_document, "junit": junit, "md": markdown}[form](report)


def text(report: GateReport) -> str:
    """Return the report for a terminal: every check, every limit with its reason, the verdict, the policies."""
    lines = [f"{check.outcome:<{_WIDTH}}{check.name}: {_line(check.message)}" for check in _before(report)]
    lines += [""] if report.limits else []
    for limit in report.limits:
        lines.append(f"{limit.verdict:<{_WIDTH}}{_line(limit.text)}{' (waived)' if limit.waived else ''}")
        lines.append(f"{'':{_WIDTH}}{_line(limit.reason)}")
    if report.verdict is not None:
        lines += ["", f"verdict: {report.verdict.verdict}. {_line(report.verdict.reason)}"]
    if report.promotion is not None:
        lines.append(f"alias:   {_line(report.promotion.message)}")
    if report.sealed is not None:
        lines.append(f"audit:   {_line(report.audit)}, artifact {report.artifact_digest[:12]}, {_was(report)}")
        lines.append(f"policy:  {_policy(report)}")
    return "\n".join(lines) + "\n"


def json_document(report: GateReport) -> str:
    """Return the report as one JSON document; where the gate was refused, ``error``, ``message``, ``hint`` say why."""
    document = report.model_dump(mode="json", exclude={"verdict", "checks"})
    judged = report.verdict.to_json() if report.verdict else {"verdict": None, "reason": report.reason, "limits": []}
    refused = report.refused
    said = {"error": refused.error, "message": refused.message, "hint": refused.hint} if refused else {}
    whole = {**judged, **document, "checks": [check.model_dump(mode="json") for check in report.checks], **said}
    return json_text(whole)


def junit(report: GateReport) -> str:
    """Return the report as JUnit XML: one test case per limit.

    A failure of type FAIL or INCONCLUSIVE where a limit is broken or not shown to hold; skipped where it is broken
    and waived; one case in error, and none for limits that were not judged, where the gate was refused.
    """
    suite = Xml.Element("testsuite", name=f"evenhand gate {_xml(report.audit) or 'unknown'}")
    suite.set("timestamp", f"{report.at:%Y-%m-%dT%H:%M:%S}")
    suite.set("hostname", "localhost")
    properties = Xml.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        Xml.SubElement(properties, "property", name=name, value=_xml(value))
    for limit in report.limits:
        _case(suite, report, limit)
    if report.refused is not None:
        case = _named(suite, report, f"gate: {report.refused.name}")
        told = Xml.SubElement(case, "error", message=_xml(report.refused.message), type=report.refused.error)
        told.text = _xml(f"{report.refused.message} {report.refused.hint}".strip())
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(list(suite.iter(tag)))))
    suite.set("time", "0")
    Xml.SubElement(suite, "system-out").text = _xml(report.reason)
    Xml.SubElement(suite, "system-err")
    suites = Xml.Element("testsuites")
    suites.append(suite)
    Xml.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(suites, encoding="unicode") + "\n"


def markdown(report: GateReport) -> str:
    """Return the report as a comment on a pull request; its first line marks it, so that it can be found again."""
    sign = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "⚠️", "REFUSED": "⛔"}[report.word]
    told = "could not be carried out" if report.refused else report.word
    lines = [f"<!-- evenhand-gate:{report.audit or 'unknown'} -->", f"### {sign} Parity gate: {told}", ""]
    lines += [f"**{_escaped(report.question)}**", ""] if report.question else []
    lines += [_escaped(report.reason), ""]
    if report.refused and report.refused.hint:
        lines += [f"What to do: {_escaped(report.refused.hint)}", ""]
    if report.limits:
        lines += ["| | limit | what was found |", "|---|---|---|"]
        lines += _rows(report.limits)
        lines.append("")
    if report.promotion is not None:
        lines += [f"{_escaped(report.promotion.message)}.", ""]
    lines += ["<details><summary>Checks</summary>", ""]
    lines += [f"- {check.outcome}: {check.name}. {_escaped(check.message)}" for check in _before(report)]
    lines += _fitting(_moves(report), MOST_ROWS // 4)
    lines += [f"- {name}: `{_code(value)}`" for name, value in _properties(report).items() if value]
    lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _rows(limits: Sequence[LimitVerdict]) -> list[str]:
    """A line for every limit; where a comment cannot hold them all, for those that do not hold first."""
    told = _fitting([_row(limit) for limit in limits], MOST_ROWS)
    if len(told) == len(limits):
        return told
    ordered = sorted(limits, key=lambda limit: limit.verdict == "PASS")
    told = _fitting([_row(limit) for limit in ordered], MOST_ROWS)
    more = ordered[len(told) :]
    holding = sum(limit.verdict == "PASS" for limit in more)
    return [*told, "", f"… and {len(more)} more limit{'s' if len(more) > 1 else ''}, of which {holding} hold."]


def _row(limit: LimitVerdict) -> str:
    return f"| {_word(limit)} | {_escaped(limit.text)} | {_escaped(limit.reason)} |"


def _fitting(lines: list[str], most: int) -> list[str]:
    """The first of the lines, as many as fit."""
    lengths = list(accumulate(len(line) for line in lines))
    return lines[: bisect_right(lengths, most)]


def _case(suite: Xml.Element, report: GateReport, limit: LimitVerdict) -> None:
    case = _named(suite, report, limit.text)
    if limit.waived:
        Xml.SubElement(case, "skipped", message=_xml(limit.reason))
    elif limit.verdict != "PASS":
        Xml.SubElement(case, "failure", message=_xml(limit.reason), type=limit.verdict).text = _xml(limit.reason)


def _named(suite: Xml.Element, report: GateReport, name: str) -> Xml.Element:
    audit = _xml(report.audit) or "unknown"
    return Xml.SubElement(suite, "testcase", name=_xml(name), classname=f"evenhand.{audit}", time="0")


def _properties(report: GateReport) -> dict[str, str]:
    return {
        "artifact": report.artifact_digest,
        "model": report.model_digest or "",
        "policy": report.policy_sha256,
        "policy of the audit": report.sealed_policy_sha256,
        "verdict of the audit": report.sealed_verdict,
        "baseline": report.baseline_digest or "",
        "evenhand": report.evenhand,
    }


def _before(report: GateReport) -> list[Check]:
    """The checks before the verdict, which is told by itself as the promotion is."""
    return [check for check in report.checks if check.name not in ("verdict", "promotion")]


def _word(limit: LimitVerdict) -> str:
    return f"{limit.verdict}, waived" if limit.waived else limit.verdict


def _moves(report: GateReport) -> list[str]:
    """Every change against production that was measured, whether or not it decided."""
    return [f"- {_escaped(_move(f))}" for f in report.changes if f.value is not None and f.comparison == "change"]


def _move(finding: Finding) -> str:
    known: dict[str, Any] = finding.details
    return (
        f"{finding.measure} of {finding.group} ({finding.attribute}): {100 * known['in_production']:.1f}% in "
        f"production, {100 * known['rate']:.1f}% now; {known['up']:g} rows up, {known['down']:g} down of "
        f"{finding.n.group if finding.n else 0:,g}"
    )


def _was(report: GateReport) -> str:
    return f"sealed {report.sealed:%Y-%m-%d %H:%M} UTC, verdict {report.sealed_verdict} then"


def _policy(report: GateReport) -> str:
    if report.policy_sha256 == report.sealed_policy_sha256:
        return f"{report.policy_sha256[:12]}, as it was audited"
    name = _line(report.policy_file or "")
    return f"{report.policy_sha256[:12]} ({name}); the audit ran under another, {report.sealed_policy_sha256[:12]}"


def _line(value: str) -> str:
    """A value as part of one line: nothing in it can end the line or steer a terminal."""
    return one_line(value)


_xml = _line
"""What may stand in XML 1.0; the writer escapes the rest."""


def _escaped(value: str) -> str:
    """A value as Markdown that reads as itself; nobody is told of it by a mention."""
    return escape_markdown(one_line(value, MOST_CELL)).replace("&#64;", "@\u200b")


def _code(value: str) -> str:
    return _line(value).replace("`", "'")

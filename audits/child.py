"""The process that holds the model under audit (``python -P -m audits.child PROJECT PARENT``).

It answers JSON lines: ``{"id", "op", "arguments"}`` in; ``{"id", "progress": [done, total]}`` any number of times,
then ``{"id", "result"}`` or ``{"id", "error": {"kind", "message", "hint"}}`` out. The answers go to a private copy
of stdout; stdout itself is stderr here, so that nothing a model prints can stand between them. Of this project it
imports ``audits`` alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from audits.errors import AuditError

Report = Callable[[int, int], None]
TRACE_LINES = 6
PROGRESS_EVERY_S = 0.2


def main() -> None:
    """Answer questions until stdin ends."""
    project, parent = sys.argv[1], int(sys.argv[2])
    _die_with(parent)
    questions_from, answers_to = _private_pipes()
    sys.path.insert(0, project)
    questions: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions_from, questions), daemon=True).start()
    while (question := questions.get()) is not None:
        answer = _answer(question, answers_to)
        _say(answers_to, {"id": question["id"], **answer})


def _die_with(parent: int) -> None:
    """Ask Linux to end this process with its parent; elsewhere the end of stdin does it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def _private_pipes() -> tuple[IO[str], IO[str]]:
    """Return stdin and stdout under new descriptors; 0 then is empty and 1 is stderr, also for native code."""
    questions = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    sys.stdin, sys.stdout = open(0, closefd=False), sys.stderr  # noqa: SIM115  lives as long as the process
    return questions, answers


def _listen(lines: IO[str], questions: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Pass questions on; once stdin has ended nobody waits for an answer, so end even in the middle of one."""
    for line in lines:
        questions.put(json.loads(line))
    questions.put(None)
    time.sleep(1)
    os._exit(1)


def _say(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _answer(question: dict[str, Any], answers: IO[str]) -> dict[str, Any]:
    said = 0.0

    def report(done: int, total: int) -> None:
        nonlocal said
        if done == total or time.monotonic() - said > PROGRESS_EVERY_S:
            said = time.monotonic()
            _say(answers, {"id": question["id"], "progress": [done, total]})

    try:
        return {"result": OPERATIONS[question["op"]](report, **question["arguments"])}
    except AuditError as error:
        return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}
    except (Exception, SystemExit) as error:
        return {"error": _foreign(error, question["op"])}


def _foreign(error: BaseException, op: str) -> dict[str, str]:
    """An error that is not ours: the model's. Its last traceback lines are what helps."""
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    shown = "\n".join(f"    {line}" for line in lines[-TRACE_LINES:])
    return {
        "kind": "ModelError",
        "message": f"the model failed during {op!r}: {type(error).__name__}: {error}\n{shown}",
        "hint": "run the model by itself on one input; the lines above say where it failed",
    }


def ping(report: Report) -> dict[str, Any]:
    """Answer with the process id."""
    return {"pid": os.getpid()}


def resolve(report: Report, **arguments: Any) -> dict[str, Any]:
    """Turn the model's uri into a local folder and its digest (see ``audits.subjects.locate``)."""
    from audits.subjects.locate import locate

    return locate(**arguments)


def find_fit(report: Report, *, name: str, key: str, tracking: str, home: str) -> dict[str, Any]:
    """Look for a model that this very fit has made before; ``{}`` where there is none."""
    from audits.subjects import registered

    return registered.find_fitted(name, key, tracking, Path(home))


def fit(report: Report, **arguments: Any) -> dict[str, Any]:
    """Make the model with the user's own function and register it (see ``audits.subjects.fitting``)."""
    from audits.subjects.fitting import fit_and_register

    return fit_and_register(**arguments)


def score(report: Report, *, model: dict[str, Any], folder: str, inputs: str, store: str, key: str) -> dict[str, Any]:
    """Score what is not in the store yet, batch by batch (see ``audits.scores.fill``)."""
    import pyarrow.parquet as pq

    from audits.scores import fill
    from audits.subjects import libraries

    subject = _subject(model, folder)
    scored = fill(subject, pq.read_table(inputs), Path(store), key, report)
    return {"scored": scored, "device": subject.device, "libraries": libraries(subject.kind)}


def examine(
    report: Report,
    *,
    model: dict[str, Any],
    folder: str,
    spec: str,
    technique: str,
    options: dict[str, Any],
    run: str,
    out: str,
) -> dict[str, Any]:
    """Carry out a technique that reads the model's inside; writes its findings to ``out``.

    ``spec`` is a Python literal, since JSON would turn the numbers that are keys into text.
    """
    import ast

    from audits.evidence import Evidence
    from audits.findings import write_findings
    from audits.spec import AuditSpec
    from audits.techniques import registry
    from audits.techniques import run as carry_out

    evidence = Evidence(Path(run), AuditSpec.model_validate(ast.literal_eval(spec)))
    findings = carry_out(registry[technique], evidence, options, _subject(model, folder))
    Path(out).write_bytes(write_findings(findings))
    return {"findings": len(findings)}


_loaded: dict[str, Any] = {}


def _subject(model: dict[str, Any], folder: str) -> Any:
    """Load the model, once."""
    from audits.subjects import load

    name = json.dumps([model, folder], sort_keys=True)
    if name not in _loaded:
        _loaded.clear()
        _loaded[name] = load(model, Path(folder))
    return _loaded[name]


OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "ping": ping,
    "resolve": resolve,
    "find_fit": find_fit,
    "fit": fit,
    "score": score,
    "examine": examine,
}

if __name__ == "__main__":
    main()

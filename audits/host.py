"""The host of the model under audit: one child process, kept alive, spoken to in JSON lines.

Other people's code is only ever loaded in the child, so that its helper modules, prints, threads and crashes
stay there: two models with a helper of the same name answer each with its own, and a crash fails one call.
Arrays go over files whose paths are in the messages.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

import audits
from audits import errors
from audits.errors import AuditError, ModelError

Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "true",  # mlflow takes nothing but "true"
}
"""Environment of the child: no progress bars of others, no telemetry."""

STDERR_LINES = 40


class Host:
    """A child process that holds one model. Starts at the first call; starts anew after a crash.

    Args:
        project: folder that comes first on the child's ``sys.path`` (the spec's folder).
        online: whether the child may ask the Hugging Face hub; otherwise it works from local files alone.
    """

    def __init__(self, project: Path, *, online: bool = False) -> None:
        self.project = project.resolve()
        self.online = online
        self._process: subprocess.Popen[str] | None = None
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._tender: threading.Thread | None = None
        self._calls = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def call(self, op: str, *, progress: Progress | None = None, **arguments: Any) -> dict[str, Any]:
        """Have the child do one thing and return its answer.

        Args:
            op: name of the operation (``audits.child.OPERATIONS``).
            progress: called as the child reports.
            **arguments: JSON values.

        Raises:
            AuditError: what the child raised, of the same class; ``ModelError`` where other people's code
                raised it, or where the child died.
        """
        with self._lock:
            process = self._started()
            self._calls += 1
            try:
                return self._exchange(process, {"id": self._calls, "op": op, "arguments": arguments}, progress)
            except BaseException as error:
                if not isinstance(error, AuditError) or process.poll() is not None:
                    self.close()  # interrupted in the middle: what it would answer next belongs to no question
                raise

    def close(self) -> None:
        """End the child, kindly first. A host can be called again afterwards."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._tender is not None:
            self._tender.join(timeout=3)

    def _exchange(
        self, process: subprocess.Popen[str], question: dict[str, Any], progress: Progress | None
    ) -> dict[str, Any]:
        questions, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        try:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
        except BrokenPipeError:
            raise self._died(process, question["op"]) from None
        for line in answers:
            message = json.loads(line)
            if "progress" in message:
                if progress is not None:
                    progress(*message["progress"])
            elif "error" in message:
                raise _error(message["error"])
            else:
                answer: dict[str, Any] = message["result"]
                return answer
        raise self._died(process, question["op"])

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        self._stderr.clear()
        started: queue.SimpleQueue[subprocess.Popen[str] | OSError] = queue.SimpleQueue()
        self._tender = threading.Thread(target=self._tend, args=(started,), name="evenhand-host", daemon=True)
        self._tender.start()
        process = started.get()
        if isinstance(process, OSError):
            raise ModelError(f"the model's process cannot be started: {process}", "check that Python can be run")
        self._process = process
        return process

    def _tend(self, started: queue.SimpleQueue[subprocess.Popen[str] | OSError]) -> None:
        """Start the child, keep the last lines of its stderr, and stay until it ends.

        Linux ends the child with the thread that started it (PR_SET_PDEATHSIG), so that thread is this one
        and not the caller's, which may be a worker thread that ends sooner.
        """
        command = [sys.executable, "-P", "-m", "audits.child", str(self.project), str(os.getpid())]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment(),
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        with cast(IO[str], process.stderr) as stderr:
            for line in stderr:
                self._stderr.append(line.rstrip("\n"))
        process.wait()

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **QUIET}
        if not self.online:
            environment["HF_HUB_OFFLINE"] = "1"
        home = Path(audits.__file__).resolve().parent.parent
        if home.name not in ("site-packages", "dist-packages"):  # a checkout: -P keeps the working folder out
            known = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = f"{home}{os.pathsep}{known}" if known else str(home)
        return environment

    def _died(self, process: subprocess.Popen[str], op: str) -> ModelError:
        code = process.wait()
        if self._tender is not None:
            self._tender.join(timeout=3)
        if code < 0:
            how = f"was killed by {_signal_name(-code)}"
            hint = "likely out of memory: give it more, or set model.max_tokens" if -code == signal.SIGKILL else ""
        else:
            how, hint = f"ended with exit code {code}", ""
        last = "\n".join(f"    {line}" for line in list(self._stderr)[-8:])
        said = f"; its last words:\n{last}" if last else ""
        hint = hint or "run the model by itself on one input to see why"
        return ModelError(f"the model's process {how} during {op!r}{said}", hint)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _close_quietly(pipe: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def _error(document: dict[str, Any]) -> AuditError:
    """Return the child's error as the same class here; an unknown class becomes ``ModelError``."""
    kind = getattr(errors, document["kind"], ModelError)
    if not (isinstance(kind, type) and issubclass(kind, AuditError)):
        kind = ModelError
    return kind(document["message"], document["hint"])

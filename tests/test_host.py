"""The model's process: alone with its modules, its prints and its crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_models import model

from audits import errors
from audits.errors import AuditError, ModelError, SpecError
from audits.host import Host, _error

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def project(folder, score, helper=None):
    folder.mkdir()
    folder.joinpath("model.py").write_text(score)
    if helper is not None:
        folder.joinpath("helper.py").write_text(helper)
    return folder


def ask(host, folder, texts=("a", "bb"), key="k"):
    """Score texts with ``model.py:score`` of a project; returns the stored scores in order."""
    from audits.scores import ScoreStore

    inputs = folder / f"inputs-{key}.parquet"
    pq.write_table(pa.table({"input": [f"{at}" for at in range(len(texts))], "text": list(texts)}), inputs)
    store = str(folder / "scores.db")
    described = model(kind="python", uri="model.py:score")
    host.call("score", model=described, folder=str(folder / "model.py"), inputs=str(inputs), store=store, key=key)
    known = ScoreStore(folder / "scores.db", key).known(str(at) for at in range(len(texts)))
    return [known[str(at)][0] for at in range(len(texts))]


USES_HELPER = "import helper\ndef score(texts): return [helper.SCORE for _ in texts]\n"


def test_two_models_with_a_helper_of_one_name_answer_each_with_its_own(tmp_path):
    one = project(tmp_path / "one", USES_HELPER, "SCORE = 0.1\n")
    two = project(tmp_path / "two", USES_HELPER, "SCORE = 0.2\n")
    with Host(one) as first, Host(two) as second:
        assert ask(first, one) == [0.1, 0.1]
        assert ask(second, two) == [0.2, 0.2]
        assert ask(first, one, ("x", "y", "z"), "again") == [0.1, 0.1, 0.1]
        assert first.pid != second.pid


def test_the_projects_own_modules_come_before_those_of_the_working_folder(tmp_path):
    folder = project(tmp_path / "one", "import tasks\ndef score(texts): return [tasks.SCORE for _ in texts]\n")
    folder.joinpath("tasks.py").write_text("SCORE = 0.75\n")
    with Host(folder) as host:
        assert ask(host, folder) == [0.75, 0.75]


def test_prints_of_the_model_do_not_come_between_the_answers(tmp_path):
    loud = (
        "import os, sys\n"
        "print('loading')\n"
        "def score(texts):\n"
        "    print('{\"id\": 1, \"result\": {}}'); os.write(1, b'native\\n'); sys.stdout.flush()\n"
        "    assert sys.stdin.read() == ''\n"
        "    return [0.5 for _ in texts]\n"
    )
    folder = project(tmp_path / "loud", loud)
    with Host(folder) as host:
        assert ask(host, folder) == [0.5, 0.5]
        assert host.call("ping") == {"pid": host.pid}


def test_an_error_of_the_model_is_named_with_its_last_lines_and_fails_one_call(tmp_path):
    fails = (
        "def score(texts):\n    if 'bad' in texts: raise KeyError('no such word')\n    return [1.0 for _ in texts]\n"
    )
    folder = project(tmp_path / "fails", fails)
    with Host(folder) as host:
        with pytest.raises(ModelError, match=r"failed during 'score': KeyError: 'no such word'(?s:.*)model.py"):
            ask(host, folder, ("bad",), "bad")
        pid = host.pid
        assert ask(host, folder) == [1.0, 1.0]
        assert host.pid == pid


def test_a_model_that_kills_its_process_fails_one_call_and_names_the_signal(tmp_path):
    dies = (
        "import os, signal, sys\n"
        "def score(texts):\n"
        "    if 'bad' in texts:\n"
        "        print('last words', file=sys.stderr, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return [1.0 for _ in texts]\n"
    )
    folder = project(tmp_path / "dies", dies)
    with Host(folder) as host:
        with pytest.raises(
            ModelError, match=r"killed by SIGKILL during 'score'; its last words:\n    last words"
        ) as got:
            ask(host, folder, ("bad",), "bad")
        assert "out of memory" in got.value.hint
        assert ask(host, folder) == [1.0, 1.0]


def test_a_model_that_exits_is_an_error_with_its_code(tmp_path):
    folder = project(tmp_path / "exits", "import os\ndef score(texts): os._exit(7)\n")
    with Host(folder) as host, pytest.raises(ModelError, match="ended with exit code 7"):
        ask(host, folder)


def test_a_model_that_calls_sys_exit_is_an_error_of_the_model(tmp_path):
    folder = project(tmp_path / "exits", "import sys\ndef score(texts): sys.exit(0)\n")
    with Host(folder) as host, pytest.raises(ModelError, match="SystemExit"):
        ask(host, folder)


def test_progress_is_passed_on(tmp_path):
    folder = project(tmp_path / "one", "def score(texts): return [0.5 for _ in texts]\n")
    seen = []
    pq.write_table(pa.table({"input": ["a"], "text": ["a"]}), folder / "inputs.parquet")
    with Host(folder) as host:
        host.call(
            "score",
            progress=lambda done, total: seen.append((done, total)),
            model=model(kind="python", uri="model.py:score"),
            folder=str(folder / "model.py"),
            inputs=str(folder / "inputs.parquet"),
            store=str(folder / "s.db"),
            key="k",
        )
    assert seen == [(0, 1), (1, 1)]


def test_an_interrupted_call_leaves_no_answer_for_the_next(tmp_path):
    folder = project(tmp_path / "one", "def score(texts): return [0.5 for _ in texts]\n")

    def interrupt(done, total):
        raise KeyboardInterrupt

    pq.write_table(pa.table({"input": ["a"], "text": ["a"]}), folder / "inputs.parquet")
    with Host(folder) as host:
        with pytest.raises(KeyboardInterrupt):
            host.call(
                "score",
                progress=interrupt,
                model=model(kind="python", uri="model.py:score"),
                folder=str(folder / "model.py"),
                inputs=str(folder / "inputs.parquet"),
                store=str(folder / "s.db"),
                key="k",
            )
        assert host.call("ping") == {"pid": host.pid}


def test_our_own_errors_keep_their_class_message_and_hint():
    for kind in (SpecError, ModelError, errors.NotMeasurable):
        got = _error({"kind": kind.__name__, "message": "m", "hint": "h"})
        assert type(got) is kind
        assert (got.message, got.hint) == ("m", "h")
    assert type(_error({"kind": "nearest", "message": "m", "hint": ""})) is ModelError
    assert type(_error({"kind": "AuditError", "message": "m", "hint": ""})) is AuditError


def gone(pid, within=10.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_the_child_ends_with_its_parent_even_when_the_parent_is_killed(tmp_path):
    script = (
        "import pathlib, time\nfrom audits.host import Host\n"
        f"host = Host(pathlib.Path({str(tmp_path)!r}))\nprint(host.call('ping')['pid'], flush=True)\ntime.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": ROOT}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid, 0.2)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_the_child_outlives_the_thread_that_first_called_it(tmp_path):
    import threading

    with Host(tmp_path) as host:
        caller = threading.Thread(target=lambda: host.call("ping"))
        caller.start()
        caller.join()
        pid = host.pid
        time.sleep(0.3)
        assert host.call("ping") == {"pid": pid}


def test_closing_ends_the_child_and_a_later_call_starts_a_new_one(tmp_path):
    host = Host(tmp_path)
    first = host.call("ping")["pid"]
    host.close()
    assert host.pid is None
    assert host.call("ping")["pid"] != first
    host.close()

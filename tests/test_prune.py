"""What is kept to be quick goes when it is old; nothing goes that anybody stands on."""

import os
import time

import pytest

from tasks.prune import in_use, prune

DAY = 86_400


@pytest.fixture
def home(tmp_path):
    """Something old and something new in every place; what is not to be made again is old, too."""
    for place in ("steps", "runs", "datasets"):
        for age, name in ((31, "old"), (29, "new")):
            folder = tmp_path / place / name
            folder.mkdir(parents=True)
            (folder / "file").write_text("x")
            _aged(folder, age)
    for name in ("results/old", "results/new", "runs/old.lock", "datasets/hub", "scores/scores.db", "outbox/one.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        _aged(path, 29 if path.name == "new" else 400)
    return tmp_path


def _aged(path, days):
    os.utime(path, (time.time() - days * DAY,) * 2)


def there(home):
    return {f"{path.parent.name}/{path.name}" for path in home.glob("*/*")}


KEPT = {"steps/new", "runs/new", "datasets/new", "results/new", "datasets/hub", "scores/scores.db", "outbox/one.json"}


def test_what_nobody_used_for_a_month_goes_and_scores_and_what_waits_stay(home):
    prune(home)
    assert there(home) == KEPT


def test_nothing_goes_while_a_run_is_going_on(home):
    before = there(home)
    with in_use(home), in_use(home):
        prune(home)
    assert there(home) == before
    prune(home)
    assert there(home) == KEPT


def test_use_makes_a_step_and_a_table_young(tmp_path, monkeypatch):
    from audits.sources import read_table
    from audits.spec import DataSpec
    from tasks.run import Run

    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    data = DataSpec(source="t.csv")
    read_table(data, tmp_path)
    (cached,) = (tmp_path / "home" / "datasets").iterdir()
    _aged(cached, 40)
    read_table(data, tmp_path)
    prune(tmp_path / "home")
    assert cached.is_dir()

    run = Run.model_construct(home=str(tmp_path / "home"), spec_digest="0" * 64, seed=0, out="out", started="")
    made = run.make("load-1", "load", lambda out: (out / "x.json").write_text("{}"), again=False)
    _aged(tmp_path / "home" / "steps" / "load-1", 40)
    monkeypatch.setattr(Run, "folder", tmp_path / "run")
    run.take(made)
    prune(tmp_path / "home")
    assert made.intact()

"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A build that fails must fail again: the same examples every time, and no clock. `make fuzz` draws new examples.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    if not folder.is_dir():
        pytest.skip(f"{variable} is not set and there is no shared/{name} beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Each test leaves the environment as it found it: the command line sets variables for what it starts."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One artifact that no test changes."""
    from synthetic import sealed

    return sealed(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def artifact(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to do harm to."""
    return Path(shutil.copytree(whole, tmp_path / "hiring" / whole.name))


@pytest.fixture
def shared_data() -> Path:
    """The folder of public data sets; skips where it is absent."""
    return _folder("EVENHAND_DATA", "data")


@pytest.fixture
def shared_models() -> Path:
    """The folder of small models; skips where it is absent."""
    return _folder("EVENHAND_MODELS", "models")


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one Prefect server for the whole session; each start costs seconds."""
    from flows.server import server

    home = tmp_path_factory.mktemp("prefect")
    before = os.environ.pop("PREFECT_API_URL", None)
    os.environ["PREFECT_HOME"] = str(home / "none")  # a developer's own profile must not answer here
    with server(home) as started:
        assert started is not None
        started.wait()
        address = os.environ["PREFECT_API_URL"]
        yield address
    started.process.stdin.close()
    started.process.terminate()
    started.process.wait()
    os.environ.pop("PREFECT_HOME")
    if before is not None:
        os.environ["PREFECT_API_URL"] = before


@pytest.fixture
def evenhand(prefect_api: str, tmp_path: Path) -> Evenhand:
    """Runs the command line in a folder of its own."""
    return Evenhand(tmp_path, prefect_api)


class Evenhand:
    """``evenhand …`` as a user runs it: another process, its own home, in ``folder``."""

    def __init__(self, folder: Path, prefect_api: str) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "EVENHAND_HOME": str(folder / "home"),
            "PREFECT_API_URL": prefect_api,
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def __call__(self, *arguments: str | Path, expect: int | None = None) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=300)
        done = subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)
        if expect is not None:
            assert done.returncode == expect, f"exit code {done.returncode}\n{stdout}\n{stderr}"
        return done

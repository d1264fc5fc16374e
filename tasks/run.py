"""A run: the folder in which an audit takes shape, and the keys under which its finished steps are kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import audits
from audits.artifact.texts import spec_bytes
from audits.errors import SpecError
from audits.findings import Frozen, digest
from audits.processes import alive
from audits.spec import AuditSpec
from audits.spec_reader import read_spec
from tasks.lock import alone
from tasks.prune import in_use, prune

RECORD = ".made.json"
"""In the folder of a finished step: its files and their sha256."""


class Made(Frozen):
    """What a step made: its folder, its files by name with their sha256, and their common digest."""

    step: str
    folder: str
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """sha256 over the names and digests of the files: the same content, the same digest, wherever it lies."""
        return digest(self.files)

    def intact(self) -> bool:
        """Whether every file is still there, as it was made."""
        try:
            return all(_sha256(Path(self.folder) / name) == sha256 for name, sha256 in self.files.items())
        except OSError:
            return False

    def read(self, name: str) -> Any:
        """Return a JSON file that the step made."""
        return json.loads((Path(self.folder) / name).read_bytes())


class Run(Frozen):
    """Which audit, with which seed, into which folder. Small and frozen: it is a parameter of every task."""

    spec_path: str
    spec_digest: str
    seed: int
    home: str
    out: str
    started: str

    @property
    def spec(self) -> AuditSpec:
        """The spec as checked, with the seed of this run."""
        return _spec(self.spec_path, self.spec_digest, self.seed)

    @property
    def base(self) -> Path:
        """The folder of the spec: relative paths in it start there."""
        return Path(self.spec_path).parent

    @property
    def folder(self) -> Path:
        """The run folder: the evidence, and the artifact in the making."""
        key = digest([self.spec_digest, self.seed, self.out])[:12]
        return Path(self.home) / "runs" / f"{self.spec.audit}-{key}"

    def key(self, step: str, content: Any) -> str:
        """Return the content key of a step: what it reads and stands on, the seed, the code and its libraries."""
        return f"{step}-{digest([step, code_digest(), libraries(), self.seed, content])[:32]}"

    def make(self, key: str, step: str, work: Callable[[Path], object], *, again: bool) -> Made:
        """Carry out ``work`` on an empty folder and keep the folder under ``key``, whole or not at all.

        A folder that is there and intact is taken as it is, unless ``again``.
        """
        place = Path(self.home) / "steps" / key
        kept = _kept(step, place)
        if kept is not None and not again:
            return kept
        making = place.with_name(f".making-{key}-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        try:
            work(making)
            paths = [path for path in sorted(making.rglob("*")) if path.is_file()]
            files = {str(path.relative_to(making)): _sha256(path) for path in paths}
            kept = _kept(step, place)  # perhaps another run made it meanwhile, and stands on it
            if kept is None or kept.files != files:
                (making / RECORD).write_text(json.dumps(files))
                shutil.rmtree(place, ignore_errors=True)
                making.rename(place)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return Made(step=step, folder=str(place), files=files)

    def take(self, made: Made) -> None:
        """Lay a step's files into the run folder (as links where the file system allows); its age starts anew."""
        os.utime(made.folder)
        for name in made.files:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(Path(made.folder) / name, target)
            except OSError:
                shutil.copyfile(Path(made.folder) / name, target)

    def remember(self, **state: Any) -> None:
        """Note in the run folder how far this run came, for the same command after a crash."""
        path = self.folder / "run.json"
        known = json.loads(path.read_bytes()) if path.is_file() else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps({**known, "started": self.started, **state}))
        unfinished.replace(path)


def _kept(step: str, place: Path) -> Made | None:
    try:
        made = Made(step=step, folder=str(place), files=json.loads((place / RECORD).read_bytes()))
    except (OSError, ValueError):
        return None
    return made if made.intact() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def open_run(spec_path: Path, out: Path, home: Path, seed: int | None = None) -> Iterator[Run]:
    """Yield the run of a spec: the unfinished one where a crash left one, else a new one.

    A second process with the same run waits for the first: they would share the folder.
    """
    spec = read_spec(spec_path)
    run = Run(
        spec_path=str(spec_path.resolve()),
        spec_digest=spec.digest,
        seed=spec.statistics.seed if seed is None else seed,
        home=str(home),
        out=str(out.resolve()),
        started=_now(),
    )
    with in_use(home), alone(run.folder.with_name(f"{run.folder.name}.lock"), "carrying out this audit"):
        state = run.folder / "run.json"
        if state.is_file():
            run = run.model_copy(update={"started": json.loads(state.read_bytes())["started"]})
        else:
            run = run.model_copy(update={"started": _now()})
            shutil.rmtree(run.folder, ignore_errors=True)
            run.remember()
        (run.folder / "spec.yaml").write_bytes(spec_bytes(run.spec, spec_path.read_text()))
        for left in Path(home, "steps").glob(".making-*"):
            if not alive(int(left.name.rsplit("-", 1)[1])):
                shutil.rmtree(left, ignore_errors=True)
        yield run
    prune(home)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def close_run(run: Run) -> None:
    """Remove the run folder of a finished run; its steps stay, so the next one need not repeat them."""
    shutil.rmtree(run.folder, ignore_errors=True)


@lru_cache(maxsize=8)
def _spec(path: str, spec_digest: str, seed: int) -> AuditSpec:
    spec = read_spec(Path(path))
    if spec.digest != spec_digest:
        raise SpecError(f"{path}: got a spec that changed while the audit ran", "run the audit again")
    return spec.model_copy(update={"statistics": spec.statistics.model_copy(update={"seed": seed})})


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the sha256 of the library's own source: a change of code is a change of every key."""
    root = Path(audits.__file__).parent
    sources = [p for p in sorted(root.rglob("*")) if p.suffix in {".py", ".yaml", ".json"} and p.parent.name != "specs"]
    content = hashlib.sha256()
    for path in sources:
        content.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return content.hexdigest()


LIBRARIES = (
    *("numpy", "scipy", "pandas", "polars", "pyarrow", "datasets", "great-expectations", "scikit-learn", "shap"),
    *("torch", "transformers", "tokenizers", "prefect", "mlflow", "jinja2", "pydantic"),
)


@lru_cache(maxsize=1)
def libraries() -> dict[str, str]:
    """Return the versions of the libraries that compute or carry a number."""
    return {name: version(name) for name in LIBRARIES}

"""The rules of the house, held by a machine: prose drifts."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audits import counterfactuals, metrics, techniques

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flows", "tasks", "model_cards", "audits")  # imports point from left to right only
HEAVY = ("torch", "transformers", "shap", "captum", "great_expectations", "datasets", "pandas", "polars", "sklearn")
PREFECT = ("flows", "tasks")
MLFLOW = ("tasks/record.py", "tasks/promote.py", "tasks/collect.py", "audits/subjects/registered.py")


def modules(package: str) -> Iterator[Path]:
    yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_between_folders_point_one_way(package):
    above = PACKAGES[: PACKAGES.index(package)]
    for path in modules(package):
        for name in imports(path):
            assert name.split(".")[0] not in above, f"{path.relative_to(ROOT)} imports {name}"


def test_only_flows_and_tasks_import_prefect():
    for package in set(PACKAGES) - set(PREFECT):
        for path in modules(package):
            assert "prefect" not in {name.split(".")[0] for name in imports(path)}, path


def test_only_record_promotion_collection_and_the_registered_model_import_mlflow():
    for package in PACKAGES:
        for path in modules(package):
            if str(path.relative_to(ROOT)) not in MLFLOW and path.parent.name != "specs":
                assert "mlflow" not in {name.split(".")[0] for name in imports(path)}, path


@pytest.mark.parametrize("package", PACKAGES)
def test_heavy_libraries_are_imported_at_call_time(package):
    for path in modules(package):
        if path.parent.name == "specs":
            continue
        found = {name.split(".")[0] for name in imports(path, top_level_only=True)} & set(HEAVY)
        assert not found, f"{path.relative_to(ROOT)} imports {found} at the top"


def test_no_relative_imports():
    for package in PACKAGES:
        for path in modules(package):
            levels = [n.level for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
            assert not any(levels), path


def test_the_library_loads_without_prefect_mlflow_and_torch():
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in modules("audits") if p.parent.name != "specs"]
    names = [name.removesuffix(".__init__") for name in names if not name.startswith("audits.child")]
    code = f"import sys, importlib; [importlib.import_module(n) for n in {names}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"prefect", "mlflow", "torch", "transformers", "shap"}


ENTRIES = [
    pytest.param(entry, id=f"{registry.kind} {entry.name}")
    for registry in (techniques.registry, counterfactuals.registry, metrics.registry)
    for entry in registry.entries().values()
    if entry.function.__module__.startswith("audits.")
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_has_a_source_a_summary_and_a_test(entry):
    assert len(entry.source) > 10
    assert entry.summary.endswith(".")
    assert any(entry.name in path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))


def test_public_functions_have_docstrings():
    for package in PACKAGES:
        for path in modules(package):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    assert ast.get_docstring(node), f"{path.relative_to(ROOT)}: {node.name}"


def test_functions_stay_short():
    for package in PACKAGES:
        for path in modules(package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    body = (node.end_lineno or 0) - node.body[0].lineno + 1
                    assert body <= 60, f"{path.relative_to(ROOT)}: {node.name} is {body} lines"


@pytest.mark.parametrize("verb", [["--help"], ["list", "metrics"], ["list", "techniques"], ["list", "runs"]])
def test_quick_verbs_import_no_heavy_library(verb):
    code = (
        f"import sys; sys.argv[1:] = {verb!r}\n"
        "from flows.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"prefect", "mlflow", "torch", "pandas", "polars", "scipy", "sklearn", "datasets"}


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    from synthetic import sealed

    from audits.attestation import make_key

    folder = tmp_path_factory.mktemp("quick")
    return {"ARTIFACT": str(sealed(folder)), "KEY": str(make_key(folder)[0]), "NEW": str(folder / "new")}


@pytest.mark.parametrize(
    "verb",
    [
        "verify ARTIFACT",
        "verify ARTIFACT --chain",
        "diff ARTIFACT ARTIFACT",
        "diff ARTIFACT ARTIFACT --format md",
        "keys new --out NEW",
        "sign ARTIFACT --key KEY",
        "gate ARTIFACT",
        "list packs",
    ],
)
def test_verbs_that_only_read_an_artifact_import_no_server_and_no_model(verb, signed):
    words = [signed.get(word, word) for word in verb.split()]
    code = f"import sys; sys.argv[1:] = {words!r}\nimport atexit; atexit.register(lambda: print(*sys.modules))\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}from flows.cli import main\nmain()"], capture_output=True, text=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert "flows.cli" in loaded
    assert not loaded & {"prefect", "mlflow", "torch", "transformers", "pandas", "polars", "scipy.stats", "sklearn"}
    assert done.returncode == 0 or verb.startswith("gate")


def test_flow_files_are_short_enough_to_read():
    flow = importlib.import_module("flows.audit")
    assert len(inspect.getsource(flow).splitlines()) <= 75

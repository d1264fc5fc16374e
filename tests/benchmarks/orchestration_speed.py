"""What orchestration costs: the mortgage-table audit as Prefect tasks against the same functions called plainly.

Prints, from one run on one machine: plain seconds, seconds with a server that is already running, and seconds with
the server that a run brings itself. Model and scores are warm in all three; finished steps are not reused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 3
SPEC = ROOT / "audits" / "specs" / "mortgage-table.yaml"


def plain(home: Path) -> float:
    """Carry out the audit with no task and no flow, in a process of its own; return its seconds."""
    begun = time.monotonic()
    subprocess.run([sys.executable, __file__, "plain", str(home)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def plainly(home: Path) -> None:
    """The steps of ``flows/audit.py`` as function calls."""
    from flows import environment

    environment.prepare(home)
    from audits import artifact, data, pairs, slices
    from audits.findings import canonical_json, read_findings, write_findings
    from audits.host import Host
    from audits.observe import observe, resolve
    from audits.spec_reader import read_spec
    from audits.verdict import judge
    from model_cards.render import write_card
    from tasks.examine import examine_into
    from tasks.record import put_aside, record_all
    from tasks.run import libraries

    spec, base, started = read_spec(SPEC), SPEC.parent, datetime.now(UTC)
    run = Path(tempfile.mkdtemp())
    (run / "run.json").write_text(json.dumps({"started": started.isoformat()}))
    with Host(base) as host:
        data.load(spec, base, run)
        slices.cut(spec, run, run)
        pairs.pair(spec, run, run)
        model = resolve(spec, base, run, host, home)
        (run / "resolved.json").write_text(json.dumps(model))
        observe(spec, base, run, run, host, home, model=model)
        findings = []
        for name, options in spec.techniques.items():
            examine_into(spec, run, run, host, name, options)
            findings += read_findings((run / f"findings-{name}.json").read_bytes())
    (run / "findings.json").write_bytes(write_findings(findings))
    verdict = judge(spec.policy, findings, spec.statistics.level)
    (run / "verdict.json").write_bytes(canonical_json(verdict.to_json()) + b"\n")
    write_card(run, spec=spec)
    folder = artifact.seal(
        run,
        home / "out",
        spec=spec,
        spec_text=SPEC.read_text(),
        started=started,
        ended=datetime.now(UTC),
        libraries=libraries(),
    )
    put_aside(home, folder, spec.tracking.uri)
    record_all(home)


def orchestrated(home: Path, server: str | None) -> float:
    """Carry out the audit with ``evenhand run``; return its seconds."""
    for kept in ("steps", "results", "runs"):
        shutil.rmtree(home / kept, ignore_errors=True)
    environment = os.environ | {"EVENHAND_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    if server:
        environment["PREFECT_API_URL"] = server
    begun = time.monotonic()
    command = [sys.executable, "-m", "flows.cli", "run", str(SPEC), "--quiet", "--out", str(home / "out")]
    code = subprocess.run(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL).returncode
    assert code in (0, 1, 3), f"evenhand run ended with exit code {code}"
    return time.monotonic() - begun


def main() -> None:
    """Print the three times and the two differences."""
    from flows.server import server

    home = Path(tempfile.mkdtemp())
    orchestrated(home, None)  # fits the model, scores, migrates the databases
    seconds: dict[str, list[float]] = {"plain": [], "standing": [], "own": []}
    with server(Path(tempfile.mkdtemp())) as started:
        assert started is not None
        started.wait()
        address = os.environ["PREFECT_API_URL"]
        for _ in range(ROUNDS):  # in turn, since the machine may be busier at one time than at another
            seconds["plain"].append(plain(home))
            seconds["standing"].append(orchestrated(home, address))
            seconds["own"].append(orchestrated(home, None))
    without, standing, own = (min(times) for times in seconds.values())
    print(f"plain functions            {without:6.1f} s")
    print(f"with a running server      {standing:6.1f} s   {standing - without:+.1f} s (aim: under +3)")
    print(f"with a server of the run   {own:6.1f} s   {own - without:+.1f} s (aim: under +12)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["plain"]:
        plainly(Path(sys.argv[2]))
    else:
        main()

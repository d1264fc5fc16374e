"""``evenhand schedule``: an audit registered with a Prefect server, to be carried out again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audits import paths
from audits.errors import AuditError, SpecError
from flows import environment


def schedule(spec_path: Path, cron: str, out: Path, pool: str | None = None) -> dict[str, Any]:
    """Register the recurring audit; without a pool stay and carry it out, until stopped.

    Registering it once more replaces the schedule. Times are UTC.

    Args:
        spec_path: the spec; it must be readable at the same place where the worker runs.
        cron: five fields, ``0 6 * * 1``.
        out: folder of artifacts.
        pool: work pool whose workers carry it out.

    Raises:
        SpecError: the spec or the cron expression cannot be read.
        AuditError: there is no Prefect server, or it refuses.
    """
    home = paths.home()
    environment.prepare(home)
    if not environment.has_prefect_server():
        raise AuditError(
            "schedule: got no Prefect server, expected one that stays when this command ends",
            "start one: prefect server start; then name it: export PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    from audits.spec_reader import read_spec

    spec = read_spec(spec_path)
    given = {"spec": str(spec_path.resolve()), "out": str(out.resolve()), "home": str(home)}
    from flows.recurring import recurring

    about: dict[str, Any] = {
        "name": spec.audit,
        "schedule": _cron(cron),
        "parameters": given,
        "tags": ["evenhand"],
        "description": spec.question,
    }
    told = {"deployment": f"{recurring.name}/{spec.audit}", "cron": cron, "pool": pool, **given}
    if pool is None:
        recurring.serve(**about, print_starting_message=False, limit=1)
        return told
    return {**told, "id": _registered(recurring, about, pool)}


def _cron(text: str) -> Any:
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.schedules import Cron

    try:
        CronSchedule(cron=text)
    except ValueError:
        raise SpecError(
            f"--cron: got {text!r}, expected a cron expression", "five fields: --cron '0 6 * * 1'"
        ) from None
    return Cron(text, timezone="UTC")


def _registered(flow: Any, about: dict[str, Any], pool: str) -> str:
    """Register the deployment, and return its id."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.types.entrypoint import EntrypointType

    try:
        with get_client(sync_client=True) as client:
            client.read_work_pool(pool)
        made = flow.to_deployment(**about, work_pool_name=pool, entrypoint_type=EntrypointType.MODULE_PATH)
        return str(made.apply())
    except ObjectNotFound:
        raise AuditError(
            f"--pool: got {pool!r}, expected a work pool of the server",
            f"create it: prefect work-pool create {pool} --type process; then prefect worker start --pool {pool}",
        ) from None
    except Exception as error:
        if isinstance(error, AuditError) or not type(error).__module__.startswith(("prefect", "httpx", "builtins")):
            raise
        said = str(error).partition("\n")[0] or type(error).__name__
        raise AuditError(f"Prefect: {said}", "check the server that PREFECT_API_URL names") from error

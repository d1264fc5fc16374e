"""A Prefect server of our own for one run, where the user has none.

Prefect's built-in temporary server is imported into the client as well, migrates a fresh database, and is killed
at exit before it has written the last task runs. This one is a plain child process over a database that stays in
the run's home; it starts while the data loads and, when its parent is gone, stays long enough to write the rest.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from audits.errors import AuditError
from flows.environment import has_prefect_server

LINGER = 10.0  # seconds the server stays after its parent has gone, to write what the parent sent last
UNUSED = ("SCHEDULER", "LATE_RUNS", "TRIGGERS", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "FOREMAN")


@contextlib.contextmanager
def server(home: Path) -> Iterator[Server | None]:
    """Start a server and point Prefect at it; ``None`` where the user already has one.

    Must be entered before prefect is imported: prefect reads the address on import.
    """
    if has_prefect_server():
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in UNUSED}
    environment |= {"PREFECT_HOME": str(home / "prefect"), "PREFECT_SERVER_UI_ENABLED": "false"}
    log = home / "prefect" / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.server", str(port)],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            env=environment,
            start_new_session=True,  # Ctrl-C ends the run, and the server only after it
        )
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    try:
        yield Server(process, port, log)
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        # stdin stays open: it closes with this process, once prefect has sent its last events


class Server:
    """A starting or running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def wait(self, seconds: float = 120) -> None:
        """Return once the server answers. Raises ``AuditError`` where it ends or stays silent."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=2).read()
                return
            time.sleep(0.05)
        code = self.process.poll()
        raise AuditError(
            f"Prefect server: got {'no answer' if code is None else f'exit code {code}'} within {seconds:.0f} s, "
            "expected it to start",
            f"read {str(self.log)!r}, or set PREFECT_API_URL to a server of your own",
        )


def _serve(port: int) -> None:
    """Run the server until standard input closes, and ``LINGER`` seconds more.

    Servers of runs that begin at once start one after the other: each migrates the database, which they share.
    """
    import fcntl
    import threading

    import uvicorn
    from prefect.server.api.server import create_app

    turn = (Path(os.environ["PREFECT_HOME"]) / "starting.lock").open("w")
    fcntl.flock(turn, fcntl.LOCK_EX)  # let go below, or with this process
    running = uvicorn.Server(uvicorn.Config(create_app(), "127.0.0.1", port, log_level="error"))

    def end() -> None:
        while not running.started:
            time.sleep(0.02)
        turn.close()
        sys.stdin.buffer.read()
        time.sleep(LINGER)
        running.should_exit = True
        time.sleep(LINGER)
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    running.run()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""What a person sees while an audit runs: a line for each step, a bar where it takes long. All on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Console:
    """Progress for people; silent when told so. A bar only where stderr is a terminal."""

    def __init__(self) -> None:
        self.quiet = False
        self._bar: Progress | None = None

    @property
    def terminal(self) -> Terminal:
        """Standard error as it is now (tests and pipes replace it)."""
        return Terminal(file=sys.stderr, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            self.terminal.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Print a warning that matters, also when quiet."""
        self.terminal.print(f"warning: {text}", markup=False, style="yellow")

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a bar for the step while it runs, once it reports progress."""
        self._name = name
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    def progress(self, done: int, total: int) -> None:
        """Advance the bar of the running step."""
        if self.quiet or not sys.stderr.isatty() or total == 0:
            return
        if self._bar is None:
            columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, *times, console=self.terminal, transient=True)
            self._bar.add_task(self._name, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def done(self, name: str, seconds: float, note: str) -> None:
        """Print the line of a finished step."""
        self.say(f"  {name:<30} {seconds:6.1f} s  {note}".rstrip())


console = Console()

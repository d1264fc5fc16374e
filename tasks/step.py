"""What every task shares: a name, retries, a cache key from content digests, a line of progress.

A step's function writes files into an empty folder; the shell around it keeps them under a content key::

    @step(reads=("protected", "intersections"))
    def cut(run: Run, out: Path) -> None:
        slices.cut(run.spec, run.folder, out)

and in the flow ``cut(run, data)`` names what it stands on. Two calls with the same content of what the step
reads (sections of the spec), of what it stands on and of the code share one result: in this process or in
another one, before or after a crash.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.context import TaskRunContext

from tasks.console import console
from tasks.run import Made, Run


class Step:
    """A Prefect task that makes files. Called in a flow, it answers with what was made, now or before."""

    def __init__(
        self,
        function: Callable[..., None],
        reads: tuple[str, ...],
        also: Callable[[Run], str] | None,
        retries: int,
        kept: bool,
    ) -> None:
        self.name = function.__name__
        self.function = function
        self.reads = reads
        self.also = also
        self.kept = kept
        self._told: set[str] = set()
        self.__doc__ = function.__doc__
        self.task = task(
            name=self.name,
            description=function.__doc__,
            retries=retries,
            retry_delay_seconds=5,
            cache_key_fn=self._cache_key if kept else None,
            persist_result=kept,
            result_serializer="json",
        )(self._carry_out)

    def _carry_out(self, run: Run, after: list[Made], options: dict[str, Any]) -> Made:
        key = self._key(run, after, options)
        return run.make(key, self.name, lambda out: self.function(run, out, **options), again=not self.kept)

    def ahead(self, run: Run, *after: Made) -> Made:
        """Carry the step out before the flow has begun; the flow then finds what was made."""
        begun = time.monotonic()
        with console.step(self.name):
            made = self._carry_out(run, list(after), {})
        run.take(made)
        console.done(self.name, time.monotonic() - begun, "")
        self._told.add(str(run.folder))
        return made

    def _key(self, run: Run, after: list[Made], options: dict[str, Any]) -> str:
        spec = run.spec.model_dump(mode="json")
        sections = {section: spec[section] for section in self.reads}
        outside = self.also(run) if self.also else ""
        return run.key(self.name, [sections, [made.digest for made in after], options, outside])

    def _cache_key(self, context: TaskRunContext, parameters: dict[str, Any]) -> str:
        return self._key(parameters["run"], parameters["after"], parameters["options"])

    def __call__(self, run: Run, *after: Made, **options: Any) -> Made:
        """Carry the step out, or take it from an earlier run, and lay its files into the run folder."""
        begun = time.monotonic()
        label = " ".join([self.name, *(value for value in options.values() if isinstance(value, str))])
        with console.step(label):
            state = self.task(run, list(after), options, return_state=True)
            made: Made = state.result()
            known = state.name == "Cached"
            if not made.intact():  # the kept files were cleared or damaged, but not the results that name them
                made = self.task.with_options(refresh_cache=True)(run, list(after), options)
                known = False
        run.take(made)
        if str(run.folder) not in self._told:
            console.done(label, time.monotonic() - begun, "as before" if known else "")
        return made


def step(
    *, reads: tuple[str, ...] = (), also: Callable[[Run], str] | None = None, retries: int = 0, kept: bool = True
) -> Callable[[Callable[..., None]], Step]:
    """Make a step of a function ``(run, out, **options)`` that writes files into ``out``.

    Args:
        reads: the sections of the spec that the step depends on; others may change without repeating it.
        also: what else its result depends on, from outside the run (the content of the data's source).
        retries: how often to try again; only where trying again can help (a network, a server).
        kept: whether the result serves later runs; a step that must look outside each time is not kept.
    """
    return lambda function: Step(function, reads, also, retries, kept)

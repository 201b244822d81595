"""What the steps of one run share, from its first step to its end, however it ends."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from monitoring_dagster.daily.workers import Failed, kept
from monitoring_dagster.orchestration.launcher import note_process

RUN = "monitoring_run"  # the resource's name
_FAILED_DAYS = "failed_days"  # what marks a failure as one of single days, and their number
_NAMED_DAYS = 5


@dataclass
class Run:
    """The days that a step of this run could not do; no later step of the run tries them."""

    failed: dict[str, dict[str, Failed]] = field(default_factory=dict)  # by step, then by day
    undone: dict[str, set[str]] = field(default_factory=dict)  # by step, with what came of that

    def blocked(self, steps: Sequence[str]) -> set[str]:
        """The days that one of *steps*, which come before, has no result of."""
        return set().union(*(self.undone.get(step, set()) for step in steps))

    def note(self, step: str, failed: Mapping[str, Failed], blocked: set[str]) -> None:
        """Keep what *step*, which has just ended, could not do."""
        self.failed[step] = dict(failed)
        self.undone[step] = blocked | failed.keys()

    def failure(self, model: str) -> dg.Failure:
        """How a run of *model* ends: one sentence on which days, where and why, each cause once."""
        causes: dict[str, list[str]] = defaultdict(list)
        for name, failed in self.failed.items():
            owner, _, step = name.partition("/")
            for day, one in sorted(failed.items()):
                if owner == model:
                    causes[f"{step}: {one.words}"].append(day)
        told = (f"{_listed(days)}: {cause}" for cause, days in causes.items())
        words = f"{model} could not be judged on {'; on '.join(told)}"
        days = {day for days in causes.values() for day in days}
        return dg.Failure(words, metadata={_FAILED_DAYS: len(days)}, allow_retries=False)


@dg.resource(description="The processes of a run, and the days that its steps could not do.")
def run_resource(context: dg.InitResourceContext) -> Iterator[Run]:
    """Dagster makes it before the first step, and lets it end after success, failure or cancel."""
    if context.instance is not None and context.run is not None:
        note_process(context.instance, context.run.run_id)
    with kept():
        yield Run()


def failed_days(event: dg.DagsterEvent) -> str | None:
    """The sentence about its days by which one of our steps failed; None if it failed otherwise."""
    failure = event.step_failure_data.user_failure_data
    return failure.description if failure and _FAILED_DAYS in failure.metadata else None


def error_of(event: dg.DagsterEvent) -> str:
    """Why a step failed, in words without the class of the error."""
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error and (failure.error.cause or failure.error)
    return error.message.strip() if error else "it says nothing of why"


def _listed(days: Sequence[str]) -> str:
    more = len(days) - _NAMED_DAYS
    return ", ".join(days[:_NAMED_DAYS]) + (f" and {more} more days" if more > 0 else "")

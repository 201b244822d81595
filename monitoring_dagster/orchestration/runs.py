"""What the steps of one run share, from its first step to its end, however it ends."""

from collections.abc import Iterator

import dagster as dg

from monitoring_dagster.orchestration.launcher import note_process
from monitoring_dagster.pipeline.workers import kept

RUN = "monitoring_run"  # the resource's name


@dg.resource(description="The processes of a run: where it lives, and workers that end with it.")
def run_resource(context: dg.InitResourceContext) -> Iterator[None]:
    """Dagster makes it before the first step, and lets it end after success, failure or cancel."""
    if context.instance is not None and context.run_id is not None:
        note_process(context.instance, context.run_id)
    with kept():
        yield

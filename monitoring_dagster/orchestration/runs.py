"""What the steps of one run share, from its first step to its end, however it ends."""

from collections.abc import Iterator

import dagster as dg

from monitoring_dagster.pipeline.workers import kept

RUN = "monitoring_run"  # the resource's name


@dg.resource(description="The worker processes of a run over many days; they end with it.")
def run_resource(_context: dg.InitResourceContext) -> Iterator[None]:
    """Dagster makes it before the first step, and lets it end after success, failure or cancel."""
    with kept():
        yield

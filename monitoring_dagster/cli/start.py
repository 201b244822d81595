"""The commands that start something long: the replay of a year, and the web pages."""

import gc
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from monitoring_dagster.cli import here
from monitoring_dagster.cli.output import print_json, reserved

_PORT = click.IntRange(1, 65535)


@click.command()
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last day; by default yesterday.")
@click.option("--seed", default=0, show_default=True, help="Other latencies, errors and probes.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def demo(end: datetime | None, seed: int, as_json: bool) -> None:
    """Replay a year of real flights: train, serve, monitor, alert, retrain."""
    from monitoring_dagster.demo.replay import replay
    from monitoring_dagster.demo.replay_view import Bars, show_summaries
    from monitoring_dagster.orchestration.dg_project import silence_dagster

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small data threads cost more than they give
    gc.set_threshold(50_000)  # a replay makes many objects and few cycles
    silence_dagster()
    last = end.date() if end else datetime.now(UTC).date() - timedelta(days=1)
    project = here.project()
    with Bars(quiet=as_json) as progress, reserved():
        summaries = replay(project, end=last, seed=seed, progress=progress)
    if as_json:
        print_json([asdict(one) for one in summaries])
    else:
        show_summaries(project, summaries)


@click.command()
@click.option("--port", type=_PORT, default=3000, show_default=True, help="Of Dagster.")
@click.option("--mlflow-port", type=_PORT, default=5000, show_default=True)
def ui(port: int, mlflow_port: int) -> None:
    """Dagster's web server and daemon on this project, and the MLflow UI, until Ctrl-C."""
    from monitoring_dagster.orchestration.servers import serve

    serve(here.project(), port=port, mlflow_port=mlflow_port)

"""The commands people type; each a few lines over a function below."""

import gc
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitoring_dagster.errors import MonitoringError

if TYPE_CHECKING:
    from monitoring_dagster.orchestration.project import Project


class Commands(click.Group):
    """A group whose expected errors are one line on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MonitoringError as error:
            click.echo(f"monitoring-dagster: {error}", err=True)
            ctx.exit(2)


def _project() -> "Project":
    from monitoring_dagster.orchestration.project import Project

    return Project.at(Path.cwd())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="monitoring_dagster")
def main() -> None:
    """Machine-learning monitoring that lives inside Dagster."""


@main.command()
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last day; by default yesterday.")
@click.option("--seed", default=0, show_default=True, help="Other latencies, errors and probes.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def demo(end: datetime | None, seed: int, as_json: bool) -> None:
    """Replay a year of real flights: train, serve, monitor, alert, retrain."""
    from monitoring_dagster.demo.replay import replay
    from monitoring_dagster.demo.show import Bars, show_summaries
    from monitoring_dagster.orchestration.project import silence_dagster

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small data threads cost more than they give
    gc.set_threshold(50_000)  # a replay makes many objects and few cycles
    silence_dagster()
    last = end.date() if end else datetime.now(UTC).date() - timedelta(days=1)
    project = _project()
    with Bars(quiet=as_json) as progress:
        summaries = replay(project, end=last, seed=seed, progress=progress)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in summaries], default=str))
    else:
        show_summaries(project, summaries)


@main.command()
@click.option("--port", default=3000, show_default=True, help="Of Dagster.")
@click.option("--mlflow-port", default=5000, show_default=True)
def ui(port: int, mlflow_port: int) -> None:
    """Dagster's web server and daemon on this project, and the MLflow UI, until Ctrl-C."""
    from monitoring_dagster.orchestration.servers import serve

    serve(_project(), port=port, mlflow_port=mlflow_port)


@main.command()
@click.argument("reference")
@click.argument("current")
@click.option("--categorical", multiple=True, metavar="COLUMN", help="Take it for categories.")
@click.option("--numeric", multiple=True, metavar="COLUMN", help="Take it for numbers.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave it out.")
@click.option("--segment", multiple=True, metavar="COLUMN", help="Judge each of its values, too.")
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the reference's profile here: give it as REFERENCE from now on.",
)
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def drift(
    reference: str,
    current: str,
    categorical: tuple[str, ...],
    numeric: tuple[str, ...],
    ignore: tuple[str, ...],
    segment: tuple[str, ...],
    keep: Path | None,
    as_json: bool,
) -> None:
    """Say whether the rows in CURRENT drifted from those in REFERENCE.

    Both are Parquet or CSV: a file, a folder or a quoted glob. Exits with 0 without drift, with 1
    with drift, with 2 on an error.
    """
    from monitoring_dagster.standalone.drift import compare

    given: dict[str, Any] = {
        "categorical": categorical,
        "numeric": numeric,
        "ignore": ignore,
        "segments": segment,
    }
    if as_json:
        found = compare(reference, current, **given)
        click.echo(json.dumps(found.to_dict(), allow_nan=False))
    else:
        from monitoring_dagster.standalone.show import Progress, show  # late: rich is slow

        with Progress() as progress:
            found = compare(reference, current, **given, advance=progress.advance)
        show(found)
    if keep is not None:
        found.reference.keep(keep)
    sys.exit(1 if found.verdict == "DRIFT" else 0)


@main.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True)
def status(model: str | None, as_json: bool) -> None:
    """Open incidents and unsent messages. Exits with 1 where there are any."""
    from monitoring_dagster.pipeline.status import status_of

    project = _project()
    names = [model] if model else sorted(project.specs)
    found = [status_of(project.monitor(name)) for name in names]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], default=str))
    else:
        for one in found:
            click.echo(one.words)
    sys.exit(0 if all(one.healthy for one in found) else 1)


@main.command()
@click.argument("model")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="By default all days.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def backtest(model: str, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """Say what the drift rules, as they stand in YAML now, would have said of the stored days.

    No row is read and nothing is written: change a threshold or a baseline, and look.
    """
    from monitoring_dagster.pipeline.backtest import backtest as judge

    found = judge(
        _project().monitor(model),
        first=first.date() if first else date.min,
        last=last.date() if last else date.max,
    )
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    for (baseline, column), days in found.drifted.items():
        click.echo(f"{len(days):>5} days  {column} against {baseline}, {days[0]} to {days[-1]}")
    click.echo(f"{found.days_with_drift} of {len(found.days)} days with drift")


@main.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True)
def runbook(model: str, as_json: bool) -> None:
    """The on-call steps for a model, each with its evidence. Exits with 1 where one is FAIL."""
    from monitoring_dagster.pipeline.runbook import walk

    found = walk(_project().monitor(model), today=datetime.now(UTC).date())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], default=str))
    else:
        for number, one in enumerate(found, start=1):
            click.echo(f"{number}. {one.state:<7} {one.title}: {one.evidence}")
    sys.exit(1 if any(one.state == "FAIL" for one in found) else 0)


@main.command()
@click.argument("model")
@click.option("--reason", required=True, help="Goes into the ledger and to the channel.")
def rollback(model: str, reason: str) -> None:
    """Make the previous champion serve again."""
    from monitoring_dagster.pipeline.promotion import roll_back

    click.echo(roll_back(_project().monitor(model), reason=reason, by=_person()))


@main.command()
def resend() -> None:
    """Try again to send the messages that Slack refused for good."""
    count = _project().house.ledger.deliveries.revive()
    click.echo(f"{count} messages wait to be sent again")


@main.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", required=True, help="Goes into the ledger.")
def promote(model: str, version: str, reason: str) -> None:
    """Make a version the champion: the approval that `promotion: manual` waits for."""
    from monitoring_dagster.pipeline.promotion import adopt_champion
    from monitoring_dagster.pipeline.promotion import promote as make_champion

    monitor, now = _project().monitor(model), datetime.now(UTC)
    adopt_champion(monitor, at=now)
    previous = monitor.registry.champion(monitor.spec.mlflow_name)
    make_champion(monitor, version, previous=previous, reason=reason, by=_person(), at=now)
    click.echo(f"version {version} of {model} serves from now on")


@main.command()
@click.argument("model")
@click.argument("switch", type=click.Choice(["on", "off"]))
def fallback(model: str, switch: str) -> None:
    """Tell the service to answer without the model (on), or with it again (off)."""
    monitor = _project().monitor(model)
    monitor.ledger.set_fallback(model, on=switch == "on", by=_person(), now=datetime.now(UTC))
    click.echo(f"fallback of {model} is {switch}; rows served so are counted, and not judged")


@main.command()
@click.argument("model")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="By default the last judged day.")
def retrain(model: str, as_of: datetime | None) -> None:
    """Train a challenger now, and let it show what it can do."""
    from monitoring_dagster.pipeline.retraining import retrain as run

    day: date | None = as_of.date() if as_of else None
    found = run(_project().monitor(model), as_of=day, cause=f"Asked for by {_person()}.")
    click.echo(f"version {found.version} {found.words['outcome']}: {found.words['gate']}")


def _person() -> str:
    return os.environ.get("USER") or getuser()

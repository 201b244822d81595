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
@click.argument("reference")
@click.argument("current")
@click.option("--chunk-size", type=click.IntRange(1), metavar="ROWS", help="Estimated together.")
@click.option("--by", type=click.Choice(["day"]), help="All rows of a UTC day together.")
@click.option("--label", metavar="COLUMN", help="Of REFERENCE.")
@click.option("--score", metavar="COLUMN", help="Probability of 1, or of the predicted class.")
@click.option("--prediction", metavar="COLUMN", help="By default 1 for a score of at least 0.5.")
@click.option("--time", metavar="COLUMN", help="Of CURRENT, for --by day.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="It is no feature.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]))
@click.option("--positive", metavar="VALUE", help="The label that counts as 1, all others as 0.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def estimate(reference: str, current: str, as_json: bool, **given: Any) -> None:
    """Say what performance to expect in CURRENT, whose labels have not come.

    Learnt from REFERENCE, which has labels. Both are Parquet or CSV: a file, a folder or a quoted
    glob; rows are best in the order of time. Columns with plain names, such as label, score and
    prediction, are found. By default CURRENT is estimated in ten equal parts, in fewer where they
    would have less than 100 rows. Exits with 0, or with 2 on an error.

    --json prints {task, columns, features, reference: {rows, metrics}, chunks: [{from, to, rows,
    left_out, day (with --by day), shifted, method, note, metrics: {name: {estimate, low, high}}}],
    notes}: rows count from 0, both ends included; what is not defined is null. It cannot see
    concept drift.
    """
    from monitoring_dagster.standalone.estimate import estimate as expect

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small data threads cost more than they give
    if as_json:
        click.echo(json.dumps(expect(reference, current, **given).to_dict(), allow_nan=False))
        return
    from monitoring_dagster.standalone.show import Progress  # late: rich is slow
    from monitoring_dagster.standalone.show_estimate import show

    with Progress("chunks estimated") as progress:
        found = expect(reference, current, **given, advance=progress.reach)
    show(found)


@main.command()
@click.argument("predictions")
@click.argument("labels")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="UTC day; by default all counts.")
@click.option("--by", multiple=True, metavar="day|hour|version|COLUMN", help="Each value, too.")
@click.option("--segment", multiple=True, metavar="COLUMN", help="As --by, whatever its name.")
@click.option("--id", metavar="COLUMN", help="Of the request, in both.")
@click.option("--time", metavar="COLUMN", help="Of PREDICTIONS: when it was served.")
@click.option("--score", metavar="COLUMN", help="Probability of 1, or of the predicted class.")
@click.option("--prediction", metavar="COLUMN")
@click.option("--version", metavar="COLUMN", help="Of PREDICTIONS: which model answered.")
@click.option("--label", metavar="COLUMN")
@click.option("--arrived", metavar="COLUMN", help="Of LABELS: when it became known.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]))
@click.option("--positive", metavar="VALUE", help="The label that counts as 1, all others as 0.")
@click.option(
    "--keep",
    type=click.Choice(["first", "last"]),
    default="first",
    show_default=True,
    help="Which of a request's labels counts.",
)
@click.option("--ambiguous", multiple=True, metavar="VALUE", help="A label that means: unknown.")
@click.option(
    "--mature-after",
    type=click.IntRange(0, 365),
    default=14,
    show_default=True,
    metavar="DAYS",
    help="How long labels are waited for.",
)
@click.option(
    "--expire-after",
    type=click.IntRange(0, 730),
    metavar="DAYS",
    help="Later labels change nothing; by default all count.",
)
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    metavar="SHARE",
    help="With fewer labels a group is INSUFFICIENT.",
)
@click.option("--value", metavar="tp=5,fp=-1,...", help="What each outcome of a binary one brings.")
@click.option(
    "--quantile",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="LEVEL",
    help="Of a regression: its quantile loss, too.",
)
@click.option("--json", "as_json", is_flag=True, help="One object instead of the tables.")
def evaluate(
    predictions: str,
    labels: str,
    as_of: datetime | None,
    mature_after: int,
    expire_after: int | None,
    value: str | None,
    as_json: bool,
    by: tuple[str, ...],
    segment: tuple[str, ...],
    **given: Any,
) -> None:
    """Say how good the PREDICTIONS were, by those LABELS that were known at the end of a day.

    Both are Parquet or CSV: a file, a folder or a quoted glob. Columns with plain names, such as
    request_id, served_at, score, prediction, label and arrived_at, are found. Exits with 0, or with
    2 on an error.

    --json prints {as_of, task, columns, notes, predictions: {rows, counted, duplicate, invalid,
    later}, labels: {rows, joined, ...}, delay_days, groups: [{by, value, n, predictions, coverage,
    state, reason, metrics: {name: {value, low, high, n}}, reliability: [...]}]}: the whole first;
    what is not defined is null.
    """
    from monitoring_dagster.standalone.evaluate import evaluate as judge
    from monitoring_dagster.standalone.evaluate import value_table

    roles = ("id", "time", "score", "prediction", "version", "label", "arrived")
    given["columns"] = {role: given.pop(role) for role in roles}
    given |= {
        "as_of": as_of.date() if as_of else None,
        "by": by,
        "segments": segment,
        "mature_after_days": mature_after,
        "expire_after_days": expire_after,
        "value": value_table(value) if value is not None else None,
    }
    if as_json:
        click.echo(json.dumps(judge(predictions, labels, **given).to_dict(), allow_nan=False))
        return
    from monitoring_dagster.standalone.show import Progress  # late: rich is slow
    from monitoring_dagster.standalone.show_quality import show

    with Progress() as progress:
        found = judge(predictions, labels, **given, advance=progress.advance)
    show(found)


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
@click.argument("metric", required=False)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="By default all days.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="By default what is known now.")
@click.option("--by", "segment", default="", metavar="SEGMENT", help="Each of its values.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def history(
    model: str,
    metric: str | None,
    first: datetime | None,
    last: datetime | None,
    as_of: datetime | None,
    segment: str,
    as_json: bool,
) -> None:
    """Say how good every stored day was, by METRIC as it is defined in YAML now.

    No row is read: after a change of a cost table, look at last month under the new one. METRIC is
    by default the first judged one.
    """
    from monitoring_dagster.pipeline.history import history as points_of

    found = points_of(
        _project().monitor(model),
        metric=metric,
        first=first.date() if first else date.min,
        last=last.date() if last else date.max,
        as_of=as_of.date() if as_of else None,
        segment=segment,
    )
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found], allow_nan=False))
    else:
        for one in found:
            click.echo(one.words)


@main.command()
@click.argument("model")
@click.argument("metric", required=False)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="By default what is known now.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the lines.")
def record(model: str, metric: str | None, as_of: datetime | None, as_json: bool) -> None:
    """Say how right the last month's estimates of METRIC were, now that labels are there.

    By the whole and by segment. METRIC is by default the first judged one.
    """
    from monitoring_dagster.pipeline.track_record import to_dict, track_records

    monitor = _project().monitor(model)
    day = as_of.date() if as_of else None
    found = track_records(monitor, metric or monitor.spec.metric, as_of=day)
    if as_json:
        lines = [to_dict(part, one) for part, one in found.items()]
        click.echo(json.dumps(lines, allow_nan=False))
    else:
        for part, one in found.items():
            click.echo(f"{part.words}: {one.words}")


@main.command()
@click.argument("model")
@click.option("--metric", metavar="NAME", help="By default the first judged one.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="By default all days.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]))
@click.option(
    "--cost-of-miss",
    type=float,
    default=10.0,
    show_default=True,
    help="Of a loss that no alert announced.",
)
@click.option(
    "--cost-of-false-alarm",
    type=float,
    default=1.0,
    show_default=True,
    help="In the same unit.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg|FILE.html",
    help="The metric and what went before it, as a picture or as a page with the words.",
)
@click.option("--json", "as_json", is_flag=True, help="One object instead of the lines.")
def proxies(
    model: str,
    first: datetime | None,
    last: datetime | None,
    plot: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Say which signals went before losses of quality, how early, and where they should alert.

    By prediction day and from stored results alone: PSI, scores, estimates, the service, and what
    `signals` in YAML names, beside the metric as it is known now. Exits with 0, or with 2 on an
    error.

    --json prints {model, metric, first, last, days, known_days, coverage, losses: [{first, last,
    labelled_on, announced_on: {name: day}}], signals: [{name, related, p_adjusted, lead,
    thresholds, suggested, words, outside}]}: the most useful first; what is not known is null.
    """
    from numpy.random import default_rng

    from monitoring_dagster.pipeline.proxies import announcements

    if plot is not None and plot.suffix not in (".svg", ".html"):
        message = f"{str(plot)!r} ends neither in .svg nor in .html"
        raise click.BadParameter(message, param_hint="--plot")
    found = announcements(
        _project().monitor(model),
        rng=default_rng(0),  # the same answer whenever it is asked
        first=first.date() if first else date.min,
        last=last.date() if last else date.max,
        **given,
    )
    if plot is not None:
        drawn = found.page() if plot.suffix == ".html" else found.picture()
        try:
            plot.write_text(drawn, encoding="utf-8")
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--plot") from error
    if as_json:
        click.echo(json.dumps(found.to_dict(), allow_nan=False))
    else:
        for line in found.lines:
            click.echo(line)


@main.command()
@click.argument("model")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="By default 28 days.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Of predictions.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--error-rate",
    type=click.FloatRange(0, 0.5, max_open=True),
    metavar="SHARE",
    help="Of wrong labels, for the accuracy; by default the share that is suspected.",
)
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help="Written for people.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the lines.")
def suspects(
    model: str,
    first: datetime | None,
    last: datetime | None,
    limit: int,
    error_rate: float | None,
    csv: Path | None,
    as_json: bool,
) -> None:
    """List labels that are likely wrong, the likeliest first. Nothing is changed.

    Suspected is a label against which the score speaks confidently, or most of the prediction and
    the further labels. Look at them, and write down what you decide: decide-label.
    """
    from monitoring_dagster.pipeline.suspects import suspects_of
    from monitoring_dagster.standalone.show import Progress  # late: rich is slow

    monitor = _project().monitor(model)
    with Progress("days looked through") as progress:
        found = suspects_of(
            monitor,
            today=datetime.now(UTC).date(),
            first=first.date() if first else None,
            last=last.date() if last else None,
            limit=limit,
            error_rate=error_rate,
            advance=progress.advance,
        )
    if csv is not None:
        found.write(csv)
    if as_json:
        click.echo(json.dumps(found.to_dict(), allow_nan=False))
        return
    for one in found.labels:
        click.echo(one.words)
    click.echo(found.words)
    if found.accuracy is not None:
        click.echo(found.accuracy.words)


@main.command("decide-label")
@click.argument("model")
@click.argument("decision", type=click.Choice(["discard", "keep"]))
@click.argument("request_id", nargs=-1, required=True)
@click.option("--reason", required=True, help="Goes into the ledger.")
def decide_label(model: str, decision: str, request_id: tuple[str, ...], reason: str) -> None:
    """Write down what becomes of the labels of some requests: discard them, or keep them.

    A discarded label counts no more from today (UTC) on; what was known before stays as it was.
    Keep undoes that, and takes a label that is right off the list of suspects. The newest decision
    counts; put -- before ids that begin with a dash.
    """
    from monitoring_dagster.integrations.label_decisions import Decision
    from monitoring_dagster.pipeline.deciding import decide

    found = decide(
        _project().monitor(model),
        request_id,
        Decision(decision),
        reason=reason,
        by=_person(),
        now=datetime.now(UTC),
    )
    click.echo(found.words)


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

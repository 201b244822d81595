"""The commands that say how a model does; they change nothing."""

import sys
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from monitoring_dagster.cli import here
from monitoring_dagster.cli.group import UNKNOWN
from monitoring_dagster.cli.output import print_json, reserved
from monitoring_dagster.cli.refusals import NoModels, NothingStored, SomeUnknown
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.report import runbooks
from monitoring_dagster.store.outputs import refuse_to_overwrite, write_whole


@click.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True)
def status(model: str | None, as_json: bool) -> None:
    """Open incidents and unsent messages. Exits with 1 where there are any.

    A model whose file is broken, or whose results cannot be read, is named on stderr and makes it
    2; the others are shown all the same.
    """
    from monitoring_dagster.views.status import status_of

    project = here.project()
    found, errors = [], []
    with reserved():
        names = [model] if model else sorted({*project.specs, *project.broken})
        for name in names:
            try:
                found.append(status_of(project.monitor(name)))
            except MonitoringError as error:
                errors.append(error)
    if not names:
        raise NoModels.in_project()
    if len(errors) == len(names):
        raise errors[0]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            click.echo(one.words)
    if errors:
        raise SomeUnknown.of(errors)
    if model:
        here.warn_of_broken(project)
    sys.exit(0 if all(one.healthy for one in found) else 1)


@click.command()
@click.argument("model")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="By default all days.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def backtest(model: str, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """Say what the rules, as they stand in YAML now, would have said of the stored days, and sent.

    No row is read and nothing is written: change a threshold, a severity or a baseline, and look.
    """
    from monitoring_dagster.report.wording import printable
    from monitoring_dagster.standalone.show import Progress  # late: rich is slow
    from monitoring_dagster.views.backtest import backtest as judge

    monitor = here.monitor(model)
    with Progress("days judged anew") as progress, reserved():
        found = judge(
            monitor,
            first=first.date() if first else date.min,
            last=last.date() if last else date.max,
            advance=progress.advance,
        )
    if as_json:
        print_json(found.to_dict())
    else:
        for (baseline, column), days in found.drifted.items():
            click.echo(f"{len(days):>5} days  {column} against {baseline}, {days[0]} to {days[-1]}")
        for kind, days in found.found.items():
            click.echo(f"{len(days):>5} days  {kind}, {days[0]} to {days[-1]}")
        for one in found.sent:
            words = f": {printable(one.words)}" if one.words else ""
            click.echo(f"{one.day}  {one.severity} {one.kind}, {one.reason}{words}")
        for kind, why in found.not_judged.items():
            click.echo(f"{kind} not judged: {why}")
        click.echo(found.words)
    if not found.days:
        raise NothingStored.of(model, first=first, last=last)


@click.command()
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
    from monitoring_dagster.views.history import history as points_of
    from monitoring_dagster.views.history import summary

    monitor = here.monitor(model)
    with reserved():
        found = points_of(
            monitor,
            metric=metric,
            first=first.date() if first else date.min,
            last=last.date() if last else date.max,
            as_of=as_of.date() if as_of else None,
            segment=segment,
        )
    if as_json:
        print_json([one.to_dict() for one in found])
    else:
        for one in found:
            click.echo(one.words)
        if found:
            click.echo(summary(found))
    if not found:
        raise NothingStored.of(model, first=first, last=last)


@click.command("estimate-accuracy")
@click.argument("model")
@click.argument("metric", required=False)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="By default what is known now.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the lines.")
def estimate_accuracy(
    model: str, metric: str | None, as_of: datetime | None, as_json: bool
) -> None:
    """Say how right the last month's estimates of METRIC were, now that labels are there.

    By the whole and by segment. METRIC is by default the first judged one.
    """
    from monitoring_dagster.measure.estimates.accuracy_of_estimates import accuracies, to_dict

    monitor = here.monitor(model)
    day = as_of.date() if as_of else None
    with reserved():
        found = accuracies(monitor, metric or monitor.spec.metric, as_of=day)
    if as_json:
        print_json([to_dict(part, one) for part, one in found.items()])
    else:
        for part, one in found.items():
            click.echo(f"{part.words}: {one.words}")


@click.command("leading-indicators")
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
@click.option("--force", is_flag=True, help="Replace the file that --plot names.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the lines.")
def leading_indicators(
    model: str,
    first: datetime | None,
    last: datetime | None,
    plot: Path | None,
    force: bool,
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

    from monitoring_dagster.views.leading_indicators import announcements

    if plot is not None and plot.suffix not in (".svg", ".html"):
        message = f"{str(plot)!r} ends neither in .svg nor in .html"
        raise click.BadParameter(message, param_hint="--plot")
    monitor = here.monitor(model)
    if plot is not None:
        refuse_to_overwrite(plot, force=force, read=here.read_by(monitor))
    with reserved():
        found = announcements(
            monitor,
            rng=default_rng(0),  # the same answer whenever it is asked
            first=first.date() if first else date.min,
            last=last.date() if last else date.max,
            **given,
        )
    if plot is not None:
        drawn = found.page() if plot.suffix == ".html" else found.picture()
        write_whole(plot, drawn.encode(), force=force)
    if as_json:
        print_json(found.to_dict())
    else:
        for line in found.lines:
            click.echo(line)


@click.command()
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
@click.option("--force", is_flag=True, help="Replace the file that --csv names.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the lines.")
def issues(
    model: str,
    first: datetime | None,
    last: datetime | None,
    limit: int,
    error_rate: float | None,
    csv: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """List labels that are likely wrong, the likeliest first. Nothing is changed.

    Suspected is a label against which the score speaks confidently, or most of the prediction and
    the further labels. Look at them, and write down what you decide: `labels decide`.
    """
    from monitoring_dagster.standalone.show import Progress  # late: rich is slow
    from monitoring_dagster.views.label_issues import label_issues

    monitor = here.monitor(model)
    if csv is not None:
        refuse_to_overwrite(csv, force=force, read=here.read_by(monitor))
    with Progress("days looked through") as progress, reserved():
        found = label_issues(
            monitor,
            today=monitor.house.now().date(),
            first=first.date() if first else None,
            last=last.date() if last else None,
            limit=limit,
            error_rate=error_rate,
            advance=progress.advance,
        )
    if csv is not None:
        found.write(csv, force=force)
    if as_json:
        print_json(found.to_dict())
    else:
        for one in found.labels:
            click.echo(one.words)
        click.echo(found.words)
        if found.accuracy is not None:
            click.echo(found.accuracy.words)
    if not found.labelled:
        raise NothingStored.of_labels(model, first=found.first, last=found.last)


@click.command()
@click.argument("model")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="By default the last day that was judged."
)
@click.option("--json", "as_json", is_flag=True)
def why(model: str, day: datetime | None, as_json: bool) -> None:
    """Why a model is not as it should be: likely causes with weights, evidence and what to do.

    As its verdict of that day stored it, and as messages and Dagster say it.

    --json prints {model, day, causes: [{cause, version, weight, strength, action, rule, evidence,
    explains}],
    parts: [{name, subject, version, value, low, high, n, reason}], changes: [{at, kind,
    version, words, by}]}, the likeliest cause first.
    """
    from monitoring_dagster.views.why import why as reasons

    monitor = here.monitor(model)
    with reserved():
        found = reasons(monitor, day=day.date() if day else None)
    if as_json:
        print_json(found.to_dict())
        return
    for line in found.lines:
        click.echo(line)


@click.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--page",
    type=click.Choice(runbooks.names()),
    metavar="KIND",
    help="Print the page of a kind of finding, or of on_call, and nothing else.",
)
def runbook(model: str | None, as_json: bool, page: str | None) -> None:
    """The on-call steps for a model, each with its evidence and its open incidents.

    Exits with 1 where a step is FAIL, else with 4 where one is UNKNOWN: the newest day allows no
    verdict on it.
    """
    if page is not None:
        click.echo(runbooks.page(page), nl=False)
        return
    if model is None:
        message = "name a MODEL, or a page with --page KIND"
        raise click.UsageError(message)
    from monitoring_dagster.views.runbook import StepState, walk

    monitor = here.monitor(model)
    with reserved():
        found = walk(monitor, today=monitor.house.now().date())
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for number, one in enumerate(found, start=1):
            click.echo(f"{number}. {one.state:<7} {one.title}: {one.evidence}")
    codes = {StepState.FAIL: 1, StepState.UNKNOWN: UNKNOWN}
    sys.exit(
        next((code for state, code in codes.items() if any(one.state is state for one in found)), 0)
    )

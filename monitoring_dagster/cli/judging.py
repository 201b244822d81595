"""The commands that say by which rules and numbers a model is judged; they change nothing."""

from dataclasses import asdict
from datetime import date, datetime

import click

from monitoring_dagster.cli import here
from monitoring_dagster.cli.output import print_json, reserved
from monitoring_dagster.cli.refusals import NothingStored


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True)
def rules(model: str, as_json: bool) -> None:
    """The rules in force for a model: severity, days, thresholds; a default stands in brackets."""
    from monitoring_dagster.decide.rules_in_force import rules_in_force
    from monitoring_dagster.store.days.signals import stored_on
    from monitoring_dagster.store.days.step_findings import VERDICT

    monitor = here.monitor(model)
    with reserved():
        judged = monitor.results.days(monitor.name, VERDICT)
        stored = stored_on(monitor, judged[-1]) if judged and monitor.spec.rules.own else []
    found = rules_in_force(monitor.spec, stored)
    if as_json:
        print_json([one.to_dict() for one in found])
        return
    for one in found:
        days = " of ".join(setting.shown for setting in one.window)
        seen = f"not judged: {one.why_not}" if one.why_not else f"{one.asset:<12} {days}"
        click.echo(f"{one.name:<20} {one.severity.shown:<10} {seen}".rstrip())
    click.echo("\nThresholds:")
    for words in dict.fromkeys(setting.words for one in found for setting in one.thresholds):
        click.echo(f"  {words}")


@click.command()
@click.argument("model")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="By default the last day that was judged."
)
@click.option("--json", "as_json", is_flag=True)
def signals(model: str, day: datetime | None, as_json: bool) -> None:
    """The signals of a day: the numbers that rules may name, with interval, rows and baseline."""
    from monitoring_dagster.store.days.signals import stored_on
    from monitoring_dagster.store.days.step_findings import VERDICT

    monitor = here.monitor(model)
    with reserved():
        judged = monitor.results.days(monitor.name, VERDICT)
        asked = day.date() if day else max(judged, default=date.min)
        found = stored_on(monitor, asked)
    if not found:
        raise NothingStored.of(model, first=day, last=day)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        click.echo(one.words)

"""The commands people type; each a few lines over a function below."""

import click

from monitoring_dagster.cli.actions import (
    decide,
    event,
    fallback,
    promote,
    resend,
    retrain,
    rollback,
)
from monitoring_dagster.cli.expectations_group import draft, migrate
from monitoring_dagster.cli.group import CODES, CommandGroup, Commands
from monitoring_dagster.cli.incidents_group import (
    acknowledge,
    add,
    assign,
    expire,
    list_incidents,
    list_silences,
    listen,
    resolve,
    review,
    show,
    snooze,
)
from monitoring_dagster.cli.judging import rules, signals
from monitoring_dagster.cli.routes import route
from monitoring_dagster.cli.start import demo, ui
from monitoring_dagster.cli.tables import drift, estimate, evaluate
from monitoring_dagster.cli.views import (
    backtest,
    estimate_accuracy,
    history,
    issues,
    leading_indicators,
    runbook,
    status,
    why,
)

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Commands, epilog=CODES, context_settings=_SETTINGS)
@click.version_option(package_name="monitoring_dagster")
@click.option("--traceback", is_flag=True, help="Show where an error comes from.")
def main(traceback: bool) -> None:
    """Machine-learning monitoring that lives inside Dagster."""


@main.group(cls=CommandGroup)
def model() -> None:
    """One model: its rules and numbers, and what a person does about it."""


@main.group(cls=CommandGroup)
def expectations() -> None:
    """Suites of expectations: what the data must look like. Draft a first one, or migrate."""


@main.group(cls=CommandGroup)
def labels() -> None:
    """Labels that are likely wrong, and decisions about them."""


@main.group(cls=CommandGroup)
def messages() -> None:
    """Messages that could not be delivered."""


@main.group(cls=CommandGroup)
def incidents() -> None:
    """What is open: show, acknowledge, assign, snooze, resolve it, who hears of it; review it."""


@main.group(cls=CommandGroup)
def silences() -> None:
    """Messages that are held back for a while."""


for group, commands in {
    main: (demo, ui, drift, evaluate, estimate, status, why, runbook, event),
    model: (
        *(rules, signals, history, backtest, estimate_accuracy, leading_indicators),
        *(retrain, promote, rollback, fallback),
    ),
    expectations: (draft, migrate),
    labels: (issues, decide),
    messages: (resend,),
    incidents: (
        *(list_incidents, show, acknowledge, assign, snooze, resolve),
        *(review, route, listen),
    ),
    silences: (add, list_silences, expire),
}.items():
    for command in commands:
        group.add_command(command)

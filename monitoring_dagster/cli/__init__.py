"""The commands people type; each a few lines over a function below."""

import click

from monitoring_dagster.cli.actions import (
    decide_label,
    fallback,
    promote,
    resend,
    retrain,
    rollback,
)
from monitoring_dagster.cli.group import CODES, Commands
from monitoring_dagster.cli.judging import rules, signals
from monitoring_dagster.cli.start import demo, ui
from monitoring_dagster.cli.tables import drift, estimate, evaluate
from monitoring_dagster.cli.views import (
    backtest,
    history,
    proxies,
    record,
    runbook,
    status,
    suspects,
)


@click.group(cls=Commands, epilog=CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="monitoring_dagster")
@click.option("--traceback", is_flag=True, help="Show where an error comes from.")
def main(traceback: bool) -> None:
    """Machine-learning monitoring that lives inside Dagster."""


for command in (
    *(demo, ui),
    *(drift, estimate, evaluate),
    *(status, backtest, history, record, proxies, suspects, rules, signals, runbook),
    *(decide_label, rollback, resend, promote, fallback, retrain),
):
    main.add_command(command)

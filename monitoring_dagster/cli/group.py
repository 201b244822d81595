"""What all commands have in common: how they end when something is wrong."""

from typing import Any

import click

from monitoring_dagster.errors import MonitoringError


class Commands(click.Group):
    """A group whose expected errors are one line on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MonitoringError as error:
            click.echo(f"monitoring-dagster: {error}", err=True)
            ctx.exit(2)

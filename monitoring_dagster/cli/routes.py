"""The command that says where a message would go."""

from datetime import UTC, datetime

import click

from monitoring_dagster.cli import here
from monitoring_dagster.cli.output import print_json
from monitoring_dagster.kinds import Family, FindingKind, Severity


@click.command()
@click.option("--model", required=True)
@click.option(
    "--severity", type=click.Choice([*map(str, Severity)]), help="By default an announcement."
)
@click.option("--kind", type=click.Choice([*map(str, FindingKind)]), metavar="KIND")
@click.option("--family", type=click.Choice([*map(str, Family)]), help="By default of the kind.")
@click.option("--segment", default="", metavar="COLUMN=VALUE")
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]),
    help="UTC; by default now.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True)
def route(
    model: str,
    severity: str | None,
    kind: str | None,
    family: str | None,
    segment: str,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Say who would receive a message, when, by which route, and who is on call then."""
    from monitoring_dagster.views.destinations import destinations_of

    monitor = here.monitor(model)
    found = destinations_of(
        monitor,
        severity=Severity(severity) if severity else None,
        now=at.replace(tzinfo=UTC) if at else monitor.house.now(),
        kind=FindingKind(kind) if kind else None,
        family=family or "",
        segment=segment,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(found.words)

"""Where people are told."""

from pydantic import Field

from monitoring_dagster.spec.record import Public, Record


class Channels(Record):
    """Where people are told."""

    slack: Public = Field(default="#ml-alerts", description="P0 to P2.")
    remind_every_days: int = Field(default=7, ge=1)
    clear_after_days: int = Field(
        default=3, ge=1, description="Days without a finding that close an incident."
    )

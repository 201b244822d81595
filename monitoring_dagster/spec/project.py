"""What holds for all models of a project."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from monitoring_dagster.spec.channels import Destination, Route, refuse_unreachable
from monitoring_dagster.spec.record import Named, Public, Record
from monitoring_dagster.spec.schedule import BusinessHours, Schedule

SlackUser = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{5,20}$")]


class Notifier(Record):
    """When delivery itself is out of order, and who hears of that."""

    overdue_minutes: int = Field(
        default=15, ge=1, description="A message that waits longer says that its receiver is ill."
    )
    fallback: Destination | None = Field(
        default=None,
        description="Receiver that is told, such as email:on-call@example.org; else the log and the"
        " local page.",
    )

    slack_users: dict[SlackUser, Named] = Field(
        default_factory=dict,
        description="Who may press the buttons in Slack: each member's id, and a name.",
    )

    @property
    def overdue(self) -> timedelta:
        """How long a message may wait."""
        return timedelta(minutes=self.overdue_minutes)


class ProjectSettings(Record):
    """What `[tool.monitoring_dagster]` in pyproject.toml says, for models that say nothing else."""

    schedule: Schedule = Schedule()
    notifier: Notifier = Notifier()
    routes: list[Route] = Field(
        default_factory=list,
        description="Where messages go that match; tried after those of a model.",
    )
    business_hours: BusinessHours = BusinessHours()
    on_call: Public | None = Field(
        default=None,
        description="File that says who is on call in which week; by default on_call.yaml, if it"
        " is there.",
    )

    @property
    def hours(self) -> BusinessHours:
        """When people work, in a time zone."""
        return self.business_hours.in_zone(self.schedule.time_zone)

    def _check(self) -> None:
        self.schedule.refuse_long_grace()
        refuse_unreachable(self.routes)

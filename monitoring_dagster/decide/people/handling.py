"""Handling of an incident by people: acknowledged, assigned, snoozed or resolved, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitoring_dagster.errors import escaped
from monitoring_dagster.kinds import Reason


class Action(StrEnum):
    """What a person does about an open incident."""

    ACKNOWLEDGE = "acknowledge"  # somebody looks at it: no reminders while it is open
    ASSIGN = "assign"  # somebody has it, which is as good as looking at it
    SNOOZE = "snooze"  # no reminders for a while
    RESOLVE = "resolve"  # it is over, whatever the days say


REASONS = {
    Action.ACKNOWLEDGE: Reason.ACKNOWLEDGED,
    Action.ASSIGN: Reason.ASSIGNED,
    Action.SNOOZE: Reason.SNOOZED,
    Action.RESOLVE: Reason.RESOLVED,
}  # why people hear of it


@dataclass(frozen=True, slots=True)
class Handling:
    """One thing that a person did about one incident."""

    incident: str
    action: Action
    by: str
    at: datetime
    until: datetime | None = None  # of a snooze
    comment: str = ""
    key: str | None = None  # of a click: the same one, delivered again, changes nothing
    assignee: str | None = None  # who has it, of an assignment

    @property
    def words(self) -> str:
        """In one line, without what a terminal would obey.

        >>> from datetime import UTC
        >>> Handling("i", Action.ACKNOWLEDGE, "ada", datetime(2026, 1, 7, tzinfo=UTC)).words
        'acknowledged by ada'
        """
        to = f" to {self.assignee}" if self.assignee else ""
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        comment = f": {self.comment}" if self.comment else ""
        return escaped(f"{REASONS[self.action]}{to}{until} by {self.by}{comment}")


def in_force(handlings: Sequence[Handling], *, now: datetime) -> Handling | None:
    """The acknowledgement, assignment or snooze that holds *now*, of an incident's handlings,
    oldest first.

    The latest one counts: a snooze that has ended leaves nothing in force.
    """
    quiet = [one for one in handlings if one.action is not Action.RESOLVE]
    last = quiet[-1] if quiet else None
    if last is None or (last.until is not None and last.until <= now):
        return None
    return last


def assignment(handlings: Sequence[Handling]) -> Handling | None:
    """Who has an incident, by its handlings, oldest first: the latest assignment counts, whatever
    else was done since."""
    given = [one for one in handlings if one.action is Action.ASSIGN]
    return given[-1] if given else None

"""Incidents as people leave them: acknowledged, assigned, snoozed, resolved; who hears of it."""

from collections.abc import Sequence

from monitoring_dagster.decide.incidents import Incident, closed_by_hand
from monitoring_dagster.decide.people.handling import (
    REASONS,
    Action,
    Handling,
    assignment,
    in_force,
)
from monitoring_dagster.kinds import Reason


def handled(
    incident: Incident, handlings: Sequence[Handling], new: Handling
) -> tuple[Incident, Reason | None, bool]:
    """Where an incident stands after one more handling.

    Parameters
    ----------
    handlings
        Those before, oldest first.

    Returns
    -------
    The incident; the reason to tell people in its thread, or None where it has none; and whether
    anything is new: what is closed, or acknowledged already, or assigned to the same person, stays
    as it is.
    """
    came_before = new.key is not None and any(one.key == new.key for one in handlings)
    if incident.closed_on is not None or came_before or _repeats(handlings, new):
        return incident, None, False
    after = incident
    if new.action is Action.RESOLVE:
        after = closed_by_hand(incident, day=new.at.date())
    return after, None if after.told is None else REASONS[new.action], True


def _repeats(handlings: Sequence[Handling], new: Handling) -> bool:
    before = in_force(handlings, now=new.at)
    if before is None or new.action is Action.RESOLVE:
        return False
    if new.action is Action.ASSIGN and before.until is None:
        given = assignment(handlings)
        return given is not None and given.assignee == new.assignee
    return (before.action, before.until) == (new.action, new.until)

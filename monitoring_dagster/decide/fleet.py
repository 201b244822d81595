"""Fleet-wide problems: what goes wrong in many models at once is one problem, and one thread."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident, advance, repaired
from monitoring_dagster.decide.rules import FAMILIES
from monitoring_dagster.kinds import Reason

FLEET = "fleet-wide"  # stands where a model's name does: no model can be called so
LEAST_MODELS, LEAST_SHARE = 3, 0.5
WINDOW = timedelta(days=1)  # between the days on which it began in one model and in another


def signs_of_fleet(
    fleet: Incident | None,
    open_incidents: Collection[Incident],
    causes: Mapping[str, Finding],
    *,
    models: int,
    day: date,
) -> list[Finding]:
    """What a fleet-wide incident of one family consists of on *day*: a finding for each model.

    Parameters
    ----------
    fleet
        The latest one of this family, open or closed; None before the first.
    open_incidents
        Those of the same family that are open in any model now.
    causes
        By model, the weightiest finding of its incident.
    models
        How many are monitored.

    Returns
    -------
    Nothing, unless at least `LEAST_MODELS`, and `LEAST_SHARE` of all, began to have one within
    `WINDOW`; while it is open, as long as one of them has it.
    """
    is_open = fleet is not None and fleet.closed_on is None
    names = [one.model for one in _members(fleet if is_open else None, open_incidents, models)]
    brief = f"{len(names)} of {models} models: {', '.join(names)}"
    return [
        replace(causes[name], model=FLEET, day=day, subject=name, brief=brief)
        for name in names
        if name in causes
    ]


def advance_fleet(
    fleet: Incident | None, signs: Sequence[Finding], *, day: date, remind_every_days: int
) -> tuple[Incident | None, Reason | None]:
    """Where the fleet-wide incident of one family stands, and whether to speak about it.

    It opens with the first *signs* and ends when there are none any more; that one more model has
    the same is no news. See `decide.incidents.advance`.
    """
    if not signs:
        if fleet is None or fleet.closed_on is not None:
            return fleet, None
        return repaired(fleet, list(fleet.parts), day=max(day, fleet.opened_on))
    after, reason = advance(
        fleet,
        signs,
        judged=FAMILIES[fleet.family] if fleet else (),
        day=day if fleet is None else max(day, fleet.judged_on),
        remind_every_days=remind_every_days,
        clear_after_days=1,
    )
    before = fleet.told if fleet is not None else None
    if after is None or reason is not Reason.WORSE or before is None or after.told is None:
        return after, reason
    if after.severity < before.severity:
        return after, reason
    return replace(after, told=replace(after.told, day=before.day)), None


def is_said_of_fleet(incident: Incident, reason: Reason | None, fleet: Incident | None) -> bool:
    """Whether a fleet-wide incident says of a model's what is to be said: only its end is told of
    that one meanwhile, and what is more urgent."""
    if fleet is None or fleet.closed_on is not None or reason in (None, Reason.RESOLVED):
        return False
    is_member = any(one.endswith(f"/{incident.model}") for one in fleet.firing)
    return is_member and incident.severity >= fleet.severity


def _members(
    fleet: Incident | None, open_incidents: Collection[Incident], models: int
) -> Sequence[Incident]:
    """The incidents that are signs of one problem: of an open one, all that began with it or since,
    of a new one those that began near each other."""
    ordered = sorted(open_incidents, key=lambda one: (one.opened_on, one.model))
    if fleet is not None:
        return [one for one in ordered if one.opened_on >= fleet.opened_on - WINDOW]
    for first in ordered:
        near = [one for one in ordered if timedelta() <= one.opened_on - first.opened_on <= WINDOW]
        if len(near) >= LEAST_MODELS and len(near) >= LEAST_SHARE * models:
            return near
    return []

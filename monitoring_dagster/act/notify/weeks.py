"""The week's digest of a model: told once, as people begin the next week."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from monitoring_dagster.decide.fleet import FLEET, WINDOW
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.report.weekly import HeldBack, weekly_digest
from monitoring_dagster.store.monitor import Monitor

_TO_JUDGE = timedelta(hours=1)  # that a day may take, until its findings are there
_MOMENT = timedelta(microseconds=1)


def tell_week(monitor: Monitor) -> bool:
    """Tell what the week that ended left to the next planning; False where nothing is new.

    A week counts as told though there was nothing to tell, and so does the one before monitoring
    began: what a backfill finds afterwards tells nobody.
    """
    house, ledger = monitor.house, monitor.ledger
    now, hours = house.now(), house.routing.hours
    begun = hours.last_planning(now)
    monday, told = hours.monday(begun), ledger.last_week(monitor.name)
    if told is not None and told >= monday:
        return False
    digest = None
    if told is not None:
        digest = _digest(monitor, hours.last_planning(begun - _MOMENT), begun, now=now)
    return ledger.announce_week(monitor.spec, monday, digest, now=now)


def _digest(
    monitor: Monitor, since: datetime, until: datetime, *, now: datetime
) -> Announcement | None:
    """About what happened between two plannings: each day belongs to one pair of them."""
    spec, ledger = monitor.spec, monitor.ledger
    days = judged_between(monitor, since - _TO_JUDGE, until - _TO_JUDGE)
    return weekly_digest(
        ledger.findings(spec.name, min(days), max(days)),
        _held_back(monitor, since, until),
        model=spec.name,
        registered_model=spec.mlflow_name,
        owner=spec.owner,
        days=days,
        at=now,
    )


def _said_of_fleet(incidents: Sequence[Incident], fleets: Sequence[Incident]) -> dict[str, str]:
    """By incident that had no message of its own, the fleet-wide one that was open meanwhile."""
    return {
        one.id: f"told in the fleet-wide incident of {fleet.opened_on}"
        for one in incidents
        for fleet in fleets
        if one.told is None
        and one.family is fleet.family
        and fleet.opened_on - WINDOW <= one.opened_on <= (fleet.closed_on or one.opened_on)
    }


def judged_between(monitor: Monitor, since: datetime, until: datetime) -> list[date]:
    """The days whose turn to be judged came after *since*, and by *until*."""
    first = since.date() - timedelta(days=2)
    days = [first + timedelta(days=n) for n in range((until.date() - first).days + 1)]
    return [one for one in days if since < monitor.schedule.missed_at(one) <= until]


def _held_back(monitor: Monitor, since: datetime, until: datetime) -> list[HeldBack]:
    """Incidents of which a message was silenced or kept quiet, or that somebody snoozed."""
    ledger, model = monitor.ledger, monitor.name
    incidents = {one.id: one for one in ledger.incidents(model)}
    new = [one for one in incidents.values() if since.date() <= one.opened_on < until.date()]
    words = _said_of_fleet(new, ledger.incidents(FLEET))
    words |= ledger.silences.held_back(model, since, until)
    words |= ledger.handlings.snoozed(model, since, until)
    return [HeldBack(incidents[id_], said) for id_, said in words.items() if id_ in incidents]

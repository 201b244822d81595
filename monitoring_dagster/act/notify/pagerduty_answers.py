"""Answers of PagerDuty: what people acknowledge or resolve there is so here, too, once.

PagerDuty is asked about open incidents that were sent there, at most once a minute for all models.
What we did ourselves is there the work of a service, not of a user, and stays there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring_dagster.act.notify.receivers import PAGERDUTY_REST_URL, PAGERDUTY_TOKEN
from monitoring_dagster.act.notify.sender import OUTBOX, NotDelivered, Refused
from monitoring_dagster.act.notify.senders.https import get_json, refuse_unsafe
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import Reason
from monitoring_dagster.report.events import IncidentEvent
from monitoring_dagster.report.wording import clean
from monitoring_dagster.spec.channels import kind_and_address
from monitoring_dagster.store.ledger.deliveries import Delivery
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.schema import SENT

PAUSE = timedelta(seconds=60)  # between two turns, of all processes
TO_ASK = timedelta(seconds=5)  # of a turn, however many incidents are open
TIMEOUT_SECONDS = 3  # of one request
_URL = "https://api.pagerduty.com/"
_KIND = "pagerduty"
_NEWEST = 5  # of their incidents, one after the other, that one of ours was
_MERGED = "merge_resolve_reason"  # it goes on in another one
_NAMELESS = "somebody in PagerDuty"
_log = logging.getLogger("monitoring_dagster.notifier")


@dataclass(frozen=True, slots=True)
class PersonsAct:
    """What one person did in PagerDuty about one incident of ours."""

    action: Action
    by: str
    at: datetime
    key: str  # the same however often it is read


@dataclass(frozen=True, slots=True)
class Paged:
    """An open incident that PagerDuty knows, and when it was opened again, if it was."""

    incident: Incident
    reopened_at: datetime | None


def take_answers(
    ledger: Ledger,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    now: datetime,
) -> int:
    """Handle here what people handled in PagerDuty; returns how much of it was new.

    No failure of PagerDuty is raised: the turn ends, and the reason is logged when it is a new one.

    Parameters
    ----------
    environment
        Holds the token of the REST API; without it nobody is asked.
    clock
        Aware UTC now, for how long and how often it is asked.
    now
        When it is handled here.
    """
    token = environment.get(PAGERDUTY_TOKEN)
    if not token or not ledger.asked_services.begin(_KIND, now=clock(), pause=PAUSE):
        return 0
    paged, begun = _paged(ledger), clock()
    # Each turn begins with another one, so those at the end of many have their turn, too.
    first = int(begun.timestamp() // PAUSE.total_seconds()) % len(paged) if paged else 0
    taken, failure = 0, None
    for one in [*paged[first:], *paged[:first]]:
        if clock() - begun >= TO_ASK:
            break
        try:
            answer = _ask(environment.get(PAGERDUTY_REST_URL), token, one.incident.id)
            acts = acts_in(answer, one.incident.id)
        except Exception as error:  # a mistake about PagerDuty must not hold up any message
            failure = str(error) if isinstance(error, NotDelivered) else type(error).__name__
            break
        taken += _take(ledger, one, acts, now)
    if paged and ledger.asked_services.note(_KIND, failure):
        if failure:
            _log.warning("PagerDuty does not say what people did there: %s", failure)
        else:
            _log.info("PagerDuty says again what people did there")
    return taken


def acts_in(answer: Any, key: str) -> list[PersonsAct]:
    """What people did about the incident with our *key*, oldest first, by an *answer* of the REST
    API.

    Of the incidents with that key, one after the other, the newest of each service counts. What is
    not as it should be is left out.

    Raises
    ------
    Refused
        This is no list of incidents.
    """
    incidents = _get(answer, "incidents")
    if not isinstance(incidents, list):
        message = "the answer is no list of incidents"
        raise Refused(message)
    newest: dict[str, tuple[datetime, Any]] = {}
    for one in incidents:
        created_at, service = _moment(_get(one, "created_at")), str(_get(one, "service", "id"))
        is_ours = _get(one, "incident_key") in (None, "", key)  # it was asked for by that of alerts
        if not is_ours or created_at is None:
            continue
        if service not in newest or created_at > newest[service][0]:
            newest[service] = created_at, one
    acts = [act for _, one in newest.values() for act in _acts_of(one)]
    return sorted(acts, key=lambda act: (act.at, act.key))


def _acts_of(incident: Any) -> Iterator[PersonsAct]:
    match _get(incident, "status"):
        case "acknowledged":
            given = _get(incident, "acknowledgements")
            for one in given if isinstance(given, list) else []:
                who, at = _get(one, "acknowledger"), _get(one, "at")
                yield from _act(incident, Action.ACKNOWLEDGE, who, at)
        case "resolved" if _get(incident, "resolve_reason", "type") != _MERGED:
            who, at = _get(incident, "last_status_change_by"), incident.get("last_status_change_at")
            yield from _act(incident, Action.RESOLVE, who, at)


def _act(incident: Any, action: Action, who: Any, when: Any) -> Iterator[PersonsAct]:
    """The act, if it is one of a person: a service or an integration is no user."""
    id_, at = _get(incident, "id"), _moment(when)
    is_theirs = isinstance(id_, str) and re.fullmatch(r"[A-Za-z0-9]{1,40}", id_)
    if not is_theirs or at is None or _get(who, "type") != "user_reference":
        return
    name = _get(who, "summary")
    by = clean(name, 80) if isinstance(name, str) and name.strip() else _NAMELESS
    key = f"{_KIND}/{id_}/{incident['status']}/{at.isoformat()}"
    yield PersonsAct(action, by, at, key)


def _ask(url: str | None, token: str, key: str) -> Any:
    """What PagerDuty knows of the incident with our *key*. Raises Refused."""
    base = refuse_unsafe(url, PAGERDUTY_REST_URL) if url else _URL
    return get_json(
        f"{base}incidents",
        {
            "incident_key": key,
            "date_range": "all",  # else those of the last month alone
            "sort_by": "created_at:desc",
            "limit": str(_NEWEST),
        },
        headers={
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        },
        timeout_seconds=TIMEOUT_SECONDS,
    )


def _paged(ledger: Ledger) -> list[Paged]:
    """The open incidents whose thread PagerDuty has heard of."""
    found = []
    for incident in ledger.open_incidents():
        thread = ledger.deliveries.all_of(incident.id)
        if any(_is_there(one) for one in thread):
            again = [one.created_at for one in thread if _reopens(one)]
            found.append(Paged(incident, max(again, default=None)))
    return found


def _is_there(delivery: Delivery) -> bool:
    is_incident = isinstance(delivery.event, IncidentEvent)
    is_sent = delivery.state == SENT and delivery.channel != OUTBOX
    return is_incident and is_sent and kind_and_address(delivery.destination)[0] == _KIND


def _reopens(delivery: Delivery) -> bool:
    event = delivery.event
    return isinstance(event, IncidentEvent) and event.reason is Reason.REOPENED


def _take(ledger: Ledger, paged: Paged, acts: Sequence[PersonsAct], now: datetime) -> int:
    """Store what is newer than the incident's last opening, and an acknowledgement only where
    nobody here has done anything since."""
    incident, taken = paged.incident, 0
    latest = max((one.at for one in ledger.handlings.of(incident.id)), default=None)
    for act in acts:
        is_past = paged.reopened_at is not None and act.at < paged.reopened_at
        is_outdone = latest is not None and act.at <= latest and act.action is Action.ACKNOWLEDGE
        if is_past or is_outdone:
            continue
        new = Handling(incident.id, act.action, act.by, now, key=act.key)
        _, is_new = ledger.handlings.record(incident.model, new)
        if is_new:
            taken += 1
            _log.info("%s of %s %s in PagerDuty", incident.kind, incident.model, new.words)
    return taken


def _get(document: Any, *path: str) -> Any:
    """What stands there in a document from elsewhere; None where nothing does."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _moment(written: Any) -> datetime | None:
    """An aware time, UTC; None for what is none."""
    try:
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None

"""Digest of a backfill: what the incidents of days long over did, in one announcement."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.report.events import SHOWN_FINDINGS, Announcement
from monitoring_dagster.report.wording import counted, date_words


def digest_of(
    incidents: Sequence[Incident],
    *,
    model: str,
    registered_model: str,
    owner: str,
    opened: int,
    days: Collection[date],
    causes: Mapping[str, Finding],
    at: datetime,
) -> Announcement:
    """One announcement about *incidents*: the open ones first, the most urgent of them first.

    Parameters
    ----------
    incidents
        Those that opened or closed in *days*, at least one, as they stand now.
    opened
        How many of them opened in these days.
    causes
        By the incident's id, the most urgent finding of its last day with one.
    """
    ordered = sorted(
        incidents,
        key=lambda one: (one.closed_on is not None, one.severity, one.opened_on, one.kind),
    )
    first = ordered[0]
    still_open = sum(one.closed_on is None for one in ordered)
    cause = causes.get(first.id)
    return Announcement(
        model=model,
        registered_model=registered_model,
        owner=owner,
        kind=first.kind,
        day=cause.evidence_day if cause else first.last_seen,
        title=f"backfill of {counted(len(days), 'past day')}: {still_open} still open of"
        f" {counted(len(ordered), 'incident')}",
        words=f"{_span(days)} judged after the fact: {opened} opened,"
        f" {len(ordered) - still_open} closed, {still_open} still open. Messages about single"
        " incidents of these days were not sent.",
        rows=tuple(_row(one, causes.get(one.id)) for one in ordered[:SHOWN_FINDINGS]),
        total=len(ordered),
        at=at,
    )


def _span(days: Collection[date]) -> str:
    first, last = min(days), max(days)
    if first == last:
        return f"{date_words(first)} {first.year} was"
    year = f" {first.year}" if first.year != last.year else ""
    return f"{date_words(first)}{year} to {date_words(last)} {last.year} were"


def _row(incident: Incident, cause: Finding | None) -> tuple[str, str]:
    since = date_words(incident.opened_on)
    state = f"open since {since}"
    if incident.closed_on is not None:
        lasted = counted((incident.closed_on - incident.opened_on).days, "day")
        state = f"{since} to {date_words(incident.closed_on)}, {lasted}"
    words = f": {cause.words}" if cause else ""
    return RULES[incident.kind].title, f"{incident.severity}, {state}{words}"

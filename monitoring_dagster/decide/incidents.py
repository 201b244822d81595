"""When is a group of findings worth a person's attention?  A pure question about sets and days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Reason, Severity

HEALING = timedelta(days=7)  # an outage this long heals itself, and is told as usual
_NAMESPACE = UUID("6f0c1f4e-2d0b-5e0a-9a55-0f6d1c5c3b11")


@dataclass(frozen=True, slots=True)
class Notice:
    """What people were last told about one incident."""

    known: frozenset[str]  # every fingerprint that any message so far has spoken of
    severity: Severity
    day: date
    seq: int  # 0 is the message that opens the thread


@dataclass(frozen=True, slots=True)
class Incident:
    """All findings of one kind at one model, from the first until it stayed quiet long enough."""

    id: str
    model: str
    kind: FindingKind
    severity: Severity  # the most urgent so far
    opened_on: date
    last_seen: date
    judged_on: date  # the latest day that was looked at, with or without a finding
    quiet_days: int  # judged days since last_seen
    firing: frozenset[str]  # fingerprints, on judged_on
    seen: frozenset[str]  # fingerprints, ever
    closed_on: date | None = None
    told: Notice | None = None


def is_told(severity: Severity) -> bool:
    """Whether a severity is worth a message; P3 waits in the report for the next planning.

    >>> is_told(Severity.P2), is_told(Severity.P3)
    (True, False)
    """
    return severity < Severity.P3


def is_history(judged_at: datetime, *, now: datetime) -> bool:
    """Whether a day is long over: it should have been judged before the healing window began.

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 9, 6, tzinfo=UTC)
    >>> is_history(now - HEALING, now=now), is_history(now - timedelta(days=8), now=now)
    (False, True)
    """
    return now - judged_at > HEALING


def advance(
    incident: Incident | None,
    findings: Sequence[Finding],
    *,
    day: date,
    remind_every_days: int,
    clear_after_days: int,
) -> tuple[Incident | None, Reason | None]:
    """Where an incident stands after one more judged day, and whether to speak about it.

    Parameters
    ----------
    incident
        The latest incident of this model and kind, open or closed; None before the first.
    findings
        All findings of this model and kind on *day*; empty if the day was fine.

    Returns
    -------
    The incident as it stands now, and the reason to tell people, or None to stay quiet. A day
    before the incident's last judged day changes nothing, and neither does the same day twice.

    The reasons follow Prometheus Alertmanager's ``needsUpdate``, with days for its intervals.
    """
    if incident is not None and day < incident.judged_on:
        return incident, None
    if incident is None or incident.closed_on is not None:
        if not findings:
            return incident, None
        if incident is not None and incident.opened_on == day:
            return _broken_again(incident, findings, day)
        return _tell(_opened(findings, day), findings, day, remind_every_days)
    now = _judged(incident, findings, day)
    if findings or now.quiet_days < clear_after_days:
        return _tell(now, findings, day, remind_every_days)
    closed = replace(now, closed_on=day)
    return (closed, None) if closed.told is None else _told(closed, Reason.RESOLVED, day)


def repaired(incident: Incident, *, day: date) -> tuple[Incident, Reason | None]:
    """Where an incident stands once no day since it began has a finding any more.

    *day* is the one that was delivered anew. No quiet days are waited for: what was wrong was the
    delivery, and it is right now.
    """
    closed = replace(incident, closed_on=day, firing=frozenset())
    return (closed, None) if closed.told is None else _told(closed, Reason.RESOLVED, day)


def unsent(before: Incident | None, after: Incident) -> Incident:
    """*after*, where no message about this turn goes out: people know what they knew *before*.

    So an incident that is still open on the next live day is notified then.
    """
    if before is None or before.id != after.id or before.told is None:
        return replace(after, told=None)
    is_reopened = before.closed_on is not None and after.closed_on is None
    known = frozenset[str]() if is_reopened else before.told.known
    return replace(after, told=replace(before.told, known=known))


def _broken_again(
    incident: Incident, findings: Sequence[Finding], day: date
) -> tuple[Incident, Reason | None]:
    """The incident of a day that was repaired, and is delivered with a fault once more."""
    again = _judged(replace(incident, closed_on=None), findings, day)
    if any(is_told(finding.severity) for finding in findings):
        return _told(again, Reason.FIRST, day)
    return again, None


def _opened(findings: Sequence[Finding], day: date) -> Incident:
    model, kind = findings[0].model, findings[0].kind
    prints = frozenset(finding.fingerprint for finding in findings)
    return Incident(
        id=str(uuid5(_NAMESPACE, f"{model}/{kind}/{day}")),
        model=model,
        kind=kind,
        severity=min(finding.severity for finding in findings),
        opened_on=day,
        last_seen=day,
        judged_on=day,
        quiet_days=0,
        firing=prints,
        seen=prints,
    )


def _judged(incident: Incident, findings: Sequence[Finding], day: date) -> Incident:
    """The same open incident with one more day, or the same day seen anew, added to it."""
    firing = frozenset(finding.fingerprint for finding in findings)
    if not firing:
        quiet_days = incident.quiet_days + (day > incident.judged_on)
        return replace(incident, judged_on=day, quiet_days=quiet_days, firing=firing)
    return replace(
        incident,
        severity=min(incident.severity, *(finding.severity for finding in findings)),
        last_seen=day,
        judged_on=day,
        quiet_days=0,
        firing=firing,
        seen=incident.seen | firing,
    )


def _tell(
    incident: Incident, findings: Sequence[Finding], day: date, remind_every_days: int
) -> tuple[Incident, Reason | None]:
    loud = {finding.fingerprint for finding in findings if is_told(finding.severity)}
    told = incident.told
    if told is None:
        return _told(incident, Reason.FIRST, day) if loud else (incident, None)
    if incident.severity < told.severity or loud - told.known:
        return _told(incident, Reason.WORSE, day)
    # Nothing new. Repeat only when the reminder is due, or people learn to look away.
    if findings and (day - told.day).days >= remind_every_days:
        return _told(incident, Reason.REMINDER, day)
    return incident, None


def _told(incident: Incident, reason: Reason, day: date) -> tuple[Incident, Reason]:
    known = incident.told.known if incident.told else frozenset()
    seq = incident.told.seq + 1 if incident.told else 0
    notice = Notice(known | incident.firing, incident.severity, day, seq)
    return replace(incident, told=notice), reason

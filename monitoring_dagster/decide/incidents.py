"""When are findings worth a person's attention?  A pure question about sets and days."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from monitoring_dagster.decide.findings import Finding, weight
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import Family, FindingKind, Reason, Severity

HEALING = timedelta(days=7)  # an outage this long heals itself, and is told as usual
REOPENING = timedelta(days=7)  # what comes back within this is the same problem
_NAMESPACE = UUID("6f0c1f4e-2d0b-5e0a-9a55-0f6d1c5c3b11")


@dataclass(frozen=True, slots=True)
class Part:
    """What one rule adds to an incident."""

    severity: Severity  # the most urgent since it began
    since: date
    last_seen: date
    judged_on: date  # the latest day that said anything about this rule
    quiet_days: int = 0  # judged days since last_seen
    firing: frozenset[str] = frozenset()  # fingerprints, on judged_on
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What people were last told about one incident."""

    known: frozenset[str]  # every fingerprint that they have heard of and that may yet return
    severity: Severity  # the most urgent that they have heard of, so long as it is not long over
    day: date


@dataclass(frozen=True, slots=True)
class Incident:
    """One problem of a model: all findings of one family, from the first until it stayed quiet."""

    id: str
    model: str
    family: Family
    severity: Severity  # of what is not over; of all that there was once it is closed
    opened_on: date
    last_seen: date
    judged_on: date  # the latest day that was looked at, with or without a finding
    parts: Mapping[FindingKind, Part] = field(hash=False)
    closed_on: date | None = None
    told: Notice | None = None

    @property
    def active(self) -> Mapping[FindingKind, Part]:
        """The rules that are not over; of a closed incident all that it ever had."""
        parts = self.parts.items()
        return {kind: one for kind, one in parts if self.closed_on or not one.is_over}

    @property
    def kind(self) -> FindingKind:
        """The rule that leads: its runbook is the one to open."""
        active = self.active
        return min(active, key=lambda kind: weight(kind, active[kind].severity))

    @property
    def firing(self) -> frozenset[str]:
        """The fingerprints of what was found last, rule by rule."""
        return frozenset[str]().union(*(one.firing for one in self.active.values()))


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
    judged: Collection[FindingKind],
    day: date,
    remind_every_days: int,
    clear_after_days: int,
) -> tuple[Incident | None, Reason | None]:
    """Where an incident stands after one more judged day, and whether to speak about it.

    Parameters
    ----------
    incident
        The latest incident of this model and family, open or closed; None before the first.
    findings
        All findings of this model and family on *day*; empty if the day was fine. Those that are
        for the record only (P3) neither open an incident nor keep one open.
    judged
        The rules of the family that *day* says something about: one that is left out is neither
        found nor cleared. Those of *findings* are judged in any case.

    Returns
    -------
    The incident as it stands now, and the reason to tell people, or None to stay quiet. A rule's
    day before the last one that it was judged on changes nothing, and neither does the same day
    twice. What comes back within `REOPENING` opens the same incident again.

    The reasons follow Prometheus Alertmanager's ``needsUpdate``, with days for its intervals.
    """
    if incident is not None:
        findings = [one for one in findings if _is_current(incident, one.kind, day)]
    found = [one for one in findings if is_told(one.severity)]
    if incident is None or (incident.closed_on is not None and _is_long_over(incident, day)):
        if not found:
            return incident, None
        return _tell(_opened(found, day), found, day, remind_every_days)
    kinds = {kind for kind in judged if _is_current(incident, kind, day)}
    if incident.closed_on is not None:
        if not found:
            return incident, None
        return _reopened(incident, found, kinds, day)
    now = _judged(incident, found, kinds, day, clear_after_days)
    if all(one.is_over for one in now.parts.values()):
        return _closed(now, day)
    return _tell(now, found, day, remind_every_days)


def repaired(
    incident: Incident, kinds: Collection[FindingKind], *, day: date
) -> tuple[Incident, Reason | None]:
    """Where an open incident stands once no day since it began has a finding of *kinds* any more.

    *day* is the one that was delivered anew. No quiet days are waited for: what was wrong was the
    delivery, and it is right now.
    """
    parts = {
        kind: replace(one, is_over=True, firing=frozenset()) if kind in kinds else one
        for kind, one in incident.parts.items()
    }
    after = replace(incident, parts=parts)
    if all(one.is_over for one in parts.values()):
        return _closed(after, day)
    return replace(after, severity=_severity(after)), None


def closed_by_hand(incident: Incident, *, day: date) -> Incident:
    """The incident that a person ends, whatever the days say."""
    return _closed(incident, max(day, incident.opened_on))[0]


def unsent(before: Incident | None, after: Incident) -> Incident:
    """*after*, where no message about this turn goes out: people know what they knew *before*.

    So an incident that is still open on the next live day is notified then.
    """
    if before is None or before.id != after.id or before.told is None:
        return replace(after, told=None)
    if before.closed_on is not None and after.closed_on is None:
        told = replace(before.told, known=frozenset(), severity=Severity.P3)
        return replace(after, told=told)
    return replace(after, told=before.told)


def _is_current(incident: Incident, kind: FindingKind, day: date) -> bool:
    part = incident.parts.get(kind)
    return part is None or day >= part.judged_on


def _is_long_over(incident: Incident, day: date) -> bool:
    assert incident.closed_on is not None, "an open one is not over"
    return day - incident.closed_on > REOPENING


def _opened(found: Sequence[Finding], day: date) -> Incident:
    model, family = found[0].model, RULES[found[0].kind].family
    parts = {kind: _first(some, day) for kind, some in _by_kind(found).items()}
    return Incident(
        id=str(uuid5(_NAMESPACE, f"{model}/{family}/{day}")),
        model=model,
        family=family,
        severity=min(one.severity for one in found),
        opened_on=day,
        last_seen=day,
        judged_on=day,
        parts=parts,
    )


def _reopened(
    incident: Incident, found: Sequence[Finding], kinds: Collection[FindingKind], day: date
) -> tuple[Incident, Reason | None]:
    """The incident of a problem that came back, or of a repaired day that is broken once more."""
    over = {kind: replace(one, is_over=True) for kind, one in incident.parts.items()}
    again = _judged(replace(incident, closed_on=None, parts=over), found, kinds, day, 1)
    known = again.told.known if again.told is not None else frozenset[str]()
    notice = Notice(known | _prints(found), again.severity, day)
    reason = Reason.REOPENED if again.told is not None else Reason.FIRST
    return replace(again, told=notice), reason


def _judged(
    incident: Incident,
    found: Sequence[Finding],
    kinds: Collection[FindingKind],
    day: date,
    clear_after_days: int,
) -> Incident:
    """The same open incident with one more day, or the same day seen anew, added to it."""
    of_day = _by_kind(found)
    parts = dict(incident.parts)
    for kind in {*kinds, *of_day}:
        part, some = parts.get(kind), of_day.get(kind)
        if some:
            parts[kind] = _first(some, day) if part is None else _again(part, some, day)
        elif part is not None:
            parts[kind] = _quiet(part, day, clear_after_days)
    now = replace(
        incident,
        opened_on=min(incident.opened_on, day) if found else incident.opened_on,
        last_seen=max(incident.last_seen, day) if found else incident.last_seen,
        judged_on=max(incident.judged_on, day),
        parts=parts,
    )
    return replace(now, severity=_severity(now), told=_remembered(now))


def _first(found: Sequence[Finding], day: date) -> Part:
    return Part(min(one.severity for one in found), day, day, day, firing=_prints(found))


def _again(part: Part, found: Sequence[Finding], day: date) -> Part:
    """Found once more: a rule that was quiet for long begins anew, and one that was over is as
    urgent as it is now."""
    if part.is_over and day - part.last_seen > REOPENING:
        return _first(found, day)
    severity = min(one.severity for one in found)
    severity = severity if part.is_over else min(part.severity, severity)
    return Part(severity, part.since, day, day, firing=_prints(found))


def _quiet(part: Part, day: date, clear_after_days: int) -> Part:
    quiet_days = part.quiet_days + (day > part.judged_on)
    is_over = part.is_over or quiet_days >= clear_after_days
    return replace(part, judged_on=day, quiet_days=quiet_days, firing=frozenset(), is_over=is_over)


def _closed(incident: Incident, day: date) -> tuple[Incident, Reason | None]:
    parts = {
        kind: replace(one, is_over=True, firing=frozenset()) for kind, one in incident.parts.items()
    }
    severity = min(one.severity for one in parts.values())
    closed = replace(incident, closed_on=day, parts=parts, severity=severity)
    return closed, None if closed.told is None else Reason.RESOLVED


def _severity(incident: Incident) -> Severity:
    """The most urgent of what is not over."""
    return min(
        (one.severity for one in incident.parts.values() if not one.is_over),
        default=incident.severity,
    )


def _remembered(incident: Incident) -> Notice | None:
    """What people were told, without what has been over for so long that its return is news."""
    told = incident.told
    if told is None:
        return None
    recent = {
        kind: one
        for kind, one in incident.parts.items()
        if not one.is_over or incident.judged_on - one.last_seen <= REOPENING
    }
    prefixes = tuple(f"{incident.model}/{kind}/" for kind in recent)
    known = frozenset(one for one in told.known if one.startswith(prefixes))
    severity = min((one.severity for one in recent.values()), default=Severity.P3)
    return replace(told, known=known, severity=max(told.severity, severity))


def _tell(
    incident: Incident, found: Sequence[Finding], day: date, remind_every_days: int
) -> tuple[Incident, Reason | None]:
    told = incident.told
    if told is None:
        return _told(incident, Reason.FIRST, day) if found else (incident, None)
    if any(_is_news(one, told) for one in found):
        return _told(incident, Reason.WORSE, day)
    # Nothing new. Repeat only when the reminder is due, or people learn to look away.
    if found and (day - told.day).days >= remind_every_days:
        return _told(incident, Reason.REMINDER, day)
    return incident, None


def _is_news(finding: Finding, told: Notice) -> bool:
    """Whether a finding changes what people think: it is more urgent than all they know of, another
    sign that is as urgent, or one more subject that cannot wait."""
    if finding.severity < told.severity:
        return True
    if finding.severity > told.severity or finding.fingerprint in told.known:
        return False
    rule = f"{finding.model}/{finding.kind}/"
    is_another_sign = not any(one.startswith(rule) for one in told.known)
    return is_another_sign or finding.severity <= Severity.P1


def _told(incident: Incident, reason: Reason, day: date) -> tuple[Incident, Reason]:
    known = incident.told.known if incident.told else frozenset()
    before = incident.told.severity if incident.told else Severity.P3
    notice = Notice(known | incident.firing, min(before, incident.severity), day)
    return replace(incident, told=notice), reason


def _by_kind(found: Sequence[Finding]) -> dict[FindingKind, list[Finding]]:
    kinds = sorted({one.kind for one in found})
    return {kind: [one for one in found if one.kind is kind] for kind in kinds}


def _prints(found: Sequence[Finding]) -> frozenset[str]:
    return frozenset(one.fingerprint for one in found)

"""Digest of a week: what no message of its own told, since it can wait or was held back."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import SHOWN_FINDINGS, Announcement
from monitoring_dagster.report.wording import counted, date_words

_SUBJECTS = 5  # named in one line


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An incident about which messages did not go out, and by whom."""

    incident: Incident
    words: str


def weekly_digest(
    findings: Sequence[Finding],
    held: Sequence[HeldBack],
    *,
    model: str,
    registered_model: str,
    owner: str,
    days: Collection[date],
    at: datetime,
) -> Announcement | None:
    """One announcement about the *days* of a week; None where there is nothing to tell.

    Incidents that were held back come first, the most urgent of them first; then the findings of
    P3, one line a rule, the most frequent first.
    """
    planned: defaultdict[FindingKind, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.severity is Severity.P3:
            planned[finding.kind].append(finding)
    if not planned and not held:
        return None
    incidents = sorted(held, key=lambda one: (one.incident.severity, one.incident.opened_on))
    kinds = sorted(planned, key=lambda kind: (-len(planned[kind]), kind))
    rows = [_incident_row(one) for one in incidents] + [_rule_row(planned[one]) for one in kinds]
    first = incidents[0].incident if incidents else planned[kinds[0]][0]
    number = sum(map(len, planned.values()))
    return Announcement(
        model=model,
        registered_model=registered_model,
        owner=owner,
        kind=first.kind,
        day=first.last_seen if isinstance(first, Incident) else _newest(planned[first.kind]),
        title=f"{date_words(min(days))} to {date_words(max(days))}:"
        f" {counted(number, 'P3 finding')}, {counted(len(held), 'incident')} held back",
        words="For the next planning: what was sent in no message of its own.",
        rows=tuple(rows[:SHOWN_FINDINGS]),
        total=len(rows),
        at=at,
    )


def _incident_row(held: HeldBack) -> tuple[str, str]:
    one = held.incident
    closed = f" until {date_words(one.closed_on)}" if one.closed_on else ""
    since = f"since {date_words(one.opened_on)}{closed}"
    return RULES[one.kind].title, f"{one.severity}, {since}, {held.words}"


def _rule_row(findings: Sequence[Finding]) -> tuple[str, str]:
    """Such as "5 findings on 3 days: age, income": the rule's line."""
    days = len({one.day for one in findings})
    subjects = sorted({one.subject for one in findings})
    more = len(subjects) - _SUBJECTS
    named = ", ".join(subjects[:_SUBJECTS]) + (f" and {more} more" if more > 0 else "")
    title = RULES[findings[0].kind].title
    return title, f"{counted(len(findings), 'finding')} on {counted(days, 'day')}: {named}"


def _newest(findings: Sequence[Finding]) -> date:
    return max(findings, key=lambda one: one.day).evidence_day

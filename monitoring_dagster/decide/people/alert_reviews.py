"""Which rules earn their messages: what they told of, what people did about it, what to change."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.decide.rules import HEAL, RULES
from monitoring_dagster.kinds import Family, FindingKind, Severity
from monitoring_dagster.spec.rules.alert_settings import WINDOWS

_FEW, _MANY = 2, 4  # incidents, below which nobody can say, and from which on it is a habit
_WORTH = 0.5  # share of its incidents that somebody acted on


class Proposal(StrEnum):
    """What to do with a rule."""

    KEEP = "keep"
    RETUNE = "retune"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about a model in a while: by people, and by the product itself."""

    handlings: Sequence[Handling] = ()
    retrainings: Collection[date] = ()  # the days on which one was decided
    promotions: Collection[datetime] = ()


@dataclass(frozen=True, slots=True)
class ReviewedRule:
    """What one rule did to one model in a while."""

    model: str
    kind: FindingKind
    severity: Severity  # the most urgent
    incidents: int  # that it was part of
    ended: int
    acted_on: int  # of those that ended
    days: int  # on which it was not over, of all of them

    @property
    def precision(self) -> float | None:
        """Share of its ended incidents that somebody acted on; None while none has ended."""
        return self.acted_on / self.ended if self.ended else None

    @property
    def proposal(self) -> Proposal:
        """
        >>> ReviewedRule("m", FindingKind.SLOW_SERVICE, Severity.P2, 5, 5, 0, 9).proposal.value
        'remove'
        """
        if self.ended < _FEW or self.acted_on >= _WORTH * self.ended:
            return Proposal.KEEP
        is_idle = self.ended >= _MANY and not self.acted_on and self.severity > Severity.P1
        return Proposal.REMOVE if is_idle else Proposal.RETUNE

    @property
    def way(self) -> str:
        """The key of defs.yaml by which to follow the proposal; empty where there is nothing to
        change."""
        if self.proposal is Proposal.KEEP:
            return ""
        if self.proposal is Proposal.REMOVE:
            return f"rules.alerts.{self.kind}.severity: P3 (it stays on record) or enabled: false"
        if self.kind is FindingKind.OWN_RULE:
            return "rules.own: its limit, breaches and of_days"
        keys = list(RULES[self.kind].settings)
        if self.kind in WINDOWS:
            keys.append(f"rules.alerts.{self.kind}.breaches")
        return ", ".join(keys or [f"rules.alerts.{self.kind}.severity"])


def was_acted_on(incident: Incident, done: Done, *, until: date) -> bool:
    """Whether anybody did anything about an incident: a person acknowledged, took or ended it,
    the data was delivered anew, or another version was trained for it or took over.

    *until* is the last day that counts for one that is still open.
    """
    by_hand = (Action.ACKNOWLEDGE, Action.ASSIGN, Action.RESOLVE)
    if any(one.incident == incident.id and one.action in by_hand for one in done.handlings):
        return True
    end = incident.closed_on or until
    if incident.family is Family.BEHAVIOUR:
        days = {*done.retrainings, *(one.date() for one in done.promotions)}
        if any(incident.opened_on <= day <= end for day in days):
            return True
    parts = incident.parts.items()
    return incident.closed_on is not None and any(
        kind in HEAL and not part.quiet_days for kind, part in parts
    )


def reviewed(
    incidents: Sequence[Incident], done: Done, *, first: date, last: date
) -> list[ReviewedRule]:
    """Each rule that had a part in an incident from *first* to *last*, the least useful first.

    *incidents* are those of one model that people were told of.
    """
    rows: dict[FindingKind, list[Incident]] = {}
    for one in incidents:
        for kind, part in one.parts.items():
            if part.since <= last and part.last_seen >= first:
                rows.setdefault(kind, []).append(one)
    found = [_row(kind, some, done, first, last) for kind, some in rows.items()]
    return sorted(found, key=lambda one: (one.precision is None, one.precision or 0, -one.days))


def ended_between(incidents: Sequence[Incident], first: date, last: date) -> list[Incident]:
    """Those that ended from *first* to *last*."""
    return [one for one in incidents if one.closed_on and first <= one.closed_on <= last]


def precision(
    incidents: Sequence[Incident], done: Done, *, first: date, last: date
) -> float | None:
    """Share of the incidents that ended from *first* to *last* that somebody acted on."""
    ended = ended_between(incidents, first, last)
    acted = sum(was_acted_on(one, done, until=last) for one in ended)
    return acted / len(ended) if ended else None


def _row(
    kind: FindingKind, incidents: Sequence[Incident], done: Done, first: date, last: date
) -> ReviewedRule:
    parts = [one.parts[kind] for one in incidents]
    ended = [one for one in incidents if one.closed_on is not None and one.closed_on <= last]
    return ReviewedRule(
        model=incidents[0].model,
        kind=kind,
        severity=min(one.severity for one in parts),
        incidents=len(incidents),
        ended=len(ended),
        acted_on=sum(was_acted_on(one, done, until=last) for one in ended),
        days=sum((min(one.last_seen, last) - max(one.since, first)).days + 1 for one in parts),
    )

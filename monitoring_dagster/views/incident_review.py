"""Review of a quarter: which rules spoke, what was done about it, and what to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from monitoring_dagster.decide.people.alert_reviews import Proposal, ReviewedRule, reviewed
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.judge.alert_signals import done_about
from monitoring_dagster.report.wording import counted
from monitoring_dagster.store.ledger.ledger import Ledger


class NoQuarter(MonitoringError):
    """Words that were meant as a quarter, and are none."""

    @classmethod
    def of(cls, written: str) -> Self:
        return cls(f"{written!r} is no quarter: write a year and one of Q1 to Q4, such as 2026-Q3")


@dataclass(frozen=True, slots=True)
class IncidentReview:
    """What was told from *first* to *last*, of one model or of all."""

    first: date
    last: date
    rules: Sequence[ReviewedRule]
    messages: int

    @property
    def messages_a_week(self) -> float:
        """On average."""
        return self.messages * 7 / ((self.last - self.first).days + 1)

    @property
    def lines(self) -> list[str]:
        """For people: a line for each rule, the least useful first."""
        head = (
            f"{self.first} to {self.last}: {counted(self.messages, 'message')},"
            f" {self.messages_a_week:.1f} a week"
        )
        return [head, *(_line(one) for one in self.rules)]

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "first": self.first,
            "last": self.last,
            "messages": self.messages,
            "messages_a_week": round(self.messages_a_week, 2),
            "rules": [
                {
                    "model": one.model,
                    "rule": one.kind,
                    "severity": one.severity,
                    "incidents": one.incidents,
                    "ended": one.ended,
                    "acted_on": one.acted_on,
                    "precision": one.precision,
                    "days": one.days,
                    "proposal": one.proposal,
                    "change": one.way,
                }
                for one in self.rules
            ],
        }


def quarter(written: str) -> tuple[date, date]:
    """The first and the last day of a quarter. Raises NoQuarter.

    >>> [str(day) for day in quarter("2026-Q1")]
    ['2026-01-01', '2026-03-31']
    """
    year, _, number = written.upper().partition("-Q")
    if not (
        year.isascii() and year.isdecimal() and len(year) == 4 and number in ("1", "2", "3", "4")
    ):
        raise NoQuarter.of(written)
    month = 3 * int(number) - 2
    first = date(int(year), month, 1)
    after = date(int(year) + month // 10, (month + 2) % 12 + 1, 1)
    return first, after - timedelta(days=1)


def review(ledger: Ledger, *, first: date, last: date, model: str | None = None) -> IncidentReview:
    """What rules did from *first* to *last*, the least useful of each model first."""
    told = [one for one in ledger.incidents(model) if one.told is not None]
    names = sorted({one.model for one in told})
    rules = []
    for name in names:
        of_model = [one for one in told if one.model == name]
        rules += reviewed(of_model, done_about(ledger, name), first=first, last=last)
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    messages = ledger.deliveries.messages(start, end, model=model)
    return IncidentReview(first, last, rules, messages)


def _line(one: ReviewedRule) -> str:
    said = (
        f"{one.model} {one.kind} ({one.severity}): {counted(one.incidents, 'incident')} on"
        f" {counted(one.days, 'day')}, {one.acted_on} of {one.ended} that ended were acted on:"
        f" {one.proposal}"
    )
    return said if one.proposal is Proposal.KEEP else f"{said} ({one.way})"

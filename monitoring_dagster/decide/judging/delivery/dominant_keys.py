"""Dominant keys: one customer, device or source that far more of the rows are about than before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec

KEY_SHARE = "traffic.key_share"  # of the keys with most rows; its subject is the key
_WEEKS, _FEWEST_WEEKS = 4, 2  # of the same weekday, before the day that is judged
_LEAST_SHARE = 0.2
_TIMES_THE_ODDS = 4.0  # of its largest share before: 2 % becomes 20 %, or 50 % becomes 80 %
_FEWEST_ROWS = 30  # of the key
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Largest:
    """The key with most rows of a day, and what it had before."""

    key: str
    share: float
    before: float  # the largest share of the same weekdays before, or what it cannot have exceeded

    @property
    def words(self) -> str:
        """The fact, with the bound."""
        short = self.key[:_SHOWN_CHARACTERS]
        cut = "..." if len(self.key) > _SHOWN_CHARACTERS else ""
        return (
            f"{short!r}{cut} has {self.share:.1%} of the rows, on the same weekdays before at most"
            f" {self.before:.1%}"
        )

    @property
    def is_dominant(self) -> bool:
        """Whether it is far beyond what it was; a share of all rows is beyond any other."""
        odds, before = (one / max(1 - one, 1e-9) for one in (self.share, self.before))
        return self.share > _LEAST_SHARE and odds > _TIMES_THE_ODDS * before


def dominant_key(spec: ModelSpec, day: date, log: SignalLog) -> Iterator[Finding]:
    """The finding that one key dominates *day*, where one does."""
    largest = largest_on(day, log)
    if largest is not None and largest.is_dominant:
        kind = FindingKind.DOMINANT_KEY
        rule = RULES[kind]
        words = (
            f"{largest.words} (limit {_LEAST_SHARE:.0%}, and {_TIMES_THE_ODDS:g} times the odds)"
        )
        subject = str(spec.predictions.key)
        yield Finding(spec.name, day, kind, subject, rule.severity, words, rule.asset)


def with_key(findings: Iterable[Finding], day: date, log: SignalLog) -> list[Finding]:
    """*findings*, of which one of too many rows names the key that most are about."""
    largest = largest_on(day, log)
    return [
        replace(one, words=f"{one.words}; {largest.words}")
        if one.kind is FindingKind.HIGH_VOLUME and largest is not None and largest.is_dominant
        else one
        for one in findings
    ]


def largest_on(day: date, log: SignalLog) -> Largest | None:
    """The key with most rows of *day*; None where it has few, or too few weeks are known."""
    today = log.on(day, KEY_SHARE)
    weeks = [log.on(day - timedelta(weeks=n), KEY_SHARE) for n in range(1, _WEEKS + 1)]
    known = [week for week in weeks if week]
    if not today or today[0].good < _FEWEST_ROWS or len(known) < _FEWEST_WEEKS:
        return None
    key = today[0].subject
    return Largest(key, today[0].value, max(_share_of(key, week) for week in known))


def _share_of(key: str, week: Sequence[Signal]) -> float:
    """Its share; of a key that is not among those kept, at most the smallest one of these."""
    own = next((one.value for one in week if one.subject == key), None)
    rest = max(1.0 - sum(one.value for one in week), 0.0)
    return min(min(one.value for one in week), rest) if own is None else own

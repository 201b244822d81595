"""When is a challenger trained, and when may it serve?  Every answer carries its reason."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from monitoring_dagster.decide.diagnosis.causes import LEARNING, LikelyCause
from monitoring_dagster.decide.rules import BLOCK_RETRAINING
from monitoring_dagster.decide.signal import readable
from monitoring_dagster.errors import escaped
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.retraining import Retraining
from monitoring_dagster.spec.rules.alert_settings import Window
from monitoring_dagster.stats.quality.comparison import PairedComparison

RETRAIN, WAIT = "retrain", "wait"  # what is decided
_WAITS = (timedelta(hours=1), timedelta(hours=6), *[timedelta(days=1)] * 4)
TRIES = 1 + len(_WAITS)  # of one training, before it is given up
_PERIOD_DAYS = {"daily": 1, "weekly": 7}
_PERIOD_MONTHS = {"monthly": 1, "quarterly": 3}


class Cause(StrEnum):
    """Why a retraining is due. Drift alone is none: it says nothing about quality."""

    PERFORMANCE = "performance"
    CADENCE = "cadence"


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision of one day looks at."""

    day: date
    breaches: Mapping[date, tuple[str, ...]]  # evaluated day: metrics worse than tolerated
    trained_on: date  # when the champion was made
    attempts: tuple[date, ...]  # days of earlier retrainings, promoted or not; none that failed
    labelled_rows: int  # to train on, before the holdout
    open_kinds: frozenset[FindingKind]
    window: Window | None  # of performance_drop; None where that rule is turned off
    invalid_share: float = 0.0  # of the rows of the days to learn from
    given_up: tuple[date, ...] = ()  # when trainings were given up, since the last retraining
    likely: LikelyCause | None = None  # that outweighs all others on that day


@dataclass(frozen=True, slots=True)
class RetrainingVerdict:
    """Whether to retrain, why, and in words."""

    retrain: bool
    causes: tuple[Cause, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """One decided retraining that has not been carried out."""

    day: date
    words: str
    number: int = 1  # of the try


def next_due(cadence: str, since: date) -> date | None:
    """The first day on which a periodic retraining is due after one on *since*.

    >>> next_due("monthly", date(2026, 1, 31))
    datetime.date(2026, 2, 28)
    >>> next_due("never", date(2026, 1, 31)) is None
    True
    """
    if cadence in _PERIOD_DAYS:
        return since + timedelta(days=_PERIOD_DAYS[cadence])
    if cadence not in _PERIOD_MONTHS:
        return None
    months = since.year * 12 + since.month - 1 + _PERIOD_MONTHS[cadence]
    first = date(months // 12, months % 12 + 1, 1)
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    return min(first.replace(day=1) + timedelta(days=since.day - 1), following - timedelta(days=1))


def next_try(failed_at: Sequence[datetime]) -> datetime | None:
    """When a training that failed at these times is tried again: an hour later, six hours, then
    daily; ``None`` once it failed `TRIES` times.

    >>> from datetime import UTC
    >>> str(next_try([datetime(2026, 3, 2, 6, tzinfo=UTC)]))
    '2026-03-02 07:00:00+00:00'
    """
    if len(failed_at) >= TRIES:
        return None
    return max(failed_at) + _WAITS[len(failed_at) - 1]


def decide(policy: Retraining, situation: Situation) -> RetrainingVerdict | None:
    """Is a retraining due on this day, and is it wise?  ``None`` where nothing is due.

    Only days evaluated after the last attempt count, so that a retraining answers each problem
    once and a periodic one starts the count anew.
    """
    last = max((situation.trained_on, *situation.attempts))
    causes: list[Cause] = []
    said: list[str] = []
    window = situation.window
    recent = sorted(day for day in situation.breaches if day > last)
    recent = recent[-window.of_days :] if window else []
    broken = [day for day in recent if situation.breaches[day]]
    if window and len(broken) >= window.breaches:
        causes.append(Cause.PERFORMANCE)
        metrics = sorted({metric for day in broken for metric in situation.breaches[day]})
        said.append(
            f"{', '.join(metrics)} worse than tolerated on {len(broken)} of the last"
            f" {len(recent)} evaluated days (limit {window.breaches} of {window.of_days})"
        )
    due = next_due(policy.cadence, last)
    if due is not None and situation.day >= due:
        causes.append(Cause.CADENCE)
        said.append(f"{policy.cadence} retraining was due on {due}")
    if not causes:
        return None
    why = "; ".join(said)
    against = _objection(policy, situation, causes)
    if against:
        return RetrainingVerdict(
            retrain=False, causes=tuple(causes), words=f"{why}. Not now: {against}."
        )
    return RetrainingVerdict(retrain=True, causes=tuple(causes), words=f"{why}.")


def _objection(policy: Retraining, situation: Situation, causes: Sequence[Cause]) -> str | None:
    troubles = sorted(situation.open_kinds & BLOCK_RETRAINING)
    if troubles:
        return f"the data has an open incident ({', '.join(troubles)})"
    likely = situation.likely
    if likely is not None and likely.action not in LEARNING and Cause.CADENCE not in causes:
        return f"the likely cause is {likely.title}, recommended: {likely.action}"
    if situation.given_up:
        given_up = max(situation.given_up)
        again = given_up + timedelta(days=policy.cooldown_days)
        if situation.day < again:
            return (
                f"training was given up on {given_up} after {TRIES} failed tries, a person should"
                f" look; it is tried again from {again} on"
            )
    month = [day for day in situation.attempts if situation.day - day < timedelta(days=30)]
    if len(month) >= policy.max_runs_in_30_days:
        return (
            f"{len(month)} retrainings in 30 days is the limit; more of them will not help,"
            " a person should look"
        )
    if situation.attempts:
        rested = (situation.day - max(situation.attempts)).days
        if rested < policy.cooldown_days:
            return (
                f"the last retraining was {rested} days ago (cool-down {policy.cooldown_days} days)"
            )
    if situation.invalid_share > policy.max_invalid_share:
        return (
            f"{situation.invalid_share:.1%} of the rows of the days to learn from are invalid"
            f" (limit {policy.max_invalid_share:.0%})"
        )
    if situation.labelled_rows < policy.min_labelled_rows:
        return (
            f"{situation.labelled_rows:,} labelled rows before the holdout are too few to train on"
            f" (at least {policy.min_labelled_rows:,})"
        )
    return None


MIN_SEGMENT_ROWS = 200  # below which a segment speaks neither for nor against a challenger
_SHOWN_SEGMENTS, _SHOWN_CHARACTERS = 3, 40


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the challenger may serve, and why."""

    passed: bool
    words: str


def gate(
    overall: PairedComparison,
    segments: Mapping[str, PairedComparison],
    *,
    metric: str,
    alpha: float = 0.05,
    margin: float = 0.05,
    tolerated: Mapping[str, float] = MappingProxyType({}),
) -> Gate:
    """May the challenger replace the champion, judged on the same rows?

    It must be better on the whole (one-sided p below *alpha*), and in no segment worse by more
    than is *tolerated* there (by default *margin* of the champion's metric) with evidence at
    *alpha* shared among the segments. A metric that is not defined passes nothing; a segment in
    which it is not is named.
    """
    values = (
        f"{metric} {readable(overall.challenger)} against the champion's"
        f" {readable(overall.champion)} on the same {overall.n:,} rows"
    )
    if not overall.is_defined:
        words = f"{metric} is not defined for both models on the holdout: nothing is compared"
        return Gate(passed=False, words=words)
    if not overall.p_value < alpha:
        why = f"p = {overall.p_value:.2g}" if math.isfinite(overall.low) else "too few days to tell"
        return Gate(passed=False, words=f"{values}: not significantly better ({why})")
    large = {name: one for name, one in segments.items() if one.n >= MIN_SEGMENT_ROWS}
    judged = {name: one for name, one in large.items() if one.is_defined}
    for name, one in sorted(judged.items()):
        room = tolerated.get(name, margin * abs(one.champion))
        if -one.difference > room and one.p_worse < alpha / len(judged):
            return Gate(
                passed=False,
                words=f"{values}: better on the whole, but significantly worse in {_shown(name)}:"
                f" {readable(one.challenger)} against {readable(one.champion)} ({one.n:,} rows)",
            )
    words = f"{values}: significantly better (p = {overall.p_value:.2g})"
    if undefined := sorted(large.keys() - judged.keys()):
        more = len(undefined) - _SHOWN_SEGMENTS
        named = ", ".join(map(_shown, undefined[:_SHOWN_SEGMENTS]))
        named += f" and {more} more" if more > 0 else ""
        words += f"; not compared in {named}, where {metric} is not defined"
    return Gate(passed=True, words=words)


def _shown(segment: str) -> str:
    """A segment's name and value, cut and in one line: values come from data."""
    cut = segment[:_SHOWN_CHARACTERS] + ("…" if len(segment) > _SHOWN_CHARACTERS else "")
    return escaped(cut)

"""When is a challenger trained, and when may it serve?  Every answer carries its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.spec import Retraining
from monitoring_dagster.stats.comparison import Comparison

# While one of these is open the data is not to be learnt from.
DATA_INCIDENTS = frozenset(
    {
        FindingKind.MISSING_DAY,
        FindingKind.EMPTY_DAY,
        FindingKind.UNREADABLE_DATA,
        FindingKind.SCHEMA_BREACH,
    }
)
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
    attempts: tuple[date, ...]  # days of earlier retrainings, promoted or not
    labelled_rows: int  # to train on, before the holdout
    open_kinds: frozenset[FindingKind]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to retrain, why, and in words."""

    retrain: bool
    causes: tuple[Cause, ...]
    words: str


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


def decide(policy: Retraining, situation: Situation) -> Decision | None:
    """Is a retraining due on this day, and is it wise?  ``None`` where nothing is due.

    Only days evaluated after the last attempt count, so that a retraining answers each problem
    once and a periodic one starts the count anew.
    """
    last = max((situation.trained_on, *situation.attempts))
    causes: list[Cause] = []
    said: list[str] = []
    recent = sorted(day for day in situation.breaches if day > last)[-policy.of_days :]
    broken = [day for day in recent if situation.breaches[day]]
    if len(broken) >= policy.breaches:
        causes.append(Cause.PERFORMANCE)
        metrics = sorted({metric for day in broken for metric in situation.breaches[day]})
        said.append(
            f"{', '.join(metrics)} worse than tolerated on {len(broken)} of the last"
            f" {len(recent)} evaluated days (limit {policy.breaches} of {policy.of_days})"
        )
    due = next_due(policy.cadence, last)
    if due is not None and situation.day >= due:
        causes.append(Cause.CADENCE)
        said.append(f"{policy.cadence} retraining was due on {due}")
    if not causes:
        return None
    why = "; ".join(said)
    against = _objection(policy, situation)
    if against:
        return Decision(retrain=False, causes=tuple(causes), words=f"{why}. Not now: {against}.")
    return Decision(retrain=True, causes=tuple(causes), words=f"{why}.")


def _objection(policy: Retraining, situation: Situation) -> str | None:
    troubles = sorted(situation.open_kinds & DATA_INCIDENTS)
    if troubles:
        return f"the data has an open incident ({', '.join(troubles)})"
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
    if situation.labelled_rows < policy.min_labelled_rows:
        return (
            f"{situation.labelled_rows:,} labelled rows before the holdout are too few to train on"
            f" (at least {policy.min_labelled_rows:,})"
        )
    return None


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the challenger may serve, and why."""

    passed: bool
    words: str


def gate(
    overall: Comparison,
    segments: Mapping[str, Comparison],
    *,
    metric: str,
    alpha: float = 0.05,
    margin: float = 0.05,
    min_segment_rows: int = 200,
) -> Gate:
    """May the challenger replace the champion, judged on the same rows?

    It must be better on the whole (one-sided p below *alpha*), and in no segment worse by more
    than *margin* of the champion's loss with evidence at *alpha* shared among the segments.
    A loss that is no number passes nothing.
    """
    if not overall.p_value < alpha:
        return Gate(
            passed=False,
            words=f"{metric} {overall.challenger:.4f} against the champion's"
            f" {overall.champion:.4f} on the same {overall.n:,} rows is no proof of being better"
            f" (p = {overall.p_value:.3f}, needed below {alpha})",
        )
    large = {name: one for name, one in segments.items() if one.n >= min_segment_rows}
    for name, one in sorted(large.items()):
        bound = margin * abs(one.champion)
        worse = -one.difference
        if worse > bound and 1 - one.p_value < alpha / len(large):
            return Gate(
                passed=False,
                words=f"better on the whole, but {metric} in {name} rises from"
                f" {one.champion:.4f} to {one.challenger:.4f} ({one.n:,} rows)",
            )
    return Gate(
        passed=True,
        words=f"{metric} {overall.challenger:.4f} against the champion's {overall.champion:.4f}"
        f" on the same {overall.n:,} rows (p = {overall.p_value:.4f})",
    )

"""Prediction days whose labels are known well enough to train and to compare on."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from monitoring_dagster.measure.quality.arrivals import curve_on, labelled_by
from monitoring_dagster.sources.rows.rows import days_available
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.spec.retraining import Retraining
from monitoring_dagster.stats.labels.maturity import ArrivalCurve, Maturity, maturity
from monitoring_dagster.store.days.profiles import PROFILE, service_of
from monitoring_dagster.store.days.usable_rows import is_usable
from monitoring_dagster.store.monitor import Monitor


class LabelState(StrEnum):
    """What a day that was served is worth to a training."""

    KNOWN = "with mature labels"
    WAITING = "waiting for labels"
    THIN = "with too few labels"
    UNUSABLE = "not usable when judged"


@dataclass(frozen=True, slots=True)
class LearningDay:
    """One day that was served, as known on the day that was asked about."""

    day: date
    state: LabelState
    predictions: int  # counted ones; 0 where the day was never profiled
    labelled: int


@dataclass(frozen=True)
class LearningDays:
    """What a retraining may learn from, as known at the end of *as_of*; oldest day first."""

    as_of: date
    days: tuple[LearningDay, ...]  # those served, from the first one that is learnt from
    policy: Retraining
    mature_after_days: int

    @property
    def known(self) -> tuple[LearningDay, ...]:
        return tuple(one for one in self.days if one.state is LabelState.KNOWN)

    @property
    def training(self) -> tuple[LearningDay, ...]:
        """The days before the holdout, which is the last ``holdout_days`` known ones."""
        return self.known[: -self.policy.holdout_days]

    @property
    def training_rows(self) -> int:
        return sum(one.labelled for one in self.training)

    def enough_on(self) -> date | None:
        """The day on which, by what was served so far, there will be rows enough to train on."""
        usual = self._usual_rows
        rows = [float(one.labelled) for one in self.known]
        for one in self.days:
            if one.state is LabelState.WAITING:
                rows.append(usual or float(one.predictions))
                before = rows[: -self.policy.holdout_days][-self.policy.train_days :]
                if sum(before) >= self.policy.min_labelled_rows:
                    return one.day + timedelta(days=self.mature_after_days)
        return None

    @property
    def words(self) -> str:
        """What was looked at: how many of the served days are worth what to a training."""
        if not self.days:
            return f"There are no predictions up to {self.as_of}"
        states = Counter(one.state for one in self.days)
        named = ", ".join(f"{states[state]} {state}" for state in LabelState if states[state])
        first, last = self.days[0].day, self.days[-1].day
        return f"{counted(len(self.days))} with predictions from {first} to {last}: {named}"

    @property
    def way_out(self) -> str:
        """What helps: time, where labels are on their way; else a setting."""
        usual, least = self._usual_rows, self.policy.min_labelled_rows
        if usual and usual * self.policy.train_days < least:
            return (
                f"About {usual:,.0f} labelled rows a day on train_days {self.policy.train_days}"
                " never reach that: raise retraining.train_days, or lower"
                " retraining.min_labelled_rows"
            )
        if day := self.enough_on():
            return f"Enough will have matured on {day}; or lower retraining.min_labelled_rows"
        if any(one.state is LabelState.THIN for one in self.days):
            return (
                "Labels did not come within labels.mature_after_days: find out where they are, or"
                " lower labels.min_coverage"
            )
        return (
            f"Wait for more days than the {self.policy.holdout_days} of the holdout, or lower"
            " retraining.holdout_days or retraining.min_labelled_rows"
        )

    @property
    def _usual_rows(self) -> float:
        """Labelled rows of a day, on average; 0 where no day with mature labels was profiled."""
        rows = [one.labelled for one in self.known if one.predictions]
        return sum(rows) / len(rows) if rows else 0.0


def counted(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def learning_days(monitor: Monitor, as_of: date) -> LearningDays:
    """The newest days with mature labels, as many as a retraining takes, and those after them.

    A day counts once no more of its labels are waited for, or nearly all have come by the usual
    delays, as for any verdict on quality, and at least ``labels.min_coverage`` of its predictions
    have one: a day with a quarter of its labels holds only the quick ones. Days on which nothing
    was served do not count. Days that were never profiled count by their age alone.
    """
    policy = monitor.spec.retraining
    assert policy is not None, "a model without retraining learns from no day"
    wanted = policy.train_days + policy.holdout_days
    curve = curve_on(monitor, as_of)
    found: list[LearningDay] = []
    known = 0
    for day, labelled in _served(monitor, as_of, days=wanted):
        one = _judged(monitor, day, labelled, as_of=as_of, curve=curve)
        if one is None:
            continue
        found.append(one)
        known += one.state is LabelState.KNOWN
        if known == wanted:
            break
    wait = labels_of(monitor.spec).mature_after_days
    return LearningDays(as_of, tuple(reversed(found)), policy, wait)


def _served(monitor: Monitor, as_of: date, *, days: int) -> Iterator[tuple[date, int]]:
    """The days that may have been served, newest first, and how many labels each has."""
    spec, log = monitor.spec, monitor.spec.predictions
    profiled = monitor.results.days(monitor.name, PROFILE)
    if log.path is not None:
        there = {*days_available(log, root=monitor.root)}
    else:  # nobody knows without reading it all on which days a table has rows
        before = min([*profiled, as_of + timedelta(days=1)])
        reach = days + labels_of(spec).mature_after_days
        there = {*profiled, *(before - timedelta(days=n + 1) for n in range(reach))}
    first = min(there, default=as_of)
    arrived: Counter[str] = Counter()
    for n in range((as_of - first).days + 1):
        day = as_of - timedelta(days=n)
        arrived.update(labelled_by(monitor, day, days=1))
        if day in there:
            yield day, max(arrived[str(day)], 0)


def _judged(
    monitor: Monitor, day: date, labelled: int, *, as_of: date, curve: ArrivalCurve | None
) -> LearningDay | None:
    """What one day is worth; None where nothing was served."""
    labels = labels_of(monitor.spec)
    service: Mapping[str, object] = service_of(monitor, day)
    predictions = int(str(service.get("counted", 0)))
    if service and not predictions:
        # What could not be read that day has no rows in the results.
        is_spoilt = "error" in service or not is_usable(monitor, day)
        return LearningDay(day, LabelState.UNUSABLE, 0, labelled) if is_spoilt else None
    known = maturity(
        curve if service else None,
        predictions=predictions,
        arrived=labelled,
        lag_days=(as_of - day).days,
        mature_after_days=labels.mature_after_days,
    )
    state = LabelState.WAITING
    if known.maturity is Maturity.MATURE:
        is_enough = not service or (labelled >= max(labels.min_coverage * predictions, 1))
        state = LabelState.KNOWN if is_enough else LabelState.THIN
    return LearningDay(day, state, predictions, labelled)

"""Labels enough to learn from: what each day is worth, and what helps where they are too few."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec.retraining import Retraining


class LabelState(StrEnum):
    """What a day that was served is worth to a training."""

    KNOWN = "with mature labels"
    WAITING = "waiting for labels"
    THIN = "with too few labels"
    UNUSABLE = "not usable when judged"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class LearningDay:
    """One day that was served, as known on the day that was asked about."""

    day: date
    state: LabelState
    predictions: int  # counted ones; 0 where the day was never profiled
    labelled: int
    why: str = ""  # it is quarantined
    rows: int = 0  # that its contract read
    invalid: int = 0  # of them

    @property
    def words(self) -> str:
        """Its state, with the reason where there is one."""
        return f"{self.state}: {self.why}" if self.why else str(self.state)


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

    @property
    def invalid_share(self) -> float:
        """Of the rows between the first and the last day with mature labels, both included; those
        of days that cannot be used are invalid, as many as there are on a usual day where nobody
        could count them."""
        known = self.known
        days = [one for one in self.days if known and known[0].day <= one.day <= known[-1].day]
        usual = max(sum(one.rows for one in known) // max(len(known), 1), 1)
        unusable = (LabelState.UNUSABLE, LabelState.QUARANTINED)
        lost = [one.rows or usual for one in days if one.state in unusable]
        read = [one for one in days if one.state not in unusable]
        rows = sum(lost) + sum(one.rows for one in read)
        return (sum(lost) + sum(one.invalid for one in read)) / rows if rows else 0.0

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
        return f"{_counted(len(self.days))} with predictions from {first} to {last}: {named}"

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


class TooFewLabels(MonitoringError):
    """Not enough is known to train or to compare."""

    @classmethod
    def on(cls, found: LearningDays, rows: int, *, days: int, left_out: str) -> Self:
        policy = found.policy
        words = (
            f"{rows:,} labelled rows of {_counted(days)} before a holdout of"
            f" {_counted(policy.holdout_days)} are too few to train on, as known on {found.as_of}:"
            f" at least {policy.min_labelled_rows:,}. {found.words}. {found.way_out}"
        )
        return cls(f"{words}. {left_out}" if left_out else words)

    @classmethod
    def never_judged(cls, model: str) -> Self:
        return cls(f"no day of {model!r} was judged yet: materialise its verdict first")


class TooManyInvalid(MonitoringError):
    """What would be learnt from is broken in too large a part."""

    @classmethod
    def of(cls, found: LearningDays) -> Self:
        return cls(
            f"{found.invalid_share:.1%} of the rows of the days to learn from are invalid, as known"
            f" on {found.as_of} (limit {found.policy.max_invalid_share:.0%}). {found.words}. Have"
            " the days in quarantine delivered anew, or raise retraining.max_invalid_share"
        )


def _counted(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"

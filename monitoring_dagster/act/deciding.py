"""What did somebody decide about labels, and which results does that change?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.measure.quality.decided_labels import bring_in
from monitoring_dagster.report.wording import printable
from monitoring_dagster.sources.labels.labels import labels_standing
from monitoring_dagster.sources.labels.requests import days_answered
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.ledger.decided.label_decisions import (
    Decision,
    Key,
    LabelDecision,
    UnstorableRequest,
)
from monitoring_dagster.store.ledger.schema import storable
from monitoring_dagster.store.monitor import Monitor

_SEARCHED_DAYS = 92  # of predictions at a time, the newest first
_SHOWN = 5


class UnknownRequest(MonitoringError):
    """A request without a label about which something could be decided."""

    @classmethod
    def among(cls, requests: Sequence[str], *, model: str, day: date) -> Self:
        shown = ", ".join(printable(one) for one in requests[:_SHOWN])
        more = f" and {len(requests) - _SHOWN:,} more" if len(requests) > _SHOWN else ""
        return cls(
            f"no label of {model!r} belongs to request {shown}{more} on {day}, so nothing was"
            f" decided: `labels issues {model} --json` prints the ids as they are"
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """What was written down, and what has to be done for it to show."""

    model: str
    decision: Decision
    labels: int
    new: int  # of them were not decided so before
    day: date  # from whose end on it is known
    served: tuple[date, ...]  # days of the predictions
    has_run: bool  # whether outcomes of that day had been computed before

    @property
    def words(self) -> str:
        """In plain words, with the days that are to be run again."""
        many = "label" if self.labels == 1 else "labels"
        done = {
            Decision.DISCARD: f"discarded: from {self.day} on they count no more",
            Decision.KEEP: f"kept: from {self.day} on they count",
        }[self.decision]
        known = self.labels - self.new
        said_before = f" ({known:,} had been decided so before)" if known else ""
        days = ", ".join(map(str, self.served))
        run = f"Materialise outcomes of {self.day} {'again' if self.has_run else 'when it is over'}"
        return (
            f"{self.labels:,} {many} {done}{said_before}."
            f" {run}, and evaluation of {days} once that is done."
        )


def decide(
    monitor: Monitor,
    request_ids: Collection[str],
    decision: Decision,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> Decided:
    """Write a decision about the labels of these requests into the ledger, all or none.

    Of an id that was used again the newest labelled prediction is meant. What was known before the
    UTC day of *now* stays as it was.

    Raises
    ------
    UnknownRequest, UnstorableRequest, NoLabels, UnreadableFile, UnknownColumn
    """
    labels_of(monitor.spec)
    asked = list(dict.fromkeys(request_ids))
    for one in asked:
        if storable(one) != one:
            raise UnstorableRequest.named(one)
    day = now.astimezone(UTC).date()
    found = _labelled(monitor, asked, day)
    unknown = [one for one in asked if one not in found]
    if unknown:
        raise UnknownRequest.among(unknown, model=monitor.name, day=day)
    new = monitor.ledger.label_decisions.record(
        [LabelDecision(monitor.name, one, found[one], decision, reason, by, now) for one in asked]
    )
    arrived = monitor.results.days(monitor.name, OUTCOMES)
    bring_in(monitor, arrived=arrived)
    return Decided(
        model=monitor.name,
        decision=decision,
        labels=len(asked),
        new=new,
        day=day,
        served=tuple(sorted(set(found.values()))),
        has_run=day in arrived,
    )


def _labelled(monitor: Monitor, request_ids: Sequence[str], today: date) -> dict[str, date]:
    """The newest day on which each request has an answer with a label, as known *today*."""
    found: dict[str, date] = {}
    begun, last = monitor.first_day() or today, today
    while last >= begun and len(found) < len(request_ids):
        first = last - timedelta(days=_SEARCHED_DAYS - 1)
        missing = [one for one in request_ids if one not in found]
        answered: set[Key] = days_answered(
            monitor.spec.predictions, missing, first=first, last=last, root=monitor.root
        )
        rows = labels_standing(monitor.spec, answered, as_of=today, root=monitor.root)
        keys = zip(rows["request_id"].to_pylist(), rows["day"].to_pylist(), strict=True)
        found |= dict(sorted(keys, key=lambda key: key[1]))
        last = first - timedelta(days=1)
    return found

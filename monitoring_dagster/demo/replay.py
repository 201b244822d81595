"""A year of flights, week by week: serve, monitor, alert, retrain, and never look ahead."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import pandas as pd

from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.training import LabelledFeatures, register, train
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.daily.workers import started
from monitoring_dagster.demo.fake_service import labels_of, serve_day, write_day
from monitoring_dagster.demo.flights import LABEL_WINDOW_DAYS, flights
from monitoring_dagster.demo.summary import Summary
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.orchestration.dg_project import Project
from monitoring_dagster.store.days.known_labels import labels_on
from monitoring_dagster.store.models.registry import Registry
from monitoring_dagster.store.monitor import HOME, Monitor

TRAINING_DAYS = 90  # the model's history before it is first served
_HOLDOUT_DAYS = 14
_WEEK = 7
_WEEKS_TO_REVISION = 4
_SECOND_MODEL_DAYS = 28
_MARKER = "demo.json"
_RESULTS = ("results", "ledger.db", "mlflow.db")  # Dagster's own files come from looking alone


class NotOurs(MonitoringError):
    """The project has results that the demo did not make."""

    @classmethod
    def at(cls, place: Path) -> Self:
        return cls(
            f"{place} holds results that the demo did not make, and the demo begins anew:"
            " run it in a fresh clone, or move that folder away"
        )


class ReplayProgress(Protocol):
    """Whoever shows how far the replay is."""

    def begin(self, words: str, days: int) -> None: ...
    def advance(self, days: int, words: str = "") -> None: ...


@dataclass(frozen=True)
class Replayed:
    """One model of the demo and the flights that it serves."""

    monitor: Monitor
    flights: pd.DataFrame
    label: Literal["late", "minutes"]
    served_days: int  # the last so many of the year; the model learns from the 90 before
    seed: int

    @property
    def features(self) -> list[str]:
        """As declared: before the first version there is no signature that could name them."""
        return [one.name for one in self.monitor.spec.features or ()]

    @property
    def days(self) -> list[date]:
        """The days on which it is served."""
        return self._all_days[-self.served_days :]

    @property
    def _all_days(self) -> list[date]:
        return [one.date() for one in sorted(self.flights["day"].unique())]

    def as_of(self, day: date) -> Self:
        """The same model on the morning on which *day* is judged: what was before is the past."""
        house = replace(self.monitor.house, as_of=self.monitor.judged_at(day))
        return replace(self, monitor=replace(self.monitor, house=house))

    def train_first(self) -> str:
        """Version 1, from the 90 days before; it serves at once."""
        days = [day for day in self._all_days if day < self.days[0]][-TRAINING_DAYS:]
        cut, end = days[-_HOLDOUT_DAYS - 1], days[-1]
        known = self.flights[
            self.flights["arrived_at"].dt.tz_localize(None) < pd.Timestamp(end) + pd.Timedelta("1D")
        ]
        served = known["day"].dt.date
        candidate = train(
            self.monitor, self._rows(known[(served >= days[0]) & (served <= cut)]),
            self._rows(known[(served > cut) & (served <= end)]),
        )  # fmt: skip
        version = register(self.monitor, candidate, tags={"cause": "first version"})
        promote(
            self.monitor,
            version,
            previous=None,
            reason="the first version",
            by="demo",
            at=self.monitor.judged_at(end),
        )
        return version

    def serve(self, days: Sequence[date]) -> int:
        """Write the inference log and the arriving labels of *days*; returns the rows served."""
        spec, house = self.monitor.spec, self.monitor.house
        version = self.monitor.registry.champion(spec.mlflow_name)
        assert version is not None, "the first version was promoted before anything is served"
        model = _loaded(self.monitor.registry, spec.mlflow_name, version)
        known = self.flights[self.flights["day"].between(*self._reach(days))]
        fallback = self.monitor.ledger.fallback(spec.name)
        count = 0
        for day in days:
            table = serve_day(
                known, model, day=day, version=version, features=self.features,
                seed=self.seed, fallback=bool(fallback and fallback.on),
            )  # fmt: skip
            assert spec.predictions.path is not None
            assert spec.labels is not None
            assert spec.labels.path is not None
            write_day(house.root / spec.predictions.path.format(day=day), table)
            arrived = labels_of(known, arrival_day=day, label=self.label)
            write_day(house.root / spec.labels.path.format(day=day), arrived)
            count += table.num_rows
        return count

    def _reach(self, days: Sequence[date]) -> tuple[pd.Timestamp, pd.Timestamp]:
        """The first and last day of flights that are served, or whose labels arrive, on *days*."""
        earliest = max(days[0] - timedelta(days=LABEL_WINDOW_DAYS), self.days[0])
        return pd.Timestamp(earliest), pd.Timestamp(days[-1])

    def _rows(self, frame: pd.DataFrame) -> LabelledFeatures:
        labelled = frame.dropna(subset=[self.label])
        labels: pd.Series[Any] = labelled[self.label]
        return LabelledFeatures(
            features=labelled[self.features],
            labels=labels.astype(int) if self.label == "late" else labels,
            days=labelled["day"].dt.date,
            segments=labelled[list(self.monitor.spec.segments)],
        )


@lru_cache(maxsize=1)
def _loaded(registry: Registry, name: str, version: str) -> Any:
    return registry.load_model(name, version)


def replay(project: Project, *, end: date, seed: int, progress: ReplayProgress) -> list[Summary]:
    """The whole demo: both models, from the first training to the day *end*."""
    _begin(project, end=end, seed=seed)
    progress.begin("reading the flights", 1)
    year = flights(end=end)
    progress.advance(1)
    days = year["day"].nunique()
    delay = Replayed(project.monitor("flight_delay"), year, "late", days - TRAINING_DAYS, seed)
    minutes = Replayed(
        project.monitor("flight_minutes"),
        year[year["origin"] == "JFK"],
        "minutes",
        _SECOND_MODEL_DAYS,
        seed,
    )
    with started():
        summaries = [_walk(project, delay, progress), _second(project, minutes, progress)]
    _finish(project, end=end, seed=seed)
    return summaries


def _walk(project: Project, model: Replayed, progress: ReplayProgress) -> Summary:
    """Week by week: serve, monitor what has arrived, and let the sensors act."""
    days, rows = model.days, 0
    progress.begin(f"{model.monitor.name}: training version 1", 1)
    model.train_first()
    progress.advance(1)
    progress.begin(f"{model.monitor.name}: serving and monitoring", len(days))
    revised_until = days[0]
    for number, week in enumerate(_weeks(days), start=1):
        monitor = model.as_of(week[-1]).monitor
        rows += model.serve(week)
        project.run_days(monitor, _steps(monitor, looks_ahead=False), week[0], week[-1])
        asked = project.tick(monitor, "retraining")
        if number % _WEEKS_TO_REVISION == 0 or week[-1] == days[-1]:
            _revise(project, monitor, since=revised_until, until=week[-1])
            revised_until = week[-1]
        send(project.house)
        progress.advance(len(week), "retrained" if asked else "")
    return _summary(model.monitor, days, rows)


def _second(project: Project, model: Replayed, progress: ReplayProgress) -> Summary:
    """The second model: it went live some weeks ago, and is caught up with in one run."""
    days = model.days
    monitor = model.as_of(days[-1]).monitor
    progress.begin(f"{monitor.name}: training and serving", 2)
    model.train_first()
    progress.advance(1)
    rows = model.serve(days)
    progress.advance(1)
    progress.begin(f"{monitor.name}: one run over {len(days)} days", len(days))
    project.run_days(monitor, [step.name for step in steps_of(monitor)], days[0], days[-1])
    while send(project.house).sent:
        pass
    progress.advance(len(days))
    return _summary(monitor, days, rows)


def _steps(monitor: Monitor, *, looks_ahead: bool) -> list[str]:
    return [step.name for step in steps_of(monitor) if step.looks_ahead == looks_ahead]


def _revise(project: Project, monitor: Monitor, *, since: date, until: date) -> None:
    """Evaluate every day anew to which a label may have come between the two."""
    labels, first = monitor.spec.labels, monitor.first_day()
    assert labels is not None, "the demo's models have labels"
    assert first is not None, "something was served"
    earliest = max(since - timedelta(days=labels.mature_after_days), first)
    project.run_days(monitor, _steps(monitor, looks_ahead=True), earliest, until)


def _summary(monitor: Monitor, days: Sequence[date], rows: int) -> Summary:
    ledger, spec = monitor.ledger, monitor.spec
    decisions = ledger.decisions(spec.name)
    return Summary(
        model=spec.name,
        first=days[0],
        last=days[-1],
        days=len(days),
        rows=rows,
        labelled=sum(labels_on(monitor, day) for day in days),
        findings=len(ledger.findings(spec.name, days[0], days[-1])),
        incidents=len(ledger.incidents(spec.name)),
        retrainings=sum(one.trigger_id.endswith("/result") for one in decisions),
        promotions=len(ledger.promotions(spec.name)) - 1,
        champion=monitor.registry.champion(spec.mlflow_name) or "",
        metric=spec.metric,
        quality=_quality(monitor, days[-28:]),
    )


def _quality(monitor: Monitor, days: Sequence[date]) -> dict[str, float]:
    """Each version's metric over some days, weighted by its labelled rows."""
    total: dict[str, list[float]] = {}
    for day in days:
        found = evaluate(monitor, day, as_of=days[-1])
        for group, metrics in found.metrics.items():
            metric = metrics.get(monitor.spec.metric)
            if metric and not group.segment and metric.n:
                sums = total.setdefault(group.version, [0.0, 0.0])
                sums[0] += metric.value * metric.n
                sums[1] += metric.n
    return {version: sums[0] / sums[1] for version, sums in sorted(total.items())}


def _weeks(days: Sequence[date]) -> Iterator[Sequence[date]]:
    for start in range(0, len(days), _WEEK):
        yield days[start : start + _WEEK]


def _begin(project: Project, *, end: date, seed: int) -> None:
    """A replay begins with nothing: what an earlier one left behind is removed, no one else's."""
    home = project.root / HOME
    marker = home / _MARKER
    if any((home / name).exists() for name in _RESULTS) and not marker.exists():
        raise NotOurs.at(home)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    marker.write_text(json.dumps({"end": str(end), "seed": seed, "finished": False}))


def _finish(project: Project, *, end: date, seed: int) -> None:
    marker = project.root / HOME / _MARKER
    marker.write_text(json.dumps({"end": str(end), "seed": seed, "finished": True}))

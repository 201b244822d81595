"""One monitored model with everything that its steps need."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from monitoring_dagster.decide.incidents import is_history
from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.report.links import Links
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.project import Notifier
from monitoring_dagster.spec.schedule import Schedule
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.models.registry import Registry
from monitoring_dagster.store.results import ResultStore
from monitoring_dagster.store.settings import settings_at

_FIRST_STEP = "contract"
HOME = ".monitoring"  # everything we write lies here, below the project's root
_DEFAULT, _NOTIFIER, _ROUTING = Schedule(), Notifier(), Routing()


@dataclass(frozen=True)
class House:
    """Where a project keeps its results, its ledger and its models."""

    root: Path
    ledger_url: str
    tracking_uri: str
    links: Links
    as_of: datetime | None = None  # what a replay calls now; else the clock says
    schedule: Schedule = _DEFAULT  # of models that say nothing else
    notifier: Notifier = _NOTIFIER
    routing: Routing = _ROUTING
    on_call: str | None = None  # the file that says who is, as the project names it

    @classmethod
    def at(cls, root: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """The house below *root*; the environment overrules each default.

        ``MONITORING_POSTGRES_URL`` moves the ledger to PostgreSQL, ``MLFLOW_TRACKING_URI`` the
        models; ``DAGSTER_UI_URL``, ``MLFLOW_UI_URL`` and ``RUNBOOK_URL`` are what messages link.
        The rest stands in pyproject.toml; no secret is kept here.

        Raises
        ------
        BadSettings
        """
        settings = settings_at(root)
        home = root / HOME
        home.mkdir(parents=True, exist_ok=True)
        return cls(
            root=root,
            ledger_url=environment.get("MONITORING_POSTGRES_URL") or f"sqlite:///{home}/ledger.db",
            tracking_uri=environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home}/mlflow.db",
            links=Links(
                dagster_url=environment.get("DAGSTER_UI_URL") or "http://127.0.0.1:3000",
                mlflow_url=environment.get("MLFLOW_UI_URL") or "http://127.0.0.1:5000",
                runbook_url=environment.get("RUNBOOK_URL") or None,
            ),
            schedule=settings.schedule,
            notifier=settings.notifier,
            routing=Routing(tuple(settings.routes), settings.hours),
            on_call=settings.on_call,
        )

    def monitor(self, spec: ModelSpec) -> "Monitor":
        return Monitor(spec, self)

    def now(self) -> datetime:
        """The present moment, UTC."""
        return self.as_of or datetime.now(UTC)

    @cached_property
    def results(self) -> ResultStore:
        return ResultStore(self.root / HOME / "results")

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.ledger_url, self.routing)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.tracking_uri)

    @property
    def outbox(self) -> Path:
        """Where messages go while no Slack token is set."""
        return self.root / HOME / "outbox"


class Beginning(NamedTuple):
    """The first day of monitoring, and why it may be another one."""

    day: date | None
    problem: str = ""  # with the source, which could not be asked


@dataclass(frozen=True)
class Monitor:
    """One model's spec, in its house."""

    spec: ModelSpec
    house: House

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def root(self) -> Path:
        return self.house.root

    @property
    def results(self) -> ResultStore:
        return self.house.results

    @property
    def ledger(self) -> Ledger:
        return self.house.ledger

    @property
    def registry(self) -> Registry:
        return self.house.registry

    @cached_property
    def schedule(self) -> Schedule:
        """When days are judged: the model's own, or what the project says. Raises Misplaced."""
        return self.spec.schedule.over(self.house.schedule)

    def judged_at(self, day: date) -> datetime:
        """When *day* is judged: by default 06:00 UTC on the next one."""
        return self.schedule.judged_at(day)

    def is_history(self, day: date) -> bool:
        """Whether *day* is long over: a digest tells of it, and no message of its own."""
        return is_history(self.judged_at(day), now=self.house.now())

    def first_day(self) -> date | None:
        """When monitoring begins: as declared, else the earliest day with predictions."""
        return self.beginning().day

    def beginning(self) -> Beginning:
        """The same; while nobody can read the predictions, the earliest day with a result."""
        if self.spec.first_day is not None:
            return Beginning(self.spec.first_day)
        from monitoring_dagster.sources.rows.rows import days_available

        try:
            found = days_available(self.spec.predictions, root=self.root)
        except MonitoringError as error:
            stored = self.results.days(self.name, _FIRST_STEP)
            return Beginning(min(stored, default=None), str(error))
        return Beginning(min(found, default=None))

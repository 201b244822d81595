"""A dg project as the commands see it: its models, its definitions, and runs of them."""

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.errors import MonitoringError, UnknownModel
from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.orchestration.declared import BrokenModel, Declared, declared_in
from monitoring_dagster.orchestration.runs import error_of
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.store.monitor import HOME, House, Monitor

_EVENTS_AT_ONCE = "1000"  # that Dagster writes of one result over many days
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class NoProject(MonitoringError):
    """The current folder holds no dg project."""

    @classmethod
    def at(cls, root: Path) -> Self:
        return cls(
            f"{root} holds no dg project (no pyproject.toml with [tool.dg.project]):"
            " go to your project's folder"
        )


class UnusableFolder(MonitoringError):
    """The folder that everything is kept in cannot be made."""

    @classmethod
    def below(cls, root: Path, error: OSError) -> Self:
        return cls(
            f"cannot use {root / HOME}, where results are kept: {error.strerror or error}."
            " Put the project on a disk that can be written to"
        )


class FailedRun(MonitoringError):
    """Dagster ran and failed."""

    @classmethod
    def of(cls, run_id: str, words: str) -> Self:
        return cls(f"run {run_id} failed: {words}. Look at it in the Dagster UI (make ui)")


@dataclass(frozen=True)
class Project:
    """Every model of the dg project at *root*."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> Self:
        if "[tool.dg.project]" not in _text(root / "pyproject.toml"):
            raise NoProject.at(root)
        os.environ.setdefault("DAGSTER_HOME", str(root))
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _EVENTS_AT_ONCE)
        warnings.filterwarnings("ignore", category=dg.PreviewWarning)
        return cls(root)

    @cached_property
    def house(self) -> House:
        """Where the project keeps things. Raises UnusableFolder."""
        try:
            return House.at(self.root)
        except OSError as error:
            raise UnusableFolder.below(self.root, error) from error

    @property
    def specs(self) -> dict[str, ModelSpec]:
        """The declared models by name."""
        return self._declared.specs

    @property
    def broken(self) -> dict[str, BrokenModel]:
        """What is wrong with files that ought to declare a model, by the model's name."""
        return self._declared.broken

    @cached_property
    def _declared(self) -> Declared:
        return declared_in(self.root)

    def monitor(self, model: str) -> Monitor:
        """One model by name. Raises UnknownModel, BrokenModel, BrokenProject."""
        if model in self.broken:
            raise self.broken[model]
        if model not in self.specs:
            raise UnknownModel.named(model, available=self.specs)
        return self.house.monitor(self.specs[model])

    def run_days(
        self, monitor: Monitor, steps: Sequence[str], first: date, last: date, **tags: str
    ) -> None:
        """Materialise *steps* for a range of days in one Dagster run in this process.

        A weekly step needs a run of its own, over the weeks that end in the range, and so do the
        steps before and after it.

        Raises
        ------
        FailedRun
        """
        begun = monitor.first_day() or first
        chosen = [step for step in steps_of(monitor) if step.name in steps]
        for _, together in groupby(chosen, key=lambda step: step.weekly):
            group = list(together)
            ends = (first + timedelta(days=n) for n in range((last - first).days + 1))
            keys = [key for day in ends if (key := group[0].ending_on(day)) and key >= begun]
            if keys:
                self._run(monitor, [step.name for step in group], keys[0], keys[-1], tags)

    def _run(
        self, monitor: Monitor, steps: Sequence[str], first: date, last: date, tags: dict[str, str]
    ) -> None:
        definitions = definitions_of(monitor)
        job = definitions.resolve_implicit_global_asset_job_def()
        with _instance() as instance:
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey([monitor.name, step]) for step in steps],
                run_config=_QUIET,
                tags={
                    ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                    ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
                    **tags,
                },
                raise_on_error=False,
            )
        _refuse(result)

    def tick(self, monitor: Monitor, sensor: str) -> list[str]:
        """One tick of a sensor, and the runs that it asks for, in this process."""
        definitions = definitions_of(monitor)
        found = definitions.resolve_sensor_def(f"{monitor.name}_{sensor}")
        with _instance() as instance:
            context = dg.build_sensor_context(instance=instance, sensor_name=found.name)
            asked = found.evaluate_tick(context).run_requests or []
            for request in asked:
                result = definitions.resolve_job_def(str(request.job_name)).execute_in_process(
                    instance=instance,
                    run_config={**request.run_config, **_QUIET},
                    tags={**request.tags, "dagster/sensor_name": found.name,
                          "dagster/run_key": str(request.run_key)},
                    raise_on_error=False,
                )  # fmt: skip
                _refuse(result)
        return [str(request.run_key) for request in asked]


def _instance() -> dg.DagsterInstance:
    """Dagster's own records, without a copy of what we print: that would swallow progress bars,
    and cost two processes a step."""
    nowhere = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    home = os.environ["DAGSTER_HOME"]
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(home, overrides={"compute_logs": nowhere})
    )


def silence_dagster() -> None:
    """Runs in this process speak through our own progress bars."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)


def _refuse(result: Any) -> None:
    if result.success:
        return
    failures = [event for event in result.all_events if event.is_step_failure]
    words = error_of(failures[-1]) if failures else "no step failed"
    raise FailedRun.of(result.run_id, words)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

"""Refusals of the commands that say how a model does, and cannot."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Self

from monitoring_dagster.errors import MonitoringError


class NoModels(MonitoringError):
    """There is nothing to tell the status of."""

    @classmethod
    def in_project(cls) -> Self:
        return cls(
            "no monitored model is declared under assets/: `dg scaffold defs"
            " monitoring_dagster.orchestration.MonitoredModel NAME` writes the first"
        )


class NothingStored(MonitoringError):
    """A question about stored days, and there are none."""

    @classmethod
    def of(cls, model: str, *, first: datetime | None, last: datetime | None) -> Self:
        between = f" between {first or 'the first'} and {last or 'the last'}" * bool(first or last)
        return cls(
            f"{model} has no stored day{between.replace(' 00:00:00', '')}: materialise its assets"
            " in Dagster first (make ui), or ask for other days"
        )

    @classmethod
    def of_labels(cls, model: str, *, first: date, last: date) -> Self:
        return cls(
            f"no label of {model} belongs to a prediction of {first} to {last}: wait for labels,"
            " or ask for other days"
        )


class SomeUnknown(MonitoringError):
    """The status of some models is unknown; that of the others was told."""

    @classmethod
    def of(cls, errors: Sequence[MonitoringError]) -> Self:
        return cls("; ".join(dict.fromkeys(map(str, errors))))

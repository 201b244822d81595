"""What a service asks MLflow: which version serves, and whether to answer without it."""

import os
from dataclasses import dataclass
from typing import Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.store.models.registry import Registry


class NothingServes(MonitoringError):
    """There is no version to serve, or nowhere to ask for it."""

    @classmethod
    def named(cls, model: str) -> Self:
        return cls(
            f"registered model {model!r} has no version under the alias champion in MLflow:"
            f" monitoring-dagster model promote, or Registry.set_champion, sets it"
        )

    @classmethod
    def nowhere(cls) -> Self:
        return cls(
            "nobody said where MLflow is: set MLFLOW_TRACKING_URI, or call"
            " champion(model, tracking_uri=...)"
        )


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves a registered model."""

    version: str
    uri: str  # for mlflow.*.load_model
    fallback: bool  # on: answer without the model, and log the row with status fallback


def champion(model: str, *, tracking_uri: str | None = None) -> Champion:
    """The version of the registered *model* that serves now, from MLflow alone.

    Ask again every minute or so, and keep the last answer where MLflow is away: the error comes
    within seconds.

    Parameters
    ----------
    tracking_uri
        MLflow's address; by default ``MLFLOW_TRACKING_URI``.

    Raises
    ------
    NothingServes, RegistryUnavailable
    """
    place = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not place:
        raise NothingServes.nowhere()
    found = Registry(place).serving(model)
    if found is None or found.version is None:
        raise NothingServes.named(model)
    return Champion(found.version, f"models:/{model}/{found.version}", found.fallback)

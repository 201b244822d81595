"""What a service asks MLflow, and what it logs of itself: which code and libraries answer."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.store.models.environment import (
    LIBRARIES,
    hash_of_files,
    installed_libraries,
)
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


def feature_code(file: str | Path, *more: str | Path) -> str:
    """The hash of the source files that compute the features, for `predictions.feature_code` of the
    log and for `Registry.log_version(feature_code=...)`.

    The same content has the same hash, whatever the files are called and wherever they lie; a
    commit does as well. Raises OSError for a file that cannot be read.
    """
    return hash_of_files([file, *more])


def libraries(*names: str) -> str:
    """The installed versions of some libraries as JSON, for `predictions.libraries` of the log; by
    default those that `Registry.log_version` notes.

    Compute it once, when the service starts. Raises PackageNotFoundError.
    """
    return json.dumps(installed_libraries(names or LIBRARIES))

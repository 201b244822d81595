"""Which versions of a model are registered, what is known of one, and may it be loaded?"""

import json
import os
import re
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from math import isfinite
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.spec.metrics import Task
from monitoring_dagster.store.models.environment import (
    FEATURE_CODE,
    installed_libraries,
    libraries_in,
)
from monitoring_dagster.store.models.model_files import UntrustedModel, model_from, trusted_types
from monitoring_dagster.store.models.registration import Registration, refuse_mistakes

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as RegisteredVersion

Kind = Literal["numeric", "categorical"]

_CHAMPION = "champion"
_FALLBACK = "monitoring.fallback"  # a tag of the registered model: on or off
_REFERENCE = "reference/reference.parquet"
_SHOWN_CHARACTERS = 200  # of other people's errors
_NO_TAGS: Mapping[str, str] = MappingProxyType({})
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a step that fails is run again by Dagster
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


class RegistryUnavailable(MonitoringError):
    """The registry did not answer, or answered with an error of its own."""

    @classmethod
    def at(cls, uri: str, error: Exception) -> Self:
        reason = str(error).replace(uri, _public(uri)).partition("\n")[0].strip()
        if refused := re.search(r"\[Errno -?\d+\] ([^'\")]+)", str(error)):
            reason = refused[1].rstrip(
                ": "
            )  # what the network said, without the five lines of who passed it on
        return cls(
            f"MLflow at {_public(uri)} does not answer: {reason[:300]}."
            " Start it, or set MLFLOW_TRACKING_URI to where it runs."
        )


class UnknownVersion(MonitoringError):
    """A version that nobody registered."""

    @classmethod
    def named(cls, name: str, version: str, *, available: Collection[str]) -> Self:
        known = did_you_mean(version, available)
        return cls(f"registered model {name!r} has no version {version!r}. {known}")


class UnknownReference(MonitoringError):
    """A version without rows that it could be compared with."""

    @classmethod
    def of(cls, name: str, version: str) -> Self:
        return cls(
            f"version {version} of {name!r} has no artefact {_REFERENCE}:"
            " register it with Registry.log_version, or log that file to its run"
        )

    @classmethod
    def without_run(cls, name: str, version: str) -> Self:
        return cls(
            f"the run that made version {version} of {name!r} is gone from MLflow, and its"
            f" {_REFERENCE} with it: register the version again with Registry.log_version"
        )

    @classmethod
    def empty(cls, name: str, version: str) -> Self:
        return cls(
            f"the {_REFERENCE} of version {version} of {name!r} holds no row: log the training"
            " rows to its run, or register the version again"
        )

    @classmethod
    def unreadable(cls, name: str, version: str, error: Exception) -> Self:
        reason = str(error).partition("\n")[0][:_SHOWN_CHARACTERS]
        return cls(
            f"the {_REFERENCE} of version {version} of {name!r} cannot be used ({reason}):"
            " log the file anew to its run, or register the version again"
        )


class GoneFromRegistry(MonitoringError):
    """The registry answers, and has no such run or file."""

    @classmethod
    def of(cls, error: Exception) -> Self:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return cls(f"MLflow has it no more: {lines[-1][:_SHOWN_CHARACTERS]}. Register it again")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """All that the registry knows of one version."""

    name: str
    version: str
    run_id: str
    created_at: datetime
    task: str | None
    features: tuple[tuple[str, Kind], ...]  # from the signature, in its order
    training_window: tuple[date, date] | None  # first and last day, both in it
    metrics: dict[str, float]
    importances: dict[str, float]
    parameters: dict[str, str]
    library_versions: dict[str, str]
    code_hash: str | None
    tags: dict[str, str]
    requirements: dict[str, str] = field(default_factory=dict)  # where no tag has the libraries
    required: frozenset[str] = frozenset()  # features that the signature wants without a gap

    @property
    def feature_code(self) -> str | None:
        """The hash or commit of the code that computed the features that it was trained on."""
        return self.tags.get(FEATURE_CODE)

    @property
    def trained_with(self) -> dict[str, str]:
        """The libraries of its training, as it was registered with them or as MLflow noted them."""
        return self.library_versions or self.requirements

    @property
    def missing_metadata(self) -> tuple[str, ...]:
        """What ought to be known of every version, and is not of this one."""
        wanted = {
            "signature": self.features,
            "hyperparameters": self.parameters,
            "training_window": self.training_window,
            "library_versions": self.library_versions,
            "code_hash": self.code_hash,
        }
        return tuple(name for name, value in wanted.items() if not value)


@dataclass(frozen=True, slots=True)
class Serving:
    """What MLflow says of a registered model to those who serve it."""

    version: str | None  # under the alias champion
    fallback: bool


@dataclass(frozen=True, slots=True)
class Registry:
    """The models registered in one MLflow; RegistryUnavailable comes within seconds."""

    tracking_uri: str = field(repr=False)

    def versions(self, name: str, *, tag: tuple[str, str] | None = None) -> list[str]:
        """The versions of *name*, oldest first, or those with this *tag*; none if nobody
        registered it."""
        with self._client() as client:
            found = client.search_model_versions(f"name = '{name}'")
        wanted = (each for each in found if tag is None or each.tags.get(tag[0]) == tag[1])
        return sorted((str(each.version) for each in wanted), key=int)

    def champion(self, name: str) -> str | None:
        """The version that serves, or None."""
        found = self.serving(name)
        return found.version if found else None

    def serving(self, name: str) -> Serving | None:
        """Which version serves and whether the fallback is on; None if nobody registered *name*."""
        try:
            with self._client() as client:
                model = client.get_registered_model(name)
        except GoneFromRegistry:
            return None
        version = model.aliases.get(_CHAMPION)
        return Serving(version and str(version), model.tags.get(_FALLBACK) == "on")

    def set_fallback(self, name: str, *, on: bool) -> None:
        """Say in MLflow whether the callers of a registered model should use the fallback."""
        with self._client() as client:
            client.set_registered_model_tag(name, _FALLBACK, "on" if on else "off")

    def set_champion(self, name: str, version: str) -> None:
        """Make *version* the one that serves. Raises UnknownVersion."""
        self._registered(name, version)
        with self._client() as client:
            client.set_registered_model_alias(name, _CHAMPION, version)

    def describe(self, name: str, version: str) -> ModelVersion:
        """All that is known of *version*; what is not, or cannot be read, is in `missing_metadata`.

        Raises UnknownVersion.
        """
        registered = self._registered(name, version)
        run, importances, mlmodel = None, None, {}
        with suppress(GoneFromRegistry), self._client() as client:
            run = client.get_run(registered.run_id) if registered.run_id else None
        tags = {**(run.data.tags if run else {}), **registered.tags}
        if run is not None:
            with suppress(GoneFromRegistry):
                importances = self._artefact(run.info.run_id, "importances.json")
        with suppress(GoneFromRegistry, yaml.YAMLError, UnicodeDecodeError):
            mlmodel = self._mlmodel(registered)
        libraries = _mapping(tags.get("library_versions"))
        requirements = {} if libraries or not mlmodel else self._requirements(registered)
        return ModelVersion(
            name=name,
            version=version,
            run_id=registered.run_id or "",
            created_at=datetime.fromtimestamp(registered.creation_timestamp / 1000, UTC),
            task=tags.get("task"),
            features=_features(mlmodel),
            training_window=_window(tags.get("training_window")),
            metrics=dict(run.data.metrics) if run else {},
            importances=_weights(importances),
            parameters=dict(run.data.params) if run else {},
            library_versions=libraries,
            code_hash=tags.get("code_hash"),
            tags=tags,
            requirements=requirements,
            required=_required(mlmodel),
        )

    def reference(self, name: str, version: str) -> pa.Table:
        """The rows that *version* was trained on, or a sample of them.

        Raises UnknownVersion; UnknownReference where there are none, or nobody can read them.
        """
        registered = self._registered(name, version)
        run_id = registered.run_id
        try:
            content = self._artefact(run_id, _REFERENCE) if run_id else None
        except GoneFromRegistry:
            raise UnknownReference.without_run(name, version) from None
        if content is None:
            raise UnknownReference.of(name, version)
        try:
            return pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            raise UnknownReference.unreadable(name, version, error) from error

    def load_model(self, name: str, version: str) -> Any:
        """The fitted scikit-learn pipeline of *version*.

        Only the very bytes that `log_version` wrote are opened, never a pickle, and only if they
        hold nothing but types known to be safe. Raises UnknownVersion, UntrustedModel,
        GoneFromRegistry.
        """
        registered = self._registered(name, version)
        flavour = self._mlmodel(registered).get("flavors", {}).get("sklearn", {})
        stored_as = flavour.get("serialization_format")
        if stored_as != "skops":
            because = f"it is stored as {stored_as}, not as skops"
            raise UntrustedModel.of(name, version, because=because)
        digest = registered.tags.get("artifact_sha256")
        if digest is None:
            because = "it has no tag artifact_sha256, so nobody vouches for its bytes"
            raise UntrustedModel.of(name, version, because=because)
        content = self._download(registered, "model.skops")
        if sha256(content).hexdigest() != digest:
            because = "its bytes do not match artifact_sha256: somebody altered it"
            raise UntrustedModel.of(name, version, because=because)

        return model_from(content, name=name)

    def log_version(
        self,
        name: str,
        *,
        model: Any,
        task: Task,
        features: "pd.DataFrame",
        reference: pa.Table,
        training_window: tuple[date, date],
        metrics: Mapping[str, float],
        importances: Mapping[str, float],
        code_hash: str,
        parameters: Mapping[str, object],
        feature_code: str | None = None,
        tags: Mapping[str, str] = _NO_TAGS,
        prediction: str = "prediction",
        score: str | None = "score",
        own_metrics: Collection[str] = (),
        today: date | None = None,
    ) -> str:
        """Register *model*, fitted on columns like *features*, and return its version.

        Parameters
        ----------
        reference
            Rows that the version is compared with, best those of a holdout: the features, the
            segments, ``label`` (what turned out to be true), ``day`` (a date), and the model's
            answers under the names of the inference log.
        training_window
            The first and the last day of the training rows, both in it.
        metrics
            What the version promises, named as in `rules.performance`.
        feature_code
            Hash or commit of the code that computed the features, as the service logs it in
            `predictions.feature_code`; `monitoring_dagster.serving.feature_code` makes one.
        prediction, score
            Columns of the reference, named as in the inference log; a *score* of None says that
            the log has none. Regression has no score.
        own_metrics
            Names of the metrics of your own that *metrics* may hold, as defs.yaml declares them.
        today
            The day up to which training rows can exist; by default the clock's.

        Raises
        ------
        RefusedRegistration
            Monitoring could not work with what is given. Nothing is written.
        UntrustedModel
            `load_model` would refuse the model. Nothing is written.
        """
        refuse_mistakes(
            name,
            Registration(
                task,
                features,
                reference,
                training_window,
                metrics,
                importances,
                prediction,
                score,
                own_metrics,
            ),
            today=today or datetime.now(UTC).date(),
        )
        described = {
            **tags,
            "task": task,
            "training_window": json.dumps([day.isoformat() for day in training_window]),
            "library_versions": json.dumps(installed_libraries()),
            "code_hash": code_hash,
            **({FEATURE_CODE: feature_code} if feature_code else {}),
        }
        with tempfile.TemporaryDirectory() as scratch, self._client() as client:
            folder = Path(scratch)
            described["artifact_sha256"] = _save_model(name, model, features, folder / "model")
            (folder / "reference").mkdir()
            pq.write_table(
                reference, folder / _REFERENCE, compression="zstd", write_page_checksum=True
            )
            (folder / "importances.json").write_text(
                json.dumps({key: float(value) for key, value in importances.items()})
            )
            run = client.create_run(self._experiment(client, name), tags=described)
            _log_run(client, run.info.run_id, metrics, parameters, folder)
            if not client.search_registered_models(f"name = '{name}'"):
                client.create_registered_model(name)
            source = f"{run.info.artifact_uri}/model"
            made = client.create_model_version(name, source, run.info.run_id, tags=described)
        return str(made.version)

    @contextmanager
    def _client(self) -> "Iterator[MlflowClient]":
        mlflow = _mlflow()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of SQLAlchemy, about MLflow's own tables
                client = mlflow.MlflowClient(self.tracking_uri, self.tracking_uri)
            yield client
        except mlflow.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise GoneFromRegistry.of(error) from None
            raise RegistryUnavailable.at(self.tracking_uri, error) from None
        except (OSError, ModuleNotFoundError) as error:  # a folder or a driver that is not there
            raise RegistryUnavailable.at(self.tracking_uri, error) from error
        except Exception as error:
            if not type(error).__module__.startswith("sqlalchemy."):  # MLflow's own database
                raise
            raise RegistryUnavailable.at(self.tracking_uri, error) from None

    def _registered(self, name: str, version: str) -> "RegisteredVersion":
        available = self.versions(name)
        if version not in available:
            raise UnknownVersion.named(name, version, available=available)
        with self._client() as client:
            return client.get_model_version(name, version)

    def _experiment(self, client: "MlflowClient", name: str) -> str:
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        # Without a server MLflow would put artefacts below whatever folder we happen to be in.
        scheme, _, database = self.tracking_uri.partition(":///")
        beside = Path(database).absolute().parent / "artifacts" / name
        return str(client.create_experiment(name, str(beside) if scheme == "sqlite" else None))

    def _mlmodel(self, registered: "RegisteredVersion") -> dict[str, Any]:
        """MLflow's own description of the stored model."""
        described = yaml.safe_load(self._download(registered, "MLmodel"))
        return described if isinstance(described, dict) else {}

    def _requirements(self, registered: "RegisteredVersion") -> dict[str, str]:
        """The libraries that MLflow noted beside the stored model; none where it noted none."""
        with suppress(GoneFromRegistry, UnicodeDecodeError):
            return libraries_in(self._download(registered, "requirements.txt").decode())
        return {}

    def _download(self, registered: "RegisteredVersion", file: str) -> bytes:
        """A file of the stored model."""
        with self._client() as client:
            source = client.get_model_version_download_uri(registered.name, registered.version)
        return self._fetched(f"{source}/{file}")

    def _artefact(self, run_id: str, path: str) -> bytes | None:
        """A file of the run that trained the model, or None."""
        with self._client() as client:
            folder = os.path.dirname(path)
            beside = client.list_artifacts(run_id, *([folder] if folder else []))
        if path not in [each.path for each in beside]:
            return None
        return self._fetched(f"runs:/{run_id}/{path}")

    def _fetched(self, uri: str) -> bytes:
        with self._client(), tempfile.TemporaryDirectory() as scratch:
            from mlflow.artifacts import download_artifacts

            path = download_artifacts(
                artifact_uri=uri, dst_path=scratch, tracking_uri=self.tracking_uri
            )
            return Path(path).read_bytes()


def _mlflow() -> ModuleType:
    """MLflow, silent and impatient; what the environment says wins."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


def _save_model(name: str, model: Any, features: "pd.DataFrame", folder: Path) -> str:
    """Write *model* as MLflow's sklearn flavour does, and return the digest of its bytes."""
    _mlflow()
    from mlflow import sklearn
    from mlflow.models import infer_signature

    trusted = trusted_types(model, name=name)
    numbers = features.select_dtypes("number").columns
    signature = infer_signature(
        features.astype(dict.fromkeys(numbers, "float64")), model.predict(features)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints while it is imported
        sklearn.save_model(
            model,
            folder,
            signature=signature,
            serialization_format="skops",
            skops_trusted_types=trusted,
            pip_requirements=[f"{name}=={one}" for name, one in installed_libraries().items()],
        )
    return sha256((folder / "model.skops").read_bytes()).hexdigest()


def _log_run(
    client: "MlflowClient",
    run_id: str,
    metrics: Mapping[str, float],
    parameters: Mapping[str, object],
    folder: Path,
) -> None:
    """Log what a version is, and end its run as FAILED where that breaks off."""
    status = "FAILED"
    try:
        _log_numbers(client, run_id, metrics, parameters)
        client.log_artifacts(run_id, str(folder))
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)


def _log_numbers(
    client: "MlflowClient",
    run_id: str,
    metrics: Mapping[str, float],
    parameters: Mapping[str, object],
) -> None:
    from mlflow.entities import Metric, Param

    client.log_batch(
        run_id,
        metrics=[Metric(key, float(value), 0, 0) for key, value in metrics.items()],
        params=[Param(key, str(value)) for key, value in parameters.items()],
    )


def _features(mlmodel: Mapping[str, Any]) -> tuple[tuple[str, Kind], ...]:
    """Names and kinds from the signature; none where it has none, or is one of tensors."""
    numbers = ("integer", "long", "float", "double")
    return tuple(
        (str(column["name"]), "numeric" if column.get("type") in numbers else "categorical")
        for column in _inputs(mlmodel)
    )


def _required(mlmodel: Mapping[str, Any]) -> frozenset[str]:
    """Those of the features that had no missing value when the signature was taken."""
    inputs = _inputs(mlmodel)
    return frozenset(str(one["name"]) for one in inputs if one.get("required", True) is True)


def _inputs(mlmodel: Mapping[str, Any]) -> list[dict[str, Any]]:
    signature = mlmodel.get("signature")
    inputs = _json(signature.get("inputs")) if isinstance(signature, dict) else None
    columns = inputs if isinstance(inputs, list) else []
    return [one for one in columns if isinstance(one, dict) and "name" in one]


def _window(written: str | None) -> tuple[date, date] | None:
    """The days that a tag names; None where it names none."""
    try:
        first, last = (date.fromisoformat(day) for day in _json(written))
    except (TypeError, ValueError):
        return None
    return first, last


def _weights(written: bytes | None) -> dict[str, float]:
    return {
        name: float(weight)
        for name, weight in _mapping(written).items()
        if isinstance(weight, int | float) and isfinite(weight)
    }


def _mapping(written: str | bytes | None) -> dict[str, Any]:
    found = _json(written)
    return found if isinstance(found, dict) else {}


def _json(written: str | bytes | None) -> Any:
    """What somebody wrote as JSON, who may be anybody; None where it is none."""
    try:
        return json.loads(written or "null")
    except (TypeError, ValueError):
        return None


def _public(uri: str) -> str:
    """*uri* without user and password."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

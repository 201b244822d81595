"""What the registry says of a version, and which models it refuses to load; MLflow is real."""

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from skops import io

from monitoring_dagster.store.models.model_files import UntrustedModel
from monitoring_dagster.store.models.registry import (
    Registry,
    RegistryUnavailable,
    UnknownReference,
    UnknownVersion,
)
from tests.once import mlflow_database

FRAME = pd.DataFrame(
    {"age": [1, 2, 3, 4] * 5, "income": [0.5, None, 1.5, 2.5] * 5, "country": ["DE", "FR"] * 10}
)
LABELS = [0, 1, 1, 0] * 5
WINDOW = (date(2025, 1, 1), date(2025, 3, 31))
REFERENCE = pa.table(
    {
        "age": [1, 2],
        "income": [0.5, None],
        "country": ["DE", "FR"],
        "label": [0, 1],
        "prediction": [0, 1],
        "score": [0.25, 0.75],
        "day": WINDOW,
    }
)


def fitted():
    """A pipeline of the kinds that people register: encoder and gradient boosting."""
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["country"]),
        remainder="passthrough",
    )
    trees = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2)
    return make_pipeline(encoder, trees).fit(FRAME, LABELS)


def log(registry, name, model=None):
    """Register a model with all that ought to be known of it."""
    return registry.log_version(
        name,
        model=model or fitted(),
        task="binary",
        features=FRAME,
        reference=REFERENCE,
        training_window=WINDOW,
        metrics={"log_loss": 0.25},
        importances={"age": 0.5, "income": 0.25},
        code_hash="abc123",
        parameters={"max_iter": 2},
        feature_code="f3a7",
        tags={"reason": "cadence"},
    )


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory):
    """The folder in which the server keeps what it is given."""
    return tmp_path_factory.mktemp("mlflow") / "artifacts"


@pytest.fixture(scope="session")
def server(artefacts, tmp_path_factory):
    """A real MLflow server on a loopback port."""
    folder = artefacts.parent
    mlflow_database(tmp_path_factory, folder / "mlflow.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(artefacts), "--host", "127.0.0.1"]
    uri = f"http://127.0.0.1:{port}"
    with (
        open(folder / "log", "wb") as output,
        subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            env=os.environ
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_for(uri, process, folder / "log")
            yield uri
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(uri, process, log_file):
    """Until the server answers; its log if it never does."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"MLflow did not start: {log_file.read_text()}")


@pytest.fixture(scope="session")
def registry(server):
    """The server with one version of churn."""
    registry = Registry(server)
    assert log(registry, "churn") == "1"
    return registry


@pytest.fixture(scope="session")
def client(server, registry):
    """MLflow's own client, to see and do what others see and do."""
    from mlflow import MlflowClient

    return MlflowClient(server, server)


def test_a_version_tells_all_that_was_logged(registry, server):
    """Every number comes back, in days, kinds and words."""
    seen = registry.describe("churn", "1")
    assert seen.features == (("age", "numeric"), ("income", "numeric"), ("country", "categorical"))
    assert seen.required == {"age", "country"}, "income had a gap"
    assert seen.training_window == WINDOW
    assert (seen.task, seen.code_hash, seen.tags["reason"]) == ("binary", "abc123", "cadence")
    assert seen.feature_code == "f3a7"
    assert (seen.metrics, seen.parameters) == ({"log_loss": 0.25}, {"max_iter": "2"})
    assert seen.importances == {"age": 0.5, "income": 0.25}
    assert seen.library_versions["numpy"] == np.__version__
    assert seen.trained_with == seen.library_versions
    assert seen.requirements == {}, "nobody asks for them where the tag has the libraries"
    assert abs(datetime.now(UTC) - seen.created_at) < timedelta(minutes=10)
    assert re.fullmatch(r"[0-9a-f]{32}", seen.run_id)
    assert seen.missing_metadata == ()


def test_the_reference_is_kept_with_the_version(registry):
    """What the model was trained on, for ever beside it."""
    assert registry.reference("churn", "1").equals(REFERENCE)


def test_a_model_comes_back_as_it_was_fitted(registry):
    """The same probabilities, from the same columns."""
    loaded = registry.load_model("churn", "1")
    assert np.array_equal(loaded.predict_proba(FRAME), fitted().predict_proba(FRAME))


def test_the_champion_is_who_was_made_champion(registry):
    """Nobody at first; the last one set; a model that nobody registered has none."""
    assert registry.champion("nobody") is None
    assert registry.versions("nobody") == []
    log(registry, "rivals")
    assert registry.champion("rivals") is None
    assert log(registry, "rivals") == "2"
    registry.set_champion("rivals", "1")
    registry.set_champion("rivals", "2")
    assert registry.champion("rivals") == "2"
    assert registry.versions("rivals") == ["1", "2"]


@pytest.mark.parametrize("version", ["7", "", "x'; --", "-1", "1.0"])
@pytest.mark.parametrize("ask", ["describe", "reference", "load_model", "set_champion"])
def test_an_unknown_version_is_met_with_the_known_ones(registry, ask, version):
    """Versions come from data, so anything may be asked for."""
    with pytest.raises(UnknownVersion, match=r"'churn' has no version .*1"):
        getattr(registry, ask)("churn", version)


def test_other_peoples_versions_are_described_as_far_as_they_go(registry, client, server):
    """A model logged with plain MLflow: its signature is known, and what is missing is said."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec("double", "age"), ColSpec("string", "country")])
    mlflow.set_tracking_uri(server)
    try:
        with mlflow.start_run(experiment_id=client.create_experiment("plain")):
            mlflow.sklearn.log_model(
                fitted(),
                name="m",
                registered_model_name="plain",
                signature=ModelSignature(inputs=inputs),
                pip_requirements=["scikit-learn==1.5.0", "numpy"],
                serialization_format="skops",
                skops_trusted_types=[
                    "numpy.dtype",
                    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
                ],
            )
    finally:
        mlflow.set_tracking_uri(None)
    seen = registry.describe("plain", "1")
    assert seen.features == (("age", "numeric"), ("country", "categorical"))
    assert seen.missing_metadata == (
        "hyperparameters", "training_window", "library_versions", "code_hash",
    )  # fmt: skip
    assert seen.trained_with["scikit-learn"] == "1.5.0", "as MLflow noted it beside the model"
    assert seen.feature_code is None
    with pytest.raises(UnknownReference, match=r"reference/reference\.parquet"):
        registry.reference("plain", "1")
    with pytest.raises(UntrustedModel, match="no tag artifact_sha256"):
        registry.load_model("plain", "1")


class Malicious:
    """What runs when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.fixture(scope="session")
def victim(registry, client, artefacts):
    """The folder on the server's disk where a version of its own is stored."""
    log(registry, "victim")
    run_id = client.get_model_version("victim", "1").run_id
    return next(artefacts.glob(f"*/{run_id}/artifacts/model"))


@pytest.fixture
def altered(victim):
    """Alter a file of the victim; it is whole again after the test."""
    kept = {path: path.read_bytes() for path in victim.iterdir()}
    yield lambda name, change: (victim / name).write_bytes(change(kept[victim / name]))
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.mark.parametrize("replacement", ["one flipped bit", "a pickle", "another model"])
def test_an_altered_model_is_not_opened(registry, altered, tmp_path, replacement):
    """Its bytes are not those that were registered, so nobody looks at what they are."""
    mark = tmp_path / "was here"
    change = {
        "one flipped bit": lambda sound: sound[:-1] + bytes([sound[-1] ^ 1]),
        "a pickle": lambda _: pickle.dumps(Malicious(mark)),
        "another model": lambda _: io.dumps(OneHotEncoder()),
    }[replacement]
    registry.load_model("victim", "1")
    altered("model.skops", change)
    with pytest.raises(UntrustedModel, match="somebody altered it"):
        registry.load_model("victim", "1")
    assert not mark.exists()


def test_a_pickle_is_refused_by_its_name_already(registry, victim, altered, tmp_path):
    """A description that leads to a pickle is not followed."""
    mark = tmp_path / "was here"
    (victim / "model.pkl").write_bytes(pickle.dumps(Malicious(mark)))
    altered("MLmodel", lambda sound: sound.replace(b"skops", b"cloudpickle"))
    with pytest.raises(UntrustedModel, match="stored as cloudpickle, not as skops"):
        registry.load_model("victim", "1")
    assert not mark.exists()


@pytest.mark.parametrize(
    "model",
    [
        FunctionTransformer(os.system),
        FunctionTransformer(eval),
        make_pipeline(FunctionTransformer(pickle.loads)),
        FunctionTransformer(np.load),
        FunctionTransformer(pd.read_pickle),
    ],
    ids=["os.system", "eval", "pickle.loads", "numpy.load", "pandas.read_pickle"],
)
def test_a_model_that_could_run_anything_is_not_registered(model):
    """Also from the libraries that models are made of, and before anybody is asked."""
    with pytest.raises(UntrustedModel, match="build it from scikit-learn's own estimators"):
        log(Registry("http://127.0.0.1:1"), "churn", _predicting(model))


def _predicting(model):
    model.predict = lambda frame: LABELS
    return model


def test_a_registry_that_is_down_says_so_at_once():
    """In well under the minutes that MLflow would retry by itself."""
    begun = time.monotonic()
    with pytest.raises(RegistryUnavailable) as told:
        Registry("http://mlflow:hush@127.0.0.1:1").champion("churn")
    assert time.monotonic() - begun < 10
    assert "MLflow at http://127.0.0.1:1 does not answer" in str(told.value)
    assert "set MLFLOW_TRACKING_URI" in str(told.value)


def test_a_registry_that_hangs_is_left_after_the_time_out(monkeypatch):
    """It accepts the connection and never answers."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(RegistryUnavailable):
            Registry(f"http://127.0.0.1:{silent.getsockname()[1]}").versions("churn")
    assert time.monotonic() - begun < 6


def test_the_password_in_an_address_is_never_shown(registry):
    """Neither in errors nor in a repr."""
    hidden = Registry("http://mlflow:hush@127.0.0.1:1")
    with pytest.raises(RegistryUnavailable) as told:
        hidden.versions("churn")
    assert "hush" not in f"{told.value!s} {told.value!r} {hidden!r} {told.value.__cause__!r}"


def test_sqlite_without_a_server_serves_as_well(tmp_path, monkeypatch, capfd):
    """Artefacts lie beside the database, nothing in the working directory, not a word printed."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db")
    registry.versions("churn")
    capfd.readouterr()
    version = log(registry, "churn")
    assert registry.describe("churn", version).missing_metadata == ()
    assert registry.reference("churn", version).equals(REFERENCE)
    assert registry.load_model("churn", version).predict(FRAME).tolist() == LABELS
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "".join(capfd.readouterr()) == ""

"""A registration that monitoring could not work with is refused, and nothing is written."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from monitoring_dagster.store.models.registration import RefusedRegistration
from monitoring_dagster.store.models.registry import Registry, UnknownReference
from tests.once import mlflow_database

NOWHERE = "http://127.0.0.1:1"  # who asks it waits, and is refused
ROWS = 40
FEATURES = pd.DataFrame({"age": np.arange(ROWS) % 7.0, "visits": np.arange(ROWS) % 3.0})
TRUTH = np.arange(ROWS) % 2
WINDOW = (date(2026, 1, 1), date(2026, 1, 10))
REFERENCE = FEATURES.assign(
    label=TRUTH,
    prediction=TRUTH,
    score=np.linspace(0, 1, ROWS),
    day=[date(2026, 1, 1 + n // 4) for n in range(ROWS)],
)


def table(frame=REFERENCE, **changed):
    return pa.Table.from_pandas(frame.assign(**changed), preserve_index=False)


def given(task="binary", **changed):
    """All that `log_version` wants, right but for what *changed*."""
    model = LinearRegression() if task == "regression" else LogisticRegression()
    return {
        "model": model.fit(FEATURES, TRUTH),
        "task": task,
        "features": FEATURES,
        "reference": table(),
        "training_window": WINDOW,
        "metrics": {},
        "importances": {"age": 0.5},
        "code_hash": "abc",
        "parameters": {"depth": 3},
    } | changed


def without(*columns):
    return {"reference": table(REFERENCE.drop(columns=list(columns)))}


def metric(**values):
    return {"metrics": values}


MULTICLASS = {"task": "multiclass"}
NUMBERS = {"task": "regression"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"task": "binry"}, ["no task 'binry'", "'binary'?"], id="a task misspelt"),
        pytest.param({"task": None}, ["no task 'None'", "multiclass"], id="no task"),
        pytest.param(metric(log_los=0.4), ["no metric 'log_los'", "'log_loss'?"], id="misspelt"),
        pytest.param(metric(LogLoss=0.4), ["no metric 'LogLoss'"], id="in capitals"),
        pytest.param(metric(mae=0.4), ["no metric 'mae' for task binary"], id="of another task"),
        pytest.param(
            NUMBERS | metric(log_loss=1), ["'log_loss' for task regression"], id="and the other way"
        ),
        pytest.param(
            metric(profit=3.0), ["no metric 'profit'", "own_metrics"], id="an own one, not named"
        ),
        pytest.param(metric(log_loss=float("nan")), ["log_loss is nan"], id="not a number"),
        pytest.param(metric(log_loss=float("inf")), ["log_loss is inf"], id="infinite"),
        pytest.param(metric(log_loss=None), ["log_loss is 'None', which is no"], id="none"),
        pytest.param(metric(log_loss="0.41"), ["log_loss is '0.41', which is no"], id="text"),
        pytest.param(metric(accuracy=1.3), ["accuracy is 1.3", "0 to 1"], id="beyond all rows"),
        pytest.param(metric(accuracy=87), ["accuracy is 87", "0 to 1"], id="in per cent"),
        pytest.param(metric(log_loss=-0.4), ["log_loss is -0.4", "at least 0"], id="negated"),
        pytest.param(metric(bias=-1.5), ["bias is -1.5", "-1 to 1"], id="a bias beyond all"),
        pytest.param(
            NUMBERS | metric(mae=-3), ["mae is -3", "at least 0"], id="scikit-learn's negative mae"
        ),
        pytest.param(NUMBERS | metric(r2=1.2), ["r2 is 1.2", "at most 1"], id="more than all"),
        pytest.param(without("age"), ["no column 'age' (a feature"], id="no feature"),
        pytest.param(
            {"reference": table(REFERENCE.rename(columns={"age": "Age"}))},
            ["no column 'age'", "Did you mean 'Age'?"],
            id="a feature in capitals",
        ),
        pytest.param(without("label"), ["no column 'label' (what turned out"], id="no label"),
        pytest.param(without("day"), ["no column 'day' (the day of each row"], id="no day"),
        pytest.param(without("prediction"), ["no column 'prediction'"], id="no prediction"),
        pytest.param(without("score"), ["no column 'score'", "None where it"], id="no score"),
        pytest.param(MULTICLASS | without("score"), ["no column 'score'"], id="nor of classes"),
        pytest.param(
            {"prediction": "predicton"},
            ["no column 'predicton'", "Did you mean 'prediction'?"],
            id="another name",
        ),
        pytest.param(
            without("label", "day"), ["'label'", "'day'"], id="all that is missing is told at once"
        ),
        pytest.param({"reference": table()[:0]}, ["the reference has no row"], id="no rows"),
        pytest.param({"features": FEATURES[:0]}, ["features has no row"], id="no example rows"),
        pytest.param({"reference": REFERENCE}, ["DataFrame", "from_pandas"], id="a frame"),
        pytest.param(
            {"reference": table(label=1)}, ["'label' holds nothing but '1'"], id="one class"
        ),
        pytest.param(
            MULTICLASS | {"reference": table(label="a")}, ["nothing but 'a'"], id="of many, one"
        ),
        pytest.param(
            {"reference": table(label=pa.nulls(ROWS).to_pandas())},
            ["'label' holds nothing but missing"],
            id="no label in any row",
        ),
        pytest.param(
            {"reference": table(label=["yes", "no"] * 20)},
            ["'label' holds 'yes' in 40 of 40 rows", "0 and 1"],
            id="words for yes and no",
        ),
        pytest.param(
            {"reference": table(label=[*TRUTH[:-1], 2])},
            ["'label' holds '2' in 1 of 40 rows"],
            id="a third class",
        ),
        pytest.param(
            NUMBERS | {"reference": table(label=["much", "more"] * 20)},
            ["'label' holds 'much'", "give numbers"],
            id="a number in words",
        ),
        pytest.param(
            {"reference": table(prediction=["0.5"] * ROWS)},
            ["'prediction' holds '0.5'", "0 and 1"],
            id="scores for predictions",
        ),
        pytest.param(
            {"reference": table(score=np.linspace(0, 100, ROWS))},
            ["'score' holds '2.564103'", "0 to 1"],
            id="percentages",
        ),
        pytest.param(
            {"reference": table(day=np.arange(ROWS) % 7)},
            ["'day' holds '0', which is no day"],
            id="days of the week",
        ),
        pytest.param(
            {"reference": table(day="31.01.2026")},
            ["'day' holds '31.01.2026', which is no day"],
            id="days as some write them",
        ),
        pytest.param(
            {"reference": table(age="old")}, ["'age' arrives as", "fitted on numbers"], id="retyped"
        ),
        pytest.param(
            {"training_window": WINDOW[::-1]},
            ["ends on 2026-01-01, before it begins on 2026-01-10"],
            id="a reversed window",
        ),
        pytest.param(
            {"training_window": (WINDOW[0], date(2206, 1, 10))}, ["2206-01-10"], id="of the future"
        ),
        pytest.param(
            {"training_window": (date(206, 1, 1), WINDOW[1])}, ["0206-01-01"], id="of old Rome"
        ),
        pytest.param(
            {"training_window": ("2026-01-01", "2026-01-10")}, ["no date", "two dates"], id="text"
        ),
        pytest.param(
            {"training_window": (datetime(2026, 1, 1, tzinfo=UTC), WINDOW[1])},
            ["a time"],
            id="with a clock",
        ),
        pytest.param({"training_window": WINDOW[:1]}, ["training_window"], id="half a window"),
        pytest.param({"training_window": None}, ["training_window holds 'None'"], id="no window"),
        pytest.param(
            {"importances": {"agee": 0.5}},
            ["importances name 'agee', which is no feature. Did you mean 'age'?"],
            id="an importance of nothing",
        ),
        pytest.param(
            {"importances": {"age": float("nan")}}, ["importance of age is nan"], id="none known"
        ),
        pytest.param(
            metric(**{"<script>" + "x" * 99: 1}), ["'<script>" + "x" * 32 + "'"], id="hostile, long"
        ),
    ],
)
def test_a_mistake_is_refused_with_its_value_and_the_way_out(changed, words):
    """One error in one line; MLflow is not even asked."""
    with pytest.raises(RefusedRegistration, match=r"^no version of 'churn' was registered") as told:
        Registry(NOWHERE).log_version("churn", **given(**changed))
    assert all(one in str(told.value) for one in words), told.value
    assert "\n" not in str(told.value)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """An MLflow of its own, that was asked once."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow_database(tmp_path_factory, file)
    registry = Registry(f"sqlite:///{file}")
    assert registry.versions("churn") == []
    return registry


def test_nothing_is_left_in_mlflow_of_what_was_refused(registry):
    """No model, no version, not even a run."""
    with pytest.raises(RefusedRegistration):
        registry.log_version("churn", **given(**metric(log_los=0.4)))
    assert registry.versions("churn") == []
    with closing(sqlite3.connect(registry.tracking_uri.removeprefix("sqlite:///"))) as database:
        tables = ("runs", "registered_models", "model_versions", "experiments")
        counts = [database.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables]
    assert counts == [0, 0, 0, 1]  # of experiments MLflow's own


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="as it stands"),
        pytest.param(
            {"metrics": {"log_loss": np.float32(0.4), "bias": -0.1, "base_rate": 0.5, "profit": -9},
             "own_metrics": ["profit"], "importances": {"age": np.float32(-0.01)}},
            id="every kind of metric",
        ),
        pytest.param({**without("score"), "score": None}, id="a log without scores"),
        pytest.param(
            {"reference": table(REFERENCE.rename(columns={"score": "p", "prediction": "said"})),
             "score": "p", "prediction": "said"},
            id="columns named as in the log",
        ),
        pytest.param(
            {"reference": table(label=[*map(bool, TRUTH[:-9]), *[None] * 9])},
            id="some labels unknown",
        ),
        pytest.param({"reference": table(day="2026-01-03 12:00")}, id="days as text"),
        pytest.param(NUMBERS | without("score") | metric(mae=3, bias=-40, r2=-2), id="regression"),
        pytest.param(
            MULTICLASS | {"reference": table(label=["a", "b"] * 20, prediction="a")}, id="classes"
        ),
        pytest.param({"training_window": (WINDOW[0], WINDOW[0])}, id="a window of one day"),
    ],
)  # fmt: skip
def test_what_is_right_is_registered(changed, registry):
    version = registry.log_version("right", **given(**changed))
    assert registry.describe("right", version).missing_metadata == ()


@pytest.fixture
def spoilt(registry):
    """Register a version, and spoil what MLflow keeps of it; returns its name and number."""
    folder = Path(registry.tracking_uri.removeprefix("sqlite:///")).parent

    def spoil(what):
        version = registry.log_version("spoilt", **given(metrics={"log_loss": 0.4}))
        run_id = registry.describe("spoilt", version).run_id
        what(folder / "artifacts" / "spoilt" / run_id / "artifacts", run_id)
        return "spoilt", version

    def forget_run(_artefacts, run_id):
        with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
                database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))

    spoil.forget_run = forget_run
    return spoil


def cut_off(path):
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("what", "missing", "why"),
    [
        pytest.param(
            lambda it, _: shutil.rmtree(it / "model"), ("signature",), None, id="no model"
        ),
        pytest.param(
            lambda it, _: (it / "model/MLmodel").write_bytes(b"\xff: ["), ("signature",), None,
            id="a description that is none",
        ),
        pytest.param(
            lambda it, _: (it / "importances.json").write_text("{half"), (), None,
            id="importances that are none",
        ),
        pytest.param(
            lambda it, _: shutil.rmtree(it), ("signature",), "has no artefact", id="no artefact"
        ),
        pytest.param(
            lambda it, _: cut_off(it / "reference/reference.parquet"), (), "cannot be used",
            id="half a reference",
        ),
        pytest.param("forget_run", (), "is gone from MLflow", id="the run was purged"),
    ],
)  # fmt: skip
def test_a_version_that_was_spoilt_is_described_as_far_as_it_goes(
    registry, spoilt, what, missing, why
):
    """The registry answers: it is no registry that is down, and other versions are as they were."""
    name, version = spoilt(spoilt.forget_run if what == "forget_run" else what)
    seen = registry.describe(name, version)
    assert set(missing) <= set(seen.missing_metadata)
    if why is None:
        assert registry.reference(name, version).num_rows == ROWS
        return
    with pytest.raises(UnknownReference, match=why):
        registry.reference(name, version)


@pytest.mark.parametrize("written", ["2025-01-01/2025-03-31", "[1, 2]", '["2025-01-01"]', "{}"])
def test_a_window_that_somebody_wrote_otherwise_is_unknown(registry, written):
    """Tags are anybody's to set."""
    version = registry.log_version("tagged", **given())
    with registry._client() as client:
        client.set_model_version_tag("tagged", version, "training_window", written)
        client.set_model_version_tag("tagged", version, "library_versions", "numpy 2")
    seen = registry.describe("tagged", version)
    assert seen.training_window is None
    assert seen.missing_metadata == ("training_window", "library_versions")
    assert seen.trained_with["numpy"] == np.__version__, "MLflow's own note of them is left"


def test_without_any_note_of_its_libraries_a_version_has_none(registry, spoilt):
    name, version = spoilt(lambda it, _: (it / "model/requirements.txt").unlink())
    with registry._client() as client:
        client.set_model_version_tag(name, version, "library_versions", "")
    assert registry.describe(name, version).trained_with == {}

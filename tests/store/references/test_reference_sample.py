"""Some rows of a reference, and how well an ordinary week of it is told from the others."""

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.store.models.registry import Registry, RegistryUnavailable
from monitoring_dagster.store.references import reference_sample as sample
from monitoring_dagster.store.references.reference_sample import features_of, reference_sample
from monitoring_dagster.store.references.version_reference import folder_of, reference_of
from tests.tiny import after, monitor_of, registered

ROWS = 1400  # a hundred a day of two weeks


def rows(n=ROWS, *, days=14, shift=0.0, ids=None):
    """Reference rows; in the last week every age is greater by *shift*."""
    rng = np.random.default_rng(0)
    lag = np.arange(n) % days
    found = pa.table(
        {
            "age": rng.normal(size=n) + shift * (lag < 7),
            "label": np.arange(n) % 2,
            "prediction": np.arange(n) % 2,
            "score": rng.uniform(size=n),
            "day": pa.array([after(-int(one) - 1) for one in lag], pa.date32()),
        }
    )
    return found if ids is None else found.append_column("request_id", pa.array(ids))


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


def drawn(monitor, monkeypatch, table):
    registered(monkeypatch, table)
    return reference_sample(monitor, reference_of(monitor, "1"))


def test_features_are_the_inputs_that_have_bins(tmp_path, monkeypatch):
    declared = [{"name": "age"}, {"name": "gone"}]
    registered(monkeypatch, rows(), features=(("age", "numeric"), ("lost", "numeric")))
    for monitor in (monitor_of(tmp_path), monitor_of(tmp_path, features=declared)):
        assert set(features_of(monitor, reference_of(monitor, "1"))) == {"age"}
    none = monitor_of(tmp_path, features=[])
    assert features_of(none, reference_of(none, "1")) == {}


def test_a_sample_that_was_drawn_once_needs_no_mlflow(monitor, monkeypatch):
    found = drawn(monitor, monkeypatch, rows())

    def down(*_):
        raise RegistryUnavailable

    monkeypatch.setattr(Registry, "reference", down)
    reference = reference_of(monitor, "1")
    again = reference_sample(monitor, reference)
    assert again.rows.equals(found.rows)
    assert again.usual_auc == found.usual_auc
    (folder_of(monitor, "1") / "sample.parquet").unlink()
    with pytest.raises(RegistryUnavailable):
        reference_sample(monitor, reference)


def test_no_more_rows_than_the_test_can_take(monitor, monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 50)
    found = drawn(monitor, monkeypatch, rows(300, days=1))
    assert found.rows.num_rows == 50
    assert found.rows.column_names == ["age"]


def test_each_request_is_taken_once(monitor, monkeypatch):
    ids = [f"r{n % 100}" for n in range(300)]
    assert drawn(monitor, monkeypatch, rows(300, days=1, ids=ids)).rows.num_rows == 100


@pytest.mark.parametrize(
    ("days", "shift", "stands_out"),
    [
        pytest.param(14, 3.0, True, id="two weeks, and one is different"),
        pytest.param(13, 3.0, False, id="a week and six days tell of one week"),
        pytest.param(1, 0.0, False, id="one day"),
    ],
)
def test_what_an_ordinary_week_shows(monitor, monkeypatch, days, shift, stands_out):
    found = drawn(monitor, monkeypatch, rows(days=days, shift=shift))
    assert (found.usual_auc > 0.9) is stands_out
    assert (found.usual_auc == 0.5) is not stands_out


def test_weeks_of_too_few_rows_say_nothing(monitor, monkeypatch):
    assert drawn(monitor, monkeypatch, rows(398, shift=3.0)).usual_auc == 0.5

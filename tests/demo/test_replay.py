"""The demo begins anew, never over results that it did not make, and serves what was known."""

import json
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.demo import replay as module
from monitoring_dagster.demo.replay import NotOurs, Replayed, replay
from tests.tiny import DAY, FakeMlflow, after, at, monitor_of, noon, with_mlflow


class Stopped(Exception):
    """Far enough."""


class Progress:
    def begin(self, words, days):
        raise Stopped

    def advance(self, days, words=""):
        """Never called."""


def begun(root, error=Stopped):
    with pytest.raises(error) as caught:
        replay(SimpleNamespace(root=root), end=DAY, seed=7, progress=Progress())
    return str(caught.value)


@pytest.mark.parametrize("left", ["results", "ledger.db", "mlflow.db"])
def test_results_of_somebody_else_are_refused_and_kept(tmp_path, left):
    (tmp_path / ".monitoring" / left).mkdir(parents=True)
    assert "run it in a fresh clone, or move that folder away" in begun(tmp_path, NotOurs)
    assert (tmp_path / ".monitoring" / left).exists()


@pytest.mark.parametrize("left", ["nothing", "looking", "an earlier replay"])
def test_what_looking_or_an_earlier_replay_left_is_removed(tmp_path, left):
    home = tmp_path / ".monitoring"
    if left != "nothing":
        (home / "dagster").mkdir(parents=True)
    if left == "an earlier replay":
        (home / "demo.json").write_text("{}")
        (home / "results").mkdir()
    begun(tmp_path)
    assert [one.name for one in home.iterdir()] == ["demo.json"]
    assert json.loads((home / "demo.json").read_text()) == {
        "end": str(DAY), "seed": 7, "finished": False
    }  # fmt: skip


class Model:
    def predict(self, rows):
        return np.zeros(len(rows))

    def predict_proba(self, rows):
        return np.tile([0.75, 0.25], (len(rows), 1))


def flights(days=20, a_day=5):
    """Each flight's label arrives on the day after it."""
    rows = [
        {
            "request_id": f"{after(n)}/{one}", "day": pd.Timestamp(after(n)),
            "served_at": pd.Timestamp(noon(after(n))), "late": one % 2,
            "arrived_at": pd.Timestamp(noon(after(n + 1))), "distance": float(one),
        }
        for n in range(days) for one in range(a_day)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def model(tmp_path):
    """The last five of twenty days are served, by version 1."""
    module._loaded.cache_clear()
    mlflow = FakeMlflow("1", champion="1")
    mlflow.models["1"] = Model()
    monitor = with_mlflow(monitor_of(tmp_path, features=[{"name": "distance"}]), mlflow)
    return Replayed(monitor, flights(), "late", served_days=5, seed=0)


def test_a_model_serves_the_last_days_of_the_year(model):
    assert model.days == [after(n) for n in range(15, 20)]
    assert model.features == ["distance"]


def test_on_the_morning_of_a_day_what_was_before_is_the_past(model):
    assert model.as_of(DAY).monitor.house.now() == model.monitor.judged_at(DAY)


def test_a_served_day_is_a_log_and_the_labels_that_arrived(model, tmp_path):
    days = model.days[:2]
    rows = model.serve(days)
    log = pq.read_table(tmp_path / f"served/{days[0]}.parquet").to_pandas()
    assert rows == sum(pq.read_table(tmp_path / f"served/{day}.parquet").num_rows for day in days)
    assert set(log["model_version"]) == {"1"}
    assert set(log["score"].dropna()) == {0.25}
    first, second = (pq.read_table(tmp_path / f"told/{day}.parquet") for day in days)
    assert first.num_rows == 0, "what was served before is not monitored"
    assert {one.split("/")[0] for one in second["request_id"].to_pylist()} == {str(days[0])}


def test_while_the_fallback_is_on_the_model_is_not_asked(model, tmp_path):
    monitor = at(model.monitor, noon())
    monitor.ledger.set_fallback("tiny", on=True, by="ada", now=noon())
    model.serve(model.days[:1])
    log = pq.read_table(tmp_path / f"served/{model.days[0]}.parquet").to_pandas()
    assert set(log["status"]) == {"fallback"}


def test_the_first_version_learns_from_labels_that_had_come(model, monkeypatch):
    seen = {}

    def trained(monitor, rows, holdout):
        seen.update(rows=rows, holdout=holdout)
        raise Stopped

    monkeypatch.setattr(module, "train", trained)
    monkeypatch.setattr(module, "_HOLDOUT_DAYS", 3)
    with pytest.raises(Stopped):
        model.train_first()
    assert sorted(set(seen["rows"].days)) == [after(n) for n in range(12)]
    # The labels of the last day before it serves come on the morning after.
    assert sorted(set(seen["holdout"].days)) == [after(12), after(13)]
    assert list(seen["rows"].features) == ["distance"]
    assert isinstance(seen["rows"].days.iloc[0], date)

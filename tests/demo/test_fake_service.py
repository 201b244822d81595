"""What the service of the demo writes down about a day, and which labels arrive on one."""

import os
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.demo import fake_service
from monitoring_dagster.demo.fake_service import labels_of, serve_day, write_day

DAY = date(2026, 6, 24)
FEATURES = ["distance", "carrier"]


class Model:
    """Says 1 from half on, which the distance says."""

    def predict(self, rows):
        return (rows["distance"] >= 0.5).astype(int).to_numpy()

    def predict_proba(self, rows):
        return np.column_stack([1 - rows["distance"], rows["distance"]])


class Regressor:
    def predict(self, rows):
        return 60 * rows["distance"].to_numpy()


def flights(n=400, day=DAY):
    at = pd.Timestamp(day, tz="UTC")
    number = np.arange(n)
    return pd.DataFrame(
        {
            "request_id": [f"f{one:03}" for one in number],
            "day": pd.Timestamp(day),
            "served_at": [at + pd.Timedelta(minutes=int(one)) for one in number[::-1]],
            "arrived_at": [at + pd.Timedelta(days=int(one % 3)) for one in number],
            "late": number % 2,
            "minutes": number * 1.5,
            "distance": number / n,
            "carrier": "UA",
        }
    )


@pytest.fixture
def serve(monkeypatch):
    """A day as a frame; of each kind of luck so large a share."""

    def of(*, failed=0.0, probed=0.0, model=None, rows=None, **options):
        monkeypatch.setattr(fake_service, "ERROR_RATE", failed)
        monkeypatch.setattr(fake_service, "PROBE_RATE", probed)
        asked = {"day": DAY, "version": "3", "features": FEATURES, **options}
        table = serve_day(flights() if rows is None else rows, model or Model(), **asked)
        return table.to_pandas()

    return of


def test_each_flight_of_the_day_is_answered_once_in_the_order_of_time(serve):
    both = pd.concat([flights(), flights(day=date(2026, 6, 25)).assign(request_id="other")])
    log = serve(rows=both)
    assert log["request_id"].tolist() == [f"f{n:03}" for n in reversed(range(400))]
    assert log["served_at"].is_monotonic_increasing
    assert set(log["model_version"]) == {"3"}


def test_the_answers_are_the_models_own(serve):
    log = serve()
    assert np.array_equal(log["score"], log["distance"])
    assert np.array_equal(log["prediction"], (log["distance"] >= 0.5).astype(int))


def test_a_regressor_answers_numbers_and_no_score(serve):
    log = serve(model=Regressor())
    assert "score" not in log
    assert np.array_equal(log["prediction"], 60 * log["distance"])


def test_a_request_that_failed_has_no_answer_and_keeps_its_latency(serve):
    log = serve(failed=0.5)
    failed = log["status"] == "error"
    assert 150 < failed.sum() < 250
    assert log.loc[failed, ["score", "prediction"]].isna().all(axis=None)
    assert log.loc[~failed, ["score", "prediction"]].notna().all(axis=None)
    assert (log["latency_total_ms"] > 11).all()


def test_a_probe_is_the_same_flight_under_its_own_id(serve):
    log = serve(probed=0.5)
    probes = log[log["synthetic"]]
    assert 150 < len(probes) < 250
    assert len(log) == 400 + len(probes)
    assert log["request_id"].is_unique
    assert set(probes["distance"]) <= set(log.loc[~log["synthetic"], "distance"])


def test_the_fallback_asks_no_model_and_says_so(serve):
    log = serve(fallback=True, model=object())
    assert set(log["status"]) == {"fallback"}
    assert set(log["prediction"]) == {0}
    assert (log["latency_inference_ms"] == 0).all()


def test_a_day_without_a_flight_is_a_table_without_a_row():
    asked = {"version": "1", "features": FEATURES}
    empty = serve_day(flights(), Model(), day=date(1999, 1, 1), **asked)
    assert empty.num_rows == 0
    assert empty.schema == serve_day(flights(), Model(), day=DAY, **asked).schema


def test_the_seed_alone_changes_luck(serve):
    pd.testing.assert_frame_equal(serve(), serve())
    other = serve(seed=1)
    assert (other["latency_total_ms"] != serve()["latency_total_ms"]).all()
    pd.testing.assert_frame_equal(other[FEATURES], serve()[FEATURES])


@pytest.mark.parametrize(
    ("label", "kind"), [("late", pa.int64()), ("minutes", pa.float64())], ids=["classes", "numbers"]
)
def test_a_label_file_holds_what_arrived_on_its_day(label, kind):
    table = labels_of(flights(9), arrival_day=date(2026, 6, 25), label=label)
    assert table["request_id"].to_pylist() == ["f001", "f004", "f007"]
    assert table.schema.field("label").type == kind
    assert table["label"].to_pylist() == flights(9)[label][[1, 4, 7]].tolist()
    assert labels_of(flights(9), arrival_day=date(2026, 7, 1), label=label).num_rows == 0


def test_a_file_comes_back_as_it_was_written(tmp_path):
    table = pa.table({"request_id": ["a", "b"]})
    write_day(tmp_path / "new" / "2026-06-24.parquet", table)
    assert pq.read_table(
        tmp_path / "new" / "2026-06-24.parquet", page_checksum_verification=True
    ).equals(table)


def test_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "2026-06-24.parquet"
    write_day(path, pa.table({"x": np.random.default_rng(0).normal(size=5_000)}))
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "2026-06-24.parquet"
    write_day(path, pa.table({"x": [1]}))

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_day(path, pa.table({"x": [2]}))
    assert [one.name for one in tmp_path.iterdir()] == ["2026-06-24.parquet"]
    assert pq.read_table(path)["x"].to_pylist() == [1]

"""A draft is made of the version that serves: its rows, day by day, and its signature."""

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.measure.suite_draft import NothingToDraftFrom, draft_of, learning_from
from monitoring_dagster.store.models.registry import UnknownReference
from tests.tiny import (
    DAY,
    FakeMlflow,
    after,
    described,
    monitor_of,
    reference_rows,
    replaced,
    spec_of,
    with_mlflow,
)


@pytest.mark.parametrize(
    ("versions", "champion", "drafted"),
    [
        pytest.param("12", "1", "1", id="the champion's"),
        pytest.param("12", None, "2", id="without one that of the newest version"),
    ],
)
def test_the_version_that_serves_is_asked(tmp_path, versions, champion, drafted):
    mlflow = FakeMlflow(*versions, champion=champion)
    found = draft_of(with_mlflow(monitor_of(tmp_path), mlflow))
    assert found.learning.version == drafted
    assert found.content["name"] == "tiny"
    assert found.content["meta"]["version"] == drafted
    assert [*found.content["expectations"]] == [*found.draft.entries]
    assert f"version {drafted}'s reference" in found.content["notes"]


def test_without_a_version_or_rows_the_way_out_is_said(tmp_path):
    monitor = with_mlflow(monitor_of(tmp_path), FakeMlflow())
    with pytest.raises(NothingToDraftFrom, match=r"register it with Registry\.log_version"):
        draft_of(monitor)
    mlflow = FakeMlflow("1")
    mlflow.reference = lambda *_: reference_rows(1, 10).slice(0, 0)
    with pytest.raises(UnknownReference, match="holds no row"):
        draft_of(with_mlflow(monitor, mlflow))


def learning(table, declared=None, **signature):
    return learning_from(spec_of(features=declared), described("1", **signature), table)


def test_the_last_third_of_the_days_is_held_out_in_the_order_of_time():
    table = reference_rows(9, 40)
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    found = learning(shuffled)
    days = [part["day"].unique().to_pylist() for part in found.days]
    assert days == [[after(-n)] for n in range(9, 0, -1)]
    assert (found.held_out, found.has_days, found.rows) == (3, True, 360)


def test_days_of_few_rows_are_taken_together_and_rows_of_no_day_come_first():
    rows = reference_rows(7, 20)
    days = [None if n < 7 else day for n, day in enumerate(rows["day"].to_pylist())]
    found = learning(replaced(rows, day=pa.array(days, pa.date32())))
    assert [part.num_rows for part in found.days] == [47, 40, 53]
    assert found.days[0]["day"][0].as_py() is None


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(None, id="no days"),
        pytest.param(str(DAY), id="one day"),
        pytest.param("2026-03-02T12:00:00", id="one day, with the time"),
    ],
)
def test_where_the_rows_tell_no_days_ten_parts_stand_for_them(day):
    found = learning(replaced(reference_rows(2, 500), day=day))
    assert [part.num_rows for part in found.days] == [100] * 10
    assert (found.held_out, found.has_days) == (3, False)
    assert "10 parts, which stand for days" in found.notes


def test_times_of_one_day_are_one_day():
    times = [f"2026-03-0{n % 3 + 1}T12:00:{n % 60:02}" for n in range(300)]
    found = learning(replaced(reference_rows(1, 300), day=times))
    assert [part.num_rows for part in found.days] == [100] * 3


def test_a_feature_called_day_is_no_day():
    assert not learning(reference_rows(5, 40), declared=[{"name": "day"}]).has_days


def test_features_are_those_declared_or_of_the_signature():
    table = reference_rows(3, 40)
    signature = {"features": (("age", "categorical"),), "required": frozenset({"age"})}
    found = learning(table, **signature)
    assert (found.features, found.required) == ({"age": "categorical"}, {"age"})
    declared = [{"name": "age"}, {"name": "debt"}, {"name": "country", "kind": "categorical"}]
    found = learning(table, declared, **signature)
    assert found.features == {"age": "categorical", "debt": "numeric", "country": "categorical"}


def test_of_two_columns_of_one_name_neither_is_looked_at():
    table = reference_rows(3, 40)
    found = learning(table.append_column("age", table["debt"]))
    assert "age" not in found.days[0].column_names

"""What drifted on a day, read off its stored columns."""

import pyarrow as pa
import pytest

from monitoring_dagster.store.days.drifted import (
    DRIFT,
    drifted_columns,
    drifted_records,
    scores_drift,
)
from tests.tiny import DAY, after, keep, monitor_of


def column(name, verdict, *, role="feature", version="1", segment=""):
    return {
        "version": version, "column": name, "role": role, "segment": segment, "verdict": verdict,
    }  # fmt: skip


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


def test_columns_that_drifted_over_all_rows_by_version(monitor):
    rows = [
        column("age", "DRIFT"),
        column("age", "DRIFT", version="2"),
        column("debt", "OK"),
        column("plan", "INSUFFICIENT"),
        column("income", "DRIFT", segment="country"),
    ]
    keep(monitor, DRIFT, rows=rows)
    assert drifted_columns(monitor, DAY) == {("1", "age"), ("2", "age")}
    assert drifted_columns(monitor, after(1)) == set()


@pytest.mark.parametrize(
    ("rows", "drift"),
    [
        pytest.param([column("score", "DRIFT", role="answer")], True, id="a score"),
        pytest.param([column("score", "DRIFT", role="answer", segment="country")], True,
                     id="a score of one segment: those least sure are other rows there"),
        pytest.param([column("age", "DRIFT")], False, id="a feature"),
        pytest.param([column("score", "OK", role="answer")], False, id="a score as usual"),
        pytest.param([], False, id="a day without rows"),
    ],
)  # fmt: skip
def test_whether_the_answers_are_spread_otherwise(monitor, rows, drift):
    keep(monitor, DRIFT, rows=rows)
    assert scores_drift(monitor, DAY) is drift
    assert not scores_drift(monitor, after(1))


def test_a_table_without_rows_need_not_have_columns():
    assert drifted_records(pa.table({})) == []

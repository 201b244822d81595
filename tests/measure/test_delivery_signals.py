"""A delivery is counted hour by hour, and a log that lacks what every row needs says so."""

import pytest

from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.delivery_signals import delivery_signals, incomplete_log
from monitoring_dagster.sources.rows.inspection import IdCounts, Inspection, Odd, Times
from monitoring_dagster.spec import Predictions
from tests.tiny import DAY

LOG = Predictions(path="{day}.parquet")


def inspection(rows=1000, **changed):
    usual = {
        "rows": rows, "counted": rows, "times": Times(0, 0, 0, 0.0, 0.0),
        "ids": IdCounts(0, 0, rows, rows), "without_version": 0, "without_prediction": 0,
        "scores": Odd(0, 0),
    }  # fmt: skip
    return Inspection(**usual | changed)


def test_hours_are_24_signals_named_by_when_they_begin():
    found = [*delivery_signals(DAY, inspection(hours=(7,) + (0,) * 22 + (3,)))]
    hours = [one for one in found if one.name == "contract.hour_rows"]
    assert [one.subject for one in hours][::23] == ["00:00", "23:00"]
    assert [one.value for one in hours] == [7.0] + [0.0] * 22 + [3.0]


def test_rows_without_times_have_no_hours():
    names = {one.name for one in delivery_signals(DAY, inspection())}
    assert names == {"contract.incomplete_share", "contract.invalid_share"}


def test_shares_carry_their_counts_so_that_days_add_up():
    found = {one.name: one for one in delivery_signals(DAY, inspection(incomplete=2, invalid=5))}
    incomplete, invalid = found["contract.incomplete_share"], found["contract.invalid_share"]
    assert (incomplete.value, incomplete.good, incomplete.total) == (0.002, 2, 1000)
    assert (invalid.value, invalid.good, invalid.total) == (0.005, 5, 1000)


@pytest.mark.parametrize(
    ("rows", "incomplete", "is_said"),
    [
        pytest.param(10_000, 10, False, id="exactly a thousandth"),
        pytest.param(10_000, 11, True, id="more"),
        pytest.param(300, 2, False, id="two rows of a small log"),
        pytest.param(300, 3, True, id="three"),
        pytest.param(300, 0, False, id="none"),
    ],
)
def test_a_log_is_incomplete_beyond_a_thousandth_of_its_rows(rows, incomplete, is_said):
    found = [*incomplete_log(LOG, inspection(rows, incomplete=incomplete))]
    assert [one.severity for one in found] == [Severity.P2] * is_said


def test_it_says_how_many_and_of_what():
    (found,) = incomplete_log(LOG, inspection(10_000, incomplete=12))
    assert found.words == (
        "12 of 10,000 rows (0.12%) have no 'model_version', 'request_id' or 'served_at'"
        " (limit 0.1%)"
    )
    assert found.is_judged

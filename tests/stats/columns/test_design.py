"""Rows become a matrix that trees read, and any other rows are encoded as the reference was."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.design import MAX_LEVELS, Design
from monitoring_dagster.stats.columns.values import WrongType

TABLE = pa.table(
    {
        "amount": pa.array([1.5, None, float("inf"), float("-inf")]),
        "plan": pa.array(["b", "a", "b", None]),
        "on": pa.array([True, False, True, True]),
    }
)


def design(table):
    return Design.over(table, {n: bins_of(table[n], column=n) for n in table.column_names})


def test_numbers_stay_numbers_names_become_codes_and_missing_is_nan():
    amount, plan, on = design(TABLE).points(TABLE).T
    assert design(TABLE).categorical.tolist() == [False, True, True]
    assert amount[0] == 1.5
    assert np.isnan(amount[1])
    assert -np.inf < amount[3] < amount[0] < amount[2] < np.inf
    assert plan.tolist()[:3] == [0.0, 1.0, 0.0]
    assert np.isnan(plan[3])
    assert on.tolist() == [0.0, 1.0, 0.0, 0.0]


def test_names_that_the_reference_never_had_share_one_code():
    new = TABLE.set_column(1, "plan", pa.array(["x", "y", "a", "b"]))
    assert design(TABLE).points(new)[:, 1].tolist() == [2.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize("names", [MAX_LEVELS, MAX_LEVELS + 1, 1000])
def test_rare_names_share_it_too_as_trees_know_but_255_codes(names):
    many = pa.table({"city": [f"c{i}" for i in range(names)]})
    codes = design(many).points(many)[:, 0]
    assert np.unique(codes).size == min(names, MAX_LEVELS + 1)
    assert codes.max() == min(names - 1, MAX_LEVELS)


def test_the_same_name_in_another_spelling_has_the_same_code():
    before = pa.table({"on": [True, False, True], "plan": ["1.50", "2", "2"]})
    now = pa.table({"on": ["T", "0", "true"], "plan": pa.array([1.5, 2.0, 2.0])})
    assert np.array_equal(design(before).points(now), design(before).points(before))


def test_columns_stand_in_the_order_of_the_reference_whatever_else_there_is():
    shuffled = TABLE.select(["on", "plan", "amount"]).append_column("other", pa.array([[1]] * 4))
    points = design(TABLE).points
    assert np.array_equal(points(shuffled), points(TABLE), equal_nan=True)


def test_without_columns_rows_are_points_without_axes():
    assert design(pa.table({})).points(TABLE).shape == (4, 0)
    assert design(TABLE).points(TABLE.slice(0, 0)).shape == (0, 3)


def test_a_column_that_is_missing_is_named():
    with pytest.raises(UnknownColumn, match="the rows has no column 'plan'"):
        design(TABLE).points(TABLE.drop_columns("plan"))


def test_numbers_that_arrive_as_something_else_are_named():
    with pytest.raises(WrongType, match="'amount' was numeric"):
        design(TABLE).points(TABLE.set_column(0, "amount", pa.array([[1.0]] * 4)))


rows = st.lists(
    st.tuples(st.none() | st.floats(), st.none() | st.sampled_from(["a", "b", "", "<b>"])),
    min_size=1,
    max_size=12,
)


def table(of):
    x, c = zip(*of, strict=True)
    return pa.table({"x": pa.array(x, pa.float64()), "c": pa.array(c, pa.string())})


@settings(max_examples=30)
@given(rows, rows)
def test_whatever_the_values_points_are_finite_or_missing_and_a_row_is_encoded_alone(before, now):
    of = design(table(before))
    points = of.points(table(now))
    assert not np.isinf(points).any()
    alone = [of.points(table([row])) for row in now]
    assert np.array_equal(points, np.concatenate(alone), equal_nan=True)
    missing = [[x is None or x != x, c in (None, "")] for x, c in now]
    assert np.isnan(points).tolist() == missing

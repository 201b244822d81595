"""Numbers and names as points: no value can blow up the space."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.encoding import (
    MAX_LEVELS,
    Pooled,
    normal_scores,
    uniform_columns,
)
from monitoring_dagster.stats.columns.values import WrongType

any_float = st.one_of(st.none(), st.floats())
any_name = st.one_of(st.none(), st.sampled_from(["a", "b", "", "<script>", "ß"]))


def table(**columns):
    return pa.table(columns)


@given(
    st.lists(st.tuples(any_float, any_name), min_size=1, max_size=20),
    st.lists(st.tuples(any_float, any_name), min_size=1, max_size=20),
)
def test_whatever_the_values_the_points_are_finite_and_near(before, now):
    """NaN, infinities, 1e308, nulls, empty names: no axis is longer than a few deviations."""
    tables = [
        table(
            x=pa.array([one for one, _ in rows], pa.float64()),
            c=pa.array([one for _, one in rows], pa.string()),
        )
        for rows in (before, now)
    ]
    pooled = Pooled.of(*tables)
    assert np.isfinite(pooled.points).all()
    assert np.abs(pooled.points).max(initial=0) < 3
    assert (np.ptp(pooled.points, axis=0) > 0).all()
    assert (pooled.n_reference, pooled.n_current) == (len(before), len(now))
    assert pooled.is_current.sum() == len(now)


def test_a_wild_value_moves_nobody_but_itself():
    usual = np.arange(100.0)
    wild = usual.copy()
    wild[-1] = 1e300
    assert np.array_equal(normal_scores(usual), normal_scores(wild))


def test_missing_lies_in_the_middle_with_an_axis_of_its_own():
    pooled = Pooled.of(table(x=[1.0, None]), table(x=[float("nan"), 3.0]))
    assert pooled.points[:, 0].round(2).tolist() == [-0.67, 0, 0, 0.67]
    assert pooled.points[:, 1].tolist() == [0, 1, 1, 0]
    assert pooled.column.tolist() == [0, 0]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array([5.0] * 4), id="constant"),
        pytest.param(pa.array([None] * 4, pa.float64()), id="all null"),
        pytest.param(pa.array([None] * 4), id="of no type"),
        pytest.param(pa.array(["same"] * 4), id="one name"),
        pytest.param(pa.array([float("inf")] * 4), id="always infinite"),
    ],
)
def test_a_column_that_never_varies_has_no_axis(values):
    pooled = Pooled.of(pa.table({"x": values}), pa.table({"x": values}))
    assert pooled.points.shape == (8, 0)
    assert pooled.columns == ("x",)


def test_names_have_an_axis_each_and_rare_ones_share_the_origin():
    often, rare = ["a"] * 500 + ["b"] * 300, [f"id {n}" for n in range(200)]
    pooled = Pooled.of(table(c=often), table(c=rare))
    assert pooled.points.shape == (1000, 2)
    assert not pooled.points[800:].any()


def test_a_name_that_only_the_current_rows_have_is_seen():
    pooled = Pooled.of(table(c=["a"] * 10), table(c=["new"] * 10))
    assert pooled.points.tolist() == [[1, 0]] * 10 + [[0, 1]] * 10


def test_a_thousand_names_are_twenty_axes_at_most():
    names = [f"level {n % 40}" for n in range(4_000)]
    assert Pooled.of(table(c=names), table(c=names)).points.shape[1] == MAX_LEVELS


def test_the_space_is_the_same_whoever_is_called_reference():
    """Else swapping rows would not be harmless, and the permutation test not exact."""
    rng = np.random.default_rng(0)
    one = table(x=rng.normal(size=50), c=rng.choice(["a", "b", "c"], 50))
    other = table(x=rng.normal(1, 2, size=70), c=rng.choice(["a", "d"], 70))
    forth, back = Pooled.of(one, other), Pooled.of(other, one)
    assert np.array_equal(np.roll(forth.points, 70, axis=0), back.points)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(UnknownColumn, match=r"current sample has no column 'income'"):
        Pooled.of(table(income=[1.0]), table(incme=[1.0]))


def test_uniform_columns_make_days_alike():
    """Whole numbers on one day and fractions on the other; names as numbers or as text."""
    bins = {"x": NumericBins(np.array([0.0])), "c": CategoricalBins(("1",))}
    days = [table(x=[1, 2], c=[1, None]), table(x=[1.5, None], c=["1", "x"])]
    found = pa.concat_tables([uniform_columns(day, bins) for day in days])
    assert found["c"].to_pylist() == ["1", None, "1", "x"]
    assert np.array_equal(found["x"].to_numpy(), [1, 2, 1.5, np.nan], equal_nan=True)
    with pytest.raises(WrongType, match="'x' was numeric"):
        uniform_columns(table(x=[[1.0]], c=["1"]), bins)
    with pytest.raises(UnknownColumn, match="'c'"):
        uniform_columns(table(x=[1]), bins)


def test_other_spellings_of_a_category_are_laid_end_to_end_as_the_reference_has_them():
    bins = {"c": CategoricalBins(("true", "false")), "k": CategoricalBins(("1.00", "2.00"))}
    rows = table(c=pa.array([1.0, None, 0.0]), k=pa.array([2, 1, 3]))
    found = uniform_columns(rows, bins)
    assert found["c"].to_pylist() == ["true", None, "false"]
    assert found["k"].to_pylist() == ["2.00", "1.00", "3"]

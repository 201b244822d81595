"""Columns that two tables share are compared by what they mean, and those that say nothing not."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.standalone.shared_features import Features, alike

N = 300
RNG = np.random.default_rng(0)
AGE = RNG.normal(40, 10, N)
PLAN = RNG.choice(["basic", "pro"], N)


def features(before, now=None, *, played=(), ignore=()):
    before = pa.table(before)
    return Features.of(
        before, before if now is None else pa.table(now), played=played, ignore=ignore
    )


def rng():
    return np.random.default_rng(1)


def test_what_plays_no_part_and_tells_something_is_a_feature():
    found = features({"age": AGE, "plan": PLAN, "label": PLAN, "p": AGE, "x": AGE},
                     played=["p"], ignore=["x"])  # fmt: skip
    assert found.names == ["age", "plan"]
    assert found.categorical.tolist() == [False, True]
    assert found.points_before.shape == found.points_now.shape == (N, 2)
    assert (found.left_out, found.unreadable) == ({}, {})


@pytest.mark.parametrize("name", ["y_true", "SCORE", "request_id", "ts", "arrived_at", "version"])
def test_a_column_that_is_called_as_one_that_plays_a_part_is_no_feature(name):
    assert features({name: AGE, "age": AGE}).names == ["age"]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        pytest.param([1.0] * N, "always the same in the reference", id="one value"),
        pytest.param([None] * 99 + [1.0] * (N - 99), "", id="one value, or none"),
        pytest.param([float(i) for i in range(N)], "a running number: it only ever grows",
                     id="whole numbers that grow"),
        pytest.param([i / 7 for i in range(N)], "a running number: it only ever grows",
                     id="fractions that grow"),
        pytest.param([*(i / 7 for i in range(N - 1)), 0.5], "", id="once they do not"),
        pytest.param([None] * (N - 99) + [i / 7 for i in range(99)], "", id="too few to grow"),
        pytest.param([float("nan")] * N, "without any value", id="NaN"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_tell_rows_apart_is_left_out_with_the_reason(column, why):
    found = features({"x": column, "age": AGE})
    assert ("x" in found.names) is (not why)
    assert found.left_out.get("x", "").startswith(why)


def test_columns_that_come_as_something_else_are_said_apart_from_those_that_tell_nothing():
    before = {"age": AGE, "plan": PLAN, "gone": AGE, "same": ["a"] * N}
    found = features(before, {"age": PLAN, "plan": PLAN, "same": ["a"] * N})
    assert found.names == ["plan"]
    assert found.unreadable == {
        "age": "double in the reference, and arrives as string",
        "gone": "the current data has no such column",
    }
    assert found.left_out == found.unreadable | {"same": "always the same in the reference"}


@pytest.mark.parametrize(
    "before",
    [{"label": PLAN}, {"x": [1.0] * N}, {"x": pa.nulls(N)}, {"id": RNG.permutation(N)}],
    ids=["only what plays a part", "one value", "nothing", "an identifier"],
)
def test_without_a_feature_nothing_drifts(before):
    found = features(before)
    assert (found.names, found.reference, found.categorical.size) == ([], None, 0)
    assert found.points_before.shape == (N, 0)
    assert not found.shifted(np.arange(N), rng=rng())
    assert found.apart(np.arange(N)) == []


@pytest.mark.parametrize(
    ("now", "shifted"),
    [
        pytest.param(AGE, False, id="the same"),
        pytest.param(AGE + 20, True, id="moved"),
        pytest.param([None] * N, True, id="missing"),
    ],
)
def test_one_feature_that_drifts_is_enough(now, shifted):
    found = features({"age": AGE}, {"age": pa.array(now, pa.float64())})
    assert found.shifted(np.arange(N), rng=rng()) is shifted


def test_only_the_rows_that_are_asked_about_are_looked_at():
    found = features({"age": AGE}, {"age": np.concatenate([AGE, AGE + 20])})
    assert not found.shifted(np.arange(N), rng=rng())
    assert found.shifted(np.arange(N, 2 * N), rng=rng())


def test_features_that_drift_only_together_are_seen():
    """Each alone looks the same."""
    a, b = RNG.normal(size=(2, N))
    found = features({"a": a, "b": b}, {"a": a, "b": a})
    assert found.shifted(np.arange(N), rng=rng())


@pytest.mark.parametrize(
    ("now", "is_apart"),
    [
        pytest.param([50.0] * 5 + [0.0] * 95, False, id="one in twenty in common"),
        pytest.param([50.0] * 4 + [0.0] * 96, True, id="fewer"),
        pytest.param([10.0, 90.0] * 50, False, id="on the very ends"),
        pytest.param([9.9, 90.1] * 50, True, id="just beyond"),
        pytest.param([None] * 100, True, id="all missing, where none was"),
    ],
)
def test_values_apart_are_those_where_the_reference_has_hardly_any(now, is_apart):
    before = {"x": [10.0, 90.0, *RNG.uniform(10, 90, 98)]}
    found = features(before, {"x": pa.array(now, pa.float64())})
    assert found.apart(np.arange(100)) == (["x"] if is_apart else [])


def test_missing_values_are_in_common_where_the_reference_has_some():
    before = {"x": [None, *RNG.uniform(10, 90, 99)]}
    found = features(before, {"x": pa.array([None] * 100, pa.float64())})
    assert found.apart(np.arange(100)) == []
    assert found.apart(np.arange(0)) == []


@pytest.mark.parametrize(
    ("now", "is_apart"),
    [(["basic"] * 100, False), (["new"] * 100, True), (["new"] * 95 + ["pro"] * 5, False)],
    ids=["known", "new", "one in twenty known"],
)
def test_names_apart_are_those_that_the_reference_does_not_have(now, is_apart):
    found = features({"plan": PLAN}, {"plan": now})
    assert found.apart(np.arange(100)) == (["plan"] if is_apart else [])


def test_rows_of_the_reference_are_weighed_towards_the_current_ones():
    found = features({"plan": ["basic"] * 150 + ["pro"] * 150}, {"plan": ["pro"] * 300})
    weights = np.asarray(found.towards(np.arange(300), rng=rng()).rows)
    assert weights.shape == (300,)
    assert weights[150:].mean() > 5 * weights[:150].mean()


class TestAlike:
    @pytest.mark.parametrize(
        ("first", "second", "both"),
        [
            pytest.param([True, False], [1.0, 0.0], [True, False], id="yes and 1.0"),
            pytest.param([True, False], ["True", "FALSE"], [True, False], id="yes in words"),
            pytest.param([True, None], [1, None], [True, None], id="yes and nothing"),
            pytest.param([7, 8], ["7", "8.0"], [7.0, 8.0], id="numbers and text"),
            pytest.param(["1,5", "2,25"], [1.5, 2.25], [1.5, 2.25], id="a decimal comma"),
            pytest.param([Decimal("1.50")], [1.5], [1.5], id="decimals"),
            pytest.param(pa.array([0.5], pa.float32()), [0.5], [0.5], id="single precision"),
            pytest.param(pa.array(["a"]).dictionary_encode(), ["a"], ["a"], id="codes"),
        ],
    )
    def test_values_become_the_plainer_of_two_types(self, first, second, both):
        for one, other in ((first, second), (second, first)):
            found = alike(pa.table({"x": one}), pa.table({"x": other}), ["x"])
            assert [side["x"].to_pylist() for side in found] == [both, both]
            texts = [pa.types.is_string(side.schema.field("x").type) for side in found]
            assert texts[0] == texts[1]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            pytest.param([True, False], [2.0, 1.0], id="yes and another number"),
            pytest.param([True, False], ["yes", "no"], id="yes in other words"),
            pytest.param([7, 8], ["a", "b"], id="numbers and words"),
            pytest.param(pa.array([0.5], pa.float32()), ["a"], id="single precision and words"),
            pytest.param([1], [1.5], id="whole numbers and fractions"),
            pytest.param(["a"], ["b"], id="words"),
        ],
    )
    def test_values_that_would_lose_something_stay_as_they_are(self, first, second):
        given_tables = pa.table({"x": first}), pa.table({"x": second})
        for tables in (given_tables, given_tables[::-1]):
            found = alike(*tables, ["x"])
            assert [one["x"].to_pylist() for one in found] == [
                one["x"].to_pylist() for one in tables
            ]
            assert [one.schema for one in found] == [one.schema for one in tables]

    def test_the_nearest_float32_of_a_number_is_the_same_number(self):
        found = alike(
            pa.table({"x": pa.array([0.1, 0.7], pa.float32())}), pa.table({"x": [0.1, 0.7]}), ["x"]
        )
        assert found[0]["x"].to_pylist() == found[1]["x"].to_pylist()

    def test_only_columns_that_are_named_and_there_are_touched(self):
        before, now = pa.table({"x": [True], "y": [True]}), pa.table({"y": [1]})
        found = alike(before, now, ["x"])
        assert found[0].equals(before)
        assert found[1].equals(now)

    @given(st.lists(st.none() | st.booleans(), min_size=1, max_size=8))
    def test_yes_and_no_are_the_same_in_any_spelling(self, values):
        spellings = [
            pa.array(values, pa.bool_()),
            pa.array([None if one is None else float(one) for one in values], pa.float64()),
            pa.array([None if one is None else str(one) for one in values], pa.string()),
        ]
        for other in spellings:
            first, second = alike(pa.table({"x": spellings[0]}), pa.table({"x": other}), ["x"])
            assert first["x"].to_pylist() == second["x"].to_pylist() == values

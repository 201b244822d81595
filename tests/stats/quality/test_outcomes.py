"""Outcomes add up exactly, whoever counts them and whatever is taken away again."""

from datetime import date
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality import outcomes
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome
from monitoring_dagster.stats.quality.outcomes import (
    OutcomeCounts,
    Outcomes,
    outcomes_by_group,
    score_of_bin,
)
from monitoring_dagster.stats.quality.performance import metrics

TODAY = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("label", "prediction"),
    [
        pytest.param([True, False, True], [1, 0, 0], id="booleans and integers"),
        pytest.param([1.0, 0.0, 1.0], ["1", "0", "0"], id="floats and text"),
        pytest.param(["true", "false", "True"], [True, False, False], id="words"),
        pytest.param([1, 0, 1, None, 1], [1, 0, 0, 1, None], id="missing rows"),
    ],
)
def test_zero_and_one_arrive_in_any_type(label, prediction):
    outcomes = Outcomes.of("binary", label=pa.array(label), prediction=pa.array(prediction))
    assert outcomes.cells == {("1", "1"): 1, ("0", "0"): 1, ("1", "0"): 1}


def test_class_names_meet_across_types():
    outcomes = Outcomes.of("multiclass", label=[1, 2], prediction=[1.0, 2.0], score=[0.5, 0.6])
    assert metrics(outcomes)["accuracy"].value == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": ["yes", "no"]}, r"label 'yes' is neither 0 nor 1"),
        ({"prediction": [0, 2]}, r"prediction '2' is neither 0 nor 1"),
        ({"score": [0.5, 1.5]}, r"score 1\.5 lies outside 0 to 1"),
        ({"score": [0.5, -np.inf]}, r"score -inf lies outside 0 to 1"),
    ],
    ids=["words", "a third class", "too large", "infinite"],
)
def test_what_is_no_outcome_is_named(change, words):
    with pytest.raises(UnusableOutcome, match=words):
        Outcomes.of("binary", **({"label": [0, 1], "prediction": [0, 1]} | change))


def test_outcomes_of_two_tasks_do_not_add_up():
    with pytest.raises(UnusableOutcome, match="binary and regression"):
        Outcomes("binary") + Outcomes("regression")


def test_scores_are_counted_by_label_prediction_and_bin():
    score = np.array([0.25, 0.25, 0.75, 0.0, np.nan, 1.0])
    found = Outcomes.of(
        "binary", label=[1, 1, 0, 0, 1, 1], prediction=[0, 0, 1, 0, 1, 1], score=score
    )
    assert found.cells == {("1", "0"): 2, ("0", "1"): 1, ("0", "0"): 1, ("1", "1"): 2}
    assert {cell: one.rows.tolist() for cell, one in found.scores.items()} == {
        ("1", "0"): [2], ("0", "1"): [1], ("0", "0"): [1], ("1", "1"): [1],
    }  # fmt: skip
    bins, wrong, right = found.by_score()
    assert score_of_bin(bins) == pytest.approx([0, 0.25, 0.75, 1], abs=5e-4)
    assert (wrong.tolist(), right.tolist()) == ([1, 0, 1, 0], [0, 2, 0, 1])


def test_right_means_another_thing_for_more_classes():
    rows = {"label": ["1", "1"], "prediction": ["1", "0"], "score": [0.6, 0.6]}
    for task, right in (("binary", 2), ("multiclass", 1)):
        assert Outcomes.of(task, **rows).by_score()[2].tolist() == [right]


def test_the_labels_of_a_regression_are_no_scores():
    """They are counted in the same bins, for what a constant would have answered."""
    found = Outcomes.of("regression", label=[1.0, 2.0, 40.0], prediction=[1.0, 1.0, 1.0])
    assert found.scores
    assert not found.has_scores
    assert [one.size for one in found.by_score()] == [0, 0, 0]


def test_bins_tell_any_two_scores_apart_that_differ_by_a_hundredth_in_odds():
    score = np.array([1e-6, 1.01e-6, 0.5, 0.5025, 0.999, 0.99901])
    one = Outcomes.of("multiclass", label=["a"] * 6, prediction=["a"] * 6, score=score)
    assert one.scores["a", "a"].rows.tolist() == [1] * 6
    assert score_of_bin(one.scores["a", "a"].bins) == pytest.approx(score, rel=0.002)


quarter = st.integers(-40, 40).map(lambda i: i / 4)
number = st.one_of(quarter, st.floats(allow_nan=True, allow_infinity=True))
score = st.one_of(st.none(), st.integers(0, 8).map(lambda i: i / 8), st.floats(0, 1))
rows_of = {
    "binary": st.tuples(st.integers(0, 1), st.integers(0, 1), score),
    "multiclass": st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), score),
    "regression": st.tuples(number, number, st.none()),
}


def table_of(task, rows, **more):
    label, prediction, score = zip(*rows, strict=True) if rows else ((), (), ())
    kind = pa.string() if task == "multiclass" else pa.float64()
    return pa.table(
        {
            "day": pa.array([TODAY] * len(rows), pa.date32()),
            "version": pa.array(["1"] * len(rows), pa.string()),
            "label": pa.array(label, kind),
            "prediction": pa.array(prediction, kind),
            "score": pa.array(score, pa.float64()),
            **more,
        }
    )


def of(task, rows):
    table = table_of(task, rows)
    score = None if task == "regression" else table["score"]
    return Outcomes.of(task, label=table["label"], prediction=table["prediction"], score=score)


@pytest.mark.parametrize("task", rows_of)
@settings(max_examples=40)
@given(data=st.data())
def test_outcomes_add_up_whoever_sums_first(task, data):
    """Equal to the last bit, floating-point sums too: nothing is rounded."""
    a, b, c = (data.draw(st.lists(rows_of[task], max_size=8)) for _ in range(3))
    x, y, z = (of(task, rows) for rows in (a, b, c))
    assert (x + y) + z == x + (y + z)
    assert x + y == y + x == of(task, a + b)
    assert x + y == of(task, data.draw(st.permutations(a + b)))
    assert x + Outcomes(task) == x == Outcomes(task) + x
    assert x + y - y == x
    assert x - y + y == x
    assert Outcomes(task) - x == -x
    assert x - x == Outcomes(task)
    assert not x - x


def test_an_error_that_no_float_holds_is_infinite_and_can_be_taken_away():
    far, near = (
        of("regression", [row]) for row in ((1.8e308 / 1.1, -1e308, None), (1.0, 2.0, None))
    )
    assert far.sums["error"].infinite == 1
    assert far + near - far == near


@pytest.mark.parametrize("task", rows_of)
@settings(max_examples=25)
@given(data=st.data())
def test_corrected_labels_leave_no_trace(task, data):
    """What arrived first, and then the changes, are the rows as they are now known."""
    labels = "abc" if task == "multiclass" else (0, 1)
    before = data.draw(st.lists(rows_of[task], min_size=1, max_size=8))
    now = [(data.draw(st.sampled_from(labels)), *row[1:]) for row in before]
    sign = pa.array([-1] * len(before) + [1] * len(now), pa.int8())
    first = outcomes_by_group(table_of(task, before), task=task)
    change = outcomes_by_group(table_of(task, before + now, sign=sign), task=task)
    empty = {(TODAY, Group("1")): Outcomes(task)}
    both = [{**empty, **part}[TODAY, Group("1")] for part in (first, change)]
    assert (
        reduce(add, both)
        == {**empty, **outcomes_by_group(table_of(task, now), task=task)}[TODAY, Group("1")]
    )


def test_of_two_infinite_numbers_nobody_knows_how_far_they_are_apart():
    infinite = Outcomes.of("regression", label=[np.inf, 1.0], prediction=[np.inf, 2.0])
    assert infinite == Outcomes.of("regression", label=[1.0], prediction=[2.0])


def test_a_label_in_the_wrong_unit_leaves_no_trace():
    """A float would keep of its fourth power, 1e48, more than all other rows together."""
    true = Outcomes.of("regression", label=[1.0, 2.0, 4.0], prediction=[1.5, 2.5, 3.0])
    wrong = Outcomes.of("regression", label=[1e12], prediction=[1.5])
    assert metrics(true + wrong - wrong) == metrics(true)
    assert metrics(true + wrong)["mae"].value > 1e11


def test_a_row_that_changes_its_label_moves_to_another_cell():
    row = {"day": [TODAY] * 2, "version": ["1"] * 2, "prediction": [1, 1], "score": [0.75, 0.75]}
    found = outcomes_by_group(
        pa.table(row | {"label": [0, 1], "sign": pa.array([-1, 1], pa.int8())}), task="binary"
    )[TODAY, Group("1")]
    assert found.cells == {("0", "1"): -1, ("1", "1"): 1}
    assert found.scores["0", "1"].rows.tolist() == [-1]
    assert found.scores["1", "1"].rows.tolist() == [1]
    assert set(found.sums) == {"brier", "log_loss"}  # the score is what it was
    assert found.n == 0


def test_joined_rows_are_counted_by_day_version_and_segment():
    table = pa.table(
        {
            "day": pa.array([date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 2)]),
            "version": ["1", "2", "2"],
            "region": ["north", None, "south"],
            "label": [1, 0, 1],
            "prediction": [1, 1, 1],
            "score": [0.75, 0.5, None],
        }
    )
    found = outcomes_by_group(table, task="binary", segments=["region"])
    assert {key: outcomes.cells for key, outcomes in found.items()} == {
        (date(2026, 1, 1), Group("1")): {("1", "1"): 1},
        (date(2026, 1, 1), Group("2")): {("0", "1"): 1},
        (date(2026, 1, 2), Group("2")): {("1", "1"): 1},
        (date(2026, 1, 1), Group("1", "region", "north")): {("1", "1"): 1},
        (date(2026, 1, 1), Group("2", "region", "(missing)")): {("0", "1"): 1},
        (date(2026, 1, 2), Group("2", "region", "south")): {("1", "1"): 1},
    }
    assert outcomes_by_group(table.slice(0, 0), task="binary") == {}


BATCHED = {
    "binary": st.tuples(st.sampled_from([0, 1, None]), st.sampled_from([0, 1])),
    "multiclass": st.tuples(
        st.sampled_from(["1.0", "true", "2.0", "x", None]), st.sampled_from(["1", "2", "false"])
    ),
    "regression": st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)),
}


@pytest.mark.parametrize("task", BATCHED)
@settings(max_examples=50)
@given(data=st.data())
def test_how_rows_are_cut_into_batches_leaves_no_trace(task, data):
    """Some rows alone do not tell how classes are spelled, nor which values are kept."""
    rows = data.draw(st.lists(BATCHED[task], min_size=1, max_size=12))
    users = data.draw(st.lists(st.integers(0, 7), min_size=len(rows), max_size=len(rows)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)))) | {0, len(rows)})
    kinds = {"binary": pa.int64(), "multiclass": pa.string(), "regression": pa.float64()}
    table = pa.table(
        {
            "day": [TODAY] * len(rows),
            "version": [str(user % 2) for user in users],
            "user": [f"user {user}" for user in users],
            "label": pa.array([label for label, _ in rows], kinds[task]),
            "prediction": pa.array([prediction for _, prediction in rows], kinds[task]),
            "score": [user / 8 for user in users],
            "sign": pa.array([-1 if user == 7 else 1 for user in users], pa.int8()),
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcomes, "MAX_SEGMENT_VALUES", 3)
        counts = OutcomeCounts(task, segments=["user"])
        for start, end in pairwise(cuts):
            counts.add(table[start:end])
        assert counts.total() == outcomes_by_group(table, task=task, segments=["user"])
        assert counts.total() == counts.total()


def test_segment_values_beyond_the_limit_are_other():
    names = [f"user {i}" for i in range(300)]
    table = pa.table(
        {
            "day": [date(2026, 1, 1)] * 300,
            "version": ["1"] * 300,
            "user": names,
            "label": np.arange(300.0),
            "prediction": np.arange(300.0),
        }
    )
    found = outcomes_by_group(table, task="regression", segments=["user"])
    assert len(found) == 1 + 200 + 1
    assert found[date(2026, 1, 1), Group("1", "user", "(other)")].n == 100


@settings(max_examples=30)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.sampled_from(["1", "2", None]),
            st.sampled_from(["north", "south", None]),
            st.sampled_from([0, 1, None]),
            st.integers(0, 8),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_group_is_what_its_rows_alone_are(rows):
    day, version, region, label, score = zip(*rows, strict=True)
    table = pa.table(
        {
            "day": pa.array([date(2026, 1, i) for i in day]),
            "version": pa.array(version, pa.string()),
            "region": pa.array(region, pa.string()),
            "label": pa.array(label, pa.int64()),
            "prediction": [i % 2 for i in score],
            "score": [i / 8 for i in score],
        }
    )
    found = outcomes_by_group(table, task="binary", segments=["region", "prediction"])
    assert list(found) == sorted(found)
    for segment, values in (("", [""] * len(rows)), ("region", region), ("prediction", None)):
        expected = {}
        for i, row in enumerate(rows):
            value = str(score[i] % 2) if values is None else values[i]
            group = Group(
                row[1] or "(missing)", segment, value if value is not None else "(missing)"
            )
            one = table.slice(i, 1)
            part = Outcomes.of(
                "binary", label=one["label"], prediction=one["prediction"], score=one["score"]
            )
            place = date(2026, 1, row[0]), group
            expected[place] = expected.get(place, Outcomes("binary")) + part
        assert {place: one for place, one in found.items() if place[1].segment == segment} == {
            place: one for place, one in expected.items() if one
        }


def test_values_of_own_metrics_are_summed_and_taken_away():
    table = pa.table(
        {
            "day": [TODAY] * 4,
            "version": ["1"] * 4,
            "label": [1, 0, 1, None],
            "prediction": [1, 1, 1, 1],
            "cost": [2.5, None, 4.0, 100.0],
            "sign": pa.array([1, 1, -1, 1], pa.int8()),
        }
    )
    found = outcomes_by_group(table, task="binary", values=["cost"])[TODAY, Group("1")]
    cost = found.sums["value:cost"]
    later = outcomes_by_group(
        table.slice(2, 1).drop_columns("sign"), task="binary", values=["cost"]
    )
    assert cost.n == 0
    whole = found + later[TODAY, Group("1")]
    assert (whole.sums["value:cost"].n, whole.sums["value:cost"].mean) == (1, 2.5)

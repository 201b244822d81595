"""How the rows of a reference turned out, as far as they say it."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes_file import LONG_AGO
from monitoring_dagster.store.references.reference_truth import (
    ANSWERS,
    answers_in,
    days_in,
    evenly,
    judgeable,
    labelled_in,
    outcomes_in,
)
from tests.tiny import DAY, after, spec_of

BINS = {"score": NumericBins(np.array([0.5])), "age": NumericBins(np.array([3.0]))}
SPEC = spec_of(segments=["country"])
DEFAULT = {
    "country": ["DE", "DE", "FR", None],
    "age": [1.0, 2.0, 3.0, 4.0],
    "label": [1, 0, 1, 1],
    "prediction": [1, 1, 0, 1],
    "score": [0.9, 0.7, 0.2, 0.8],
    "day": [DAY, DAY, after(1), DAY],
}


def table(**changed):
    columns = {**DEFAULT, **changed}
    return pa.table({name: one for name, one in columns.items() if one is not None})


def test_rows_turn_out_as_one_day_by_segment():
    found = outcomes_in(SPEC, table(), "3")
    assert found[Group("3")].cells == {("1", "1"): 2, ("0", "1"): 1, ("1", "0"): 1}
    assert {group.value: one.n for group, one in found.items() if group.segment} == {
        "DE": 2, "FR": 1, "(missing)": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"label": None}, id="no labels"),
        pytest.param({"prediction": None}, id="no predictions"),
        pytest.param({"label": ["a", "b", "c", "d"]}, id="labels that are none of the task"),
        pytest.param({"score": [7.0, 8.0, 9.0, 0.5]}, id="mostly scores that are none"),
    ],
)
def test_rows_that_do_not_say_it_have_no_outcomes(changed):
    assert outcomes_in(SPEC, table(**changed), "1") == {}


@pytest.mark.parametrize(
    ("scores", "left"),
    [
        pytest.param([0.9, 0.7, 0.2, 0.8], 4, id="all are probabilities"),
        pytest.param([0.9, 7.0, 0.2, 0.8], 3, id="one is not: the row goes"),
        pytest.param([9.0, 7.0, 0.2, 0.8], 2, id="half are not: they go"),
        pytest.param([9.0, 7.0, 2.0, 0.8], 4, id="most are not: the table stays what it is"),
        pytest.param(["a", "b", "c", "d"], 4, id="no numbers at all"),
    ],
)
def test_rows_that_are_none_of_the_task_are_left_out_where_they_are_few(scores, left):
    assert judgeable(SPEC, table(score=scores)).num_rows == left


def test_of_classes_without_scores_no_row_is_judged_by_them():
    spec = spec_of(task="multiclass")
    rows = table(score=None, label=["a", "b", "c", "d"])
    assert judgeable(spec, rows) is rows
    assert judgeable(spec, table(score=[0.9, 7.0, 0.2, 0.8])).num_rows == 3


def test_answers_are_counted_by_day_label_answer_and_bin():
    rows = answers_in(SPEC, table(), BINS).to_pylist()
    assert rows == [
        {"day": DAY, "label": "1", "prediction": "1", "bin": 1, "score": pytest.approx(0.85),
         "rows": 2},
        {"day": DAY, "label": "0", "prediction": "1", "bin": 1, "score": 0.7, "rows": 1},
        {"day": after(1), "label": "1", "prediction": "0", "bin": 0, "score": 0.2, "rows": 1},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "rows"),
    [
        pytest.param({"label": [1, 0, 1, None]}, 3, id="a label is missing"),
        pytest.param({"score": [0.9, 0.7, None, 0.8]}, 3, id="a score is missing"),
        pytest.param({"score": [0.9, 0.7, float("nan"), 0.8]}, 3, id="a score is NaN"),
        pytest.param({"day": [DAY, None, DAY, DAY]}, 3, id="a day is missing"),
        pytest.param({"label": None}, 0, id="no labels"),
    ],
)
def test_rows_that_lack_something_are_in_no_answer(changed, rows):
    found = answers_in(SPEC, table(**changed), BINS)
    assert found.schema == ANSWERS
    assert sum(found["rows"].to_pylist()) == rows


def test_without_bins_of_the_score_there_are_no_answers():
    assert answers_in(SPEC, table(), {}).num_rows == 0
    assert answers_in(spec_of(predictions={"path": "{day}.parquet"}), table(), BINS).num_rows == 0


def test_a_score_that_rounding_put_beside_a_probability_is_one():
    (row,) = answers_in(SPEC, table(score=[1 + 1e-10] * 4, label=[1] * 4, prediction=[1] * 4,
                                    day=None), BINS).to_pylist()  # fmt: skip
    assert (row["score"], row["day"]) == (1.0, LONG_AGO)


def test_labelled_rows_keep_what_has_bins_and_the_truth():
    found = labelled_in(table(label=[1.0, None, float("nan"), 0.0]), BINS)
    assert found.column_names == ["score", "age", "label", "day"]
    assert found["age"].to_pylist() == [1.0, 4.0]
    assert labelled_in(table(label=None), BINS).num_rows == 0


@pytest.mark.parametrize(
    ("most", "taken"),
    [
        (10, list(range(10))),
        (9, [0, 2, 4, 6, 8]),
        (5, [0, 2, 4, 6, 8]),
        (1, [0]),
        (99, list(range(10))),
    ],
)
def test_rows_are_taken_evenly_and_never_more(most, taken):
    rows = pa.table({"n": list(range(10))})
    assert evenly(rows, most=most)["n"].to_pylist() == taken


def test_of_no_rows_none_are_taken():
    assert evenly(pa.table({"n": pa.array([], pa.int64())}), most=3).num_rows == 0


@pytest.mark.parametrize(
    ("day", "ordinals"),
    [
        pytest.param([date(2026, 3, 1), None], [date(2026, 3, 1).toordinal(), -1], id="dates"),
        pytest.param(["2026-03-01", "2026-03-01T09:00"], [date(2026, 3, 1).toordinal()] * 2,
                     id="text, and times of a day"),
        pytest.param([0, 6], [LONG_AGO.toordinal()] * 2, id="days of the week: one day"),
        pytest.param(["Monday", "2026-03-01"], [LONG_AGO.toordinal()] * 2, id="words: one day"),
    ],
)  # fmt: skip
def test_days_are_told_apart_where_they_are_days(day, ordinals):
    assert days_in(pa.table({"day": day})).tolist() == ordinals
    assert days_in(pa.table({"n": day})).tolist() == [LONG_AGO.toordinal()] * 2

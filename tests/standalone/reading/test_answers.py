"""Labels, predictions and scores are what the task takes them for, else they are missing."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.standalone.reading.answers import (
    Answers,
    UnusableAnswer,
    by_row,
    classes_of,
    lowest,
    mean_scores,
    measures,
    named,
    numbers_of,
    scores_of,
    written,
)
from monitoring_dagster.standalone.reading.classes import Classes, understood
from monitoring_dagster.standalone.reading.question import Roles, UnclearRole
from monitoring_dagster.standalone.reading.written_values import (
    NoProbability,
    UnclearClasses,
    Written,
)
from monitoring_dagster.stats.columns.values import categories

NAN, INFINITY = float("nan"), float("inf")


def chunked(values):
    return pa.chunked_array([values])


def where_known(values):
    return [None if one != one else one for one in values]


def roles_of(**columns):
    return Roles({role: role for role, one in columns.items() if one is not None}, frozenset())


@pytest.mark.parametrize(
    ("label", "prediction", "score", "task"),
    [
        ([0, 1, None], [1, 0, 1], [0.1, 0.9, 0.5], "binary"),
        ([False, True], [1, 0], [0.1, 0.9], "binary"),
        (["0", "1"], ["1", "0"], [0.1, 0.9], "binary"),
        ([0.0, 1.0], None, [0.1, 0.9], "binary"),
        (["no", "yes"], ["yes", "no"], [0.1, 0.9], "binary"),
        (["no", "yes"], [1, 0], [0.1, 0.9], "binary"),
        ([1, 2, 3], [1, 2, 3], [0.5, 0.9, 0.9], "multiclass"),
        (["a", "b", "c"], ["a", "b", "c"], [0.5, 0.9, 0.9], "multiclass"),
        ([0, 1], [0, 2], [0.1, 0.9], "multiclass"),
        ([0.5, 1.0], [0.4, 2.0], None, "regression"),
        (list(range(30)), list(range(30)), None, "regression"),
    ],
)
def test_the_task_is_seen_in_the_values(label, prediction, score, task):
    columns = {"label": label, "prediction": prediction, "score": score}
    past = pa.table({role: one for role, one in columns.items() if one is not None})
    assert classes_of(past, roles_of(**columns), None, None).task == task


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"label": [0, 1], "prediction": [0, 1]}, "score"),
        ({"label": ["a", "b", "c"], "score": [0.1, 0.5, 0.9]}, "prediction"),
        ({"label": [0.5, 1.5], "score": [0.1, 0.5]}, "prediction"),
    ],
)
def test_what_the_task_needs_and_is_not_there_is_named(columns, missing):
    with pytest.raises(UnclearRole, match=f"no column that is plainly the {missing}"):
        classes_of(pa.table(columns), roles_of(**columns), None, None)


class TestNumbers:
    @pytest.mark.parametrize(
        ("values", "numbers"),
        [
            pytest.param([0.5, NAN, None, INFINITY], [0.5, None, None, INFINITY], id="floats"),
            pytest.param([0, 1], [0.0, 1.0], id="whole numbers"),
            pytest.param([True, None], [1.0, None], id="yes and nothing"),
            pytest.param(["0.5", " 1 ", "nan", "n/a", ""], [0.5, 1.0, None, None, None], id="text"),
            pytest.param(pa.nulls(2), [None, None], id="nothing"),
            pytest.param(pa.array([0.5], pa.float32()), [0.5], id="single precision"),
            pytest.param(pa.array(["7", "8"]).dictionary_encode(), [7.0, 8.0], id="codes of text"),
        ],
    )
    def test_are_what_is_written_or_missing(self, values, numbers):
        assert where_known(numbers_of(chunked(values), "score", "x")) == numbers

    @pytest.mark.parametrize(
        ("values", "arrived"),
        [
            ([date(2026, 3, 1)], "date32"), ([[0.5]], "list<"), ([b"0.5"], "binary"),
            (pa.array([1], pa.duration("s")), "duration"), (["high"], "string"),
        ],
        ids=["days", "lists", "bytes", "durations", "words"],
    )  # fmt: skip
    def test_of_another_type_are_refused_with_the_users_name(self, values, arrived):
        with pytest.raises(UnusableAnswer) as error:
            numbers_of(chunked(values), "score", "it's a score")
        assert str(error.value).startswith(f'column "it\'s a score" is {arrived}')
        assert "a score is a probability, 0 to 1: name another column with --score" in (
            str(error.value)
        )
        with pytest.raises(UnusableAnswer, match=r"the label, column 'y', is .*: give numbers"):
            numbers_of(chunked(values), "label", "y")

    def test_of_a_regression_are_finite_and_what_is_none_is_named(self):
        warnings, values = [], chunked([*[f"{n}.5" for n in range(40)], "x", "n/a"])
        everywhere = np.ones(42, bool)
        found = measures(values, "label", "y", known=everywhere, say=by_row(warnings))
        assert where_known(found[-3:]) == [39.5, None, None]
        assert warnings == ["labels of 'y' that are no number, such as 'x': 1 left out (row 40)"]
        found = measures(chunked([1.5, INFINITY, NAN]), "label", "y", known=np.ones(3, bool),
                         say=by_row(warnings))  # fmt: skip
        assert where_known(found) == [1.5, None, None]
        assert warnings[1:] == [
            "labels of 'y' that are no number, such as 'inf': 1 left out (row 1)"
        ]


class TestScores:
    def read(self, values, known=None):
        warnings = []
        known = np.ones(len(values), bool) if known is None else np.array(known)
        found, odd = scores_of(chunked(values), "p", known=known, say=by_row(warnings))
        return where_known(found), odd.tolist(), warnings

    @pytest.mark.parametrize(
        ("value", "clipped"),
        [
            (0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (-1e-9, 0.0), (1 + 1e-9, 1.0), (-1.1e-9, None),
            (1 + 1.1e-9, None), (7.0, None), (INFINITY, None), (NAN, None), (None, None),
        ],
    )  # fmt: skip
    def test_are_probabilities_and_rounding_is_clipped(self, value, clipped):
        found, odd, _ = self.read(pa.array([value, *[0.5] * 40], pa.float64()))
        assert found[0] == clipped
        assert odd[0] is (clipped is None and value is not None and value == value)

    def test_that_are_none_are_refused_where_they_are_many(self):
        with pytest.raises(NoProbability, match="holds 2 of 3 values outside 0 to 1"):
            self.read([0.5, 7.0, 9.0])
        with pytest.raises(UnusableAnswer):
            self.read(["0.5", "low", "high"])

    def test_of_rows_that_nobody_knows_yet_nothing_is_said(self):
        found, odd, warnings = self.read([0.5, 7.0, 9.0], [True, False, False])
        assert (found, odd, warnings) == ([0.5, None, None], [False, True, True], [])

    def test_have_a_mean_by_value_and_a_lowest(self):
        scores = np.array([0.2, 0.4, NAN, 0.9])
        assert mean_scores(chunked(["a", "a", "b", None]), scores) == {"a": pytest.approx(0.3)}
        assert (lowest(scores), lowest(scores[:0]), lowest(scores[2:3])) == (0.2, 0.0, 0.0)


BINARY, MANY = Classes("binary"), Classes("multiclass")
WORDS = Classes("binary", frozenset({"yes"}), frozenset({"no"}))
ONE_OF = Classes("binary", frozenset({"it's"}), others_are_zero=True, by_value=False)


def meant(values, classes, role="label", known=None):
    """What each value is, None where it is none; and what is said about that."""
    warnings = []
    codes, names = categories(pa.array(values), column="x")
    known = np.ones(len(codes), bool) if known is None else np.array(known)
    found = named(codes, names, classes, role, "x", known=known, say=by_row(warnings))
    return [[*found, None][code] for code in codes], warnings


@pytest.mark.parametrize(
    ("classes", "values", "found", "strange"),
    [
        pytest.param(BINARY, [0, 1, None], ["0", "1", None], "", id="0 and 1"),
        pytest.param(BINARY, [True, False], ["1", "0"], "", id="yes and no"),
        pytest.param(BINARY, [0, 1, 2], ["0", "1", None], "'2'", id="a third value is none"),
        pytest.param(BINARY, [0.0, 1.0, NAN, 0.5], ["0", "1", None, None], "'0.5'", id="floats"),
        pytest.param(BINARY, ["TRUE", " 0 ", "?"], ["1", "0", None], "'?'", id="text"),
        pytest.param(WORDS, ["yes", "no", "maybe"], ["1", "0", None], "'maybe'", id="words"),
        pytest.param(WORDS, ["yes", "1"], ["1", "1"], "", id="a word and a number"),
        pytest.param(ONE_OF, ["it's", "b", None, ""], ["1", "0", None, None], "", id="one of many"),
        pytest.param(MANY, ["a", "b", None], ["a", "b", None], "", id="classes say themselves"),
        pytest.param(MANY, [1, 2], ["1", "2"], "", id="so do numbers"),
        pytest.param(MANY, [1.0, 2.5, NAN], ["1", "2.5", None], "", id="floats are named"),
        pytest.param(MANY, [" a", "nan"], ["a", None], "", id="blanks, and what says nothing"),
        pytest.param(MANY, ["'; DROP TABLE t; --"], ["'; DROP TABLE t; --"], "", id="SQL"),
    ],
)  # fmt: skip
def test_a_value_is_what_the_task_takes_it_for(classes, values, found, strange):
    read, warnings = meant(values, classes)
    assert read == found
    said = f"labels of 'x' that are no value of a binary task, such as {strange}: 1 left out"
    assert [one.partition(" (")[0] for one in warnings] == ([said] if strange else [])


def test_a_prediction_of_no_class_is_none_where_a_label_would_be_0():
    assert meant(["it's", "b"], ONE_OF)[0] == ["1", "0"]
    assert meant(["it's", "b"], ONE_OF, "prediction")[0] == ["1", None]


def test_of_values_in_rows_that_nobody_knows_yet_nothing_is_said():
    assert meant([0, 2], BINARY, known=[True, False]) == (["0", None], [])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["0", "1", "a", "b", " b", "2.0", "2", "", "nan", "'"]), min_size=1)
)
def test_every_row_is_what_the_classes_say(values):
    column = written(chunked(values))
    for classes in (
        understood(column, None, scores=None, task="multiclass"),
        understood(Written({"b": 1, "a": 1}), None, scores=None, positive="b"),
    ):
        assert meant(values, classes)[0] == [
            None if one in ("", "nan") else classes.of(one, "label") for one in values
        ]


@pytest.mark.parametrize(
    ("values", "measured"),
    [
        pytest.param([n / 7 for n in range(1500)], True, id="numbers"),
        pytest.param([f"{n}.5" for n in range(1500)], True, id="numbers as text"),
        pytest.param([f"w{n}" for n in range(1500)], False, id="words"),
        pytest.param([n % 1000 for n in range(1500)], False, id="as many as there may be names"),
    ],
)
def test_far_more_numbers_than_classes_are_measured(values, measured):
    assert written(chunked(values)).measured is measured


class TestAnswers:
    past = pa.table({"label": [0, 1, None, 1], "score": [0.1, 0.9, 0.2, 0.4]})
    columns = roles_of(label=True, score=True)

    def test_without_predictions_are_those_of_the_scores(self):
        found = Answers.of(self.past, BINARY, self.columns, labelled=True, warnings=[])
        assert found.prediction.tolist() == [0, 1, 0, 0]
        assert found.usable.tolist() == [True, True, False, True]
        assert found.of_rows(np.array([0, 1])).realised()["accuracy"].value == 1
        unlabelled = Answers.of(self.past, BINARY, self.columns, labelled=False, warnings=[])
        assert unlabelled.usable.all()
        assert np.isnan(unlabelled.label).all()

    def test_of_classes_that_the_reference_does_not_have_are_said_or_refused(self):
        classes = understood(Written({"a": 1, "b": 1, "c": 1}), Written({"a": 1}), scores=None)
        columns, warnings = roles_of(prediction=True, score=True), []
        rows = pa.table({"prediction": ["a", "d", "d"], "score": [0.5] * 3})
        Answers.of(rows, classes, columns, labelled=False, warnings=warnings)
        assert warnings == [
            "66.7% of the predictions are of a class that the reference does not have, such as 'd'"
        ]
        with pytest.raises(UnclearClasses, match="no prediction is a label's name"):
            Answers.of(rows[1:], classes, columns, labelled=False, warnings=[])

"""What two tables mean is read from the rows that are known, and from no other."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.sources.rows.rows import connected
from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.standalone.reading.answers import UnusableAnswer
from monitoring_dagster.standalone.reading.ids_and_times import NothingJoins
from monitoring_dagster.standalone.reading.meaning import meaning_of
from monitoring_dagster.standalone.reading.opened_tables import opened_labels, opened_predictions
from monitoring_dagster.standalone.reading.question import Question, label_rules
from monitoring_dagster.standalone.reading.written_values import NoProbability, UnclearClasses

NAN, INFINITY = float("nan"), float("inf")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)


def served(prediction=None, score=None, *, ids=None, days=None, **more):
    n = len(prediction if prediction is not None else score)
    columns = {
        "id": ids or [f"r{i}" for i in range(n)],
        "time": [NOON + timedelta(days=day) for day in days or [0] * n],
        "prediction": prediction,
        "score": score,
    } | more
    return {name: one for name, one in columns.items() if one is not None}


def told(label, *, ids=None, days=None):
    n = len(label)
    arrived = [NOON + timedelta(days=day, hours=1) for day in days or [0] * n]
    return {"id": ids or [f"r{i}" for i in range(n)], "arrived": arrived, "label": label}


def meant(predictions, labels, *, task=None, positive=None, as_of=None, **rules):
    """What is understood; and labels, predictions and scores as they are read."""
    question = Question({}, as_of, (), (), label_rules(**rules), task, positive)
    with connected() as connection:
        sides = [
            opener(connection, Table.of(pa.table(one), side=""), question, lambda n: None)
            for opener, one in ((opened_predictions, predictions), (opened_labels, labels))
        ]
        found = meaning_of(connection, *sides, question)
        rows = (found.label, found.prediction, found.score)
        return found, *(side.to_pylist() for side in rows), found.is_invalid.tolist()


def refused(predictions, labels, error=UnclearClasses, **asked):
    with pytest.raises(error) as told_so:
        meant(predictions, labels, **asked)
    return str(told_so.value)


@pytest.mark.parametrize(
    ("prediction", "label", "task", "labels", "predictions"),
    [
        pytest.param([0, 1], [0, 1], "binary", ["0", "1"], ["0", "1"], id="0 and 1"),
        pytest.param([0, 1], [0.0, 1.0], "binary", ["0", "1"], ["0", "1"], id="floats for labels"),
        pytest.param(["a", "b", "c"], ["a", "c", "b"], "multiclass", ["a", "c", "b"],
                     ["a", "b", "c"], id="words"),
        pytest.param([1.5, 2.5], [1.0, 2.5], "regression", [1.0, 2.5], [1.5, 2.5], id="numbers"),
        pytest.param(["it's", "b", "c"], ["it's", "c", "b"], "multiclass", ["it's", "c", "b"],
                     ["it's", "b", "c"], id="a quote"),
    ],
)  # fmt: skip
def test_labels_and_predictions_are_read_as_their_task_has_them(
    prediction, label, task, labels, predictions
):
    found, *read = meant(served(prediction), told(label))
    assert found.classes.task == task
    assert read == [labels, predictions, [None] * len(label), [False] * len(label)]
    assert found.warnings == []


def test_without_predictions_a_score_of_one_half_is_1():
    _, labels, predictions, scores, _ = meant(served(score=[0.49, 0.5, None]), told([0, 1, 1]))
    assert (labels, predictions) == (["0", "1", "1"], ["0", "1", None])
    assert scores == [0.49, 0.5, None]


@pytest.mark.parametrize("label", [["a", "b", "c"], [0.5, 1.5, 2.5]], ids=["words", "numbers"])
def test_only_of_two_classes_a_score_says_what_was_predicted(label):
    words = refused(served(score=[0.1, 0.5, 0.9]), told(label))
    assert "name its column with --prediction" in words


class TestScore:
    scores = (*(n / 20 for n in range(20)), 0.5)

    def read(self, odd, n=21, *, text=False):
        scores = [*self.scores[: n - 1], odd]
        column = [None if one is None else str(one) for one in scores] if text else scores
        answers = [int(i % 2) for i in range(n)]
        return meant(served(answers, column), told(answers))

    @pytest.mark.parametrize(
        ("odd", "read"),
        [(1 + 1e-10, 1.0), (-1e-10, 0.0), (None, None), (NAN, None), (1.0, 1.0)],
    )
    def test_that_was_rounded_or_is_missing_is_no_matter(self, odd, read):
        found, *_, scores, invalid = self.read(odd)
        assert (scores[-1], any(invalid), found.warnings) == (read, False, [])

    @pytest.mark.parametrize("odd", [1.7, -0.2, INFINITY])
    def test_that_is_none_costs_its_row_and_is_named(self, odd):
        found, *_, invalid = self.read(odd)
        assert invalid == [False] * 20 + [True]
        (warning,) = found.warnings
        assert warning == (
            f"scores of 'score' that are no probability, such as {odd:.4g}: 1 left out (id 'r20')"
        )

    def test_that_is_a_word_costs_its_row(self):
        found, *_, invalid = self.read("hoch", text=True)
        assert invalid == [False] * 20 + [True]
        assert found.warnings == [
            "scores of 'score' that are no number, such as 'hoch': 1 left out (id 'r20')"
        ]

    @pytest.mark.parametrize("blank", ["", " "])
    def test_that_is_blank_is_missing(self, blank):
        found, *_, scores, invalid = self.read(blank, text=True)
        assert (scores[-1], any(invalid), found.warnings) == (None, False, [])

    def test_is_refused_where_most_are_none(self):
        words = refused(served([0, 1], [12.0, 99.0]), told([0, 1]), NoProbability)
        assert "holds 2 of 2 values outside 0 to 1 (from 12 to 99): are they percent" in words
        words = refused(served([0, 1], ["low", "high"]), told([0, 1]), UnusableAnswer)
        assert "column 'score' is string, and a score is a probability" in words

    def test_of_a_regression_is_not_looked_at(self):
        found, *_, scores, _ = meant(served([0.5, 2.5], [7.0, 9.0]), told([0.5, 2.5]))
        assert (found.classes.task, scores, found.warnings) == ("regression", [None] * 2, [])

    def test_may_be_of_the_predicted_class(self):
        answers = [i % 2 for i in range(20)]
        found, *_ = meant(served(answers, [0.5 + i / 40 for i in range(20)]), told(answers))
        assert found.warnings[-1].startswith("no score of 'score' is below 0.5")


def test_of_two_words_the_scores_tell_which_counts_as_1():
    found, labels, predictions, *_ = meant(
        served(["no", "yes", "no"], [0.1, 0.9, 0.2]), told(["yes", "yes", "no"])
    )
    assert (labels, predictions) == (["1", "1", "0"], ["0", "1", "0"])
    assert "label 'yes' counts as 1: rows predicted so have the higher mean score" in found.notes[0]


def test_labels_alone_are_told_apart_by_the_scores_of_their_requests():
    found, labels, *_ = meant(served(score=[0.1, 0.9, 0.2]), told(["no", "yes", "no"]))
    assert labels == ["0", "1", "0"]
    assert "its rows have the higher mean score (0.9 against 0.15)" in found.notes[0]


def test_what_comes_after_the_day_changes_nothing():
    early = served([0, 1]), told([0, 1])
    late = (
        served([0, 1, 7], days=[0, 0, 1]),
        told([0, 1, 5], days=[0, 0, 1]),
    )
    now, *read = meant(*late, as_of=DAY)
    then, *read_before = meant(*early, as_of=DAY)
    assert now.classes == then.classes
    assert [one[:2] for one in read] == read_before
    assert now.warnings == then.warnings == []
    assert meant(*late)[0].classes.task == "multiclass"


def test_labels_of_other_requests_may_be_of_any_kind():
    labels = told([0, 1, 8, 9], ids=["r0", "r1", "x0", "x1"])
    found, *_ = meant(served([0, 1]), labels)
    assert (found.classes.task, found.warnings) == ("binary", [])


def test_labels_of_no_request_are_refused_with_the_cause():
    words = refused(served([0, 1]), told(["a", "b"], ids=["R0", "R1"]), NothingJoins)
    assert "ids differ by upper and lower case (label 'R0', prediction 'r0')" in words


def test_before_any_label_has_arrived_all_of_them_say_what_the_task_is():
    found, *_ = meant(served([1, 2, 3]), told([1, 2, 3], days=[5, 5, 5]), as_of=DAY)
    assert found.classes.task == "multiclass"


@pytest.mark.parametrize(
    ("label", "ambiguous", "read"),
    [
        (["0", "1", "?"], ["?"], ["0", "1", "?"]),
        (["0", "1", "n/a"], ["n/a"], ["0", "1", "n/a"]),
        ([0, 1, None], ["n/a"], ["0", "1", None]),
        ([0.0, 1.0, 2.0], ["2"], ["0", "1", "2"]),
        ([0, 1, 2], ["2"], ["0", "1", "2"]),
    ],
    ids=["a word", "a word that says nothing", "nothing", "a float", "a whole number"],
)
def test_labels_that_say_that_nobody_knows_are_no_class_and_stay(label, ambiguous, read):
    found, labels, *_ = meant(served([0, 1, 1]), told(label), ambiguous=ambiguous)
    assert (found.classes.task, labels, found.warnings) == ("binary", read, [])


@pytest.mark.parametrize(
    ("label", "kept", "read"),
    [
        pytest.param(["1.5", "unclear"], ["unclear"], ["1.5", "unclear"], id="a word"),
        pytest.param([1.5, INFINITY], ["inf"], ["1.5", "inf"], id="infinity"),
        pytest.param([1.5, 2.5], ["x"], ["1.5", "2.5"], id="nothing that is there"),
        pytest.param([1.5, 2.5], ["'; --"], ["1.5", "2.5"], id="a hostile word"),
    ],
)
def test_what_is_to_be_kept_stays_among_numbers(label, kept, read):
    found, labels, *_ = meant(served([1.5, 2.5]), told(label), task="regression", ambiguous=kept)
    assert (labels, found.warnings) == (read, [])


@pytest.mark.parametrize("word", ["n/a", ""])
def test_a_word_that_says_nothing_is_no_label_and_is_named(word):
    values = [str(i % 2) for i in range(40)]
    found, labels, *_ = meant(served(values), told([*values[:-1], word]))
    assert labels[-1] is None
    assert found.warnings == [
        f"labels of 'label' that say nothing, such as {word!r}: 1 left out (id 'r39')"
    ]


@pytest.mark.parametrize(
    ("side", "odd", "task", "what"),
    [
        (
            "label",
            "2",
            "binary",
            "labels of 'label' that are no value of a binary task, such as '2'",
        ),
        (
            "prediction",
            "7",
            "binary",
            "predictions of 'prediction' that are no value of a binary task",
        ),
        ("label", "it's\x1b", "binary", 'such as "it\'s\\x1b"'),
    ],
)
def test_a_stranger_costs_its_row_and_is_named(side, odd, task, what):
    values = [str(i % 2) for i in range(40)]
    strange = [*values[:-1], odd]
    found, labels, predictions, *_ = meant(
        served(strange if side == "prediction" else values),
        told(strange if side == "label" else values),
    )
    assert found.classes.task == task
    assert (labels if side == "label" else predictions)[-1] is None
    (warning,) = found.warnings
    assert what in warning
    assert warning.endswith(": 1 left out (id 'r39')")


def test_infinity_is_no_value_of_a_regression_and_nan_is_missing():
    values = [n + 0.5 for n in range(40)]
    found, labels, *_ = meant(served(values), told([*values[:38], INFINITY, NAN]))
    assert labels[-2:] == [None, None]
    assert found.warnings == [
        "labels of 'label' that are no number, such as 'inf': 1 left out (id 'r38')"
    ]


def test_far_more_numbers_than_classes_are_measured_though_all_are_whole():
    values = list(range(1500))
    found, *_ = meant(served(values), told(values))
    assert found.classes.task == "regression"
    found, labels, *_ = meant(served(values), told([*values[:-1], 0]), task="regression")
    assert labels[-1] == 0

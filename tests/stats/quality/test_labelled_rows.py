"""The same class is one class however it is written, and rounding makes no score impossible."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.estimation.score_estimation import calibrate
from monitoring_dagster.stats.labels.label_quality import consensus, suspects
from monitoring_dagster.stats.quality.labelled_rows import (
    UnusableOutcome,
    label_of_bin,
    probabilities,
    spelled_alike,
    unusable,
)
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics


@pytest.mark.parametrize(
    ("score", "read"),
    [
        pytest.param([0.5, 1.0000000000000002, -1e-12], [0.5, 1.0, 0.0], id="doubles"),
        pytest.param(np.float32([0.5, 1.0000001, -1e-7]), [0.5, 1.0, 0.0], id="single precision"),
        pytest.param([0.5, None, float("nan")], [0.5, np.nan, np.nan], id="missing ones"),
        pytest.param([1.7], None, id="far above"),
        pytest.param([-1e-8], None, id="beyond rounding"),
        pytest.param([float("inf")], None, id="infinity"),
    ],
)
def test_a_score_within_rounding_of_0_and_1_is_a_probability(score, read):
    values = pa.array(score, from_pandas=True)
    if read is None:
        with pytest.raises(UnusableOutcome, match="outside 0 to 1"):
            probabilities(values)
    else:
        np.testing.assert_array_equal(probabilities(values), np.array(read, np.float64))


ROUNDED = {"label": [1, 0, 1, 0], "score": [1.0000000000000002, -1e-12, 0.9, 0.2]}


def test_rounded_scores_give_the_numbers_of_exact_ones():
    """In counts, in calibrations and in suspects alike."""
    exact = ROUNDED | {"score": [1.0, 0.0, 0.9, 0.2]}
    said = {"prediction": [1, 0, 1, 1]}
    now, then = (metrics(Outcomes.of("binary", **one, **said)) for one in (ROUNDED, exact))
    assert now == then
    assert suspects(**ROUNDED) == suspects(**exact)
    rows = {"rows": [50] * 4}
    curves = [calibrate("binary", **one, **said, **rows).curve for one in (ROUNDED, exact)]
    np.testing.assert_array_equal(*(curve(np.linspace(-3, 3, 7)) for curve in curves))


@pytest.mark.parametrize(
    ("labels", "predictions", "accuracy"),
    [
        pytest.param(["2.0", "3.0"], [2, 3], 1.0, id="labels as text of floats"),
        pytest.param([2, 3], ["2.0", "4.0"], 0.5, id="predictions as text of floats"),
        pytest.param([2.0, 3.0], [2, 3], 1.0, id="floats"),
        pytest.param([True, False], [1, 0], 1.0, id="truths against numbers"),
        pytest.param(["1.0", "1.1"], ["1.0", "1.1"], 1.0, id="versions on both sides"),
        pytest.param(["a", "b"], ["A", "b"], 0.5, id="letters are classes of their own"),
    ],
)
def test_classes_written_otherwise_are_the_same_class(labels, predictions, accuracy):
    found = Outcomes.of("multiclass", label=pa.array(labels), prediction=pa.array(predictions))
    assert metrics(found)["accuracy"].value == accuracy


def test_names_stay_what_they_are_where_both_sides_write_them_so():
    """A model of versions 1.0 and 1.1 has no class 1."""
    assert spelled_alike(["1.0", "1.1"], ["1.0"]) == [["1.0", "1.1"], ["1.0"]]
    assert spelled_alike(["yes"], []) == [["yes"], []]


def test_opinions_that_are_truths_agree_with_labels_that_are_numbers():
    """True is 1: nothing is suspected."""
    opinions = [pa.array([True, False, True]), pa.array(["1.0", "0.0", "1.0"])]
    assert consensus(opinions, [1, 0, 1]) == ()
    (found,) = consensus(opinions, [1, 0, 0])
    assert (found.row, found.label, found.answer) == (2, "0", "1")


@pytest.mark.parametrize(
    ("task", "columns", "rows"),
    [
        pytest.param("binary", {"label": [1, 2, None], "prediction": [1, 1, 1]}, [1], id="a label"),
        pytest.param(
            "binary", {"label": [1, 0, 1], "prediction": ["1", "x", "true"]}, [1], id="an answer"
        ),
        pytest.param(
            "multiclass",
            {"label": ["a"] * 3, "prediction": ["a"] * 3, "score": [0.5, 1.7, 1 + 1e-12]},
            [1],
            id="a score",
        ),
        pytest.param(
            "regression",
            {"label": [1.0, np.inf, 2.0], "prediction": [1.0, 1.0, np.nan]},
            [1],
            id="infinity",
        ),
    ],
)
def test_rows_that_are_none_of_the_task_are_found(task, columns, rows):
    wrong = unusable(task, **{name: pa.array(one) for name, one in columns.items()})
    assert np.flatnonzero(wrong).tolist() == rows


@given(
    st.one_of(
        st.floats(2**-39, 2**40), st.floats(2**-39, 2**40).map(lambda one: -one), st.just(0.0)
    )
)
def test_a_label_lies_within_one_per_cent_of_its_bins_middle(label):
    day = Outcomes.of("regression", label=[label], prediction=[0.0])
    (counts,) = day.scores.values()
    assert counts.rows.tolist() == [1]
    assert label_of_bin(counts.bins)[0] == pytest.approx(label, rel=0.01)


@pytest.mark.parametrize("label", [1e15, -1e15])
def test_labels_too_large_for_any_bin_are_known_to_be_so(label):
    day = Outcomes.of("regression", label=[label], prediction=[0.0])
    (counts,) = day.scores.values()
    assert label_of_bin(counts.bins)[0] == np.sign(label) * np.inf


def test_a_label_taken_away_leaves_no_bin():
    day = Outcomes.of("regression", label=[3.0, -7.0], prediction=[0.0, 1.0])
    assert not day - day
    assert (day - Outcomes.of("regression", label=[3.0], prediction=[0.0])).n == 1

"""Labels of other classes than any prediction names are set aside by delivery, not by chance."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.label_classes import foreign_days
from monitoring_dagster.sources.labels.label_rows import Fault
from monitoring_dagster.sources.labels.labels import join_labels
from tests.sources.labels.two_feeds import IDS, kinds, odd, on, serve, spec_of, tell

DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("labels", "predicted", "foreign"),
    [
        pytest.param({"low": 1}, ["0"], True, id="a word against a number"),
        pytest.param({"0": 1}, ["low"], True, id="a number against a word"),
        pytest.param({"low": 1, "1": 1}, ["0"], False, id="a number among the words"),
        pytest.param({"low": 1}, ["0", "mid"], False, id="a word among the numbers"),
        pytest.param({"low": 1}, ["-1.5", "+2", "3."], True, id="numbers with signs and fractions"),
        pytest.param({"low": 1}, ["1e3"], False, id="a number that is a word, too"),
        pytest.param({"a": 10, "b": 9}, ["c", "d"], False, id="nineteen rows may all be wrong"),
        pytest.param({"a": 10, "b": 10}, ["c", "d"], True, id="twenty of two classes are not"),
        pytest.param({"a": 20}, ["c", "d"], False, id="twenty of one class are"),
        pytest.param({"a": 10, "b": 10}, ["c"], False, id="where one class is predicted"),
        pytest.param({"a": 10, "b": 1000}, ["c", "a"], False, id="one class in common"),
        pytest.param({"2.0": 30, "3.0": 30}, ["2", "3"], False, id="text of floats"),
        pytest.param({"TRUE": 30, "false": 30}, ["0", "1"], False, id="yes and no"),
        pytest.param({"A": 10, "B": 10}, ["a", "b"], True, id="another case is another class"),
        pytest.param({}, ["a"], False, id="no label"),
        pytest.param({"a": 100, "b": 100}, [], False, id="no prediction"),
        pytest.param({"": 10, "'; --": 10}, ["x\n", "y" * 10_000], True, id="hostile names"),
    ],
)
def test_a_delivery_is_foreign_or_not(labels, predicted, foreign):
    assert foreign_days({DAY: labels}, predicted) == ([DAY] if foreign else [])


def test_each_delivery_is_judged_by_itself_and_one_may_have_no_day():
    labels = {None: {"low": 1}, DAY: {"0": 1}, date(2026, 3, 2): {"high": 1}}
    assert foreign_days(labels, ["0", "1"]) == [None, date(2026, 3, 2)]
    assert foreign_days({}, ["0"]) == []


@given(
    st.dictionaries(st.text(max_size=3), st.integers(1, 50), max_size=4),
    st.lists(st.text(max_size=3), max_size=4),
)
def test_a_delivery_with_a_class_that_is_predicted_is_never_foreign(labels, predicted):
    shared = next(iter(labels), None)
    if shared is not None:
        assert foreign_days({DAY: labels}, [*predicted, shared]) == []


@pytest.mark.parametrize(
    ("predictions", "labels", "foreign"),
    [
        pytest.param([0, 1, 2, 2], ["low", "mid", "high", "low"], True, id="words, numbers"),
        pytest.param(["low", "mid"] * 2, [0, 1, 2, 1], True, id="numbers, words"),
        pytest.param([2, 3, 4, 2], ["2.0", "3.0", "4.0", "3.0"], False, id="text of floats"),
        pytest.param([2, 3, 4, 2], [2.0, 3.0, None, 3.0], False, id="floats with gaps"),
        pytest.param(["2.0", "3.0"] * 2, [2, 3, 2, 2], False, id="predictions as text of floats"),
        pytest.param([0, 1, 2, 2], ["0", "1", "other", "2"], False, id="a word among numbers"),
        pytest.param(["low"] * 4, ["high"] * 4, False, id="simply wrong"),
    ],
)
def test_labels_of_other_classes_than_any_prediction_are_set_aside(
    tmp_path, predictions, labels, foreign
):
    """No accuracy of 0 comes out of words against numbers; the next delivery counts."""
    serve(tmp_path, 0, IDS, prediction=predictions)
    tell(tmp_path, 0, IDS, labels)
    tell(tmp_path, 1, IDS, predictions)
    spec = spec_of("multiclass", keep="last")
    _, seen = join_labels(spec, on(0), root=tmp_path)
    assert seen.joined == (0 if foreign else 4 - labels.count(None))
    if foreign:
        found = odd(seen, Fault.CLASS)
        assert found.rows == 4
        assert repr(str(predictions[0])) in found.cause
        assert set(found.values) <= {str(one) for one in labels}
        _, later = join_labels(spec, on(1), root=tmp_path)
        assert kinds(later) == {"rows": 4, "joined": 4}


def test_twenty_rows_of_no_common_class_are_no_bad_luck(tmp_path):
    """Though both sides are words."""
    ids = [str(n) for n in range(20)]
    serve(tmp_path, 0, ids, prediction=["cat", "dog"] * 10)
    tell(tmp_path, 0, ids, ["Cat", "Dog"] * 10)
    _, seen = join_labels(spec_of("multiclass"), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 20, "invalid": 20}

"""A new version that leans on other features than the one before it is told."""

import pytest

from monitoring_dagster.judge import importance_shift
from monitoring_dagster.judge.importance_shift import importance_signals
from tests.tiny import DAY, after, monitor_of, reference, served_by

BEFORE = {"income": 8.0, "age": 3.0, "debt": 0.2, "plan": 0.1}
TURNED = {"plan": 8.0, "debt": 3.0, "income": 0.2, "age": 0.1}


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What is said of a day that versions of such importances served."""

    def of(importances, *, today=("2",), week_ago=("1",), yesterday=()):
        monitor = monitor_of(tmp_path)
        known = {
            version: reference(version, importances=weights)
            for version, weights in importances.items()
        }
        monkeypatch.setattr(importance_shift, "reference_of", lambda _, one: known.get(one))
        for versions, lag in ((today, 0), (yesterday, 1), (week_ago, 7)):
            served_by(monitor, dict.fromkeys(versions, 9), after(-lag))
        return list(importance_signals(monitor, DAY))

    return of


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        pytest.param(TURNED, True, id="turned over"),
        pytest.param({"income": 4.0, "age": 3.0, "debt": 2.0, "plan": 1.0}, False,
                     id="the same order"),
        pytest.param({"income": 8.0, "plan": 0.3, "debt": 0.2, "age": 0.1}, False,
                     id="only the weak changed places"),
        pytest.param({"debt": 9.0, "plan": 3.0, "age": 0.1, "income": 0.0}, True,
                     id="hardly any weight on the same ones"),
        pytest.param({"other": 9.0, "thing": 1.0}, False, id="no feature in common: ranks unknown"),
        pytest.param(dict.fromkeys(BEFORE, 0.0), False, id="no weight at all"),
        pytest.param({}, False, id="nobody registered importances"),
    ],
)  # fmt: skip
def test_other_ranks_and_other_weights_together_are_told(said, weights, told):
    found = said({"1": BEFORE, "2": weights})
    assert [(one.name, one.subject) for one in found] == (
        [("registration.importance_shift", "2")] if told else []
    )


def test_the_words_hold_both_numbers_with_their_limits_and_the_feature_that_moved_most(said):
    (one,) = said({"1": BEFORE, "2": TURNED})
    assert one.reason == (
        "version 2 leans on other features than version 1: 5% of the importance lies on the same"
        " ones (limit 50%), rank correlation -0.80 (limit 0.5); plan went from place 4 to 1"
    )


@pytest.mark.parametrize(
    "served",
    [
        pytest.param({"week_ago": ("1", "2")}, id="it served a week ago: it is no longer new"),
        pytest.param({"week_ago": ()}, id="nobody served a week ago"),
        pytest.param({"week_ago": ("",)}, id="rows that named none"),
        pytest.param({"week_ago": ("7",)}, id="nobody knows the version before"),
        pytest.param({"week_ago": ("3",)}, id="a later version is none before it"),
        pytest.param({"today": ()}, id="nobody serves today"),
        pytest.param({"today": ("9",)}, id="nobody knows the new version"),
    ],
)
def test_without_a_new_version_and_one_before_it_there_is_nothing_to_tell(said, served):
    assert said({"1": BEFORE, "2": TURNED, "3": BEFORE}, **served) == []


def test_it_is_new_for_a_week(said):
    assert said({"1": BEFORE, "2": TURNED}, yesterday=("2",)) != []


def test_it_is_compared_with_the_newest_of_those_before_it(said):
    found = said({"1": TURNED, "2": BEFORE, "10": TURNED}, today=("10",), week_ago=("1", "2"))
    assert ["than version 2:" in one.reason for one in found] == [True]

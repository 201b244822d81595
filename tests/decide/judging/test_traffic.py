"""A finding about a version is as urgent as the part of the callers that it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.kinds import Severity

SPLIT = Traffic("1", {"1": 0.4, "2": 0.5, "3": 0.1, "4": 0.0})


@pytest.mark.parametrize(
    ("version", "most"),
    [
        pytest.param("1", Severity.P0, id="the champion, whatever its share"),
        pytest.param("2", Severity.P0, id="exactly half of the rows"),
        pytest.param("3", Severity.P2, id="fewer than half"),
        pytest.param("4", Severity.P3, id="no row"),
        pytest.param("5", Severity.P3, id="a version that nobody saw"),
        pytest.param("", Severity.P3, id="no version"),
    ],
)
def test_how_urgent_a_version_may_be(version, most):
    assert SPLIT.at_most(version) is most


def test_a_champion_that_serves_nothing_is_still_the_model():
    assert Traffic("1", {}).at_most("1") is Severity.P0


@pytest.mark.parametrize("share", [0.4999, 1e-9])
def test_a_little_below_half_wakes_nobody_up(share):
    assert Traffic("1", {"2": share}).at_most("2") is Severity.P2


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_traffic_is_never_less_urgent(few, many):
    few, many = sorted((few, many))
    traffic = Traffic("1", {"2": few, "3": many})
    assert traffic.at_most("3") <= traffic.at_most("2")


@pytest.mark.parametrize(
    ("traffic", "version", "words"),
    [
        pytest.param(SPLIT, "1", "", id="nothing of the champion"),
        pytest.param(
            SPLIT, "2", "; version 2 answers 50% of the rows, champion is version 1", id="half"
        ),
        pytest.param(SPLIT, "4", "; version 4 serves no more, champion is version 1", id="none"),
        pytest.param(
            SPLIT, "9", "; version 9 serves no more, champion is version 1", id="never seen"
        ),
        pytest.param(
            Traffic(None, {"2": 1.0}),
            "2",
            "; version 2 answers 100% of the rows, champion is version (unknown)",
            id="nobody knows the champion",
        ),
    ],
)
def test_a_version_says_its_part_at_the_end_of_a_sentence(traffic, version, words):
    assert traffic.words(version) == words


def test_the_champions_series_is_the_models_and_any_other_is_named():
    assert SPLIT.subject("log_loss", "1") == "log_loss"
    assert SPLIT.subject("log_loss", "2") == "log_loss of version 2"
    assert Traffic(None, {}).subject("log_loss", "1") == "log_loss of version 1"

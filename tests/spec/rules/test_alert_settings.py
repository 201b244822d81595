"""An owner may turn a rule off, make it more or less urgent, and give it other days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.record import Misplaced
from monitoring_dagster.spec.rules.alert_settings import (
    ALERTS,
    CONTROL_LIMIT,
    CONTROLLED,
    WINDOWS,
    Alert,
)
from monitoring_dagster.spec.rules.limits import Rules

OF_ONE_DAY = [kind for kind in ALERTS if kind not in WINDOWS]
WINDOWED = list(WINDOWS)
days = st.none() | st.integers(1, 40)


def test_what_is_announced_and_what_the_owner_writes_are_no_alerts():
    assert set(FindingKind) - set(ALERTS) == {
        FindingKind.RETRAINING, FindingKind.FAILED_RUN, FindingKind.OWN_RULE,
    }  # fmt: skip
    assert set(WINDOWS) < set(ALERTS)


def test_what_is_not_written_leaves_a_rule_as_it_is():
    alert = Alert()
    assert (alert.enabled, alert.severity) == (True, None)
    assert all(alert.window(kind) == usual for kind, usual in WINDOWS.items())


@pytest.mark.parametrize("kind", WINDOWED)
@pytest.mark.parametrize(
    ("written", "window"),
    [
        pytest.param({}, (3, 5), id="nothing"),
        pytest.param({"breaches": 1}, (1, 5), id="fewer breaches"),
        pytest.param({"breaches": 5}, (5, 5), id="all of the days"),
        pytest.param({"of_days": 3}, (3, 3), id="as many days as breaches"),
        pytest.param({"breaches": 4, "of_days": 9}, (4, 9), id="both"),
    ],
)
def test_what_is_written_of_a_window_goes_before_what_is_usual(kind, written, window):
    alert = Alert(**written)
    alert.check(kind)
    assert alert.window(kind) == window


@pytest.mark.parametrize(
    ("written", "key"),
    [
        pytest.param({"breaches": 6}, "breaches", id="more than the usual days"),
        pytest.param({"of_days": 2}, "of_days", id="fewer than the usual breaches"),
        pytest.param({"breaches": 9, "of_days": 8}, "breaches", id="both"),
    ],
)
def test_a_window_that_can_never_be_filled_is_refused(written, key):
    with pytest.raises(Misplaced, match="can never happen in of_days") as raised:
        Alert(**written).check(FindingKind.PERFORMANCE_DROP)
    assert raised.value.place == (key,)


@given(days, days, st.sampled_from(WINDOWED))
def test_a_window_is_refused_where_it_could_never_be_filled_and_nowhere_else(breaches, of, kind):
    alert = Alert(breaches=breaches, of_days=of)
    window = alert.window(kind)
    try:
        alert.check(kind)
    except Misplaced:
        assert window.breaches > window.of_days
    else:
        assert window.breaches <= window.of_days


@pytest.mark.parametrize("kind", OF_ONE_DAY)
def test_a_rule_of_one_day_has_no_window(kind):
    Alert(enabled=False, severity=Severity.P3).check(kind)
    for key in ("breaches", "of_days"):
        with pytest.raises(Misplaced, match="one day or week at a time") as raised:
            Alert(**{key: 1}).check(kind)
        assert raised.value.place == (key,)
        assert f"{key} is for prediction_drift, feature_drift" in str(raised.value)


def test_the_limit_by_default_is_the_one_that_is_written_down():
    assert "by default 3.5:" in Alert.model_fields["control_limit"].description
    assert all(Rules().control_limit(kind) == CONTROL_LIMIT == 3.5 for kind in CONTROLLED)


@pytest.mark.parametrize("kind", ALERTS)
def test_a_control_limit_is_for_quality_beyond_normal_variation(kind):
    alert = Alert(control_limit=4.5)
    if kind in CONTROLLED:
        alert.check(kind)
    else:
        with pytest.raises(Misplaced, match="control_limit is for expected_drop, misc") as raised:
            alert.check(kind)
        assert raised.value.place == ("control_limit",)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param({"control_limit": 0}, "greater than 0", id="no variation at all"),
        pytest.param({"breaches": 0}, "greater than or equal to 1", id="no breach"),
        pytest.param({"of_days": 0}, "greater than or equal to 1", id="no day"),
        pytest.param({"severity": "high"}, "'P0', 'P1', 'P2' or 'P3'", id="another word"),
        pytest.param({"severity": "p2"}, "'P0', 'P1', 'P2' or 'P3'", id="a small letter"),
        pytest.param({"enabled": "no"}, "true or false is wanted", id="no in quotes"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(written, words):
    with pytest.raises(ValidationError) as raised:
        Alert.model_validate(written)
    assert words in str(raised.value)

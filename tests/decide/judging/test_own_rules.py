"""An own rule holds beyond its limit, on enough judged days, and is silent without evidence."""

from dataclasses import replace
from datetime import date, timedelta
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.judging.own_rules import RuleState, judge_own, why_unjudged
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.rules.own_rule import OwnRule

TODAY = date(2026, 3, 10)
ABOVE = OwnRule(signal="service.error_rate", above=0.1)


def ago(days):
    return TODAY - timedelta(days=days)


def number(value, days_ago=0, **changed):
    return Signal.on(ago(days_ago), "service.error_rate", value, **({"n": 500} | changed))


def state(rule, *signals):
    (judged,) = judge_own(rule, signals, day=TODAY)
    return judged.state


@pytest.mark.parametrize(
    ("rule", "signal", "expected"),
    [
        pytest.param(ABOVE, number(0.11), RuleState.FIRING, id="above"),
        pytest.param(ABOVE, number(0.1), RuleState.OK, id="exactly on the limit it does not hold"),
        pytest.param(ABOVE, number(0.05), RuleState.OK, id="below"),
        pytest.param(ABOVE, number(nan), RuleState.INSUFFICIENT, id="no value is no verdict"),
        pytest.param(
            ABOVE, number(0.2, low=0.09, high=0.3), RuleState.OK, id="the interval reaches within"
        ),
        pytest.param(
            ABOVE, number(0.2, low=0.11, high=0.3), RuleState.FIRING, id="all of it is beyond"
        ),
        pytest.param(
            OwnRule(signal="service.error_rate", below=0.1),
            number(0.05),
            RuleState.FIRING,
            id="below a lower limit",
        ),
        pytest.param(
            OwnRule(signal="service.error_rate", above=0.1, min_rows=501),
            number(0.9),
            RuleState.INSUFFICIENT,
            id="too few rows",
        ),
        pytest.param(
            OwnRule(signal="service.error_rate", above=0.1, from_baseline=True),
            number(0.35, baseline=0.3),
            RuleState.OK,
            id="near its baseline",
        ),
        pytest.param(
            OwnRule(signal="service.error_rate", above=0.1, from_baseline=True),
            number(0.45, baseline=0.3),
            RuleState.FIRING,
            id="far from its baseline",
        ),
        pytest.param(
            OwnRule(signal="service.error_rate", above=0.1, from_baseline=True),
            number(0.45),
            RuleState.INSUFFICIENT,
            id="nothing to be far from",
        ),
    ],
)
def test_one_day(rule, signal, expected):
    assert state(rule, signal) is expected


@pytest.mark.parametrize(
    ("bad_days_ago", "expected"),
    [
        pytest.param((), RuleState.OK, id="none"),
        pytest.param((0,), RuleState.PENDING, id="one of three is not yet enough"),
        pytest.param((0, 2), RuleState.FIRING, id="two of the last three"),
        pytest.param((1, 2), RuleState.FIRING, id="though today is fine"),
        pytest.param((0, 3), RuleState.PENDING, id="one of them lies behind the window"),
    ],
)
def test_several_days(bad_days_ago, expected):
    rule = OwnRule(signal="service.error_rate", above=0.1, breaches=2, of_days=3)
    days = [number(0.2 if n in bad_days_ago else 0.0, n) for n in (4, 3, 2, 1, 0)]
    assert state(rule, *days) is expected


def test_days_without_a_value_are_no_days():
    """Two judged days lie further apart where the service paused between them."""
    rule = OwnRule(signal="service.error_rate", above=0.1, breaches=2, of_days=2)
    assert state(rule, number(0.2, 4), number(nan, 3), number(0.2)) is RuleState.FIRING


def test_what_has_no_number_today_is_not_judged():
    assert judge_own(ABOVE, [number(0.9, 1)], day=TODAY) == []


def test_a_week_speaks_until_the_next_one_has_ended():
    rule = OwnRule(signal="multivariate.auc", above=0.6)

    def judged(days_ago):
        week = Signal.over(ago(days_ago + 6), ago(days_ago), "multivariate.auc", 0.8, n=9)
        return judge_own(rule, [week], day=TODAY)

    assert [len(judged(n)) for n in (0, 6, 7)] == [1, 1, 0]


def test_of_quality_only_what_is_known_today_is_judged():
    rule = OwnRule(signal="quality.log_loss", above=0.5)
    known = Signal.on(ago(9), "quality.log_loss", 0.7, n=300, known_on=TODAY)
    (judged,) = judge_own(rule, [known], day=TODAY)
    assert (judged.state, judged.newest.day) == (RuleState.FIRING, ago(9))
    assert judge_own(rule, [replace(known, known_on=ago(1))], day=TODAY) == []


def test_a_window_that_was_revised_counts_once_and_as_it_is_known_now():
    rule = OwnRule(signal="quality.log_loss", above=0.5)
    young = Signal.on(ago(9), "quality.log_loss", 0.7, n=100, known_on=ago(1))
    whole = Signal.on(ago(9), "quality.log_loss", 0.4, n=300, known_on=TODAY)
    (judged,) = judge_own(rule, [young, whole], day=TODAY)
    assert judged.state is RuleState.OK


def test_each_series_is_judged_by_itself():
    signals = [number(0.2, version="1"), number(0.05, version="2")]
    found = {one.series.version: one.state for one in judge_own(ABOVE, signals, day=TODAY)}
    assert found == {"1": RuleState.FIRING, "2": RuleState.OK}


def test_all_rows_are_meant_where_no_segment_is_named():
    germany = number(0.9, segment="country", segment_value="DE")
    assert judge_own(ABOVE, [germany], day=TODAY) == []
    by_country = OwnRule(signal="service.error_rate", above=0.1, segment="country")
    (judged,) = judge_own(by_country, [number(0.9), germany], day=TODAY)
    assert judged.series.segment_value == "DE"


def test_a_rule_on_one_stage_reads_no_other():
    rule = OwnRule(signal="service.latency_p99_ms", subject="total", above=100)
    stages = [
        Signal.on(TODAY, "service.latency_p99_ms", 400, subject="feature", n=5),
        Signal.on(TODAY, "service.latency_p99_ms", 50, subject="total", n=5),
    ]
    assert state(rule, *stages) is RuleState.OK


def test_the_reason_names_value_limit_and_days():
    rule = OwnRule(signal="service.error_rate", above=0.1, breaches=2, of_days=3)
    (judged,) = judge_own(rule, [number(0.3, 1), number(0.2, low=0.15, high=0.25)], day=TODAY)
    assert judged.reason == (
        "service.error_rate 0.2 (0.15 to 0.25) is above 0.1 on 2 of the last 2 judged days"
    )


def test_the_reason_against_a_baseline_names_the_distance():
    rule = OwnRule(signal="service.error_rate", above=0.1, from_baseline=True)
    (judged,) = judge_own(rule, [number(0.45, baseline=0.3)], day=TODAY)
    assert judged.reason == ("service.error_rate 0.45 is +0.15 from the baseline 0.3, above +0.1")


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=8),
    breaches=st.integers(1, 4),
    more=st.integers(0, 4),
)
def test_a_stricter_rule_never_fires_where_the_laxer_one_is_quiet(values, breaches, more):
    days = [number(value, len(values) - 1 - place) for place, value in enumerate(values)]
    of_days = breaches + more
    strict, lax = (
        OwnRule(signal="service.error_rate", above=limit, breaches=breaches, of_days=of_days)
        for limit in (0.5, 0.6)
    )
    if state(lax, *days) is RuleState.FIRING:
        assert state(strict, *days) is RuleState.FIRING


SCORE = Signal.on(TODAY, "prediction.mean", 0.4, subject="score", n=90, version="1")
GERMAN = replace(SCORE, segment="country", segment_value="DE")


@pytest.mark.parametrize(
    ("rule", "signals", "why"),
    [
        pytest.param({}, [SCORE], "", id="it is judged"),
        pytest.param({"signal": "prediction.meen"}, [SCORE],
                     "no signal 'prediction.meen' was stored. Did you mean 'prediction.mean'?",
                     id="a misspelt quantity"),
        pytest.param({"subject": "scor"}, [SCORE],
                     "no prediction.mean of 'scor' was stored. Did you mean 'score'?",
                     id="a misspelt subject"),
        pytest.param({"segment": "country"}, [SCORE],
                     "no prediction.mean by country was stored", id="a segment it has not"),
        pytest.param({}, [GERMAN], "no prediction.mean of all rows was stored", id="nor all rows"),
        pytest.param({"segment": "country"}, [SCORE, GERMAN], "", id="a segment it has"),
        pytest.param({}, [replace(SCORE, value=nan)], "prediction.mean has no value", id="unknown"),
        pytest.param({}, [replace(SCORE, value=nan, reason="no file")],
                     "prediction.mean has no value: no file", id="unknown for a reason"),
        pytest.param({"from_baseline": True}, [SCORE], "prediction.mean has no baseline",
                     id="nothing to be far from"),
        pytest.param({"min_rows": 100}, [SCORE], "90 rows, at least 100", id="too few rows"),
        pytest.param({"min_rows": 90}, [SCORE], "", id="just enough"),
    ],
)  # fmt: skip
def test_a_rule_that_is_never_judged_says_why(rule, signals, why):
    rule = OwnRule(**({"signal": "prediction.mean", "above": 0.9} | rule))
    assert why_unjudged(rule, signals) == why

"""Performance drops: on so many days, beyond normal variation, and why."""

from dataclasses import replace

import pytest

from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.kinds import FindingKind, Severity
from tests.decide.judging.quality.judged_days import days, drops, loss, served, spec, varies


@pytest.mark.parametrize(
    ("values", "alerts", "is_found"),
    [
        pytest.param([0.7, 0.4, 0.7, 0.4, 0.7], {}, True, id="three of five"),
        pytest.param([0.7, 0.4, 0.7, 0.4, 0.4], {}, False, id="two of five"),
        pytest.param([0.4, 0.4, 0.7, 0.7, 0.4, 0.7], {}, False, id="one lies behind the window"),
        pytest.param([0.7], {"breaches": 1}, True, id="one is enough where the owner says so"),
        pytest.param([0.7, 0.7], {"breaches": 2, "of_days": 2}, True, id="two of two"),
    ],
)
def test_a_drop_is_so_many_of_so_many_evaluated_days(values, alerts, is_found):
    asked = spec(alerts={"performance_drop": alerts})
    found = drops(days(*values), spec=asked)
    assert [one.kind for one in found] == [FindingKind.PERFORMANCE_DROP] * is_found


def test_a_drop_names_the_newest_bad_day_and_how_many_were_as_bad():
    (found,) = drops(days(0.4, 0.7, 0.7, 0.7))
    assert (found.about, found.subject, found.severity) == (served(4), "log_loss", Severity.P1)
    assert found.words == (
        "log_loss of version 1 was 0.7 (0.65 to 0.75, 400 labels), baseline 0.4,"
        f" tolerance 0.1 (on {served(4)}; 3 of the last 4 evaluated days were as bad)"
    )


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        pytest.param([0.7, 0.7, 0.4], "expected from the inputs", id="on most of the bad days"),
        pytest.param([0.7, 0.4, 0.4], "likely concept drift", id="on few of them"),
        pytest.param([], "were as bad)", id="nothing was estimated"),
    ],
)
def test_a_drop_says_whether_the_inputs_let_expect_it(expected, words):
    (found,) = drops(days(0.7, 0.7, 0.7), estimates=days(*expected, area="estimate"))
    assert words in found.words


def test_of_a_metric_that_nobody_estimates_no_cause_is_claimed():
    """Estimates of another metric say nothing about it."""
    accuracy = [replace(one, name="estimate.accuracy") for one in days(0.4, 0.4, 0.4)]
    (found,) = drops(days(0.7, 0.7, 0.7), estimates=accuracy)
    assert found.words.endswith("were as bad)")


def test_a_fault_of_one_version_is_told_from_concept_drift():
    traffic = Traffic("1", {"1": 0.6, "2": 0.4})
    known = [*days(0.4, 0.4, 0.4), *days(0.7, 0.7, 0.7, version="2")]
    estimates = [*days(0.4, 0.4, 0.4, area="estimate", version="2")]
    (found,) = drops(known, traffic=traffic, estimates=estimates)
    assert (found.subject, found.severity) == ("log_loss of version 2", Severity.P2)
    assert "likely a fault of version 2" in found.words


def test_the_same_in_every_version_is_concept_drift():
    traffic = Traffic("1", {"1": 0.6, "2": 0.4})
    known = [*days(0.7, 0.7, 0.7), *days(0.7, 0.7, 0.7, version="2")]
    estimates = [*days(0.4, 0.4, 0.4, area="estimate"),
                 *days(0.4, 0.4, 0.4, area="estimate", version="2")]  # fmt: skip
    found = drops(known, traffic=traffic, estimates=estimates)
    assert [one.subject for one in found] == ["log_loss", "log_loss of version 2"]
    assert all("likely concept drift" in one.words for one in found)


TWELVE = [0.6] * 12  # 0.2 worse than promised on each, 0.1 is tolerated


@pytest.mark.parametrize(
    ("values", "variation", "is_found"),
    [
        pytest.param(TWELVE, 0.02, True, id="far beyond what days differ by"),
        pytest.param(TWELVE, 0.4, False, id="days differ by more than that all the time"),
        pytest.param([0.45] * 12, 0.005, False, id="beyond normal variation, and tolerated"),
        pytest.param([0.6, 0.6] + [0.4] * 10, 0.02, False, id="two of five days"),
        pytest.param([0.6, 0.6, 0.6] + [0.3] * 9, 0.3, False, id="three storms in a good month"),
    ],
)
def test_a_drop_is_beyond_tolerance_and_beyond_normal_variation(values, variation, is_found):
    found = drops(days(*values), variation=[varies(variation)])
    assert [one.kind for one in found] == [FindingKind.PERFORMANCE_DROP] * is_found


def as_foreseen(value, error=0.05):
    """Estimates of the same days."""
    return [
        replace(loss(value, n + 3, area="estimate"), low=value - error, high=value + error)
        for n in range(12)
    ]


def test_what_the_inputs_do_not_explain_is_urgent():
    (found,) = drops(days(*TWELVE), variation=[varies(0.05)], estimates=as_foreseen(0.4))
    assert found.severity is Severity.P1
    assert "over 12 days worse by 0.2 on average" in found.words
    assert found.words.endswith(
        "not explained by the inputs: likely concept drift, or changed labels"
    )


@pytest.mark.parametrize(
    ("error", "limit", "severity"),
    [
        pytest.param(0.05, 3.5, Severity.P1, id="far beyond the limit"),
        pytest.param(0.31, 3.5, Severity.P2, id="just beyond it"),
        pytest.param(0.31, 2.0, Severity.P1, id="and far beyond a lower one"),
        pytest.param(0.4, 3.5, None, id="within it"),
    ],
)
def test_a_drop_just_beyond_the_limit_waits_for_a_business_day(error, limit, severity):
    of = spec(alerts={"performance_drop": {"control_limit": limit}})
    estimates = as_foreseen(0.4, error=error)
    found = drops(days(*TWELVE), spec=of, variation=[varies(0.4)], estimates=estimates)
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_what_the_inputs_explain_waits_for_a_business_day():
    (found,) = drops(days(*TWELVE), variation=[varies(0.05)], estimates=as_foreseen(0.6))
    assert found.severity is Severity.P2
    assert found.words.endswith("expected from the inputs: harder cases")
    assert "urgent from" not in found.words, "it is not, however far beyond"


def test_days_of_few_labels_are_certain_together():
    """No day by itself: its interval reaches 0.25 to both sides."""
    few = [replace(one, low=one.value - 0.25, high=one.value + 0.25) for one in days(*TWELVE * 3)]
    assert drops(few) == []
    assert [one.subject for one in drops(few, variation=[varies(0.01)])] == ["log_loss"]


def test_a_bias_is_judged_to_both_sides():
    of = spec(performance={"bias": {"absolute": 0.05}})
    for value in (0.2, -0.2):
        biased = [
            replace(one, name="quality.bias", value=value, low=value - 0.05, high=value + 0.05,
                    baseline=0.0, spread=0.1)
            for one in days(*TWELVE)
        ]  # fmt: skip
        assert len(drops(biased, spec=of, variation=[varies(0.01, "bias", mean=0.0)])) == 1

"""Quality is judged from signals alone: which days, which versions, how sure, and why."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.judging.quality_rules import (
    breaches_of,
    expected_breaches,
    expected_drops,
    quality_drops,
)
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec

TODAY = date(2026, 3, 20)
ALONE = Traffic("1", {"1": 1.0})


def spec(**rules):
    return ModelSpec.model_validate(
        {
            "name": "churn",
            "owner": "team:growth",
            "task": "binary",
            "predictions": {"path": "data/{day}.parquet", "score": "score"},
            "labels": {"path": "labels/{day}.parquet", "mature_after_days": 3},
            "segments": ["country"],
            "rules": {"performance": {"log_loss": {"absolute": 0.1}}, **rules},
        }
    )


SPEC = spec()


def served(days_ago):
    return TODAY - timedelta(days=days_ago)


def loss(value, days_ago=0, *, area="quality", version="1", n=400, baseline=0.4, **about):
    """A log loss whose interval reaches 0.05 to both sides."""
    return Signal.on(
        served(days_ago), f"{area}.log_loss", value, low=value - 0.05, high=value + 0.05, n=n,
        version=version, baseline=baseline, known_on=TODAY if area == "quality" else None, **about,
    )  # fmt: skip


def days(*values, **about):
    """Values of the last evaluated days, the newest first."""
    return [loss(value, place + 3, **about) for place, value in enumerate(values)]


def drops(known, *, spec=SPEC, traffic=ALONE, pooled=(), estimates=(), variation=()):
    """Where *variation* says nothing of it, normal variation is unknown."""
    charts = QualityCharts.of(spec, known=known, estimates=estimates, variation=variation)
    return quality_drops(spec, TODAY, traffic, known, list(pooled), list(estimates), charts)


@pytest.mark.parametrize(
    ("value", "is_worse"),
    [
        pytest.param(0.56, True, id="the whole interval lies beyond the tolerance"),
        pytest.param(0.55, False, id="its end lies exactly on it"),
        pytest.param(0.45, False, id="within"),
        pytest.param(0.1, False, id="better"),
    ],
)
def test_a_day_is_worse_where_its_whole_interval_is(value, is_worse):
    worse = breaches_of(SPEC, days(value))
    assert list(worse[served(3)]["1"]) == (["log_loss"] if is_worse else [])


def test_nothing_is_worse_than_no_baseline():
    assert breaches_of(SPEC, days(9.0, baseline=float("nan"))) == {served(3): {"1": {}}}


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


def together(name, value, first=5, last=3, **about):
    return Signal.over(
        served(first), served(last), f"pooled.{name}", value, version="1", known_on=TODAY, **about
    )


def in_germany(value):
    return together(
        "log_loss", value, low=value - 0.05, high=value + 0.05, n=900, segment="country",
        segment_value="DE", baseline=0.4, baseline_low=0.38, baseline_high=0.42, baseline_n=900,
    )  # fmt: skip


def elsewhere(value):
    return replace(in_germany(value), segment_value="FR")


@pytest.mark.parametrize(
    ("pooled", "of_days", "is_found"),
    [
        pytest.param(0.8, [0.8, 0.8, 0.8], True, id="together and each day"),
        pytest.param(0.8, [1.6, 0.4, 0.4], False, id="one storm over one country"),
        pytest.param(0.42, [0.8, 0.8, 0.8], False, id="not together"),
    ],
)
def test_a_segment_falls_together_and_on_several_days(pooled, of_days, is_found):
    known = [*days(0.4, 0.4, 0.4), *days(*of_days, segment="country", segment_value="DE")]
    found = drops(known, pooled=[in_germany(pooled), elsewhere(0.4)])
    subjects = [one.subject for one in found]
    assert subjects == ["log_loss where country is DE"] * is_found


def test_a_segment_is_quiet_where_the_whole_fell():
    known = [*days(0.9, 0.9, 0.9), *days(1.5, 1.5, 1.5, segment="country", segment_value="DE")]
    found = drops(known, pooled=[in_germany(1.5), elsewhere(0.4)])
    assert [one.kind for one in found] == [FindingKind.PERFORMANCE_DROP]


def gap(value, days_ago):
    return Signal.on(
        served(days_ago), "quality.calibration_gap", value, version="1", known_on=TODAY, n=300
    )


@pytest.mark.parametrize(
    ("effect", "p_value", "gaps", "is_found"),
    [
        pytest.param(0.1, 0.001, [0.1, 0.1, 0.1], True, id="significant, large, every day"),
        pytest.param(0.01, 0.001, [0.1, 0.1, 0.1], False, id="below the effect threshold"),
        pytest.param(0.1, 0.02, [0.1, 0.1, 0.1], False, id="not significant"),
        pytest.param(0.1, 1.0, [0.1, 0.1, 0.1], False, id="better than in the reference"),
        pytest.param(0.1, 0.001, [0.3, 0.0, 0.0], False, id="one day alone"),
    ],
)
def test_miscalibration_is_significant_large_and_lasts(effect, p_value, gaps, is_found):
    known = [*days(0.4, 0.4, 0.4), *(gap(one, place + 3) for place, one in enumerate(gaps))]
    pooled = [together("calibration_gap", effect, p_value=p_value, n=900, reason="overconfident")]
    found = drops(known, pooled=pooled)
    assert [one.words for one in found] == ["version 1: overconfident"] * is_found


def test_miscalibration_is_quiet_where_the_whole_was_worse_on_some_day():
    known = [*days(0.7, 0.4, 0.4), *(gap(0.1, n) for n in (3, 4, 5))]
    pooled = [together("calibration_gap", 0.1, p_value=0.001, n=900)]
    assert drops(known, pooled=pooled) == []


def expected(*values, accuracy=None, variation=(), **about):
    estimates = [loss(value, place, area="estimate", **about) for place, value in enumerate(values)]
    charts = QualityCharts.of(SPEC, known=(), estimates=estimates, variation=variation)
    return list(expected_drops(SPEC, TODAY, ALONE, estimates, accuracy or {}, charts))


@pytest.mark.parametrize(
    ("values", "is_found"),
    [
        pytest.param([0.7, 0.7, 0.7], True, id="three of five"),
        pytest.param([0.4, 0.7, 0.7, 0.7], False, id="not today"),
        pytest.param([0.7, 0.7, 0.4, 0.4, 0.4, 0.7], False, id="the third lies behind"),
    ],
)
def test_an_expected_drop_is_there_today_and_on_several_days(values, is_found):
    assert [one.kind for one in expected(*values)] == [FindingKind.EXPECTED_DROP] * is_found


@pytest.mark.parametrize(
    ("severity", "urgency"), [("", Severity.P2), ("P3", Severity.P3)], ids=["reliable", "poor"]
)
def test_an_expected_drop_is_as_urgent_as_estimates_were_right(severity, urgency):
    accuracy = Signal.on(
        TODAY, "estimate_accuracy.log_loss", 0.9, reason="they were right", severity=severity
    )
    (found,) = expected(0.7, 0.7, 0.7, accuracy={"log_loss": accuracy})
    assert found.severity is urgency
    assert found.words.endswith("(3 of the last 5 days); they were right")


def test_beside_another_version_one_of_few_rows_expects_nothing():
    both = [loss(0.7, area="estimate"), loss(0.7, area="estimate", version="2", n=29)]
    assert expected_breaches(SPEC, both)[TODAY].keys() == {"1"}
    assert expected_breaches(SPEC, both[1:])[TODAY].keys() == {"2"}


def varies(deviation, metric="log_loss", *, mean=0.4, correlation=0.0, n=60, **about):
    """How a metric varies between the days of the reference."""
    return Signal.on(
        TODAY, f"variation.{metric}", deviation, baseline=mean, effect=correlation, n=n,
        version="1", **about,
    )  # fmt: skip


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


def test_what_the_inputs_explain_waits_for_a_business_day():
    (found,) = drops(days(*TWELVE), variation=[varies(0.05)], estimates=as_foreseen(0.6))
    assert found.severity is Severity.P2
    assert found.words.endswith("expected from the inputs: harder cases")


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


@pytest.mark.parametrize(("deviation", "is_found"), [(0.02, True), (0.5, False)])
def test_a_segment_is_worse_beyond_its_own_variation(deviation, is_found):
    here = {"segment": "country", "segment_value": "DE"}
    known = [*days(0.4, 0.4, 0.4), *days(*[0.9] * 9, **here)]
    pooled = [in_germany(0.9), elsewhere(0.4)]
    found = drops(known, pooled=pooled, variation=[varies(deviation, **here)])
    assert [one.kind for one in found] == [FindingKind.SEGMENT_DROP] * is_found


@pytest.mark.parametrize(("usual", "is_found"), [(0.02, True), (0.08, False)])
def test_miscalibration_is_beyond_what_stretches_of_the_reference_show(usual, is_found):
    known = [*days(0.4, 0.4, 0.4), *(gap(0.1, n) for n in (3, 4, 5))]
    pooled = [together("calibration_gap", 0.1, p_value=0.001, n=900)]
    normal = varies(0.01, "calibration_gap", mean=usual, n=12)
    found = drops(known, pooled=pooled, variation=[normal])
    assert [one.kind for one in found] == [FindingKind.MISCALIBRATION] * is_found


@pytest.mark.parametrize(("deviation", "is_found"), [(0.02, True), (0.5, False)])
def test_an_expected_drop_is_beyond_normal_variation(deviation, is_found):
    found = expected(*[0.7] * 9, variation=[varies(deviation)])
    assert [one.kind for one in found] == [FindingKind.EXPECTED_DROP] * is_found

"""Which evaluated days a verdict looks at, each by itself and some together."""

import pytest

from monitoring_dagster.decide.judging.quality.floor_rule import floor_days
from monitoring_dagster.decide.judging.quality.quality_rules import most_days
from monitoring_dagster.measure.quality import promises, quality_as_known
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from tests.tiny import DAY, after, counted, labelled, monitor_of, reference, turned_out

ONE, FRENCH = Group("1"), Group("1", "country", "FR")
RULES = {"rules": {"performance": {"accuracy": {"absolute": 0.1}}}}


@pytest.fixture
def known(monkeypatch):
    """Let version 1 have promised this."""

    def set_to(**changed):
        of = {one: reference(one, **{"baseline": {"accuracy": 0.9}, **changed}) for one in "12"}
        for module in (promises, quality_as_known):
            monkeypatch.setattr(module, "reference_of", lambda _, version: of.get(version))

    return set_to


@pytest.fixture
def monitor(tmp_path, known):
    known()
    return monitor_of(tmp_path, segments=["country"], **RULES)


def live(monitor, days, *, right=90, of=100, versions=("1",), outcomes=None):
    """So many days, all labels of which come on the day itself."""
    for n in range(days):
        day = after(n)
        counted(monitor, dict.fromkeys(versions, of), day)
        whole = outcomes or turned_out(right, of - right)
        labelled(monitor, {(day, Group(version)): whole for version in versions}, day)


def found(monitor, day, name="quality.accuracy"):
    return [one for one in quality_as_known.quality_as_known(monitor, day) if one.name == name]


def test_as_many_days_as_any_rule_looks_at_newest_first(monitor):
    wanted = most_days(monitor.spec)
    live(monitor, wanted + 3)
    last = after(wanted + 2)
    signals = found(monitor, last)
    assert [one.day for one in signals] == [after(-n, last) for n in range(wanted)]
    assert {(one.value, one.baseline, one.known_on) for one in signals} == {(0.9, 0.9, last)}


def test_days_with_too_few_labels_are_passed_over(monitor):
    live(monitor, 3)
    counted(monitor, {"1": 100}, after(1))
    labelled(monitor, {(after(1), ONE): turned_out(79)}, after(1))
    assert [one.day for one in found(monitor, after(2))] == [after(2), DAY]


@pytest.mark.parametrize(
    ("lag", "days"),
    [
        pytest.param(11, [DAY], id="a wait of five days and a week behind it"),
        pytest.param(12, [], id="a day more"),
    ],
)
def test_what_lies_too_far_behind_is_no_news(monitor, lag, days):
    live(monitor, 1)
    assert [one.day for one in found(monitor, after(lag))] == days


def test_as_known_on_the_day_itself(monitor):
    live(monitor, 1)
    labelled(monitor, {DAY: turned_out(0, 100) + -turned_out(90, 10)}, after(1))
    assert [one.value for one in found(monitor, DAY)] == [0.9]
    assert [one.value for one in found(monitor, after(1))] == [0.0]


def test_a_version_that_serves_beside_another_has_days_of_its_own(monitor):
    wanted = most_days(monitor.spec)
    live(monitor, 2, versions=("1", "2"))
    live(monitor, 1)
    signals = found(monitor, after(1))
    assert wanted > 2
    assert [(one.version, one.day) for one in signals] == [
        ("1", after(1)), ("2", after(1)), ("1", DAY)
    ]  # fmt: skip


def test_a_model_without_labels_knows_nothing(tmp_path):
    assert quality_as_known.quality_as_known(monitor_of(tmp_path, labels=None), DAY) == []


def test_segments_are_pooled_over_days_and_compared_with_the_references(monitor, known):
    known(outcomes={ONE: turned_out(80, 20), FRENCH: turned_out(30, 20)})
    for n, right in enumerate((20, 10)):
        day = after(n)
        counted(monitor, {"1": 100}, day)
        whole = {(day, ONE): turned_out(100), (day, FRENCH): turned_out(right, 20 - right)}
        labelled(monitor, whole, day)
    (one,) = found(monitor, after(1), "pooled.accuracy")
    assert (one.segment, one.segment_value, one.n) == ("country", "FR", 40)
    assert one.value == 0.75
    assert one.baseline == pytest.approx(0.6 + 0.1), "moved to the level that was registered"
    assert one.baseline_n == 50
    assert (one.day, one.end.date()) == (DAY, after(2))


def test_without_labels_in_the_reference_nothing_is_pooled(monitor):
    live(monitor, 2)
    names = {one.name for one in quality_as_known.quality_as_known(monitor, after(1))}
    assert {name.partition(".")[0] for name in names} == {"quality"}


def sure(right, of=1000):
    """Rows of a score of 0.9, so many of which are 1."""
    label = [1] * right + [0] * (of - right)
    return Outcomes.of("binary", label=label, prediction=[1] * of, score=[0.9] * of)


@pytest.mark.parametrize(
    ("right", "by_day"),
    [
        pytest.param(900, 0, id="as sure as in the reference"),
        pytest.param(600, 2, id="far too sure: each day by itself as well"),
    ],
)
def test_single_days_show_a_gap_where_all_together_do(monitor, known, right, by_day):
    known(outcomes={ONE: sure(900)})
    live(monitor, 2, of=1000, outcomes=sure(right))
    (together,) = found(monitor, after(1), "pooled.calibration_gap")
    assert together.baseline_n == 1000
    assert together.n == 2000
    assert len(found(monitor, after(1), "quality.calibration_gap")) == by_day
    assert (together.p_value < 0.01) is bool(by_day)


def test_skill_is_known_of_the_days_that_the_floor_looks_at_together(monitor, known):
    known(outcomes={ONE: turned_out(80, 20)})
    for n in range(floor_days(monitor.spec) + 2):
        outcomes = Outcomes.of("binary", label=[1] * 60 + [0] * 40, prediction=[1] * 50 + [0] * 50)
        counted(monitor, {"1": 100}, after(n))
        labelled(monitor, {(after(n), ONE): outcomes}, after(n))
    last = after(floor_days(monitor.spec) + 1)
    (together,) = found(monitor, last, "pooled_skill.accuracy")
    of_days = found(monitor, last, "skill.accuracy")
    assert [one.day for one in of_days] == [after(-n, last) for n in range(5)]
    assert {round(one.value, 9) for one in of_days} == {0.75}, "10 wrong, a constant 40"
    assert together.value == pytest.approx(0.75)
    assert (together.day, together.window_days, together.n) == (after(-4, last), 5, 500)
    assert together.reason == (
        "always predicting 1, the most frequent class of its reference, gives 0.6"
    )


def test_a_regression_has_no_calibration(tmp_path, known):
    """However far its labels move."""
    before, now = (
        Outcomes.of("regression", label=label, prediction=[0.0] * 500)
        for label in ([*range(500)], [*range(1000, 1500)])
    )
    known(outcomes={ONE: before}, baseline={"mae": 250.0})
    monitor = monitor_of(tmp_path, task="regression", predictions={"path": "{day}.parquet"})
    live(monitor, 2, of=500, outcomes=now)
    names = {one.name for one in quality_as_known.quality_as_known(monitor, after(1))}
    assert "quality.mae" in names
    assert not [name for name in names if "calibration" in name]

"""History under a definition that is new: from stored counts, and never against an old one."""

from dataclasses import replace

import pytest

from monitoring_dagster.measure.quality.model_metrics import UnknownMetric
from monitoring_dagster.sources.rows import rows
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.maturity import Maturity
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.days.profiles import profiles_of
from monitoring_dagster.views.history import Point, UnknownSegment, history
from tests.world import START, day_after

COST = {"tp": 5.0, "fp": -1.0, "fn": -20.0}
CHANGED_ON = day_after(START, 4)


@pytest.fixture
def lived(founded, tmp_path):
    """The founded world, whose owner has now two definitions of a cost."""
    world = founded.copied_to(tmp_path)
    world.spec_changes["metrics"] = [
        {"name": "cost", "value": {"fn": -1.0}, "better": "higher"},
        {"name": "cost", "version": 2, "value": COST, "valid_from": str(CHANGED_ON)},
    ]
    return world


def worth(joined):
    """The mean value per prediction, by pandas alone."""
    outcome = list(zip(joined["label"], joined["prediction"], strict=True))
    value = {(1, 1): 5.0, (0, 1): -1.0, (1, 0): -20.0, (0, 0): 0.0}
    return sum(value[one] for one in outcome) / len(outcome)


def test_a_new_cost_table_fills_history_without_a_raw_row(lived, monkeypatch):
    monkeypatch.setattr(rows, "connected", None)  # whoever reads rows would stumble here
    found = history(lived.monitor, metric="cost")
    assert [one.metric for one in found] == ["cost_v2"] * 8
    for point in found[:5]:
        assert point.value.value == pytest.approx(worth(lived.joined(point.day)), rel=1e-12)
        assert point.value.low < point.value.value < point.value.high


def test_days_before_a_definition_are_shown_by_it_and_not_judged(lived):
    judged = {one.day: one.judged for one in history(lived.monitor, metric="cost")}
    assert judged == {day: day >= CHANGED_ON for day in judged}


def test_a_change_is_from_the_promise_of_the_same_definition(lived):
    old = history(lived.monitor, metric="accuracy")[0]
    new = history(lived.monitor, metric="cost")[0]
    assert old.change == pytest.approx(old.value.value - old.promise)
    assert new.promise != old.promise
    assert new.change == pytest.approx(new.value.value - new.promise)


def test_the_same_answer_as_known_on_a_day_whenever_it_is_asked(lived):
    early = history(lived.monitor, metric="accuracy", as_of=day_after(START, 1))
    lived.live(2)
    late = history(lived.monitor, metric="accuracy", as_of=day_after(START, 1))
    assert [one.day for one in late] == [START, day_after(START, 1)]
    assert late == early
    assert late[0].value.n < history(lived.monitor, metric="accuracy")[0].value.n


def test_segments_add_up_to_the_whole(lived):
    whole = history(lived.monitor, metric="accuracy", last=START)
    parts = history(lived.monitor, metric="accuracy", last=START, segment="country")
    assert {one.group.value for one in parts} == {"DE", "FR"}
    assert sum(one.value.n for one in parts) == whole[0].value.n
    assert sum(one.predictions for one in parts) == whole[0].predictions
    assert whole[0].predictions == profiles_of(lived.monitor, START)[whole[0].group].rows


def test_what_the_model_does_not_have_is_told_with_what_it_has(lived):
    with pytest.raises(UnknownMetric, match="Did you mean 'accuracy'"):
        history(lived.monitor, metric="acuracy")
    with pytest.raises(UnknownSegment, match="country"):
        history(lived.monitor, segment="contry")


def test_another_version_stands_beside_what_the_first_champion_promised():
    point = Point(
        START, Group("7"), "log_loss", Metric(0.52, 0.5, 0.54, 900), 900, Maturity.MATURE,
        judged=True, promise=0.5, first=0.4,
    )  # fmt: skip
    assert "log_loss 0.5200 (0.5000 to 0.5400), +0.0200 from 0.5000 (+0.1200 from the first" in (
        point.words
    )
    assert point.to_dict()["first_champion"] == 0.4
    assert "first champion" not in replace(point, first=None).words


def test_the_first_champion_stands_beside_nothing_but_its_own_promise(lived):
    assert {one.first for one in history(lived.monitor, metric="accuracy")} == {None}

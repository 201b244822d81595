"""A baseline is what registration promised, else what the reference's rows say, else past days."""

from dataclasses import replace
from math import nan

import pytest

from monitoring_dagster.measure.quality import promises
from monitoring_dagster.measure.quality.promises import spread_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.references.version_reference import reference_of
from tests.measure.quality.test_model_metrics import (
    CHANGED_ON,
    COST,
    FRENCH,
    LAST,
    WHOLE,
    with_metrics,
    worth,
)
from tests.world import START, day_after


def test_a_registered_metric_goes_before_what_the_reference_rows_say(founded, promise):
    registered = {"accuracy": 0.9, "brier": nan}
    by_rows = promise(founded.monitor, "accuracy")
    assert 0.75 < by_rows < 0.85
    assert promise(founded.monitor, "accuracy", registered=registered) == 0.9
    assert promise(founded.monitor, "accuracy", registered=registered, group=FRENCH) != 0.9
    assert promise(founded.monitor, "accuracy", rows=False) is None
    assert promise(founded.monitor, "brier", registered=registered) == promise(
        founded.monitor, "brier"
    )


def test_segments_are_compared_at_the_level_of_the_whole(founded, promise):
    """The holdout was harder than the reference: every part's baseline is, by as much."""
    monitor, rows = founded.monitor, reference_of(founded.monitor, "1").outcomes
    parts = [group for group in rows if group.segment]
    for registered in ({"log_loss": 0.63}, {"log_loss": 0.2}, {}):
        whole = promise(monitor, "log_loss", registered=registered)
        said = [promise(monitor, "log_loss", group=one, registered=registered) for one in parts]
        mean = sum(value * rows[one].n for value, one in zip(said, parts, strict=True))
        assert mean / rows[WHOLE].n == pytest.approx(whole, rel=1e-9)
        own = [promise(monitor, "log_loss", group=one) for one in parts]
        assert said[0] - said[1] == pytest.approx(own[0] - own[1])  # as far apart as they were


def test_no_baseline_of_a_share_lies_above_one_and_none_of_a_loss_below_zero(founded, promise):
    best = {"accuracy": 1.0, "log_loss": 0.0}
    for name in best:
        values = [
            promise(founded.monitor, name, group=Group("1", "country", value), registered=best)
            for value in ("DE", "FR")
        ]
        assert all(0 <= one <= 1 for one in values)


def test_without_either_the_days_before_a_definition_promise_as_known_when_it_began(
    founded, promise
):
    world = with_metrics(founded, {"name": "cost", "value": COST, "valid_from": str(CHANGED_ON)})
    eve = day_after(CHANGED_ON, -1)
    before = [world.joined(day_after(START, n), as_of=eve) for n in range(3)]
    rows = sum(map(len, before))
    expected = sum(worth(one) * len(one) for one in before) / rows
    assert promise(world.monitor, "cost", rows=False) == pytest.approx(expected, rel=1e-12)
    assert promise(world.monitor, "cost") != pytest.approx(expected, rel=1e-6)
    parts = [one[one["country"] == "FR"] for one in before]
    expected = sum(worth(one) * len(one) for one in parts) / sum(map(len, parts))
    french = promise(world.monitor, "cost", rows=False, group=FRENCH)
    assert french == pytest.approx(expected, rel=1e-12)
    assert promise(world.monitor, "cost", rows=False, group=Group("9")) is None


@pytest.mark.parametrize(
    ("judged", "day"),
    [
        pytest.param(False, day_after(CHANGED_ON, -1), id="the day before it is valid"),
        pytest.param(True, CHANGED_ON, id="its first day"),
        pytest.param(True, day_after(LAST, -1), id="the day before it retires"),
        pytest.param(False, LAST, id="the day it retires"),
    ],
)
def test_a_definition_promises_only_for_the_days_that_it_judges(founded, promise, judged, day):
    dates = {"valid_from": str(CHANGED_ON), "retired_on": str(LAST)}
    world = with_metrics(founded, {"name": "cost", "value": COST, **dates})
    said = promise(world.monitor, "cost", day=day, registered={"cost": 1.0})
    assert said == (1.0 if judged else None)


@pytest.mark.parametrize("rows", [True, False])
def test_the_spread_of_labels_is_that_of_the_reference_else_of_its_answers(
    founded, monkeypatch, rows
):
    found = reference_of(founded.monitor, "1")
    rate = share_of_ones(found.outcomes[WHOLE])
    changed = replace(found, outcomes=found.outcomes if rows else {})
    monkeypatch.setattr(promises, "reference_of", lambda monitor, version: changed)
    spread = spread_of(founded.monitor, "1")
    assert spread == pytest.approx((rate * (1 - rate)) ** 0.5, rel=1e-9 if rows else 0.05)


def share_of_ones(outcomes):
    return sum(n for (label, _), n in outcomes.cells.items() if label == "1") / outcomes.n

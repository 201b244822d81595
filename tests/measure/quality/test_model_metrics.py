"""What is promised, and metrics of one's own from YAML to result."""

from dataclasses import replace
from math import nan

import numpy as np
import pyarrow.compute as pc
import pytest

from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality import promises
from monitoring_dagster.measure.quality.known_quality import breaches, evaluate
from monitoring_dagster.measure.quality.model_metrics import UnknownMetric, metric_label
from monitoring_dagster.measure.quality.promises import promise_of, spread_of
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.references.version_reference import reference_of
from monitoring_dagster.views.history import history
from tests.world import LATEST_DAYS, START, attributes, day_after

WHOLE, FRENCH = Group("1"), Group("1", "country", "FR")
COST = {"tp": 5.0, "fp": -1.0, "fn": -20.0}
CHANGED_ON = day_after(START, 3)
LAST = day_after(START, 7)


def doubly_missed(rows):
    """An owner's function: 2 for a missed positive."""
    missed = pc.and_(pc.equal(rows["label"], 1), pc.equal(rows["prediction"], 0))
    return 2 * missed.to_numpy().astype(float)


def with_metrics(world, *definitions, **rules):
    """The same world, whose owner has written these definitions into YAML."""
    return replace(world, spec_changes={"metrics": [*definitions], "rules": rules})


def worth(joined):
    """The mean value per prediction by COST, by pandas alone."""
    hit, said = joined["label"] == 1, joined["prediction"] == 1
    return (5.0 * (hit & said) - 1.0 * (~hit & said) - 20.0 * (hit & ~said)).mean()


@pytest.fixture
def promise(founded, monkeypatch):
    """Let the reference have registered these metrics, or have no rows that tell."""

    def said(monitor, name, *, group=WHOLE, day=LAST, registered=None, rows=True):
        found = reference_of(founded.monitor, "1")
        told = found.outcomes if rows else {}
        changed = replace(found, baseline=registered or {}, outcomes=told)
        monkeypatch.setattr(promises, "reference_of", lambda monitor, version: changed)
        return promise_of(monitor, group, name, day)

    return said


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


def test_a_name_means_its_newest_definition_and_a_label_that_very_one():
    changed = [
        {"name": "cost", "value": {"fn": -1.0}},
        {"name": "cost", "version": 2, "value": COST},
    ]
    spec = ModelSpec.model_validate(attributes(metrics=changed))
    assert (metric_label(spec, "cost"), metric_label(spec, "cost_v2")) == ("cost_v2", "cost_v2")
    with pytest.raises(UnknownMetric, match="Did you mean 'cost_v2'"):
        metric_label(spec, "cost_v3")


def test_four_ways_to_write_a_metric_down_and_none_touches_our_code(world):
    """A cost table, SQL over counts, SQL over a feature as labels arrive, a Python function."""
    world = with_metrics(
        world,
        {"name": "cost", "value": COST},
        {"name": "brave", "expression": "CAST(score > 0.8 AND label = 0 AS INT)"},
        {"name": "lost", "expression": "income * (label - prediction)", "columns": ["income"]},
        {"name": "missed", "function": f"{__name__}:doubly_missed", "better": "lower"},
        performance={"cost": {"absolute": 100.0}},
    )
    for n in range(LATEST_DAYS + 1):
        outcomes.run(world.monitor, day_after(START, n))
    found = evaluate(world.monitor, START, as_of=LAST).metrics
    for group in (WHOLE, FRENCH):
        rows = world.joined(START)
        rows = rows if group == WHOLE else rows[rows["country"] == "FR"]
        said = {name: one.value for name, one in found[group].items()}
        off = rows["label"] - rows["prediction"]
        assert said["cost"] == pytest.approx(worth(rows), rel=1e-12)
        assert said["lost"] == pytest.approx((rows["income"] * off).mean(), rel=1e-9)
        assert said["missed"] == pytest.approx(2 * (off == 1).mean(), rel=1e-12)
        brave = ((rows["score"] > 0.8) & (rows["label"] == 0)).mean()
        # Scores are counted in bins: one at the very edge may fall on its other side.
        assert said["brave"] == pytest.approx(brave, abs=1.5 / len(rows))
        assert {found[group][name].n for name in ("cost", "lost", "missed")} == {len(rows)}
        spread = np.std(rows["income"] * off) / len(rows) ** 0.5
        assert found[group]["lost"].high - found[group]["lost"].low == pytest.approx(
            2 * 1.96 * spread, rel=0.01
        )


def test_a_metric_over_rows_knows_nothing_of_labels_from_before_it_was_declared(founded):
    world = with_metrics(
        founded, {"name": "lost", "expression": "income * label", "columns": ["income"]}
    )
    found = evaluate(world.monitor, START, as_of=LAST).metrics[WHOLE]["lost"]
    assert (found.n, found.value) == (0, pytest.approx(nan, nan_ok=True))
    assert promise_of(world.monitor, WHOLE, "lost", LAST) is None


def test_a_retired_metric_keeps_its_history_and_is_judged_no_more(founded, promise):
    """S0_104: whoever retires a metric sees what it was, and hears no more of it."""
    world = with_metrics(
        founded,
        {"name": "cost", "value": COST, "retired_on": str(CHANGED_ON)},
        performance={"cost": {"absolute": 1.0}},
    )
    promise(world.monitor, "cost", registered={"cost": 50.0})  # far more than any day is worth
    points = {one.day: one for one in history(world.monitor, metric="cost")}
    for n in range(5):
        day = day_after(START, n)
        said = breaches(world.monitor, evaluate(world.monitor, day, as_of=LAST))
        assert points[day].value.value == pytest.approx(worth(world.joined(day)), rel=1e-12)
        assert points[day].judged == ("cost" in said["1"]) == (day < CHANGED_ON)


def test_a_threshold_of_the_second_definition_judges_no_day_before_it_is_valid(founded, promise):
    world = with_metrics(
        founded,
        {"name": "cost", "value": {"fn": -1.0}},
        {"name": "cost", "version": 2, "value": COST, "valid_from": str(CHANGED_ON)},
        performance={"cost": {"absolute": 1.0, "version": 2}},
    )
    promise(world.monitor, "cost_v2", registered={"cost": 50.0, "cost_v2": 50.0})
    for n in range(5):
        day = day_after(START, n)
        said = breaches(world.monitor, evaluate(world.monitor, day, as_of=LAST))
        assert said["1"].keys() == ({"cost_v2"} if day >= CHANGED_ON else set())

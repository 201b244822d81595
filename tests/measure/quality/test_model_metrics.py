"""Metrics of one's own, from YAML to result."""

from dataclasses import replace
from math import nan

import numpy as np
import pyarrow.compute as pc
import pytest

from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality.known_quality import breaches, evaluate
from monitoring_dagster.measure.quality.model_metrics import UnknownMetric, metric_label
from monitoring_dagster.measure.quality.promises import promise_of
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
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

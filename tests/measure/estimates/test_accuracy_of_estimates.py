"""Estimates are held to account: each day scored once its labels are there, as known on any day."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from monitoring_dagster.measure.estimates import accuracy_of_estimates
from monitoring_dagster.measure.estimates.accuracy_of_estimates import Slice, accuracies, to_dict
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality.model_metrics import UnknownMetric
from monitoring_dagster.measure.quality.promises import promise_of
from monitoring_dagster.spec.model import NoLabels
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.estimation.estimate_accuracy import Trust
from monitoring_dagster.store.days.estimated import estimates_of
from tests.world import LATEST_DAYS, START, attributes, day_after

DAYS = [day_after(START, n) for n in range(8)]
LAST = DAYS[-1]
MATURE = DAYS[:-LATEST_DAYS]  # on the last day each of these has all of its labels


def realised(joined):
    """The log loss, by numpy alone."""
    right = np.where(joined["label"] == 1, joined["score"], 1 - joined["score"])
    return -np.log(right).mean()


@pytest.mark.parametrize(
    ("part", "group"),
    [
        (Slice(), Group("1")),
        (Slice("country", "DE"), Group("1", "country", "DE")),
        (Slice("country", "FR"), Group("1", "country", "FR")),
    ],
    ids=lambda one: getattr(one, "words", ""),
)
def test_each_day_with_labels_enough_is_scored_against_them(founded, part, group):
    record = accuracies(founded.monitor, "log_loss")[part]
    errors, held = [], 0
    for day in MATURE:
        rows = founded.joined(day)
        rows = rows[rows["country"] == group.value] if group.segment else rows
        said = estimates_of(founded.monitor, day)[group]["log_loss"]
        errors.append(said.value - realised(rows))
        held += said.low <= realised(rows) <= said.high
    assert record.days == len(MATURE)
    assert record.mean_absolute_error == pytest.approx(np.abs(errors).mean(), rel=1e-6)
    assert record.bias.value == pytest.approx(np.mean(errors), rel=1e-6)
    assert record.held == held
    assert (record.trust, record.metric) == (Trust.UNKNOWN, "log_loss")  # ten days are needed


@pytest.mark.parametrize(
    ("as_of", "days"),
    [(START, 0), (DAYS[LATEST_DAYS - 1], 0), (DAYS[LATEST_DAYS], 1), (LAST, len(MATURE))],
)
def test_labels_that_came_later_are_as_if_they_had_never_come(world, as_of, days):
    before = accuracies(world.monitor, "log_loss", as_of=as_of)
    assert before[Slice()].days == days
    late = world.arriving(day_after(LAST, 1)).assign(label=0)
    world.write(day_after(LAST, 1), log=world.served(day_after(LAST, 1)), labels=late)
    outcomes.run(world.monitor, day_after(LAST, 1))
    shown = [
        {part: to_dict(part, one) for part, one in found.items()}
        for found in (before, accuracies(world.monitor, "log_loss", as_of=as_of))
    ]
    assert shown[0] == shown[1]
    assert accuracies(world.monitor, "log_loss")[Slice()].days == len(MATURE) + 1


@pytest.mark.parametrize(("share", "days"), [(0.7, len(MATURE) + 1), (0.8, len(MATURE))])
def test_days_without_labels_enough_are_left_out(founded, share, days):
    """Two days before the last three of four labels are there."""
    labels = attributes()["labels"] | {"min_coverage": share}
    world = replace(founded, spec_changes={"labels": labels})
    assert accuracies(world.monitor, "accuracy")[Slice()].days == days


def test_days_without_an_estimate_are_left_out(world):
    shutil.rmtree(world.root / ".monitoring" / "results" / "tiny" / "estimate")
    found = accuracies(world.monitor, "accuracy")
    assert [*found] == [Slice()]
    assert found[Slice()].words == "no estimate of accuracy has been checked against labels yet"


def test_an_estimate_of_scores_that_labelled_rows_do_not_have_is_left_out(world):
    """The owner named `score` after these labels had come."""
    log = {name: one for name, one in attributes()["predictions"].items() if name != "score"}
    before = replace(world, spec_changes={"predictions": log})
    for day in DAYS[: LATEST_DAYS + 1]:
        outcomes.run(before.monitor, day)
    found = accuracies(world.monitor, "log_loss")
    assert found[Slice()].days < accuracies(world.monitor, "accuracy")[Slice()].days


def test_an_error_is_tolerated_by_what_was_promised_of_that_very_slice(founded, monkeypatch):
    """Five per cent of its own promise, and for French rows what their owner wrote."""
    rules = {
        "performance": {"log_loss": {"relative": 0.05}},
        "segments": {"country": {"FR": {"log_loss": {"absolute": 0.3}}}},
    }
    world = replace(founded, spec_changes={"rules": rules})
    asked = []
    kept = accuracy_of_estimates.estimate_accuracy

    def spied(checked, *, metric, tolerance):
        asked.append(tolerance)
        return kept(checked, metric=metric, tolerance=tolerance)

    monkeypatch.setattr(accuracy_of_estimates, "estimate_accuracy", spied)
    accuracies(world.monitor, "log_loss")
    whole, german = (
        promise_of(world.monitor, group, "log_loss", LAST)
        for group in (Group("1"), Group("1", "country", "DE"))
    )
    assert asked == [pytest.approx(0.05 * whole), pytest.approx(0.05 * german), 0.3]


@pytest.mark.parametrize("as_of", [START, LAST], ids=["before any label", "after them"])
def test_as_json_what_is_not_a_number_is_null(founded, as_of):
    found = accuracies(founded.monitor, "log_loss", as_of=as_of)
    shown = [to_dict(part, one) for part, one in found.items()]
    read = json.loads(json.dumps(shown, allow_nan=False))
    assert read[0] | {"segment": "", "value": "", "metric": "log_loss"} == read[0]
    assert read[0]["days"] == found[Slice()].days
    assert (
        (read[0]["mean_absolute_error"] is None)
        == (read[0]["bias"]["value"] is None)
        == (as_of == START)
    )


def test_what_the_model_does_not_have_is_told(founded):
    with pytest.raises(UnknownMetric, match="Did you mean 'log_loss'"):
        accuracies(founded.monitor, "logloss")
    alone = replace(founded, spec_changes={"labels": None, "retraining": None})
    with pytest.raises(NoLabels, match="'tiny' has no `labels`"):
        accuracies(alone.monitor, "accuracy")

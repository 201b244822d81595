"""What an owner may write, what that means, and how a mistake is told."""

import copy
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import (
    Labels,
    MetricDefinition,
    ModelSpec,
    Predictions,
    Retraining,
    Tolerance,
)
from tests.world import attributes

SMALL = {
    "name": "churn",
    "owner": "team:growth",
    "task": "binary",
    "predictions": {"path": "data/{day}.parquet"},
}


def changed(path, value) -> dict[str, Any]:
    """The small world's file with one key changed."""
    whole = copy.deepcopy(attributes())
    *folders, key = path.split(".")
    place = whole
    for folder in folders:
        place = place.setdefault(folder, {})
    place[key] = value
    return whole


def test_the_shortest_file_is_a_good_file():
    spec = ModelSpec.model_validate(SMALL)
    assert spec.mlflow_name == "churn"
    assert (spec.labels, spec.features, spec.retraining) == (None, None, None)
    assert spec.rules.drift.alpha == 0.05
    assert spec.channels.slack == "#ml-alerts"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        pytest.param("ownr", "me", "ownr", id="misspelt key"),
        pytest.param("predictions.scor", "p", "predictions.scor", id="misspelt key below"),
        pytest.param("name", "my-model", "letters, digits and _", id="name with a dash"),
        pytest.param("name", "../x", "letters, digits and _", id="name that is a path"),
        pytest.param("owner", "me", "neither an e-mail address nor team:", id="owner"),
        pytest.param("task", "clustering", "binary", id="unknown task"),
        pytest.param("predictions.path", "all.parquet", "no {day}", id="path without a day"),
        pytest.param("predictions.table", "t", "name either `path`", id="file and table"),
        pytest.param("channels.slack", "xoxb-1-2", "SLACK_BOT_TOKEN", id="token as channel"),
        pytest.param("description", "see hooks.slack.com/x", "a secret", id="webhook in words"),
        pytest.param("rules.performance", {"aucc": {"relative": 0.1}}, "no metric 'aucc'",
                     id="unknown metric"),
        pytest.param("rules.performance", {"brier": {}}, "either `relative` or `absolute`",
                     id="tolerance without a unit"),
        pytest.param("retraining.breaches", 3, "write rules.alerts.performance_drop.breaches",
                     id="a key that has moved"),
        pytest.param("rules.alerts", {"performance_drop": {"breaches": 9}}, "can never happen",
                     id="an alert that can never be"),
        pytest.param("rules.alerts", {"perfomance_drop": {}}, "Did you mean 'performance_drop'",
                     id="an alert for no rule"),
        pytest.param("rules.alerts", {"retraining": {}}, "there is no rule 'retraining'",
                     id="what is announced is no alert"),
        pytest.param("rules.alerts", {"missing_day": {"of_days": 3}}, "one day or week at a time",
                     id="days for a rule of one day"),
        pytest.param("rules.alerts", {"missing_day": {"severity": "high"}}, "'P0', 'P1', 'P2' or",
                     id="a severity that is none"),
        pytest.param("rules.own", {"x": {"signal": "outside.complains", "above": 1}},
                     "'complains' is none of `signals`", id="a series that is not declared"),
        pytest.param("rules.own", {"x": {"signal": "prediction.mean", "above": 1, "segment": "y"}},
                     "'y' is none of `segments`", id="a segment that is not declared"),
        pytest.param("rules.own", {"x": {"signal": "servce.error_rate", "above": 1}},
                     "Did you mean 'service'?", id="an area that no step writes"),
        pytest.param("retraining.cooldown_days", 1, "one holdout would judge two challengers",
                     id="cool-down below the holdout"),
        pytest.param("retraining", {"trainer": "a:b", "cadence": "weekly", "cooldown_days": 14},
                     "write cadence: monthly, or holdout_days and cooldown_days of at most 7",
                     id="a cadence within the cool-down"),
        pytest.param("retraining", {"trainer": "a:b", "cadence": "daily", "holdout_days": 2},
                     "write cadence: weekly, or holdout_days and", id="within the holdout"),
        pytest.param("retraining", {"trainer": "a:b", "cadence": "quarterly", "cooldown_days": 90},
                     "write cadence: never, or", id="longer than a quarter may be"),
        pytest.param("retraining",
                     {"trainer": "a:b", "cadence": "weekly", "max_runs_in_30_days": 4},
                     "below the 5 that cadence weekly asks for", id="a cadence beyond the quota"),
        pytest.param("labels", None, "retraining needs `labels`", id="nothing to compare with"),
        pytest.param("engine", "dask", "'duckdb' or 'spark'", id="unknown engine"),
        pytest.param("labels.expire_after_days", 2, "would expire while they are waited for",
                     id="labels that expire too soon"),
        pytest.param("metrics", [{"name": "cost"}], "give exactly one of value, quantile",
                     id="a metric without a way to compute it"),
        pytest.param("metrics", [{"name": "cost", "value": {}, "expression": "1"}],
                     "give exactly one of", id="a metric with two ways"),
        pytest.param("metrics", [{"name": "accuracy", "value": {}}], "'accuracy' is taken",
                     id="a metric that is ours"),
        pytest.param("metrics", [{"name": "q", "quantile": 0.9}], "is for regression, not binary",
                     id="a metric of another task"),
        pytest.param("metrics", [{"name": "c", "value": {}}, {"name": "c", "value": {}}],
                     "'c' is taken", id="one definition twice"),
        pytest.param("rules.segments", {"city": {"A": {"accuracy": {"relative": 0.1}}}},
                     "'city' is none of `segments`", id="a threshold for no segment"),
        pytest.param("rules.segments", {"country": {"DE": {"acuracy": {"relative": 0.1}}}},
                     "Did you mean 'accuracy'", id="a segment's threshold for no metric"),
        pytest.param("review", {"share": 0.01}, "'human' is none of `further_labels`",
                     id="reviews that never come back"),
        pytest.param("rules.drift.alpha", 5, "less than 1", id="per cent where a fraction stands"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(path, value, words):
    with pytest.raises(ValidationError) as raised:
        ModelSpec.model_validate(changed(path, value))
    assert words in str(raised.value)


def test_spark_reads_files_and_no_table_of_duckdb():
    with pytest.raises(ValidationError, match=r"name predictions\.path, or leave `engine` out"):
        ModelSpec.model_validate(
            SMALL | {"engine": "spark", "predictions": {"database": "log.duckdb", "table": "log"}}
        )


def test_a_secret_is_not_repeated_to_whoever_reads_the_log():
    with pytest.raises(ValidationError) as raised:
        ModelSpec.model_validate(changed("channels.slack", "xoxb-123-secret"))
    assert "this is a secret" in str(raised.value)
    assert "xoxb-123-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("task", "score", "metric"),
    [
        pytest.param("binary", "p", "log_loss", id="probabilities: log loss"),
        pytest.param("binary", None, "accuracy", id="answers alone: accuracy"),
        pytest.param("multiclass", "p", "accuracy", id="classes: accuracy"),
        pytest.param("regression", None, "mae", id="numbers: mean absolute error"),
    ],
)
def test_without_a_rule_the_usual_metric_may_get_5_per_cent_worse(task, score, metric):
    log = {"path": "{day}", "score": score}
    spec = ModelSpec.model_validate(SMALL | {"task": task, "predictions": log})
    assert spec.metric == metric
    assert spec.tolerances == {metric: Tolerance(relative=0.05)}


@pytest.mark.parametrize(
    ("tolerance", "baseline", "room"),
    [
        pytest.param(Tolerance(relative=0.05), 0.4, 0.02, id="relative"),
        pytest.param(Tolerance(relative=0.05), -0.4, 0.02, id="relative to a negative number"),
        pytest.param(Tolerance(absolute=0.05), 0.4, 0.05, id="absolute"),
    ],
)
def test_how_much_room_a_tolerance_leaves(tolerance, baseline, room):
    assert tolerance.around(baseline) == pytest.approx(room)


def test_the_first_rule_decides_about_promotions():
    rules = {"performance": {"brier": {"absolute": 0.01}, "log_loss": {"relative": 0.1}}}
    assert ModelSpec.model_validate(changed("rules", rules)).metric == "brier"


@pytest.mark.parametrize("model", [ModelSpec, Predictions, Labels, Retraining])
def test_a_spec_cannot_be_changed_afterwards(model):
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


def with_cost(version: int, threshold_for: int) -> dict[str, Any]:
    """The small world with a cost metric, and a threshold set for one definition of it."""
    value = {"tp": 5, "fp": -1, "fn": -20}
    metrics = [
        {"name": "cost", "version": one, "value": value, "valid_from": f"2026-0{one}-01"}
        for one in range(1, version + 1)
    ]
    rule = {"cost": {"absolute": 0.1, "version": threshold_for}}
    return attributes() | {"metrics": metrics, "rules": {"performance": rule}}


def test_a_threshold_is_for_one_definition_of_a_metric():
    assert ModelSpec.model_validate(with_cost(2, threshold_for=2)).metric == "cost_v2"


def test_a_threshold_for_a_former_definition_is_an_error():
    with pytest.raises(ValidationError, match="set for version 1 of it, and version 2 is defined"):
        ModelSpec.model_validate(with_cost(2, threshold_for=1))


def test_a_day_is_judged_by_a_definition_from_valid_from_on_until_it_retires():
    one = MetricDefinition(
        name="cost", value={}, valid_from=date(2026, 3, 1), retired_on=date(2026, 5, 1)
    )
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 4, 30), date(2026, 5, 1)]
    assert [one.judged_on(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize(
    ("mature", "expire", "accepted"),
    [
        pytest.param(14, None, 28, id="twice the wait, where nothing is said"),
        pytest.param(14, 14, 14, id="no longer than the wait"),
        pytest.param(0, None, 0, id="on the day itself"),
    ],
)
def test_how_late_a_label_may_come_and_still_count(mature, expire, accepted):
    labels = Labels(path="{day}", mature_after_days=mature, expire_after_days=expire)
    assert labels.accepted_days == accepted


def test_signals_from_elsewhere_are_named_with_their_columns():
    signals = {"complaints": {"path": "data/complaints.csv", "value": "rate"}}
    one = ModelSpec.model_validate(changed("signals", signals)).signals["complaints"]
    assert (one.path, one.day, one.value) == ("data/complaints.csv", "day", "rate")


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        pytest.param({"chat": {"path": "secret.csv", "valu": "x"}}, "Did you mean 'value'",
                     id="misspelt key"),
        pytest.param({"chat": {"value": "secret"}}, "path", id="without a file"),
        pytest.param({"psi of x": {"path": "secret.csv"}}, "no plain identifier",
                     id="a name like one of ours"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_signal_is_told_and_repeats_no_value(signals, words):
    with pytest.raises(ValidationError, match=words) as told:
        ModelSpec.model_validate(changed("signals", signals))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("written", "holdout", "cooldown", "runs"),
    [
        pytest.param({}, 14, 14, 3, id="no cadence"),
        pytest.param({"cadence": "monthly"}, 14, 14, 3, id="a cadence slower than the cool-down"),
        pytest.param({"cadence": "weekly"}, 7, 7, 5, id="a faster one"),
        pytest.param({"cadence": "daily"}, 1, 1, 30, id="the fastest"),
        pytest.param({"cadence": "weekly", "cooldown_days": 7, "holdout_days": 3}, 3, 7, 5,
                     id="as written"),
        pytest.param({"holdout_days": 21}, 21, 21, 3, id="a holdout longer than the cool-down"),
        pytest.param({"cadence": "monthly", "cooldown_days": 28}, 14, 28, 3, id="just as long"),
    ],
)  # fmt: skip
def test_what_nobody_wrote_about_retraining_fits_the_cadence(written, holdout, cooldown, runs):
    found = Retraining.model_validate({"trainer": "a:b"} | written)
    assert (found.holdout_days, found.cooldown_days) == (holdout, cooldown)
    assert found.max_runs_in_30_days == runs
    assert Retraining.model_validate(found.model_dump()) == found

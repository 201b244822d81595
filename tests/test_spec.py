"""What an owner may write, what that means, and how a mistake is told."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import Labels, ModelSpec, Predictions, Retraining, Tolerance
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
        pytest.param("retraining.breaches", 9, "can never happen", id="impossible trigger"),
        pytest.param("retraining.cooldown_days", 1, "one holdout would judge two challengers",
                     id="cool-down below the holdout"),
        pytest.param("labels", None, "retraining needs `labels`", id="nothing to compare with"),
        pytest.param("engine", "dask", "'duckdb' or 'spark'", id="unknown engine"),
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

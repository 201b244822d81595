"""A model is what its owner wrote down, and keys that do not go together are told."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import METRICS, SCORE_METRICS, Labels, ModelSpec, Tolerance
from monitoring_dagster.spec.model import NoLabels, labels_of
from tests.spec.written import SMALL, WHOLE, changed, told

COST = {"tp": 5.0, "fp": -1.0, "fn": -20.0}


def spec(**more):
    return ModelSpec.model_validate(WHOLE | more)


def test_the_shortest_file_is_a_good_file():
    found = ModelSpec.model_validate(SMALL)
    assert found.mlflow_name == "churn"
    assert (found.labels, found.features, found.retraining) == (None, None, None)
    assert found.rules.drift.alpha == 0.05
    assert found.channels.destinations == ("slack:#ml-alerts",)


def test_a_model_has_its_own_name_in_mlflow_where_one_is_written():
    assert spec(registered_model="churn risk").mlflow_name == "churn risk"


@pytest.mark.parametrize(
    ("key", "value", "place", "words"),
    [
        pytest.param("name", "my-model", "name", "letters, digits and _", id="name with a dash"),
        pytest.param("owner", "me", "owner", "neither an e-mail address nor team:", id="owner"),
        pytest.param("task", "clustering", "task", "binary", id="unknown task"),
        pytest.param("labels", None, "retraining", "retraining needs `labels`",
                     id="nothing to compare with"),
        pytest.param("metrics", [{"name": "accuracy", "value": {}}], "metrics.0",
                     "'accuracy' is taken", id="a metric that is ours"),
        pytest.param("metrics", [{"name": "q", "quantile": 0.9}], "metrics.0.quantile",
                     "is for regression, not binary", id="a metric of another task"),
        pytest.param("metrics", [{"name": "c", "value": {}}, {"name": "c", "value": {}}],
                     "metrics.1", "'c' is taken", id="one definition twice"),
        pytest.param("metrics", [{"name": "c_v2", "value": {}},
                                 {"name": "c", "version": 2, "value": {}}],
                     "metrics.1", "'c_v2' is taken", id="two with one name in results"),
        pytest.param("rules.performance", {"aucc": {"relative": 0.1}}, "rules.performance.aucc",
                     "no metric 'aucc' for a binary model", id="a threshold for no metric"),
        pytest.param("rules.segments",
                     {"country": {"DE": {"accuracy": {"relative": 0.1, "limit": 0.7}}}},
                     "rules.segments.country.DE.accuracy.limit", "write it in rules.performance",
                     id="a limit of a segment"),
        pytest.param("rules.segments", {"city": {"A": {"accuracy": {"relative": 0.1}}}},
                     "rules.segments.city", "'city' is none of `segments`",
                     id="a threshold for no segment"),
        pytest.param("rules.segments", {"country": {"DE": {"acuracy": {"relative": 0.1}}}},
                     "rules.segments.country.DE.acuracy", "Did you mean 'accuracy'",
                     id="a segment's threshold for no metric"),
        pytest.param("rules.own", {"x": {"signal": "outside.complains", "above": 1}},
                     "rules.own.x.signal", "'complains' is none of `signals`",
                     id="a series that is not declared"),
        pytest.param("rules.own", {"x": {"signal": "prediction.mean", "above": 1, "segment": "y"}},
                     "rules.own.x.segment", "'y' is none of `segments`",
                     id="a segment that is not declared"),
        pytest.param("review", {"share": 0.01}, "review.source",
                     "'human' is none of `further_labels`", id="reviews that never come back"),
        pytest.param("sensitive", ["age", "income", "age"], "sensitive.2", "stands here twice",
                     id="a sensitive column twice"),
        pytest.param("segments", ["country", "country"], "segments.1", "stands here twice",
                     id="a segment twice"),
        pytest.param("features", [{"name": "a"}, {"name": "a"}], "features.1", "twice",
                     id="a feature twice"),
        pytest.param("first_day", "2962-03-01", "first_day", "in the future", id="a day to come"),
        pytest.param("first_day", "0206-03-01", "first_day", "before any", id="a day of long ago"),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together_are_told_with_their_place(key, value, place, words):
    ((found, message),) = told(key, value)
    assert found == place
    assert words in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("rules.own", {"x": {"signal": "prediction.mean", "above": 1,
                                         "segment": "country"}}, id="a rule on a segment"),
        pytest.param("metrics", [{"name": "c", "value": {}},
                                 {"name": "c", "version": 2, "value": {}}],
                     id="two definitions of one metric"),
        pytest.param("features", [{"name": "a"}, {"name": "A", "kind": "categorical"}],
                     id="features that differ by a capital"),
    ],
)  # fmt: skip
def test_keys_that_go_together_are_taken(key, value):
    assert told(key, value) == []


def test_an_own_rule_may_read_a_series_from_elsewhere():
    rules = {"own": {"x": {"signal": "outside.complaints", "above": 1}}}
    assert spec(rules=rules, signals={"complaints": {"path": "c.csv"}}).signals.keys() == {
        "complaints"
    }


def test_reviews_come_back_as_one_of_the_further_labels():
    further = {"people": {"path": "reviewed/{day}.parquet"}}
    assert spec(review={"source": "people"}, further_labels=further).review.share == 0.01


@pytest.mark.parametrize(
    ("days_ahead", "is_taken"),
    [(0, True), (1, True), (2, False)],
    ids=["today", "tomorrow, as zones ahead of UTC have it", "the day after tomorrow"],
)
def test_monitoring_begins_by_tomorrow(days_ahead, is_taken):
    day = datetime.now(UTC).date() + timedelta(days=days_ahead)
    assert (told("first_day", str(day)) == []) is is_taken


def test_no_inference_log_is_older_than_the_clock_of_computers():
    assert told("first_day", "1970-01-01") == []
    ((_, message),) = told("first_day", "1969-12-31")
    assert "before any inference log" in message


@pytest.mark.parametrize(("key", "value"), [("labels", None), ("review", {})])
def test_a_mistake_in_the_whole_repeats_nothing_of_it(key, value):
    with pytest.raises(ValidationError) as raised:
        ModelSpec.model_validate(changed("description", "canary") | {key: value})
    assert "canary" not in str(raised.value)


def test_spark_reads_files_and_no_table_of_duckdb():
    table = {"database": "log.duckdb", "table": "log"}
    with pytest.raises(ValidationError, match=r"name predictions\.path, or leave `engine` out"):
        ModelSpec.model_validate(SMALL | {"engine": "spark", "predictions": table})
    assert ModelSpec.model_validate(SMALL | {"engine": "spark"}).engine == "spark"


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
    found = ModelSpec.model_validate(SMALL | {"task": task, "predictions": log})
    assert found.metric == metric
    assert found.tolerances == {metric: Tolerance(relative=0.05)}


def test_the_first_rule_decides_about_promotions():
    rules = {"performance": {"brier": {"absolute": 0.01}, "log_loss": {"relative": 0.1}}}
    assert spec(rules=rules).metric == "brier"


@pytest.mark.parametrize("metric", METRICS["binary"])
def test_without_scores_no_promotion_is_decided_by_a_metric_of_scores(metric):
    log = {"path": "data/predictions/{day}.parquet"}
    written = WHOLE | {"predictions": log, "rules": {"performance": {metric: {"relative": 0.1}}}}
    if metric not in SCORE_METRICS["binary"]:
        assert ModelSpec.model_validate(written).metric == metric
        return
    with pytest.raises(ValidationError, match=r"name their column in predictions\.score") as raised:
        ModelSpec.model_validate(written)
    assert raised.value.errors()[0]["loc"] == ("rules", "performance", metric)
    ModelSpec.model_validate(written | {"retraining": None})  # nothing is promoted


def test_a_segment_has_its_own_tolerance_before_that_of_all():
    own = {"country": {"DE": {"log_loss": {"relative": 0.2}, "brier": {"absolute": 0.1}}}}
    rules = {"performance": {"log_loss": {"relative": 0.1}, "f1": {"absolute": 0.3}}}
    found = spec(rules=rules | {"segments": own})
    assert found.tolerances_where("country", "DE") == {
        "log_loss": Tolerance(relative=0.2),
        "f1": Tolerance(absolute=0.3),
        "brier": Tolerance(absolute=0.1),
    }
    assert found.tolerances_where("country", "FR") == found.tolerances
    assert found.tolerances_where("city", "DE") == found.tolerances


def with_cost(version, threshold_for):
    """A file with a cost metric, and a threshold set for one definition of it."""
    metrics = [
        {"name": "cost", "version": one, "value": COST, "valid_from": f"2026-0{one}-01"}
        for one in range(1, version + 1)
    ]
    rule = {"cost": {"absolute": 0.1, "version": threshold_for}}
    return WHOLE | {"metrics": metrics, "rules": {"performance": rule}}


def test_a_threshold_is_for_one_definition_of_a_metric():
    assert ModelSpec.model_validate(with_cost(2, threshold_for=2)).metric == "cost_v2"


@pytest.mark.parametrize("version", [1, 3])
def test_a_threshold_for_a_definition_that_is_not_the_newest_is_an_error(version):
    words = f"set for version {version} of it, and version 2 is defined"
    with pytest.raises(ValidationError, match=words):
        ModelSpec.model_validate(with_cost(2, threshold_for=version))


def test_the_newest_definition_is_that_of_the_highest_version_however_they_are_ordered():
    written = with_cost(2, threshold_for=2)
    found = ModelSpec.model_validate(written | {"metrics": written["metrics"][::-1]})
    assert found.metric == "cost_v2"


def test_a_metric_of_ours_has_one_definition():
    with pytest.raises(ValidationError, match="set for version 2 of it, and version 1 is defined"):
        spec(rules={"performance": {"brier": {"absolute": 0.1, "version": 2}}})


def test_an_own_metric_is_found_by_its_label():
    found = ModelSpec.model_validate(with_cost(2, threshold_for=2))
    assert [found.definition(one).version for one in ("cost", "cost_v2")] == [1, 2]
    assert found.definition("log_loss") is None


@pytest.mark.parametrize(
    ("task", "metric", "needs_rows"),
    [
        pytest.param("binary", {"value": COST}, False, id="a table of outcomes"),
        pytest.param("binary", {"expression": "label"}, False, id="classes are counted"),
        pytest.param("binary", {"expression": "amount", "columns": ["amount"]}, True,
                     id="a column beside them"),
        pytest.param("multiclass", {"function": "a:b"}, False, id="a function of classes"),
        pytest.param("regression", {"expression": "label"}, True, id="numbers are not counted"),
        pytest.param("regression", {"function": "a:b"}, True, id="a function of numbers"),
        pytest.param("regression", {"quantile": 0.9}, False, id="a loss that we count"),
    ],
)  # fmt: skip
def test_which_own_metrics_need_the_rows(task, metric, needs_rows):
    found = ModelSpec.model_validate(SMALL | {"task": task, "metrics": [{"name": "c", **metric}]})
    assert [one.name for one in found.row_metrics] == ["c"] * needs_rows


class TestLabels:
    WITH = spec(further_labels={"human": {"path": "reviewed/{day}.parquet", "error_rate": 0.1}})

    def test_they_are_the_models_own_where_no_source_is_named(self):
        assert labels_of(self.WITH) == Labels(
            path="data/labels/{day}.parquet", mature_after_days=5
        )  # fmt: skip

    def test_a_source_names_a_second_opinion(self):
        assert labels_of(self.WITH, "human").error_rate == 0.1

    def test_a_model_without_labels_says_where_they_are_written_down(self):
        with pytest.raises(NoLabels, match=r"'churn' has no `labels`: say in its defs\.yaml"):
            labels_of(ModelSpec.model_validate(SMALL))

    @pytest.mark.parametrize(
        ("source", "way"),
        [("humn", "Did you mean 'human'?"), ("weak", "It has: human."), ("", "It has: human.")],
    )
    def test_a_source_that_is_not_there_is_answered_with_those_that_are(self, source, way):
        with pytest.raises(NoLabels) as raised:
            labels_of(self.WITH, source)
        assert f"has no `further_labels` called {source!r}. {way}" in str(raised.value)


def test_a_day_of_the_file_is_a_date():
    assert ModelSpec.model_validate(SMALL | {"first_day": "2026-03-01"}).first_day == date(
        2026, 3, 1
    )

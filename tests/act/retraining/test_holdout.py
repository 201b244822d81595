"""The first performance rule decides whether a challenger may serve, whichever metric it is."""

import numpy as np
import pandas as pd
import pytest

from monitoring_dagster.act.retraining.holdout import compare
from monitoring_dagster.act.retraining.training import LabelledFeatures, NoScore, answers
from monitoring_dagster.spec import METRICS, ModelSpec
from tests.world import START, attributes, day_after

DAYS, ROWS_A_DAY = 10, 120


def spec_of(metric, task="binary", **changed):
    """A model whose first rule is about *metric*, and whose second is about another one."""
    second = "accuracy" if task != "regression" else "mae"
    rules = {"performance": {metric: {"relative": 0.05}, second: {"relative": 0.05}}}
    return ModelSpec.model_validate(attributes(task, rules=rules, **changed))


def holdout_of(labels, **more):
    count = len(labels)
    return LabelledFeatures(
        features=pd.DataFrame(index=range(count)),
        labels=pd.Series(labels),
        days=pd.Series([day_after(START, n * DAYS // count) for n in range(count)]),
        segments=pd.DataFrame({"country": np.where(np.arange(count) % 2, "DE", "FR")} | more),
    )


def worlds(task="binary", seed=0):
    """A holdout, and what a poor and a good model say about it."""
    rng = np.random.default_rng(seed)
    count = DAYS * ROWS_A_DAY
    if task == "regression":
        truth = rng.normal(20, 5, count)
        said = [{"prediction": truth + rng.normal(off, off + 0.5, count)} for off in (4, 0.2)]
        return holdout_of(truth), *said
    odds = rng.normal(0, 2, count)
    label = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(int)
    found = []
    for blur, lift in ((2.5, -1.5), (0.1, 0)):
        score = 1 / (1 + np.exp(-odds - rng.normal(lift, blur, count)))
        found.append({"prediction": (score > 0.5).astype(int), "score": score})
    if task == "multiclass":
        names = np.array(["no", "yes"])
        for one in found:
            one["score"] = np.maximum(one["score"], 1 - one["score"])
            one["prediction"] = names[one["prediction"]]
        return holdout_of(names[label]), *found
    return holdout_of(label), *found


EVERY = [
    pytest.param(task, metric, id=f"{task} {metric}")
    for task, metrics in METRICS.items()
    for metric in metrics
    if metric != "precision" or task != "binary"  # which the timid model has more of
]


@pytest.mark.parametrize(("task", "metric"), EVERY)
def test_every_metric_that_a_rule_may_name_decides(task, metric):
    """The message names it, and both values."""
    holdout, poor, good = worlds(task)
    verdict, numbers = compare(spec_of(metric, task), poor, good, holdout)
    assert verdict.passed, verdict.words
    name = "size of bias" if metric == "bias" else metric
    old, new = numbers[f"champion_{metric}"], numbers[f"challenger_{metric}"]
    words = f"{name} {new:.4g} against the champion's {old:.4g} on the same 1,200 rows"
    said, p_value = verdict.words.removesuffix(")").split(": significantly better (p = ")
    assert (said, float(p_value) < 0.05) == (words, True)
    low, high = numbers["difference_low"], numbers["difference_high"]
    assert 0 < low < numbers["difference"] < high or metric in ("bias", "ece")
    worse, _ = compare(spec_of(metric, task), good, poor, holdout)
    assert not worse.passed
    assert "not significantly better (p = " in worse.words


def test_a_challenger_that_is_better_by_another_metric_alone_stays_out():
    """Its scores are calibrated, which log loss rewards, and in the same order as before."""
    holdout, _, good = worlds()
    shifted = good | {"score": good["score"] ** 3}
    assert compare(spec_of("log_loss"), shifted, good, holdout)[0].passed
    found, numbers = compare(spec_of("roc_auc"), shifted, good, holdout)
    assert not found.passed
    assert numbers["champion_roc_auc"] == pytest.approx(numbers["challenger_roc_auc"], abs=0.001)


def test_the_bias_that_is_nearer_to_zero_is_better_from_either_side():
    holdout, _, good = worlds("regression")
    below = {"prediction": good["prediction"] - 3.0}
    nearer = {"prediction": good["prediction"] + 0.5}
    spec = spec_of("bias", "regression")
    assert compare(spec, below, nearer, holdout)[0].passed
    assert not compare(spec, nearer, below, holdout)[0].passed


OWN = {
    "value": {"value": {"tp": 20, "fp": -5, "fn": -10}},
    "an expression": {"expression": "CASE WHEN label = prediction THEN 3 ELSE -1 END"},
    "a function": {"function": "tests.act.retraining.test_holdout:hits"},
    "an expression over some rows": {"expression": "CASE WHEN prediction = 1 THEN label END"},
    "a loss": {"expression": "abs(label - score)", "better": "lower"},
}


def hits(rows):
    """What an owner hands in as a metric."""
    return np.equal(rows["label"].to_numpy(), rows["prediction"].to_numpy()).astype(float)


@pytest.mark.parametrize("definition", OWN.values(), ids=OWN)
def test_a_metric_of_the_owners_decides(definition):
    holdout, poor, good = worlds()
    if "over some rows" in str(definition) or "prediction = 1" in str(definition):
        rng = np.random.default_rng(1)  # it says yes to anybody, as often as not
        poor = poor | {"prediction": rng.integers(0, 2, holdout.count)}
    spec = spec_of("own", metrics=[{"name": "own", **definition}])
    verdict, numbers = compare(spec, poor, good, holdout)
    assert verdict.passed, verdict.words
    assert verdict.words.startswith(f"own {numbers['challenger_own']:.4g} against the champion's")
    assert not compare(spec, good, poor, holdout)[0].passed


def test_a_quantile_loss_decides():
    """A prediction of the 90th percentile is too high on most rows, and rightly so."""
    holdout, *_ = worlds("regression")
    rng = np.random.default_rng(2)
    middle = holdout.labels.to_numpy() + rng.normal(0, 3, holdout.count)
    own = [{"name": "pinball", "quantile": 0.9, "better": "lower"}]
    spec = spec_of("pinball", "regression", metrics=own)
    high = {"prediction": middle + 3.8}
    assert compare(spec, {"prediction": middle}, high, holdout)[0].passed
    usual = spec_of("mae", "regression")
    assert not compare(usual, {"prediction": middle}, high, holdout)[0].passed


def test_a_segment_of_one_class_is_named_and_the_rest_is_compared():
    holdout, poor, good = worlds()
    spec = spec_of("roc_auc", segments=["kind"])
    kinds = pd.DataFrame({"kind": np.where(holdout.labels == 1, "only ones", "mixed")})
    kinds.loc[:50, "kind"] = "mixed"
    rows = LabelledFeatures(holdout.features, holdout.labels, holdout.days, kinds)
    verdict, _ = compare(spec, poor, good, rows)
    assert verdict.passed
    assert "not compared in kind=only ones, where roc_auc is not defined" in verdict.words


def test_a_segment_that_pays_for_it_is_seen_in_the_same_metric():
    """Better by far in one country, and the other way round in the other."""
    holdout, poor, good = worlds()
    here = holdout.segments["country"] == "FR"
    old = {name: np.where(here, good[name], 1 - good[name]) for name in good}
    new = {name: np.where(here, poor[name], good[name]) for name in good}
    verdict, _ = compare(spec_of("roc_auc", segments=["country"]), old, new, holdout)
    assert not verdict.passed
    assert "better on the whole, but significantly worse in country=FR: 0." in verdict.words


@pytest.mark.parametrize("who", ["champion", "challenger"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_gives_no_answer_to_the_hardest_rows_does_not_pass(who, value):
    """Left out, they would cost it nothing."""
    holdout, poor, good = worlds()
    spoilt = {"champion": dict(poor), "challenger": dict(good)}
    spoilt[who]["score"] = np.where(np.arange(holdout.count) < 3, value, spoilt[who]["score"])
    verdict, _ = compare(spec_of("roc_auc"), *spoilt.values(), holdout)
    assert not verdict.passed
    words = f"roc_auc is not compared: the {who} gives no answer to 3 of the 1,200 rows"
    assert words in verdict.words


def test_one_class_in_the_whole_holdout_passes_nothing():
    holdout, poor, good = worlds()
    ones = LabelledFeatures(holdout.features, holdout.labels * 0, holdout.days, holdout.segments)
    verdict, _ = compare(spec_of("roc_auc"), poor, good, ones)
    assert not verdict.passed
    assert "roc_auc is not defined for both models on the holdout" in verdict.words


class Hard:
    """A model that is sure of everything."""

    def predict(self, rows):
        return np.ones(len(rows))


def test_a_model_without_probabilities_is_refused_where_a_score_is_judged():
    with pytest.raises(NoScore, match=r"a Hard has no predict_proba, and predictions\.score"):
        answers(spec_of("roc_auc"), Hard(), pd.DataFrame({"x": [1.0]}))


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc", "bias"])
def test_a_first_rule_that_needs_a_score_is_refused_without_one(metric):
    body = attributes(rules={"performance": {metric: {"relative": 0.05}}})
    del body["predictions"]["score"]
    with pytest.raises(ValueError, match=f"{metric} stands first and so decides promotions"):
        ModelSpec.model_validate(body)
    ModelSpec.model_validate({**body, "retraining": None})
    rules = {"performance": {"accuracy": {"relative": 0.05}, metric: {"relative": 0.05}}}
    ModelSpec.model_validate({**body, "rules": rules})

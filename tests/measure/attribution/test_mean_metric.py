"""A mean over rows is the same from stored counts and from the rows themselves."""

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.measure.attribution.mean_metric import MeanMetric, Totals
from monitoring_dagster.measure.quality.model_metrics import metrics_of
from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.stats.quality.labelled_rows import encoded
from monitoring_dagster.stats.quality.outcomes import Outcomes
from tests.tiny import spec_of

COST = {"name": "cost", "better": "lower", "value": {"fp": 10, "fn": 50}}
HALF = {"name": "half", "expression": "abs(label - prediction) / 2", "better": "lower"}
PINBALL = {"name": "pinball", "quantile": 0.9, "better": "lower"}


def of(metric, task="binary", *own):
    return MeanMetric.of(
        spec_of(task=task, metrics=list(own), rules={"performance": {metric: {"absolute": 0.1}}})
    )


def drawn(task, n=500):
    rng = np.random.default_rng(3)
    if task == "regression":
        label = rng.normal(size=n)
        return {"label": label, "prediction": label + rng.normal(size=n), "score": None}
    score = rng.uniform(size=n)
    label = (rng.uniform(size=n) < score).astype(int)
    return {"label": label, "prediction": (score > 0.5).astype(int), "score": score}


@pytest.mark.parametrize(
    ("metric", "task", "own"),
    [
        *((name, "binary", ()) for name in ("log_loss", "brier", "accuracy")),
        *((name, "regression", ()) for name in ("mae", "mse", "mape")),
        ("cost", "binary", (COST,)),
        ("half", "binary", (HALF,)),
        ("pinball", "regression", (PINBALL,)),
    ],
)
def test_counts_and_rows_say_the_same_as_the_metric_does(metric, task, own):
    """To the rounding of a score's bin; larger is worse."""
    mean, columns = of(metric, task, *own), drawn(task)
    outcomes = Outcomes.of(task, **columns)
    arrays = {name: pa.array(one) for name, one in columns.items() if one is not None}
    rows = encoded(task, **{"score": None, **arrays})
    values = row_values(mean.definition, pa.table(arrays), task=task) if metric == "half" else None
    by_row, totals = mean.of_rows(rows, values), mean.totals(outcomes)
    value = metrics_of(mean.spec, outcomes)[metric].value
    assert totals.mean == pytest.approx(mean.sign * value)
    assert (totals.mean, totals.n) == pytest.approx((by_row.mean(), by_row.size))
    if metric != "mape":
        assert totals.variance == pytest.approx(by_row.var())
    assert mean.sign == (-1 if metric == "accuracy" else 1)


@pytest.mark.parametrize(
    ("metric", "task", "stand_in"),
    [
        pytest.param("roc_auc", "binary", "log_loss", id="an area"),
        pytest.param("f1", "binary", "accuracy", id="a mean of shares"),
        pytest.param("ece", "multiclass", "accuracy", id="classes have no log loss here"),
        pytest.param("rmse", "regression", "mse", id="a root"),
        pytest.param("bias", "regression", "mae", id="a bias, which is best at zero"),
    ],
)
def test_where_the_first_metric_is_no_mean_one_stands_in(metric, task, stand_in):
    assert of(metric, task).label == stand_in


def test_what_is_corrected_is_taken_away_again():
    mean = of("log_loss")
    one = Outcomes.of("binary", label=[1, 0], prediction=[1, 1], score=[0.9, 0.8])
    wrong = Outcomes.of("binary", label=[0], prediction=[1], score=[0.8])
    right = Outcomes.of("binary", label=[1], prediction=[1], score=[0.8])
    corrected = mean.totals(one).plus(mean.totals(right - wrong))
    assert corrected == pytest.approx(mean.totals(one - wrong + right))


def test_of_no_rows_there_is_no_mean():
    assert np.isnan([Totals().mean, Totals().variance]).all()

"""Estimates without labels meet the labels, and say how surely."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from monitoring_dagster.stats.estimation.score_estimation import (
    Calibration,
    UnusableEstimate,
    calibrate,
)
from monitoring_dagster.stats.estimation.scored import Cells, ScoreGrid
from monitoring_dagster.stats.quality.calibration import Curve, logistic
from monitoring_dagster.stats.quality.outcomes import UnusableOutcome, score_of_bin

BINARY = {"roc_auc", "accuracy", "balanced_accuracy", "precision", "recall", "f1"} | {
    "average_precision",
    "log_loss",
    "brier",
    "base_rate",
}
TRUTHS = {  # log-odds of the truth at log-odds of the score
    "calibrated": lambda x: x,
    "overconfident": lambda x: 0.5 * x - 0.3,
    "bent": lambda x: 0.7 * x + np.sin(x),
}


def rows(n, rng, *, truth=TRUTHS["calibrated"], shift=0.0):
    x = rng.normal(-0.7 + shift, 1.4, n)
    score = logistic(x)
    return {
        "label": (rng.random(n) < logistic(truth(x))).astype(int),
        "prediction": (score > 0.4).astype(int),
        "score": score,
    }


def estimated(calibration, current, seed=0):
    answers = {name: current[name] for name in ("prediction", "score")}
    return calibration.estimate(**answers, rng=np.random.default_rng(seed))


def realised(current):
    cells = Cells.of("binary", **current)
    grid = ScoreGrid.of(cells)
    return {name: float(value) for name, value in grid.metrics(grid.ones(cells)).items()}


def known_exactly():
    """Scores are probabilities, without any doubt."""
    knots = np.array([-1.0, 1.0])
    return Calibration("binary", Curve(20.0, knots, np.zeros(2), np.zeros((2, 2))))


def test_four_rows_have_the_closed_form():
    p, prediction = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 0, 1, 1])
    found = estimated(known_exactly(), {"prediction": prediction, "score": p})
    hit, ones = p[2:].sum(), p.sum()
    wins = sum(p[i] * (1 - p[j]) * (0.5 if i == j else 1.0) for i in range(4) for j in range(i + 1))
    for name, expected in {
        "accuracy": np.where(prediction, p, 1 - p).mean(),
        "precision": hit / 2,
        "recall": hit / ones,
        "f1": 2 * hit / (2 + ones),
        "roc_auc": wins / (ones * (4 - ones)),
        "log_loss": -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean(),
        "brier": (p * (1 - p)).mean(),
        "base_rate": ones / 4,
    }.items():
        assert found[name].value == pytest.approx(expected, abs=2e-3), name
        assert found[name].n == 4


def test_where_probabilities_are_known_the_interval_is_that_of_the_labels_alone():
    current = rows(20_000, np.random.default_rng(1))
    found = estimated(known_exactly(), current)["accuracy"]
    p = current["score"]
    reach = 1.96 * np.sqrt(np.sum(p * (1 - p))) / p.size
    assert found.high - found.low == pytest.approx(2 * reach, rel=0.15)


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize(
    ("reference_rows", "current_rows"), [(1000, 20_000), (5000, 200)], ids=["long", "short"]
)
def test_intervals_hold_the_realised_metric(truth, reference_rows, current_rows):
    """95 % are promised; of 15 worlds with ten metrics each, 84 % at least by chance."""
    rng = np.random.default_rng(2)
    held = []
    for _ in range(15):
        calibration = calibrate("binary", **rows(reference_rows, rng, truth=TRUTHS[truth]))
        current = rows(current_rows, rng, truth=TRUTHS[truth], shift=0.3)
        truths, found = realised(current), estimated(calibration, current)
        assert set(found) == BINARY
        held += [one.low <= truths[name] <= one.high for name, one in found.items()]
    assert np.mean(held) >= 0.84


def test_a_lying_score_is_corrected_and_an_honest_one_is_kept():
    rng = np.random.default_rng(3)
    x = np.linspace(-3, 2, 11)
    for truth in TRUTHS.values():
        reference = rows(50_000, rng, truth=truth)
        curve = calibrate("binary", **reference).curve
        assert np.abs(logistic(curve(x)) - logistic(truth(x))).max() < 0.03


def test_blocks_that_differ_widen_the_interval_and_equal_ones_do_not():
    rng = np.random.default_rng(4)

    def reach(spread):
        days = [rows(1000, rng, truth=lambda x, by=by: x + by) for by in rng.normal(0, spread, 30)]
        reference = {name: np.concatenate([day[name] for day in days]) for name in days[0]}
        block = np.arange(30_000) // 1000
        found = estimated(calibrate("binary", **reference, block=block), days[0])["base_rate"]
        return found.high - found.low

    chance = 4 * 0.46 / np.sqrt(1000)
    assert reach(0.0) < 1.4 * chance
    assert reach(0.8) > 2.5 * chance


def test_a_metric_that_days_pull_apart_is_estimated_as_they_show_it():
    """The area under the curve within a day is less than over all days together."""
    rng = np.random.default_rng(5)

    def days(count):
        for level in rng.normal(0, 1.2, count):
            x = rng.normal(level, 0.8, 500)
            label = (rng.random(500) < logistic(1.8 * level + 0.2 * (x - level))).astype(int)
            yield {"label": label, "prediction": (x > 0).astype(int), "score": logistic(x)}

    past = list(days(60))
    reference = {name: np.concatenate([day[name] for day in past]) for name in past[0]}
    plain = calibrate("binary", **reference)
    seen = calibrate("binary", **reference, block=np.arange(30_000) // 500)
    apart = {"plain": [], "seen": []}
    for day in days(30):
        auc = realised(day)["roc_auc"]
        for name, calibration in (("plain", plain), ("seen", seen)):
            apart[name].append(abs(estimated(calibration, day)["roc_auc"].value - auc))
    assert np.mean(apart["seen"]) < 0.8 * np.mean(apart["plain"])


def test_importance_weights_show_the_score_that_holds_after_a_shift():
    """A hidden half whose scores mean something else becomes the whole."""
    rng = np.random.default_rng(6)
    honest, lying = rows(10_000, rng), rows(10_000, rng, truth=TRUTHS["overconfident"])
    reference = {name: np.concatenate([honest[name], lying[name]]) for name in honest}
    today = rows(20_000, rng, truth=TRUTHS["overconfident"])
    truth = realised(today)["roc_auc"]
    plain, weighted = (
        estimated(calibrate("binary", **reference, rows=n), today)["roc_auc"]
        for n in (None, np.repeat([0.0, 1.0], 10_000))
    )
    assert abs(weighted.value - truth) < abs(plain.value - truth) / 3
    assert not plain.low <= truth <= plain.high
    assert weighted.low <= truth <= weighted.high


def test_a_reference_of_fewer_rows_is_less_sure():
    rng = np.random.default_rng(7)
    reference, current = rows(20_000, rng), rows(50_000, rng)
    reaches = [
        np.ptp(
            estimated(calibrate("binary", **reference, rows=np.full(20_000, n)), current)["f1"][1:3]
        )
        for n in (0.05, 1.0)
    ]
    assert reaches[0] > 1.4 * reaches[1]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 8191), st.integers(1, 60)),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_counted_rows_are_rows_in_whatever_order(cells, random):
    label, prediction, bins, n = (np.array(one) for one in zip(*cells, strict=True))
    counted = {"label": label, "prediction": prediction, "score": score_of_bin(bins)}
    order = np.repeat(np.arange(len(cells)), n)
    random.shuffle(order)
    spread = {name: values[order] for name, values in counted.items()}
    block = np.arange(len(cells)) % 3
    answers = [
        calibrate("binary", **counted, rows=n, block=block).estimate(
            prediction=prediction,
            score=counted["score"],
            rows=n,
            rng=np.random.default_rng(0),
        ),
        estimated(calibrate("binary", **spread, block=block[order]), spread),
    ]
    for name in BINARY:
        assert answers[0][name] == pytest.approx(answers[1][name], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("label", "score"),
    [([1, 1, 1], [0.2, 0.5, 0.9]), ([0, 1, 0], [0.5] * 3), ([1], [1.0]), ([0, 1], [0.0, 1.0])],
    ids=["one class", "one score", "one row", "certain"],
)
def test_a_poor_reference_gives_numbers_and_no_exception(label, score):
    calibration = calibrate("binary", label=label, prediction=label, score=score)
    found = estimated(calibration, rows(300, np.random.default_rng(8)))
    assert all(0 <= found[name].low <= found[name].value <= found[name].high for name in BINARY)
    nothing = estimated(calibration, {"prediction": [], "score": []})
    assert all(np.isnan(one.value) and one.n == 0 for one in nothing.values())
    alone = estimated(calibration, {"prediction": [0], "score": [0.3]})
    assert np.isnan(alone["precision"].value)
    assert alone["recall"].value == 0


def test_missing_answers_are_left_out_and_spellings_are_one():
    reference = rows(2000, np.random.default_rng(9))
    calibration = calibrate("binary", **reference)
    plain = {"prediction": [1, 0, 0], "score": [0.9, 0.2, 0.3]}
    holes = {
        "prediction": ["true", None, "0", "0", "1"],
        "score": [0.9, 0.5, 0.2, 0.3, np.nan],
    }
    assert estimated(calibration, plain) == estimated(calibration, holes)


def test_what_cannot_be_estimated_from_says_so():
    with pytest.raises(UnusableEstimate, match="whose labels have arrived"):
        calibrate("binary", label=[None], prediction=[1], score=[0.5])
    with pytest.raises(UnusableOutcome, match=r"score 1\.5"):
        calibrate("binary", label=[1], prediction=[1], score=[1.5])
    with pytest.raises(UnusableOutcome, match="label 'late'"):
        calibrate("binary", label=["late"], prediction=[1], score=[0.5])


def classes(n, rng, share):
    names = np.array(["bus", "car", "van"])
    predicted = rng.choice(3, n, p=share)
    score = rng.uniform(0.4, 1, n)
    right = rng.random(n) < score ** (1 + predicted)
    other = (predicted + rng.choice([1, 2], n, p=[0.8, 0.2])) % 3
    label = names[np.where(right, predicted, other)]
    return {"label": label, "prediction": names[predicted], "score": score}


def test_several_classes_are_estimated_from_the_score_of_the_predicted_one():
    rng = np.random.default_rng(10)
    calibration = calibrate("multiclass", **classes(20_000, rng, [0.6, 0.3, 0.1]))
    held = []
    for _ in range(12):
        today = classes(2000, rng, [0.2, 0.5, 0.3])
        found = estimated(calibration, today)
        label, prediction = today["label"], today["prediction"]
        truth = {
            "accuracy": sklearn_metrics.accuracy_score(label, prediction),
            "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(label, prediction),
            **{
                name: getattr(sklearn_metrics, f"{name}_score")(label, prediction, average="macro")
                for name in ("precision", "recall", "f1")
            },
        }
        assert set(found) == set(truth)
        held += [one.low <= truth[name] <= one.high for name, one in found.items()]
    assert np.mean(held) >= 0.85
    assert np.ptp(found["f1"][1:3]) < 0.08


def test_a_class_that_the_reference_never_predicted_is_no_exception():
    rng = np.random.default_rng(11)
    calibration = calibrate("multiclass", **classes(500, rng, [0.5, 0.5, 0.0]))
    found = estimated(calibration, {"prediction": ["tram", "car"], "score": [0.8, 0.7]})
    assert 0 < found["accuracy"].value < 1
    nothing = estimated(calibration, {"prediction": [], "score": []})
    assert np.isnan(nothing["accuracy"].value)

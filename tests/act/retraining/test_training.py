"""A new version from the owner's trainer, with all that monitoring will need of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier

from monitoring_dagster.act.retraining import training
from monitoring_dagster.act.retraining.training import (
    BadTrainer,
    LabelledFeatures,
    NoScore,
    answers,
    code_hash,
    row_losses,
    train,
    trainer_of,
)
from tests.tiny import DAY, after, monitor_of, spec_of

HERE = "tests.act.retraining.test_training"
PLAIN = {"predictions": {"path": "{day}.parquet"}}
NUMBERS = PLAIN | {"task": "regression"}
trained = []  # how many rows each training saw


def fit(rows, labels):
    trained.append(len(rows))
    return LogisticRegression().fit(rows, labels)


def fit_numbers(rows, labels):
    return LinearRegression().fit(rows, labels)


def fit_without_probabilities(rows, labels):
    trained.append(len(rows))
    return RidgeClassifier().fit(rows, labels)


@pytest.fixture(autouse=True)
def _none_trained():
    trained.clear()


@pytest.fixture
def trainer(monkeypatch):
    """Let the owner's function be this one."""

    def is_(function):
        monkeypatch.setattr(training, "trainer_of", lambda _: function)

    return is_


def rows(days=6, a_day=40, *, numbers=False):
    """Labelled rows; only `age` tells of the label."""
    rng = np.random.default_rng(days)
    n = days * a_day
    age = rng.normal(size=n)
    label = 3 * age if numbers else (age + rng.logistic(size=n) / 2 > 0).astype(int)
    return LabelledFeatures(
        pd.DataFrame({"age": age, "noise": rng.normal(size=n)}),
        pd.Series(label),
        pd.Series([after(-1 - number // a_day) for number in range(n)]),
        pd.DataFrame({"country": rng.choice(["DE", "FR"], n)}),
    )


def test_a_version_is_described_by_what_it_never_saw(tmp_path, trainer):
    trainer(fit)
    found = train(monitor_of(tmp_path), rows(), rows(2))
    assert found.training_window == (after(-6), after(-1))
    assert set(found.reference.column_names) == {
        "age", "noise", "country", "label", "day", "prediction", "score"
    }  # fmt: skip
    assert trained == [240, 160, 160, 160], "itself, and three folds of whole days"
    assert found.importances["age"] > 10 * abs(found.importances["noise"])
    assert 0.7 < found.baseline["accuracy"] < 1
    assert np.isfinite(list(found.baseline.values())).all()
    assert found.sample.shape == (100, 2)


def test_the_reference_holds_answers_about_rows_of_other_days(tmp_path, trainer):
    """Trees that know each row by heart answer at random about a day that they did not see."""
    from sklearn.tree import DecisionTreeClassifier

    given = rows()
    random = given.labels.sample(frac=1, random_state=0, ignore_index=True)
    given = LabelledFeatures(given.features, random, given.days, given.segments)
    trainer(lambda x, y: DecisionTreeClassifier(random_state=0).fit(x, y))
    found = train(monitor_of(tmp_path), given, rows(2)).reference
    right = np.equal(found["label"], found["prediction"]).mean()
    assert right < 0.7


def test_of_a_single_day_the_answers_are_the_models_own(tmp_path, trainer):
    trainer(fit)
    train(monitor_of(tmp_path), rows(1), rows(1))
    assert trained == [40, 40]


def test_what_it_cannot_answer_is_told_before_the_long_part(tmp_path, trainer):
    trainer(fit_without_probabilities)
    with pytest.raises(NoScore) as caught:
        train(monitor_of(tmp_path), rows(), rows(2))
    assert str(caught.value) == (
        "a RidgeClassifier has no predict_proba, and predictions.score 'score' is a probability:"
        " let retraining.trainer return a model that has it, such as CalibratedClassifierCV around"
        " it"
    )
    assert trained == [240]


@pytest.mark.parametrize(
    ("changed", "function", "names"),
    [
        pytest.param({}, fit, {"prediction", "score"}, id="with scores"),
        pytest.param(PLAIN, fit_without_probabilities, {"prediction"}, id="without"),
        pytest.param(NUMBERS, fit_numbers, {"prediction"}, id="numbers"),
    ],
)
def test_what_a_model_says_under_the_names_of_the_log(changed, function, names):
    given = rows()
    model = function(given.features, given.labels)
    said = answers(spec_of(**changed), model, given.features)
    assert set(said) == names
    assert {len(one) for one in said.values()} == {240}


def test_of_classes_the_score_is_that_of_the_predicted_one():
    given = rows()
    names = given.labels.map({0: "no", 1: "yes"})
    model = LogisticRegression().fit(given.features, names)
    said = answers(spec_of(task="multiclass"), model, given.features)
    assert said["score"].min() >= 0.5
    assert np.allclose(said["score"], model.predict_proba(given.features).max(axis=1))


@pytest.mark.parametrize(
    ("changed", "function", "numbers", "expected"),
    [
        pytest.param({}, fit, False, "log loss", id="with scores"),
        pytest.param(PLAIN, fit, False, "wrong", id="without: wrong or right"),
        pytest.param(NUMBERS, fit_numbers, True, "error", id="numbers"),
    ],
)
def test_the_loss_of_each_row(changed, function, numbers, expected):
    given = rows(numbers=numbers)
    model = function(given.features, given.labels)
    found = row_losses(spec_of(**changed), model, given.features, given.labels)
    truth, said = given.labels.to_numpy(), model.predict(given.features)
    if expected == "log loss":
        score = model.predict_proba(given.features)[:, 1]
        assert np.allclose(found, -np.log(np.where(truth == 1, score, 1 - score)))
    elif expected == "wrong":
        assert found.tolist() == (truth != said).astype(float).tolist()
    else:
        assert np.allclose(found, np.abs(truth - said))


class Sure:
    """Says 1 with certainty."""

    def predict_proba(self, features):
        return np.tile([0.0, 1.0], (len(features), 1))


def test_a_score_that_was_sure_and_wrong_costs_much_and_not_infinitely():
    found = row_losses(spec_of(), Sure(), pd.DataFrame({"a": [1, 2]}), pd.Series([0, 1]))
    assert 30 < found[0] < 40
    assert found[1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("no.such.module:train", "No module named 'no'"),
        (f"{HERE}:no_such_function", "has no attribute 'no_such_function'"),
    ],
)
def test_a_trainer_that_is_not_there_is_named_with_the_form(place, words):
    with pytest.raises(BadTrainer) as caught:
        trainer_of(spec_of(retraining={"trainer": place}))
    assert words in str(caught.value)
    assert "train(rows, labels) as package.module:function" in str(caught.value)


def test_the_file_that_holds_the_trainer_is_known_by_its_digest():
    spec = spec_of(retraining={"trainer": "tests.world:train_classifier"})
    assert code_hash(spec) == code_hash(spec)
    assert len(code_hash(spec)) == 64
    other = spec_of(retraining={"trainer": "tests.scenarios.test_retraining:told"})
    assert code_hash(other) != code_hash(spec)


def test_rows_are_split_by_the_days_that_have_any():
    given = rows(4)
    before, last = given.split(1)
    assert (before.count, last.count) == (120, 40)
    assert set(last.days) == {after(-1)}
    assert list(last.features.index) == list(range(40))
    assert len(last.further) == 0


def test_what_the_owners_metric_needs_goes_along():
    given = rows(2)
    given = LabelledFeatures(given.features, given.labels, given.days, given.segments,
                             pd.DataFrame({"amount": range(80)}))  # fmt: skip
    assert given.on([after(-1)]).further["amount"].tolist() == list(range(40))
    assert given.on([DAY]).count == 0

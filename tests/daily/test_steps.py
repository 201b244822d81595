"""Which steps a day goes through: in order, and those that the model has data and a wish for."""

from datetime import date

import pytest

from monitoring_dagster.daily.steps import STEPS, steps_of
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS
from tests.tiny import monitor_of

ALWAYS = ["contract", "profile", "drift", "estimate", "verdict"]
OF_LABELS = ["outcomes", "evaluation", "attribution"]
REVIEW = {"review": {}, "further_labels": {"human": {"path": "human/{day}.parquet"}}}


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        pytest.param({"labels": None}, [], id="no labels"),
        pytest.param({}, OF_LABELS, id="labels"),
        pytest.param(REVIEW, [*OF_LABELS, "review"], id="reviews"),
        pytest.param({"labels": None, "multivariate_drift": True}, ["multivariate"],
                     id="all features together"),
    ],
)  # fmt: skip
def test_a_model_has_the_steps_that_it_has_data_and_a_wish_for(tmp_path, changed, more):
    names = [step.name for step in steps_of(monitor_of(tmp_path, **changed))]
    assert set(names) == {*ALWAYS, *more}
    assert names == [step.name for step in STEPS if step.name in names]


def test_what_a_step_is_made_from_comes_before_it():
    done = [PREDICTIONS, LABELS]
    for step in STEPS:
        assert set(step.upstream) <= set(done), step.name
        done.append(step.name)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_each_step_can_be_run_and_tells_what_it_answers(step):
    assert callable(step.run)
    assert step.description.endswith(".")
    assert all(question.endswith("?") for question in step.checks.values())


@pytest.mark.parametrize(
    ("day", "week"),
    [
        pytest.param(date(2026, 3, 8), date(2026, 3, 2), id="a Sunday ends the week"),
        pytest.param(date(2026, 3, 7), None, id="a Saturday ends none"),
        pytest.param(date(2026, 3, 9), None, id="nor does a Monday"),
    ],
)
def test_a_weekly_step_is_run_for_the_week_that_ends(day, week):
    for step in STEPS:
        assert step.ending_on(day) == (week if step.weekly else day)


def test_only_the_verdict_builds_on_the_day_before_it():
    assert [step.name for step in STEPS if step.in_order] == ["verdict"]
    assert [step.name for step in STEPS if step.looks_ahead] == ["evaluation", "attribution"]

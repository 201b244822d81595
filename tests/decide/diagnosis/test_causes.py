"""A cause is called as people call it, and asks for one thing to do first."""

from datetime import date

import pytest

from monitoring_dagster.decide.diagnosis.causes import (
    LEARNING,
    CauseKind,
    Diagnosis,
    LikelyCause,
    Remedy,
)
from monitoring_dagster.kinds import FindingKind

DAY = date(2026, 3, 9)


def likely(cause=CauseKind.CONCEPT_DRIFT, weight=1.0, **changes):
    fields = {
        "action": Remedy.RETRAIN,
        "rule": "performance_drop",
        "evidence": ("log_loss 0.71 against 0.45",),
        "explains": (FindingKind.PERFORMANCE_DROP,),
    }
    return LikelyCause(cause=cause, weight=weight, **(fields | changes))


def test_a_cause_says_its_weight_its_strongest_evidence_and_what_to_do():
    assert likely(weight=0.87).words == (
        "concept drift (87%): log_loss 0.71 against 0.45. Recommended: retrain"
    )


def test_a_version_at_fault_is_named():
    found = likely(CauseKind.NEW_VERSION, version="7", action=Remedy.ROLL_BACK)
    assert found.title == "new version 7"
    assert found.first_step("churn").startswith("Take version 7 out of the traffic")
    assert "monitoring-dagster model rollback churn" in found.first_step("churn")


@pytest.mark.parametrize("action", Remedy)
def test_every_action_has_a_first_step_that_leaves_no_blank_open(action):
    step = likely(action=action).first_step("churn")
    assert step[-1] in ".`"
    assert "{" not in step


def test_only_what_is_broken_or_deployed_holds_a_retraining_up():
    assert set(Remedy) - LEARNING == {
        Remedy.FIX_PIPELINE,
        Remedy.ROLL_BACK,
        Remedy.COLLECT_LABELS,
    }


@pytest.mark.parametrize(
    ("weights", "leads"),
    [
        pytest.param([], False, id="nothing is wrong"),
        pytest.param([1.0], True, id="one alone"),
        pytest.param([0.5, 0.5], True, id="exactly half is enough"),
        pytest.param([0.49, 0.3, 0.21], False, id="none outweighs the others together"),
    ],
)
def test_a_cause_leads_where_it_outweighs_all_others(weights, leads):
    causes = tuple(likely(weight=weight) for weight in weights)
    assert bool(Diagnosis(DAY, causes).leading) is leads


def test_one_weak_sign_leads_nobody():
    (weak, sure) = (likely(strength=one) for one in (0.59, 0.6))
    assert Diagnosis(DAY, (weak,)).leading is None
    assert Diagnosis(DAY, (weak,)).of({FindingKind.PERFORMANCE_DROP}) is None
    assert Diagnosis(DAY, (sure,)).leading is sure


def test_a_problem_is_called_by_the_cause_that_explains_its_own_rules():
    drift, late = (
        likely(weight=0.4),
        likely(CauseKind.LABEL_PROCESS, 0.6, explains=(FindingKind.LATE_LABELS,)),
    )
    diagnosis = Diagnosis(DAY, (late, drift))
    assert diagnosis.of({FindingKind.PERFORMANCE_DROP}) is drift
    assert diagnosis.of({FindingKind.LATE_LABELS, FindingKind.LABEL_DELAY}) is late
    assert diagnosis.of({FindingKind.MISSING_DAY}) is None


def test_a_problem_that_two_causes_share_evenly_is_called_by_the_first():
    one, other = likely(weight=0.5), likely(CauseKind.COVARIATE_SHIFT, 0.5)
    assert Diagnosis(DAY, (one, other)).of({FindingKind.PERFORMANCE_DROP}) is one


def test_a_day_on_which_nothing_is_wrong_says_so():
    assert Diagnosis(DAY).words == "no likely cause: nothing is wrong"

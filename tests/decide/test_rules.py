"""The catalogue has one row for each kind of finding, and the sets taken from it hold."""

import pytest

from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.decide.rules import (
    BLOCK_RETRAINING,
    HEAL,
    RULES,
    Evidence,
    OnCallStep,
    judged_with,
)
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.rules.own_rule import step_of


def test_every_kind_of_finding_is_a_row():
    assert set(RULES) == set(FindingKind)


@pytest.mark.parametrize("kind", FindingKind)
def test_a_row_can_be_read_by_people(kind):
    rule = RULES[kind]
    assert rule.title == kind.replace("_", " ")
    assert rule.first_step[0].isupper()
    assert rule.first_step[-1] in ".?"


def test_a_rule_shows_in_an_asset_of_the_model():
    assert {rule.asset for rule in RULES.values()} <= {one.name for one in STEPS} | {"retraining"}


def test_only_the_fallback_has_no_rule_of_its_own():
    assert {rule.on_call for rule in RULES.values()} == set(OnCallStep) - {OnCallStep.FALLBACK}


def test_what_must_not_be_learnt_from_heals_once_it_is_delivered_anew():
    """Else a repaired delivery would hold retraining up for good."""
    assert BLOCK_RETRAINING
    assert BLOCK_RETRAINING < HEAL


def test_a_rule_is_judged_by_one_evidence_alone():
    counted = [kind for one in Evidence for kind in judged_with({one})]
    assert sorted(counted) == sorted(FindingKind)


def test_a_day_without_rows_says_nothing_of_columns():
    assert judged_with({Evidence.FILES}) == {
        FindingKind.MISSING_DAY,
        FindingKind.EMPTY_DAY,
        FindingKind.UNREADABLE_DATA,
    }


def test_two_rules_are_never_stated_by_one_signal():
    stated = [name for rule in RULES.values() for name in rule.stated_as]
    assert len(stated) == len(set(stated))


@pytest.mark.parametrize("kind", [kind for kind, rule in RULES.items() if rule.stated_as])
def test_a_statement_is_a_signal_that_a_step_writes_and_is_called_as_its_rule(kind):
    for name in RULES[kind].stated_as:
        assert step_of(name) in {one.name for one in STEPS}
        assert name.partition(".")[2] == kind

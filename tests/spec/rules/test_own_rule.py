"""An own rule names a signal that a step writes, a limit, and days in which it can hold."""

import pytest
from pydantic import ValidationError

from monitoring_dagster.spec.rules.own_rule import AREAS, OwnRule, step_of
from tests.spec.written import told

ERRORS = {"signal": "service.error_rate", "above": 0.1}


@pytest.mark.parametrize(
    ("signal", "step"),
    [
        pytest.param("service.error_rate", "profile", id="a number of the service"),
        pytest.param("drift.psi", "drift", id="a number of drift"),
        pytest.param("outside.complaints.rate", "verdict", id="a dot in the quantity"),
        pytest.param("service", None, id="no quantity"),
        pytest.param("service.", None, id="an empty quantity"),
        pytest.param(".error_rate", None, id="no area"),
        pytest.param("Service.error_rate", None, id="a capital"),
        pytest.param("weather.rain", None, id="an area that nobody writes"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_which_step_writes_a_signal(signal, step):
    assert step_of(signal) == step


@pytest.mark.parametrize("area", AREAS)
def test_a_signal_of_every_area_may_have_a_rule(area):
    assert OwnRule(signal=f"{area}.anything", below=1).signal == f"{area}.anything"


def test_what_is_not_written_is_one_breach_of_one_day_told_within_a_business_day():
    rule = OwnRule(**ERRORS)
    assert (rule.breaches, rule.of_days, rule.min_rows, rule.severity) == (1, 1, 1, "P2")
    assert (rule.subject, rule.segment, rule.below, rule.from_baseline) == (None, None, None, False)


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        pytest.param({"signal": "servce.error_rate"}, "signal", "Did you mean 'service'?",
                     id="a misspelt area"),
        pytest.param({"signal": "error_rate"}, "signal", "write area.quantity", id="no area"),
        pytest.param({"signal": "a\x1b[2J.b"}, "signal", r"'a\x1b[2J.b' is no signal",
                     id="what a terminal obeys"),
        pytest.param({"above": None}, "signal", "give a limit: `above`, `below`, or both",
                     id="no limit"),
        pytest.param({"breaches": 2}, "breaches", "breaches 2 can never happen in of_days 1",
                     id="more breaches than days"),
        pytest.param({"of_days": 32}, "of_days", "less than or equal to 31", id="beyond a month"),
        pytest.param({"breaches": 0}, "breaches", "greater than or equal to 1", id="no breach"),
        pytest.param({"min_rows": 0}, "min_rows", "greater than or equal to 1", id="no rows"),
        pytest.param({"above": float("nan")}, "above", "finite", id="a limit that is no number"),
        pytest.param({"above": "0.1"}, "above", "without quotes", id="a limit in quotes"),
        pytest.param({"subject": " "}, "subject", "nothing is written here", id="a blank subject"),
        pytest.param({"severity": "P4"}, "severity", "'P0', 'P1', 'P2' or 'P3'",
                     id="a severity that is none"),
        pytest.param({"first_step": "post to hooks.slack.com/x"}, "first_step", "a secret",
                     id="a webhook in words"),
    ],
)  # fmt: skip
def test_a_rule_that_could_never_speak_is_refused_with_its_place(written, place, words):
    ((found, message),) = told("rules.own", {"x": ERRORS | written})
    assert found == f"rules.own.x.{place}"
    assert words in message
    assert message.isprintable()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"breaches": 31, "of_days": 31}, id="every day of a month"),
        pytest.param({"above": None, "below": 0.0}, id="a lower limit of zero"),
        pytest.param({"above": 0.0, "below": 0.0}, id="anything but zero"),
        pytest.param({"above": -1.5}, id="a limit below zero"),
    ],
)
def test_a_rule_that_can_speak_is_taken(written):
    assert told("rules.own", {"x": ERRORS | written}) == []


@pytest.mark.parametrize("name", ["my-rule", "1st", "a b"])
def test_a_rule_has_a_plain_name(name):
    ((_, message),) = told("rules.own", {name: ERRORS})
    assert "no plain identifier" in message


def test_a_rule_cannot_be_changed_afterwards():
    with pytest.raises(ValidationError, match="frozen"):
        OwnRule(**ERRORS).above = 9.0

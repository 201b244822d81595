"""What goes wrong in many models at once is one problem; in a few it is theirs."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.fleet import (
    FLEET,
    advance_fleet,
    is_said_of_fleet,
    signs_of_fleet,
)
from monitoring_dagster.kinds import FindingKind, Reason, Severity
from tests.incidents import standing

DAY = date(2026, 1, 5)
MISSING = FindingKind.MISSING_DAY


def of(model, *, days=0, severity=Severity.P1):
    one = standing("file", day=DAY + timedelta(days=days), kind=MISSING, severity=severity)
    return replace(one, model=model)


def cause(model):
    return Finding(model, DAY, MISSING, "file", Severity.P1, "no file arrived", "contract")


def signs(*incidents, models=4, fleet=None, days=0):
    causes = {one.model: cause(one.model) for one in incidents}
    day = DAY + timedelta(days=days)
    return signs_of_fleet(fleet, incidents, causes, models=models, day=day)


def opened(*names):
    return advance_fleet(None, signs(*map(of, names)), day=DAY, remind_every_days=7)[0]


@pytest.mark.parametrize(
    ("begun", "models", "is_wide"),
    [
        pytest.param({"a": 0, "b": 0}, 2, False, id="two are two"),
        pytest.param({"a": 0, "b": 0, "c": 0}, 6, True, id="half of all"),
        pytest.param({"a": 0, "b": 0, "c": 0}, 7, False, id="less than half"),
        pytest.param({"a": 0, "b": 1, "c": 1}, 3, True, id="a day apart"),
        pytest.param({"a": 0, "b": 1, "c": 2}, 3, False, id="one after the other"),
        pytest.param({"z": -9, "a": 0, "b": 0, "c": 0}, 4, True, id="beside an old one"),
    ],
)
def test_many_at_once_are_a_fleet(begun, models, is_wide):
    found = signs(*(of(name, days=days) for name, days in begun.items()), models=models)
    assert bool(found) == is_wide
    if is_wide:
        assert [one.subject for one in found] == ["a", "b", "c"]
        assert {one.model for one in found} == {FLEET}
        assert found[0].brief == f"3 of {models} models: a, b, c"


def test_it_goes_on_while_one_of_them_has_it_and_ends_with_the_last():
    fleet = opened("a", "b", "c")
    left = signs(of("c"), fleet=fleet, days=2)
    again, reason = advance_fleet(fleet, left, day=DAY + timedelta(days=2), remind_every_days=7)
    assert (again.id, again.closed_on, reason) == (fleet.id, None, None)
    after, reason = advance_fleet(again, [], day=DAY + timedelta(days=3), remind_every_days=7)
    assert (after.closed_on, reason) == (DAY + timedelta(days=3), Reason.RESOLVED)
    assert advance_fleet(after, [], day=DAY, remind_every_days=7) == (after, None)
    assert advance_fleet(None, [], day=DAY, remind_every_days=7) == (None, None)


def test_who_joins_later_is_no_news_and_an_older_problem_is_none_of_it():
    fleet = opened("a", "b", "c")
    more = signs(of("old", days=-5), *map(of, "abc"), of("d", days=3), fleet=fleet, days=3)
    assert [one.subject for one in more] == ["a", "b", "c", "d"]
    after, reason = advance_fleet(fleet, more, day=DAY + timedelta(days=3), remind_every_days=7)
    assert (len(after.firing), after.told.day, reason) == (4, DAY, None)
    urgent = [replace(one, severity=Severity.P0) for one in more]
    _, reason = advance_fleet(after, urgent, day=DAY + timedelta(days=3), remind_every_days=7)
    assert reason is Reason.WORSE
    _, reason = advance_fleet(after, more, day=DAY + timedelta(days=7), remind_every_days=7)
    assert reason is Reason.REMINDER


def test_a_model_that_is_judged_for_an_earlier_day_moves_it_as_well():
    fleet = opened("a", "b", "c")
    later = replace(fleet, judged_on=DAY + timedelta(days=1))
    found = signs(*map(of, "abcd"), fleet=later)
    after, reason = advance_fleet(later, found, day=DAY, remind_every_days=7)
    assert (reason, after.judged_on) == (None, later.judged_on)
    assert len(after.firing) == 4


@pytest.mark.parametrize(
    ("model", "severity", "reason", "is_said"),
    [
        pytest.param("a", "P1", Reason.FIRST, True, id="it is said of all"),
        pytest.param("a", "P1", Reason.REMINDER, True, id="and repeated of all"),
        pytest.param("a", "P0", Reason.WORSE, False, id="what is more urgent is told"),
        pytest.param("a", "P1", Reason.RESOLVED, False, id="and so is its end"),
        pytest.param("a", "P1", None, False, id="of nothing there is nothing to say"),
        pytest.param("d", "P1", Reason.FIRST, False, id="another one speaks for itself"),
    ],
)
def test_what_a_fleet_says_no_model_repeats(model, severity, reason, is_said):
    fleet = opened("a", "b", "c")
    assert is_said_of_fleet(of(model, severity=Severity(severity)), reason, fleet) is is_said
    assert not is_said_of_fleet(of(model), reason, None)
    closed, _ = advance_fleet(fleet, [], day=DAY, remind_every_days=7)
    assert not is_said_of_fleet(of(model), reason, closed)

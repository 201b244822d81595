"""What a step states to hold is a finding of its rule, in the words of the step."""

from datetime import date, timedelta
from math import nan

import pytest

from monitoring_dagster.decide.judging.statements import OF_WEEK, of_newest_week, stated_findings
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec

MONDAY = date(2026, 3, 2)
SPEC = ModelSpec.model_validate(
    {
        "name": "churn",
        "owner": "team:growth",
        "task": "binary",
        "predictions": {"path": "data/{day}.parquet"},
    }
)
STATEMENTS = [(kind, name) for kind, rule in RULES.items() for name in rule.stated_as]


def findings(*signals, day=MONDAY, traffic=None):
    return list(stated_findings(SPEC, day, signals, traffic))


@pytest.mark.parametrize(("kind", "name"), STATEMENTS)
def test_a_statement_is_a_finding_of_its_rule(kind, name):
    (found,) = findings(Signal.stating(MONDAY, name, "income", "it is gone"))
    assert (found.kind, found.subject, found.words) == (kind, "income", "it is gone")
    assert found.severity is RULES[kind].severity


def test_a_number_states_nothing():
    assert findings(Signal.on(MONDAY, "service.error_rate", 1.0, n=9)) == []


@pytest.mark.parametrize("value", [0.0, nan], ids=["it does not hold", "nobody could tell"])
def test_only_what_holds_is_stated(value):
    assert findings(Signal.on(MONDAY, OF_WEEK, value)) == []


def test_a_step_may_take_it_to_be_less_urgent_than_its_rule():
    minor = Signal.stating(MONDAY, "contract.schema_breach", "x", "new", severity=Severity.P3)
    (found,) = findings(minor)
    assert found.severity is Severity.P3
    assert found.with_severity(Severity.P1).severity is Severity.P1  # the owner's word counts


def test_one_about_a_version_is_as_urgent_as_its_part_of_the_traffic():
    served = MONDAY - timedelta(days=9)
    stated = Signal.stating(
        served, "revision.revised_quality", "log_loss of version 2", "changed", version="2",
        known_on=MONDAY, severity=Severity.P2,
    )  # fmt: skip
    (found,) = findings(stated, traffic=Traffic("1", {"1": 1.0}))
    assert (found.severity, found.at_most) == (Severity.P3, Severity.P3)
    assert found.words == "changed; version 2 serves no more, champion is version 1"
    assert (found.day, found.about) == (MONDAY, served)


def week(monday, value):
    return Signal.over(monday, monday + timedelta(days=6), OF_WEEK, value, reason="apart")


@pytest.mark.parametrize(
    ("days_after_sunday", "is_told"),
    [(-1, False), (0, True), (6, True), (13, True), (14, False)],
    ids=["not over", "its last day", "the Saturday after", "not stale yet", "stale"],
)
def test_a_week_speaks_from_its_end_on_until_it_is_stale(days_after_sunday, is_told):
    log = LoadedSignals({MONDAY: [week(MONDAY, 1.0)]})
    day = MONDAY + timedelta(days=6 + days_after_sunday)
    assert bool(of_newest_week(log, day)) is is_told


def test_the_newest_week_counts_though_it_could_not_be_judged():
    following = MONDAY + timedelta(weeks=1)
    log = LoadedSignals({MONDAY: [week(MONDAY, 1.0)], following: [week(following, nan)]})
    (newest,) = of_newest_week(log, following + timedelta(days=6))
    assert newest.day == following
    assert findings(newest, day=following + timedelta(days=6)) == []


def test_the_finding_of_a_week_is_about_its_monday():
    (found,) = findings(week(MONDAY, 1.0), day=MONDAY + timedelta(days=8))
    assert (found.kind, found.about) == (FindingKind.MULTIVARIATE_DRIFT, MONDAY)

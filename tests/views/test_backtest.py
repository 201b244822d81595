"""A backtest says what other rules would have found, and sent, on the days that are stored."""

from dataclasses import replace

import pytest

from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.rules.alert_settings import ALERTS
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.views.backtest import backtest
from tests.world import attributes, day_after

BAD_DAYS = 6


@pytest.fixture(scope="module")
def lived(founded, tmp_path_factory):
    """A week in which the truth means the opposite, and the service is ill."""
    world = founded.copied_to(tmp_path_factory.mktemp("backtest"))
    world.changes_on = world.today
    for _ in range(BAD_DAYS + 3):
        log = world.served(world.today)
        log.loc[:60, "status"] = "error"
        world.write(world.today, log=log.assign(latency_ms=150.0))
        world.monitored(world.today)
        world.today = day_after(world.today)
    return world


def under(world, **rules):
    spec = world.spec_changes | {"rules": attributes()["rules"] | rules}
    return replace(world, spec_changes=spec).monitor


def days_of(found, kind):
    return list(found.found.get(kind, ()))


def stored(world, kind):
    found = world.monitor.ledger.findings("tiny", *(world.today.replace(day=1), world.today), kind)
    return sorted({one.day for one in found})


@pytest.mark.parametrize("kind", sorted(ALERTS))
def test_under_the_same_rules_it_finds_what_was_found(lived, kind):
    assert days_of(backtest(lived.monitor), kind) == stored(lived, kind)


def test_the_week_was_bad_enough_to_compare(lived):
    """Else the test above would compare nothing with nothing."""
    found = backtest(lived.monitor).found
    assert {
        FindingKind.PERFORMANCE_DROP,
        FindingKind.SERVICE_ERRORS,
        FindingKind.SLOW_SERVICE,
    } <= found.keys()


def test_it_sends_what_was_sent(lived):
    sent = [(one.day, str(one.kind), str(one.reason)) for one in backtest(lived.monitor).sent]
    told = [
        (one.told.day, str(one.kind), "")
        for one in lived.monitor.ledger.incidents("tiny")
        if one.told is not None
    ]
    assert {(day, kind) for day, kind, _ in told} <= {(day, kind) for day, kind, _ in sent}
    first = [one for one in sent if one[2] == "first seen"]
    assert len(first) == len(told)


@pytest.mark.parametrize(
    ("rules", "kind", "is_found"),
    [
        pytest.param({"service": {"max_error_rate": 0.9}}, FindingKind.SERVICE_ERRORS, False,
                     id="a higher limit"),
        pytest.param({"service": {"max_p99_ms": 1000}}, FindingKind.SLOW_SERVICE, False,
                     id="a slower service is allowed"),
        pytest.param({"alerts": {"performance_drop": {"enabled": False}}},
                     FindingKind.PERFORMANCE_DROP, False, id="turned off"),
        pytest.param({"own": {"ill": {"signal": "service.fallback_share", "below": 0.5}}},
                     FindingKind.OWN_RULE, True, id="a rule that was not there"),
        pytest.param({"alerts": {"performance_drop": {"breaches": 1}}},
                     FindingKind.PERFORMANCE_DROP, True, id="fewer days"),
        pytest.param({"drift": {"min_effect": 0.2},
                      "own": {"far": {"signal": "drift.psi", "subject": "score", "above": -1}}},
                     FindingKind.OWN_RULE, True, id="a distance stays what it was under new rules"),
    ],
)  # fmt: skip
def test_other_rules_find_something_else(lived, rules, kind, is_found):
    assert bool(days_of(backtest(under(lived, **rules)), kind)) is is_found


def test_a_wider_tolerance_leaves_the_floor(lived):
    """A truth that means the opposite makes the model worse than a constant, too."""
    wide, usual = (
        set(days_of(backtest(monitor), FindingKind.PERFORMANCE_DROP))
        for monitor in (
            under(lived, performance={"log_loss": {"absolute": 9}}),
            lived.monitor,
        )
    )
    assert wide
    assert wide < usual


def test_fewer_days_find_a_drop_sooner(lived):
    usual, sooner = (
        min(days_of(backtest(monitor), FindingKind.PERFORMANCE_DROP))
        for monitor in (
            lived.monitor,
            under(lived, alerts={"performance_drop": {"breaches": 1}}),
        )
    )
    assert sooner < usual


def test_a_rule_that_looks_at_other_days_together_is_named_as_not_judged(lived):
    found = backtest(under(lived, alerts={"segment_drop": {"of_days": 4, "breaches": 2}}))
    assert list(found.not_judged) == [FindingKind.SEGMENT_DROP]
    assert "rules.alerts.segment_drop.of_days is 4" in found.not_judged[FindingKind.SEGMENT_DROP]
    assert found.to_dict()["not_judged"].keys() == {"segment_drop"}
    assert backtest(lived.monitor).not_judged == {}


def test_days_that_were_stored_with_less_are_measured_anew(lived, tmp_path):
    """As an earlier version stored them."""
    rules = {"drift": {"min_effect": 0.01, "min_rows": 50}}
    expected = backtest(under(lived, **rules)).to_dict()
    world = lived.copied_to(tmp_path)
    results = world.monitor.results
    for day in results.days("tiny", DRIFT):
        table, notes = results.read("tiny", DRIFT, day), results.metadata("tiny", DRIFT, day)
        results.write("tiny", DRIFT, day, table.drop_columns(["usual_missing"]), metadata=notes)
    assert backtest(under(world, **rules)).to_dict() == expected


def test_a_rule_for_the_record_sends_nothing(lived):
    quiet = backtest(under(lived, alerts={"service_errors": {"severity": "P3"}}))
    assert days_of(quiet, FindingKind.SERVICE_ERRORS)
    assert FindingKind.SERVICE_ERRORS not in {one.kind for one in quiet.sent}


def test_it_reads_no_row_and_writes_nothing(lived):
    before = lived.memory()
    backtest(lived.monitor)
    assert lived.memory() == before

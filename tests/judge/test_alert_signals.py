"""How many messages a model sends, and how many are worth it, are numbers like any other."""

from dataclasses import replace
from datetime import timedelta
from math import isnan

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.judge.alert_signals import alert_signals
from monitoring_dagster.kinds import FindingKind, Severity
from tests.world import day_after


def signals(world, day):
    return {one.name: one for one in alert_signals(world.monitor, day)}


def test_messages_of_a_week_and_the_share_of_incidents_that_somebody_acted_on(founded, tmp_path):
    world = founded.copied_to(tmp_path)
    monitor, first = world.monitor, day_after(world.today, 30)
    ledger = replace(monitor).ledger
    calm = signals(world, first)
    assert (calm["alerts.messages"].value, calm["alerts.precision"].n) == (0, 0)
    assert isnan(calm["alerts.precision"].value)
    for number, kind in enumerate((FindingKind.SLOW_SERVICE, FindingKind.ORPHAN_LABELS)):
        one = Finding("tiny", first, kind, "x", Severity.P2, "slow", "profile")
        ledger.record_day(world.spec, first, [one], now=monitor.judged_at(first), judged={kind})
        if number:
            (open_,) = (found for found in ledger.open_incidents("tiny") if found.kind is kind)
            ended = Handling(open_.id, Action.RESOLVE, "ada", monitor.judged_at(first))
            ledger.handlings.record("tiny", ended)
    for number in range(1, 5):
        day = day_after(first, number)
        kinds = {FindingKind.SLOW_SERVICE}
        ledger.record_day(world.spec, day, [], now=monitor.judged_at(day), judged=kinds)
    later = day_after(first, 5)
    found = signals(world, later)
    assert (found["alerts.precision"].value, found["alerts.precision"].n) == (0.5, 2)
    assert found["alerts.messages"].value == 4, "two that began, and two ends"
    assert signals(world, day_after(first, 9))["alerts.messages"].value < 4
    assert later - first == timedelta(days=5)

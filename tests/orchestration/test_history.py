"""Backfills through Dagster: closed weeks are one digest a run, live days are told as ever."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from monitoring_dagster.act.notify.alerts import tell_left_behind
from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.decide.incidents import HEALING
from monitoring_dagster.kinds import FindingKind, Reason
from monitoring_dagster.report.events import Announcement, IncidentEvent
from monitoring_dagster.store.ledger.deliveries import Delivery
from monitoring_dagster.store.monitor import Monitor
from tests.orchestration.small_project import DAYS, DRIFTED, MISSING, run_days

STEPS = ("contract", "profile", "drift", "verdict")
LONG_AFTER = timedelta(days=60)


def at(monitor: Monitor, moment: datetime) -> Monitor:
    """The same model at another time."""
    house = replace(monitor.house, as_of=moment)
    vars(house)["registry"] = monitor.registry
    return Monitor(monitor.spec, house)


def messages(monitor: Monitor) -> list[Delivery]:
    """All that people got, oldest first."""
    while send(monitor.house, environment={}).sent:
        pass
    return monitor.ledger.deliveries.sent(limit=100)


def backfill(monitor: Monitor, instance: dg.DagsterInstance, days: Sequence[date]) -> None:
    assert run_days(monitor, instance, STEPS, days[0], days[-1]).success


def test_three_backfills_of_closed_weeks_are_three_digests_at_most(
    monitor: Monitor, instance: dg.DagsterInstance, tmp_path: Path
):
    """Twice over, and in the end the ledger knows what live days would have told it."""
    late = at(monitor, monitor.judged_at(DAYS[-1]) + LONG_AFTER)
    parts = [DAYS[:6], DAYS[6:9], DAYS[9:]]
    for part in [*parts, *parts]:
        backfill(late, instance, part)
    found = messages(late)
    assert [type(one.event) for one in found] == [Announcement] * len(found)
    assert 1 <= len(found) <= 3
    kinds = {one.kind for one in late.ledger.incidents()}
    assert {FindingKind.FEATURE_DRIFT, FindingKind.MISSING_DAY} <= kinds
    house = replace(late.house, ledger_url=f"sqlite:///{tmp_path}/live.db")
    live = Monitor(late.spec, house)
    for day in DAYS:
        vars(house)["registry"] = monitor.registry
        backfill(at(live, monitor.judged_at(day)), instance, [day])
    assert [replace(one, told=None) for one in live.ledger.incidents()] == [
        replace(one, told=None) for one in late.ledger.incidents()
    ]
    assert len(messages(live)) > len(found)


def test_an_outage_of_three_days_is_told_as_ever(monitor: Monitor, instance: dg.DagsterInstance):
    """Healed in one run some days later: every incident has its own thread."""
    healed = at(monitor, monitor.judged_at(DAYS[8]) + timedelta(hours=3))
    backfill(healed, instance, DAYS[:9])
    opened = {one.event.kind: one.event for one in messages(healed) if one.seq == 0}
    assert {type(one) for one in opened.values()} == {IncidentEvent}
    assert opened[FindingKind.MISSING_DAY].day == MISSING
    assert opened[FindingKind.FEATURE_DRIFT].day == DRIFTED


def test_what_history_leaves_open_gets_its_thread_on_the_first_live_day(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """One run over both: the digest names it as open, the live day opens its thread."""
    (monitor.root / f"data/predictions/{DAYS[9]}.parquet").unlink()
    today = at(monitor, monitor.judged_at(MISSING) + HEALING + timedelta(hours=1))
    assert today.is_history(MISSING)
    assert not today.is_history(DAYS[9])
    backfill(today, instance, DAYS)
    found = messages(today)
    (digest,) = [one.event for one in found if isinstance(one.event, Announcement)]
    assert "judged after the fact" in digest.words
    (first, *_) = [one.event for one in found if one.event.kind is FindingKind.MISSING_DAY
                   and isinstance(one.event, IncidentEvent)]  # fmt: skip
    assert (first.reason, first.day, first.opened_on) == (Reason.FIRST, DAYS[9], MISSING)


def test_a_run_that_died_before_its_digest_is_told_by_the_alerts_sensor(
    monitor: Monitor, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    late = at(monitor, monitor.judged_at(DAYS[-1]) + LONG_AFTER)
    monkeypatch.setattr("monitoring_dagster.orchestration.assets.tell_at_end", lambda *_: None)
    backfill(late, instance, DAYS[:6])
    tell_left_behind(late)
    assert messages(late) == [], "the run may still be under way"
    assert late.house.as_of is not None
    later = at(late, late.house.as_of + timedelta(hours=2))
    for _ in range(2):
        tell_left_behind(later)
    (digest,) = messages(later)
    assert isinstance(digest.event, Announcement)

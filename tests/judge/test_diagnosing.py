"""Diagnosis of a judged day: as its verdict stores it, Dagster shows it and a message says it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from monitoring_dagster.decide.diagnosis.causes import CauseKind, Diagnosis
from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.judge import verdict
from monitoring_dagster.judge.diagnosing import changes_until
from monitoring_dagster.store.days.diagnoses import diagnosis_of
from monitoring_dagster.store.ledger.decided.promotions import Promotion
from tests.tiny import DAY, after, keep, monitor_of


@pytest.fixture
def monitor(tmp_path):
    found = monitor_of(tmp_path, labels=None, rules={"service": {"max_error_rate": 0.1}})
    house = replace(found.house, as_of=found.judged_at(DAY) + timedelta(minutes=1))
    return house.monitor(found.spec)


def served(monitor, day=DAY, *, failed=0.0, **versions):
    rows = Signal.on(day, "volume.rows", 100.0, n=100)
    errors = Signal.on(
        day, "service.error_rate", failed, n=100, low=failed, high=failed, good=100 * failed,
        total=100,
    )  # fmt: skip
    named = {name.removeprefix("v"): rows for name, rows in versions.items()}
    keep(monitor, "profile", day, signals=[rows, errors], service={"rows": 100, "versions": named})


def promoted(monitor, version, previous, day):
    at = datetime.combine(day, time(12), UTC)
    change = Promotion("tiny", version, previous, "it is better", "ada", at)
    monitor.ledger.record_promotion(change)


def test_a_quiet_day_names_no_cause(monitor):
    served(monitor)
    report = verdict.run(monitor, DAY)
    assert diagnosis_of(monitor, DAY) == Diagnosis(DAY)
    assert not [one for one in report.words if one.startswith("likely cause")]


def test_the_verdict_the_asset_and_the_message_say_the_same(monitor):
    served(monitor, failed=0.5)
    report = verdict.run(monitor, DAY)
    (cause,) = diagnosis_of(monitor, DAY).causes
    assert cause.cause is CauseKind.SERVICE
    assert report.words["likely cause 1"] == cause.words
    delivery = monitor.ledger.deliveries.claim(now=monitor.house.now())
    assert delivery.event.cause == cause


class TestChanges:
    def of(self, monitor, day=DAY):
        return [(one.day, one.version) for one in changes_until(monitor, day)]

    def test_the_version_that_always_served_is_no_change(self, monitor):
        for n in range(3):
            served(monitor, after(n - 2), v1=100)
        assert self.of(monitor) == []

    def test_a_version_that_comes_beside_it_is_one(self, monitor):
        for n in range(-20, 1):
            served(monitor, after(n), v1=70, **({"v2": 30} if n >= -3 else {}))
        assert self.of(monitor) == [(after(-3), "2")]

    def test_one_that_paused_and_is_back_is_none(self, monitor):
        for n in range(-20, 1):
            served(monitor, after(n), v1=70, **({} if -6 < n < -2 else {"v2": 30}))
        assert self.of(monitor) == []

    def test_a_promotion_is_one_and_the_first_is_not(self, monitor):
        served(monitor, v1=100)
        promoted(monitor, "1", None, after(-10))
        promoted(monitor, "2", "1", after(-4))
        assert self.of(monitor) == [(after(-4), "2")]

    def test_who_comes_back_to_a_version_rolls_back(self, monitor):
        promoted(monitor, "1", None, after(-10))
        promoted(monitor, "2", "1", after(-4))
        promoted(monitor, "1", "2", after(-2))
        kinds = [one.kind for one in changes_until(monitor, DAY)]
        assert kinds == [ChangeKind.PROMOTION, ChangeKind.ROLLBACK]

    def test_what_somebody_noted_is_among_them(self, monitor):
        promoted(monitor, "1", None, after(-10))
        promoted(monitor, "2", "1", after(-4))
        at = datetime.combine(after(-5), time(8), UTC)
        monitor.ledger.note_change("tiny", Change(at, ChangeKind.CONFIG, "threshold 0.4"))
        assert self.of(monitor) == [(after(-5), ""), (after(-4), "2")]

    def test_what_lies_two_weeks_back_or_ahead_is_none(self, monitor):
        promoted(monitor, "1", "0", after(-15))
        promoted(monitor, "2", "1", after(1))
        assert self.of(monitor) == []

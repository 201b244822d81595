"""What nobody else would tell goes into the ledger once."""

from datetime import timedelta

import pytest

from monitoring_dagster.act.notify.alerts import (
    announce,
    note_failed_days,
    note_failed_run,
    tell_at_end,
    tell_left_behind,
)
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.models.registry import UnknownVersion
from tests.tiny import DAY, FakeMlflow, after, at, monitor_of, noon, told, with_mlflow

LATER = noon(after(90))


@pytest.fixture
def monitor(tmp_path):
    return with_mlflow(at(monitor_of(tmp_path), noon()), FakeMlflow("1"))


def tell(monitor, key="k", **more):
    return announce(
        monitor, FindingKind.RETRAINING, key=key, day=DAY, title="t", words="w", at=noon(), **more
    )


def test_once_for_each_key(monitor):
    assert [tell(monitor), tell(monitor), tell(monitor, "other")] == [True, False, True]
    assert told(monitor) == [("t", "w"), ("t", "w")]


def test_it_goes_to_the_owner_with_the_version_and_its_run(monitor):
    tell(monitor, version="1", dagster_run="d7")
    event = monitor.ledger.deliveries.claim(now=noon()).event
    assert (event.model, event.registered_model, event.owner) == ("tiny", "tiny", "team:small")
    assert (event.version, event.run_id, event.dagster_run) == ("1", "run 1", "d7")
    assert (event.day, event.at) == (DAY, noon())


def test_a_version_that_is_gone_is_no_announcement(monitor):
    with pytest.raises(UnknownVersion):
        tell(monitor, version="9")
    assert told(monitor) == []


def test_a_failed_run_is_told_once_however_often_somebody_notices_it(monitor):
    for _ in range(2):
        note_failed_run(monitor, run_id="r1", words="no space left")
    note_failed_run(monitor, run_id="r2", words="no space left")
    assert sorted(told(monitor)) == [
        ("A run of tiny failed", "run r1: no space left"),
        ("A run of tiny failed", "run r2: no space left"),
    ]


def test_days_that_fail_are_told_once_however_many_runs_try_them(monitor):
    for run in ("r1", "r2"):
        note_failed_days(monitor, words="2 March: locked", run_id=run)
    note_failed_days(monitor, words="3 March: locked", run_id="r3")
    assert sorted(words for _, words in told(monitor)) == ["2 March: locked", "3 March: locked"]


def test_no_password_goes_to_the_channel(monitor):
    note_failed_run(monitor, run_id="r1", words="postgresql://me:hunter2@db/ml, token=xoxb-1")
    ((_, words),) = told(monitor)
    assert words == "run r1: postgresql://***@db/ml, token=***"


def judge(monitor, day, *, now):
    """A bad day, judged when it was long over."""
    found = Finding("tiny", day, FindingKind.FEATURE_DRIFT, "age", Severity.P2, "off", "drift")
    monitor.ledger.record_day(monitor.spec, day, [found], now=noon(after(1, day)), history_at=now)


def test_a_run_over_days_long_over_tells_one_digest(monitor):
    later = at(monitor, LATER)
    for day in (DAY, after(1)):
        judge(later, day, now=LATER)
    tell_at_end(later, [])
    tell_at_end(later, [after(89)])
    assert told(later) == [], "none of these days is long over"
    for _ in range(2):
        tell_at_end(later, [DAY, after(1), after(89)])
    assert len(told(later)) == 1


@pytest.mark.parametrize(
    ("minutes", "digests"),
    [
        pytest.param(59, 0, id="it may still run"),
        pytest.param(60, 1, id="it must be over"),
    ],
)
def test_a_run_that_died_is_told_of_after_an_hour(monitor, minutes, digests):
    judge(monitor, DAY, now=LATER)
    later = at(monitor, LATER + timedelta(minutes=minutes))
    for _ in range(2):
        tell_left_behind(later)
    assert len(told(later)) == digests

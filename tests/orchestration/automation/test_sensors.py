"""What runs without a click, and what nobody may see."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from monitoring_dagster.act.notify.alerts import note_failed_run
from monitoring_dagster.act.notify.watch import OutOfOrder
from monitoring_dagster.act.retraining import trigger
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from monitoring_dagster.store.monitor import House
from tests.orchestration.small_project import FIRST, run_days

CANARY = "xoxb-canary-0123456789"


def sensor(monitor, name):
    return definitions_of(monitor).resolve_sensor_def(f"{monitor.name}_{name}")


def test_every_sensor_runs_by_default(monitor):
    sensors = definitions_of(monitor).sensors
    assert {one.name for one in sensors} == {
        f"churn_{name}"
        for name in ("automation", "alerts", "failed_runs", "late_files", "retraining")
    }
    assert {one.default_status for one in sensors} == {dg.DefaultSensorStatus.RUNNING}


def test_a_decision_is_one_run_however_often_the_sensor_looks(monitor, instance, monkeypatch):
    day, now = date(2026, 3, 5), datetime(2026, 3, 6, 6, tzinfo=UTC)
    decision = RetrainingDecision("churn", str(day), day, "retrain", "bad days", {}, now)
    monitor.ledger.record_decision(decision)
    monkeypatch.setattr(trigger, "pending_trigger", trigger.waiting_trigger)
    monkeypatch.setattr(House, "now", lambda house: now)

    def asked():
        context = dg.build_sensor_context(instance=instance)
        return sensor(monitor, "retraining").evaluate_tick(context).run_requests or []

    first, second = asked(), asked()
    assert [one.run_key for one in first] == [one.run_key for one in second]  # Dagster runs it once
    assert first[0].job_name == "retrain_churn"
    assert "bad days" in json.dumps(first[0].run_config)
    done = RetrainingDecision(
        "churn", trigger.result_id(str(day)), day, "rejected", "no better", {}, now
    )
    monitor.ledger.record_decision(done)
    assert asked() == []


def test_a_failed_run_is_told_once(monitor, instance):
    @dg.op
    def breaks():
        message = "the disk is full"
        raise dg.Failure(message)

    @dg.job(name="retrain_churn")
    def retrain_churn():
        breaks()

    result = retrain_churn.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="churn_failed_runs",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    for _ in range(2):
        sensor(monitor, "failed_runs")(context)
    waiting = monitor.ledger.deliveries.waiting(datetime.now(UTC))
    assert waiting.pending == 1


def test_alerts_land_in_the_outbox_while_there_is_no_token(monitor, instance, monkeypatch):
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    note_failed_run(monitor, run_id="r1", words="the disk is full")
    tick = sensor(monitor, "alerts").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert "1 sent" in tick.skip_message
    assert "the disk is full" in (monitor.house.outbox / "index.html").read_text()


def test_a_tick_fails_once_where_a_receiver_is_out_of_order(monitor, instance, monkeypatch):
    """The alerts sensor is red in Dagster when it notices, and not at each tick."""
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:9")  # and none for Slack
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    note_failed_run(monitor, run_id="r1", words="the disk is full")
    late = datetime.now(UTC) + timedelta(minutes=16)
    monkeypatch.setattr(House, "now", lambda house: late)
    context = dg.build_sensor_context(instance=instance)
    with pytest.raises(OutOfOrder, match="SLACK_BOT_TOKEN is not set in the environment"):
        sensor(monitor, "alerts").evaluate_tick(context)
    assert "1 failed" in sensor(monitor, "alerts").evaluate_tick(context).skip_message


@pytest.mark.parametrize("when", ["while the definitions load", "while a sensor ticks"])
def test_the_token_is_nowhere_to_be_seen(when, monitor, instance, monkeypatch, caplog, capfd):
    monkeypatch.setenv("SLACK_BOT_TOKEN", CANARY)
    repository = definitions_of(monitor).get_repository_def()
    seen = dg.serialize_value(RepositorySnap.from_def(repository))
    if when == "while a sensor ticks":
        sensor(monitor, "alerts").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert CANARY not in seen
    assert CANARY not in caplog.text + "".join(capfd.readouterr())
    assert re.search("churn_alerts", seen)


@pytest.mark.parametrize("outcome", ["wait", "rejected"])
def test_where_no_retraining_starts_the_ledger_says_why(monitor, instance, monkeypatch, outcome):
    run_days(
        monitor, instance, ["contract", "profile", "drift", "estimate", "verdict"], FIRST, FIRST
    )
    words = "log_loss worse than tolerated. Not now: the cool-down lasts until Friday."
    now = datetime(2026, 3, 3, 6, tzinfo=UTC)
    decision = RetrainingDecision("churn", str(FIRST), FIRST, outcome, words, {}, now)
    monitor.ledger.record_decision(decision)
    monkeypatch.setattr(trigger, "pending_trigger", trigger.waiting_trigger)
    tick = sensor(monitor, "retraining").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert tick.skip_message == f"as of {FIRST}: {outcome}. {words}"


def test_the_alerts_sensor_tells_the_week_before_it_sends(monitor, instance, monkeypatch):
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    monday = datetime(2026, 3, 9, 9, tzinfo=UTC)

    def ticks(now):
        monkeypatch.setattr(House, "now", lambda house: now)
        context = dg.build_sensor_context(instance=instance)
        return sensor(monitor, "alerts").evaluate_tick(context).skip_message

    assert ticks(monday - timedelta(days=7)).startswith("0 sent")
    day = date(2026, 3, 4)
    found = Finding("churn", day, FindingKind.LATE_LABELS, "x", Severity.P3, "late", "outcomes")
    monitor.ledger.record_day(monitor.spec, day, [found], now=monday - timedelta(days=4))
    assert [ticks(monday)[:6], ticks(monday)[:6]] == ["1 sent", "0 sent"]
    assert "1 P3 finding" in (monitor.house.outbox / "index.html").read_text()

"""A model at a glance: who serves, what is judged until when, which messages have not arrived."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.act.notify.alerts import announce
from monitoring_dagster.decide.diagnosis.causes import CauseKind, Diagnosis, LikelyCause, Remedy
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.days.diagnoses import noted_causes
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.views import status
from monitoring_dagster.views.history import history, summary
from monitoring_dagster.views.status import status_of
from tests.world import day_after

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(world, now):
    return replace(world.monitor, house=replace(world.house, as_of=now))


def without_promotions(world, tmp_path):
    """The same results beside a ledger that has seen nothing."""
    world.house = replace(world.house, ledger_url=f"sqlite:///{tmp_path}/empty.db")
    return world.monitor


def test_where_the_ledger_has_no_promotion_mlflow_says_who_serves(world, tmp_path):
    found = status_of(without_promotions(world, tmp_path))
    assert found.champion == "1"
    assert "version 1 serves" in found.words


def test_mlflow_is_away_and_the_rest_is_told_all_the_same(world, tmp_path, monkeypatch):
    monitor = without_promotions(world, tmp_path)

    away_error = RegistryUnavailable.at("http://mlflow:5000", OSError("[Errno 111] refused"))

    def away(self, name):
        raise away_error

    monkeypatch.setattr(type(monitor.registry), "champion", away)
    found = status_of(monitor)
    assert found.champion is None
    assert "champion unknown (MLflow at http://mlflow:5000 does not answer" in found.words
    assert "no open incident" in found.words


def test_pending_ambiguous_and_dead_messages_are_shown_apart(world):
    monitor = at(world, NOON)
    told = world.monitor.ledger.deliveries
    for number in range(4):
        announce(monitor, FindingKind.RETRAINING, key=f"k{number}", day=world.today, title="t",
                 words="w", at=NOON - timedelta(hours=5))  # fmt: skip
    told.mark_dead(told.claim(now=NOON), "channel_not_found")
    told.mark_ambiguous(told.claim(now=NOON), "the reply was lost")
    found = status_of(monitor)
    assert (found.pending, found.ambiguous, found.dead, found.undelivered) == (2, 1, 1, 4)
    assert found.oldest_undelivered_s == 5 * 3600
    assert (
        "messages not delivered: 2 pending, 1 ambiguous, 1 dead, the oldest for 5 h" in found.words
    )
    assert not found.healthy


@pytest.mark.parametrize(("minutes", "healthy"), [(15, True), (16, False)])
def test_a_message_that_waits_longer_than_the_sensor_takes_is_not_healthy(world, minutes, healthy):
    monitor = at(world, NOON)
    announce(monitor, FindingKind.RETRAINING, key="k", day=world.today, title="t", words="w",
             at=NOON - timedelta(minutes=minutes))  # fmt: skip
    assert status_of(monitor).healthy is healthy


def test_a_receiver_that_is_out_of_order_is_no_health(world):
    """Though its messages are another model's."""
    queue = world.monitor.ledger.deliveries
    assert status_of(world.monitor).healthy
    queue.note_outages(
        {"slack:#ml-alerts": "no answer"}, now=NOON, fallback=None, announcement=lambda *_: None
    )
    found = status_of(world.monitor)
    assert not found.healthy
    assert "slack:#ml-alerts is out of order" in found.words
    queue.note_outages({}, now=NOON, fallback=None, announcement=lambda *_: None)
    assert status_of(world.monitor).healthy


def test_each_family_shows_its_newest_judged_day(world):
    before, empty = day_after(world.today, -1), world.today
    numbers = status_of(world.monitor)
    world.write(empty)
    world.file("predictions", empty).unlink()
    world.monitored(empty)
    found = status_of(world.monitor)
    assert found.judged_until == str(empty)
    assert found.judged_on["service"] == found.judged_on["features"] == str(before)
    assert found.metrics["service"] == numbers.metrics["service"]
    assert f"judged until {empty} (service until {before}" in found.words
    verdict = world.monitored(empty)["verdict"]
    assert verdict.words["service"] == f"judged on {before}"


def test_columns_that_drifted_and_muted_ones_are_counted_once_each(world, monkeypatch):
    """A column may be compared with several baselines."""
    verdicts = [("age", "DRIFT"), ("age", "MUTED"), ("plan", "MUTED"), ("plan", "OK")]
    rows = [{"column": column, "verdict": verdict} for column, verdict in verdicts]
    monkeypatch.setattr(status, "drift_verdicts", lambda *_: rows)
    data = status_of(world.monitor).metrics["data"]
    assert data == {"columns_drifted": 1, "columns_muted": 1}


@pytest.mark.parametrize(
    ("strength", "said"), [(1.0, "pipeline (100%): fix pipeline"), (0.3, None)]
)
def test_what_is_open_has_a_likely_cause_where_one_leads(world, strength, said):
    log = world.served(world.today)
    log.loc[:59, "status"] = "error"
    world.write(world.today, log=log)
    world.monitored(world.today)
    day = world.monitor.results.days("tiny", "verdict")[-1]
    cause = LikelyCause(
        cause=CauseKind.PIPELINE, weight=1.0, strength=strength, action=Remedy.FIX_PIPELINE,
        rule="partial_day", evidence=("noon",),
    )  # fmt: skip
    notes = world.monitor.results.metadata("tiny", "verdict", day)
    notes |= noted_causes(Diagnosis(day, (cause,)))
    world.monitor.results.write("tiny", "verdict", day, pa.table({}), metadata=notes)
    found = status_of(world.monitor)
    assert found.incidents
    assert found.likely_cause == said
    assert ("likely pipeline" in found.words) is (said is not None)


def test_the_fallback_is_shown(world):
    world.monitor.ledger.set_fallback("tiny", on=True, by="ada", now=NOON)
    found = status_of(world.monitor)
    assert found.fallback
    assert "fallback is on" in found.words


def test_history_names_the_newest_day_with_a_verdict(founded):
    points = history(founded.monitor)
    assert [one.no_verdict is None for one in points] == [True] * 5 + [False] * 3
    assert "no verdict (" in points[-1].words
    assert (
        summary(points) == f"newest day with a verdict: {points[4].day}; no verdict on 3 later days"
    )
    assert summary(points[-2:]) == "no verdict on any of 2 days"


def test_what_waits_for_business_hours_is_shown_and_is_not_late(world):
    saturday = datetime(2026, 3, 14, 12, tzinfo=UTC)
    finding = Finding(
        "tiny", world.today, FindingKind.LATE_LABELS, "x", Severity.P2, "off", "verdict"
    )
    world.monitor.ledger.record_day(world.spec, world.today, [finding], now=saturday)
    found = status_of(at(world, saturday + timedelta(hours=20)))
    assert (found.held, found.pending, found.undelivered) == (1, 0, 0)
    assert "1 message held until business hours" in found.words


def test_beside_the_metrics_stands_what_no_promotion_moves(world):
    """The skill over a constant; what the first champion promised, once a promotion is known."""
    shown = status_of(world.monitor).metrics["model"]
    skill, quality = shown["skill by log_loss, version 1"], shown["log_loss, version 1"]
    assert 0 < skill < 1
    assert quality > 0
    bar = next(one for name, one in shown.items() if name.startswith("first champion's log_loss"))
    assert bar > 0

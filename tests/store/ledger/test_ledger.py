import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Reason
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from monitoring_dagster.store.ledger.ledger import (
    Ledger,
    PromotedMeanwhile,
    Promotion,
    RetrainingDecision,
)

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
DRIFT, DROP = FindingKind.FEATURE_DRIFT, FindingKind.PERFORMANCE_DROP
SPEC = ModelSpec(
    name="credit",
    owner="team:risk",
    task="binary",
    predictions=Predictions(path="{day}.parquet"),
    channels=Channels(clear_after_days=1),
)


def found(subject="income", *, day=DAY, kind=DRIFT, severity=Severity.P2, step="drift"):
    return Finding("credit", day, kind, subject, severity, f"{subject} is off", step)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def claimed(ledger):
    """Everything a sender could take now, in order, each marked sent at once."""
    taken = []
    while delivery := ledger.deliveries.claim(now=NOON):
        ledger.deliveries.mark_sent(delivery, channel="C1", ts=str(len(taken)), now=NOON)
        taken.append(delivery)
    return taken


def test_findings_come_back_as_they_were(ledger):
    """The most urgent of a day first, the days in order."""
    earlier = date(2026, 1, 4)
    findings = [found("b"), found("a", severity=Severity.P0), found("c", day=earlier)]
    ledger.record_day(SPEC, earlier, findings[2:], now=NOON)
    ledger.record_day(SPEC, DAY, findings[:2], now=NOON)
    assert ledger.findings("credit", date(2026, 1, 1), DAY) == [
        findings[2],
        findings[1],
        findings[0],
    ]
    assert ledger.findings("credit", DAY, DAY, DROP) == []


@pytest.mark.parametrize(
    "hostile", ["x\0y", "'); DROP TABLE findings; --", "\ud800", "%s %(a)s :a", "\u202egnp"]
)
def test_values_from_data_are_stored_and_nothing_else_happens(ledger, hostile):
    ledger.record_day(SPEC, DAY, [found(hostile)], now=NOON)
    ledger.record_day(SPEC, DAY, [found(hostile)], now=NOON)
    (stored,) = ledger.findings("credit", DAY, DAY)
    assert stored.subject == hostile.replace("\0", "\ufffd").replace("\ud800", "?")
    ledger.announce(SPEC, replace(note(), words=hostile), key="k", now=NOON)
    ledger.record_promotion(replace(promotion("2", "1"), reason=hostile))
    assert [delivery.event.day for delivery in claimed(ledger)] == [DAY, DAY]


def test_a_bad_day_opens_an_incident_and_one_message(ledger):
    (incident,) = ledger.record_day(SPEC, DAY, [found("income"), found("age")], now=NOON)
    assert ledger.open_incidents("credit") == [incident]
    assert len(incident.firing) == 2
    (delivery,) = claimed(ledger)
    assert (delivery.incident, delivery.seq) == (incident.id, 0)
    assert delivery.destination == "#ml-alerts"
    assert delivery.event.reason is Reason.FIRST
    assert [f.subject for f in delivery.event.findings] == ["age", "income"]


def test_the_same_day_twice_changes_nothing(ledger):
    first = ledger.record_day(SPEC, DAY, [found()], now=NOON)
    again = ledger.record_day(SPEC, DAY, [found()], now=NOON + timedelta(hours=1))
    assert again == first
    assert len(ledger.incidents()) == 1
    assert len(claimed(ledger)) == 1


def test_a_thread_is_told_in_order(ledger):
    for number, findings in enumerate([["a"], ["a", "b"], []]):
        day = DAY + timedelta(days=number)
        ledger.record_day(SPEC, day, [found(s, day=day) for s in findings], now=NOON)
    reasons = [delivery.event.reason for delivery in claimed(ledger)]
    assert reasons == [Reason.FIRST, Reason.WORSE, Reason.RESOLVED]
    assert ledger.open_incidents() == []
    (incident,) = ledger.incidents("credit")
    assert incident.closed_on == date(2026, 1, 7)


def test_a_kind_that_was_not_judged_is_not_cleared(ledger):
    """Without labels a day says nothing about performance, so it cannot end its incident."""
    next_day = DAY + timedelta(days=1)
    ledger.record_day(SPEC, DAY, [found("auc", kind=DROP)], now=NOON)
    ledger.record_day(SPEC, next_day, [], judged=[DRIFT], now=NOON)
    assert [incident.kind for incident in ledger.open_incidents()] == [DROP]
    ledger.record_day(SPEC, next_day, [], judged=[DROP], now=NOON)
    assert ledger.open_incidents() == []


def test_a_kind_has_its_own_calendar(ledger):
    """Labels come two weeks late: performance of an old day is news, though drift moved on."""
    old = DAY - timedelta(days=14)
    ledger.record_day(SPEC, DAY, [], judged=[DRIFT], now=NOON)
    ledger.record_day(SPEC, old, [found("auc", day=old, kind=DROP)], judged=[DROP], now=NOON)
    assert [delivery.event.kind for delivery in claimed(ledger)] == [DROP]


def test_an_old_day_is_stored_and_not_told(ledger):
    old = DAY - timedelta(days=1)
    ledger.record_day(SPEC, DAY, [], now=NOON)
    assert ledger.record_day(SPEC, old, [found(day=old)], now=NOON) == []
    assert ledger.findings("credit", old, old) == [found(day=old)]
    assert claimed(ledger) == []


def test_a_day_whose_turn_comes_late_is_told_once(ledger):
    """It failed, and the next days were judged: what was wrong on it is no less wrong."""
    late, last, after = DAY - timedelta(days=2), DAY, DAY + timedelta(days=1)
    ledger.record_day(SPEC, last, [], now=NOON)
    for _ in range(2):
        ledger.record_day(SPEC, late, [found(day=late)], is_new=True, now=NOON)
    assert [delivery.event.day for delivery in claimed(ledger)] == [late]
    ledger.record_day(SPEC, after, [], now=NOON)
    assert ledger.open_incidents() == []


def test_what_a_later_day_has_told_a_late_one_does_not_tell_again(ledger):
    late = DAY - timedelta(days=1)
    ledger.record_day(SPEC, DAY, [found()], now=NOON)
    ledger.record_day(SPEC, late, [found(day=late)], is_new=True, now=NOON)
    assert [delivery.event.day for delivery in claimed(ledger)] == [DAY]


MISSING = FindingKind.MISSING_DAY
PATIENT = SPEC.model_copy(update={"channels": Channels(clear_after_days=3)})


def recorded(ledger, *days):
    """Judge days, each a number after DAY and whether its file is missing, in this order."""
    for number, is_missing in days:
        day = DAY + timedelta(days=number)
        findings = [found("file", day=day, kind=MISSING)] if is_missing else []
        ledger.record_day(PATIENT, day, findings, now=NOON)
    return [delivery.event.reason for delivery in claimed(ledger)]


@pytest.mark.parametrize(
    ("days", "closed_on", "told"),
    [
        pytest.param(
            [(0, True), (0, False)], DAY, [Reason.RESOLVED], id="the last day is delivered"
        ),
        pytest.param(
            [(0, True), (1, False), (0, False)],
            DAY,
            [Reason.RESOLVED],
            id="an earlier day is delivered, and the next one was there",
        ),
        pytest.param(
            [(0, True), (1, True), (0, False)], None, [], id="a later day is missing still"
        ),
        pytest.param(
            [(0, True), (1, True), (1, False)], None, [], id="an earlier day is missing still"
        ),
        pytest.param(
            [(0, True), (1, True), (1, False), (0, False)],
            DAY,
            [Reason.RESOLVED],
            id="one after the other is delivered",
        ),
        pytest.param([(0, True), (1, False), (1, False)], None, [], id="another day runs again"),
        pytest.param(
            [(0, True), (0, False), (0, True)],
            None,
            [Reason.RESOLVED, Reason.FIRST],
            id="it is lost again",
        ),
    ],
)
def test_a_day_that_is_delivered_after_all_ends_its_incident(ledger, days, closed_on, told):
    assert recorded(ledger, *days) == [Reason.FIRST, *told]
    assert recorded(ledger, days[-1]) == []  # a second run of the same changes nothing
    (incident,) = ledger.incidents("credit")
    assert incident.closed_on == closed_on


def test_a_finding_about_quality_waits_for_quiet_days_all_the_same(ledger):
    """A rerun that finds nothing any more may be chance; a file that is there is there."""
    ledger.record_day(PATIENT, DAY, [found("auc", kind=DROP)], now=NOON)
    ledger.record_day(PATIENT, DAY, [], now=NOON)
    assert [one.kind for one in ledger.open_incidents()] == [DROP]


def test_two_processes_that_record_the_same_day_tell_it_once(ledger_url):
    """Both also make the tables: neither may stumble over the other."""
    script = f"""
import sys
from datetime import UTC, date, datetime
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.spec import ModelSpec
spec = ModelSpec.model_validate_json(sys.argv[1])
day = date(2026, 1, 5)
finding = Finding("credit", day, FindingKind.FEATURE_DRIFT, "a", Severity.P2, "off", "drift")
sys.stdin.read(1)
Ledger({ledger_url!r}).record_day(spec, day, [finding], now=datetime.now(UTC))
"""
    command = [sys.executable, "-c", script, SPEC.model_dump_json()]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"!")
        racer.stdin.flush()
    for racer in racers:
        _, complaint = racer.communicate(timeout=60)
        assert racer.returncode == 0, complaint.decode()
    ledger = Ledger(ledger_url)
    assert len(ledger.incidents()) == 1
    assert len(claimed(ledger)) == 1


def note():
    return Announcement(
        model="credit",
        registered_model="credit",
        owner="team:risk",
        kind=FindingKind.RETRAINING,
        day=DAY,
        title="version 2 serves",
        words="Its log loss is lower by 0.02 (0.01 to 0.03).",
        version="2",
    )


def test_an_announcement_is_told_once_per_key(ledger):
    assert ledger.announce(SPEC, note(), key="promotion/2", now=NOON)
    assert not ledger.announce(SPEC, note(), key="promotion/2", now=NOON)
    (delivery,) = claimed(ledger)
    assert delivery.event == note()


def test_a_trigger_is_decided_once(ledger):
    decision = RetrainingDecision(
        "credit", "2026-W02", DAY, "refused", "cool-down until 2026-01-12", {"rows": 12}, NOON
    )
    assert ledger.record_decision(decision)
    assert not ledger.record_decision(replace(decision, outcome="started"))
    assert ledger.decisions("credit") == [decision]
    assert ledger.decisions("other") == []


def promotion(version, previous):
    return Promotion("credit", version, previous, "lower log loss", "gate", NOON)


def test_promotions_form_a_chain(ledger):
    chain = [promotion("2", "1"), promotion("1", "2"), promotion("2", "1")]
    for link in chain:
        ledger.record_promotion(link)
        ledger.record_promotion(link)
    assert ledger.promotions("credit") == chain


def test_a_promotion_that_came_between_is_noticed(ledger):
    ledger.record_promotion(promotion("2", "1"))
    with pytest.raises(PromotedMeanwhile, match="credit is at version 2, not 1 any more"):
        ledger.record_promotion(promotion("3", "1"))


def test_the_fallback_is_what_was_said_last(ledger):
    assert ledger.fallback("credit") is None
    ledger.set_fallback("credit", on=True, by="ann", now=NOON)
    ledger.set_fallback("credit", on=False, by="bob", now=NOON)
    fallback = ledger.fallback("credit")
    assert (fallback.on, fallback.by, fallback.at) == (False, "bob", NOON)


def test_a_ledger_travels_and_keeps_its_password_to_itself():
    ledger = Ledger("postgresql://me:hunter2@db/ml")
    assert pickle.loads(pickle.dumps(ledger)) == ledger
    assert "hunter2" not in repr(ledger) + repr(ledger.deliveries)


def test_importing_the_ledger_does_not_import_sqlalchemy():
    script = (
        "import sys, monitoring_dagster.store.ledger.ledger, monitoring_dagster.act.notify.slack;"
        "sys.exit(bool({'sqlalchemy', 'slack_sdk'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

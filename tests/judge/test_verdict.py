"""The verdict on a day: by its signals, once, with what people must be told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.judge import verdict
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.days.seen_files import kept
from monitoring_dagster.store.days.step_findings import VERDICT, stored_findings
from tests.tiny import DAY, after, keep, monitor_of, promoted, reference

SURE = {"signal": "prediction.mean", "subject": "score", "above": 0.7}


@pytest.fixture
def monitor(tmp_path):
    """Without labels; its days are judged as they end."""
    rules = {"service": {"max_error_rate": 0.1}, "own": {"sure": SURE}}
    found = monitor_of(tmp_path, labels=None, rules=rules)
    return live(found, DAY)


def live(monitor, day):
    house = replace(monitor.house, as_of=monitor.judged_at(day) + timedelta(minutes=1))
    return house.monitor(monitor.spec)


def served(monitor, day=DAY, *, failed=0.0):
    rows = Signal.on(day, "volume.rows", 100.0, n=100)
    errors = Signal.on(
        day, "service.error_rate", failed, n=100, low=failed, high=failed, good=100 * failed,
        total=100,
    )  # fmt: skip
    keep(monitor, "profile", day, signals=[rows, errors], service={"rows": 100, "versions": {}})


def told(monitor):
    found = []
    while delivery := monitor.ledger.deliveries.claim(now=monitor.house.now()):
        monitor.ledger.deliveries.mark_sent(delivery, channel="C", ts="1", now=monitor.house.now())
        found.append((delivery.event.day, delivery.event.reason))
    return found


def test_a_quiet_day_is_stored_and_nothing_is_told(monitor):
    served(monitor)
    report = verdict.run(monitor, DAY)
    assert report.numbers == {"findings": 0, "open_incidents": 0}
    assert report.words["worst"] == "none"
    assert report.words["service"] == f"judged on {DAY}"
    assert stored_findings(monitor, VERDICT, DAY) == []
    assert monitor.results.stamp("tiny", VERDICT, DAY) is not None
    assert told(monitor) == []


def test_a_bad_day_is_found_told_and_stored(monitor):
    served(monitor, failed=0.5)
    report = verdict.run(monitor, DAY)
    (found,) = stored_findings(monitor, VERDICT, DAY)
    assert (found.kind, report.numbers) == (
        FindingKind.SERVICE_ERRORS, {"findings": 1, "open_incidents": 1}
    )  # fmt: skip
    assert report.words["worst"] == str(found.severity)
    assert report.table == [
        {"severity": str(found.severity), "kind": "service_errors", "subject": found.subject,
         "words": found.words}
    ]  # fmt: skip
    assert monitor.ledger.findings("tiny", DAY, DAY) == [replace(found, step="profile")]
    assert [day for day, _ in told(monitor)] == [DAY]


def test_a_day_that_is_judged_twice_is_told_once(monitor):
    served(monitor, failed=0.5)
    first, again = verdict.run(monitor, DAY), verdict.run(monitor, DAY)
    assert first == again
    assert len(told(monitor)) == 1
    assert len(monitor.ledger.incidents("tiny")) == 1


def test_a_day_of_which_the_ledger_has_not_heard_is_new_when_it_is_tried_again(
    monitor, monkeypatch
):
    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    served(monitor, failed=0.5)
    with monkeypatch.context() as patch:
        patch.setattr(type(monitor.ledger), "record_day", die)
        with pytest.raises(Killed):
            verdict.run(monitor, DAY)
    assert monitor.results.stamp("tiny", VERDICT, DAY) is None
    verdict.run(monitor, DAY)
    assert len(told(monitor)) == 1


def test_a_day_long_over_moves_its_incident_and_is_not_told(monitor):
    served(monitor, failed=0.5)
    later = live(monitor, after(60))
    report = verdict.run(later, DAY)
    assert report.numbers["open_incidents"] == 1
    assert told(later) == []


def test_an_own_rule_without_its_signal_says_that_it_was_not_judged(monitor):
    served(monitor)
    assert verdict.run(monitor, DAY).words["own rule sure"].startswith("not judged: ")
    keep(monitor, "profile", signals=[Signal.on(DAY, "prediction.mean", 0.9, subject="score", n=9)],
         service={"rows": 9, "versions": {}})  # fmt: skip
    report = verdict.run(monitor, DAY)
    assert "own rule sure" not in report.words
    assert [one["kind"] for one in report.table] == ["own_rule"]


def test_what_the_day_was_judged_with_is_kept(monitor):
    served(monitor)
    verdict.run(monitor, DAY)
    assert kept(monitor, VERDICT, DAY) == {}, "no step has read a file"


def test_an_incident_names_the_run_of_the_champion(monitor, monkeypatch):
    known = {"1": reference("1", run_id="r17")}
    monkeypatch.setattr(verdict, "reference_of", lambda _, version: known.get(version))
    monitor.ledger.record_promotion(promoted("1"))
    served(monitor, failed=0.5)
    verdict.run(monitor, DAY)
    assert monitor.ledger.deliveries.claim(now=monitor.house.now()).event.run_id == "r17"


def test_without_labels_nothing_is_asked_of_them(monitor):
    served(monitor)
    assert list(verdict.known_at_the_end(monitor, DAY)) == []


def test_no_more_than_twenty_findings_are_shown_and_all_are_counted(monitor):
    stated = [
        Signal.stating(DAY, "contract.schema_breach", f"c{n:02}", "odd", severity=Severity.P2)
        for n in range(25)
    ]
    served(monitor)
    keep(monitor, "contract", signals=stated)
    report = verdict.run(monitor, DAY)
    assert (report.numbers["findings"], len(report.table)) == (25, 20)


@pytest.mark.parametrize(("low", "is_said"), [(-0.01, True), (0.01, False)])
def test_a_metric_that_is_not_held_against_a_constant_is_named(monitor, low, is_said):
    served(monitor)
    signals = [
        Signal.on(DAY, "pooled_skill.log_loss", 0.0, low=-0.1, high=0.1, version="1"),
        Signal.on(DAY, "reference_skill.log_loss", 0.02, low=low, high=0.05, version="1"),
    ]
    words = verdict.run(monitor, DAY, verdict.Prepared(signals, "")).words
    assert words.get("floor of log_loss, version 1") == (
        "not judged: its skill in the reference of version 1 is 0.02 (-0.01 to 0.05), too small to"
        " tell"
        if is_said
        else None
    )

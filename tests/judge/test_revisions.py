"""Labels that come after the wait and change the verdict on their day are told."""

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.judge.revisions import revision_signals
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.quality import promises
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.step_findings import findings_table
from tests.tiny import (
    DAY,
    after,
    counted,
    keep,
    labelled,
    monitor_of,
    promoted,
    reference,
    turned_out,
)

WAIT = 5  # days
WORSE = turned_out(40, 60) + -turned_out(100)  # sixty of a hundred labels are corrected


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    """A hundred predictions of DAY that were all right, where nine of ten had been promised."""
    rules = {"performance": {"accuracy": {"absolute": 0.1}}}
    found = monitor_of(tmp_path, rules=rules)
    found.ledger.record_promotion(promoted("1", on=after(-9)))
    known = {one: reference(one, baseline={"accuracy": 0.9}) for one in ("1", "2")}
    monkeypatch.setattr(promises, "reference_of", lambda _, version: known.get(version))
    counted(found, {"1": 100})
    labelled(found, {DAY: turned_out(100)})
    return found


def revised(monitor, lag):
    return list(revision_signals(monitor, after(lag)))


def correct(monitor, lag, change=WORSE, **more):
    labelled(monitor, {DAY: change}, after(lag), **more)


@pytest.mark.parametrize(
    ("lag", "told"),
    [
        pytest.param(WAIT, False, id="the last day of the wait: no verdict yet"),
        pytest.param(WAIT + 1, True, id="the day after"),
        pytest.param(2 * WAIT, True, id="the last day on which labels are accepted"),
        pytest.param(2 * WAIT + 1, False, id="they are expired"),
    ],
)
def test_only_a_verdict_that_was_reached_is_revised(monitor, lag, told):
    correct(monitor, lag)
    found = revised(monitor, lag)
    assert [one.subject for one in found] == ([f"accuracy of {DAY}"] if told else [])


def test_a_day_that_turns_out_worse_is_told_with_number_and_cause(monitor):
    correct(monitor, 6)
    (one,) = revised(monitor, 6)
    assert (one.name, one.severity, one.version) == ("revision.revised_quality", Severity.P2, "1")
    assert (one.day, one.known_on) == (DAY, after(6))
    assert one.reason.startswith(f"labels that came late change the verdict on {DAY}: accuracy")
    assert "was 0.4 (" in one.reason


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(turned_out(1), id="one more label"),
        pytest.param(turned_out(95, 5) + -turned_out(100), id="worse within the tolerance"),
    ],
)
def test_labels_that_leave_the_verdict_as_it_is_are_no_news(monitor, change):
    correct(monitor, 6, change)
    assert revised(monitor, 6) == []


def tell(monitor, subject="accuracy", kind=FindingKind.PERFORMANCE_DROP, lag=7):
    found = Finding("tiny", after(lag), kind, subject, Severity.P1, "worse", "verdict")
    keep(monitor, "verdict", after(lag), rows=findings_table([found]))


@pytest.mark.parametrize(
    ("asked", "severity", "notified"),
    [
        pytest.param(None, Severity.P3, "", id="nobody was told: for the record"),
        pytest.param({}, Severity.P2, ", which was notified", id="people were told"),
        pytest.param({"subject": "brier"}, Severity.P3, "", id="of another metric"),
        pytest.param({"kind": FindingKind.SEGMENT_DROP}, Severity.P3, "", id="of a segment"),
        pytest.param({"lag": 8}, Severity.P3, "", id="on the day itself"),
    ],
)
def test_a_day_that_turns_out_fine_after_all(monitor, asked, severity, notified):
    correct(monitor, 6)
    if asked is not None:
        tell(monitor, **asked)
    correct(monitor, 8, -WORSE)
    (one,) = revised(monitor, 8)
    assert one.severity == severity
    assert one.reason == (
        f"labels that came late change the verdict on {DAY}{notified}:"
        " accuracy of version 1 is not worse than tolerated any more"
    )


def test_what_somebody_decided_is_another_cause(monitor):
    labelled(monitor, {DAY: WORSE}, after(6), step="label_decisions")
    labelled(monitor, {after(6): turned_out(1)}, after(6))
    (one,) = revised(monitor, 6)
    assert one.reason.startswith("labels that were discarded or restored change the verdict on")


def test_another_version_is_named(monitor):
    counted(monitor, {"1": 100, "2": 100})
    labelled(monitor, {(DAY, Group("1")): turned_out(100), (DAY, Group("2")): turned_out(100)})
    labelled(monitor, {(DAY, Group("2")): WORSE}, after(6))
    assert [one.subject for one in revised(monitor, 6)] == [f"accuracy of version 2 of {DAY}"]


def test_a_day_without_any_label_revises_nothing(monitor):
    assert revised(monitor, 6) == []

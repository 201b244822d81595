"""No label is late before one can have come; and who has little to compare with says so once."""

import json
from datetime import timedelta

import duckdb
import pyarrow as pa
import pytest

from monitoring_dagster.judge import labelling
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.quality.arrived_labels import feed_signals, run
from monitoring_dagster.store.days.profiles import SERVICE
from tests.measure.quality.test_arrived_labels import monitor_of, on, serve, tell
from tests.world import stated

IDS = [f"{n:02}" for n in range(20)]
LATE = [(FindingKind.LATE_LABELS, "labels")]


def found_on(monitor, day):
    """What is wrong with the labels, as known on a day."""
    return stated(monitor, day, feed_signals(monitor, day))


def feed(mature_after_days):
    return {"path": "told/{day}.parquet", "mature_after_days": mature_after_days}


def served(monitor, day):
    """A day of the service, as the profile step notes it."""
    serve(monitor.root, day, [f"{day}/{one}" for one in IDS])
    note = {"rows": len(IDS), "counted": len(IDS), "versions": {"1": len(IDS)}}
    monitor.results.write(
        monitor.name, "profile", on(day), pa.table({}), metadata={SERVICE: json.dumps(note)}
    )


def lived(monitor, days, *, lag, paused=(), lost=()):
    """What was found on each of some days; labels come *lag* days after their predictions."""
    found = {}
    for day in range(days):
        if day not in paused:
            served(monitor, day)
        about = day - lag
        if lag >= 0 and about >= 0 and about not in paused and day not in lost:
            tell(monitor.root, day, {f"{about}/{one}": int(one) % 2 for one in IDS})
        report = run(monitor, on(day))
        found[day] = [(one.kind, one.subject) for one in found_on(monitor, on(day))]
        assert list(labelling.labelling_signals(monitor, on(day))) == []
        assert (report.checks["labels"].passed is False) is bool(found[day])
    return {day: one for day, one in found.items() if one}


@pytest.mark.parametrize(
    ("mature_after_days", "lag", "paused", "lost", "late"),
    [
        pytest.param(3, 1, (), (), [], id="labels of the day before"),
        pytest.param(25, 20, (), (), [], id="labels that take twenty days"),
        pytest.param(3, 1, range(8, 14), (), [], id="the service pauses for six days"),
        pytest.param(14, 5, range(8, 11), (), [], id="and for three, with slow labels"),
        pytest.param(3, 1, range(5), (), [], id="the service begins later"),
        pytest.param(3, 1, (), (9,), [9], id="a file of a running feed is missing"),
        pytest.param(3, 1, range(8, 14), (15, 20), [15, 20], id="and after a pause"),
        pytest.param(5, -1, (), (), list(range(5, 26)), id="none ever comes, after the wait"),
        pytest.param(30, -1, (), (), [], id="nor can one have come"),
    ],
)
def test_labels_are_late_from_the_day_on_that_they_are_due(
    tmp_path, mature_after_days, lag, paused, lost, late
):
    monitor = monitor_of(tmp_path, labels=feed(mature_after_days))
    found = lived(monitor, 26, lag=lag, paused=paused, lost=lost)
    assert found == dict.fromkeys(late, LATE)


def test_a_table_without_any_label_is_late_once_the_wait_is_over(tmp_path):
    """A table has no file that could be missing."""
    with duckdb.connect(str(tmp_path / "labels.db")) as made:
        made.execute("CREATE TABLE told (request_id TEXT, label INT, arrived_at TIMESTAMPTZ)")
    labels = {"database": "labels.db", "table": "told", "mature_after_days": 4}
    monitor = monitor_of(tmp_path, labels=labels)
    found = {}
    for day in range(6):
        served(monitor, day)
        run(monitor, on(day))
        found[day] = [one.words for one in found_on(monitor, on(day))]
    assert [day for day, words in found.items() if words] == [4, 5]
    (words,) = found[4]
    assert "'told'" in words
    assert "older than mature_after_days (4)" in words


def test_before_labels_are_due_the_check_has_no_verdict_and_says_until_when(tmp_path):
    monitor = monitor_of(tmp_path, labels=feed(7))
    served(monitor, 0)
    check = run(monitor, on(0)).checks["labels"]
    assert check.passed is None
    assert "none is due" in check.words
    assert "7 days after it" in check.words


def test_days_that_are_counted_in_another_order_know_that_the_feed_has_begun(tmp_path):
    """In a backfill the earlier days may still be under way in another process."""
    monitor = monitor_of(tmp_path, labels=feed(14))
    for day in range(6):
        served(monitor, day)
    for day in range(1, 5):
        tell(monitor.root, day, {f"{day - 1}/{one}": 1 for one in IDS})
    run(monitor, on(5))
    assert [one.kind for one in found_on(monitor, on(5))] == [FindingKind.LATE_LABELS]
    assert on(5) - on(0) < timedelta(days=14)

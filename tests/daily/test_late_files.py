"""Days whose files came, or changed, after they were judged: which, and what is done anew."""

import os
from datetime import timedelta

import duckdb
import pytest

from monitoring_dagster.daily.late_files import late_days
from monitoring_dagster.store.days.seen_files import keep, read_by_steps, seen_on, sources_of
from tests.tiny import DAY, after, monitor_of, noon
from tests.tiny import keep as store

LAST = after(9)
NOW = noon(after(10))
OLD = NOW - timedelta(hours=9)
OF_PREDICTIONS = ("contract", "profile", "drift", "estimate", "outcomes", "verdict")
OF_LABELS = ("outcomes", "verdict")


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path, first_day=after(-30))


def lay(monitor, folder, day=LAST, *, text="rows", at=OLD):
    path = monitor.root / folder / f"{day}.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def judge(monitor, *days):
    """As if the days had been judged with the files that are there."""
    for day in days or [LAST]:
        for name, step in (("predictions", "contract"), ("labels", "outcomes")):
            source = sources_of(monitor).get(name)
            if source is not None:
                keep(monitor, step, day, seen_on(monitor, source, day))
        store(monitor, "verdict", day)
        keep(monitor, "verdict", day, read_by_steps(monitor, day))


def late(monitor, *, now=NOW, first=DAY):
    return late_days(monitor, first=first, now=now)


def steps(monitor, **asked):
    return {one.day: one.steps for one in late(monitor, **asked)}


def test_a_day_judged_with_the_files_that_are_there_is_left_alone(monitor):
    lay(monitor, "served")
    lay(monitor, "told")
    judge(monitor)
    assert late(monitor) == []


@pytest.mark.parametrize(
    ("folder", "again"),
    [
        pytest.param("served", OF_PREDICTIONS, id="its predictions: all of it"),
        pytest.param("told", OF_LABELS, id="its labels: what counts them"),
    ],
)
@pytest.mark.parametrize("was_there", [False, True], ids=["it came", "it changed"])
def test_a_file_that_came_or_changed(monitor, folder, again, was_there):
    if was_there:
        lay(monitor, folder)
    judge(monitor)
    lay(monitor, folder, text="more rows")
    assert steps(monitor) == {LAST: again}


def test_what_was_deleted_takes_nothing_back(monitor):
    path = lay(monitor, "served")
    judge(monitor)
    path.unlink()
    assert late(monitor) == []


def test_new_predictions_of_a_day_whose_labels_were_deleted_keep_what_these_said(monitor):
    path = lay(monitor, "told")
    judge(monitor)
    path.unlink()
    lay(monitor, "served")
    assert "outcomes" not in steps(monitor)[LAST]
    assert "verdict" in steps(monitor)[LAST]


def test_a_day_judged_before_fingerprints_were_kept_stays_as_it_is(monitor):
    store(monitor, "verdict", LAST)
    lay(monitor, "served")
    assert late(monitor) == []


@pytest.mark.parametrize(
    ("lag", "asked"),
    [
        pytest.param(0, True, id="the last day that is due"),
        pytest.param(6, True, id="a week before, its last"),
        pytest.param(7, False, id="a day more is left to a person"),
        pytest.param(-1, False, id="today's hour has not come"),
    ],
)
def test_the_last_week_is_looked_at(monitor, lag, asked):
    day = after(-lag, LAST)
    judge(monitor, day)
    lay(monitor, "served", day)
    assert (day in steps(monitor)) is asked


def test_no_day_before_the_first_one(monitor):
    judge(monitor)
    lay(monitor, "served")
    assert late(monitor, first=LAST) != []
    assert late(monitor, first=after(1, LAST)) == []


@pytest.mark.parametrize(
    ("minutes", "folders", "asked"),
    [
        pytest.param(5, ["served", "told"], True, id="within it, and both files are there"),
        pytest.param(5, ["served"], False, id="within it, and labels are missing"),
        pytest.param(60, ["served", "told"], False, id="at its end its time has come anyhow"),
    ],
)
def test_within_the_grace_a_day_is_asked_for_as_soon_as_its_files_are_there(
    tmp_path, minutes, folders, asked
):
    schedule = {"grace_minutes": 60}
    monitor = monitor_of(tmp_path, first_day=after(-30), schedule=schedule)
    for folder in folders:
        lay(monitor, folder)
    now = monitor.judged_at(LAST) + timedelta(minutes=minutes)
    assert (LAST in steps(monitor, now=now)) is asked
    store(monitor, "verdict", LAST)
    assert late(monitor, now=now) == [], "it is judged"


def test_a_model_without_labels_waits_for_its_predictions_alone(tmp_path):
    schedule = {"grace_minutes": 60}
    monitor = monitor_of(tmp_path, first_day=after(-30), schedule=schedule, labels=None)
    lay(monitor, "served")
    found = steps(monitor, now=monitor.judged_at(LAST))
    assert found == {LAST: ("contract", "profile", "drift", "estimate", "verdict")}


@pytest.mark.parametrize(("seconds", "being_written"), [(59, True), (60, False)])
def test_a_file_that_changed_within_the_minute_may_still_grow(monitor, seconds, being_written):
    judge(monitor)
    lay(monitor, "served", at=NOW - timedelta(seconds=seconds))
    (one,) = late(monitor)
    assert (one.is_being_written, one.is_counted) == (being_written, False)


def test_other_files_are_another_digest(monitor):
    judge(monitor)
    lay(monitor, "served", text="a")
    first, again = late(monitor)[0].digest, late(monitor)[0].digest
    lay(monitor, "served", text="ab")
    assert first == again != late(monitor)[0].digest


def test_rows_that_came_late_into_a_table_are_joined_with_later_labels_anew(tmp_path):
    log = {"database": "log.duckdb", "table": "log", "score": "score"}
    monitor = monitor_of(tmp_path, first_day=after(-30), predictions=log)

    def insert(day, n):
        with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS log (served_at TIMESTAMP)")
            rows = [[f"{day} 12:00"] for _ in range(n)]
            connection.executemany("INSERT INTO log VALUES (?)", rows)

    days = [after(-2, LAST), after(-1, LAST), LAST]
    for day in days:
        insert(day, 2)
    judge(monitor, *days)
    assert late(monitor) == []
    insert(days[1], 1)
    assert steps(monitor) == {days[1]: OF_PREDICTIONS, LAST: OF_LABELS}
    assert {one.is_counted for one in late(monitor)} == {True}

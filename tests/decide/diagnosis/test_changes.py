"""A change is told with its time in UTC, and with who noted it."""

from datetime import UTC, date, datetime, timedelta, timezone

from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind

LATE = datetime(2026, 3, 3, 0, 30, tzinfo=timezone(timedelta(hours=1)))


def test_its_day_is_the_utc_day():
    assert Change(LATE, ChangeKind.CONFIG, "threshold 0.4").day == date(2026, 3, 2)


def test_its_line_leads_with_the_time_and_the_kind():
    change = Change(LATE, ChangeKind.CONFIG, "threshold 0.4", by="ada")
    assert change.line == "2026-03-02 23:30 config: threshold 0.4 (by ada)"


def test_what_monitoring_saw_itself_names_nobody():
    change = Change(datetime(2026, 3, 2, tzinfo=UTC), ChangeKind.DEPLOYMENT, "version 3")
    assert change.line == "2026-03-02 00:00 deployment: version 3"

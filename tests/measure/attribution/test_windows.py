"""Which days are compared with which."""

from monitoring_dagster.measure.attribution.windows import windows_of
from monitoring_dagster.stats.columns.groups import Group
from tests.measure.attribution.judged_days import LAST, lived, rows
from tests.tiny import after, counted, labelled


def test_the_five_newest_judged_days_stand_against_the_four_weeks_before(monitor):
    lived(monitor, lambda _: {("2", "DE"): (100, 0.8)})
    found = windows_of(monitor, LAST, as_of=LAST)
    assert sorted(found.now) == [after(n) for n in range(25, 30)]
    assert sorted(found.before) == [after(n) for n in range(25)]
    assert found.before_name == "2026-02-27 to 2026-03-26"
    assert found.total(Group("2")).n == 500


def test_days_with_too_few_labels_are_in_neither(monitor):
    """The third newest was labelled for a tenth of its rows."""
    lived(monitor, lambda day: {("2", "DE"): (100 if day != after(27) else 10, 0.8)})
    counted(monitor, {"2": 1000}, after(27))
    found = windows_of(monitor, LAST, as_of=LAST)
    assert sorted(found.now) == [after(n) for n in (24, 25, 26, 28, 29)]


def test_a_day_that_cannot_be_judged_has_no_windows(monitor):
    counted(monitor, {"2": 100}, LAST)
    assert windows_of(monitor, LAST, as_of=LAST) is None


def test_labels_that_came_later_are_not_known(monitor):
    lived(monitor, lambda _: {("2", "DE"): (100, 0.8)})
    labelled(monitor, {(after(3), Group("2")): rows(50, 0.0)}, after(30))
    early, late = (windows_of(monitor, LAST, as_of=after(n)) for n in (29, 30))
    assert early.total(Group("2"), before=True).n + 50 == late.total(Group("2"), before=True).n

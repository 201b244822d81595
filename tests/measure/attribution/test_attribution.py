"""What a change in quality comes from, as it is stored and said."""

import pytest

from monitoring_dagster.measure.attribution.attribution import attributed, run
from monitoring_dagster.stats.columns.groups import Group
from tests.measure.attribution.judged_days import CHANGED_ON, LAST, lived, rows, signals, wave
from tests.tiny import DAY, after, counted, labelled


def test_a_day_with_too_few_labels_says_so_and_has_no_parts(monitor):
    counted(monitor, {"1": 100})
    report = run(monitor, DAY)
    assert report.words == {"attribution": "too few labels for a verdict on this day"}
    assert monitor.results.read("tiny", "attribution", DAY).num_rows == 0
    assert signals(monitor, DAY) == []


def test_what_was_not_known_yet_changes_nothing(monitor):
    lived(monitor, lambda day: {("2", "DE"): (400, 0.8 + wave(day))})
    known = attributed(monitor, after(20), as_of=after(20)).signals
    labelled(monitor, {(after(20), Group("2")): rows(300, 0.0)}, after(40))
    assert attributed(monitor, after(20), as_of=after(20)).signals == known


def test_the_words_hold_the_change_and_its_parts(monitor):
    lived(monitor, lambda day: {("2", "DE"): (400, 0.8 if day < CHANGED_ON else 0.7)})
    report = run(monitor, LAST)
    assert report.words["attribution"] == (
        "accuracy is 0.1 worse than 0.8 before (2026-02-27 to 2026-03-26)."
        " +0 (+0 to +0) by traffic that moved between versions, +0.1 (+0.1 to +0.1) within versions"
    )
    assert report.numbers["change"] == pytest.approx(0.1)
    (row,) = report.table
    assert (row["version"], row["quality"], row["first seen"]) == ("2", 0.7, str(DAY))

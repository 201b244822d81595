"""What a step says: a check without a verdict neither passed nor failed."""

from monitoring_dagster.measure.step import Check, StepReport, Tone


def test_a_check_without_a_verdict_says_what_was_missing():
    check = Check.no_verdict("no rows on 2026-03-02")
    assert (check.passed, check.words) == (None, "No verdict: no rows on 2026-03-02")


def test_a_failing_check_is_acted_upon_unless_it_says_otherwise():
    assert Check(passed=False, words="bad").tone is Tone.ERROR


def test_a_report_of_nothing_says_nothing():
    report = StepReport()
    assert (report.numbers, report.words, report.checks) == ({}, {}, {})
    assert (tuple(report.table), report.picture) == ((), None)

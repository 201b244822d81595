"""Findings lie in the file of the step that made them, until it writes others."""

from datetime import date

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.days.step_findings import VERDICT, findings_table, stored_findings
from tests.world import World

DAY = date(2026, 3, 2)


@pytest.fixture
def monitor(tmp_path):
    return World(tmp_path).monitor


def finding(subject):
    kind = FindingKind.SCHEMA_BREACH
    return Finding("tiny", DAY, kind, subject, Severity.P2, f"{subject} is wrong", VERDICT)


def test_findings_come_back_as_they_were_written(monitor):
    written = [finding("age"), finding("plan")]
    monitor.results.write("tiny", VERDICT, DAY, findings_table(written))
    assert stored_findings(monitor, VERDICT, DAY) == written


def test_a_day_that_is_judged_anew_has_its_new_findings(monitor):
    for subject in ("age", "plan"):
        monitor.results.write("tiny", VERDICT, DAY, findings_table([finding(subject)]))
        assert stored_findings(monitor, VERDICT, DAY) == [finding(subject)]


def test_what_a_reader_does_to_findings_is_no_matter_of_the_next(monitor):
    monitor.results.write("tiny", VERDICT, DAY, findings_table([finding("age")]))
    stored_findings(monitor, VERDICT, DAY).clear()
    assert stored_findings(monitor, VERDICT, DAY) == [finding("age")]


def test_a_step_that_has_not_run_found_nothing(monitor):
    assert stored_findings(monitor, VERDICT, DAY) == []

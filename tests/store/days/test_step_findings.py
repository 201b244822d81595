"""Findings lie in their step's result and come back as they were."""

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.days.step_findings import VERDICT, findings_table, stored_findings
from tests.tiny import DAY, after, keep, monitor_of


def finding(subject="age", words="age drifted", **changed):
    return Finding(
        **{
            "model": "tiny", "day": DAY, "kind": FindingKind.FEATURE_DRIFT, "subject": subject,
            "severity": Severity.P2, "words": words, "step": VERDICT, **changed,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([], id="none"),
        pytest.param([finding("b"), finding("a")], id="in their order"),
        pytest.param([finding("x\0\ny'\"", "\u202e \x1b[2J <b>")], id="hostile words"),
        pytest.param(
            [finding(kind=FindingKind.MISSING_DAY, severity=Severity.P0)], id="any kind and urgency"
        ),
    ],
)
def test_they_come_back_as_they_were(tmp_path, found):
    monitor = monitor_of(tmp_path)
    keep(monitor, VERDICT, rows=findings_table(found))
    assert stored_findings(monitor, VERDICT, DAY) == found


def test_a_step_that_has_not_run_found_nothing(tmp_path):
    monitor = monitor_of(tmp_path)
    keep(monitor, VERDICT, rows=findings_table([finding()]))
    assert stored_findings(monitor, VERDICT, after(1)) == []
    assert stored_findings(monitor, "contract", DAY) == []

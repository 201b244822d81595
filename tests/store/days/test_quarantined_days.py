"""A day's own record says whether it is in quarantine, whatever became of its incident."""

import pytest

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.store.days.quarantined_days import why_quarantined
from monitoring_dagster.store.days.usable_rows import CONTRACT
from tests.tiny import DAY, after, keep, monitor_of, served_by


def breach(severity="P1", subject="age", **changed):
    words = f"{subject} is odd"
    return Signal.stating(
        DAY, "contract.schema_breach", subject, words, severity=severity, **changed
    )


@pytest.mark.parametrize(
    ("breaches", "why"),
    [
        pytest.param([], "", id="it kept its contract"),
        pytest.param([breach("P2")], "", id="a breach to be looked at"),
        pytest.param([breach()], "schema breach", id="a breach that spoils it"),
        pytest.param([breach(), breach("P2", "debt"), breach("P1", "debt")], "schema breach",
                     id="each rule is named once"),
        pytest.param([breach(version="2")], "", id="of a version that answers a tenth"),
        pytest.param([breach(version="1")], "schema breach", id="of the version that serves"),
    ],
)  # fmt: skip
def test_a_day_is_quarantined_for_what_spoils_it(tmp_path, breaches, why):
    monitor = monitor_of(tmp_path)
    served_by(monitor, {"1": 90, "2": 10})
    keep(monitor, CONTRACT, signals=breaches)
    assert why_quarantined(monitor, DAY) == why
    assert why_quarantined(monitor, after(1)) == ""


@pytest.mark.parametrize(
    ("alert", "why"),
    [
        pytest.param({"enabled": False}, "", id="a rule that is off"),
        pytest.param({"severity": "P2"}, "", id="one that is less urgent to its owner"),
        pytest.param({"severity": "P0"}, "schema breach", id="or more"),
    ],
)
def test_the_owner_decides_how_bad_it_is(tmp_path, alert, why):
    monitor = monitor_of(tmp_path, rules={"alerts": {"schema_breach": alert}})
    keep(monitor, CONTRACT, signals=[breach()])
    assert why_quarantined(monitor, DAY) == why


def test_a_delivery_that_passes_ends_it(tmp_path):
    monitor = monitor_of(tmp_path)
    keep(monitor, CONTRACT, signals=[breach()])
    assert why_quarantined(monitor, DAY)
    keep(monitor, CONTRACT, signals=[breach("P3")])
    assert not why_quarantined(monitor, DAY)


def test_a_day_that_nobody_inspected_is_in_no_quarantine(tmp_path):
    assert why_quarantined(monitor_of(tmp_path), DAY) == ""

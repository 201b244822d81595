"""A day is quarantined for what was delivered broken, and for nothing that came of it."""

from datetime import date

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.delivery.quarantine import (
    delivery_findings,
    quarantines,
    with_quarantine,
)
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from tests.tiny import DAY, spec_of

P0, P1, P2, P3 = Severity
ALONE = Traffic(None, {"1": 1.0})


def found(kind, severity):
    return Finding("tiny", DAY, kind, "age", severity, "age is odd", "contract")


@pytest.mark.parametrize(
    ("kind", "severity", "is_quarantined"),
    [
        pytest.param(FindingKind.SCHEMA_BREACH, P1, True, id="a broken contract"),
        pytest.param(FindingKind.SCHEMA_BREACH, P0, True, id="one that its owner calls P0"),
        pytest.param(FindingKind.SCHEMA_BREACH, P2, False, id="a smaller breach"),
        pytest.param(FindingKind.LOW_VOLUME, P1, False, id="few rows, each of them true"),
        pytest.param(FindingKind.FEATURE_DRIFT, P1, False, id="another world is to be learnt"),
        pytest.param(FindingKind.SERVICE_ERRORS, P0, False, id="errors are no rows that count"),
    ],
)
def test_what_quarantines_a_day_says_so(kind, severity, is_quarantined):
    one = found(kind, severity)
    assert quarantines(one) is is_quarantined
    (said,) = with_quarantine([one])
    assert said.words == "age is odd" + " (day quarantined)" * is_quarantined


@pytest.mark.parametrize(
    ("share", "severity"),
    [pytest.param(0.5, P1, id="half of the rows"), pytest.param(0.49, P2, id="fewer")],
)
def test_a_version_speaks_for_the_day_that_it_answers_half_of(share, severity):
    stated = Signal.stating(DAY, "contract.schema_breach", "age", "age is odd", version="2")
    log = LoadedSignals({DAY: [stated]})
    traffic = Traffic(None, {"1": 1 - share, "2": share})
    (one,) = delivery_findings(spec_of(), DAY, log, traffic)
    assert one.severity is severity


def test_another_day_and_other_statements_say_nothing_of_it():
    log = LoadedSignals(
        {
            DAY: [Signal.stating(DAY, "label_feed.late_labels", "labels", "none came")],
            date(2026, 3, 3): [Signal.stating(DAY, "contract.schema_breach", "age", "age is odd")],
        }
    )
    assert delivery_findings(spec_of(), DAY, log, ALONE) == []

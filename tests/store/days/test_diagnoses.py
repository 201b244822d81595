"""A diagnosis comes back as it was written."""

from datetime import date

import pyarrow as pa

from monitoring_dagster.decide.diagnosis.causes import (
    CauseKind,
    Diagnosis,
    LikelyCause,
    Remedy,
)
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.days.diagnoses import diagnosis_of, noted_causes
from monitoring_dagster.store.days.step_findings import VERDICT
from tests.world import World

DAY = date(2026, 3, 9)
FOUND = Diagnosis(
    DAY,
    (
        LikelyCause(
            cause=CauseKind.NEW_VERSION,
            weight=0.75,
            action=Remedy.ROLL_BACK,
            rule="performance_drop",
            evidence=("log_loss 0.71 against 0.45", "it is \u202eodd"),
            version="3",
            explains=(FindingKind.PERFORMANCE_DROP,),
        ),
    ),
)


def stored(tmp_path, notes):
    monitor = World(tmp_path).monitor
    monitor.results.write("tiny", VERDICT, DAY, pa.table({}), metadata=notes)
    return diagnosis_of(monitor, DAY)


def test_it_is_read_as_it_was_noted(tmp_path):
    assert stored(tmp_path, noted_causes(FOUND)) == FOUND


def test_a_day_on_which_nothing_was_wrong_is_known_to_be_so(tmp_path):
    assert stored(tmp_path, noted_causes(Diagnosis(DAY))) == Diagnosis(DAY)


def test_a_verdict_of_an_earlier_release_has_none(tmp_path):
    assert stored(tmp_path, {}) is None


def test_a_day_without_a_verdict_has_none(tmp_path):
    assert diagnosis_of(World(tmp_path).monitor, DAY) is None

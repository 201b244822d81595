"""Diagnoses of days, as their verdicts stored them."""

from datetime import date

from pydantic import TypeAdapter

from monitoring_dagster.decide.diagnosis.causes import Diagnosis, LikelyCause
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import Monitor

_DIAGNOSIS = "diagnosis"  # metadata key
_CAUSES = TypeAdapter(tuple[LikelyCause, ...])


def noted_causes(diagnosis: Diagnosis) -> dict[str, str]:
    """*diagnosis* as a note of the verdict: it is written with it, or not at all."""
    return {_DIAGNOSIS: _CAUSES.dump_json(diagnosis.causes).decode()}


def diagnosis_of(monitor: Monitor, day: date) -> Diagnosis | None:
    """What the verdict on *day* said; None where it was not judged, or by an earlier release."""
    notes = monitor.results.metadata(monitor.name, VERDICT, day) or {}
    if _DIAGNOSIS not in notes:
        return None
    return Diagnosis(day, _CAUSES.validate_json(notes[_DIAGNOSIS]))

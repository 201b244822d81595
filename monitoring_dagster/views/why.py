"""Why a model is as it is on a day: likely causes with what speaks for them, and what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, Self

from monitoring_dagster.decide.diagnosis.causes import Diagnosis, LikelyCause
from monitoring_dagster.decide.diagnosis.changes import Change
from monitoring_dagster.decide.diagnosis.clues import ATTRIBUTION
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.judge.diagnosing import changes_until
from monitoring_dagster.report.wording import printable
from monitoring_dagster.store.days.diagnoses import diagnosis_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import Monitor


class NoDiagnosis(MonitoringError):
    """A day of which nobody can say why it is as it is."""

    @classmethod
    def unjudged(cls, model: str, day: date | None, *, newest: date | None) -> Self:
        way = f"the last judged day is {newest}" if newest else "materialise its days first"
        return cls(f"{model} has no verdict on {day or 'any day'}: {way}")

    @classmethod
    def of_before(cls, model: str, day: date) -> Self:
        return cls(
            f"the verdict on {day} comes from an earlier release, which named no causes:"
            f" dg launch --assets 'key:\"{model}/verdict\"' --partition {day}"
        )


@dataclass(frozen=True, slots=True)
class Why:
    """A day's diagnosis with the numbers beside it."""

    model: str
    diagnosis: Diagnosis
    parts: Sequence[Signal]  # of a change in quality, where one was split
    changes: Sequence[Change]

    @property
    def lines(self) -> Iterator[str]:
        """For people: each cause with its evidence, the numbers, and what was changed lately."""
        day, causes = self.diagnosis.day, self.diagnosis.causes
        if not causes:
            yield f"{self.model} on {day}: {self.diagnosis.words}"
        for place, one in enumerate(causes):
            sure = "likely" if one.is_sure else "possibly"
            start = f"{self.model} on {day}: {sure} " if not place else "Or "
            yield f"{start}{printable(one.title)} ({one.weight:.0%})"
            yield from (f"  - {printable(words)}" for words in one.evidence)
            yield f"  Recommended by {one.rule}: {one.action}. {one.first_step(self.model)}"
        numbers = [one.words for one in self.parts if isfinite(one.value)]
        if numbers:
            yield "The change in parts (more is worse):"
            yield from (f"  {printable(one)}" for one in numbers)
        if self.changes:
            yield "Changed in the two weeks before:"
            yield from (f"  {printable(one.line)}" for one in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "model": self.model,
            "day": self.diagnosis.day,
            "causes": [_plain(one) for one in self.diagnosis.causes],
            "parts": [
                {"name": one.name, "subject": one.subject, "version": one.version,
                 "value": one.value, "low": one.low, "high": one.high, "n": one.n,
                 "reason": one.reason}
                for one in self.parts
            ],
            "changes": [
                {"at": one.at, "kind": one.kind, "version": one.version, "words": one.words,
                 "by": one.by}
                for one in self.changes
            ],
        }  # fmt: skip


def why(monitor: Monitor, *, day: date | None = None) -> Why:
    """What the verdict on *day*, by default the last judged one, said about causes.

    Raises
    ------
    NoDiagnosis
    """
    judged = monitor.results.days(monitor.name, VERDICT)
    newest = max(judged, default=None)
    asked = day or newest
    if asked is None or asked not in judged:
        raise NoDiagnosis.unjudged(monitor.name, asked, newest=newest)
    found = diagnosis_of(monitor, asked)
    if found is None:
        raise NoDiagnosis.of_before(monitor.name, asked)
    return Why(
        monitor.name,
        found,
        signals(monitor, *ATTRIBUTION, first=asked, last=asked),
        changes_until(monitor, asked),
    )


def _plain(one: LikelyCause) -> dict[str, Any]:
    return {
        "cause": one.cause,
        "version": one.version,
        "weight": round(one.weight, 4),
        "strength": one.strength,
        "action": one.action,
        "rule": one.rule,
        "evidence": one.evidence,
        "explains": one.explains,
    }

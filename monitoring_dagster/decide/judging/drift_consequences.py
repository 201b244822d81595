"""Consequences of features that drift for days: answers that drift, quality that gets worse."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from typing import NamedTuple

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.judging.drift_severity import IMPORTANCE
from monitoring_dagster.decide.judging.lasting_drift import LOOK_BACK_DAYS, DriftDays
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec

IMPORTANT = 0.1  # of the importance of all features: it matters where nobody sees consequences
_OF_QUALITY = (
    FindingKind.EXPECTED_DROP,
    FindingKind.PERFORMANCE_DROP,
    FindingKind.SEGMENT_DROP,
)


class Matter(NamedTuple):
    """Whether the drift of a feature matters, and why."""

    matters: bool
    words: str


@dataclass(frozen=True)
class Consequences:
    """What can be seen, on one day, of what drifting features do."""

    spec: ModelSpec
    day: date
    log: SignalLog
    traffic: Traffic
    days: DriftDays  # the answers' among them
    quality: Sequence[Finding]  # of the day, of all versions

    def of(self, signal: Signal) -> Matter:
        """Of a feature's drift, which lasts: told with it are the answers of its version that
        drift as long, and quality that is worse on days on which the feature drifted.

        Where nothing was known of quality for four weeks, what weighs a tenth in the model matters,
        and so does what nobody knows the weight of.
        """
        found = [*self._found(signal)]
        if found:
            return Matter(True, f"at the same time: {', '.join(found)}")
        if self._can_be_seen(signal.version):
            return Matter(False, "recorded only: no consequence seen for answers or quality")
        unseen = "whether quality suffers cannot be seen (no estimate, no labels)"
        share = self._importance(signal)
        if share is None:
            return Matter(True, f"{unseen}, nor how much the feature weighs")
        weighs = f"the feature carries {share:.1%} of the model's importance"
        if share >= IMPORTANT:
            return Matter(True, f"{unseen}; {weighs}")
        return Matter(False, f"recorded only: {weighs}, and the answers did not drift")

    def _found(self, signal: Signal) -> Iterator[str]:
        window = self.spec.rules.window(FindingKind.FEATURE_DRIFT)
        answers = self.days.of_answers(signal.version, window)
        for column in dict.fromkeys(answers):
            yield f"{RULES[FindingKind.PREDICTION_DRIFT].title} of {column}"
        for one in self.quality:
            is_worse = one.kind in _OF_QUALITY and is_told(one.severity)
            is_of_version = self.traffic.names(one.subject, signal.version)
            if is_worse and is_of_version and self._drifted_on(one.evidence_day, signal):
                yield f"{RULES[one.kind].title} of {one.subject}"

    def _drifted_on(self, day: date, signal: Signal) -> bool:
        """Labels come late: worse may be days on which the feature was as ever."""
        return day == self.day or any(
            one.value > 0 and (one.subject, one.version) == (signal.subject, signal.version)
            for one in self.log.between(day, day, signal.name)
        )

    def _can_be_seen(self, version: str) -> bool:
        """Whether quality of the version was judged, or expected, in the last four weeks."""
        names = [f"{area}.{metric}" for area in ("estimate", "quality")
                 for metric in self.spec.tolerances]  # fmt: skip
        first = self.day - timedelta(days=LOOK_BACK_DAYS - 1)
        return any(
            one.version == version and not one.segment
            and isfinite(one.value) and isfinite(one.baseline)
            for one in self.log.between(first, self.day, *names)
        )  # fmt: skip

    def _importance(self, signal: Signal) -> float | None:
        about = signal.subject, signal.version
        found = self.log.on(self.day, IMPORTANCE)
        return next((one.value for one in found if (one.subject, one.version) == about), None)

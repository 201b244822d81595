"""What was found wrong: one record for every rule of every step."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Severity(StrEnum):
    """How soon a person should look (seed Q4). The words sort: P0 is the most urgent."""

    P0 = "P0"  # wake someone up
    P1 = "P1"  # within an hour in business hours
    P2 = "P2"  # within a business day
    P3 = "P3"  # next planning


class FindingKind(StrEnum):
    """Every kind has a page under runbooks/ with its own name."""

    MISSING_DAY = "missing_day"
    EMPTY_DAY = "empty_day"
    UNREADABLE_DATA = "unreadable_data"
    SCHEMA_BREACH = "schema_breach"
    LOW_VOLUME = "low_volume"
    SERVICE_ERRORS = "service_errors"
    SLOW_SERVICE = "slow_service"
    UNKNOWN_VERSION = "unknown_version"
    PREDICTION_DRIFT = "prediction_drift"
    FEATURE_DRIFT = "feature_drift"
    MULTIVARIATE_DRIFT = "multivariate_drift"
    EXPECTED_DROP = "expected_drop"
    PERFORMANCE_DROP = "performance_drop"
    SEGMENT_DROP = "segment_drop"
    MISCALIBRATION = "miscalibration"
    REVISED_QUALITY = "revised_quality"
    LATE_LABELS = "late_labels"
    LABEL_DELAY = "label_delay"
    LABEL_PROCESS = "label_process"
    ORPHAN_LABELS = "orphan_labels"
    VERSION_METADATA = "version_metadata"
    IMPORTANCE_SHIFT = "importance_shift"
    RETRAINING = "retraining"
    FAILED_RUN = "failed_run"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with one model on one day."""

    model: str
    day: date
    kind: FindingKind
    subject: str  # the column, metric, version or file it is about
    severity: Severity
    words: str  # one sentence with the numbers in it: the fact and the bound
    step: str  # which step found it; a step's findings of a day are replaced together
    about: date | None = None  # the day or week that was judged, where that is not `day`

    @property
    def evidence_day(self) -> date:
        """The day, or the Monday of the week, whose partition in Dagster shows it."""
        return self.about or self.day

    @property
    def fingerprint(self) -> str:
        """What stays the same while the problem lasts: never a day, never a value."""
        return f"{self.model}/{self.kind}/{self.subject}"

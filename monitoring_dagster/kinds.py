"""Kinds of finding, their families, how urgent one is, and why people hear of it: words of YAML and
messages."""

from enum import StrEnum
from typing import Literal


class Severity(StrEnum):
    """How soon a person should look (seed Q4). The words sort: P0 is the most urgent."""

    P0 = "P0"  # wake someone up
    P1 = "P1"  # within an hour in business hours
    P2 = "P2"  # within a business day
    P3 = "P3"  # next planning


SeverityName = Literal["P0", "P1", "P2", "P3"]


class FindingKind(StrEnum):
    """Every kind has a page under runbooks/ with its own name."""

    MISSING_DAY = "missing_day"
    EMPTY_DAY = "empty_day"
    UNREADABLE_DATA = "unreadable_data"
    SCHEMA_BREACH = "schema_breach"
    LOW_VOLUME = "low_volume"
    PARTIAL_DAY = "partial_day"
    HIGH_VOLUME = "high_volume"
    DOMINANT_KEY = "dominant_key"
    STALE_FEATURES = "stale_features"
    SYNTHETIC_LEAK = "synthetic_leak"
    SERVICE_ERRORS = "service_errors"
    SLOW_SERVICE = "slow_service"
    UNKNOWN_VERSION = "unknown_version"
    ROLLBACK_MISMATCH = "rollback_mismatch"
    FEATURE_CODE_MISMATCH = "feature_code_mismatch"
    LIBRARY_MISMATCH = "library_mismatch"
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
    OWN_RULE = "own_rule"


class Family(StrEnum):
    """Kinds that are signs of one problem: those of a model are one incident."""

    SERVICE = "service"  # what answers, and which version
    DATA = "data"  # what was delivered
    LABELS = "labels"  # what comes back later
    BEHAVIOUR = "behaviour"  # what goes in and out, and how good it is
    OWN = "own"  # rules of the owner's


class Reason(StrEnum):
    """Why a message goes out. The words appear in the message itself."""

    FIRST = "first seen"
    WORSE = "got worse"
    REOPENED = "open again"
    RESOLVED = "resolved"
    REMINDER = "still open"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"

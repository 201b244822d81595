"""Guide of each kind of finding: what it is called, where in Dagster it shows, what to do first."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitoring_dagster.decide.findings import FindingKind


class Partitions(StrEnum):
    """What the partitions of an asset are."""

    DAYS = "days"
    WEEKS = "weeks"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Guide:
    """What a kind of finding means to a reader: its words, its Dagster asset, what to do first."""

    words: str
    step: str
    next_step: str
    partitions: Partitions = Partitions.DAYS  # of the step's asset


GUIDES: Mapping[FindingKind, Guide] = {
    FindingKind.MISSING_DAY: Guide(
        "missing day",
        "contract",
        "Find out why no predictions arrived, then run the day again.",
    ),
    FindingKind.EMPTY_DAY: Guide(
        "empty day",
        "contract",
        "Check whether the model served at all, then look at the export of its log.",
    ),
    FindingKind.UNREADABLE_DATA: Guide(
        "unreadable data",
        "contract",
        "Have the file written again; nothing was computed from it.",
    ),
    FindingKind.SCHEMA_BREACH: Guide(
        "schema breach",
        "contract",
        "Ask the producer what changed; judge drift of these columns only afterwards.",
    ),
    FindingKind.LOW_VOLUME: Guide(
        "low volume",
        "profile",
        "Compare with the callers' own count: is traffic down or is the log incomplete?",
    ),
    FindingKind.SERVICE_ERRORS: Guide(
        "service errors",
        "profile",
        "Read the service's error log of that day; consider the fallback or a rollback.",
    ),
    FindingKind.SLOW_SERVICE: Guide(
        "slow service",
        "profile",
        "Look at the latency by stage, and at the load of the same hours.",
    ),
    FindingKind.UNKNOWN_VERSION: Guide(
        "unknown version",
        "profile",
        "Find out who deployed it and register it, or roll it back.",
    ),
    FindingKind.PREDICTION_DRIFT: Guide(
        "prediction drift",
        "drift",
        "Look for a release or a new kind of traffic, then at the drifted features.",
    ),
    FindingKind.FEATURE_DRIFT: Guide(
        "feature drift",
        "drift",
        "Ask whether the world or the pipeline changed; a sudden shift is usually the pipeline.",
    ),
    FindingKind.MULTIVARIATE_DRIFT: Guide(
        "multivariate drift",
        "multivariate",
        "Look at the columns that tell the week apart: did a join or a unit change between them?",
        partitions=Partitions.WEEKS,
    ),
    FindingKind.PERFORMANCE_DROP: Guide(
        "performance drop",
        "evaluation",
        "Read the attribution first: did the rows change, or their meaning?",
    ),
    FindingKind.EXPECTED_DROP: Guide(
        "expected drop",
        "estimate",
        "Look at the inputs that moved; labels have yet to confirm it.",
    ),
    FindingKind.SEGMENT_DROP: Guide(
        "segment drop",
        "evaluation",
        "Look at that segment's rows: the whole is too large to show it.",
    ),
    FindingKind.MISCALIBRATION: Guide(
        "miscalibration",
        "evaluation",
        "Read the reliability table; whoever acts on the score acts on a wrong probability.",
    ),
    FindingKind.REVISED_QUALITY: Guide(
        "revised quality",
        "evaluation",
        "Read what was decided because of the former verdict, and whether it still holds.",
    ),
    FindingKind.LABEL_DELAY: Guide(
        "label delay",
        "outcomes",
        "Ask the label source what holds it up; verdicts on quality come later meanwhile.",
    ),
    FindingKind.LABEL_PROCESS: Guide(
        "label process",
        "outcomes",
        "Ask who labels now, and by which rule, before you believe in a change of quality.",
    ),
    FindingKind.LATE_LABELS: Guide(
        "late labels",
        "outcomes",
        "Ask the label source; quality of these days stays unknown until they arrive.",
    ),
    FindingKind.ORPHAN_LABELS: Guide(
        "orphan labels",
        "outcomes",
        "Compare the request ids on both sides; labels without a prediction count for nothing.",
    ),
    FindingKind.VERSION_METADATA: Guide(
        "version metadata",
        "profile",
        "Register the version again with its signature and reference data.",
    ),
    FindingKind.IMPORTANCE_SHIFT: Guide(
        "importance shift",
        "drift",
        "Compare both versions' training data: the new one may lean on a leak or a proxy.",
    ),
    FindingKind.RETRAINING: Guide(
        "retraining",
        "retraining",
        "Read the comparison with the champion before you overrule it.",
        partitions=Partitions.NONE,
    ),
    FindingKind.FAILED_RUN: Guide(
        "failed run",
        "verdict",
        "Open the run in Dagster, repair the cause and run the day again.",
    ),
}

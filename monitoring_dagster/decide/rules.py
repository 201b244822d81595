"""Catalogue of the rules: what each is called, rests on, shows, blocks and asks for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from types import MappingProxyType

from monitoring_dagster.kinds import Family, FindingKind, Severity


class Evidence(StrEnum):
    """What must have been judged on a day, so that a rule holds or does not hold on it."""

    FILES = "files"
    SERVICE = "service"  # rows of the inference log
    PREDICTIONS = "predictions"  # scores and predictions against the reference
    FEATURES = "features"
    ESTIMATE = "expected quality"
    WEEK = "week"  # whole rows of the week that ended
    LABELS = "labels"
    QUALITY = "quality"  # predictions with labels
    EVENT = "event"  # it happened, and no day is judged
    OWN = "own"  # a signal that a rule of the owner's reads


class OnCallStep(StrEnum):
    """The eight steps of `runbooks/on_call.md`, in order."""

    SERVICE = "Service health"
    PREDICTIONS = "Prediction distribution"
    INPUTS = "Input data quality"
    UPSTREAM = "Upstream pipelines"
    VERSION = "Model version"
    FRESHNESS = "Feature freshness"
    DEGRADATION = "Degradation"
    FALLBACK = "Fallback"


class Partitions(StrEnum):
    """What the partitions of an asset are."""

    DAYS = "days"
    WEEKS = "weeks"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one signal must not exceed on a day; exactly on the limit it keeps it."""

    signal: str  # of the whole model; see `AREAS` for who writes it
    what: str  # the subject of the finding
    words: str  # a sentence with {value}, {limit}, {n}, {usual} and {reason}
    subject: str = ""  # of the signal
    above: str | float | None = None  # a number, or the key of defs.yaml that holds it
    below: str | float | None = None
    of_usual: bool = False  # the limit is a share of the same weekday's median before
    unless_written: float = inf  # where `above` is not: so many times that median ...
    at_least: float = 0.0  # ... and no less than this
    urgent_from: float = inf  # so many times the limit is as urgent as the rule can be


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the catalogue; its name is its runbook page and its key in YAML."""

    title: str  # as messages call it
    family: Family  # whose incident it is a sign of
    evidence: Evidence
    severities: tuple[Severity, ...]  # the most urgent first; another where doubt or share lower it
    asset: str  # of the model, in Dagster, that shows it
    on_call: OnCallStep  # where the on-call runbook looks at it
    first_step: str  # what to do first
    heals: bool = False  # of what was delivered: a day delivered anew was never bad
    inhibited_by: tuple[FindingKind, ...] = ()  # rules that explain it
    blocks_retraining: bool = False  # while it is open the data is not to be learnt from
    quarantines: bool = False  # where it is P1: the day is never learnt from, unless made good
    partitions: Partitions = Partitions.DAYS  # of the asset
    settings: tuple[str, ...] = ()  # the keys of defs.yaml with its thresholds
    limit: Limit | None = None  # where one number of the day says it all
    stated_as: tuple[str, ...] = ()  # signals by which a step that saw it says that it holds

    @property
    def severity(self) -> Severity:
        """How urgent it is where nothing lowers that."""
        return self.severities[0]


_BROKEN_FEED = (
    FindingKind.UNREADABLE_DATA,
    FindingKind.SCHEMA_BREACH,
    FindingKind.LOW_VOLUME,
    FindingKind.PARTIAL_DAY,
)

_ROWS: dict[FindingKind, Rule] = {
    FindingKind.MISSING_DAY: Rule(
        title="missing day",
        family=Family.DATA,
        evidence=Evidence.FILES,
        severities=(Severity.P1,),
        asset="contract",
        on_call=OnCallStep.UPSTREAM,
        first_step="Find out why no predictions arrived, then run the day again.",
        heals=True,
        blocks_retraining=True,
        stated_as=("contract.missing_day",),
    ),
    FindingKind.EMPTY_DAY: Rule(
        title="empty day",
        family=Family.DATA,
        evidence=Evidence.FILES,
        severities=(Severity.P1,),
        asset="contract",
        on_call=OnCallStep.UPSTREAM,
        first_step="Check whether the model served at all, then look at the export of its log.",
        heals=True,
        blocks_retraining=True,
        stated_as=("contract.empty_day", "volume.empty_day"),
    ),
    FindingKind.UNREADABLE_DATA: Rule(
        title="unreadable data",
        family=Family.DATA,
        evidence=Evidence.FILES,
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="contract",
        on_call=OnCallStep.INPUTS,
        first_step="Have the file written again; nothing was computed from it.",
        heals=True,
        blocks_retraining=True,
        stated_as=(
            "contract.unreadable_data",
            "volume.unreadable_data",
            "label_feed.unreadable_data",
        ),
    ),
    FindingKind.SCHEMA_BREACH: Rule(
        title="schema breach",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="contract",
        on_call=OnCallStep.INPUTS,
        first_step="Ask the producer what changed; judge drift of these columns only afterwards.",
        heals=True,
        blocks_retraining=True,
        quarantines=True,
        stated_as=("contract.schema_breach", "version.schema_breach"),
    ),
    FindingKind.LOW_VOLUME: Rule(
        title="low volume",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1,),
        asset="profile",
        on_call=OnCallStep.SERVICE,
        first_step="Compare with the callers' own count: is traffic down or is the log incomplete?",
        heals=True,
        inhibited_by=(FindingKind.PARTIAL_DAY,),
        settings=("rules.service.min_rows_share",),
        limit=Limit(
            signal="volume.rows",
            what="rows",
            below="rules.service.min_rows_share",
            of_usual=True,
            words="{value:,.0f} requests where this weekday usually has {usual:,.0f}"
            " (limit {limit:.0%} of it)",
        ),
    ),
    FindingKind.PARTIAL_DAY: Rule(
        title="partial day",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1,),
        asset="contract",
        on_call=OnCallStep.UPSTREAM,
        first_step="Have the missing hours delivered; the day is computed again by itself.",
        heals=True,
        blocks_retraining=True,
        quarantines=True,
    ),
    FindingKind.HIGH_VOLUME: Rule(
        title="high volume",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P2,),
        asset="profile",
        on_call=OnCallStep.SERVICE,
        first_step="Ask the callers whether they sent so many, then look for rows written twice.",
        heals=True,
        settings=("rules.service.max_rows_share",),
        limit=Limit(
            signal="volume.rows",
            what="rows",
            above="rules.service.max_rows_share",
            of_usual=True,
            words="{value:,.0f} requests where this weekday usually has {usual:,.0f}"
            " (limit {limit:g} times that)",
        ),
    ),
    FindingKind.DOMINANT_KEY: Rule(
        title="dominant key",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P2,),
        asset="contract",
        on_call=OnCallStep.SERVICE,
        first_step="Ask its owner what it sends; averages of the day are mostly about it.",
        heals=True,
    ),
    FindingKind.STALE_FEATURES: Rule(
        title="stale features",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1,),
        asset="contract",
        on_call=OnCallStep.FRESHNESS,
        first_step="Look at the last run of the job that computes the features.",
        heals=True,
        quarantines=True,
        settings=("rules.service.max_feature_age_hours",),
        limit=Limit(
            signal="freshness.feature_age_hours",
            subject="median",
            what="features",
            above="rules.service.max_feature_age_hours",
            unless_written=3.0,
            at_least=1.0,
            words="features of the median row were {value:.1f} hours old when served"
            " (limit {limit:.1f} hours){usually}",
        ),
    ),
    FindingKind.SYNTHETIC_LEAK: Rule(
        title="synthetic leak",
        family=Family.DATA,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1, Severity.P2),
        asset="contract",
        on_call=OnCallStep.INPUTS,
        first_step="Ask who tests with these ids, and have the rows tagged.",
        heals=True,
        quarantines=True,
        stated_as=("contract.synthetic_leak",),
    ),
    FindingKind.SERVICE_ERRORS: Rule(
        title="service errors",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P0,),
        asset="profile",
        on_call=OnCallStep.SERVICE,
        first_step="Read the service's error log of that day; consider the fallback or a rollback.",
        settings=("rules.service.max_error_rate",),
        limit=Limit(
            signal="service.error_rate",
            what="error rate",
            above="rules.service.max_error_rate",
            words="{value:.1%} of {n:,} requests failed (limit {limit:.0%}){reason}",
        ),
    ),
    FindingKind.SLOW_SERVICE: Rule(
        title="slow service",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P0, Severity.P2),
        asset="profile",
        on_call=OnCallStep.SERVICE,
        first_step="Look at the latency by stage, and at the load of the same hours.",
        settings=("rules.service.max_p99_ms",),
        limit=Limit(
            signal="service.latency_p99_ms",
            subject="total",
            what="p99",
            above="rules.service.max_p99_ms",
            urgent_from=5.0,
            words="99 % of the requests took up to {value:,.0f} ms (limit {limit:,.0f} ms)",
        ),
    ),
    FindingKind.UNKNOWN_VERSION: Rule(
        title="unknown version",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1,),
        asset="profile",
        on_call=OnCallStep.VERSION,
        first_step="Find out who deployed it and register it, or roll it back.",
        stated_as=("registration.unknown_version",),
    ),
    FindingKind.ROLLBACK_MISMATCH: Rule(
        title="rollback mismatch",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="contract",
        on_call=OnCallStep.VERSION,
        first_step="Roll the feature pipeline back to the version's own code, or let the newer "
        "version serve again.",
        stated_as=("contract.rollback_mismatch",),
    ),
    FindingKind.FEATURE_CODE_MISMATCH: Rule(
        title="feature code mismatch",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="contract",
        on_call=OnCallStep.VERSION,
        first_step="Compare both commits of the feature code: did a feature change its meaning?",
        stated_as=("contract.feature_code_mismatch",),
    ),
    FindingKind.LIBRARY_MISMATCH: Rule(
        title="library mismatch",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P2, Severity.P3),
        asset="contract",
        on_call=OnCallStep.VERSION,
        first_step="Serve with the libraries of the version's training, or train it again with "
        "those that serve.",
        stated_as=("contract.library_mismatch",),
    ),
    FindingKind.PREDICTION_DRIFT: Rule(
        title="prediction drift",
        family=Family.BEHAVIOUR,
        evidence=Evidence.PREDICTIONS,
        severities=(Severity.P1, Severity.P2),
        asset="drift",
        on_call=OnCallStep.PREDICTIONS,
        inhibited_by=_BROKEN_FEED,
        first_step="Look for a release or a new kind of traffic, then at the drifted features.",
        settings=("rules.drift",),
    ),
    FindingKind.FEATURE_DRIFT: Rule(
        title="feature drift",
        family=Family.BEHAVIOUR,
        evidence=Evidence.FEATURES,
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="drift",
        on_call=OnCallStep.FRESHNESS,
        inhibited_by=_BROKEN_FEED,
        first_step="Ask whether the world or the pipeline changed; a sudden shift is usually "
        "the pipeline.",
        settings=("rules.drift",),
    ),
    FindingKind.MULTIVARIATE_DRIFT: Rule(
        title="multivariate drift",
        family=Family.BEHAVIOUR,
        evidence=Evidence.WEEK,
        severities=(Severity.P2,),
        asset="multivariate",
        on_call=OnCallStep.FRESHNESS,
        first_step="Look at the columns that tell the week apart: did a join or a unit change "
        "between them?",
        partitions=Partitions.WEEKS,
        stated_as=("multivariate.multivariate_drift",),
    ),
    FindingKind.EXPECTED_DROP: Rule(
        title="expected drop",
        family=Family.BEHAVIOUR,
        evidence=Evidence.ESTIMATE,
        severities=(Severity.P2, Severity.P3),
        asset="estimate",
        on_call=OnCallStep.PREDICTIONS,
        inhibited_by=_BROKEN_FEED,
        first_step="Look at the inputs that moved; labels have yet to confirm it.",
        settings=("rules.performance",),
    ),
    FindingKind.PERFORMANCE_DROP: Rule(
        title="performance drop",
        family=Family.BEHAVIOUR,
        evidence=Evidence.QUALITY,
        # P2 where the inputs explain it, and behind the first champion; there P3 where they do.
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="evaluation",
        on_call=OnCallStep.DEGRADATION,
        first_step="Read the attribution first: did the rows change, or their meaning?",
        settings=("rules.performance",),
    ),
    FindingKind.SEGMENT_DROP: Rule(
        title="segment drop",
        family=Family.BEHAVIOUR,
        evidence=Evidence.QUALITY,
        severities=(Severity.P2,),
        asset="evaluation",
        on_call=OnCallStep.DEGRADATION,
        first_step="Look at that segment's rows: the whole is too large to show it.",
        settings=("rules.performance", "rules.segments"),
    ),
    FindingKind.MISCALIBRATION: Rule(
        title="miscalibration",
        family=Family.BEHAVIOUR,
        evidence=Evidence.QUALITY,
        severities=(Severity.P2,),
        asset="evaluation",
        on_call=OnCallStep.DEGRADATION,
        first_step="Read the reliability table; whoever acts on the score acts on a wrong "
        "probability.",
    ),
    FindingKind.REVISED_QUALITY: Rule(
        title="revised quality",
        family=Family.LABELS,
        evidence=Evidence.LABELS,
        severities=(Severity.P2, Severity.P3),
        asset="evaluation",
        on_call=OnCallStep.DEGRADATION,
        first_step="Read what was decided because of the former verdict, and whether it still "
        "holds.",
        stated_as=("revision.revised_quality",),
    ),
    FindingKind.LATE_LABELS: Rule(
        title="late labels",
        family=Family.LABELS,
        evidence=Evidence.LABELS,
        severities=(Severity.P2,),
        asset="outcomes",
        on_call=OnCallStep.UPSTREAM,
        first_step="Ask the label source; quality of these days stays unknown until they arrive.",
        heals=True,
        settings=("labels.mature_after_days", "labels.min_coverage"),
        stated_as=("label_feed.late_labels",),
    ),
    FindingKind.LABEL_DELAY: Rule(
        title="label delay",
        family=Family.LABELS,
        evidence=Evidence.LABELS,
        severities=(Severity.P2,),
        asset="outcomes",
        on_call=OnCallStep.UPSTREAM,
        first_step="Ask the label source what holds it up; verdicts on quality come later "
        "meanwhile.",
        stated_as=("label_feed.label_delay",),
    ),
    FindingKind.LABEL_PROCESS: Rule(
        title="label process",
        family=Family.LABELS,
        evidence=Evidence.LABELS,
        severities=(Severity.P2, Severity.P3),
        asset="outcomes",
        on_call=OnCallStep.DEGRADATION,
        first_step="Ask who labels now, and by which rule, before you believe in a change of "
        "quality.",
        stated_as=("label_feed.label_process",),
    ),
    FindingKind.ORPHAN_LABELS: Rule(
        title="orphan labels",
        family=Family.DATA,  # rows that are missing, more often than labels of nobody
        evidence=Evidence.LABELS,
        severities=(Severity.P2,),
        asset="outcomes",
        on_call=OnCallStep.UPSTREAM,
        inhibited_by=(FindingKind.MISSING_DAY, *_BROKEN_FEED),
        first_step="Compare the request ids on both sides; labels without a prediction count "
        "for nothing.",
        stated_as=("label_feed.orphan_labels",),
    ),
    FindingKind.VERSION_METADATA: Rule(
        title="version metadata",
        family=Family.SERVICE,
        evidence=Evidence.SERVICE,
        severities=(Severity.P1, Severity.P2, Severity.P3),
        asset="profile",
        on_call=OnCallStep.VERSION,
        first_step="Register the version again with its signature and reference data.",
        stated_as=("registration.version_metadata",),
    ),
    FindingKind.IMPORTANCE_SHIFT: Rule(
        title="importance shift",
        family=Family.BEHAVIOUR,
        evidence=Evidence.SERVICE,
        severities=(Severity.P3,),
        asset="drift",
        on_call=OnCallStep.VERSION,
        first_step="Compare both versions' training data: the new one may lean on a leak or a "
        "proxy.",
        stated_as=("registration.importance_shift",),
    ),
    FindingKind.RETRAINING: Rule(
        title="retraining",
        family=Family.BEHAVIOUR,
        evidence=Evidence.EVENT,
        severities=(Severity.P3,),
        asset="retraining",
        on_call=OnCallStep.VERSION,
        first_step="Read the comparison with the champion before you overrule it.",
        partitions=Partitions.NONE,
        settings=("retraining",),
    ),
    FindingKind.FAILED_RUN: Rule(
        title="failed run",
        family=Family.SERVICE,
        evidence=Evidence.EVENT,
        severities=(Severity.P1,),
        asset="verdict",
        on_call=OnCallStep.UPSTREAM,
        first_step="Open the run in Dagster, repair the cause and run the day again.",
    ),
    FindingKind.OWN_RULE: Rule(
        title="own rule",
        family=Family.OWN,
        evidence=Evidence.OWN,
        severities=(Severity.P0, Severity.P1, Severity.P2, Severity.P3),
        asset="verdict",
        on_call=OnCallStep.DEGRADATION,
        first_step="Read the rule in defs.yaml: its owner wrote down what it is there for.",
        settings=("rules.own",),
    ),
}
RULES: Mapping[FindingKind, Rule] = MappingProxyType(_ROWS)
HEAL = frozenset(kind for kind, rule in RULES.items() if rule.heals)
BLOCK_RETRAINING = frozenset(kind for kind, rule in RULES.items() if rule.blocks_retraining)
QUARANTINE = frozenset(kind for kind, rule in RULES.items() if rule.quarantines)
FAMILIES = {
    family: frozenset(kind for kind, rule in RULES.items() if rule.family is family)
    for family in Family
}


def judged_with(evidence: Collection[Evidence]) -> set[FindingKind]:
    """The rules that a day with this *evidence* says something about: found, or cleared.

    >>> sorted(judged_with({Evidence.WEEK}))
    [<FindingKind.MULTIVARIATE_DRIFT: 'multivariate_drift'>]
    """
    return {kind for kind, rule in RULES.items() if rule.evidence in evidence}

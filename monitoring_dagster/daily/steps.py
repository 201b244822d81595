"""Which steps a day goes through, in order: the table that the lineage is drawn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import import_module
from typing import Any

from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS
from monitoring_dagster.store.monitor import Monitor


@dataclass(frozen=True)
class Step:
    """One stop on a day's way from rows to a verdict."""

    name: str
    module: str  # where its `run` lies in this package
    upstream: tuple[str, ...]
    description: str
    kinds: tuple[str, ...]
    checks: Mapping[str, str] = field(default_factory=dict)  # name: the question it answers
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # name: type, meaning
    needs_labels: bool = False
    needs_review: bool = False
    looks_ahead: bool = False  # reads the arrivals of the days after it, too
    in_order: bool = False  # a day builds on the day before it; what does not is in `prepare`
    weekly: bool = False  # with multivariate_drift: a week, Monday to Sunday, named by its Monday

    @property
    def run(self) -> Callable[..., StepReport]:
        """The step itself of a model and a day, and what was prepared; imported when first needed.

        Without what was prepared, it prepares the day itself.
        """
        run: Callable[..., StepReport] = self._module.run
        return run

    @property
    def prepare(self) -> Callable[[Monitor, date], Any]:
        """What a step that is run in order needs of a day, and no other day's run changes."""
        prepare: Callable[[Monitor, date], Any] = self._module.prepare
        return prepare

    @property
    def _module(self) -> Any:
        return import_module(f"monitoring_dagster.{self.module}")

    def ending_on(self, day: date) -> date | None:
        """What this step is run for when *day* is over: that day, or the week that ends on it."""
        if not self.weekly:
            return day
        return day - timedelta(days=6) if day.weekday() == 6 else None


STEPS = (
    Step(
        "contract",
        "measure.contract",
        upstream=(PREDICTIONS,),
        description="Does the day's file look as it must? The expectation suite and the model's"
        " signature, before anything is computed from it.",
        kinds=("greatexpectations", "parquet"),
        checks={"schema": "Does every row keep the expectation suite and the signature?"},
        columns={
            "subject": ("string", "column or file"),
            "severity": ("string", "P0 to P3"),
            "words": ("string", "what is wrong, with the numbers"),
        },
    ),
    Step(
        "profile",
        "measure.profiling",
        upstream=(PREDICTIONS, "contract"),
        description="One pass over the day's rows: counts over the reference's bins, per model"
        " version and segment. All that follows reads this and never the rows again.",
        kinds=("duckdb", "parquet"),
        checks={
            "service": "Did the service answer as many requests, as well and as fast as usual?",
            "versions": "Is every row served by a version that the registry knows?",
        },
        columns={
            "version": ("string", "model version"),
            "segment": ("string", "column that splits, empty for all rows"),
            "value": ("string", "its value"),
            "column": ("string", "feature, score or prediction"),
            "counts": ("list", "rows per bin"),
        },
    ),
    Step(
        "drift",
        "measure.drift.drift",
        upstream=("profile",),
        description="How far features, scores and predictions lie from the version's reference,"
        " and whether that is drift.",
        kinds=("scipy", "parquet"),
        checks={
            "prediction_drift": "Are scores and predictions distributed as in the reference?",
            "feature_drift": "Are the features distributed as in the reference?",
        },
        columns={
            "column": ("string", "feature, score or prediction"),
            "psi": ("float", "population stability index, nats"),
            "jensen_shannon": ("float", "distance, base 2, 0 to 1"),
            "p_adjusted": ("float", "after Benjamini and Hochberg"),
            "verdict": ("string", "OK, DRIFT or INSUFFICIENT"),
            "reason": ("string", "in words"),
        },
    ),
    Step(
        "multivariate",
        "measure.drift.multivariate",
        upstream=("profile",),  # and nothing downstream: no day's verdict waits for its week's end
        description="Whether the features drifted together, even where each alone looks the same:"
        " a classifier and a kernel test on samples of the week's rows and of the reference.",
        kinds=("scikitlearn", "parquet"),
        checks={"multivariate_drift": "Do the features together look as in the reference?"},
        columns={
            "version": ("string", "model version"),
            "auc": ("float", "of a classifier that tells the week from the reference; 0.5: cannot"),
            "mmd2": ("float", "maximum mean discrepancy, squared"),
            "p_adjusted": ("float", "the smaller of both p-values, for two tests"),
            "verdict": ("string", "OK, DRIFT or INSUFFICIENT"),
            "reason": ("string", "in words"),
        },
        weekly=True,
    ),
    Step(
        "estimate",
        "measure.estimates.estimate",
        upstream=("profile", "drift"),
        description="How good the day's predictions will turn out to be, from stored profiles and"
        " from what such rows turned out to be in the reference: before any label. Blind to concept"
        " drift.",
        kinds=("scipy", "parquet"),
        checks={"expected_performance": "Is the expected quality within what was promised?"},
        columns={
            "version": ("string", "model version"),
            "segment": ("string", "column that splits, empty for all rows"),
            "metric": ("string", "its name"),
            "estimate": ("float", "expected value"),
            "low": ("float", "95 % interval of what labels will show"),
            "high": ("float", "95 % interval of what labels will show"),
            "method": ("string", "cbpe, pape or dle"),
        },
    ),
    Step(
        "review",
        "measure.review.review",
        upstream=(PREDICTIONS, "drift"),
        description="The requests that people are asked to look at: a random share, and those least"
        " sure on days on which the scores drift; written out without what the model said.",
        kinds=("duckdb", "csv"),
        columns={"reason": ("string", "random, or unsure")},
        needs_review=True,
    ),
    Step(
        "outcomes",
        "measure.quality.arrived_labels",
        upstream=(LABELS, PREDICTIONS, "profile"),
        description="The labels that arrived this day, joined to the predictions they belong to,"
        " as counts per prediction day.",
        kinds=("duckdb", "parquet"),
        checks={"labels": "Does every label belong to one prediction, and did enough arrive?"},
        columns={
            "day": ("date", "day of the prediction"),
            "version": ("string", "model version"),
            "label": ("string", "what turned out to be true"),
            "prediction": ("string", "what was said"),
            "count": ("int", "rows"),
        },
        needs_labels=True,
    ),
    Step(
        "evaluation",
        "measure.quality.evaluation",
        upstream=("outcomes",),
        description="How good the day's predictions were, as far as labels have arrived;"
        " revised with every later label.",
        kinds=("python", "parquet"),
        checks={"performance": "Is the day's quality within what registration promised?"},
        columns={
            "version": ("string", "model version"),
            "segment": ("string", "column that splits, empty for all rows"),
            "metric": ("string", "its name"),
            "value": ("float", "point estimate"),
            "low": ("float", "95 % interval"),
            "high": ("float", "95 % interval"),
            "n": ("int", "labelled rows"),
            "source": ("string", "of the labels, empty for the feed itself"),
        },
        needs_labels=True,
        looks_ahead=True,
    ),
    Step(
        "attribution",
        "measure.attribution.attribution",
        upstream=("evaluation", "profile"),
        description="What a change in quality comes from: traffic that moved between versions or"
        " segments, or a version that is worse than the one it replaced on the same days or rows.",
        kinds=("scikitlearn", "parquet"),
        columns={
            "dimension": ("string", "version, or a segment"),
            "value": ("string", "its value"),
            "metric": ("string", "the first judged metric, or the mean that stands in for it"),
            "share_before": ("float", "of the labelled rows of the four weeks before"),
            "share_now": ("float", "of the labelled rows of the newest judged days"),
            "quality_before": ("float", "the metric"),
            "quality_now": ("float", "the metric"),
            "mix": ("float", "what the moving of its traffic adds to the change; larger is worse"),
            "within": ("float", "what its own change adds"),
            "psi": ("float", "of versions, the largest of any column on this day"),
            "first_seen": ("date", "of versions, in either window"),
            "last_seen": ("date", "of versions"),
        },
        needs_labels=True,
        looks_ahead=True,
    ),
    Step(
        "verdict",
        "judge.verdict",
        upstream=("contract", "profile", "drift", "estimate", "outcomes"),
        description="What is wrong with the model as known at the end of this day: findings,"
        " incidents and the messages about them.",
        kinds=("python", "slack"),
        in_order=True,
        columns={
            "kind": ("string", "of finding, as in runbooks/"),
            "severity": ("string", "P0 to P3"),
            "words": ("string", "what is wrong, with the numbers"),
        },
    ),
)


def steps_of(monitor: Monitor) -> tuple[Step, ...]:
    """The steps that this model has data and a wish for."""
    spec = monitor.spec
    return tuple(
        step
        for step in STEPS
        if (spec.labels or not step.needs_labels)
        and (spec.review or not step.needs_review)
        and (spec.multivariate_drift or not step.weekly)
    )

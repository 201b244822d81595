"""One monitored model, as its owner wrote it down. No Dagster here."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Literal, Self

from pydantic import Field

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.spec.channels import Channels
from monitoring_dagster.spec.metrics import (
    METRICS,
    SCORE_METRICS,
    MetricDefinition,
    Task,
    Tolerance,
)
from monitoring_dagster.spec.paths import SuitePath
from monitoring_dagster.spec.record import (
    Day,
    Identifier,
    Misplaced,
    Named,
    Owner,
    Public,
    Record,
    shown,
)
from monitoring_dagster.spec.retraining import Retraining
from monitoring_dagster.spec.rules.limits import Rules
from monitoring_dagster.spec.schedule import Schedule
from monitoring_dagster.spec.sources import (
    FurtherLabels,
    Labels,
    OutsideSeries,
    Predictions,
    Review,
)

_FIRST_LOG = date(1970, 1, 1)


class NoLabels(MonitoringError):
    """A question about labels to a model that has none."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(f"model {model!r} has no `labels`: say in its defs.yaml where they arrive")

    @classmethod
    def from_source(cls, source: str, *, model: str, known: Collection[str]) -> Self:
        return cls(
            f"model {model!r} has no `further_labels` called {source!r}."
            f" {did_you_mean(source, known)}"
        )


class Feature(Record):
    """One input column."""

    name: Named
    kind: Literal["numeric", "categorical"] | None = Field(
        default=None, description="By default what the reference data says."
    )


class ModelSpec(Record):
    """One monitored model, as its owner wrote it down."""

    _moved: ClassVar[Mapping[str, str]] = MappingProxyType({"critical": "multivariate_drift"})

    name: Identifier
    owner: Owner = Field(description="An e-mail address or team:<name>.")
    description: Public = ""
    task: Task
    registered_model: Named | None = Field(
        default=None, description="Name in the MLflow registry; by default `name`."
    )
    predictions: Predictions
    labels: Labels | None = None
    features: list[Feature] | None = Field(
        default=None, description="By default all that the MLflow signature names."
    )
    metrics: list[MetricDefinition] = Field(
        default_factory=list,
        description="Metrics of your own; a changed one gets a new version beside the old.",
    )
    further_labels: dict[Identifier, FurtherLabels] = Field(
        default_factory=dict, description="Second opinions by source, such as human and weak."
    )
    review: Review | None = Field(
        default=None, description="Write requests out for people to review."
    )
    signals: dict[Identifier, OutsideSeries] = Field(
        default_factory=dict,
        description="Numbers from elsewhere, by name: signals for own rules, and for"
        " `model leading-indicators`.",
    )
    segments: list[Named] = Field(default_factory=list, description="Columns to split by.")
    expectations: SuitePath | None = Field(
        default=None, description="A Great Expectations suite, as JSON."
    )
    sensitive: list[Named] = Field(
        default_factory=list,
        description="Columns of which a breach of the contract tells counts and shares, and no"
        " value as an example.",
    )
    first_day: Day | None = Field(
        default=None, description="By default the earliest day that has a predictions file."
    )
    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb",
        description="What profiles a day's rows: spark where they outgrow one machine; it needs"
        " monitoring_dagster[spark] and files.",
    )
    multivariate_drift: bool = Field(
        default=False,
        description="Also look at all features together, once a week: whether they drifted even"
        " where each alone looks the same; and weigh estimates towards the rows of days that"
        " drifted.",
    )
    schedule: Schedule = Field(
        default=Schedule(),
        description="When a day is judged; by default what pyproject.toml says, or 06:00 UTC.",
    )
    rules: Rules = Rules()
    channels: Channels = Channels()
    retraining: Retraining | None = None

    def _check(self) -> None:
        if self.engine == "spark" and self.predictions.path is None:
            message = (
                "engine `spark` reads files, and predictions lie in a DuckDB table:"
                " name predictions.path, or leave `engine` out"
            )
            raise Misplaced(message, "engine")
        if self.retraining and not self.labels:
            message = "retraining needs `labels`: without them no challenger can be compared"
            raise Misplaced(message, "retraining")
        _refuse_doubles("segments", self.segments)
        _refuse_doubles("sensitive", self.sensitive)
        _refuse_doubles("features", [one.name for one in self.features or []])
        self._check_first_day()
        self._check_metrics()
        self._check_thresholds(("rules", "performance"), self.rules.performance)
        self._check_promotion()
        self._check_segments()
        self._check_own_rules()
        if self.review and self.review.source not in self.further_labels:
            message = (
                f"review.source {shown(self.review.source)} is none of `further_labels`: say there"
                " where the reviewed labels come back"
            )
            raise Misplaced(message, "review", "source")

    def _check_first_day(self) -> None:
        """A day to come would monitor nothing without a word, and one of long ago has no log."""
        if self.first_day is None:
            return
        today = datetime.now(UTC).date()
        if not _FIRST_LOG <= self.first_day <= today + timedelta(days=1):  # ahead of UTC
            when = "in the future" if self.first_day > today else "before any inference log"
            message = (
                f"first_day {self.first_day} is {when}: leave it out, and monitoring begins with"
                " the earliest day that has a predictions file"
            )
            raise Misplaced(message, "first_day")

    def _check_metrics(self) -> None:
        seen = set()
        for number, one in enumerate(self.metrics):
            if one.label in METRICS[self.task] or one.label in seen:
                message = f"metrics: {one.label!r} is taken; give it another name or version"
                raise Misplaced(message, "metrics", number)
            seen.add(one.label)
            needed = {"value": "binary", "quantile": "regression"}
            for way, task in needed.items():
                if getattr(one, way) is not None and self.task != task:
                    message = f"metrics: `{way}` of {one.name!r} is for {task}, not {self.task}"
                    raise Misplaced(message, "metrics", number, way)

    def _check_promotion(self) -> None:
        """A challenger is compared by the first rule, which must not want what no model says."""
        wants_score = self.metric in SCORE_METRICS[self.task]
        if self.retraining and wants_score and self.predictions.score is None:
            without = [one for one in METRICS[self.task] if one not in SCORE_METRICS[self.task]]
            message = (
                f"rules.performance: {self.metric} stands first and so decides promotions, and it"
                " needs probabilities: name their column in predictions.score, or put another"
                f" metric first ({', '.join(without)})"
            )
            raise Misplaced(message, "rules", "performance", self.metric)

    def _check_segments(self) -> None:
        for column, values in self.rules.segments.items():
            if column not in self.segments:
                message = (
                    f"rules.segments: {shown(column)} is none of `segments`."
                    f" {did_you_mean(column, self.segments)}"
                )
                raise Misplaced(message, "rules", "segments", column)
            for value, tolerances in values.items():
                self._check_thresholds(("rules", "segments", column, value), tolerances)

    def _check_own_rules(self) -> None:
        """What a signal is about is known from the file alone, unlike what a step stores of it."""
        for name, rule in self.rules.own.items():
            place = f"rules.own.{name}"
            if rule.segment is not None and rule.segment not in self.segments:
                message = (
                    f"{place}: {shown(rule.segment)} is none of `segments`."
                    f" {did_you_mean(rule.segment, self.segments)}"
                )
                raise Misplaced(message, "rules", "own", name, "segment")
            area, _, series = rule.signal.partition(".")
            if area == "outside" and series not in self.signals:
                message = (
                    f"{place}: {shown(series)} is none of `signals`."
                    f" {did_you_mean(series, self.signals)}"
                )
                raise Misplaced(message, "rules", "own", name, "signal")

    def _check_thresholds(
        self, place: tuple[str, ...], tolerances: Mapping[str, Tolerance]
    ) -> None:
        """A threshold is for one definition of one metric: the one that is valid now."""
        newest = {one.name: one.version for one in sorted(self.metrics, key=lambda m: m.version)}
        for metric, tolerance in tolerances.items():
            known = [*METRICS[self.task], *newest]
            if metric not in known:
                message = (
                    f"{'.'.join(place)}: no metric {shown(metric)} for a {self.task} model."
                    f" {did_you_mean(metric, known)}"
                )
                raise Misplaced(message, *place, metric)
            if tolerance.version != newest.get(metric, 1):
                message = (
                    f"{'.'.join(place)}: the threshold of {metric!r} was set for version"
                    f" {tolerance.version} of it, and version {newest.get(metric, 1)} is defined:"
                    " set it anew for that, with `version`"
                )
                raise Misplaced(message, *place, metric)
            if tolerance.limit is not None and place[1] == "segments":
                message = (
                    f"{'.'.join(place)}: the limit of {metric} is for all rows: write it in"
                    " rules.performance"
                )
                raise Misplaced(message, *place, metric, "limit")

    def definition(self, label: str) -> MetricDefinition | None:
        """The own metric of this label; None for one of ours."""
        return next((one for one in self.metrics if one.label == label), None)

    @property
    def row_metrics(self) -> list[MetricDefinition]:
        """Own metrics that need the rows: they are computed as labels arrive."""
        counted = self.task != "regression"
        return [
            one
            for one in self.metrics
            if one.columns or (not counted and (one.expression or one.function))
        ]

    @property
    def mlflow_name(self) -> str:
        return self.registered_model or self.name

    @property
    def tolerances(self) -> dict[str, Tolerance]:
        """How much worse each judged metric may get, by its label."""
        return self._by_label(self.rules.performance) or {
            self._usual_metric: Tolerance(relative=0.05)
        }

    def tolerances_where(self, segment: str, value: str) -> dict[str, Tolerance]:
        """The same for one value of a segment: its own go before those of all."""
        own = self.rules.segments.get(segment, {}).get(value, {})
        return self.tolerances | self._by_label(own)

    def _by_label(self, tolerances: Mapping[str, Tolerance]) -> dict[str, Tolerance]:
        labels = {(one.name, one.version): one.label for one in self.metrics}
        return {labels.get((name, one.version), name): one for name, one in tolerances.items()}

    @property
    def metric(self) -> str:
        """The metric that decides about promotions: the first one judged."""
        return next(iter(self.tolerances))

    @property
    def _usual_metric(self) -> str:
        if self.task == "regression":
            return "mae"
        return "log_loss" if self.task == "binary" and self.predictions.score else "accuracy"


def labels_of(spec: ModelSpec, source: str | None = None) -> Labels:
    """The labels that *source* names: one of the spec's `further_labels`; None: its `labels`."""
    if source is not None:
        if source not in spec.further_labels:
            raise NoLabels.from_source(source, model=spec.name, known=spec.further_labels)
        return spec.further_labels[source]
    if spec.labels is None:
        raise NoLabels.of(spec.name)
    return spec.labels


def _refuse_doubles(key: str, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            message = f"{key}: {shown(name)} stands here twice: take one of them out"
            raise Misplaced(message, key, number)

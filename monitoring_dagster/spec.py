"""What a monitored model is, as its owner wrote it down. No Dagster here."""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.stats.drift import DriftSettings

Task = Literal["binary", "multiclass", "regression"]


def _plain_identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
        message = (
            f"{name!r} is no plain identifier: use letters, digits and _ (at most 63),"
            " and begin with a letter"
        )
        raise ValueError(message)
    return name


def _no_secret(text: str) -> str:
    if re.search(r"xox[abpre]-|xapp-|hooks\.slack\.com", text):
        message = "this is a secret: keep it out of YAML and set SLACK_BOT_TOKEN in the environment"
        raise ValueError(message)
    return text


def _owner(name: str) -> str:
    if not re.fullmatch(r"team:[\w.-]+|[^@\s]+@[^@\s]+\.[^@\s]+", name):
        message = f"{name!r} is neither an e-mail address nor team:<name>"
        raise ValueError(message)
    return name


Identifier = Annotated[str, AfterValidator(_plain_identifier)]
Owner = Annotated[str, AfterValidator(_owner)]
Public = Annotated[str, AfterValidator(_no_secret)]


METRICS: dict[Task, tuple[str, ...]] = {
    "binary": (
        "log_loss",
        "brier",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "average_precision",
        "ece",
        "bias",
    ),
    "multiclass": ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "ece"),
    "regression": ("mae", "rmse", "mse", "mape", "bias"),
}  # what a rule may judge: every one has an interval


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _in_plain_words(cls, written: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Say the way out of a misspelt key, and repeat no value: it may be a secret."""
        try:
            return validate(written)
        except ValidationError as error:
            raise ValidationError.from_exception_data(
                cls.__name__, [cls._reworded(one) for one in error.errors()]
            ) from None

    @classmethod
    def _reworded(cls, error: ErrorDetails) -> InitErrorDetails:
        words = InitErrorDetails(
            type=error["type"], loc=error["loc"], input="(hidden)", ctx=error.get("ctx", {})
        )
        if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
            key = str(error["loc"][0])
            unknown = ValueError(f"there is no key {key!r}. {did_you_mean(key, cls.model_fields)}")
            words |= {"type": "value_error", "ctx": {"error": unknown}}
        return words


class Source(_Record):
    """Where rows lie: one Parquet file a day, or one DuckDB table."""

    path: str | None = Field(
        default=None,
        description="Parquet file of one day, with {day} where the date stands: data/{day}.parquet",
    )
    database: str | None = Field(default=None, description="DuckDB file that holds `table`.")
    table: Identifier | None = Field(default=None, description="Table or view in `database`.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.table is None) or (self.table is None) != (
            self.database is None
        ):
            message = "name either `path`, or `database` and `table`"
            raise ValueError(message)
        if self.path is not None and "{day}" not in self.path:
            message = f"path {self.path!r} has no {{day}}: one file a day is read"
            raise ValueError(message)
        return self


class Predictions(Source):
    """The inference log: which rows were served, by which version, with what answer."""

    request_id: str = "request_id"
    served_at: str = "served_at"
    version: str = Field(default="model_version", description="MLflow version that answered.")
    prediction: str = "prediction"
    score: str | None = Field(
        default=None, description="Probability of the positive class, or of the predicted one."
    )
    status: str | None = Field(
        default=None,
        description="Column with ok, error or fallback; only ok rows count for quality.",
    )
    synthetic: str | None = Field(
        default=None, description="Boolean column: test traffic, left out and counted."
    )
    latency_ms: dict[str, str] = Field(
        default_factory=dict, description="Stage: column, in milliseconds. `total` is judged."
    )


class Labels(Source):
    """What turned out to be true, by the day on which it arrived."""

    request_id: str = "request_id"
    label: str = "label"
    arrived_at: str = "arrived_at"
    mature_after_days: int = Field(
        default=14,
        ge=0,
        le=365,
        description="Days after which no more labels are waited for. Later ones are late: they"
        " still count, and revise what was said.",
    )
    expire_after_days: int | None = Field(
        default=None,
        ge=0,
        le=730,
        description="Labels later than this are counted as expired and change nothing; by default"
        " twice mature_after_days.",
    )
    keep: Literal["first", "last"] = Field(
        default="first",
        description="Which of a request's labels counts: the first, or the last where corrections"
        " are sent.",
    )
    ambiguous: list[str] = Field(
        default_factory=list,
        description="Label values that say that nobody knows: counted, and in no metric.",
    )
    annotator: str | None = Field(
        default=None, description="Column that names who labelled: a change of hands is told."
    )
    min_coverage: float = Field(
        default=0.8, gt=0, le=1, description="Share of labels below which no verdict is given."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.expire_after_days is not None and self.expire_after_days < self.mature_after_days:
            message = (
                f"expire_after_days {self.expire_after_days} is below mature_after_days"
                f" {self.mature_after_days}: labels would expire while they are waited for"
            )
            raise ValueError(message)
        return self

    @property
    def accepted_days(self) -> int:
        """How late a label may come and still count."""
        if self.expire_after_days is None:
            return 2 * self.mature_after_days
        return self.expire_after_days


class FurtherLabels(Labels):
    """A second opinion: human reviews, or weak labels. A series of its own, never mixed in."""

    error_rate: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        description="Share of these labels known to be wrong; accuracy is corrected for it.",
    )


class Review(_Record):
    """Which requests people are asked to look at."""

    share: float = Field(
        default=0.01, gt=0, le=1, description="Of all requests, chosen by a hash of their id."
    )
    batch_rows: int = Field(
        default=200,
        ge=0,
        description="Chosen in addition on days on which the scores drift: those least sure.",
    )
    source: str = Field(
        default="human", description="Which of `further_labels` the reviewed ones come back as."
    )


class Signal(_Record):
    """A number a day from elsewhere that may announce losses: complaints, feedback, conversion."""

    path: str = Field(
        description="CSV or Parquet: a file, a folder, a glob, or one file a day with {day} where"
        " the date stands."
    )
    day: str = Field(default="day", description="Column that names the UTC day.")
    value: str = Field(
        default="value", description="Column of numbers; several of one day are averaged."
    )


class ValueTable(_Record):
    """What a prediction is worth, by how it turned out; costs are negative."""

    tp: float = 0.0
    fp: float = 0.0
    fn: float = 0.0
    tn: float = 0.0


class MetricDefinition(_Record):
    """A metric of your own; exactly one of `value`, `quantile`, `expression` and `function`."""

    name: Identifier
    version: int = Field(default=1, ge=1)
    valid_from: date | None = Field(
        default=None, description="First day judged by it; by default from the beginning."
    )
    retired_on: date | None = Field(
        default=None, description="From this day on it is computed, and judged no more."
    )
    better: Literal["higher", "lower"] = "higher"
    value: ValueTable | None = Field(
        default=None, description="Binary: what each outcome is worth; the mean per prediction."
    )
    quantile: float | None = Field(
        default=None, gt=0, lt=1, description="Regression: the quantile loss at this level."
    )
    expression: str | None = Field(
        default=None,
        description="SQL over label, prediction, score and `columns`; the mean of its values.",
    )
    function: str | None = Field(
        default=None,
        description="module:name; takes an Arrow table with label, prediction, score, `columns`"
        " and rows (how many are alike); returns a value for each of its rows.",
    )
    columns: list[str] = Field(
        default_factory=list,
        description="Further columns of the inference log that it needs. With them, and for"
        " regression, it is computed as labels arrive; else from the stored counts, for any day.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = ("value", "quantile", "expression", "function")
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) != 1:
            message = f"metric {self.name!r}: give exactly one of {', '.join(ways)}"
            raise ValueError(message)
        return self

    @property
    def label(self) -> str:
        """Its name in results, where a later definition is another metric."""
        return self.name if self.version == 1 else f"{self.name}_v{self.version}"

    def judged_on(self, day: date) -> bool:
        """Whether it is valid, and not retired, on *day*."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.retired_on is None or day < self.retired_on
        )


class Feature(_Record):
    """One input column."""

    name: str
    kind: Literal["numeric", "categorical"] | None = Field(
        default=None, description="By default what the reference data says."
    )


class Tolerance(_Record):
    """How much worse a metric may get before somebody is told; exactly one unit."""

    relative: float | None = Field(default=None, gt=0, description="0.05: five per cent of it.")
    absolute: float | None = Field(default=None, gt=0, description="In the metric's own unit.")
    version: int = Field(
        default=1, ge=1, description="Which definition of a metric of your own it was set for."
    )

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.relative is None) == (self.absolute is None):
            message = "give either `relative` or `absolute`"
            raise ValueError(message)
        return self

    def around(self, baseline: float) -> float:
        """The tolerated distance from *baseline*, in the metric's unit."""
        return self.absolute if self.absolute is not None else abs(baseline) * (self.relative or 0)


class Baseline(_Record):
    """What a day is compared with."""

    kind: Literal["training", "frozen", "rolling", "same_weekday"] = Field(
        default="training",
        description="The version's registered reference; the first days that it served, kept for"
        " good; the days before; or the same weekdays before.",
    )
    days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="How many days the window spans; training has none.",
    )

    @property
    def label(self) -> str:
        """Its name in results and messages."""
        if self.kind == "training":
            return self.kind
        return f"{self.kind.replace('_', ' ')}, {self.days} days"


class Drift(_Record):
    """When a difference from the reference is called drift."""

    baselines: list[Baseline] = Field(
        default=[Baseline()],
        min_length=1,
        description="Each is judged; a finding names the one it is about.",
    )

    alpha: float = Field(default=0.05, gt=0, lt=1, description="False discovery rate of one day.")
    min_rows: int = Field(default=100, ge=2)
    min_effect: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Share of rows that fall in other bins than in the reference.",
    )
    min_missing: float = Field(
        default=0.02, gt=0, lt=1, description="Growth of the share of missing values."
    )
    min_new_category: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Share of rows of categories that the reference never had, beyond what is to be"
        " expected where many are rare.",
    )
    min_infinite: float = Field(
        default=0.02, gt=0, lt=1, description="Growth of the share of infinite values."
    )
    min_out_of_range: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Growth of the share of numbers far outside the reference's range.",
    )
    psi_moderate: float = Field(default=0.1, gt=0)
    psi_alert: float = Field(default=0.15, gt=0)
    psi_significant: float = Field(default=0.2, gt=0)
    max_alerts_in_30_days: int = Field(
        default=10,
        ge=0,
        description="Features whose drift is told; beyond them it is recorded and not sent.",
    )

    def settings(self) -> DriftSettings:
        names = {one.name for one in fields(DriftSettings)}
        return DriftSettings(**self.model_dump(include=names))


class Service(_Record):
    """When the service itself is called ill."""

    max_error_rate: float = Field(default=0.10, gt=0, lt=1)
    max_p99_ms: float | None = Field(default=None, gt=0)
    min_rows_share: float = Field(
        default=0.5, ge=0, lt=1, description="Of the same weekday's median in the last 4 weeks."
    )


class Rules(_Record):
    """Every threshold, in one place."""

    drift: Drift = Drift()
    performance: dict[str, Tolerance] = Field(
        default_factory=dict,
        description="Metric: how much worse than at registration is tolerated; the first decides"
        " promotions. By default 5 % of log_loss (binary with score), accuracy, or mae.",
    )
    segments: dict[str, dict[str, dict[str, Tolerance]]] = Field(
        default_factory=dict,
        description="Segment column: its value: metric: a tolerance of its own.",
    )
    service: Service = Service()


class Channels(_Record):
    """Where people are told."""

    slack: Public = Field(default="#ml-alerts", description="P0 to P2.")
    remind_every_days: int = Field(default=7, ge=1)
    clear_after_days: int = Field(
        default=3, ge=1, description="Days without a finding that close an incident."
    )


class Retraining(_Record):
    """When a challenger is trained, and what it must show."""

    trainer: str = Field(description="module:function; see the README's ten minutes.")
    cadence: Literal["never", "daily", "weekly", "monthly", "quarterly"] = "never"
    breaches: int = Field(default=3, ge=1, description="Evaluated days worse than tolerated ...")
    of_days: int = Field(default=5, ge=1, description="... of the last so many.")
    train_days: int = Field(default=90, ge=1)
    holdout_days: int = Field(default=14, ge=1)
    min_labelled_rows: int = Field(default=2000, ge=1)
    cooldown_days: int = Field(default=14, ge=0)
    max_runs_in_30_days: int = Field(default=3, ge=1)
    promotion: Literal["automatic", "manual"] = "automatic"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.breaches > self.of_days:
            message = f"breaches {self.breaches} can never happen in of_days {self.of_days}"
            raise ValueError(message)
        if self.cooldown_days < self.holdout_days:
            message = (
                f"cooldown_days {self.cooldown_days} is below holdout_days {self.holdout_days}:"
                " one holdout would judge two challengers"
            )
            raise ValueError(message)
        return self


class ModelSpec(_Record):
    """One monitored model, as its owner wrote it down."""

    name: Identifier
    owner: Owner = Field(description="An e-mail address or team:<name>.")
    description: Public = ""
    task: Task
    registered_model: str | None = Field(
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
    signals: dict[Identifier, Signal] = Field(
        default_factory=dict,
        description="Numbers from elsewhere, by name, that `proxies` looks at beside its own.",
    )
    segments: list[str] = Field(default_factory=list, description="Columns to split by.")
    expectations: str | None = Field(
        default=None, description="A Great Expectations suite, as JSON."
    )
    first_day: date | None = Field(
        default=None, description="By default the earliest day that has a predictions file."
    )
    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb",
        description="What profiles a day's rows: spark where they outgrow one machine; it needs"
        " monitoring_dagster[spark] and files.",
    )
    critical: bool = Field(
        default=False,
        description="Also look at all features together, once a week: whether they drifted even"
        " where each alone looks the same; and weigh estimates towards days that drifted.",
    )
    rules: Rules = Rules()
    channels: Channels = Channels()
    retraining: Retraining | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.engine == "spark" and self.predictions.path is None:
            message = (
                "engine `spark` reads files, and predictions lie in a DuckDB table:"
                " name predictions.path, or leave `engine` out"
            )
            raise ValueError(message)
        if self.retraining and not self.labels:
            message = "retraining needs `labels`: without them no challenger can be compared"
            raise ValueError(message)
        self._check_metrics()
        self._check_thresholds("rules.performance", self.rules.performance)
        for column, values in self.rules.segments.items():
            if column not in self.segments:
                message = (
                    f"rules.segments: {column!r} is none of `segments`."
                    f" {did_you_mean(column, self.segments)}"
                )
                raise ValueError(message)
            for value, tolerances in values.items():
                self._check_thresholds(f"rules.segments.{column}.{value}", tolerances)
        if self.review and self.review.source not in self.further_labels:
            message = (
                f"review.source {self.review.source!r} is none of `further_labels`: say there where"
                " the reviewed labels come back"
            )
            raise ValueError(message)
        return self

    def _check_metrics(self) -> None:
        seen = set()
        for one in self.metrics:
            if one.label in METRICS[self.task] or one.label in seen:
                message = f"metrics: {one.label!r} is taken; give it another name or version"
                raise ValueError(message)
            seen.add(one.label)
            needed = {"value": "binary", "quantile": "regression"}
            for way, task in needed.items():
                if getattr(one, way) is not None and self.task != task:
                    message = f"metrics: `{way}` of {one.name!r} is for {task}, not {self.task}"
                    raise ValueError(message)

    def _check_thresholds(self, place: str, tolerances: Mapping[str, Tolerance]) -> None:
        """A threshold is for one definition of one metric: the one that is valid now."""
        newest = {one.name: one.version for one in sorted(self.metrics, key=lambda m: m.version)}
        for metric, tolerance in tolerances.items():
            known = [*METRICS[self.task], *newest]
            if metric not in known:
                message = (
                    f"{place}: no metric {metric!r} for a {self.task} model."
                    f" {did_you_mean(metric, known)}"
                )
                raise ValueError(message)
            if tolerance.version != newest.get(metric, 1):
                message = (
                    f"{place}: the threshold of {metric!r} was set for version"
                    f" {tolerance.version} of it, and version {newest.get(metric, 1)} is defined:"
                    " set it anew for that, with `version`"
                )
                raise ValueError(message)

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

"""Where rows come from: predictions, labels, reviews and outside numbers."""

from typing import Literal

from pydantic import ConfigDict, Field

from monitoring_dagster.spec.paths import DailyPath, FilePath, NumbersPath
from monitoring_dagster.spec.record import Identifier, Misplaced, Named, Record

PREDICTIONS, LABELS = "predictions", "labels"  # what others write and we read


class Source(Record):
    """Where rows lie: one Parquet file a day, or one DuckDB table."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["path"]}, {"required": ["database", "table"]}],
            "dependentRequired": {"database": ["table"], "table": ["database"]},
        }
    )

    path: DailyPath | None = Field(
        default=None,
        description="Parquet file of one day, with {day} where the date stands: data/{day}.parquet",
    )
    database: FilePath | None = Field(default=None, description="DuckDB file that holds `table`.")
    table: Identifier | None = Field(default=None, description="Table or view in `database`.")

    def _check(self) -> None:
        if (self.path is None) == (self.table is None) or (self.table is None) != (
            self.database is None
        ):
            message = "name either `path`, or `database` and `table`"
            raise ValueError(message)


class Predictions(Source):
    """The inference log: which rows were served, by which version, with what answer."""

    request_id: Named = "request_id"
    served_at: Named = "served_at"
    version: Named = Field(default="model_version", description="MLflow version that answered.")
    prediction: Named = "prediction"
    score: Named | None = Field(
        default=None, description="Probability of the positive class, or of the predicted one."
    )
    status: Named | None = Field(
        default=None,
        description="Column with ok, error or fallback; only ok rows count for quality.",
    )
    synthetic: Named | None = Field(
        default=None, description="Boolean column: test traffic, left out and counted."
    )
    synthetic_prefixes: list[Named] = Field(
        default_factory=list,
        description="What the request ids of test traffic begin with, such as probe-: rows that"
        " have it and are not synthetic are told.",
    )
    latency_ms: dict[Named, Named] = Field(
        default_factory=dict, description="Stage: column, in milliseconds. `total` is judged."
    )
    key: Named | None = Field(
        default=None,
        description="Column that names whom or what a request is about: customer, device, source."
        " One that dominates a day is told.",
    )
    features_at: Named | None = Field(
        default=None,
        description="Column with the time at which the features of the row were computed: stale"
        " ones are told.",
    )
    feature_code: Named | None = Field(
        default=None,
        description="Column with the hash or commit of the code that computed the features; held"
        " against the version's tag feature_code.",
    )
    libraries: Named | None = Field(
        default=None,
        description="Column with the service's library versions, as a JSON object or as"
        " name==version by comma; held against those of the version's training.",
    )

    def _check(self) -> None:
        super()._check()
        if self.synthetic_prefixes and self.synthetic is None:
            message = "name the column `synthetic`, too: without it every row is untagged"
            raise Misplaced(message, "synthetic_prefixes")

    @property
    def measured(self) -> list[str]:
        """The columns that are measured, beside those that a row needs to count."""
        optional = (self.key, self.features_at)
        return [*self.latency_ms.values(), *(name for name in optional if name is not None)]

    @property
    def deployed(self) -> tuple[str, ...]:
        """The columns that tell of the deployment behind a row."""
        return tuple(name for name in (self.feature_code, self.libraries) if name is not None)


class Labels(Source):
    """What turned out to be true, by the day on which it arrived."""

    request_id: Named = "request_id"
    label: Named = "label"
    arrived_at: Named = "arrived_at"
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
    annotator: Named | None = Field(
        default=None, description="Column that names who labelled: a change of hands is told."
    )
    min_coverage: float = Field(
        default=0.8, gt=0, le=1, description="Share of labels below which no verdict is given."
    )

    def _check(self) -> None:
        super()._check()
        if self.expire_after_days is not None and self.expire_after_days < self.mature_after_days:
            message = (
                f"expire_after_days {self.expire_after_days} is below mature_after_days"
                f" {self.mature_after_days}: labels would expire while they are waited for"
            )
            raise Misplaced(message, "expire_after_days")

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


class Review(Record):
    """Which requests people are asked to look at."""

    share: float = Field(
        default=0.01, gt=0, le=1, description="Of all requests, chosen by a hash of their id."
    )
    batch_rows: int = Field(
        default=200,
        ge=0,
        description="Chosen in addition on days on which the scores drift: those least sure.",
    )
    source: Named = Field(
        default="human", description="Which of `further_labels` the reviewed ones come back as."
    )


class OutsideSeries(Record):
    """A number a day from elsewhere that may announce losses: complaints, feedback, conversion."""

    path: NumbersPath = Field(
        description="CSV or Parquet: a file, a folder, a glob, or one file a day with {day} where"
        " the date stands."
    )
    day: Named = Field(default="day", description="Column that names the UTC day.")
    value: Named = Field(
        default="value", description="Column of numbers; several of one day are averaged."
    )

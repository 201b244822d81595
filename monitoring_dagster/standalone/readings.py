"""What does a column say in its role?  Times, scores, labels and predictions, as SQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.integrations.rows import literal
from monitoring_dagster.spec import Labels, Task
from monitoring_dagster.standalone.answers import THRESHOLD
from monitoring_dagster.standalone.roles import Role, Roles
from monitoring_dagster.stats.values import is_numeric

if TYPE_CHECKING:
    from monitoring_dagster.integrations.rows import Connection

_HAS_ZONE = r"\d:\d\d.*([zZ]|[+-]\d\d(:?\d\d)?)$"
_ZERO_OR_ONE = "('0', '0.0', 'false', '1', '1.0', 'true')"


class WrongColumn(MonitoringError):
    """A column holds something else than its role needs."""

    @classmethod
    def no_time(cls, column: str, role: Role, *, arrived: object) -> Self:
        return cls(
            f"column {column!r} is {arrived}, which is no time: write timestamps, dates or ISO"
            f" text, or name another column with --{role}"
        )

    @classmethod
    def no_time_in_text(cls, column: str, role: Role) -> Self:
        return cls(
            f"column {column!r} holds no time that can be read: write 2026-01-31T12:00:00Z,"
            f" or name another column with --{role}"
        )

    @classmethod
    def no_score(cls, column: str, *, arrived: object) -> Self:
        return cls(
            f"column {column!r} is {arrived}, and a score is a probability, 0 to 1:"
            " name another column with --score"
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of two tables."""

    given: Mapping[Role, str | None]
    as_of: date | None  # None: every label counts that is there
    by: Sequence[str]  # day, hour, version, or a column
    segments: Sequence[str]  # columns, whatever their names
    rules: Labels  # which label of a request counts, and until when
    task: Task | None
    positive: str | None  # the name that counts as 1, and all others as 0

    @property
    def timed(self) -> bool:
        """Whether the answer hangs on when a label arrived."""
        return self.as_of is not None or self.rules.expire_after_days is not None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def time_sql(read: pa.Table, found: Roles, role: Role) -> str:
    """SQL: an instant; what has no zone is UTC, a date its beginning."""
    column = found.get(role)
    if column is None:
        return "TIMESTAMPTZ '1970-01-01'"
    kind = read.schema.field(f"{role} column").type
    if _is_text(kind):
        return f'TRY_CAST("{role} column" AS TIMESTAMPTZ)'
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind):
        return f'CAST("{role} column" AS TIMESTAMPTZ)'
    raise WrongColumn.no_time(column, role, arrived=kind)


def notes_on_time(
    connection: "Connection", relation: str, read: pa.Table, found: Roles, role: Role
) -> list[str]:
    """Whether times were taken as UTC, unsaid. Raises WrongColumn for a text without any."""
    column = found.get(role)
    if column is None:
        return []
    kind = read.schema.field(f"{role} column").type
    is_naive = pa.types.is_timestamp(kind) and kind.tz is None
    if _is_text(kind):
        text = f'"{role} column"'
        ((written, there, naive),) = connection.execute(f"""
            SELECT count({text}), count(TRY_CAST({text} AS TIMESTAMPTZ)),
                count(*) FILTER (contains({text}, ':')
                    AND NOT regexp_matches({text}, '{_HAS_ZONE}'))
            FROM {relation}""").fetchall()
        if written and not there:
            raise WrongColumn.no_time_in_text(column, role)
        is_naive = naive > 0
    return [f"times in {column!r} without a zone are taken as UTC"] if is_naive else []


def prediction_sql(read: pa.Table, found: Roles, question: Question) -> tuple[str, list[str]]:
    """SQL: the prediction, and what to say where it follows from the score."""
    if found.get("prediction"):
        return value_sql(read, "prediction", question), []
    score = score_sql(read, found)
    note = f"there is no prediction: a score of {THRESHOLD} or more is taken for 1"
    return f"CASE WHEN {score} >= {THRESHOLD} THEN 1 WHEN {score} < {THRESHOLD} THEN 0 END", [note]


def score_sql(read: pa.Table, found: Roles) -> str:
    """SQL: the score, null where it is no number."""
    column = found.get("score")
    if column is None:
        return "NULL::DOUBLE"
    kind = read.schema.field("score column").type
    if not (is_numeric(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind)):
        raise WrongColumn.no_score(column, arrived=kind)
    return """nullif(CAST("score column" AS DOUBLE), 'nan'::DOUBLE)"""


def value_sql(read: pa.Table, role: Role, question: Question, *, kept: Collection[str] = ()) -> str:
    """SQL: a label or prediction, null where it is none for the task; what is *kept* stays."""
    kind, text = read.schema.field(f"{role} column").type, f'CAST("{role} column" AS VARCHAR)'
    is_kept = f"{text} IN ({', '.join(map(literal, kept))})" if kept else "false"
    if question.positive is not None:
        one_or_zero = f"CASE WHEN {text} = {literal(question.positive)} THEN '1' ELSE '0' END"
        return f"CASE WHEN {is_kept} THEN {text} WHEN {text} IS NOT NULL THEN {one_or_zero} END"
    fits = "true"
    if question.task == "binary":
        fits = f"lower({text}) IN {_ZERO_OR_ONE}"
    elif pa.types.is_floating(kind):
        fits = f'isfinite("{role} column")'
    elif question.task == "regression" and _is_text(kind):
        fits = f"isfinite(TRY_CAST({text} AS DOUBLE))"
    return f'CASE WHEN {fits} OR {is_kept} THEN "{role} column" END'

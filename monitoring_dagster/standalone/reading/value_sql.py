"""SQL that reads columns in their roles: scores, labels and predictions."""

from collections.abc import Collection, Mapping
from typing import Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.rows.row_sql import literal
from monitoring_dagster.standalone.reading.classes import Classes
from monitoring_dagster.standalone.reading.question import Role, Roles
from monitoring_dagster.standalone.reading.written_values import (
    THRESHOLD,
    Written,
    is_text,
)
from monitoring_dagster.stats.columns.values import is_numeric
from monitoring_dagster.stats.quality.labelled_rows import ROUNDING, SPELLED


class WrongColumn(MonitoringError):
    """A column holds something else than its role needs."""

    @classmethod
    def no_score(cls, column: str, *, arrived: object) -> Self:
        return cls(
            f"column {column!r} is {arrived}, and a score is a probability, 0 to 1:"
            " name another column with --score"
        )


def number_sql(read: pa.Table, found: Roles) -> str:
    """SQL: the score as it is written, null where it is no number. Raises WrongColumn."""
    column = found.get("score")
    if column is None:
        return "NULL::DOUBLE"
    kind = read.schema.field("score column").type
    if is_text(kind):
        return """nullif(TRY_CAST("score column" AS DOUBLE), 'nan'::DOUBLE)"""
    if not (is_numeric(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind)):
        raise WrongColumn.no_score(column, arrived=kind)
    return """nullif(CAST("score column" AS DOUBLE), 'nan'::DOUBLE)"""


def score_sql(number: str, *, is_clean: bool) -> str:
    """SQL: the probability that a *number* is; null where it is none."""
    if is_clean:
        return number
    inside = f"{number} BETWEEN {-ROUNDING} AND {1 + ROUNDING}"
    return f"CASE WHEN {inside} THEN least(greatest({number}, 0), 1) END"


def prediction_of_score(score: str) -> str:
    """SQL: 1 from one half on."""
    return f"CASE WHEN {score} >= {THRESHOLD} THEN 1 WHEN {score} < {THRESHOLD} THEN 0 END"


def value_sql(
    read: pa.Table,
    role: Role,
    classes: Classes,
    written: Written,
    *,
    kept: Collection[str] = (),
) -> str:
    """SQL: a label or prediction, null where it is none for the task; what is *kept* stays."""
    kind, column = read.schema.field(f"{role} column").type, f'"{role} column"'
    text = f"CAST({column} AS VARCHAR)"
    if classes.task == "regression":
        return _number(kind, column, text, kept)
    meant = {name: classes.of(name, role) for name in written.rows}
    if not kept and _says_itself(kind, meant, is_binary=classes.task == "binary"):
        return column
    cases = [
        f"WHEN {text} IN ({literal(one)}, {literal(one + '.0')}) THEN {literal(one)}"
        for one in kept
    ]
    by_class: dict[str | None, list[str]] = {}
    for name, value in meant.items():
        by_class.setdefault(value, []).append(literal(name))
    cases += [
        f"WHEN {text} IN ({', '.join(names)}) THEN {'NULL' if value is None else literal(value)}"
        for value, names in by_class.items()
    ]
    others = text  # of rows that nobody asks for
    if role == "label" and classes.others_are_zero:
        others = f"CASE WHEN {text} IS NOT NULL THEN '0' END"
    return f"CASE {' '.join(cases)} ELSE {others} END" if cases else column


def _says_itself(kind: pa.DataType, meant: Mapping[str, str | None], *, is_binary: bool) -> bool:
    """Whether the statistics read the values so by themselves: no float, which may have gaps."""
    if pa.types.is_floating(kind):
        return False
    spelled = SPELLED if is_binary else {}
    return all(
        value is not None and (name == value or str(spelled.get(name)) == value)
        for name, value in meant.items()
    )


def _number(kind: pa.DataType, column: str, text: str, kept: Collection[str]) -> str:
    is_kept = f" OR {text} IN ({', '.join(map(literal, kept))})" if kept else ""
    if is_text(kind):
        bare = f"trim({column})"
        return f"CASE WHEN isfinite(TRY_CAST({bare} AS DOUBLE)){is_kept} THEN {bare} END"
    if pa.types.is_floating(kind):
        return f"CASE WHEN isfinite({column}){is_kept} THEN {column} END"
    return column

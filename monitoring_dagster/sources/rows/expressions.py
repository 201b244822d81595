"""What is each row worth to a metric of the owner's: an SQL expression or a Python function."""

from importlib import import_module
from typing import Any, Self

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec.metrics import MetricDefinition, Task
from monitoring_dagster.stats.columns.values import Floats


class UnusableMetric(MonitoringError):
    """A metric of the owner's cannot be computed."""

    @classmethod
    def failed(cls, definition: MetricDefinition, error: Exception) -> Self:
        reason = str(error).partition("\n")[0]
        return cls(
            f"metric {definition.name!r}, version {definition.version}, cannot be computed:"
            f" {reason}. It sees {', '.join(_columns(definition))}"
        )

    @classmethod
    def of_shape(cls, definition: MetricDefinition, rows: int, shape: tuple[int, ...]) -> Self:
        return cls(
            f"metric {definition.name!r}: {definition.function} was given {rows:,} rows and"
            f" returned values of shape {shape}: return one number for each row"
        )


def row_values(definition: MetricDefinition, rows: pa.Table, *, task: Task) -> Floats:
    """The value of each row under *definition*; NaN where it has none.

    Parameters
    ----------
    definition
        With an `expression` or a `function`.
    rows
        Columns label, prediction, score and those that the definition names; `rows` where alike
        ones are counted together. Labels and predictions are integers for binary, text for
        multiclass, floats for regression.

    Returns
    -------
    Shape ``(rows,)``.

    Raises
    ------
    UnusableMetric
        The expression names what is not there, the function cannot be imported or fails.
    """
    plain = _typed(rows, task, definition)
    if definition.expression is not None:
        return _of_expression(definition, plain)
    return _of_function(definition, plain)


def _columns(definition: MetricDefinition) -> list[str]:
    return ["label", "prediction", "score", *definition.columns]


def _typed(rows: pa.Table, task: Task, definition: MetricDefinition) -> pa.Table:
    kind = {"binary": pa.int64(), "multiclass": pa.string(), "regression": pa.float64()}[task]
    columns = {name: rows[name] for name in [*_columns(definition), "rows"]
               if name in rows.column_names}  # fmt: skip
    columns.setdefault("score", pa.chunked_array([pa.nulls(rows.num_rows, pa.float64())]))
    columns.setdefault("rows", pa.chunked_array([pa.array(np.ones(rows.num_rows, np.int64))]))
    try:
        for name in ("label", "prediction"):
            columns[name] = columns[name].cast(kind)
    except (KeyError, pa.ArrowException) as error:
        raise UnusableMetric.failed(definition, error) from error
    return pa.table(columns)


def _of_expression(definition: MetricDefinition, rows: pa.Table) -> Floats:
    import duckdb

    # It is the owner's own SQL, and still needs no file and no network.
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        try:
            connection.register("counted", rows)
            found = connection.sql(
                f"SELECT CAST(({definition.expression}) AS DOUBLE) AS value FROM counted"
            ).to_arrow_table()
        except duckdb.Error as error:
            raise UnusableMetric.failed(definition, error) from error
    return _floats(definition, rows, found["value"].to_numpy())


def _of_function(definition: MetricDefinition, rows: pa.Table) -> Floats:
    module, _, name = str(definition.function).partition(":")
    try:
        values = getattr(import_module(module), name)(rows)
    except Exception as error:  # whatever the owner's code raises is told as the owner's
        raise UnusableMetric.failed(definition, error) from error
    return _floats(definition, rows, values)


def _floats(definition: MetricDefinition, rows: pa.Table, values: Any) -> Floats:
    try:
        found: Floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnusableMetric.failed(definition, error) from error
    if found.shape != (rows.num_rows,):
        raise UnusableMetric.of_shape(definition, rows.num_rows, found.shape)
    return found

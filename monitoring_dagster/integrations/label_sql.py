"""Which label counts, of which prediction?  The decision in SQL, the same for days and for files.

Three relations follow from one another: ``told`` (every label row), ``known`` (every row of the
inference log that may be meant) and ``judged`` (every label row in its bucket).
"""

from collections.abc import Sequence

from monitoring_dagster.integrations.rows import (
    DAY,
    Rows,
    first_answer,
    kind_of_row,
    literal,
    quoted,
)
from monitoring_dagster.spec import Labels, Predictions

NO_TOLD = (
    "SELECT NULL::DATE AS arrival_day, NULL::VARCHAR AS id, NULL::DOUBLE AS label,"
    " NULL::TIMESTAMPTZ AS arrived_at, false AS valid, false AS ambiguous,"
    " NULL::VARCHAR AS annotator WHERE false"
)


def told_sql(labels: Labels, rows: Rows) -> str:
    """SQL: every label row of *rows*, in our words.

    Without a column for the time of arrival nobody knows when anything was told.
    """
    if not rows.columns:
        return NO_TOLD
    rows.require([labels.request_id, labels.label])
    if labels.annotator is not None:
        rows.require([labels.annotator])
    request_id, label = quoted(labels.request_id), quoted(labels.label)
    valid = f"{request_id} IS NOT NULL AND {label} IS NOT NULL"
    if _is_float(rows, labels.label):
        valid += f" AND NOT isnan({label})"
    day, arrived_at = "NULL::DATE", "NULL::TIMESTAMPTZ"
    if labels.arrived_at in rows.columns:
        day, arrived_at = quoted(DAY), f"CAST({quoted(labels.arrived_at)} AS TIMESTAMPTZ)"
        valid += f" AND {day} IS NOT NULL"
    annotator = "NULL" if labels.annotator is None else quoted(labels.annotator)
    return f"""
        SELECT {day} AS arrival_day, CAST({request_id} AS VARCHAR) AS id, {label} AS label,
            {arrived_at} AS arrived_at, {valid} AS valid,
            coalesce({_is_ambiguous(labels, rows)}, false) AS ambiguous,
            CAST({annotator} AS VARCHAR) AS annotator
        FROM {rows.sql}"""


def known_sql(predictions: Predictions, rows: Rows, extras: Sequence[str]) -> str:
    """SQL: every row of the inference log, in our words; the *extras* as e0, e1, ..."""
    if not rows.columns:
        nothing = "".join(f"NULL::VARCHAR AS e{number}, " for number in range(len(extras)))
        return (
            "SELECT NULL::DATE AS day, NULL::VARCHAR AS id, NULL::TIMESTAMPTZ AS served_at,"
            f" NULL::VARCHAR AS version, {nothing} NULL::DOUBLE AS prediction,"
            " NULL::DOUBLE AS score, 'ok' AS kind, 0 AS answer_order WHERE false"
        )
    rows.require(extras)
    score = "NULL::DOUBLE"
    if predictions.score is not None:  # one day that holds text makes the column text for all
        score = f"TRY_CAST({quoted(predictions.score)} AS DOUBLE)"
    return f"""
        SELECT {quoted(DAY)} AS day, CAST({quoted(predictions.request_id)} AS VARCHAR) AS id,
            CAST({quoted(predictions.served_at)} AS TIMESTAMPTZ) AS served_at,
            CAST({quoted(predictions.version)} AS VARCHAR) AS version,
            {"".join(f"{quoted(name)} AS e{number}, " for number, name in enumerate(extras))}
            {quoted(predictions.prediction)} AS prediction, {score} AS score,
            {kind_of_row(predictions, quoted=quoted)} AS kind,
            row({first_answer(predictions)}) AS answer_order
        FROM {rows.sql}"""


def judged_sql(labels: Labels, *, extras: int, is_dated: bool) -> str:
    """SQL: `judged`, every row of `told` in its bucket, beside its prediction in `known`.

    Rows that change what counts say so in `changes`; `old_label` and `old_delay_days` are of the
    label that they replace.
    """
    columns = "".join(f"e{number}, " for number in range(extras))
    accepted = labels.accepted_days
    in_time, is_late = "answers.before IS NULL", "false"
    if is_dated:
        in_time = f"arrival_day BETWEEN since AND answers.day + {accepted}"
        is_late = f"arrival_day > day + {labels.mature_after_days}"
    return f"""
        answers AS (
            -- Answered again on a later day, an id means that answer once the one before expired.
            SELECT number, id, day, served_at, lag(day) OVER one AS before,
                greatest(day, before + {accepted + 1}) AS since
            FROM known WHERE kind = 'ok' AND day IS NOT NULL AND id IS NOT NULL
            WINDOW one AS (PARTITION BY id ORDER BY day, answer_order)
            QUALIFY before IS DISTINCT FROM day
        ),
        matched AS (
            SELECT told.*, answers.number AS answer, answers.day,
                answers.number IS NOT NULL AND NOT ambiguous AS clear,
                (epoch(arrived_at) - epoch(served_at)) / 86400 AS delay_days
            FROM told LEFT JOIN answers ON valid AND told.id = answers.id AND {in_time}
        ),
        {_first() if labels.keep == "first" else _last()},
        asked AS (
            SELECT id, min(day) AS asked_on, min(day) FILTER (kind = 'ok') AS answered_on
            FROM known WHERE id IN (SELECT id FROM matched WHERE valid AND answer IS NULL)
            GROUP BY id
        ),
        said AS (
            SELECT number, version, {columns} prediction, score, served_at FROM known
        ),
        judged AS (
            SELECT decided.*, version, {columns} prediction, score, served_at, CASE
                WHEN NOT valid THEN 'invalid'
                WHEN answer IS NULL AND coalesce(answered_on <= arrival_day, false) THEN 'expired'
                WHEN answer IS NULL AND coalesce(asked_on <= arrival_day, asked_on IS NOT NULL)
                    THEN 'uncounted'
                WHEN answer IS NULL THEN 'orphan'
                WHEN ambiguous THEN 'ambiguous'
                WHEN changes AND old_label IS NOT NULL THEN 'corrected'
                WHEN changes AND {is_late} THEN 'late'
                WHEN changes THEN 'joined'
                WHEN label = standing THEN 'duplicate'
                ELSE 'conflicting' END AS bucket
            FROM decided LEFT JOIN said ON answer = said.number
                LEFT JOIN asked ON valid AND answer IS NULL AND decided.id = asked.id
        )"""


def _first() -> str:
    return """
        decided AS (
            SELECT *, clear AND row_number() OVER one = 1 AS changes,
                first_value(label) OVER one AS standing,
                CASE WHEN false THEN label END AS old_label, NULL::DOUBLE AS old_delay_days
            FROM matched
            WINDOW one AS (PARTITION BY answer, clear ORDER BY arrival_day, arrived_at, label)
        )"""


def _last() -> str:
    """Only what an arrival day changed in all: its newest label beside that of the days before."""
    return """
        by_day AS (
            SELECT *, lead(true) OVER one IS NULL AS newest,
                last_value(label) OVER whole AS standing
            FROM matched
            WINDOW one AS (PARTITION BY answer, clear, arrival_day ORDER BY arrived_at, label),
                whole AS (
                    PARTITION BY answer, clear, arrival_day ORDER BY arrived_at, label
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
        ),
        compared AS (
            SELECT *, clear AND newest AND label IS DISTINCT FROM lag(label) OVER (
                PARTITION BY answer, clear, newest ORDER BY arrival_day) AS changes
            FROM by_day
        ),
        decided AS (
            SELECT *, lag(label) OVER one AS old_label, lag(delay_days) OVER one AS old_delay_days
            FROM compared
            WINDOW one AS (PARTITION BY answer, changes ORDER BY arrival_day)
        )"""


def _is_ambiguous(labels: Labels, rows: Rows) -> str:
    """As text; 2 also means the 2.0 of a column of floats."""
    if not labels.ambiguous:
        return "false"
    text = f"CAST({quoted(labels.label)} AS VARCHAR)"
    values = ", ".join(literal(value) for value in labels.ambiguous)
    if _is_float(rows, labels.label):
        return f"({text} IN ({values}) OR regexp_replace({text}, '\\.0$', '') IN ({values}))"
    return f"{text} IN ({values})"


def _is_float(rows: Rows, column: str) -> bool:
    return rows.columns[column] in ("FLOAT", "DOUBLE")

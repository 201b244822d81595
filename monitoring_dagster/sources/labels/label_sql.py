"""Which label counts, of which prediction?  The decision in SQL, the same for days and for files.

Three relations follow from one another: ``told`` (every label row), ``known`` (every row of the
inference log that may be meant) and ``judged`` (every label row in its bucket).
"""

from collections.abc import Collection, Sequence

from monitoring_dagster.sources.labels.label_rows import Fault
from monitoring_dagster.sources.labels.label_values import (
    day_number,
    id_of,
    score_of,
    time_of,
    truth_of,
)
from monitoring_dagster.sources.rows.countable_rows import kind_of_row
from monitoring_dagster.sources.rows.readings import version_of
from monitoring_dagster.sources.rows.row_sql import DAY, Rows, literal, quoted
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.stats.quality.labelled_rows import Task

NO_TOLD = (
    "SELECT NULL::DATE AS arrival_day, NULL::VARCHAR AS id, NULL::DOUBLE AS label,"
    " NULL::TIMESTAMPTZ AS arrived_at, false AS valid, false AS ambiguous,"
    " NULL::VARCHAR AS fault, NULL::VARCHAR AS shown, NULL::VARCHAR AS annotator WHERE false"
)
_SHOWN_CHARACTERS = 200  # of a value that is at fault; who shows it cuts it further


def told_sql(
    labels: Labels, rows: Rows, *, task: Task | None = None, as_text: Collection[str] = ()
) -> str:
    """SQL: every label row of *rows*, in our words.

    Without a column for the time of arrival nobody knows when anything was told. Without a *task*
    any label is one.
    """
    if not rows.columns:
        return NO_TOLD
    rows.require([labels.request_id, labels.label])
    if labels.annotator is not None:
        rows.require([labels.annotator])
    request_id, label = quoted(labels.request_id), quoted(labels.label)
    id_ = id_of(labels.request_id, rows.columns)
    truth = truth_of(labels.label, rows.columns, task=task, as_text=labels.label in as_text)
    missing = f"{request_id} IS NULL OR ({id_.value}) IS NULL OR {label} IS NULL"
    if _is_float(rows, labels.label):
        missing += f" OR isnan({label})"
    elif task == "regression" and rows.columns[labels.label] == "VARCHAR":
        missing += f" OR lower({label}) = 'nan'"  # of a column of floats
    day, arrived_at, late, written = "NULL::DATE", "NULL::TIMESTAMPTZ", "", "NULL"
    if labels.arrived_at in rows.columns:
        time = time_of(labels.arrived_at, rows.columns)
        day, arrived_at = quoted(DAY), time.value
        missing += f" OR {day} IS NULL"
        written = quoted(labels.arrived_at)
        late = (
            f" WHEN {time.fault} THEN '{Fault.TIME}'"
            f" WHEN {day_number(time.value)} > {day} - DATE '1970-01-01' + 1 THEN '{Fault.FUTURE}'"
        )
    annotator = "NULL" if labels.annotator is None else quoted(labels.annotator)
    ambiguous = f"coalesce({_is_ambiguous(labels, rows)}, false)"
    return f"""
        SELECT arrival_day, id, label, arrived_at, fault IS NULL AS valid, ambiguous, fault,
            CASE fault WHEN '{Fault.DIGITS}' THEN CAST(raw_id AS VARCHAR)
                WHEN '{Fault.LABEL}' THEN CAST(raw_label AS VARCHAR)[:{_SHOWN_CHARACTERS}]
                WHEN '{Fault.TIME}' THEN CAST(raw_time AS VARCHAR)[:{_SHOWN_CHARACTERS}]
                WHEN '{Fault.FUTURE}' THEN CAST(raw_time AS VARCHAR) END AS shown, annotator
        FROM (
            SELECT {day} AS arrival_day, {id_.value} AS id, {truth.value} AS label,
                {arrived_at} AS arrived_at, {ambiguous} AS ambiguous,
                CAST({annotator} AS VARCHAR) AS annotator,
                CASE WHEN {missing} THEN '{Fault.MISSING}' WHEN {id_.fault} THEN '{Fault.DIGITS}'
                    WHEN {truth.fault} AND NOT {ambiguous} THEN '{Fault.LABEL}'{late} END AS fault,
                {request_id} AS raw_id, {label} AS raw_label, {written} AS raw_time
            FROM {rows.sql}
        )"""


def known_sql(
    predictions: Predictions,
    rows: Rows,
    extras: Sequence[str],
    *,
    task: Task | None = None,
    as_text: Collection[str] = (),
) -> str:
    """SQL: every row of the inference log, in our words; the *extras* as e0, e1, ...

    `flaw` says what of the row cannot be judged in *task*, and `flawed` what stands there. Where a
    request id has lost digits there is none.
    """
    if not rows.columns:
        nothing = "".join(f"NULL::VARCHAR AS e{number}, " for number in range(len(extras)))
        return (
            "SELECT NULL::DATE AS day, NULL::VARCHAR AS id, NULL::TIMESTAMPTZ AS served_at,"
            f" NULL::VARCHAR AS version, {nothing} NULL::DOUBLE AS prediction,"
            " NULL::DOUBLE AS score, NULL::VARCHAR AS flaw, NULL::VARCHAR AS flawed,"
            " 'ok' AS kind, row(NULL::TIMESTAMPTZ, NULL::VARCHAR, NULL::DOUBLE) AS answer_order"
            " WHERE false"
        )
    rows.require(extras)
    id_, name = id_of(predictions.request_id, rows.columns), predictions.prediction
    served_at = time_of(predictions.served_at, rows.columns).value
    truth = truth_of(name, rows.columns, task=task, as_text=name in as_text)
    score, flaw = "NULL::DOUBLE", f"WHEN {truth.fault} THEN '{Fault.PREDICTION}'"
    flawed = f"WHEN '{Fault.PREDICTION}' THEN CAST(raw_prediction AS VARCHAR)"
    if predictions.score is not None:
        given = score_of(predictions.score, rows.columns)
        score = f"TRY_CAST({quoted(predictions.score)} AS DOUBLE)"
        if task in ("binary", "multiclass"):
            score = given.value
            flaw += f" WHEN {given.fault} THEN '{Fault.SCORE}'"
            flawed += f" WHEN '{Fault.SCORE}' THEN CAST(raw_score AS VARCHAR)"
    version = version_of(quoted(predictions.version))
    return f"""
        SELECT day, id, served_at, version,
            {"".join(f"e{number}, " for number in range(len(extras)))}
            prediction, score, flaw, CASE flaw {flawed} END[:{_SHOWN_CHARACTERS}] AS flawed, kind,
            row(served_at, ordered, prediction) AS answer_order
        FROM (
            SELECT {quoted(DAY)} AS day,
                CASE WHEN {id_.fault} THEN NULL ELSE {id_.value} END AS id,
                {served_at} AS served_at, {version} AS version,
                {quoted(predictions.version)} AS ordered,
                {"".join(f"{quoted(name)} AS e{number}, " for number, name in enumerate(extras))}
                {truth.value} AS prediction, {score} AS score, CASE {flaw} END AS flaw,
                {quoted(name)} AS raw_prediction, {quoted(predictions.score or name)} AS raw_score,
                {kind_of_row(predictions, quoted=quoted)} AS kind
            FROM {rows.sql}
        )"""


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
            SELECT number, id, day, served_at, flaw, flawed, lag(day) OVER one AS before,
                greatest(day, before + {accepted + 1}) AS since
            FROM known WHERE kind = 'ok' AND day IS NOT NULL AND id IS NOT NULL
            WINDOW one AS (PARTITION BY id ORDER BY day, answer_order)
            QUALIFY before IS DISTINCT FROM day
        ),
        matched AS (
            SELECT told.* EXCLUDE (fault, shown), answers.number AS answer, answers.day,
                answers.number IS NOT NULL AND NOT ambiguous AND flaw IS NULL AS clear,
                coalesce(fault, flaw) AS fault,
                CASE WHEN fault IS NULL THEN flawed ELSE shown END AS shown,
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
                WHEN fault IS NOT NULL THEN 'invalid'
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

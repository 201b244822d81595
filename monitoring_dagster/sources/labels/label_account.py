"""Where did every label go, and every prediction that it may be about?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitoring_dagster.sources.labels.label_oddities import Oddity, oddities, quantile_of_delays
from monitoring_dagster.sources.labels.label_rows import JUDGED
from monitoring_dagster.sources.labels.label_sql import known_sql
from monitoring_dagster.sources.rows.row_sql import Rows, literal
from monitoring_dagster.spec.sources import Labels, Predictions

if TYPE_CHECKING:
    import duckdb

_MAX_ANNOTATORS = 50
_OTHERS = "(other)"
_NOBODY = "(missing)"


@dataclass(frozen=True, slots=True)
class LabelAccount:
    """Where every label row went: each is in one bucket, and the buckets add up to `rows`.

    A label belongs to the first answer that counts of its request within the accepted days before
    its arrival. Of the clear labels of one answer, in the order of arrival day, time of arrival
    (rows without one last) and value, ``keep: first`` counts the first, and ``keep: last`` the
    last. With ``keep: last`` an arrival day changes once what counts: to its last label, if that
    says otherwise than the days before; so a label may be corrected, and corrected back.

    joined
        Counts from this day on.
    corrected
        With ``keep: last``: counts from this day on, and its forerunner no more.
    late
        Joined, but more than mature_after_days after the prediction.
    duplicate
        Says what the label says that counts at the end of the day.
    conflicting
        Says otherwise than the label that counts at the end of the day, and changes nothing.
    ambiguous
        Of a request that counts, but its value is one of `ambiguous`: it never replaces a clear
        label, and a clear one that comes after it is joined as if it were the first.
    orphan
        No such request in twice the accepted days; where files are compared, none at all.
    pending
        No such request yet: a file of predictions from its accepted days is not there or cannot be
        read. Where files are compared: it arrives after the day as of which they are.
    uncounted
        Of a request that failed, fell back or was synthetic.
    expired
        Of a request that was answered more than accepted_days before.
    invalid
        Without request id or label; where files are compared, or without time of arrival. Or it
        says nothing: a label, a time or an id that is none, or the score or answer of its
        prediction is none. `oddities` says which and why.
    """

    rows: int
    joined: int = 0
    corrected: int = 0
    late: int = 0
    duplicate: int = 0
    conflicting: int = 0
    ambiguous: int = 0
    orphan: int = 0
    pending: int = 0
    uncounted: int = 0
    expired: int = 0
    invalid: int = 0
    delay_days_p50: float | None = None  # of joined and late ones; None without any
    delay_days_p95: float | None = None
    annotators: dict[str, int] = field(default_factory=dict)  # rows of the 50 busiest, and others
    oddities: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class PredictionsAsOf:
    """Where every row of an inference log went: `rows` is the sum of all others."""

    rows: int
    counted: int
    errors: int
    fallback: int
    synthetic: int
    duplicate_ids: int  # rows that would count, had their request not been answered that day
    invalid: int  # without request id or time: no label can be theirs
    later: int  # served after the day as of which is asked


def label_account(
    connection: "duckdb.DuckDBPyConnection",
    labels: Labels,
    predictions: Predictions,
    known: Sequence[Rows],
) -> LabelAccount:
    """Count the rows of the table of judged labels, whose predictions were sought in *known*."""
    found = connection.execute(f"SELECT bucket, count(*) FROM {JUDGED} GROUP BY 1 ORDER BY 1")
    buckets: dict[str, int] = dict(found.fetchall())
    counts = "bucket IN ('joined', 'late')"
    p50, p95 = (quantile_of_delays(connection, share, counts) for share in (0.5, 0.95))
    return LabelAccount(
        rows=sum(buckets.values()),
        **buckets,
        delay_days_p50=p50,
        delay_days_p95=p95,
        annotators=_annotators(connection) if labels.annotator is not None else {},
        oddities=oddities(connection, labels, predictions, known, buckets=buckets),
    )


def _annotators(connection: "duckdb.DuckDBPyConnection") -> dict[str, int]:
    found = connection.execute(
        f"SELECT coalesce(annotator, {literal(_NOBODY)}), count(*) FROM {JUDGED} GROUP BY 1"
        " ORDER BY 2 DESC, 1"
    ).fetchall()
    busiest, others = dict(found[:_MAX_ANNOTATORS]), found[_MAX_ANNOTATORS:]
    if others:
        busiest[_OTHERS] = busiest.get(_OTHERS, 0) + sum(rows for _, rows in others)
    return busiest


def predictions_as_of(
    connection: "duckdb.DuckDBPyConnection", predictions: Predictions, known: Rows, until: str
) -> PredictionsAsOf:
    """Count the rows of an inference log that were served by the end of the SQL date *until*."""
    found = connection.execute(f"""
        SELECT CASE WHEN id IS NULL OR day IS NULL THEN 'invalid'
            WHEN day > {until} THEN 'later' ELSE kind END, count(*), count(DISTINCT (id, day))
        FROM ({known_sql(predictions, known, [])}) GROUP BY 1""").fetchall()
    rows = {kind: n for kind, n, _ in found}
    counted = sum(requests for kind, _, requests in found if kind == "ok")
    return PredictionsAsOf(
        rows=sum(rows.values()),
        counted=counted,
        errors=rows.get("error", 0),
        fallback=rows.get("fallback", 0),
        synthetic=rows.get("synthetic", 0),
        duplicate_ids=rows.get("ok", 0) - counted,
        invalid=rows.get("invalid", 0),
        later=rows.get("later", 0),
    )

"""Which requests of the day should people look at?  A random share, and those least sure."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.measure.review.spreadsheet import write_csv
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile, columns_of
from monitoring_dagster.sources.rows.samples import REASON, review_rows
from monitoring_dagster.spec.sources import Review
from monitoring_dagster.store.days.drifted import scores_drift
from monitoring_dagster.store.days.review_batches import REVIEW, SHARE, random_share, review_of
from monitoring_dagster.store.days.usable_rows import is_usable
from monitoring_dagster.store.monitor import HOME, Monitor

LABEL = "label"  # the empty column that people fill in
PROBABILITY = "probability"  # of being in the batch
_EMPTY = pa.table({REASON: pa.array([], pa.string())})


def run(monitor: Monitor, day: date) -> StepReport:
    """Choose the day's requests, store them, and write them out for people.

    What the model said is left out of the file: whoever reads it answers like the model. A day that
    is drawn again keeps the random share that it was first drawn with, which answers may already
    have come for.
    """
    review = review_of(monitor)
    share = random_share(monitor, day)
    chosen = _chosen(monitor, review, day, share=share) if is_usable(monitor, day) else _EMPTY
    monitor.results.write(
        monitor.name, REVIEW, day, _with_probability(chosen, share), metadata={SHARE: repr(share)}
    )
    path = batch_file(monitor, day)
    answers = {LABEL: pa.nulls(chosen.num_rows, pa.string())}
    write_csv(pa.table(dict(zip(chosen.column_names, chosen.columns, strict=True)) | answers), path)
    reasons = pc.value_counts(chosen[REASON]).to_pylist()
    return StepReport(
        numbers={"requests": chosen.num_rows, **{one["values"]: one["counts"] for one in reasons}},
        words={"file": str(path), "come_back_as": f"further_labels.{review.source}"},
    )


def _with_probability(chosen: pa.Table, share: float) -> pa.Table:
    """The batch with how likely each row was to be in it: a rule is sure of its rows."""
    drawn = pc.equal(chosen[REASON], "random")
    return chosen.append_column(PROBABILITY, pc.if_else(drawn, share, 1.0).cast(pa.float64()))


def batch_file(monitor: Monitor, day: date) -> Path:
    """Where people find the requests of *day*."""
    return monitor.root / HOME / REVIEW / monitor.name / f"{day}.csv"


def _chosen(monitor: Monitor, review: Review, day: date, *, share: float) -> pa.Table:
    log, root = monitor.spec.predictions, monitor.root
    said = {log.prediction, log.score, log.status, log.synthetic, *log.latency_ms.values()}
    try:
        columns = [name for name in columns_of(log, day, root=root) if name not in said]
        return review_rows(
            log,
            day,
            root=root,
            columns=columns,
            share=share,
            score=log.score if monitor.spec.task != "regression" else None,
            least_sure_at=0.5 if monitor.spec.task == "binary" else 0.0,
            batch_rows=review.batch_rows if scores_drift(monitor, day) else 0,
        )
    except (MissingDay, UnreadableFile):
        return _EMPTY  # the contract tells of it

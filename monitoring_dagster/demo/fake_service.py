"""What does the service write down about a day, and which labels arrive on one?"""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monitoring_dagster.demo.flights import CATEGORICAL, draws, opaque_id

ERROR_RATE = 0.001
PROBE_RATE = 0.005


def serve_day(
    flights: pd.DataFrame,
    model: Any,
    *,
    day: date,
    version: str,
    features: Sequence[str],
    seed: int = 0,
    fallback: bool = False,
) -> pa.Table:
    """The inference log of one day: who asked, what was seen, what was said, how long it took.

    Parameters
    ----------
    flights
        Rows of `monitoring_dagster.demo.flights.flights`; those of *day* are served, as they
        are: a caller who breaks a column breaks what the service sees.
    model
        A fitted classifier (it has ``predict_proba``) or regressor.
    version
        Its MLflow version, written into every row.
    features
        The columns that the model was trained on, in this order.
    seed
        Another seed, other latencies, errors and probes; the same one, the same file.
    fallback
        The service does not ask the model: it says "on time" and notes status ``fallback``.

    Returns
    -------
    One row a request, by time: ``request_id``, ``served_at``, ``model_version``, the features,
    ``score`` (classifiers only), ``prediction`` (the class, or of a regressor minutes), three
    latencies in milliseconds, ``status`` and ``synthetic``. About one
    row in a thousand has status ``error`` and no answer. About one in two hundred is asked again
    by a probe: the same flight under its own request id, ``synthetic``, without any label.
    """
    rows = _with_probes(flights.loc[flights["day"] == pd.Timestamp(day)], seed=seed)
    ids = rows["request_id"].tolist()
    failed = draws(ids, purpose=f"{seed}/error") < ERROR_RATE
    unanswered = failed | fallback
    columns = {
        "request_id": pa.array(ids, pa.string()),
        "served_at": _instants(rows["served_at"]),
        "model_version": pa.array([version] * len(ids), pa.string()),
        **{
            name: pa.array(
                rows[name], pa.string() if name in CATEGORICAL else pa.float64(), from_pandas=True
            )
            for name in features
        },
        **_answers(model, rows[list(features)], unanswered=unanswered, fallback=fallback),
        **_latencies(ids, seed=seed, asked=not fallback),
        "status": pa.array(
            ["fallback"] * len(ids) if fallback else np.where(failed, "error", "ok").tolist(),
            pa.string(),
        ),
        "synthetic": pa.array(rows["synthetic"].to_numpy(bool)),
    }
    return pa.table(columns)


def labels_of(
    flights: pd.DataFrame, *, arrival_day: date, label: Literal["late", "minutes"]
) -> pa.Table:
    """The labels that become known on one UTC day: ``request_id``, ``label``, ``arrived_at``."""
    known_on = flights["arrived_at"].dt.tz_localize(None).dt.floor("D")
    rows = flights.loc[known_on == pd.Timestamp(arrival_day)]
    return pa.table(
        {
            "request_id": pa.array(rows["request_id"], pa.string()),
            "label": pa.array(rows[label], pa.int64() if label == "late" else pa.float64()),
            "arrived_at": _instants(rows["arrived_at"]),
        }
    )


def write_day(path: Path, table: pa.Table) -> None:
    """Write one day's Parquet file whole or not at all, with a checksum on every page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            pq.write_table(table, file, write_page_checksum=True)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _instants(times: "pd.Series[pd.Timestamp]") -> pa.Array:
    return pa.array(times.dt.tz_localize(None), pa.timestamp("us", tz="UTC"))


def _with_probes(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """*rows* and, where a hash says so, each a second time as test traffic."""
    chosen = draws(rows["request_id"].tolist(), purpose=f"{seed}/probe") < PROBE_RATE
    probes = rows.loc[chosen]
    own_ids = [opaque_id(f"probe/{id_}") for id_ in probes["request_id"]]
    probes = probes.assign(request_id=own_ids, synthetic=True)
    both = pd.concat([rows.assign(synthetic=False), probes])
    return both.sort_values(["served_at", "request_id"], ignore_index=True)


def _answers(
    model: Any, inputs: pd.DataFrame, *, unanswered: NDArray[np.bool_], fallback: bool
) -> dict[str, pa.Array]:
    """Score and prediction; null for a request that failed, 0 for one that fell back."""
    classifies = hasattr(model, "predict_proba")
    unasked = fallback or inputs.empty
    said = np.zeros(len(inputs)) if unasked else model.predict(inputs)
    kind = pa.int64() if classifies else pa.float64()
    answers = {"prediction": pa.array(said, mask=unanswered & (not fallback)).cast(kind)}
    if classifies:
        scores = said if unasked else model.predict_proba(inputs)[:, 1]
        answers = {"score": pa.array(scores, pa.float64(), mask=unanswered)} | answers
    return answers


def _latencies(request_ids: Sequence[str], *, seed: int, asked: bool) -> dict[str, pa.Array]:
    """Milliseconds: a floor and an exponential tail a stage; their 99th percentile is about 40."""

    def stage(name: str, *, floor_ms: float, mean_tail_ms: float) -> NDArray[np.float64]:
        luck = draws(request_ids, purpose=f"{seed}/{name}")
        return floor_ms - mean_tail_ms * np.log1p(-luck)

    feature = stage("feature", floor_ms=4.0, mean_tail_ms=3.0)
    inference = stage("inference", floor_ms=6.0, mean_tail_ms=5.0) * asked
    return {
        "latency_feature_ms": pa.array(feature),
        "latency_inference_ms": pa.array(inference),
        "latency_total_ms": pa.array(feature + inference + 1.0),
    }

"""How near are estimates without labels to what the labels later show?  Against NannyML's.

On each data set a reference with labels, then chunks whose labels only the judge sees. Per metric:
the mean absolute error over chunks of ours, of NannyML's (CBPE as installed, in an environment of
its own), and how often the 95 % intervals held the realised metric. Where the inputs moved, also
the shift-weighted form, beside the plain one. Exits with 1 where on car-loan, employment or flights
ours is further off than NannyML's or our coverage outside 90 to 99 %; or where on moving-inputs the
weighted form is not nearer than the plain one, or covers less than 90 %. California, ordered by
place and never looked at while the method was made, is shown and not judged: its truth changes in
ways that no estimate can see.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from estimate_data import ANSWERS, DATA, Judged
from fresh import CACHE, run_fresh
from peers import PEERS, _environment
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from monitoring_dagster.stats.estimation.reweighting import weights
from monitoring_dagster.stats.estimation.score_estimation import (
    Calibration,
    calibrate,
    shift_weighted,
)
from monitoring_dagster.stats.quality.performance import Metric

METRICS = ("roc_auc", "accuracy", "f1")
COVERAGE = (0.90, 0.99)
JUDGED = ("car loan", "employment", "flights")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    arguments.add_argument("--cache", type=Path, default=CACHE, metavar="DIR")
    given = arguments.parse_args()
    peer = next(one for one in PEERS if one.name == "NannyML")
    python = _environment(peer, given.cache)
    folder = next(python.parents[1].glob("lib/*/site-packages/nannyml/datasets/data"))
    broken = 0
    print(f"{'':<16}{'metric':<10}{'chunks':>7}{'rows':>6}", end="")
    print(f"{'MAE':>9}{'NannyML':>9}{'ratio':>7}{'cover':>7}{'NannyML':>8}")
    for name in given.data:
        broken += sum(_shown(DATA[name](folder), python))
    return 1 if broken else 0


def _shown(periods: Sequence[Judged], python: Path) -> Iterator[bool]:
    """Prints a line a metric and says of each whether a promise is broken."""
    realised, ours, theirs = (
        np.concatenate([of(one) for one in periods], axis=-1)
        for of in (_realised, _ours, partial(_theirs, python=python))
    )
    for i, metric in enumerate(METRICS):
        mae, theirs_mae = (_mae(one[i], realised[i]) for one in (ours, theirs))
        cover, theirs_cover = (_coverage(one[i], realised[i]) for one in (ours, theirs))
        kept = COVERAGE[0] <= cover <= COVERAGE[1]
        bad = periods[0].name in JUDGED and not (mae <= theirs_mae and kept)
        print(
            f"{periods[0].name:<16}{metric:<10}{realised.shape[1]:>7}{periods[0].chunk_rows:>6}"
            f"{mae:>9.5f}{theirs_mae:>9.5f}{mae / theirs_mae:>7.3f}{cover:>7.1%}"
            f"{theirs_cover:>8.1%}{'  BROKEN' if bad else ''}",
            flush=True,
        )
        yield bad
    if not periods[0].shifted:
        return
    weighted = np.concatenate([_weighted(one) for one in periods], axis=-1)
    for i, metric in enumerate(METRICS):
        mae, plain = (_mae(one[i], realised[i]) for one in (weighted, ours))
        cover = _coverage(weighted[i], realised[i])
        bad = mae >= plain or cover < COVERAGE[0]
        print(
            f"{'  weighted':<16}{metric:<10}{'':>13}{mae:>9.5f}{plain:>9.5f}{mae / plain:>7.3f}"
            f"{cover:>7.1%}{'':>8}{'  BROKEN' if bad else ''}",
            flush=True,
        )
        yield bad


def _ours(judged: Judged) -> np.ndarray:
    """Value and bounds, ``(metrics, 3, chunks)``."""
    rng = np.random.default_rng(0)
    calibration = _calibrated(judged)
    return _stacked(_first_three(_metrics(calibration, chunk, rng)) for chunk in _chunks(judged))


def _weighted(judged: Judged) -> np.ndarray:
    """As `_ours`, with a calibration weighted towards every four chunks."""
    rng = np.random.default_rng(0)
    points = judged.reference[judged.features].to_numpy(float)
    found = []
    for chunk in _chunks(judged, size=4):
        now = chunk[judged.features].to_numpy(float)
        numeric = np.zeros(len(judged.features), bool)
        weighted = weights(points, now, categorical=numeric, rng=rng)
        calibrations = _calibrated(judged), _calibrated(judged, rows=weighted.rows)
        for start in range(0, len(chunk), judged.chunk_rows):
            part = chunk[start : start + judged.chunk_rows]
            plain, towards = (_metrics(one, part, rng) for one in calibrations)
            found.append(_first_three(shift_weighted(plain, towards)))
    return _stacked(found)


def _calibrated(judged: Judged, rows: np.ndarray | None = None) -> Calibration:
    reference = judged.reference
    block = np.arange(len(reference)) // judged.chunk_rows
    answers = {name: reference[name].to_numpy() for name in ANSWERS}
    return calibrate("binary", **answers, rows=rows, block=block)


def _metrics(
    calibration: Calibration, chunk: pd.DataFrame, rng: np.random.Generator
) -> dict[str, Metric]:
    answers = {name: chunk[name].to_numpy() for name in ("score", "prediction")}
    return calibration.estimate(**answers, rng=rng)


def _first_three(metrics: Mapping[str, Metric]) -> list[tuple[float, ...]]:
    return [metrics[name][:3] for name in METRICS]


def _stacked(chunks: Iterable[list[tuple[float, ...]]]) -> np.ndarray:
    return np.array(list(chunks)).transpose(1, 2, 0)


def _theirs(judged: Judged, python: Path) -> np.ndarray:
    script = Path(__file__).parent / "peers" / "nannyml_cbpe.py"
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "reference.parquet", Path(folder) / "current.parquet"]
        judged.reference[list(ANSWERS)].to_parquet(paths[0])
        judged.current[list(ANSWERS[:2])].to_parquet(paths[1])
        command = [python, "-P", script, *paths, str(judged.chunk_rows), *METRICS]
        _, said = run_fresh(command, environment={"NML_DISABLE_USAGE_LOGGING": "1"})
    found = json.loads(said.splitlines()[-1])
    return np.array([found[name] for name in METRICS])


def _realised(judged: Judged) -> np.ndarray:
    found = []
    for chunk in _chunks(judged):
        label, prediction = chunk["label"], chunk["prediction"]
        auc = roc_auc_score(label, chunk["score"]) if label.nunique() > 1 else float("nan")
        found.append([auc, accuracy_score(label, prediction), f1_score(label, prediction)])
    return np.array(found).T


def _chunks(judged: Judged, size: int = 1) -> Iterator[pd.DataFrame]:
    step = size * judged.chunk_rows
    for start in range(0, len(judged.current), step):
        yield judged.current[start : start + step]


def _mae(estimate: np.ndarray, realised: np.ndarray) -> float:
    return float(np.nanmean(np.abs(estimate[0] - realised)))


def _coverage(estimate: np.ndarray, realised: np.ndarray) -> float:
    known = ~np.isnan(realised)
    inside = (estimate[1] <= realised + 1e-9) & (realised <= estimate[2] + 1e-9)
    return float(inside[known].mean())


if __name__ == "__main__":
    sys.exit(main())

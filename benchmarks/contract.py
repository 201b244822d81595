"""What does a suite of 60 expectations over 60 columns cost, at one and at ten million rows?

The whole step `contract` of a day, inspection included, in a process of its own, as a worker runs
it. Its start is the same step with the same suite on a day of a thousand rows. Exit code 1 where a
million rows take more than 4 s beyond the start or 500 MB, or ten million more than 600 MB.
"""

import argparse
import json
import sys
import tempfile
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fresh import Cost, run_fresh

DAY = date(2026, 3, 2)
FEW, MILLION, MANY = 1_000, 1_000_000, 10_000_000
MOST_SECONDS = 4.0  # beyond the start, at a million rows
MOST_MB = {MILLION: 500, MANY: 600}
GROUP_ROWS = 100_000
NUMBERS, COUNTS, WORDS = 38, 8, 8
LEVELS = [f"level {number}" for number in range(20)]
ATTRIBUTES = {
    "name": "wide",
    "owner": "team:small",
    "task": "binary",
    "predictions": {"path": "{day}.parquet", "score": "score", "status": "status"},
    "expectations": "suite.json",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=(MILLION, MANY))
    arguments.add_argument("part", nargs="*", help=argparse.SUPPRESS)  # of a process of ours
    given = arguments.parse_args()
    if given.part:
        what, root, *rows = given.part
        _written(Path(root), int(rows[0])) if what == "write" else _run(Path(root))
        return
    start = _measured(FEW)
    _say(FEW, start, "the start")
    missed = False
    for rows in given.rows:
        cost = _measured(rows)
        beyond = cost.seconds - start.seconds
        over = cost.peak_mb > MOST_MB.get(rows, MOST_MB[MANY])
        over |= rows == MILLION and beyond > MOST_SECONDS
        missed |= over
        _say(rows, cost, f"{beyond:.1f} s beyond the start{'  OVER' if over else ''}")
    sys.exit(int(missed))


def _say(rows: int, cost: Cost, words: str) -> None:
    numbers = f"{cost.seconds:>6.1f} s ({cost.cpu_seconds:.1f} s of CPU){cost.peak_mb:>6.0f} MB"
    print(f"{rows:>11,} rows  {numbers}  {words}", flush=True)


def _measured(rows: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="monitoring_dagster_contract_") as folder:
        run_fresh([sys.executable, __file__, "write", folder, str(rows)])
        cost, said = run_fresh([sys.executable, __file__, "run", folder])
    assert "keep the contract" in said, said
    return cost


def _run(root: Path) -> None:
    from monitoring_dagster.measure import contract

    report = contract.run(_monitor(root), DAY)
    assert "great_expectations" not in sys.modules
    print(report.checks["schema"].words)


def _monitor(root: Path):  # type: ignore[no-untyped-def]
    from monitoring_dagster.spec import ModelSpec
    from monitoring_dagster.store.monitor import HOME, House

    house = House.at(root, {"MLFLOW_TRACKING_URI": f"sqlite:///{root / HOME}/mlflow.db"})
    return house.monitor(ModelSpec.model_validate(ATTRIBUTES))


def _suite() -> list[dict]:
    """Sixty sentences, as an owner would write them: most about ranges, gaps and levels."""

    def values(kind, **kwargs):
        return {"type": f"expect_column_values_to_{kind}", "kwargs": kwargs}

    def column(kind, **kwargs):
        return {"type": f"expect_column_{kind}_to_be_between", "kwargs": kwargs}

    return [
        values("be_unique", column="request_id"),
        values("match_regex", column="request_id", regex=r"^request-\d{12}$"),
        values("be_in_set", column="status", value_set=["ok", "error", "fallback"]),
        values("be_between", column="score", min_value=0, max_value=1),
        values("be_between", column="served_at", min_value="2026-03-02", max_value="2026-03-03"),
        *(values("be_between", column=f"number {n}", min_value=-50, max_value=50)
          for n in range(18)),
        *(values("not_be_null", column=f"number {n}", mostly=0.9) for n in range(18, 28)),
        *(column("mean", column=f"number {n}", min_value=-1, max_value=1) for n in range(28, 32)),
        *(column("stdev", column=f"number {n}", min_value=0, max_value=2) for n in range(32, 35)),
        column("median", column="number 35", min_value=-1, max_value=1),
        {"type": "expect_column_quantile_values_to_be_between",
         "kwargs": {"column": "number 36", "quantile_ranges": {
             "quantiles": [0.05, 0.95], "value_ranges": [[-3, 0], [0, 3]]}}},
        values("be_of_type", column="number 37", type_="float64"),
        *(values("be_between", column=f"count {n}", min_value=0, max_value=999)
          for n in range(COUNTS - 2)),
        column("max", column="count 6", max_value=999),
        values("be_in_type_list", column="count 7", type_list=["int64", "Int64"]),
        *(values("be_in_set", column=f"word {n}", value_set=LEVELS) for n in range(WORDS - 3)),
        {"type": "expect_column_value_lengths_to_be_between",
         "kwargs": {"column": "word 5", "min_value": 7, "max_value": 8}},
        column("unique_value_count", column="word 6", min_value=2, max_value=20),
        {"type": "expect_column_distinct_values_to_contain_set",
         "kwargs": {"column": "word 7", "value_set": LEVELS}},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
    ]  # fmt: skip


def _written(root: Path, rows: int) -> None:
    """The day and the suite."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    suite = _suite()
    assert len(suite) == 60, len(suite)
    (root / "suite.json").write_text(json.dumps({"name": "wide", "expectations": suite}))
    rng, writer = np.random.default_rng(0), None
    noon = np.datetime64(f"{DAY}T12:00", "us")
    for start in range(0, rows, GROUP_ROWS):
        n = min(GROUP_ROWS, rows - start)
        words, answers = pa.array(LEVELS), rng.integers(0, 2, n)
        table = pa.table(
            {
                "request_id": pa.array([f"request-{start + k:012d}" for k in range(n)]),
                "served_at": pa.array(np.full(n, noon), pa.timestamp("us", "UTC")),
                "model_version": pa.array(["1"] * n),
                "prediction": answers,
                "score": (answers + rng.random(n)) / 2,
                "status": pa.array(["ok"] * n),
                **{f"number {k}": rng.normal(size=n) for k in range(NUMBERS)},
                **{f"count {k}": rng.integers(0, 1000, n) for k in range(COUNTS)},
                **{f"word {k}": words.take(pa.array(rng.integers(0, len(LEVELS), n)))
                   for k in range(WORDS)},
            }
        )  # fmt: skip
        writer = writer or pq.ParquetWriter(root / f"{DAY}.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    _monitor(root).registry.champion("wide")  # its database is made once, before all days


if __name__ == "__main__":
    main()

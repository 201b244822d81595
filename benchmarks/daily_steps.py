"""What does each daily step cost at one, four and ten million rows, in seconds and in memory?

A binary model of 50 features, whose reference is small; a day of predictions that is drawn from its
own rows, written in row groups of 100,000, and a label for each on the next day. Each step runs in
a process of its own, as a worker would run it, start-up included. Beside it stands a plain read of
the same two files, batch by batch: the ratio is of that in the same run. At the end each step's
processor seconds for a million rows more, between each two sizes: of a step that is linear they
stay the same, and start-up is not among them. Exit code 1 where a step needs more than 600 MB.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fresh import Cost, run_fresh

MODEL, DAY = "many_features", date(2026, 3, 2)
NEXT = DAY + timedelta(days=1)
ROWS = (1_000_000, 4_000_000, 10_000_000)
GROUP_ROWS = 100_000
MOST_MB = 600
STEPS = {
    "contract": DAY, "profile": DAY, "drift": DAY, "estimate": DAY, "outcomes": NEXT,
    "evaluation": DAY, "verdict": NEXT,
}  # fmt: skip
READ, SPEC = "plain read", "spec.json"
_READ_ALL = """
import sys
import pyarrow.parquet as pq
for path in sys.argv[1:]:
    for batch in pq.ParquetFile(path).iter_batches():
        pass
"""


class Measured(NamedTuple):
    """One step, of a day of so many rows."""

    rows: int
    step: str
    cost: Cost


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=ROWS)
    arguments.add_argument("--json", type=Path, metavar="FILE")
    arguments.add_argument("part", nargs="*", help=argparse.SUPPRESS)  # of a process of ours
    given = arguments.parse_args()
    if given.part:
        name, root, what = given.part
        _found(Path(root), int(what)) if name == "found" else _run(Path(root), name, what)
        return
    found: list[Measured] = []
    for rows in given.rows:
        with tempfile.TemporaryDirectory(prefix="monitoring_dagster_steps_") as folder:
            found += _measured(Path(folder), rows)
    _say_growth(found)
    if given.json:
        given.json.write_text(
            json.dumps(
                [
                    {"rows": one.rows, "step": one.step, "seconds": one.cost.seconds,
                     "cpu_seconds": one.cost.cpu_seconds, "peak_mb": one.cost.peak_mb}
                    for one in found
                ], indent=1,
            )
        )  # fmt: skip
    sys.exit(int(any(one.cost.peak_mb > MOST_MB for one in found if one.step != READ)))


def _measured(root: Path, rows: int) -> list[Measured]:
    run_fresh([sys.executable, __file__, "found", root, str(rows)])
    paths = [root / "data" / kind / f"{day}.parquet"
             for kind, day in (("predictions", DAY), ("labels", NEXT))]  # fmt: skip
    cost, _ = run_fresh([sys.executable, "-c", _READ_ALL, *paths])
    found = [Measured(rows, READ, cost)]
    for step, day in STEPS.items():
        cost, _ = run_fresh([sys.executable, __file__, step, root, str(day)])
        found.append(Measured(rows, step, cost))
    _say(found)
    return found


def _say(found: Sequence[Measured]) -> None:
    plain = found[0].cost.seconds
    for rows, step, cost in found:
        over = "  OVER" if step != READ and cost.peak_mb > MOST_MB else ""
        print(f"{rows:>11,} rows  {step:<12}{cost.seconds:>8.1f} s{cost.seconds / plain:>7.1f} x"
              f"{cost.peak_mb:>8.0f} MB{over}", flush=True)  # fmt: skip


def _say_growth(found: Sequence[Measured]) -> None:
    """What a million rows more cost each step, and how many times what they cost at first."""
    for step in (READ, *STEPS):
        costs = sorted((one.rows, one.cost.cpu_seconds) for one in found if one.step == step)
        slopes = [
            (many, (more - less) / ((many - few) / 1e6))
            for (few, less), (many, more) in pairwise(costs)
            if many > few
        ]
        for rows, slope in slopes:
            first = slopes[0][1]
            ratio = f"{slope / first:>7.2f} x" if first > 0.05 else ""  # below it all is start-up
            print(f"{rows:>11,} rows  {step:<12}{slope:>8.2f} CPU s a million rows more{ratio}")


def _run(root: Path, step: str, day: str) -> None:
    """One step of the day, as a worker runs it."""
    from monitoring_dagster.daily.steps import STEPS as TABLE
    from monitoring_dagster.spec import ModelSpec
    from monitoring_dagster.store.monitor import HOME, House

    spec = ModelSpec.model_validate_json((root / SPEC).read_text())
    monitor = House.at(root, {"MLFLOW_TRACKING_URI": f"sqlite:///{root / HOME}/mlflow.db"}).monitor(
        spec
    )
    next(one for one in TABLE if one.name == step).run(monitor, date.fromisoformat(day))


def _found(root: Path, rows: int) -> None:
    """A registered version, the day's predictions, and the labels of the day after it."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from benchmarks.drawn_library import house_at
    from benchmarks.drawn_models import moved, source_of

    source = source_of(MODEL)
    monitor = house_at(root, root).monitor(source.spec)
    (root / SPEC).write_text(source.spec.model_dump_json(by_alias=True, exclude_unset=True))
    models = source.begin(monitor)
    served = source.days[-1]
    one = source.day(served, models[-1])
    by = (DAY - served).days
    few = moved(one.served, by)
    labelled = dict(
        zip(one.labels["request_id"].to_pylist(), one.labels["label"].to_pylist(), strict=True)
    )
    few = few.filter(pc.is_in(few["request_id"], pa.array([*labelled])))
    truth = np.array([labelled[id_] for id_ in few["request_id"].to_pylist()])
    rng = np.random.default_rng(0)
    writers: dict[str, pq.ParquetWriter] = {}
    for start in range(0, rows, GROUP_ROWS):
        count = min(GROUP_ROWS, rows - start)
        at = rng.integers(0, few.num_rows, count)
        ids = pa.array([f"request-{start + n:012d}" for n in range(count)])
        table = few.take(pa.array(at))
        table = table.set_column(table.column_names.index("request_id"), "request_id", ids)
        arrived = pa.scalar(NEXT).cast(pa.timestamp("us", "UTC"))
        labels = pa.table(
            {
                "request_id": ids,
                "label": pa.array(truth[at]),
                "arrived_at": pa.repeat(arrived, count),
            }
        )
        for kind, day, some in (("predictions", DAY, table), ("labels", NEXT, labels)):
            path = root / "data" / kind / f"{day}.parquet"
            if kind not in writers:
                path.parent.mkdir(parents=True, exist_ok=True)
                writers[kind] = pq.ParquetWriter(path, some.schema)
            writers[kind].write_table(some)
    for writer in writers.values():
        writer.close()


if __name__ == "__main__":
    main()

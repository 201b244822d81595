"""How long does Dagster take to catch up with a whole year of one model in a single run?

Serves every day of the flights with version 1, then materialises all steps for all days in one
run, in a project of its own below the system's temporary folder. Prints seconds by phase, and the
run's time a day beside the time that pyarrow takes to read the same files.
"""

import os
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pyarrow.parquet as pq

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.demo.flights import flights
from monitoring_dagster.demo.replay import TRAINING_DAYS, Replayed
from monitoring_dagster.orchestration.dg_project import Project, silence_dagster

_PROJECT = ("assets", "expectations", "runbooks", "pyproject.toml", "dagster.yaml")


def main() -> None:
    silence_dagster()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name in _PROJECT:
            source = Path(__file__).parents[1] / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, root / name)
        os.environ["DAGSTER_HOME"] = str(root)
        project = Project.at(root)
        year = flights(end=datetime.now(UTC).date() - timedelta(days=1))
        days = year["day"].nunique()
        late = Replayed(project.monitor("flight_delay"), year, "late", days - TRAINING_DAYS, seed=0)
        late.train_first()
        whole_year = Replayed(late.monitor, year, "late", days, seed=0)
        rows = whole_year.serve(whole_year.days)
        began, cpu = time.perf_counter(), time.process_time()
        project.run_days(
            late.monitor,
            [step.name for step in steps_of(late.monitor)],
            whole_year.days[0],
            whole_year.days[-1],
        )
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        reading = _reading_seconds(root / ".monitoring" / "data" / "flight_delay")
        print(f"days {days}, rows {rows:,}, one run: {took:.0f} s wall, {cpu:.0f} s CPU")
        print(f"a day: {took / days:.2f} s; reading all files once with pyarrow: {reading:.1f} s")


def _reading_seconds(folder: Path) -> float:
    began = time.perf_counter()
    for path in folder.rglob("*.parquet"):
        pq.read_table(path)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

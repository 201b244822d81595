"""How long does a month of history take under a new cost table?  No raw row is there to be read.

Thirty days of a million predictions each, two versions, ten values of a segment, labels up to
fourteen days late: the counts that the daily steps store. Then the owner adds a second definition
of the cost, and `monitoring-dagster model history` is asked in a fresh process, start-up included.
Prints seconds and peak memory, and exits with 1 above 5 seconds or where a value is not the one by
hand.
"""

import argparse
import json
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from fresh import run_fresh

FIRST, DAYS, LATEST_DAYS, MAX_SECONDS = date(2026, 3, 1), 30, 14, 5.0
OLD, NEW = {"fn": -10.0}, {"tp": 5.0, "fp": -1.0, "fn": -20.0}
YAML = """type: monitoring_dagster.orchestration.MonitoredModel
attributes:
  name: churn
  owner: team:growth
  task: binary
  first_day: 2026-03-01
  predictions: {path: "none/{day}.parquet", score: score}
  labels: {path: "none/{day}.parquet"}
  segments: [country]
  metrics:
    - {name: cost, value: %s}
    - {name: cost, version: 2, valid_from: 2026-04-01, value: %s}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000, help="a day")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        worth = json.loads(run_fresh([sys.executable, __file__, "write", root, str(given.rows)])[1])
        command = Path(sys.executable).parent / "monitoring-dagster"
        missed = []
        for by in ([], ["--by", "country"]):
            asked = [sys.executable, __file__, "ask", root, command, *by]
            cost, printed = run_fresh(asked)
            points = json.loads(printed)
            days = {one["day"] for one in points}
            what = "by segment" if by else "the whole"
            print(f"{what}: {len(points)} points of {len(days)} days in {cost.seconds:.1f} s,"
                  f" {cost.peak_mb:.0f} MB (limit {MAX_SECONDS:.0f} s)", flush=True)  # fmt: skip
            if cost.seconds > MAX_SECONDS:
                missed.append(f"{what}: {cost.seconds:.1f} s")
            total = sum(one["value"] * one["n"] for one in points)
            if abs(total - worth) > 1e-9 * abs(worth):
                missed.append(f"{what}: {total} where {worth} is right")
    if missed:
        sys.exit("; ".join(missed))


def write(root: Path, rows: int) -> None:
    """The counts of a month, and the model's file; prints what all of it is worth by NEW."""
    import numpy as np
    import pyarrow as pa

    from monitoring_dagster.stats.columns.profile import profiles_to_table
    from monitoring_dagster.stats.quality.outcomes import outcomes_by_group
    from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
    from monitoring_dagster.store.monitor import HOME
    from monitoring_dagster.store.results import ResultStore

    rng, results, worth = np.random.default_rng(0), ResultStore(root / HOME / "results"), 0.0
    for n in range(DAYS + LATEST_DAYS):
        lag = rng.integers(0, LATEST_DAYS + 1, rows)
        served = n - lag
        served = served[(served >= 0) & (served < DAYS)]
        score = rng.beta(1, 4, served.size)
        label = rng.random(served.size) < score
        said = score > 0.3
        worth += float(NEW["tp"] * (label & said).sum() + NEW["fp"] * (~label & said).sum()
                       + NEW["fn"] * (label & ~said).sum())  # fmt: skip
        days = np.datetime64(FIRST) + served
        joined = pa.table(
            {
                "day": pa.array(days.astype("datetime64[D]")),
                "version": np.array(["1", "2"])[rng.integers(0, 2, served.size)],
                "country": np.array(list("abcdefghij"))[rng.integers(0, 10, served.size)],
                "label": label.astype(np.int64),
                "prediction": said.astype(np.int64),
                "score": score,
            }
        )
        found = outcomes_by_group(joined, task="binary", segments=["country"])
        results.write("churn", "outcomes", FIRST + timedelta(days=n), outcomes_to_table(found))
    nothing = profiles_to_table({})
    service = {"service": json.dumps({"rows": rows, "counted": rows, "versions": {"1": rows}})}
    for n in range(DAYS):
        results.write("churn", "profile", FIRST + timedelta(days=n), nothing, metadata=service)
    folder = root / "assets" / "churn"
    folder.mkdir(parents=True)
    (root / "assets" / "__init__.py").touch()
    (folder / "defs.yaml").write_text(_yaml())
    (root / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "assets"\n'
        'defs_module = "assets"\n'
    )
    _register(root)
    print(worth)


def _register(root: Path) -> None:
    """Both versions, and their references where the daily steps keep them."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import yaml
    from sklearn.dummy import DummyClassifier

    from monitoring_dagster.spec import ModelSpec
    from monitoring_dagster.store.monitor import House
    from monitoring_dagster.store.references.version_reference import reference_of

    rng = np.random.default_rng(1)
    score = rng.beta(1, 4, 20_000)
    rows = pd.DataFrame({"x": rng.normal(size=score.size)})
    label = (rng.random(score.size) < score).astype(int)
    said = (score > 0.3).astype(int)
    reference = rows.assign(score=score, prediction=said, label=label, day=FIRST)
    house = House.at(root, {})
    monitor = house.monitor(ModelSpec.model_validate(yaml.safe_load(_yaml())["attributes"]))
    for version in ("1", "2"):
        house.registry.log_version(
            "churn",
            model=DummyClassifier().fit(rows, label),
            task="binary",
            features=rows[:100],
            reference=pa.Table.from_pandas(reference, preserve_index=False),
            training_window=(FIRST, FIRST),
            metrics={},
            importances={},
            code_hash="",
            parameters={},
        )
        assert reference_of(monitor, version) is not None


def _yaml() -> str:
    return YAML % (json.dumps(OLD), json.dumps(NEW))


def ask(root: Path, command: Path, *by: str) -> None:
    """The command, from the project's folder."""
    import os

    os.chdir(root)
    os.environ["PYTHONPATH"] = str(root)  # its own assets, not those of a checkout
    os.execv(command, [str(command), "history", "churn", "cost", "--json", *by])


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["ask"]:
        ask(Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
    else:
        main()

"""How long does it take to judge a year anew, after a threshold or a baseline was changed?

365 stored days of 60 columns; raw rows are neither there nor read. Prints seconds for each change,
and exits with 1 where a change of thresholds takes 5 seconds or more.
"""

import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.dummy import DummyClassifier

from monitoring_dagster.measure.drift import drift
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches, profiles_to_table
from monitoring_dagster.store.days.profiles import PROFILE
from monitoring_dagster.store.monitor import House
from monitoring_dagster.store.references.version_reference import reference_of
from monitoring_dagster.views.backtest import backtest

DAYS, ROWS = 365, 1000
FIRST = date(2025, 1, 1)
SPEC = {
    "name": "churn",
    "owner": "team:growth",
    "task": "binary",
    "predictions": {"path": "{day}.parquet"},
}
CHANGES = {
    "the alpha": {"alpha": 0.01},
    "the effect floor": {"min_effect": 0.1},
    "the baseline, to the last 28 days": {"baselines": [{"kind": "rolling"}]},
    "the baseline, to four same weekdays": {"baselines": [{"kind": "same_weekday"}]},
}


def main() -> int:
    slow = 0
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        house = House.at(Path(folder), {})
        monitor = house.monitor(ModelSpec.model_validate(SPEC))
        _register(house, rng)
        reference = reference_of(monitor, "1")
        assert reference is not None
        for n in range(DAYS):
            rows = pa.Table.from_pandas(_rows(rng, ROWS), preserve_index=False)
            found = profile_batches(rows.to_batches(), {"": reference.bins})
            profiles = {Group("1"): found[Group("")]}
            day = FIRST + timedelta(days=n)
            house.results.write("churn", PROFILE, day, profiles_to_table(profiles))
            drift.run(monitor, day)
        for what, changed in CHANGES.items():
            spec = ModelSpec.model_validate({**SPEC, "rules": {"drift": changed}})
            began = time.perf_counter()
            found = backtest(House.at(Path(folder), {}).monitor(spec))
            seconds = time.perf_counter() - began
            slow += "baselines" not in changed and seconds >= 5
            print(
                f"{what} changed: {len(found.days)} days judged anew in {seconds:.1f} s,"
                f" {found.days_with_drift} with drift"
            )
    return int(slow > 0)


def _rows(rng: np.random.Generator, n: int) -> pd.DataFrame:
    columns = {f"n{i:02}": rng.normal(size=n) for i in range(50)}
    columns |= {f"c{i}": rng.choice(list("abcdefgh"), n) for i in range(9)}
    return pd.DataFrame({**columns, "prediction": rng.integers(0, 2, n)})


def _register(house: House, rng: np.random.Generator) -> None:
    rows = _rows(rng, 20_000)
    features = rows.drop(columns="prediction")
    house.registry.log_version(
        "churn",
        model=DummyClassifier().fit(features, rows["prediction"]),
        task="binary",
        features=features,
        reference=pa.Table.from_pandas(
            rows.assign(label=rows["prediction"], day=FIRST), preserve_index=False
        ),
        training_window=(FIRST, FIRST),
        metrics={},
        importances={},
        code_hash="",
        parameters={},
        score=None,
    )


if __name__ == "__main__":
    sys.exit(main())

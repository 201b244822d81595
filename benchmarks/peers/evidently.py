"""Evidently's drift preset as it comes. It cannot keep a reference: both files are read."""

from pathlib import Path

import pandas as pd
from columns import CATEGORICAL, NUMERIC, WATCHED
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from judging import main


def judge(reference: Path, current: Path) -> dict[str, bool]:
    return drifted(DataDriftPreset(), reference, current)


def drifted(preset: DataDriftPreset, reference: Path, current: Path) -> dict[str, bool]:
    """Which features the preset's tests fail on."""
    definition = DataDefinition(
        numerical_columns=list(NUMERIC), categorical_columns=list(CATEGORICAL)
    )
    before, now = (
        Dataset.from_pandas(
            pd.read_parquet(path, columns=list(WATCHED)), data_definition=definition
        )
        for path in (reference, current)
    )
    tests = Report([preset], include_tests=True).run(now, before).dict()["tests"]
    return {one["name"]: one["status"] == "FAIL" for one in tests if one["id"] == "drift"}


if __name__ == "__main__":
    main(judge)

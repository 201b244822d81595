"""popmon: histograms of the day, compared with the kept ones of a month that serves as reference.

A feature drifted where a traffic light on its comparison with the reference is red; lights on its
own numbers are by day, of which the reference has thirty and the rows one. Of columns with more
than 500 levels popmon makes no histograms.
"""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import popmon
from columns import WATCHED
from judging import main

_RED = 2


def prepare(reference: Path, kept: Path) -> None:
    rows = _rows(reference, "2026-01-01", days=30)
    made = rows.pm_make_histograms(time_axis="date", time_width="1d", time_offset="2026-01-01")
    kept.write_bytes(pickle.dumps(made))


def judge(kept: Path, current: Path) -> dict[str, bool]:
    found = popmon.df_stability_metrics(
        _rows(current, "2026-02-01", days=1),
        reference=pickle.loads(kept.read_bytes()),
        reference_type="external",
        time_axis="date",
    )
    return {
        name: bool((lights.filter(regex="^ref_") == _RED).any(axis=None))
        for name, lights in found["traffic_lights"].items()
    }


def _rows(path: Path, first: str, *, days: int) -> pd.DataFrame:
    """The rows, spread evenly over *days*: popmon measures by time, and its limits are by day."""
    rows = pd.read_parquet(path, columns=list(WATCHED))
    day = np.arange(len(rows)) * days // len(rows)
    return rows.assign(date=pd.Timestamp(first) + pd.to_timedelta(day, "D"))


if __name__ == "__main__":
    main(judge, prepare=prepare)

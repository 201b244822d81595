"""alibi-detect's TabularDrift: K-S and chi-square tests. The kept detector holds the rows.

It takes numbers alone, so categories are coded over the reference's.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from alibi_detect.cd import TabularDrift
from alibi_detect.saving import load_detector, save_detector
from columns import CATEGORICAL, WATCHED
from judging import main


def prepare(reference: Path, kept: Path) -> None:
    kept.mkdir()
    rows = pd.read_parquet(reference, columns=list(WATCHED))
    levels = {name: sorted(rows[name].dropna().unique()) for name in CATEGORICAL}
    positions = {WATCHED.index(name): None for name in CATEGORICAL}
    detector = TabularDrift(_coded(rows, levels), p_val=0.05, categories_per_feature=positions)
    save_detector(detector, kept / "detector")
    (kept / "levels.json").write_text(json.dumps(levels))


def judge(kept: Path, current: Path) -> dict[str, bool]:
    levels = json.loads((kept / "levels.json").read_text())
    rows = _coded(pd.read_parquet(current, columns=list(WATCHED)), levels)
    found = load_detector(kept / "detector").predict(rows, drift_type="feature")
    return dict(zip(WATCHED, found["data"]["is_drift"].astype(bool).tolist(), strict=True))


def _coded(rows: pd.DataFrame, levels: dict[str, list[str]]) -> np.ndarray:
    codes = {name: pd.Categorical(rows[name], levels[name]).codes for name in CATEGORICAL}
    return rows.assign(**codes).to_numpy(dtype=np.float64)


if __name__ == "__main__":
    main(judge, prepare=prepare)

"""Frouros: PSI for numbers, the chi-square test for categories. Detectors keep the rows.

PSI cannot take missing values: they are dropped first.
"""

from pathlib import Path

import pandas as pd
from columns import CATEGORICAL, NUMERIC, WATCHED
from frouros.detectors.data_drift import PSI, ChiSquareTest
from frouros.utils import load, save
from judging import main


def prepare(reference: Path, kept: Path) -> None:
    rows = pd.read_parquet(reference, columns=list(WATCHED))
    kept.mkdir()
    for name in WATCHED:
        detector = PSI() if name in NUMERIC else ChiSquareTest()
        detector.fit(X=rows[name].dropna().to_numpy())
        save(detector, str(kept / name))


def judge(kept: Path, current: Path) -> dict[str, bool]:
    rows = pd.read_parquet(current, columns=list(WATCHED))
    drifted = {}
    for name in WATCHED:
        found, _ = load(str(kept / name)).compare(X=rows[name].dropna().to_numpy())
        drifted[name] = found.p_value < 0.05 if name in CATEGORICAL else found.distance > 0.2
    return drifted


if __name__ == "__main__":
    main(judge, prepare=prepare)

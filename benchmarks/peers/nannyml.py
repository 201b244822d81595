"""NannyML's univariate drift calculator with its own methods and chunks, kept once fitted.

A feature drifted where any of the day's chunks raises an alert.
"""

from pathlib import Path

import nannyml as nml
import pandas as pd
from columns import WATCHED
from judging import main


def prepare(reference: Path, kept: Path) -> None:
    kept.mkdir()
    calculator = nml.UnivariateDriftCalculator(column_names=list(WATCHED))
    calculator.fit(pd.read_parquet(reference, columns=list(WATCHED)))
    _store(kept).store(calculator, filename="calculator.pkl")


def judge(kept: Path, current: Path) -> dict[str, bool]:
    calculator = _store(kept).load(filename="calculator.pkl")
    found = calculator.calculate(pd.read_parquet(current, columns=list(WATCHED)))
    rows = found.filter(period="analysis").to_df()
    return {name: bool(rows[name].xs("alert", axis=1, level=1).any().any()) for name in WATCHED}


def _store(kept: Path) -> nml.io.store.FilesystemStore:
    return nml.io.store.FilesystemStore(root_path=str(kept))


if __name__ == "__main__":
    main(judge, prepare=prepare)

"""whylogs: a profile of the day, compared with the kept profile of the reference."""

from pathlib import Path

import pandas as pd
import whylogs as why
from columns import WATCHED
from judging import main
from whylogs.core import DatasetProfileView
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def prepare(reference: Path, kept: Path) -> None:
    why.log(pandas=pd.read_parquet(reference, columns=list(WATCHED))).view().write(str(kept))


def judge(kept: Path, current: Path) -> dict[str, bool]:
    day = why.log(pandas=pd.read_parquet(current, columns=list(WATCHED))).view()
    scores = calculate_drift_scores(day, DatasetProfileView.read(str(kept)), with_thresholds=True)
    return {name: it["drift_category"] == "DRIFT" for name, it in scores.items() if it}


if __name__ == "__main__":
    main(judge, prepare=prepare)

"""On which data is an estimate without labels judged?  Scores and labels, ordered by time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from monitoring_dagster.demo.flights import CATEGORICAL, FEATURES, flights

ANSWERS: Final = ("score", "prediction", "label")


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled reference and later rows, whose labels only the judge sees."""

    name: str
    chunk_rows: int
    reference: pd.DataFrame  # the ANSWERS, then the features
    current: pd.DataFrame  # a whole number of chunks
    shifted: bool  # the inputs of the later rows differ, so that weights can help

    @property
    def features(self) -> list[str]:
        return [name for name in self.reference.columns if name not in ANSWERS]


def car_loan(folder: Path) -> list[Judged]:
    """Synthetic; in the wheel of NannyML, whose documentation shows its estimates on it."""
    reference = pd.read_csv(folder / "synthetic_car_loan_reference.csv")
    current = pd.read_csv(folder / "synthetic_car_loan_analysis.csv").merge(
        pd.read_csv(folder / "synthetic_car_loan_analysis_target.csv"), on="id"
    )
    names = {"y_pred_proba": "score", "y_pred": "prediction", "repaid": "label"}
    return [_judged("car loan", 500, reference, current, names, drop=["id", "timestamp"])]


def employment(folder: Path) -> list[Judged]:
    """Real: American Community Survey, Massachusetts, 2015 and then 2016 to 2018; also in there."""
    reference = pd.read_parquet(folder / "employment_MA_reference.pq")
    current = pd.read_parquet(folder / "employment_MA_analysis.pq").merge(
        pd.read_parquet(folder / "employment_MA_analysis_target.pq"), on="id"
    )
    names = {"predicted_probability": "score", "employed": "label"}
    return [_judged("employment", 1000, reference, current, names, drop=["id", "year"])]


def california(folder: Path) -> list[Judged]:
    """Real: the California census of 1990, house values; also in there, in geographical order."""
    reference = pd.read_csv(folder / "california_housing_reference.csv")
    current = pd.read_csv(folder / "california_housing_analysis.csv").merge(
        pd.read_csv(folder / "california_housing_analysis_gt.csv"), on="id"
    )
    names = {"y_pred_proba": "score", "y_pred": "prediction", "clf_target": "label"}
    return [_judged("california", 200, reference, current, names, drop=["id", "timestamp"])]


def late_flights(_: Path) -> list[Judged]:
    """Real: every flight from New York in 2013; a model of January to March, judged from July.

    Each month's reference are the 90 days whose labels had come (14 days) when it began.
    """
    rows = flights(end=date(2013, 12, 30)).dropna(subset=["late"]).reset_index(drop=True)
    features = rows[list(FEATURES)].astype(dict.fromkeys(CATEGORICAL, "category"))
    month = rows["day"].dt.month
    learnt = month <= 3
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    model.fit(features[learnt], rows.loc[learnt, "late"])
    score = model.predict_proba(features)[:, 1]
    late = rows["late"].astype(int)
    prediction = (score >= late[learnt].mean()).astype(int)
    answered = pd.DataFrame({"score": score, "prediction": prediction, "label": late})
    found = []
    for current in range(7, 13):
        served = month == current
        age = rows.loc[served, "day"].min() - rows["day"]
        known = (age > pd.Timedelta(days=14)) & (age <= pd.Timedelta(days=104))
        found.append(_judged("flights", 1000, answered[known], answered[served], {}))
    return found


def moving_inputs(_: Path) -> list[Judged]:
    """Generated: a linear model of a bent truth, whose inputs move away from what it learnt."""
    rng = np.random.default_rng(0)
    rows = 20_000, 30_000, 40_000
    moved = np.concatenate([np.zeros(rows[0] + rows[1]), np.linspace(0, 1.5, rows[2])])
    x = rng.normal(size=(moved.size, 4))
    x[:, 0] += moved
    x[:, 1] -= moved
    log_odds = -0.5 + x[:, 0] - 0.5 * np.square(x[:, 1]) + x[:, 0] * x[:, 2] / 2
    label = (rng.random(moved.size) < 1 / (1 + np.exp(-log_odds))).astype(int)
    model = LogisticRegression().fit(x[: rows[0]], label[: rows[0]])
    score = model.predict_proba(x)[:, 1]
    table = pd.DataFrame({"score": score, "prediction": (score >= 0.5).astype(int), "label": label})
    table[[f"x{i}" for i in range(4)]] = x
    reference, current = table[rows[0] : -rows[2]], table[-rows[2] :]
    return [_judged("moving inputs", 500, reference, current, {}, shifted=True)]


DATA: Final[Mapping[str, Callable[[Path], Sequence[Judged]]]] = {
    "car-loan": car_loan,
    "employment": employment,
    "flights": late_flights,
    "moving-inputs": moving_inputs,
    "california": california,
}


def _judged(
    name: str,
    chunk_rows: int,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    names: Mapping[str, str],
    *,
    drop: list[str] | None = None,
    shifted: bool = False,
) -> Judged:
    whole = len(current) // chunk_rows * chunk_rows
    reference, current = (
        one.rename(columns=names).drop(columns=drop or []).reset_index(drop=True)
        for one in (reference, current[:whole])
    )
    columns = [*ANSWERS, *(one for one in reference.columns if one not in ANSWERS)]
    return Judged(name, chunk_rows, reference[columns], current[columns], shifted)

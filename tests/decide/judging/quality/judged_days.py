"""Days of one model as the rules on quality see them."""

from dataclasses import replace
from datetime import date, timedelta

from monitoring_dagster.decide.judging.quality.quality_rules import quality_drops
from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec import ModelSpec

TODAY = date(2026, 3, 20)


ALONE = Traffic("1", {"1": 1.0})


def spec(**rules):
    return ModelSpec.model_validate(
        {
            "name": "churn",
            "owner": "team:growth",
            "task": "binary",
            "predictions": {"path": "data/{day}.parquet", "score": "score"},
            "labels": {"path": "labels/{day}.parquet", "mature_after_days": 3},
            "segments": ["country"],
            "rules": {"performance": {"log_loss": {"absolute": 0.1}}, **rules},
        }
    )


SPEC = spec()


def served(days_ago):
    return TODAY - timedelta(days=days_ago)


def loss(value, days_ago=0, *, area="quality", version="1", n=400, baseline=0.4, **about):
    """A log loss whose interval reaches 0.05 to both sides."""
    return Signal.on(
        served(days_ago), f"{area}.log_loss", value, low=value - 0.05, high=value + 0.05, n=n,
        version=version, baseline=baseline, known_on=TODAY if area == "quality" else None, **about,
    )  # fmt: skip


def days(*values, **about):
    """Values of the last evaluated days, the newest first."""
    return [loss(value, place + 3, **about) for place, value in enumerate(values)]


def drops(known, *, spec=SPEC, traffic=ALONE, pooled=(), estimates=(), variation=(), bars=()):
    """Where *variation* says nothing of it, normal variation is unknown."""
    charts = QualityCharts.of(spec, known=known, estimates=estimates, variation=variation)
    return quality_drops(spec, TODAY, traffic, known, list(pooled), list(estimates), charts, bars)


def together(name, value, first=5, last=3, **about):
    return Signal.over(
        served(first), served(last), f"pooled.{name}", value, version="1", known_on=TODAY, **about
    )


def in_germany(value):
    return together(
        "log_loss", value, low=value - 0.05, high=value + 0.05, n=900, segment="country",
        segment_value="DE", baseline=0.4, baseline_low=0.38, baseline_high=0.42, baseline_n=900,
    )  # fmt: skip


def elsewhere(value):
    return replace(in_germany(value), segment_value="FR")


def gap(value, days_ago):
    return Signal.on(
        served(days_ago), "quality.calibration_gap", value, version="1", known_on=TODAY, n=300
    )


def varies(deviation, metric="log_loss", *, mean=0.4, correlation=0.0, n=60, **about):
    """How a metric varies between the days of the reference."""
    return Signal.on(
        TODAY, f"variation.{metric}", deviation, baseline=mean, effect=correlation, n=n,
        version="1", **about,
    )  # fmt: skip

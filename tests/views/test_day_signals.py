"""A day's signals are read off what steps stored, versions taken together by their rows."""

import json

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.monitor import House
from monitoring_dagster.views import day_signals
from monitoring_dagster.views.day_signals import signals_of
from tests.world import START, attributes, day_after

DAYS = [day_after(START, n) for n in range(3)]  # the middle one has nothing
IMPORTANCES = {f"f{n:02}": n / 100 for n in range(12)} | {"income": 0.5}


def write(monitor, day):
    def stored(step, *signals, **notes):
        table = pa.table({"x": [0]})
        monitor.results.write("tiny", step, day, table, metadata=notes | noted(signals))

    def psi(column, value, n=400, version="1", **about):
        about = {"baseline_name": "training", **about}
        return Signal.on(day, "drift.psi", value, subject=column, version=version, n=n, **about)

    stored(
        "drift",
        *(psi(f"f{n:02}", 0.01) for n in range(12)),
        psi("score", 0.1, 300),
        psi("score", 0.5, 100, "2"),
        psi("score", 9.0, segment="country", segment_value="DE"),
        psi("score", 9.0, baseline_name="rolling, 28 days"),
        psi("income", 0.3, 300),
        psi("income", float("nan"), 100, "2"),
    )
    stored(
        "estimate",
        Signal.on(day, "estimate.log_loss", 0.4, version="1", n=300),
        Signal.on(day, "estimate.log_loss", 0.8, version="2", n=100),
        Signal.on(day, "estimate.log_loss", 9.0, version="1", n=9, segment="country"),
        Signal.on(day, "estimate.accuracy", 9.0, version="1", n=300),
    )
    service = json.dumps({"counted": 400, "versions": {"1": 300, "2": 100}})
    stored("profile", Signal.on(day, "service.error_rate", 0.05, n=400), service=service)


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    monitor = House.at(tmp_path).monitor(ModelSpec.model_validate(attributes()))
    for day in (DAYS[0], DAYS[2]):
        write(monitor, day)
    monkeypatch.setattr(
        day_signals, "_importance", lambda monitor, version, column: IMPORTANCES[column]
    )
    return monitor


@pytest.fixture
def no_champion(monkeypatch):
    monkeypatch.setattr(day_signals, "champion_on", lambda monitor, day: None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("drift.psi (score)", 0.2, id="by rows; no segment, no other baseline"),
        pytest.param("drift.psi (income)", 0.3, id="by the version that it is known of"),
        pytest.param("estimate.log_loss", 0.5, id="the estimate, of whole rows"),
        pytest.param("service.error_rate", 0.05, id="the service"),
    ],
)
@pytest.mark.usefixtures("no_champion")
def test_a_day_is_one_number_and_a_day_without_results_is_unknown(monitor, name, value):
    series = signals_of(monitor, DAYS, metric="log_loss")
    assert series[name] == pytest.approx([value, np.nan, value], nan_ok=True)


@pytest.mark.usefixtures("no_champion")
def test_of_the_features_the_ten_most_important_are_looked_at(monitor):
    series = signals_of(monitor, DAYS, metric="log_loss")
    kept = {name for name in series if name.startswith("drift.psi (f")}
    assert kept == {f"drift.psi (f{n:02})" for n in range(3, 12)}
    assert "drift.psi (income)" in series


def test_where_the_champion_is_known_its_numbers_are_the_models(monitor, monkeypatch):
    monkeypatch.setattr(day_signals, "champion_on", lambda monitor, day: "2")
    series = signals_of(monitor, DAYS, metric="log_loss")
    assert series["estimate.log_loss"] == pytest.approx([0.8, np.nan, 0.8], nan_ok=True)

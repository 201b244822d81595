"""What a service learns from MLflow alone, and what keeps that in step with the ledger."""

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow import MlflowClient

from monitoring_dagster.act.fallback import SwitchedAlready, publish_switch, switch_fallback
from monitoring_dagster.serving import (
    Champion,
    NothingServes,
    champion,
    feature_code,
    libraries,
)
from monitoring_dagster.store.models.environment import LIBRARIES, hash_of_files, libraries_in
from monitoring_dagster.store.models.registry import RegistryUnavailable
from tests.scenarios.test_retraining import told

HERE = Path(__file__).parents[1]


@pytest.fixture
def uri(world):
    return world.house.tracking_uri


def asked(world):
    return champion("tiny", tracking_uri=world.house.tracking_uri)


def test_a_service_asks_which_version_serves(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = champion("tiny")
    assert found == Champion(version="1", uri="models:/tiny/1", fallback=False)
    with pytest.raises(FrozenInstanceError):
        found.version = "2"


def test_the_switch_is_seen_at_once_and_without_a_ledger(world):
    switch_fallback(world.monitor, on=True, reason="the store is down", by="ada")
    (world.root / ".monitoring" / "ledger.db").unlink()
    assert asked(world) == Champion("1", "models:/tiny/1", fallback=True)
    world.monitor.registry.set_fallback("tiny", on=False)
    assert not asked(world).fallback


@pytest.mark.parametrize("healer", ["the next call", "the sensor"])
def test_a_crash_between_ledger_and_mlflow_is_healed_and_announced_once(world, healer):
    """The ledger has it, MLflow does not, and nobody was told."""
    world.monitor.ledger.set_fallback("tiny", on=True, by="ada", now=world.house.now())
    assert not asked(world).fallback
    if healer == "the sensor":
        assert publish_switch(world.monitor)
        assert not publish_switch(world.monitor)
    words = switch_fallback(world.monitor, on=True, reason="down", by="bob")
    assert "by ada; the channel and MLflow know it now" in words
    assert asked(world).fallback
    with pytest.raises(SwitchedAlready):
        switch_fallback(world.monitor, on=True, reason="down", by="bob")
    assert len(told(world)) == 1


@pytest.mark.parametrize(
    ("model", "place", "error", "words"),
    [
        ("tinny", None, NothingServes, "'tinny' has no version under the alias champion"),
        ("tiny", "http://127.0.0.1:9", RegistryUnavailable, "does not answer"),
        ("tiny", "", NothingServes, "set MLFLOW_TRACKING_URI, or call"),
    ],
    ids=["no such model", "MLflow is away", "nowhere to ask"],
)
def test_what_cannot_be_answered_says_the_way_out(uri, monkeypatch, model, place, error, words):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(error, match=words):
        champion(model, tracking_uri=uri if place is None else place)


def test_a_model_without_a_champion_has_nothing_to_serve(world, uri):
    MlflowClient(uri, uri).delete_registered_model_alias("tiny", "champion")
    with pytest.raises(NothingServes, match="monitoring-dagster model promote"):
        champion("tiny", tracking_uri=uri)


def test_a_service_imports_neither_dagster_nor_the_pipeline():
    program = (
        "import sys, monitoring_dagster.serving;"
        "print([one for one in sys.modules if one.split('.')[0] in"
        " ('dagster', 'pandas', 'sklearn', 'sqlalchemy') or one.startswith("
        "'monitoring_dagster.pipeline')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True, env=os.environ | {"PYTHONPATH": str(HERE)})  # fmt: skip
    assert done.stdout == "[]\n"


def test_a_service_logs_the_hash_of_its_feature_code(tmp_path):
    """One that changes with what is in the files, and with nothing else."""
    one, other = tmp_path / "features.py", tmp_path / "joins.py"
    one.write_text("x = 1")
    other.write_text("y = 2")
    before = feature_code(one, str(other))
    assert before == feature_code(other, one) == hash_of_files([one, other])
    one.write_text("x = 2")
    assert feature_code(one, other) != before


def test_a_service_logs_its_libraries_as_the_contract_reads_them():
    assert libraries_in(libraries("numpy", "scikit-learn")) == {
        "numpy": version("numpy"), "scikit-learn": version("scikit-learn"),
    }  # fmt: skip
    assert set(libraries_in(libraries())) == set(LIBRARIES)

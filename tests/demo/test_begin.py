"""The demo begins anew, and never over results that it did not make."""

import json
from datetime import date
from types import SimpleNamespace

import pytest

from monitoring_dagster.demo.replay import NotOurs, _begin

DAY = date(2026, 3, 2)


@pytest.mark.parametrize("left", ["results", "ledger.db", "mlflow.db"])
def test_results_of_somebody_else_are_refused_and_kept(tmp_path, left):
    (tmp_path / ".monitoring" / left).mkdir(parents=True)
    with pytest.raises(NotOurs, match="run it in a fresh clone"):
        _begin(SimpleNamespace(root=tmp_path), end=DAY, seed=0)
    assert (tmp_path / ".monitoring" / left).exists()


@pytest.mark.parametrize("left", ["dagster", "demo.json"])
def test_what_looking_or_an_earlier_replay_left_is_removed(tmp_path, left):
    (tmp_path / ".monitoring" / "dagster").mkdir(parents=True)
    (tmp_path / ".monitoring" / left).mkdir(exist_ok=True)
    if left == "demo.json":
        (tmp_path / ".monitoring" / left).rmdir()
        (tmp_path / ".monitoring" / left).write_text("{}")
        (tmp_path / ".monitoring" / "results").mkdir()
    _begin(SimpleNamespace(root=tmp_path), end=DAY, seed=0)
    home = tmp_path / ".monitoring"
    assert [one.name for one in home.iterdir()] == ["demo.json"]
    assert json.loads((home / "demo.json").read_text())["finished"] is False

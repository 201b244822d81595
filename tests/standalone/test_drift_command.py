"""Two tables are compared as the daily check compares a day with its reference."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from monitoring_dagster.cli import main
from monitoring_dagster.standalone.compare import compare
from monitoring_dagster.store.references.version_reference import (
    REFERENCE_FILE,
    folder_of,
    reference_of,
)
from monitoring_dagster.store.results import sealed
from tests.standalone.test_compare import feature, rows
from tests.tiny import monitor_of, registered


def run(*arguments):
    return CliRunner().invoke(main, ["drift", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    rows().to_parquet(tmp_path / "before.parquet")
    rows(seed=1).to_parquet(tmp_path / "calm.parquet")
    rows(seed=2, shift=0.5, new=0.1).to_csv(tmp_path / "drifted.csv", index=False)
    return tmp_path


def test_no_drift_exits_with_0_and_drift_with_1_and_an_error_with_2(files):
    assert run(files / "before.parquet", files / "calm.parquet").exit_code == 0
    assert run(files / "before.parquet", files / "drifted.csv").exit_code == 1
    failed = run(files / "before.parquet", files / "nothing.parquet")
    assert failed.exit_code == 2
    assert "nothing.parquet: no such file" in failed.stderr


def test_json_is_one_object_with_a_verdict_and_its_reason_a_feature(files):
    found = json.loads(run(files / "before.parquet", files / "drifted.csv", "--json").stdout)
    assert found["verdict"] == "DRIFT"
    assert found["rows"] == {"reference": 2000, "current": 2000}
    age, plan = feature(found, "age"), feature(found, "plan")
    assert (age["verdict"], age["kind"], plan["kind"]) == ("DRIFT", "numeric", "categorical")
    assert "mean 39.97 to 45.29" in age["reason"]
    assert plan["unseen"] == ["trial"]
    assert plan["ks"] is plan["wasserstein"] is None
    assert feature(found, "visits")["verdict"] == "OK"
    assert found["features"][0]["verdict"] == "DRIFT"


def test_the_table_says_what_was_taken_for_what(files):
    said = run(files / "before.parquet", files / "drifted.csv").stdout
    assert "numeric: age, visits" in said
    assert "categorical: plan, active" in said
    assert "user_id (an identifier: its name says so" in said
    assert "DRIFT: 2 of 4 drifted; 2,000 rows against 2,000 of the reference" in said


def test_what_the_caller_says_overrules_the_guess(files):
    given = (files / "before.parquet", files / "calm.parquet", "--json")
    said = ("--categorical", "visits", "--ignore", "plan", "--numeric", "user_id")
    found = json.loads(run(*given, *said).stdout)
    assert feature(found, "visits")["kind"] == "categorical"
    assert found["columns"]["plan"] == "ignored"
    assert feature(found, "user_id")["kind"] == "numeric"
    wrong = run(*given, "--ignore", "plam")
    assert (wrong.exit_code, "Did you mean 'plan'" in wrong.stderr) == (2, True)


def test_a_kept_reference_gives_the_same_without_its_rows(files, on_disk):
    kept = on_disk / "reference.profile"
    given = (files / "drifted.csv", "--json")
    first = run(files / "before.parquet", *given, "--keep", kept)
    (files / "before.parquet").unlink()
    again = run(kept, *given)
    assert json.loads(again.stdout) == json.loads(first.stdout)
    narrowed = json.loads(run(kept, *given, "--ignore", "age").stdout)
    assert [one["name"] for one in narrowed["features"]].count("age") == 0
    refused = run(kept, *given, "--segment", "plan")
    assert (refused.exit_code, "keep it anew" in refused.stderr) == (2, True)


def test_what_a_former_release_kept_is_an_error_with_the_way_out(files, on_disk):
    kept = on_disk / "reference.profile"
    rows_of = pq.read_table(files / "before.parquet")
    notes = {b"monitoring_dagster": b"reference", b"monitoring_dagster.segments": b"[]"}
    kept.write_bytes(sealed(rows_of.replace_schema_metadata(notes)))
    refused = run(kept, files / "calm.parquet")
    assert (refused.exit_code, "keep it anew from its rows" in refused.stderr) == (2, True)
    assert "was kept by another version of monitoring-dagster" in refused.stderr
    again = run(files / "before.parquet", files / "calm.parquet", "--keep", kept, "--force")
    assert (again.exit_code, run(kept, files / "calm.parquet").exit_code) == (0, 0)


def test_the_reference_of_a_version_is_one_by_its_path(files, tmp_path, monkeypatch):
    """As the steps keep it; what was laid down for them is no row of the current data."""
    monitor = monitor_of(tmp_path, predictions={"path": "{day}", "prediction": "plan"})
    registered(monkeypatch, pq.read_table(files / "before.parquet"))
    assert reference_of(monitor, "1") is not None
    place = folder_of(monitor, "1") / REFERENCE_FILE
    found = json.loads(run(place, files / "drifted.csv", "--json").stdout)
    assert found["verdict"] == "DRIFT"
    assert found["columns"]["age"] == "numeric"
    assert found["left_out"]["visits"] == "no feature, segment or answer of the model"
    assert run(place, files / "calm.parquet").exit_code == 0
    refused = run(files / "before.parquet", place)
    assert (refused.exit_code, "holds no rows" in refused.stderr) == (2, True)


def test_a_damaged_kept_reference_is_an_error_and_no_verdict(files, on_disk):
    kept = on_disk / "reference.profile"
    run(files / "before.parquet", files / "calm.parquet", "--keep", kept)
    spoilt = bytearray(kept.read_bytes())
    spoilt[len(spoilt) // 3] ^= 0xFF
    kept.write_bytes(bytes(spoilt))
    refused = run(kept, files / "calm.parquet")
    assert (refused.exit_code, "keep it anew" in refused.stderr) == (2, True)


def test_frames_tables_and_files_give_the_same(files):
    before, now = rows(), rows(seed=1)
    frames = compare(before, now).to_dict()
    tables = [pq.read_table(files / f"{name}.parquet") for name in ("before", "calm")]
    assert compare(*tables).to_dict() == frames
    assert compare(files / "before.parquet", str(files / "calm.parquet")).to_dict() == frames
    assert compare(compare(before, now).reference, now).to_dict() == frames


def test_an_index_of_pandas_is_no_feature(tmp_path):
    frame = rows().set_index(np.arange(2000)[::-1])
    frame.to_parquet(tmp_path / "indexed.parquet")
    for given in (frame, tmp_path / "indexed.parquet"):
        names = {one["name"] for one in compare(given, given).to_dict()["features"]}
        assert names == {"age", "visits", "plan", "active"}


def test_nothing_to_judge_is_an_error_and_no_verdict(files):
    rows(0).to_csv(files / "empty.csv", index=False)
    pd.DataFrame({"other": [1.0] * 200}).to_parquet(files / "other.parquet")
    for current, words in (("empty.csv", "has no rows"), ("other.parquet", "no column in common")):
        failed = run(files / "before.parquet", files / current)
        assert (failed.exit_code, words in failed.stderr) == (2, True)


def test_hostile_names_are_shown_as_they_are(files):
    hostile = rows().rename(columns={"plan": "[bold]x[/bold]\x1b[31m"})
    hostile["[/]"] = "[red]a[/red]"
    hostile.to_parquet(files / "hostile.parquet")
    said = run(files / "hostile.parquet", files / "hostile.parquet")
    assert said.exit_code == 0
    assert "[/]" in said.stdout


def test_a_day_is_judged_without_pandas_dagster_or_a_database(files, on_disk):
    """What takes longest to import is not needed: a fresh process is quick."""
    kept = on_disk / "reference.profile"
    run(files / "before.parquet", files / "calm.parquet", "--keep", kept)
    code = f"""
import sys
from monitoring_dagster.cli import main
try:
    main(["drift", {str(kept)!r}, {str(files / "calm.parquet")!r}, "--json"])
except SystemExit as stop:
    assert stop.code == 0, stop.code
heavy = {{"pandas", "dagster", "duckdb", "mlflow", "sklearn", "scipy.stats", "pydantic", "rich"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

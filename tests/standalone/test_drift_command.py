"""Two tables are compared as the daily check compares a day with its reference."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from scipy import stats

import monitoring_dagster
from monitoring_dagster.cli import main
from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.standalone.compare import compare
from monitoring_dagster.standalone.reference import TableReference
from monitoring_dagster.stats.drift.drift_settings import DriftSettings


def rows(n=2000, *, seed=0, shift=0.0, new=0.0):
    rng = np.random.default_rng(seed)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "user_id": np.arange(n),
            "age": rng.normal(40 + 10 * shift, 10, n),
            "visits": rng.poisson(3, n),
            "plan": np.where(rng.random(n) < new, "trial", plan),
            "active": rng.random(n) < 0.5,
            "at": pd.Timestamp("2026-01-01", tz="UTC"),
            "token": [f"{seed}-{i}" for i in range(n)],
        }
    )


def feature(found, name, value=None):
    (one,) = [f for f in found["features"] if f["name"] == name and f["value"] == value]
    return one


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


def test_the_numbers_are_scipys_on_the_raw_rows():
    before, now = rows(), rows(seed=3, shift=0.2)
    age = feature(compare(before, now).to_dict(), "age")
    ks = stats.ks_2samp(before["age"], now["age"], method="asymp")
    moved = stats.wasserstein_distance(before["age"], now["age"])
    assert age["ks"] <= ks.statistic <= age["ks_high"]
    assert age["ks"] == pytest.approx(ks.statistic, abs=0.005)
    assert age["wasserstein"] <= moved <= age["wasserstein_high"]
    assert age["mean_shift_sd"] == pytest.approx(
        (now["age"].mean() - before["age"].mean()) / before["age"].std()
    )
    assert age["variance_ratio"] == pytest.approx(now["age"].var() / before["age"].var())
    assert age["p_value"] == pytest.approx(2 * ks.pvalue, rel=0.35)


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


def test_a_segment_that_drifts_alone_is_found():
    before, now = rows(6000), rows(6000, seed=4)
    now.loc[now["plan"] == "pro", "age"] += 8
    found = compare(before, now, segments=["plan"]).to_dict()
    assert feature(found, "age")["verdict"] == "OK"
    assert feature(found, "age", "pro")["verdict"] == "DRIFT"
    assert feature(found, "age", "basic")["verdict"] == "OK"


def test_a_new_segment_is_told_by_its_column_and_judged_by_none():
    before, now = rows(), rows(seed=5, new=0.1)
    found = compare(before, now, segments=["plan"]).to_dict()
    assert feature(found, "plan")["verdict"] == "DRIFT"
    assert feature(found, "age", "trial")["verdict"] == "INSUFFICIENT"
    assert feature(found, "age", "trial")["reason"] == "the reference has no rows"


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


@pytest.mark.parametrize(
    ("now", "verdict", "words"),
    [
        pytest.param(lambda i: f"s{i % 900}", "OK", "not significant", id="no drift"),
        pytest.param(lambda i: f"{'s' if i % 20 else 'n'}{i % 900}", "DRIFT",
                     "5.0% of rows (bound 2.0%)", id="one row in twenty"),
        pytest.param(lambda i: f"s{i % 900}" if i % 20 else "UNKNOWN", "DRIFT",
                     "new category 'UNKNOWN': 5.0% of rows (bound 2.0%)", id="one new value"),
    ],
)  # fmt: skip
def test_a_reference_that_is_larger_than_its_sample_knows_all_its_categories(now, verdict, words):
    """Every other row is sampled, and the values take turns."""
    before = pd.DataFrame({"k": [f"s{i % 900}" for i in range(200_000)]})
    found = compare(before, pd.DataFrame({"k": [now(i) for i in range(4000)]})).to_dict()
    assert feature(found, "k")["verdict"] == verdict
    assert words in feature(found, "k")["reason"]
    assert feature(found, "k")["unseen_share_reference"] == 0


def test_of_a_large_reference_whose_values_nearly_all_differ_the_unseen_are_expected():
    before = pd.DataFrame({"k": [f"w{i}" for i in range(150_000)], "x": 1.0})
    now = pd.DataFrame({"k": [f"w{i}" for i in range(150_000, 153_000)], "x": 1.0})
    found = feature(compare(before, now, categorical=["k"]).to_dict(), "k")
    assert found["verdict"] == "OK"
    assert found["expected_unseen"] > 0.99


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


def test_a_result_as_a_frame_has_a_row_a_feature():
    frame = monitoring_dagster.compare(rows(), rows(seed=1, shift=0.5)).to_frame()
    assert set(frame["name"]) == {"age", "visits", "plan", "active"}
    assert frame.iloc[0]["name"] == "age"
    assert frame.iloc[0]["verdict"] == "DRIFT"


def test_an_index_of_pandas_is_no_feature(tmp_path):
    frame = rows().set_index(np.arange(2000)[::-1])
    frame.to_parquet(tmp_path / "indexed.parquet")
    for given in (frame, tmp_path / "indexed.parquet"):
        names = {one["name"] for one in compare(given, given).to_dict()["features"]}
        assert names == {"age", "visits", "plan", "active"}


def test_a_result_shows_itself_in_one_line():
    shown = repr(compare(rows(), rows(seed=1)))
    assert shown == (
        "Comparison(verdict=<Verdict.OK: 'OK'>, rows_reference=2000, rows_current=2000)"
    )


@pytest.mark.parametrize(
    ("spoil", "column", "verdict", "words"),
    [
        (lambda t: t.drop(columns="age"), "age", "DRIFT", "the current data has no such column"),
        (lambda t: t.assign(age="old"), "age", "DRIFT", "numeric in the reference, and arrives as"),
        (lambda t: t.assign(age=np.nan), "age", "DRIFT", "missing values rose from 0.0% to 100.0%"),
        (lambda t: t.assign(plan=None), "plan", "DRIFT", "missing values rose from 0.0% to 100.0%"),
        (lambda t: t.assign(plan=[[1]] * len(t)), "plan", "DRIFT", "is neither number, text nor"),
        (lambda t: t.head(99), "age", "INSUFFICIENT", "99 rows, below the 100 needed"),
        (lambda t: t.assign(age=np.inf), "age", "DRIFT", "infinite values: 100.0% of rows"),
        (lambda t: t.assign(extra=1.0), "age", "OK", "not significant"),
    ],
    ids=["gone", "of another type", "all missing", "no plan", "nested", "few", "infinite",
         "a new column"],
)  # fmt: skip
def test_whatever_arrives_gets_a_verdict(spoil, column, verdict, words):
    found = compare(rows(), spoil(rows(seed=1))).to_dict()
    assert feature(found, column)["verdict"] == verdict
    assert words in feature(found, column)["reason"]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    "reference",
    [
        pd.DataFrame({"x": [None] * 500}),
        pd.DataFrame({"x": [7.0] * 500}),
        pd.DataFrame({"x": [0.0] * 400 + [3.5] * 100}),
        pd.DataFrame({"x": np.random.default_rng(0).standard_cauchy(500)}),
        pd.DataFrame({"x": [f"level {i % 450}" for i in range(500)]}),
        pd.DataFrame({"x": pd.Categorical([1, 2] * 250)}),
    ],
    ids=["all null", "constant", "zeros", "heavy tails", "many levels", "categories of numbers"],
)
def test_any_reference_equals_itself(reference):
    found = compare(reference, reference).to_dict()
    assert feature(found, "x")["verdict"] == "OK"
    assert found["verdict"] == "OK"


def test_a_hundred_thousand_levels_are_bounded_and_half_of_them_gone_is_drift():
    rng = np.random.default_rng(6)
    names = np.array([f"item {i}" for i in range(100_000)])
    before = pa.table({"x": names[rng.integers(0, 100_000, 50_000)], "y": rng.normal(size=50_000)})
    same = pa.table({"x": names[rng.integers(0, 100_000, 20_000)], "y": rng.normal(size=20_000)})
    half = pa.table({"x": names[rng.integers(0, 40, 20_000)], "y": rng.normal(size=20_000)})
    settled = compare(before, same, categorical=["x"]).to_dict()
    assert feature(settled, "x")["verdict"] == "OK"
    assert feature(compare(before, half, categorical=["x"]).to_dict(), "x")["verdict"] == "DRIFT"
    kept = compare(before, same, categorical=["x"]).reference
    assert isinstance(kept, TableReference)
    assert kept.bins["x"].size < 1100


def test_settings_are_the_callers():
    before, now = rows(), rows(seed=7, shift=0.3)
    assert str(compare(before, now).verdict) == "DRIFT"
    assert str(compare(before, now, settings=DriftSettings(min_effect=0.3)).verdict) == "OK"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (3.5, "the reference is a float that cannot be read as a table"),
        (pd.DataFrame({"at": pd.to_datetime(["2026-01-01"] * 3)}), "no column to compare"),
        (pd.DataFrame({"x": [[1], [2]]}), "no column to compare .x: list"),
        (rows(0), "the reference has no rows"),
    ],
)
def test_what_is_no_table_is_one_clear_error(reference, words):
    with pytest.raises(MonitoringError, match=words):
        compare(reference, rows())


def test_nothing_to_judge_is_an_error_and_no_verdict(files):
    rows(0).to_csv(files / "empty.csv", index=False)
    pd.DataFrame({"other": [1.0] * 200}).to_parquet(files / "other.parquet")
    for current, words in (("empty.csv", "has no rows"), ("other.parquet", "no column in common")):
        failed = run(files / "before.parquet", files / current)
        assert (failed.exit_code, words in failed.stderr) == (2, True)


def test_an_unknown_segment_is_named():
    with pytest.raises(UnknownColumn, match="plam"):
        compare(rows(), rows(), segments=["plam"])


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

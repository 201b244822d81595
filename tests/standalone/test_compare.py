"""Whatever two tables hold, every feature gets a verdict, and the verdicts of the daily check."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

import monitoring_dagster
from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.standalone.compare import Comparison, compare, unusable
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.store.references.reference import Reference


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


@pytest.mark.parametrize(
    ("muted", "shift", "verdict"),
    [
        pytest.param({"age"}, 0.0, "OK", id="one of them"),
        pytest.param({"age", "visits", "plan", "active"}, 0.0, "MUTED", id="all of them"),
        pytest.param({"visits", "plan", "active"}, 1.0, "DRIFT", id="another one drifted"),
    ],
)
def test_a_column_whose_ordinary_days_hide_every_change_is_muted(muted, shift, verdict):
    """As a version's reference knows, and a table does not."""
    reference = compare(rows(), rows()).reference
    known = replace(reference, usual={Group(""): Usual(dict.fromkeys(muted, 0.9))})
    found = compare(known, rows(seed=5, shift=shift)).to_dict()
    assert found["verdict"] == verdict
    assert {one["name"] for one in found["features"] if one["verdict"] == "MUTED"} == muted


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


def test_a_result_as_a_frame_has_a_row_a_feature():
    frame = monitoring_dagster.compare(rows(), rows(seed=1, shift=0.5)).to_frame()
    assert set(frame["name"]) == {"age", "visits", "plan", "active"}
    assert frame.iloc[0]["name"] == "age"
    assert frame.iloc[0]["verdict"] == "DRIFT"


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
    assert isinstance(kept, Reference)
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


def test_an_unknown_segment_is_named():
    with pytest.raises(UnknownColumn, match="plam"):
        compare(rows(), rows(), segments=["plam"])


def reference_of(bins):
    return Reference(bins, {}, {}, ())


@pytest.mark.parametrize(
    ("column", "why"),
    [
        pytest.param([1.0], "", id="as it was"),
        pytest.param(["1.0"], "", id="text, which may be numbers"),
        pytest.param([True], "", id="yes and no"),
        pytest.param(pa.nulls(1), "", id="nothing"),
        pytest.param(None, "the current data has no such column", id="not there"),
        pytest.param(pa.array([0], pa.date32()), "numeric in the reference, and arrives as date32",
                     id="days for numbers"),
        pytest.param([[1.0]], "which has no categories", id="lists"),
    ],
)  # fmt: skip
def test_a_column_that_came_as_something_else_is_told_with_the_reason(column, why):
    schema = pa.table({"other": [1]} | ({} if column is None else {"x": column})).schema
    found = unusable(reference_of({"x": NumericBins(np.array([0.0]))}), schema)
    assert found.keys() == ({"x"} if why else set())
    assert why in found.get("x", "")


def test_days_may_be_categories_and_what_a_table_left_out_keeps_its_reason():
    reference = reference_of({"x": CategoricalBins(("a",)), "y": NumericBins(np.array([0.0]))})
    schema = pa.table({"x": pa.array([0], pa.date32())}).schema
    assert unusable(reference, schema, left_out={"y": "2 columns have this name"}) == {
        "y": "2 columns have this name"
    }


@pytest.mark.parametrize(
    ("share", "verdict", "is_said"),
    [
        pytest.param(0.5, "DRIFT", False, id="half of the values"),
        pytest.param(0.52, "DRIFT", True, id="more than half"),
    ],
)
def test_a_column_in_which_most_are_no_numbers_says_so_in_its_reason(share, verdict, is_said):
    words = [*["broken"] * int(200 * share), *[f"{n}.5" for n in range(200 - int(200 * share))]]
    before = pa.table({"x": [n + 0.5 for n in range(200)]})
    (one,) = compare(before, pa.table({"x": words})).to_dict()["features"]
    assert one["verdict"] == verdict
    assert ("numeric in the reference, and arrives as string" in one["reason"]) is is_said


def test_the_columns_that_were_read_are_told_on_both_sides():
    read = []
    table = pa.table({"x": [0.5, 1.5] * 100, "y": ["a", "b"] * 100})
    compare(table, table, advance=read.append)
    assert sum(read) == 4


def test_an_example_of_what_was_not_read_is_short():
    table = pa.table({"x": [*[f"{n}.5" for n in range(199)], "z" * 500]})
    found = compare(pa.table({"x": [n + 0.5 for n in range(200)]}), table)
    assert isinstance(found, Comparison)
    (warning,) = found.warnings
    assert warning == (
        f"column 'x' of the current data: 1 of 200 values are no numbers ('{'z' * 40}')"
    )

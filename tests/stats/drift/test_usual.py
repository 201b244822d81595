"""Many windows at once are as each alone, and a window is the sum of its days."""

from dataclasses import fields
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profile_batches
from monitoring_dagster.stats.drift.cells import levels_of
from monitoring_dagster.stats.drift.usual import Usual, usual, windows


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)

    def day(n):
        shift = rng.normal(0, 0.3)
        x = np.where(rng.random(n) < rng.uniform(0, 0.1), np.nan, rng.normal(shift, 1, n))
        return pa.table(
            {"x": pa.array(x, from_pandas=True), "c": rng.choice(["a", "b", f"d{n % 3}"], n)}
        )

    tables = [day(n) for n in (300, 200, 150, 250, 120, 180, 99, 140)]
    whole = pa.concat_tables(tables[:4])
    bins = {name: bins_of(whole[name], column=name) for name in ("x", "c")}
    days = [profile_batches(t.to_batches(), {"": bins})[Group("")] for t in tables]
    return days, bins


def test_a_window_is_the_sum_of_its_days(world):
    days, bins = world
    at = np.array([[0, 1, 2], [3, 4, 5], [5, 6, 7]])
    for positions, (whole, _) in zip(at, windows(days, at, bins), strict=True):
        expected = reduce(add, (days[i] for i in positions), Profile())
        assert whole.rows == expected.rows
        assert whole.columns["c"] == expected.columns["c"]
        found, summed = whole.columns["x"], expected.columns["x"]
        assert np.array_equal(found.counts, summed.counts)
        assert (found.nulls, found.minimum, found.maximum) == (
            summed.nulls, summed.minimum, summed.maximum,
        )  # fmt: skip
        assert found.sums == pytest.approx(summed.sums, rel=1e-12, abs=1e-12)
        assert (found.mean, found.m2) == pytest.approx((summed.mean, summed.m2), rel=1e-9)


def test_what_is_usual_in_a_window_is_what_its_days_say(world):
    days, bins = world
    at = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    for positions, (whole, found) in zip(at, windows(days, at, bins), strict=True):
        alone = usual([days[i] for i in positions], whole, bins)
        for quantity in (one.name for one in fields(Usual)):
            one, other = (getattr(of, quantity) for of in (found, alone))
            assert one == pytest.approx(other, rel=1e-12)
    assert all(value > 0 for value in found.effect.values())


def test_empty_days_and_lacking_columns_add_nothing(world):
    days, bins = world
    odd = [*days[:3], Profile(), Profile(500)]
    ((whole, found),) = windows(odd, np.array([[0, 1, 2, 3, 4]]), bins)
    ((expected, alone),) = windows(odd, np.array([[0, 1, 2]]), bins)
    assert whole.columns["c"] == expected.columns["c"]
    assert levels_of([whole.columns["c"]], bins["c"]).sum() == 650
    assert found.effect == pytest.approx(alone.effect)


def test_a_window_without_days_knows_nothing(world):
    _, bins = world
    ((whole, found),) = windows([Profile(), Profile()], np.array([[0, 1]]), bins)
    assert whole.rows == 0
    assert set(found.effect.values()) == {0.0}
    assert set(found.constant.values()) == {1.0}


def test_where_each_day_has_categories_of_its_own_they_are_usual():
    """Campaigns that last a day are no news; the days of a window bring none, all are known."""
    rng = np.random.default_rng(1)
    tables = [
        pa.table({"c": rng.choice(["a", "b", f"campaign {n}"], 300, p=[0.4, 0.4, 0.2])})
        for n in range(20)
    ]
    whole = pa.concat_tables(tables)
    bins = {"c": bins_of(whole["c"], column="c")}
    reference, *days = (
        profile_batches(table.to_batches(), {"": bins})[Group("")] for table in (whole, *tables)
    )
    assert 0.2 < usual(days, reference, bins).new_category["c"] < 0.35
    assert windows(days, np.arange(20)[None], bins)[0][1].new_category["c"] < 0.02

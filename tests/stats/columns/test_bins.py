"""Every value has one bin, the same one whoever looks it up."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.bins import (
    CategoricalBins,
    NumericBins,
    bins_from_table,
    bins_of,
    bins_to_table,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.columns.values import categories

LARGEST = np.finfo(float).max
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    edges=st.lists(FINITE, max_size=80)
    | st.lists(st.integers(-9, 9999).map(float), min_size=14, max_size=80)
    | st.lists(st.floats(-1, 1), min_size=14, max_size=80),
    values=st.lists(FINITE | st.sampled_from([np.inf, -np.inf, 0.0, -0.0]), max_size=50),
)
def test_the_lookup_table_agrees_with_a_search(edges, values):
    """Any edges, any values: also right on an edge, beside it and between two."""
    bins = NumericBins(np.unique(np.array(edges) + 0.0))
    with np.errstate(over="ignore"):
        beside = [np.nextafter(bins.edges, to) for to in (-np.inf, np.inf)]
        between = bins.edges[:-1] + np.diff(bins.edges) / 3
    x = np.concatenate([values, bins.edges, *beside, between])
    assert bins.index(x).tolist() == np.searchsorted(bins.edges, x, "left").tolist()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda rng: rng.normal(size=5000), id="bell"),
        pytest.param(lambda rng: rng.lognormal(0, 3, 5000), id="heavy tail"),
        pytest.param(lambda rng: rng.standard_cauchy(5000), id="no mean"),
        pytest.param(lambda rng: rng.poisson(3, 5000), id="counts"),
        pytest.param(lambda rng: rng.integers(0, 2, 5000), id="zero or one"),
        pytest.param(lambda rng: np.full(5000, 7.5), id="constant"),
        pytest.param(lambda rng: np.r_[np.zeros(4000), rng.normal(9, 1, 1000)], id="mostly zero"),
        pytest.param(lambda rng: rng.normal(size=5000) * 1e300, id="huge"),
        pytest.param(lambda rng: np.array([3.0]), id="one row"),
        pytest.param(lambda rng: np.r_[np.full(9, -LARGEST), 0.0], id="the lowest there is"),
        pytest.param(lambda rng: np.r_[-LARGEST, rng.normal(size=5000), LARGEST], id="both ends"),
        pytest.param(lambda rng: np.repeat(np.arange(200), 25), id="many values, all with mass"),
    ],
)
def test_reference_bins_hold_every_kind_of_column(values):
    x = np.asarray(values(np.random.default_rng(0)), dtype=float)
    bins = NumericBins.from_reference(x)
    assert (np.diff(bins.edges) > 0).all()
    around = np.r_[x, bins.edges, -np.inf, np.inf, 0.0, -0.0]
    assert np.array_equal(bins.index(around), np.searchsorted(bins.edges, around, "left"))


def test_a_value_that_carries_mass_has_a_bin_of_its_own():
    """Zeros and a cap never share a bin with their neighbours; other bins are equal in mass."""
    rng = np.random.default_rng(1)
    x = np.r_[np.zeros(500), np.full(300, 0.5), rng.normal(size=9_200)]
    bins = NumericBins.from_reference(x)
    for value in (0.0, 0.5):
        beside = np.array([value - 1e-3, value, value + 1e-3])
        assert np.unique(bins.index(beside)).size == 3
    shares = np.bincount(bins.index(x), minlength=bins.size) / x.size
    assert np.sort(shares)[-3] <= 2 / 240
    assert 200 < bins.size < 300


@pytest.mark.parametrize(
    ("reference", "written"),
    [
        pytest.param([0.3, 0.7], [0.1 + 0.2, 0.7], id="a sum"),
        pytest.param([0.1, 0.7, 1 / 3], np.float32([0.1, 0.7, 1 / 3]), id="32 bits"),
        pytest.param([0.1, 0.7, 250.1], np.float16([0.1, 0.7, 250.1]), id="16 bits"),
        pytest.param([1234.56, 99.99], np.float32([1234.56, 99.99]), id="prices, 32 bits"),
        pytest.param([1 / 3, 2 / 3], [0.333333, 0.666667], id="six digits"),
        pytest.param([0.0, 1.0], [0.1 + 0.2 - 0.3, 1.0], id="nearly nothing"),
    ],
)
def test_rounding_is_no_other_value(reference, written):
    """Where a column has few values, or one carries mass, its bin reaches as far as rounding."""
    bins = NumericBins.from_reference(np.repeat(reference, 100))
    read = profile_batches(
        pa.table({"x": pa.array(np.asarray(written))}).to_batches(), {"": {"x": bins}}
    )
    counted = read[Group("")].columns["x"].counts
    assert np.flatnonzero(counted).tolist() == sorted(bins.index(np.array(reference)))
    assert set(np.flatnonzero(counted)) <= set(bins.singles)


@pytest.mark.parametrize(
    ("reference", "other"),
    [([100_000.0], 100_001.0), ([0.3, 0.31], 0.302), ([1e6, 1e6 + 1], 1e6 + 0.5), ([5.0], 5.001)],
)
def test_a_value_beyond_rounding_is_another_one(reference, other):
    bins = NumericBins.from_reference(np.repeat(reference, 100))
    assert not set(bins.index(np.array([other]))) & set(bins.singles)


def test_few_values_have_a_bin_each():
    bins = NumericBins.from_reference(np.arange(10))
    rows = np.bincount(bins.index(np.arange(10.0)))
    assert rows.max() == 1


def test_guard_edges_tell_near_from_far_outside_the_range():
    bins = NumericBins.from_reference(np.linspace(0, 1, 1001))
    beyond = np.array([1.0, 1.05, 1.5, 5.0, 50.0, 500.0, 5e4, 5e6])
    assert np.unique(bins.index(beyond)).size == beyond.size
    assert np.unique(bins.index(1 - beyond)).size == beyond.size


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]], ids=["empty", "nothing finite"])
def test_a_reference_without_a_finite_value_has_one_bin(values):
    bins = NumericBins.from_reference(values)
    assert bins.size == 1
    assert bins.index(np.array([-1.0, 1.0])).tolist() == [0, 0]


def test_levels_are_kept_by_frequency_then_by_name():
    values = pa.array(["b", "a", "c", "c", None, "d"])
    assert CategoricalBins.from_reference(values, max_levels=3).levels == ("c", "a", "b")


def test_bins_survive_a_file():
    many = pa.array([f"v{i // 3}" for i in range(4000)])
    bins = {
        "many": bins_of(many, column="many"),
        "part": CategoricalBins.from_reference(many, max_levels=9, max_values=200),
        "x": bins_of(pa.array([1.0, 2.5, None]), column="x"),
        "empty": bins_of(pa.array([], pa.float64()), column="empty"),
        "flag": bins_of(pa.array([True, False]), column="flag"),
        "code": bins_of(pa.array([1, 2]), column="code", kind="categorical"),
        "none": bins_of(pa.nulls(3), column="none"),
    }
    again = bins_from_table(bins_to_table(bins))
    assert again == bins
    assert [b.digest for b in again.values()] == [b.digest for b in bins.values()]


@pytest.mark.parametrize(
    ("reference", "spelled"),
    [
        pytest.param(["true", "false"], {"True": 0, "FALSE": 1, "t": 0, "F": 1, "1": 0, "0.0": 1,
                                         "1.00": 0, "-0": 1, "yes": None, "2": None, "": None,
                                         " true": None}, id="booleans"),
        pytest.param(["1", "0"], {"true": 0, "False": 1, "1.0": 0, "T": 0, "no": None},
                     id="zero and one"),
        pytest.param(["f", "t"], {"F": 0, "true": 1, "0": 0, "1.0": 1, "tea": None}, id="t and f"),
        pytest.param(["no", "yes"], {"No": 0, "YES": 1, "0": None, "true": None, "y": None},
                     id="yes and no are of no other family"),
        pytest.param(["true", "false", "maybe"], {"True": None, "1": None, "0": None},
                     id="a third value: not only true and false"),
        pytest.param(["1", "0", "2"], {"true": None, "1.0": 0, "2.": 2, "f": None}, id="codes"),
        pytest.param(["True", "true", "False"], {"1": None, "TRUE": None, "0": 2, "true": 1},
                     id="two levels mean true: only the name itself"),
        pytest.param(["1.00", "2.50"], {"1": 0, "1.0": 0, "2.5": 1, "2": None, "1,00": None},
                     id="decimals"),
        pytest.param(["10", "7", "-3.10"], {"10.0": 0, "1": None, "100": None, "7.000": 1,
                                            "-3.1": 2, "3.1": None}, id="zeros before a point"),
        pytest.param(["007", "1e3"], {"7": None, "007.0": 0, "1000": None, "1E3": None},
                     id="codes and exponents are names"),
        pytest.param(["1", "1.0"], {"1.00": None, "1": 0, "1.0": 1}, id="two of one number"),
        pytest.param(["a", "x"], {"A": None, "x ": None, "a.0": None}, id="words"),
        pytest.param(["1.2.0", "v1.0"], {"1.2": None, "v1": None}, id="versions"),
    ],
)  # fmt: skip
def test_the_same_value_in_another_spelling_has_the_same_bin(reference, spelled):
    bins = CategoricalBins(tuple(reference))
    for name, place in spelled.items():
        (found,) = bins.index([name])
        assert found == place if place is not None else found in range(*bins.unseen.indices(999))
    assert bins.respelled(["new", *reference]) == ["new", *reference]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([True, False], [1.0, 0.0], id="numbers for booleans"),
        pytest.param(["1", "0"], [True, False], id="booleans for digits"),
        pytest.param(["TRUE", "FALSE"], [True, False], id="booleans for capitals"),
        pytest.param([1.5, 2.0], ["1.50", "2"], id="text for numbers"),
    ],
)
def test_columns_that_hold_the_same_values_fall_into_the_same_bins(before, now):
    bins = CategoricalBins.from_reference(pa.array(before))
    codes, names = categories(pa.array(now), column="c")
    expected, known = categories(pa.array(before), column="c")
    assert bins.index(names)[codes].tolist() == bins.index(known)[expected].tolist()


def test_more_values_than_are_named_are_known_by_how_often_they_were_there():
    """Three named; of the others two had twice, one once; any other is unseen."""
    words = ["a"] * 9 + ["b"] * 8 + ["c"] * 7 + ["d", "d", "1.50", "1.5", "e", None]
    bins = CategoricalBins.from_reference(pa.array(words), max_levels=3)
    kinds = (bins.index(["a", "d", "1.500", "e", "f"]) - len(bins.levels)) // 32
    assert kinds.tolist() == [-1, 1, 2, 2, 0]
    assert (bins.rows, bins.times[:2], bins.laid_over) == (29, (3, 1), 1.0)


def test_of_too_many_values_those_of_a_part_of_the_rows_are_known():
    words = pa.array([f"v{i}" for i in range(5000)] + ["common"] * 5000)
    bins = CategoricalBins.from_reference(words, max_levels=10, max_values=1000)
    assert bins.levels[0] == "common"
    assert len(bins.levels) + bins.seldom.size + bins.once.size <= 1000
    assert 0.05 < bins.laid_over <= 0.25
    assert bins == CategoricalBins.from_reference(words, max_levels=10, max_values=1000)


def test_other_bins_have_another_digest():
    digests = {
        NumericBins(np.array([1.0])).digest,
        NumericBins(np.array([1.0, 2.0])).digest,
        NumericBins(np.empty(0)).digest,
        CategoricalBins(()).digest,
        CategoricalBins(("1.0",)).digest,
        CategoricalBins(("1", "0")).digest,
        CategoricalBins(('1", "0',)).digest,
        CategoricalBins(("1",), seldom=np.array([5], np.uint64)).digest,
        CategoricalBins(("1",), once=np.array([5], np.uint64)).digest,
    }
    assert len(digests) == 9

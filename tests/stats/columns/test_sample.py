"""A sample that is the same whoever draws it, and however its parts are merged."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.sample import KEY, bottom_k, key_of, keyed

identities = st.lists(st.text(max_size=3), max_size=30)
sizes = st.integers(1, 8)


def rows(ids):
    """Rows that hold their own identity."""
    return keyed(pa.table({"id": pa.array(ids, pa.string())}), ids)


def both(left, right):
    return pa.concat_tables([left, right])


@given(identities, identities, sizes)
def test_the_sample_of_two_samples_is_the_sample_of_all_rows(left, right, k):
    parts = both(bottom_k(rows(left), k=k), bottom_k(rows(right), k=k))
    assert bottom_k(parts, k=k) == bottom_k(rows(left + right), k=k)


@given(identities, identities, identities, sizes)
def test_merging_is_associative_and_commutative(a, b, c, k):
    def merge(left, right):
        return bottom_k(both(left, right), k=k)

    a, b, c = rows(a), rows(b), rows(c)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, b) == merge(b, a)


@given(identities, sizes)
def test_a_day_merged_twice_counts_once(ids, k):
    once = bottom_k(rows(ids), k=k)
    assert bottom_k(both(once, once), k=k) == once
    assert once.num_rows == min(k, len(set(ids)))


@given(st.permutations(range(12)), sizes)
def test_the_order_of_rows_is_nothing(order, k):
    ids = [f"request {number}" for number in range(12)]
    shuffled = [ids[place] for place in order]
    assert bottom_k(rows(shuffled), k=k) == bottom_k(rows(ids), k=k)


def test_keys_are_the_md5_of_the_text_of_the_identity():
    """As `md5(CAST(id AS VARCHAR))` in SQL; RFC 1321, A.5, has these two."""
    assert key_of("") == "d41d8cd98f00b204e9800998ecf8427e"
    assert key_of("abc") == "900150983cd24fb0d6963f7d28e17f72"
    assert keyed(pa.table({"id": [7]}), [7])[KEY].to_pylist() == [key_of("7")]


def test_every_row_is_drawn_as_often_as_any_other():
    """Neighbouring ids, as services count them up, are no neighbours here."""
    drawn = bottom_k(rows([str(number) for number in range(10_000)]), k=2_000)
    places = np.array([int(one) for one in drawn["id"].to_pylist()])
    tenths = np.bincount(places // 1_000, minlength=10)
    assert abs(tenths - 200).max() < 4 * np.sqrt(200)

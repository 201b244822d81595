"""How old features were and whom rows are about is counted beside all else of a day."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.sources.inspection.inspection import Odd, inspect_day
from monitoring_dagster.sources.inspection.request_context import FeatureAges, KeyCounts
from tests.sources.rows.small_log import DAY, LOG, write

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
AGED = LOG.model_copy(update={"features_at": "features_at"})
KEYED = LOG.model_copy(update={"key": "client", "synthetic": "is_test", "status": "status"})


def inspected(root, log, **columns):
    write(root, **columns)
    return inspect_day(log, DAY, root=root, has_probabilities=True)


def times(*hours_before_noon):
    moments = [None if one is None else NOON - timedelta(hours=one) for one in hours_before_noon]
    return pa.array(moments, pa.timestamp("us", "UTC"))


def test_ages_are_hours_before_serving(tmp_path):
    found = inspected(
        tmp_path, AGED, served_at=times(0, 0, 0, 0, 0), features_at=times(1, 2, 30, None, -1)
    ).ages
    assert found == FeatureAges(rows=3, median=2, p99=pytest.approx(29.44), oldest=30, missing=1,
                                ahead=1)  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "ahead"), [pytest.param(59, 0, id="two clocks"), pytest.param(61, 1, id="ahead")]
)
def test_a_minute_ahead_is_two_clocks_that_differ(tmp_path, seconds, ahead):
    found = inspected(
        tmp_path, AGED, served_at=times(0, 0), features_at=times(1, -seconds / 3600)
    ).ages
    assert (found.ahead, found.rows) == (ahead, 2 - ahead)


@pytest.mark.parametrize(
    "column",
    [pytest.param(["soon"], id="words"), pytest.param([5], id="numbers"),
     pytest.param(pa.nulls(1), id="nothing"), pytest.param(times(-2), id="the future alone")],
)  # fmt: skip
def test_what_is_no_time_before_serving_has_no_age(tmp_path, column):
    assert inspected(tmp_path, AGED, served_at=times(0), features_at=column).ages is None


def test_the_keys_with_most_rows_are_kept_and_test_traffic_is_nobodys(tmp_path):
    clients = [*"aaabbcdefg", None, "t", "t", "t", "t"]
    found = inspected(
        tmp_path, KEYED, client=clients, is_test=[False] * 11 + [True] * 4,
        status=["error", *["ok"] * 14],
    ).keys  # fmt: skip
    assert found == KeyCounts(10, (("a", 3), ("b", 2), ("c", 1), ("d", 1), ("e", 1)))


def test_a_key_is_text_cut_where_it_is_long(tmp_path):
    log = LOG.model_copy(update={"key": "client"})
    found = inspected(tmp_path, log, client=[7, 7, 8]).keys
    assert found == KeyCounts(3, (("7", 2), ("8", 1)))
    found = inspected(tmp_path, log, client=["x" * 500]).keys
    assert found == KeyCounts(1, (("x" * 80, 1),))
    assert inspected(tmp_path, log, client=pa.nulls(1)).keys == KeyCounts(0)


def test_without_the_columns_nothing_is_asked(tmp_path):
    found = inspected(tmp_path, LOG, request_id=["a"])
    assert (found.ages, found.keys) == (None, None)


@pytest.mark.parametrize(
    ("ids", "tagged", "leaked"),
    [
        pytest.param(["probe-1", "probe-2", "a"], [True, True, False], (), id="all are tagged"),
        pytest.param(["probe-1", "probe-2", "a"], [True, False, None], ("probe-2",), id="one not"),
        pytest.param(["x'%_1", "x'%_2", "xabc"], [None] * 3, ("x'%_1", "x'%_2"), id="any text"),
        pytest.param([1, 2, 3], [False] * 3, (), id="numbers"),
        pytest.param([None, "", "Probe-1"], [False] * 3, (), id="no id, or another"),
    ],
)
def test_test_traffic_that_does_not_say_so_is_counted_by_its_ids(tmp_path, ids, tagged, leaked):
    log = LOG.model_copy(update={"synthetic": "is_test", "synthetic_prefixes": ["probe-", "x'%_"]})
    found = inspected(tmp_path, log, request_id=ids, is_test=pa.array(tagged, pa.bool_()))
    assert found.untagged_tests == Odd(3, len(leaked), leaked)

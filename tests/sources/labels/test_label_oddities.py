"""What is odd about a delivery of labels is said with the number of rows and an example."""

import json
from dataclasses import asdict
from datetime import timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.label_oddities import (
    DOUBLED,
    EARLY,
    OFF_DAY,
    ORPHAN,
    SAME_ID,
    STALE,
    Mismatch,
    Oddity,
    mismatch,
    quantile_of_delays,
    restored,
)
from monitoring_dagster.sources.labels.label_rows import JUDGED, Fault
from monitoring_dagster.sources.labels.labels import join_labels
from tests.sources.labels.two_feeds import (
    EVENING,
    IDS,
    at,
    kinds,
    odd,
    on,
    serve,
    spec_of,
    tell,
    times,
)


def oddities(root, day=0, **spec):
    return join_labels(spec_of(**spec), on(day), root=root)[1].oddities


def test_of_a_healthy_delivery_nothing_is_odd(tmp_path):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, IDS, [0, 1, 0, 1])
    assert oddities(tmp_path) == ()


def test_of_an_empty_delivery_nothing_is_odd(tmp_path):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, pa.array([], pa.string()), pa.array([], pa.int64()))
    assert oddities(tmp_path) == ()


@pytest.mark.parametrize(
    ("minutes", "is_early"),
    [
        pytest.param(-5, False, id="five minutes before"),
        pytest.param(-5 - 1 / 60, True, id="a second more"),
        pytest.param(0, False, id="at the same time"),
    ],
)
def test_a_label_is_early_from_five_minutes_on(tmp_path, minutes, is_early):
    serve(tmp_path, 0, ["a"])
    tell(tmp_path, 0, ["a"], arrived_at=times(at(0) + timedelta(minutes=minutes)))
    assert [one.kind for one in oddities(tmp_path)] == ([EARLY] if is_early else [])


@pytest.mark.parametrize(
    ("day", "is_off"),
    [
        pytest.param(0, True, id="two days before"),
        pytest.param(1, False, id="the day before"),
        pytest.param(2, False, id="its day"),
        pytest.param(3, False, id="the day after"),
    ],
)
def test_a_label_is_of_another_day_than_its_file_from_two_days_on(tmp_path, day, is_off):
    serve(tmp_path, 0, ["a"])
    tell(tmp_path, 2, ["a"], arrived_at=times(at(day, EVENING)))
    found = {one.kind: one for one in oddities(tmp_path, 2)}
    assert set(found) == ({OFF_DAY} if is_off else set())
    if is_off:
        assert (found[OFF_DAY].column, found[OFF_DAY].rows, found[OFF_DAY].of) == (
            "arrived_at",
            1,
            1,
        )


@pytest.mark.parametrize(
    ("rows", "new", "is_stale"),
    [
        pytest.param(20, 0, True, id="twenty rows, all of yesterday"),
        pytest.param(19, 0, False, id="nineteen may be few corrections"),
        pytest.param(20, 1, False, id="one of them is new"),
    ],
)
def test_a_file_is_stale_where_many_rows_say_nothing_new(tmp_path, rows, new, is_stale):
    ids = [f"r{n}" for n in range(rows)]
    serve(tmp_path, 0, ids)
    tell(tmp_path, 0, ids[new:])
    tell(tmp_path, 1, ids, arrived_at=times(*[at(0, EVENING)] * rows))
    assert (odd(join_labels(spec_of(), on(1), root=tmp_path)[1], STALE) is not None) == is_stale


def test_a_file_of_its_own_day_that_says_nothing_new_is_no_stale_one(tmp_path):
    ids = [f"r{n}" for n in range(30)]
    serve(tmp_path, 0, ids)
    tell(tmp_path, 0, ids)
    tell(tmp_path, 1, ids)
    assert oddities(tmp_path, 1) == ()


@pytest.mark.parametrize(
    ("ids", "is_one"),
    [
        pytest.param(["x"] * 20, True, id="twenty times"),
        pytest.param(["x"] * 19, False, id="nineteen times"),
        pytest.param(["x"] * 19 + ["y"], False, id="and another one"),
        pytest.param(["x"] * 20 + [None], True, id="a missing one is no other"),
    ],
)
def test_one_id_for_many_rows_is_odd(tmp_path, ids, is_one):
    serve(tmp_path, 0, ["x", "y"])
    tell(tmp_path, 0, ids)
    found = {one.kind: one for one in oddities(tmp_path)}
    assert (SAME_ID in found) == is_one
    if is_one:
        assert (found[SAME_ID].rows, found[SAME_ID].of) == (20, len(ids))


def test_rows_at_fault_are_counted_by_the_day_of_their_prediction(tmp_path):
    serve(tmp_path, 0, ["a", "b", "c"], score=[1.5, 0.5, None])
    serve(tmp_path, 1, ["d", "e"], score=[-2.0, 7.0])
    tell(tmp_path, 1, ["a", "b", "c", "d", "e"])
    first, second = [one for one in oddities(tmp_path, 1) if one.kind == Fault.SCORE]
    assert (first.served_on, first.rows, first.of, first.low, first.high) == (
        str(on(0)), 1, 2, 1.5, 1.5,
    )  # fmt: skip
    assert (second.served_on, second.rows, second.of, second.low, second.high) == (
        str(on(1)), 2, 2, -2.0, 7.0,
    )  # fmt: skip
    assert second.examples == (("d", "-2.0"), ("e", "7.0"))


def test_missing_rows_are_of_all_and_other_faults_of_those_that_say_something(tmp_path):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, [*IDS, None], [1, 2, None, 0, 1])
    found = {one.kind: one for one in oddities(tmp_path)}
    assert (found[Fault.MISSING].rows, found[Fault.MISSING].of) == (2, 5)
    assert (found[Fault.LABEL].rows, found[Fault.LABEL].of) == (1, 3)
    assert (found[Fault.MISSING].examples, found[Fault.LABEL].examples) == ((), (("b", "2"),))


def test_the_commonest_five_values_are_named_and_five_examples_given(tmp_path):
    ids = [f"r{n:02}" for n in range(21)]
    labels = [str(n) for n in (2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8)]
    serve(tmp_path, 0, ids)
    tell(tmp_path, 0, ids, labels)
    (fault,) = oddities(tmp_path)
    assert fault.values == ("7", "8", "5", "4", "3")
    assert fault.examples == tuple(zip(ids[:5], labels[:5], strict=True))


def test_a_hostile_value_at_fault_is_told_as_it_is_and_cut(tmp_path):
    serve(tmp_path, 0, ["it's; --", "b"])
    tell(tmp_path, 0, ["it's; --", "b"], ["'; DROP TABLE x; --\x1b[2J", "y" * 10_000])
    (fault,) = oddities(tmp_path)
    assert dict(fault.examples) == {"it's; --": "'; DROP TABLE x; --\x1b[2J", "b": "y" * 200}


@pytest.mark.parametrize(
    ("rows", "orphans", "is_looked_for"),
    [
        pytest.param(40, 2, False, id="one in twenty may be anything"),
        pytest.param(40, 3, True, id="more than that has a cause"),
    ],
)
def test_the_cause_of_orphans_is_looked_for_where_they_are_many(
    tmp_path, rows, orphans, is_looked_for
):
    ids = [f"a{n}" for n in range(rows)]
    serve(tmp_path, 0, ids)
    tell(tmp_path, 0, [one.upper() if n < orphans else one for n, one in enumerate(ids)])
    (found,) = oddities(tmp_path)
    assert (found.kind, found.rows, found.of) == (ORPHAN, orphans, rows)
    assert (found.cause, bool(found.values)) == (
        ("upper and lower case", True) if is_looked_for else ("", False)
    )


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        pytest.param(["A1", "B2", "x", "y"], "", id="half of them may be chance"),
        pytest.param(["A1", "B2", "C3", "y"], "upper and lower case", id="most of them are not"),
    ],
)
def test_a_cause_is_one_that_would_join_most_of_the_orphans(tmp_path, told, cause):
    serve(tmp_path, 0, ["a1", "b2", "c3"])
    tell(tmp_path, 0, told)
    (found,) = oddities(tmp_path)
    assert found.cause == cause


oddity = st.builds(
    Oddity,
    kind=st.sampled_from([*map(str, Fault), EARLY, OFF_DAY, STALE, DOUBLED, SAME_ID, ORPHAN]),
    column=st.text(),
    rows=st.integers(0),
    of=st.integers(0),
    served_on=st.none() | st.dates().map(str),
    low=st.none() | st.floats(allow_nan=False),
    high=st.none() | st.floats(allow_nan=False),
    cause=st.text(),
    values=st.lists(st.text()).map(tuple),
    examples=st.lists(st.tuples(st.none() | st.text(), st.none() | st.text())).map(tuple),
)


@given(oddity)
def test_what_was_written_down_is_what_is_read(one):
    assert restored(json.loads(json.dumps(asdict(one)))) == one


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("served", "told", "cause"),
    [
        pytest.param("a7", "A7", "upper and lower case", id="case"),
        pytest.param("a7", " a7 ", "blanks around them", id="blanks"),
        pytest.param("007", "7", "leading zeros", id="padded"),
        pytest.param(UUID, f"{{{UUID.upper()}}}", "hyphens, braces", id="a UUID in braces"),
        pytest.param(UUID, UUID.replace("-", ""), "hyphens, braces", id="a UUID without dashes"),
        pytest.param(UUID, f"urn:uuid:{UUID}", "a prefix of UUIDs", id="a UUID as a URN"),
        pytest.param("a7", "b8", "", id="nothing alike"),
    ],
)
def test_orphans_are_told_how_their_ids_differ(tmp_path, served, told, cause):
    """Nothing is joined by a guess."""
    serve(tmp_path, 0, [served, "other"])
    tell(tmp_path, 0, [told])
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 1, "orphan": 1}
    found = odd(seen, ORPHAN)
    assert found.cause.startswith(cause)
    assert bool(found.cause) == bool(cause)
    assert found.examples == ((told, None),)
    assert found.values == ((served if cause else min(served, "other")),)


@pytest.mark.parametrize(
    ("hours", "rows"),
    [
        pytest.param(-2, 4, id="two hours"),
        pytest.param(-0.05, 0, id="clocks that differ"),
        pytest.param(1, 0, id="afterwards"),
    ],
)
def test_labels_from_before_their_predictions_are_counted_and_said(tmp_path, hours, rows):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, IDS, arrived_at=times(*[at(0) + timedelta(hours=hours)] * 4))
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 4, "joined": 4}
    found = odd(seen, EARLY)
    assert (found.rows, found.of, found.low) == (4, 4, hours) if rows else found is None


def test_labels_of_days_before_their_file_are_counted_and_said(tmp_path):
    """More than a day; what was delivered again is not looked at."""
    for day in range(4):
        serve(tmp_path, day, [f"{name}{day}" for name in "ab"])
    ids = [f"{name}{day}" for day in range(4) for name in "ab"]
    tell(tmp_path, 1, ids[:2])
    tell(tmp_path, 3, ids, arrived_at=times(*[at(day, 20) for day in range(4) for _ in "ab"]))
    _, seen = join_labels(spec_of(), on(3), root=tmp_path)
    assert kinds(seen) == {"rows": 8, "joined": 6, "duplicate": 2}
    assert [id_ for id_, _ in odd(seen, OFF_DAY).examples] == ["a1", "b1"]


def test_yesterdays_file_under_todays_name_is_recognised(tmp_path):
    ids = [str(n) for n in range(30)]
    serve(tmp_path, 0, ids)
    serve(tmp_path, 1, [])
    yesterday = times(*[at(0, EVENING)] * 30)
    for day in (0, 1):
        tell(tmp_path, day, ids, arrived_at=yesterday)
    assert odd(join_labels(spec_of(), on(0), root=tmp_path)[1], STALE) is None
    _, seen = join_labels(spec_of(), on(1), root=tmp_path)
    assert kinds(seen) == {"rows": 30, "duplicate": 30}
    assert odd(seen, STALE).cause == str(on(0))


@pytest.mark.parametrize(
    ("keep", "hours", "doubled"),
    [
        pytest.param("first", (18, 18), 1, id="at one time"),
        pytest.param("first", (18, 19), 1, id="the first counts, whatever comes later"),
        pytest.param("last", (18, 18), 1, id="at one time nobody knows which is the last"),
        pytest.param("last", (18, 19), 0, id="a correction"),
    ],
)
def test_ids_with_several_labels_in_one_delivery_are_said(tmp_path, keep, hours, doubled):
    """Twice the same label is nothing."""
    serve(tmp_path, 0, ["a", "b"])
    arrived = times(*[at(0, hour) for hour in (*hours, *hours)])
    tell(tmp_path, 0, ["a", "a", "b", "b"], [0, 1, 1, 1], arrived_at=arrived)
    _, seen = join_labels(spec_of(keep=keep), on(0), root=tmp_path)
    found = odd(seen, DOUBLED)
    if doubled:
        assert (found.rows, found.of, found.examples) == (1, 2, (("a", "0 and 1"),))
    else:
        assert found is None


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


class TestMismatch:
    def of(self, connection, labels, predictions, *, least_share=0.05):
        for name, ids in (("l", labels), ("p", predictions)):
            connection.register(name, pa.table({"id": pa.array(ids, pa.string())}))
        return mismatch(connection, "SELECT id FROM l", "SELECT id FROM p", least_share=least_share)

    @pytest.mark.parametrize(
        ("label", "prediction", "by"),
        [
            (" a7 ", "a7", "blanks around them"),
            ("A7", "a7", "upper and lower case"),
            (" A7", "a7", "upper and lower case"),
            ("007", "7", "leading zeros"),
            ("7.00", "7", "a decimal point"),
            ("{0F-8A}", "0f8a", "hyphens, braces or case"),
            (f"urn:uuid:{UUID}", UUID, "a prefix of UUIDs"),
            ("req-7", "7", "letters or signs before or after the number"),
            ("b8", "a7", ""),
            ("0", "", ""),
            ("'; --", "b", ""),
        ],
    )
    def test_names_what_ids_differ_by(self, connection, label, prediction, by):
        assert self.of(connection, [label], [prediction]) == Mismatch(by, label, prediction)

    @pytest.mark.parametrize(
        ("labels", "predictions"), [([], ["a"]), (["a"], []), ([None], ["a"]), (["a"], [None])]
    )
    def test_is_none_where_one_side_has_no_ids(self, connection, labels, predictions):
        assert self.of(connection, labels, predictions) is None

    @pytest.mark.parametrize(("least_share", "by"), [(0.5, "upper and lower case"), (0.51, "")])
    def test_needs_a_share_of_the_labels(self, connection, least_share, by):
        found = self.of(connection, ["A1", "x"], ["a1"], least_share=least_share)
        assert found.by == by

    def test_shows_the_same_pair_in_any_order_of_rows(self, connection):
        for way in (1, -1):
            found = self.of(connection, ["y", "z"][::way], ["a", "b"][::way])
            assert found == Mismatch("", "y", "a")
            found = self.of(connection, ["A", "B"][::way], ["a", "b"][::way])
            assert found == Mismatch("upper and lower case", "A", "a")

    def test_of_numbers_in_words_needs_one_partner_each(self, connection):
        """Else parts of a number would join to anything."""
        assert self.of(connection, ["a1", "b1"], ["1x"]).by == ""
        assert self.of(connection, ["a1", "b2"], ["1x", "2x"]).by.startswith("letters or signs")

    def test_by_a_number_alone_is_none_where_it_may_be_of_another_day(self, connection):
        for name, ids in (("l", ["r01"]), ("p", ["earlier r01"])):
            connection.register(name, pa.table({"id": ids}))
        sides = "SELECT id FROM l", "SELECT id FROM p"
        found = mismatch(connection, *sides, least_share=0.5, by_number=False)
        assert found == Mismatch("", "r01", "earlier r01")
        assert mismatch(connection, *sides, least_share=0.5).by.startswith("letters or signs")


@settings(max_examples=50, deadline=None)
@given(
    delays=st.lists(st.one_of(st.none(), st.floats(-5, 30), st.just(2.0)), max_size=9),
    share=st.sampled_from([0.5, 0.95]),
)
def test_a_quantile_of_delays_is_that_of_the_database_to_the_last_bit(delays, share):
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE {JUDGED} (delay_days DOUBLE)")
        for delay in delays:
            connection.execute(f"INSERT INTO {JUDGED} VALUES (?)", [delay])
        ((wanted,),) = connection.execute(
            f"SELECT quantile_cont(delay_days, {share}) FROM {JUDGED} WHERE delay_days > 0"
        ).fetchall()
        assert quantile_of_delays(connection, share, "delay_days > 0") == wanted

"""A day's sample: the same rows whatever their order, and only such as count."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile
from monitoring_dagster.sources.rows.samples import review_rows, sample_day
from monitoring_dagster.spec import Predictions
from monitoring_dagster.stats.columns.sample import KEY, bottom_k, bound_of, key_of

DAY = date(2025, 3, 1)
LOG = Predictions(path="{day}.parquet", status="status", synthetic="probe")


def served(request_id, *, minute=0, day=DAY, **other):
    """One row of the log; what is not said is usual."""
    at = datetime(day.year, day.month, day.day, 12, minute, tzinfo=UTC)
    usual = {"request_id": request_id, "served_at": at, "model_version": "1", "prediction": 1,
             "status": "ok", "probe": False, "income": 10.0}  # fmt: skip
    return usual | other


@pytest.fixture
def sampled(tmp_path):
    """Write rows as the log of a day, and sample them."""

    def sample(rows, *, day=DAY, version="1", k=100, columns=("income",), log=LOG):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{day}.parquet")
        return sample_day(log, day, root=tmp_path, columns=columns, version=version, k=k)

    return sample


def test_the_rows_of_lowest_md5_are_chosen_in_any_order_of_the_file(sampled):
    rows = [served(f"r{n}", income=float(n)) for n in range(50)]
    found = sampled(rows, k=7)
    wanted = sorted(rows, key=lambda row: key_of(row["request_id"]))[:7]
    assert found["income"].to_pylist() == [row["income"] for row in wanted]
    assert found[KEY].to_pylist() == [f"{key_of(row['request_id'])} {DAY}" for row in wanted]
    assert sampled(rows[::-1], k=7) == found


def test_only_rows_that_count_are_drawn_and_each_request_once_by_its_first_answer(sampled):
    rows = [
        served("a", minute=5, income=2.0),
        served("a", minute=1, income=1.0),
        served("b", status="error"),
        served("c", probe=True),
        served(None, income=5.0),
        served("d", status="fallback"),
        served("e", income=3.0, model_version="2"),
        served("e", income=4.0, minute=9),  # answered before, by another version
    ]
    assert sampled(rows)["income"].to_pylist() == [1.0]
    assert sampled(rows, version="2")["income"].to_pylist() == [3.0]
    assert sampled(rows, version="3").num_rows == 0


def test_two_answers_at_the_same_moment_are_told_apart_by_their_values(sampled):
    rows = [served("a", income=income) for income in (3.0, 1.0, 2.0)]
    assert {sampled(order)["income"][0].as_py() for order in (rows, rows[::-1])} == {1.0}


def test_the_same_request_on_two_days_is_two_rows_and_a_day_read_twice_is_one_day(sampled):
    one = sampled([served("a"), served("b")])
    next_day = DAY + timedelta(days=1)
    other = sampled([served("a", day=next_day)], day=next_day)
    assert bottom_k(pa.concat_tables([one, other, one]), k=10).num_rows == 3


def test_ids_may_be_numbers_and_versions_too(sampled):
    rows = [served(n, model_version=1, income=float(n)) for n in range(20)]
    assert sampled(rows, k=1)["income"].to_pylist() == [
        min(range(20), key=lambda n: key_of(str(n)))
    ]


def test_hostile_names_are_values_and_nothing_else(sampled):
    name = 'x" FROM t; DROP TABLE t; --'
    version = "1' OR '1'='1"
    rows = [served("a", **{name: 1.0}), served("b", model_version=version, **{name: 2.0})]
    assert sampled(rows, columns=[name], version=version)[name].to_pylist() == [2.0]


def test_a_table_is_sampled_as_a_file_is(sampled, tmp_path):
    rows = [served(f"r{n}", income=float(n)) for n in range(30)]
    found = sampled(rows, k=5)
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute(f"CREATE TABLE log AS FROM '{tmp_path}/{DAY}.parquet'")
    table = Predictions(database="log.duckdb", table="log", status="status", synthetic="probe")
    assert sample_day(table, DAY, root=tmp_path, columns=["income"], version="1", k=5) == found


def test_what_cannot_be_read_is_said(sampled, tmp_path):
    with pytest.raises(UnknownColumn, match="incme"):
        sampled([served("a")], columns=["incme"])
    with pytest.raises(MissingDay, match="2025-03-02"):
        sample_day(LOG, date(2025, 3, 2), root=tmp_path, columns=[], version="1", k=1)
    (tmp_path / f"{DAY}.parquet").write_bytes(b"no parquet")
    with pytest.raises(UnreadableFile, match=str(DAY)):
        sample_day(LOG, DAY, root=tmp_path, columns=[], version="1", k=1)


@pytest.fixture
def reviewed(tmp_path):
    """Write rows as the log of a day, and choose those for review."""
    scored = LOG.model_copy(update={"score": "score"})

    def choose(rows, *, share=0.01, batch_rows=0):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{DAY}.parquet")
        found = review_rows(scored, DAY, root=tmp_path, columns=["request_id", "score"],
                            share=share, score="score", batch_rows=batch_rows)  # fmt: skip
        return found.to_pylist()

    return choose


def test_one_in_a_hundred_is_chosen_by_a_hash_within_what_chance_allows(reviewed):
    rows = [served(f"r{n}", score=0.9) for n in range(20_000)]
    found = reviewed(rows)
    assert abs(len(found) - 200) < 4 * 200**0.5
    assert {one["request_id"] for one in found} == {
        row["request_id"] for row in rows if key_of(row["request_id"]) < bound_of(0.01)
    }
    assert reviewed(rows[::-1]) == found


def test_a_request_is_chosen_whatever_else_was_served_that_day(reviewed):
    rows = [served(f"r{n}", score=0.9) for n in range(2000)]
    some = {one["request_id"] for one in reviewed(rows[:1000])}
    assert some <= {one["request_id"] for one in reviewed(rows)}


def test_the_least_sure_come_in_addition_and_none_comes_twice(reviewed):
    rows = [served(f"r{n}", score=n / 1000) for n in range(1000)]
    found = reviewed(rows, share=0.05, batch_rows=20)
    ids = [one["request_id"] for one in found]
    assert len(set(ids)) == len(ids)
    random = {one["request_id"] for one in found if one["reason"] == "random"}
    unsure = {one["request_id"] for one in found if one["reason"] == "unsure"}
    nearest = sorted(
        (row for row in rows if row["request_id"] not in random),
        key=lambda row: (abs(row["score"] - 0.5), key_of(row["request_id"])),
    )
    assert unsure == {row["request_id"] for row in nearest[:20]}


def test_rows_that_do_not_count_and_scores_that_are_missing_are_not_reviewed(reviewed):
    rows = [served("a", status="error", score=0.5), served("b", score=None), served("c", score=0.5)]
    assert [one["request_id"] for one in reviewed(rows, share=0.0, batch_rows=9)] == ["c"]


def test_all_may_be_reviewed(reviewed):
    assert len(reviewed([served(f"r{n}", score=0.5) for n in range(9)], share=1.0)) == 9

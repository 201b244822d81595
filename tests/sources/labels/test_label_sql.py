"""Which label counts: the same for arrival days, for files, and in plain words."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.labels.label_account import PredictionsAsOf
from monitoring_dagster.sources.labels.labels import join_labels, joined_as_of, labelled_rows
from monitoring_dagster.sources.rows.row_sql import DAY, Rows, UnusableName, quoted
from monitoring_dagster.sources.rows.rows import UnreadableFile
from monitoring_dagster.spec import Labels, ModelSpec, Predictions

START, DAYS = date(2025, 3, 1), 6
MATURE, ACCEPTED = 1, 3
NOBODY_KNOWS = 2
KEY = ["request_id", "day", "label", "score", "delay_days"]
PREDICTIONS = Predictions(path="served/{day}.parquet", status="status", score="score")


def labels_with(keep) -> Labels:
    return Labels(
        path="told/{day}.parquet",
        keep=keep,
        mature_after_days=MATURE,
        expire_after_days=ACCEPTED,
        ambiguous=[str(NOBODY_KNOWS)],
    )


def on(day: int) -> date:
    return START + timedelta(days=day)


def at(day: int, hour: int) -> datetime:
    return datetime(2025, 3, 1, hour, tzinfo=UTC) + timedelta(days=day)


SERVED = pa.schema(
    [
        ("request_id", pa.string()),
        ("served_at", pa.timestamp("us", tz="UTC")),
        ("model_version", pa.string()),
        ("prediction", pa.int64()),
        ("score", pa.float64()),
        ("status", pa.string()),
    ]
)
TOLD = pa.schema(
    [
        ("request_id", pa.string()),
        ("label", pa.int64()),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
    ]
)


def served(request_id, day, hour=12, status="ok") -> dict:
    return {
        "request_id": request_id,
        "served_at": at(day, hour),
        "model_version": "1",
        "prediction": 1,
        "score": (day * 24 + hour) / 200,  # tells the rows apart
        "status": status,
    }


def told(request_id, label, day, hour=18) -> dict:
    return {"request_id": request_id, "label": label, "arrived_at": at(day, hour)}


answers = st.builds(
    served,
    st.sampled_from("abc"),
    st.integers(0, DAYS - 1),
    st.integers(0, 3),
    st.sampled_from(["ok", "ok", "ok", "error"]),
)
tellings = st.builds(
    told,
    st.sampled_from([*"aaabbcx", None]),
    st.sampled_from([0, 1, 1, 0, NOBODY_KNOWS, None]),
    st.integers(0, DAYS - 1),
    st.integers(0, 3),
)


def day_of(moment: datetime) -> int:
    return (moment.date() - START).days


def in_plain_words(log, labels, *, keep, until) -> dict[tuple[str, int], tuple[int, float]]:
    """One pass over all that was told up to a day: (request, day): label and score."""
    standing = {}
    for row in sorted(labels, key=lambda row: (row["arrived_at"], row["label"] or 0)):
        arrived = day_of(row["arrived_at"])
        if row["label"] in (None, NOBODY_KNOWS) or arrived > until:
            continue
        meant = [
            (one["served_at"], one["score"])
            for one in log
            if one["request_id"] == row["request_id"]
            and one["status"] == "ok"
            and 0 <= arrived - day_of(one["served_at"]) <= ACCEPTED
        ]
        if not meant:
            continue
        moment, score = min(meant)
        key = (row["request_id"], day_of(moment))
        if keep == "last" or key not in standing:
            standing[key] = (row["label"], score)
    return standing


def relation(connection, name, table, clock) -> Rows:
    """A table as the command on files lays it before us."""
    connection.register(name, table)
    columns = connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
    dated = clock in table.column_names
    day = f"CAST({quoted(clock)} AS DATE)" if dated else "NULL::DATE"
    sql = f"(SELECT *, {day} AS {quoted(DAY)} FROM {quoted(name)})"
    return Rows(sql, {column: kind for column, kind, *_ in columns}, name)


def compared(log, labels, spec_labels, *, as_of=None, predictions=PREDICTIONS, extras=()):
    """`joined_as_of` for two tables."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return joined_as_of(
            connection,
            relation(connection, "told", labels, spec_labels.arrived_at),
            relation(connection, "known", log, predictions.served_at),
            predictions,
            spec_labels,
            as_of=as_of,
            extras=extras,
        )


@settings(max_examples=10, deadline=None)
@given(
    log=st.lists(answers, max_size=8),
    labels=st.lists(tellings, max_size=12),
    keep=st.sampled_from(["first", "last"]),
    until=st.integers(0, DAYS - 1),
    twice=st.booleans(),
    shuffled=st.randoms(use_true_random=False),
)
def test_all_arrival_days_together_say_what_one_pass_over_all_labels_says(
    tmp_path_factory, log, labels, keep, until, twice, shuffled
):
    """In any order of rows, delivered once or twice, corrected or not, as of any day."""
    root = tmp_path_factory.mktemp("law")
    labels = labels * (1 + twice)
    shuffled.shuffle(labels)
    for folder, rows, schema, clock in (
        ("served", log, SERVED, "served_at"),
        ("told", labels, TOLD, "arrived_at"),
    ):
        (root / folder).mkdir()
        for day in range(DAYS):
            of_day = [row for row in rows if day_of(row[clock]) == day]
            table = pa.Table.from_pylist(of_day, schema=schema)
            pq.write_table(table, root / folder / f"{on(day)}.parquet")
    spec = ModelSpec(
        name="law",
        owner="team:ml",
        task="binary",
        predictions=PREDICTIONS,
        labels=labels_with(keep),
        first_day=on(0),
    )
    counts: Counter = Counter()
    buckets: Counter = Counter()
    for day in shuffled.sample(range(until + 1), until + 1):
        table, seen = join_labels(spec, on(day), root=root)
        assert seen.rows == sum(kinds(seen).values())
        buckets.update(kinds(seen))
        for row in table.to_pylist():
            *key, sign = (row[name] for name in [*KEY, "sign"])
            counts[tuple(key)] += sign
    wanted = in_plain_words(log, labels, keep=keep, until=until)
    assert set(counts.values()) <= {0, 1}
    standing = {key for key, n in counts.items() if n}
    assert {
        ((id_, (day - START).days), label, score) for id_, day, label, score, _ in standing
    } == {(key, label, score) for key, (label, score) in wanted.items()}

    table, seen, known = compared(
        pa.Table.from_pylist(log, schema=SERVED),
        pa.Table.from_pylist(labels, schema=TOLD),
        spec.labels,
        as_of=on(until),
    )
    rows = table.select(KEY).to_pylist()
    assert {tuple(row.values()) for row in rows} == standing
    assert table.num_rows == len(standing)
    later = sum(day_of(row["arrived_at"]) > until for row in labels)
    assert seen.rows == len(labels)
    assert kinds(seen) == {**buckets, "pending": later}
    assert known.rows == sum(asdict(known).values()) - known.rows == len(log)

    rows = labelled_rows(
        spec, first=on(0), last=on(DAYS), as_of=on(until), features=[], root=root
    ).select(["request_id", "label", "score"])
    assert {tuple(row.values()) for row in rows.to_pylist()} == {
        (id_, label, score) for id_, _, label, score, _ in standing
    }


def kinds(seen) -> dict[str, int]:
    """All buckets."""
    other = ("rows", "annotators", "delay_days_p50", "delay_days_p95", "oddities")
    return {name: n for name, n in asdict(seen).items() if name not in other}


def test_files_know_what_was_told_by_the_end_of_a_day():
    """A label of the same evening is known, one a minute later is pending."""
    log = pa.Table.from_pylist([served("a", 0), served("b", 0)], schema=SERVED)
    labels = [told("a", 1, 1, hour=23), told("b", 1, 2, hour=0)]
    table, seen, _ = compared(
        log, pa.Table.from_pylist(labels, schema=TOLD), labels_with("first"), as_of=on(1)
    )
    assert table["request_id"].to_pylist() == ["a"]
    assert (seen.rows, seen.joined, seen.pending) == (2, 1, 1)
    assert seen.delay_days_p50 == pytest.approx(35 / 24)


def test_where_predictions_went():
    """A row without an id or a time can have no label; a later one is not there yet."""
    rows = [
        served("a", 0), served("a", 0, hour=13), served("a", 1), served("b", 0, status="error"),
        served("c", 0, status="fallback"), served(None, 0), served("d", 0) | {"served_at": None},
        served("e", 3),
    ]  # fmt: skip
    nothing = pa.Table.from_pylist([], schema=TOLD)
    log = pa.Table.from_pylist(rows, schema=SERVED)
    _, _, known = compared(log, nothing, labels_with("first"), as_of=on(2))
    assert known == PredictionsAsOf(
        rows=8, counted=2, errors=1, fallback=1, synthetic=0, duplicate_ids=1, invalid=2, later=1
    )


@pytest.mark.parametrize(("keep", "label"), [("first", 0), ("last", 1)])
def test_without_times_every_label_is_known(keep, label):
    """None is late or expired, none took any time, and the order in the file is nothing."""
    log = pa.Table.from_pylist([served("a", 0), served("b", 1)], schema=SERVED)
    labels = pa.Table.from_pylist([told("a", n, 0) for n in (1, 0, NOBODY_KNOWS)], schema=TOLD)
    table, seen, _ = compared(log, labels.drop(["arrived_at"]), labels_with(keep), as_of=on(0))
    found = table.select(["request_id", "label", "delay_days"]).to_pylist()
    assert found == [{"request_id": "a", "label": label, "delay_days": None}]
    assert (seen.joined, seen.conflicting, seen.ambiguous, seen.rows) == (1, 1, 1, 3)
    assert seen.delay_days_p50 is None


def test_a_label_without_its_time_is_invalid_where_others_have_one():
    """Nobody can say whether it was known."""
    log = pa.Table.from_pylist([served("a", 0)], schema=SERVED)
    labels = [told("a", 1, 0) | {"arrived_at": None}]
    _, seen, _ = compared(log, pa.Table.from_pylist(labels, schema=TOLD), labels_with("first"))
    assert (seen.rows, seen.invalid) == (1, 1)


def test_what_a_log_need_not_have_is_null():
    """Version, prediction and score."""
    log = pa.Table.from_pylist([served("a", 0)], schema=SERVED)
    labels = pa.Table.from_pylist([told("a", 1, 0)], schema=TOLD)
    log = log.drop(["model_version", "prediction", "score"])
    table, _, _ = compared(log, labels, labels_with("first"), extras=["status"])
    assert table.drop(["served_at", "delay_days"]).to_pylist() == [
        {"day": on(0), "version": None, "status": "ok", "label": 1, "prediction": None,
         "score": None, "request_id": "a"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"extras": ["income"]}, UnknownColumn, id="no such extra"),
        pytest.param({"extras": ["Score"]}, UnusableName, id="an extra with a name of ours"),
        pytest.param(
            {"predictions": PREDICTIONS.model_copy(update={"request_id": "uuid"})},
            UnknownColumn,
            id="no such id",
        ),
        pytest.param(
            {"predictions": PREDICTIONS.model_copy(update={"status": "state"})},
            UnknownColumn,
            id="no such status",
        ),
        pytest.param(
            {"predictions": PREDICTIONS.model_copy(update={"served_at": "status"})},
            UnreadableFile,
            id="a time that is none",
        ),
    ],
)
def test_what_cannot_be_compared_is_named(changed, error):
    """In our words, not in the engine's."""
    log = pa.Table.from_pylist([served("a", 0)], schema=SERVED)
    labels = pa.Table.from_pylist([told("a", 1, 0)], schema=TOLD)
    with pytest.raises(error):
        compared(log, labels, labels_with("first"), **changed)

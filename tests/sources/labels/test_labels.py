"""Where every label goes, and which prediction it says the truth about."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.labels import label_tables
from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.sources.labels.labels import join_labels, labelled_rows
from monitoring_dagster.sources.rows.row_sql import UnusableName
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile
from monitoring_dagster.spec import FurtherLabels, Labels, ModelSpec, Predictions
from monitoring_dagster.spec.model import NoLabels

START = date(2025, 3, 1)
MATURE_AFTER_DAYS = 3
SPEC = ModelSpec(
    name="churn",
    owner="team:ml",
    task="binary",
    segments=["country"],
    predictions=Predictions(
        path="served/{day}.parquet", status="status", synthetic="is_test", score="score"
    ),
    labels=Labels(
        path="labels/{day}.parquet", mature_after_days=MATURE_AFTER_DAYS, ambiguous=["2"]
    ),
)
SERVED = pa.schema(
    [
        ("request_id", pa.string()),
        ("served_at", pa.timestamp("us", tz="UTC")),
        ("model_version", pa.string()),
        ("prediction", pa.int64()),
        ("score", pa.float64()),
        ("status", pa.string()),
        ("is_test", pa.bool_()),
        ("country", pa.string()),
        ("age", pa.float64()),
    ]
)
TOLD = pa.schema(
    [
        ("request_id", pa.string()),
        ("label", pa.float64()),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
    ]
)


@pytest.fixture(autouse=True, params=[None, 1], ids=["at once", "in passes"])
def _pass_rows(request, monkeypatch):
    """A large day is judged in passes over its requests: nobody may tell."""
    if request.param is not None:
        monkeypatch.setattr(label_tables, "PASS_ROWS", request.param)


def on(day: int) -> date:
    """The day with this number; 0 is the first."""
    return START + timedelta(days=day)


def at(day: float) -> datetime:
    """The instant so many days after the first midnight."""
    return datetime(2025, 3, 1, tzinfo=UTC) + timedelta(days=day)


def served(request_id, day, **other):
    """A prediction at noon of *day*."""
    usual = {
        "request_id": request_id,
        "served_at": at(day + 0.5),
        "model_version": "1",
        "prediction": 1,
        "score": 0.75,
        "status": "ok",
        "is_test": False,
        "country": "DE",
        "age": 30.0,
    }
    return usual | other


def told(request_id, day, label=1.0, *, hour=18):
    """A label that arrives on *day*."""
    return {"request_id": request_id, "label": label, "arrived_at": at(day + hour / 24)}


def write(folder: Path, day: int, rows, schema):
    """Put *rows* where the file of *day* lies."""
    folder.mkdir(exist_ok=True, parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{on(day)}.parquet")


@pytest.fixture
def world(tmp_path):
    """Put down predictions and labels, by day."""

    def build(predictions, labels):
        for day, rows in predictions.items():
            write(tmp_path / "served", day, rows, SERVED)
        for day, rows in labels.items():
            write(tmp_path / "labels", day, rows, TOLD)
        return tmp_path

    return build


def account(**parts) -> LabelAccount:
    """An account of nothing but *parts*."""
    return LabelAccount(**({"rows": 0} | parts))


def test_a_label_finds_its_prediction(world):
    """With the version, the segment and the score that were served, and how long it took."""
    root = world({0: [served("a", 0, model_version="7")]}, {2: [told("a", 2, 0.0)]})
    table, seen = join_labels(SPEC, on(2), root=root)
    assert table.to_pylist() == [
        {
            "day": on(0),
            "version": "7",
            "country": "DE",
            "label": 0.0,
            "prediction": 1,
            "score": 0.75,
            "request_id": "a",
            "delay_days": 2.25,
            "sign": 1,
        }
    ]
    assert seen == account(rows=1, joined=1, delay_days_p50=2.25, delay_days_p95=2.25)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        pytest.param([told("a", 10)], "joined", id="on the last day in time"),
        pytest.param([told("slow", 10)], "late", id="a day later than waited for"),
        pytest.param([told("slowest", 10)], "late", id="on the last day on which it is accepted"),
        pytest.param([told("old", 10)], "expired", id="a day too late"),
        pytest.param([told("older", 10)], "expired", id="almost twice too late"),
        pytest.param([told("ancient", 10)], "orphan", id="twice too late: nobody remembers"),
        pytest.param([told("x", 10)], "orphan", id="nobody asked"),
        pytest.param([told("next", 10)], "orphan", id="before its prediction"),
        pytest.param([told("failed", 10)], "uncounted", id="of a request that failed"),
        pytest.param([told("test", 10)], "uncounted", id="of test traffic"),
        pytest.param([told(None, 10)], "invalid", id="without request"),
        pytest.param([told("a", 10, None)], "invalid", id="without value"),
        pytest.param([told("a", 10, float("nan"))], "invalid", id="not a number"),
        pytest.param([told("a", 10, 2.0)], "ambiguous", id="nobody knows"),
        pytest.param([told("early", 10, 2.0)], "ambiguous", id="nobody knows any more"),
        pytest.param([told("x", 10, 2.0)], "orphan", id="nobody knows, and nobody asked"),
        pytest.param([told("early", 10, 1.0)], "duplicate", id="said before"),
        pytest.param([told("early", 10, 0.0)], "conflicting", id="said otherwise before"),
        pytest.param([told("unsure", 10)], "joined", id="what was said before was no value"),
        pytest.param([told("doubted", 10)], "joined", id="what was said before was ambiguous"),
    ],
)
def test_every_label_has_one_place(world, labels, kind):
    """Labels are waited for three days, accepted for six, and it is day ten."""
    _, seen = join_labels(SPEC, on(10), root=inhabited(world, labels))
    assert told_of(seen) == {"rows": 1, kind: 1}


@pytest.mark.parametrize(
    ("labels", "kinds", "signs"),
    [
        pytest.param([told("a", 10)], {"joined": 1}, {("a", 1.0): 1}, id="the first one"),
        pytest.param([told("early", 10, 1.0)], {"duplicate": 1}, {}, id="the same again"),
        pytest.param(
            [told("early", 10, 0.0)],
            {"corrected": 1},
            {("early", 1.0): -1, ("early", 0.0): 1},
            id="another one takes its place",
        ),
        pytest.param(
            [told("early", 10, 0.0, hour=9), told("early", 10, 1.0, hour=10)],
            {"conflicting": 1, "duplicate": 1},
            {},
            id="back on the same day: nothing has changed by its end",
        ),
        pytest.param(
            [told("a", 10, 0.0, hour=9), told("a", 10, 1.0, hour=10)],
            {"conflicting": 1, "joined": 1},
            {("a", 1.0): 1},
            id="of a day's labels only the last one ever counted",
        ),
        pytest.param(
            [told("turned", 10, 1.0)],
            {"corrected": 1},
            {("turned", 0.0): -1, ("turned", 1.0): 1},
            id="back to the first label is a correction like any other",
        ),
        pytest.param([told("early", 10, 2.0)], {"ambiguous": 1}, {}, id="a doubt replaces nothing"),
        pytest.param([told("doubted", 10)], {"joined": 1}, {("doubted", 1.0): 1}, id="no doubt"),
        pytest.param([told("old", 10)], {"expired": 1}, {}, id="too late for a correction as well"),
        pytest.param(
            [told("slowest", 10, 0.0)],
            {"corrected": 1},
            {("slowest", 1.0): -1, ("slowest", 0.0): 1},
            id="a late correction is a correction",
        ),
    ],
)
def test_where_corrections_are_sent_the_last_label_counts(world, labels, kinds, signs):
    """Of every arrival day only what it changed in all; the old count is taken away."""
    kept = SPEC.labels.model_copy(update={"keep": "last"})
    root = inhabited(world, labels)
    write(root / "labels", 6, [told("slowest", 6)], TOLD)
    table, seen = join_labels(SPEC.model_copy(update={"labels": kept}), on(10), root=root)
    assert told_of(seen) == {"rows": len(labels), **kinds}
    rows = table.select(["request_id", "label", "sign"]).to_pylist()
    assert {(row["request_id"], row["label"]): row["sign"] for row in rows} == signs


def inhabited(world, labels):
    """A world in which everything has happened by day ten, when *labels* come."""
    served_on = {
        -4: ["ancient"], -3: ["older"], 3: ["old"], 4: ["slowest"], 6: ["slow", "turned"],
        7: ["a", "early", "unsure", "doubted"], 11: ["next"],
    }  # fmt: skip
    predictions = {day: [] for day in range(-4, 11)} | {
        day: [served(name, day) for name in names] for day, names in served_on.items()
    }
    predictions[7] += [served("failed", 7, status="error"), served("test", 7, is_test=True)]
    before = [told("early", 8), told("unsure", 8, None), told("doubted", 8, 2.0)]
    turned = {7: [told("turned", 7)], 9: [told("turned", 9, 0.0)]}
    return world(predictions, {8: before, **turned, 10: labels})


def told_of(seen: LabelAccount) -> dict[str, int]:
    """The buckets that are not empty."""
    return {name: n for name, n in asdict(seen).items() if n and isinstance(n, int)}


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        pytest.param({-1, 0, 1, 2}, "orphan", id="all files are there"),
        pytest.param({-1, 0, 1}, "pending", id="the day's own has not come"),
        pytest.param({-1, 1, 2}, "pending", id="one of the accepted days has not come"),
        pytest.param({0, 1, 2}, "orphan", id="there was nothing before the first"),
        pytest.param(set(), "pending", id="nothing has come"),
    ],
)
def test_a_label_without_a_request_waits_for_files_that_may_hold_it(world, there, kind):
    """Only when all are there it belongs to nothing."""
    root = world({day: [] for day in there}, {2: [told("a", 2)]})
    _, seen = join_labels(SPEC, on(2), root=root)
    assert told_of(seen) == {"rows": 1, kind: 1}


def test_the_first_day_says_from_when_on_files_are_waited_for(world):
    """Not the first file that happens to lie there."""
    root = world({1: [], 2: []}, {2: [told("a", 2)]})
    since = [SPEC.model_copy(update={"first_day": on(day)}) for day in (0, 1)]
    seen = [join_labels(spec, on(2), root=root)[1] for spec in since]
    assert [told_of(one) for one in seen] == [{"rows": 1, "pending": 1}, {"rows": 1, "orphan": 1}]


def test_an_id_used_again_means_the_new_request_once_the_old_one_has_expired(world):
    """Until then a label is the first one's, and of each request one counts."""
    labels = {day: [told("a", day)] for day in (6, 7)}
    root = world({0: [served("a", 0)], 5: [served("a", 5, score=0.5)]}, labels)
    tables = [join_labels(SPEC, on(day), root=root)[0] for day in (6, 7)]
    assert [table["day"].to_pylist() for table in tables] == [[on(0)], [on(5)]]


def test_a_second_opinion_is_read_from_its_own_feed(world):
    """And a misspelt one is named."""
    root = world({0: [served("a", 0), served("b", 0)]}, {1: [told("a", 1)]})
    write(root / "human", 1, [told("b", 1, 0.0)], TOLD)
    human = FurtherLabels(path="human/{day}.parquet")
    spec = SPEC.model_copy(update={"further_labels": {"human": human}})
    table, seen = join_labels(spec, on(1), root=root, source="human", extras=["age"])
    assert table.select(["request_id", "label", "age"]).to_pylist() == [
        {"request_id": "b", "label": 0.0, "age": 30.0}
    ]
    assert told_of(seen) == {"rows": 1, "joined": 1}
    with pytest.raises(NoLabels, match=r"'humans'. Did you mean 'human'\?"):
        join_labels(spec, on(1), root=root, source="humans")


@pytest.mark.parametrize(
    ("column", "value", "ambiguous"),
    [
        pytest.param([2.0], "2", True, id="a float without a fraction"),
        pytest.param([2.0], "2.0", True, id="a float as it is written"),
        pytest.param([20.0], "2", False, id="another float"),
        pytest.param([2], "2", True, id="an integer"),
        pytest.param(["it's unclear"], "it's unclear", True, id="text with a quote"),
        pytest.param(["2.0"], "2", False, id="text is not a number"),
    ],
)
def test_ambiguous_values_are_compared_as_text(world, column, value, ambiguous):
    """Whatever the column holds."""
    root = world({1: [served("a", 1)]}, {})
    (root / "labels").mkdir()
    labels = pa.table({"request_id": ["a"], "label": column, "arrived_at": [at(1)]})
    pq.write_table(labels, root / "labels" / f"{on(1)}.parquet")
    changed = SPEC.labels.model_copy(update={"ambiguous": [value]})
    _, seen = join_labels(SPEC.model_copy(update={"labels": changed}), on(1), root=root)
    assert told_of(seen) == {"rows": 1, "ambiguous" if ambiguous else "invalid": 1}


def test_in_one_file_the_earliest_label_counts(world):
    """By the time of arrival, not by the place in the file."""
    labels = [told("a", 1, 0.0, hour=9), told("a", 1, 1.0, hour=8), told("a", 1, 1.0, hour=10)]
    table, seen = join_labels(SPEC, on(1), root=world({0: [served("a", 0)]}, {1: labels}))
    assert table["label"].to_pylist() == [1.0]
    assert (seen.joined, seen.duplicate, seen.conflicting) == (1, 1, 1)


def test_a_request_answered_twice_is_labelled_once(world):
    """The first answer that counts gets the label."""
    predictions = [
        served("a", 0, served_at=at(0.7), score=0.9),
        served("a", 0, served_at=at(0.6), score=0.6),
        served("a", 0, served_at=at(0.5), score=0.5, status="error"),
    ]
    root = world({0: predictions, 1: [served("a", 1)]}, {1: [told("a", 1)]})
    table, seen = join_labels(SPEC, on(1), root=root)
    assert table["score"].to_pylist() == [0.6]
    assert seen.rows == seen.joined == 1


def test_an_empty_delivery_is_no_missing_one(world):
    """Zero labels came, and that is known."""
    table, seen = join_labels(SPEC, on(1), root=world({0: [served("a", 0)]}, {1: []}))
    assert (table.num_rows, seen) == (0, account())


def test_a_missing_delivery_names_the_file_and_the_way_out(world):
    """No file of that arrival day."""
    root = world({0: [served("a", 0)]}, {})
    with pytest.raises(MissingDay) as seen:
        join_labels(SPEC, on(1), root=root)
    path = root / "labels" / "2025-03-02.parquet"
    assert str(seen.value).startswith(f"2025-03-02 is missing: no file {path}. Deliver it")


def test_a_broken_file_of_earlier_labels_is_named(world):
    """It is not passed over: a label that it holds might count twice."""
    root = world({0: [served("a", 0)]}, {0: [told("a", 0)], 1: [told("a", 1)]})
    (root / "labels" / f"{on(0)}.parquet").write_bytes(b"rot")
    with pytest.raises(UnreadableFile, match=r"2025-03-01\.parquet"):
        join_labels(SPEC, on(1), root=root)


def test_a_broken_file_of_earlier_predictions_costs_its_own_labels_alone(world):
    """One spoilt day must not spoil the weeks in which its labels might arrive."""
    root = world({0: [served("a", 0)], 1: [served("b", 1)]}, {1: [told("a", 1), told("b", 1)]})
    (root / "served" / f"{on(0)}.parquet").write_bytes(b"rot")
    table, seen = join_labels(SPEC, on(1), root=root)
    assert table["request_id"].to_pylist() == ["b"]
    assert told_of(seen) == {"rows": 2, "joined": 1, "pending": 1}


@pytest.mark.parametrize("part", ["predictions", "labels"])
def test_a_column_that_is_not_there_is_named(world, part):
    """In the labels and in the predictions."""
    root = world({0: [served("a", 0)]}, {1: [told("a", 1)]})
    source = getattr(SPEC, part).model_copy(update={"request_id": "requestid"})
    with pytest.raises(UnknownColumn, match=r"Did you mean 'request_id'\?"):
        join_labels(SPEC.model_copy(update={part: source}), on(1), root=root)


def test_a_column_that_came_later_is_null_before(world):
    """A new segment does not cost the labels of last week's predictions."""
    root = world({1: [served("b", 1)]}, {1: [told("a", 1), told("b", 1)]})
    write(root / "served", 0, [served("a", 0)], SERVED.remove(SERVED.get_field_index("country")))
    table, _ = join_labels(SPEC, on(1), root=root)
    assert table["country"].to_pylist() == [None, "DE"]


def test_ids_may_be_numbers_on_one_side_and_text_on_the_other(world):
    """12 is '12'."""
    root = world({0: [served("12", 0)]}, {})
    (root / "labels").mkdir()
    labels = pa.table({"request_id": [12], "label": [True], "arrived_at": [at(1)]})
    pq.write_table(labels, root / "labels" / f"{on(1)}.parquet")
    table, _ = join_labels(SPEC, on(1), root=root)
    assert table.select(["request_id", "label"]).to_pylist() == [
        {"request_id": "12", "label": True}
    ]


def test_names_that_would_stand_twice_are_refused(world):
    """Also where only the case differs, which DuckDB does not see."""
    root = world({0: [served("a", 0)]}, {1: [told("a", 1)]})
    with pytest.raises(UnusableName, match="'Score' cannot stand beside"):
        join_labels(SPEC.model_copy(update={"segments": ["Score"]}), on(1), root=root)
    with pytest.raises(UnusableName, match="rename it in a view"):
        labelled_rows(SPEC, first=on(0), last=on(1), as_of=on(1), features=["label"], root=root)


def test_a_model_without_labels_has_none_to_join(tmp_path):
    """The error says where to declare them."""
    spec = SPEC.model_copy(update={"labels": None})
    with pytest.raises(NoLabels, match=r"'churn' has no `labels`"):
        join_labels(spec, on(1), root=tmp_path)
    with pytest.raises(NoLabels):
        labelled_rows(spec, first=on(0), last=on(1), as_of=on(1), features=[], root=tmp_path)


@pytest.mark.parametrize("name", ['"; DROP TABLE x; --', "a'b", 'we"ird""', "e0", "id", "place"])
def test_hostile_names_are_only_names(tmp_path, name):
    """As segment and as feature, also where a query of ours uses the same word."""
    for folder, row in (("served", served("a", 0) | {name: "v"}), ("labels", told("a", 1))):
        (tmp_path / folder).mkdir()
        day = on(0) if folder == "served" else on(1)
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / folder / f"{day}.parquet")
    spec = SPEC.model_copy(update={"segments": [name]})
    table, _ = join_labels(spec, on(1), root=tmp_path)
    rows = labelled_rows(spec, first=on(0), last=on(0), as_of=on(1), features=[name], root=tmp_path)
    assert table[name].to_pylist() == rows[name].to_pylist() == ["v"]


def test_training_sees_what_was_known_on_the_day_and_nothing_later(world):
    """Labels that arrive after `as_of`, or too late, do not exist."""
    root = world(
        {
            0: [served("a", 0, age=1.0), served("b", 0)],
            1: [served("c", 1, age=3.0)],
            2: [served("d", 2)],
        },
        {
            1: [told("a", 1, 0.0)],
            2: [told("a", 2, 1.0), told("c", 2)],
            3: [told("b", 3), told("d", 3)],
        },
    )
    rows = labelled_rows(SPEC, first=on(0), last=on(1), as_of=on(2), features=["age"], root=root)
    assert rows.column_names == [
        "age", "request_id", "served_at", "version", "score", "prediction", "label",
    ]  # fmt: skip
    assert rows.select(["age", "request_id", "label"]).to_pylist() == [
        {"age": 1.0, "request_id": "a", "label": 0.0},
        {"age": 3.0, "request_id": "c", "label": 1.0},
    ]
    late = labelled_rows(SPEC, first=on(0), last=on(0), as_of=on(9), features=[], root=root)
    assert late["request_id"].to_pylist() == ["a", "b"]


def test_a_share_of_the_requests_is_the_same_one_whenever_it_is_asked(world):
    """And a larger share holds it."""
    names = [f"r{number}" for number in range(40)]
    root = world({0: [served(name, 0) for name in names]}, {1: [told(name, 1) for name in names]})
    asked = {"first": on(0), "last": on(0), "as_of": on(1), "features": [], "root": root}
    none, some, more, every = (
        set(labelled_rows(SPEC, **asked, share=share)["request_id"].to_pylist())
        for share in (0.0, 0.25, 0.5, 1.0)
    )
    assert none < some < more < every == set(names)


@pytest.mark.parametrize("there", ["predictions", "labels", "neither"])
def test_nothing_to_train_on_is_an_empty_table(world, there):
    """Not an error: whoever asked knows how many rows are enough."""
    root = world(
        {0: [served("a", 0)]} if there == "predictions" else {},
        {1: [told("a", 1)]} if there == "labels" else {},
    )
    rows = labelled_rows(SPEC, first=on(0), last=on(0), as_of=on(1), features=["age"], root=root)
    assert (rows.num_rows, rows.num_columns) == (0, 7)


STREAM = {
    0: [served("a", 0), served("b", 0, status="error")],
    1: [served("c", 1)],
    4: [served("d", 4), served("e", 4, is_test=True), served("d", 4, served_at=at(4.9))],
}


def test_a_table_and_files_give_the_same_answer(world):
    """Predictions and labels in one DuckDB file, read as one reads a folder."""
    labels = {
        1: [told("a", 1), told("x", 1)],
        4: [told("a", 4), told("c", 4, 0.0), told("b", 4)],
    }
    root = world(STREAM, labels)
    with duckdb.connect(root / "all.duckdb") as database:
        for name, days, schema in (("served", STREAM, SERVED), ("told", labels, TOLD)):
            rows = [row for of_day in days.values() for row in of_day]
            database.register("every", pa.Table.from_pylist(rows, schema=schema))
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM every")
            database.unregister("every")

    def in_table(source, table):
        place = {"path": None, "database": "all.duckdb", "table": table}
        return source.model_copy(update=place)

    spec = SPEC.model_copy(
        update={
            "predictions": in_table(SPEC.predictions, "served"),
            "labels": in_table(SPEC.labels, "told"),
        }
    )
    for day in (1, 4):
        table, seen = join_labels(SPEC, on(day), root=root)
        also_table, also_seen = join_labels(spec, on(day), root=root)
        assert table.equals(also_table)
        assert seen == also_seen
    asked = {"first": on(0), "last": on(4), "as_of": on(4), "features": ["age"], "root": root}
    assert labelled_rows(SPEC, **asked).equals(labelled_rows(spec, **asked))

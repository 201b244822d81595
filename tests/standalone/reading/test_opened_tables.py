"""Two tables are opened under names of our own, or refused with the column that is unclear."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.rows import connected
from monitoring_dagster.sources.tables.files import NoRows, Table, UnusableColumn
from monitoring_dagster.standalone.reading.ids_and_times import UnusableIds, WrongTime
from monitoring_dagster.standalone.reading.opened_tables import (
    Key,
    NoArrivals,
    NothingToJudge,
    opened_labels,
    opened_predictions,
    refuse_plain,
)
from monitoring_dagster.standalone.reading.question import Question, UnclearRole, label_rules

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)


def asked(*, as_of=None, by=(), segments=(), given=None, **rules):
    return Question(given or {}, as_of, by, segments, label_rules(**rules), None, None)


def table_of(columns):
    return Table.of(pa.table(columns), side="predictions")


def served(**changed):
    usual = {"id": ["a", "b"], "served_at": [NOON, NOON + timedelta(days=1)], "prediction": [0, 1]}
    return {name: one for name, one in (usual | changed).items() if one is not None}


def told(**changed):
    usual = {"id": ["a", "b"], "arrived_at": [NOON, NOON], "label": [0, 1]}
    return {name: one for name, one in (usual | changed).items() if one is not None}


def opened(columns, opener=opened_predictions, *, select="*", advance=lambda n: None, **question):
    """The opened table, and rows of its view."""
    table = columns if isinstance(columns, Table) else table_of(columns)
    with connected() as connection:
        found = opener(connection, table, asked(**question), advance)
        return found, connection.execute(f"SELECT {select} FROM {found.view}").fetchall()


def of_labels(columns, **question):
    return opened(columns, opened_labels, **question)


def test_predictions_have_an_id_a_time_and_a_day():
    found, rows = opened(served(), select="id, epoch(served_at), day")
    assert rows == [
        ("a", NOON.timestamp(), DAY), ("b", NOON.timestamp() + 86_400, DAY + timedelta(days=1)),
    ]  # fmt: skip
    assert (found.dated, found.zone, found.time, found.keys) == (True, True, "time", [])
    assert (found.notes, found.warnings) == ([], [])


def test_labels_have_an_id_and_the_time_of_their_arrival():
    found, rows = of_labels(told(), select='id, epoch(arrived_at), "label column"')
    assert rows == [("a", NOON.timestamp(), 0), ("b", NOON.timestamp(), 1)]
    assert (found.dated, found.time) == (True, "arrived")


def test_without_times_all_predictions_are_of_one_day_and_labels_of_none():
    found, rows = opened(served(served_at=None), select="day")
    assert (rows, found.dated, found.zone) == ([(date(1970, 1, 1),)] * 2, False, None)
    found, rows = of_labels(told(arrived_at=None), select="arrived_at, day")
    assert (rows, found.dated) == ([(None, None)] * 2, False)


def test_only_columns_that_play_a_part_are_read_and_under_our_names():
    read = []
    found, _ = opened(served(other=[1, 2], plan=["x", "y"]), segments=["plan"], advance=read.append)
    assert found.read.column_names == ["prediction column", "id column", "time column", "p0"]
    assert read == [4]


NAME = 'it\'s "x"; DROP TABLE served_ids; --'


@pytest.mark.parametrize("role", ["id", "prediction", "time"])
def test_a_hostile_name_reaches_no_sql(role):
    plain = {"id": "id", "prediction": "prediction", "time": "served_at"}[role]
    columns = served()
    columns = {NAME if name == plain else name: one for name, one in columns.items()}
    found, rows = opened(columns, given={role: NAME}, select="id")
    assert (rows, found.roles.get(role)) == ([("a",), ("b",)], NAME)


class TestKeys:
    def of(self, *, by=(), segments=(), **columns):
        found, rows = opened(
            served(**columns), by=by, segments=segments,
            select=", ".join(["id", *(f"p{i}" for i in range(len(columns)))]),
        )  # fmt: skip
        return found.keys, [row[1:] for row in rows]

    @pytest.mark.parametrize(
        ("values", "names", "codes"),
        [
            pytest.param(["b", "a"], ["a", "b"], [1, 0], id="words in order"),
            pytest.param(["10", "9"], ["9", "10"], [1, 0], id="numbers by size"),
            pytest.param(["x", "9"], ["9", "x"], [1, 0], id="numbers before words"),
            pytest.param([None, "a"], ["a"], [None, 0], id="nothing"),
            pytest.param([1.5, 2.0], ["1.5", "2"], [0, 1], id="floats"),
            pytest.param([True, False], ["false", "true"], [1, 0], id="yes and no"),
            pytest.param(["inf", "-inf"], ["-inf", "inf"], [1, 0], id="infinities"),
        ],
    )
    def test_of_a_column_are_codes_in_the_order_of_its_values(self, values, names, codes):
        keys, rows = self.of(segments=["plan"], plan=values)
        assert keys == [Key("plan", names)]
        assert rows == [(code,) for code in codes]

    def test_of_days_and_hours_have_no_names(self):
        found, _ = opened(served(), by=["day", "hour"])
        assert found.keys == [Key("day", None), Key("hour", None)]

    def test_of_a_version_are_of_the_column_that_plays_it(self):
        keys, rows = self.of(by=["version"], model_version=["2", "10"])
        assert (keys, rows) == ([Key("version", ["2", "10"])], [(0,), (1,)])

    def test_that_stand_twice_are_one(self):
        keys, _ = self.of(by=["plan", "plan"], segments=["plan"], plan=["x", "y"])
        assert [key.by for key in keys] == ["plan"]

    def test_called_day_may_be_a_column_where_it_is_a_segment(self):
        keys, rows = self.of(segments=["day"], day=["x", "y"])
        assert (keys, rows) == ([Key("day", ["x", "y"])], [(0,), (1,)])

    def test_of_a_column_that_plays_a_part_are_allowed(self):
        found, _ = opened(served(), segments=["prediction"])
        assert found.keys == [Key("prediction", ["0", "1"])]


@pytest.mark.parametrize(
    ("times", "zone", "said"),
    [
        pytest.param(pa.array([NOON] * 2, pa.timestamp("us", "UTC")), True, "", id="with a zone"),
        pytest.param(pa.array([NOON] * 2, pa.timestamp("us")), False, "are taken as UTC",
                     id="without one"),
        pytest.param([DAY] * 2, None, "", id="days"),
        pytest.param(["2026-03-01T12:00:00Z"] * 2, True, "", id="text with a zone"),
        pytest.param(["2026-03-01 12:00"] * 2, False, "are taken as UTC", id="text without one"),
        pytest.param(["2026-03-01"] * 2, None, "", id="days as text"),
        pytest.param(["2026-03-01 12:00", "2026-03-01 12:00Z"], None, "1 of 2 times in 'served_at'",
                     id="text of both"),
        pytest.param(["2026-03-01 12:00Z", "soon"], True, "", id="text of which one is no time"),
        pytest.param([1_772_366_400] * 2, None, "taken for seconds", id="seconds"),
    ],
)  # fmt: skip
def test_whether_times_say_their_zone_is_seen_and_said(times, zone, said):
    found, _ = opened(served(served_at=times))
    assert found.zone is zone
    words = [*found.notes, *found.warnings]
    assert bool(words) is bool(said)
    assert said in " ".join(words)


@pytest.mark.parametrize(
    ("columns", "question", "error", "words"),
    [
        pytest.param(served(id=None), {}, UnclearRole, "plainly the id", id="no id"),
        pytest.param(served(request_id=["x", "y"]), {}, UnclearRole, "'id' or 'request_id'",
                     id="two ids"),
        pytest.param(served(prediction=None), {}, UnclearRole, "plainly the prediction",
                     id="no answer"),
        pytest.param(served(served_at=None), {"by": ["day"]}, UnclearRole, "plainly the time",
                     id="no time for days"),
        pytest.param(served(served_at=None), {"as_of": DAY}, UnclearRole, "plainly the time",
                     id="no time for a day"),
        pytest.param(served(), {"by": ["version"]}, UnclearRole, "plainly the version",
                     id="no version"),
        pytest.param(served(), {"by": ["plan"]}, UnknownColumn, "no column 'plan'",
                     id="no such column"),
        pytest.param(served(), {"given": {"id": "idd"}}, UnknownColumn, "Did you mean 'id'",
                     id="a misspelt id"),
        pytest.param(served(id=[[1], [2]]), {}, UnusableColumn, "'id' of the table of predictions",
                     id="lists for ids"),
        pytest.param(served(plan=[[1], [2]]), {"segments": ["plan"]}, UnusableColumn, "'plan' of",
                     id="lists for a segment"),
        pytest.param(served(score=[[1], [2]], prediction=None), {}, UnusableColumn, "'score' of",
                     id="lists for scores"),
        pytest.param(served(id=[1.79e18, 1.0]), {}, UnusableIds, "have lost digits",
                     id="ids without their digits"),
        pytest.param(served(served_at=["soon", "later"]), {}, WrongTime, "(such as 'later')",
                     id="no times"),
        pytest.param(served(id=pa.nulls(2)), {}, NothingToJudge, "it is the id", id="no id at all"),
        pytest.param(served(prediction=pa.nulls(2)), {}, NothingToJudge, "it is the prediction",
                     id="no answer at all"),
        pytest.param(served(prediction=None, score=pa.nulls(2)), {}, NothingToJudge,
                     "column 'score' of the table of predictions has no value", id="no score"),
    ],
)  # fmt: skip
def test_predictions_that_cannot_be_opened_are_named(columns, question, error, words):
    with pytest.raises(error) as refused:
        opened(columns, **question)
    assert words in str(refused.value)


def test_a_score_need_not_be_there_where_there_are_predictions():
    found, _ = opened(served(score=pa.nulls(2)))
    assert found.roles.get("score") == "score"


@pytest.mark.parametrize(
    ("columns", "question", "error", "words"),
    [
        pytest.param(told(label=None), {}, UnclearRole, "plainly the label", id="no label"),
        pytest.param(told(arrived_at=None), {"as_of": DAY}, NoArrivals,
                     "They have: 'id', 'label'", id="no arrival for a day"),
        pytest.param(told(arrived_at=None), {"expire_after_days": 30}, NoArrivals, "--arrived",
                     id="no arrival for an end"),
        pytest.param(told(label=[[1], [2]]), {}, UnusableColumn, "'label' of the table of labels",
                     id="lists for labels"),
        pytest.param(told(), {"given": {"label": "lable"}}, UnknownColumn, "Did you mean 'label'",
                     id="a misspelt label"),
        pytest.param(told(label=pa.nulls(2)), {}, NothingToJudge, "it is the label",
                     id="no label at all"),
        pytest.param(told(arrived_at=["soon", None]), {}, WrongTime,
                     "another column with --arrived", id="no times"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_opened_are_named(columns, question, error, words):
    with pytest.raises(error) as refused:
        of_labels(columns, **question)
    assert words in str(refused.value)


def test_the_id_of_labels_may_have_another_name_than_the_one_that_was_given():
    columns = told(id=None) | {"request_id": ["a", "b"]}
    found, rows = of_labels(columns, given={"id": "uuid"}, select="id")
    assert (found.roles.get("id"), rows) == ("request_id", [("a",), ("b",)])
    found, _ = of_labels(columns | {"uuid": ["x", "y"]}, given={"id": "uuid"})
    assert found.roles.get("id") == "uuid"


@pytest.mark.parametrize("opener", [opened_predictions, opened_labels])
def test_a_table_without_rows_is_refused_by_its_place(tmp_path, opener):
    columns = served() if opener is opened_predictions else told()
    pq.write_table(pa.table(columns).slice(0, 0), tmp_path / "a.parquet")
    with pytest.raises(NoRows, match=r"a\.parquet"):
        opened(Table.at(str(tmp_path / "a.parquet")), opener)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        pytest.param(pa.array(["0", "1"]).dictionary_encode(), ["0", "1"], id="codes"),
        pytest.param(pa.array([0, 1]).cast(pa.decimal128(21, 2)), [0.0, 1.0], id="decimals"),
        pytest.param(["1.234,50", "7,25"], [1234.5, 7.25], id="a decimal comma"),
        pytest.param(["a", "b"], ["a", "b"], id="words"),
    ],
)
def test_an_answer_is_read_plainly_whatever_it_is_stored_as(values, kept):
    _, rows = opened(served(prediction=values), select='"prediction column"')
    assert [one for (one,) in rows] == kept


def test_what_was_no_number_in_a_file_is_a_warning_where_it_plays_a_part(tmp_path):
    lines = ["id,prediction,other", *(f"r{n},{n}.5,{n}" for n in range(40)), "x,viel,viel"]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    found, _ = opened(Table.at(str(tmp_path / "p.csv")))
    assert found.warnings == ["values of 'prediction' that are no number, such as 'viel': 1"]


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [({}, True), ({"label": None}, True), ({"label": "other"}, False)],
    ids=["nothing was said", "nothing, in words", "another one was named"],
)
def test_a_plain_column_that_nobody_can_look_at_is_refused_where_it_is_needed(given, is_refused):
    table = table_of({"label": [[1]], "other": [1]})
    if not is_refused:
        refuse_plain(table, given, ["label"], "the table of labels")
        return
    with pytest.raises(UnusableColumn, match="'label' of the table of labels cannot be read: list"):
        refuse_plain(table, given, ["label"], "the table of labels")


def test_a_plain_column_beside_it_goes_before_one_that_cannot_be_read():
    table = table_of({"label": [[1]], "target": [1]})
    refuse_plain(table, {}, ["label"], "the table of labels")

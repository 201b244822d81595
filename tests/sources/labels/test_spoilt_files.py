"""One spoilt file costs its own day, and why it was left out is said in a few words."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.labels.labels import labelled_rows
from monitoring_dagster.sources.labels.spoilt_files import readable_labelled_rows, spoilt_files
from monitoring_dagster.sources.rows.row_sql import UnusableName
from monitoring_dagster.spec import Predictions
from monitoring_dagster.spec.model import NoLabels
from tests.sources.labels.two_feeds import IDS, on, put, serve, spec_of, tell

LOG = Predictions(path="served/{day}.parquet")
NEEDED = ["request_id", "score"]


def spoilt(root, days, *, columns=NEEDED, log=LOG, **asked):
    """Why which days are left out, by their number."""
    found = spoilt_files(log, [on(day) for day in days], root=root, columns=columns, **asked)
    return {(day - on(0)).days: why for day, why in found.items()}


def file_of(root, day, folder="served"):
    return root / folder / f"{on(day)}.parquet"


def rot(path):
    """Break values where only who reads them sees it."""
    rotten = bytearray(path.read_bytes())
    rotten[20:60] = b"\xff" * 40
    path.write_bytes(rotten)


def test_files_that_are_as_they_must_be_are_none(tmp_path):
    for day in range(3):
        serve(tmp_path, day, IDS)
    assert spoilt(tmp_path, range(3)) == {}
    assert spoilt(tmp_path, []) == {}


def test_each_spoilt_file_has_its_own_reason(tmp_path):
    for day in range(6):
        serve(tmp_path, day, IDS)
    file_of(tmp_path, 1).write_bytes(b"rot")
    file_of(tmp_path, 2).write_bytes(b"")
    serve(tmp_path, 3, IDS, score=None)
    file_of(tmp_path, 4).unlink()
    file_of(tmp_path, 5).unlink()
    (file_of(tmp_path, 5) / "_temporary").mkdir(parents=True)
    assert spoilt(tmp_path, range(7)) == {
        1: "unreadable",
        2: "unreadable",
        3: "no column 'score'",
        4: "no file",
        5: "half-written",
        6: "no file",
    }


def test_a_folder_is_half_written_until_its_writer_says_otherwise(tmp_path):
    place = file_of(tmp_path, 0)
    (place / "_temporary").mkdir(parents=True)
    pq.write_table(pa.table({"request_id": ["a"], "score": [0.5]}), place / "part-0.parquet")
    assert spoilt(tmp_path, [0]) == {0: "half-written"}
    (place / "_SUCCESS").touch()
    assert spoilt(tmp_path, [0]) == {}


def test_a_folder_without_rows_is_no_file_and_one_with_a_log_is_unreadable(tmp_path):
    file_of(tmp_path, 0).mkdir(parents=True)
    serve(tmp_path, 2, IDS)
    pq.write_table(pa.table({"request_id": ["a"]}), tmp_path / "a.parquet")
    (file_of(tmp_path, 1) / "_delta_log").mkdir(parents=True)
    (tmp_path / "a.parquet").rename(file_of(tmp_path, 1) / "a.parquet")
    assert spoilt(tmp_path, range(3)) == {0: "no file", 1: "unreadable"}


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        pytest.param(["request_id"], "", id="there"),
        pytest.param(["REQUEST_ID", "Score"], "", id="there, in other letters"),
        pytest.param(["age", "plan"], "no column 'age'", id="the first that is not there"),
        pytest.param(['it\'s "x"; --'], "no column 'it\\'s \"x\"; --'", id="a hostile name"),
        pytest.param([], "", id="nothing is needed"),
    ],
)
def test_a_file_is_spoilt_where_it_lacks_a_column(tmp_path, columns, why):
    serve(tmp_path, 0, IDS)
    assert spoilt(tmp_path, [0], columns=columns) == ({0: why} if why else {})


AGE = "'age' is {} and in newer files {}"


@pytest.mark.parametrize(
    ("older", "newest", "why"),
    [
        pytest.param([30], [30.5], "", id="numbers of two kinds"),
        pytest.param([True], [1], "", id="yes and no are numbers"),
        pytest.param(["30"], [30], AGE.format("VARCHAR", "BIGINT"), id="text before numbers"),
        pytest.param([30], ["30"], AGE.format("BIGINT", "VARCHAR"), id="numbers before text"),
        pytest.param(["a"], pa.array(["a"]).dictionary_encode(), "", id="codes are words"),
        pytest.param(pa.nulls(1), ["30"], "", id="nothing before text"),
        pytest.param([30], pa.nulls(1), "", id="numbers before nothing"),
        pytest.param([[30]], [30], AGE.format("BIGINT[]", "BIGINT"), id="lists before numbers"),
    ],
)
def test_an_older_file_of_another_type_is_spoilt_where_that_matters(tmp_path, older, newest, why):
    for day, age in enumerate([older, newest]):
        put(tmp_path, "served", day, {"age": age})
    asked = {"columns": ["age"]}
    assert spoilt(tmp_path, [1, 0], **asked, of_one_type=["age"]) == ({0: why} if why else {})
    assert spoilt(tmp_path, [0, 1], **asked) == {}


def test_a_spoilt_newest_file_says_nothing_of_the_older_ones(tmp_path):
    put(tmp_path, "served", 0, {"age": [30], "n": [1]})
    put(tmp_path, "served", 1, {"age": [31], "n": [1]})
    put(tmp_path, "served", 2, {"age": ["x"]})
    found = spoilt(tmp_path, range(3), columns=["age", "n"], of_one_type=["age"])
    assert found == {2: "no column 'n'"}


def test_values_that_are_broken_are_seen_where_all_are_read(tmp_path):
    """And only those of columns that are needed."""
    ids = [f"r{n}" for n in range(100)]
    serve(tmp_path, 0, ids)
    serve(tmp_path, 1, ids)
    rot(file_of(tmp_path, 0))
    assert spoilt(tmp_path, range(2)) == {}
    assert spoilt(tmp_path, range(2), whole=True) == {0: "unreadable"}
    assert spoilt(tmp_path, range(2), columns=["score"], whole=True) == {}


def test_a_column_that_is_not_there_is_told_though_all_are_read(tmp_path):
    serve(tmp_path, 0, IDS)
    assert spoilt(tmp_path, [0], columns=["age"], whole=True) == {0: "no column 'age'"}


def test_a_table_has_no_files_that_could_be_spoilt(tmp_path):
    table = Predictions(database="nowhere.duckdb", table="log")
    assert spoilt(tmp_path, range(3), log=table) == {}


class TestLabelledRows:
    """Of three days with labels on the same evening; one request a day."""

    @pytest.fixture
    def root(self, tmp_path):
        for day in range(-6, 4):
            serve(tmp_path, day, [f"r{day}"], age=[30.0 + day])
            tell(tmp_path, day, [f"r{day}"])
        return tmp_path

    def read(self, root, *, features=("age",), further=(), first=0, last=2, as_of=3, **asked):
        table, spoilt = readable_labelled_rows(
            spec_of(),
            first=on(first),
            last=on(last),
            as_of=on(as_of),
            features=list(features),
            further=list(further),
            root=root,
            **asked,
        )
        sides = [
            {(day - on(0)).days: why for day, why in one.items()}
            for one in (spoilt.predictions, spoilt.labels)
        ]
        return table["request_id"].to_pylist(), *sides

    def test_are_all_where_no_file_is_spoilt(self, root):
        assert self.read(root) == (["r0", "r1", "r2"], {}, {})

    def test_lack_those_of_a_spoilt_file_of_predictions(self, root):
        file_of(root, 1).write_bytes(b"rot")
        assert self.read(root) == (["r0", "r2"], {1: "unreadable"}, {})

    def test_lack_those_whose_label_lies_in_a_spoilt_file(self, root):
        file_of(root, 1, "told").write_bytes(b"rot")
        assert self.read(root) == (["r0", "r2"], {}, {1: "unreadable"})

    def test_lack_those_of_a_file_whose_values_are_broken(self, root):
        ids = [f"x{n}" for n in range(100)]
        serve(root, 1, ids, age=[1.0] * 100)
        tell(root, 1, ids)
        rot(file_of(root, 1))
        assert self.read(root) == (["r0", "r2"], {1: "unreadable"}, {})

    def test_are_not_spoilt_by_files_before_the_window(self, root):
        """Of these only the ids matter, and nobody is told."""
        for day in (-1, -2):
            file_of(root, day).write_bytes(b"rot")
        serve(root, -3, ["r-3"])
        assert self.read(root) == (["r0", "r1", "r2"], {}, {})

    def test_are_looked_for_until_labels_are_no_more_accepted(self, root):
        """Labels are waited for four days after the last one, and not after the day asked about."""
        _, _, labels = self.read(root, as_of=9, last=2)
        assert sorted(labels) == [4, 5, 6]
        _, _, labels = self.read(root, as_of=4)
        assert labels == {4: "no file"}

    def test_lack_a_day_whose_feature_is_of_another_type(self, root):
        serve(root, 0, ["r0"], age=["thirty"])
        ids, predictions, _ = self.read(root)
        assert ids == ["r1", "r2"]
        assert predictions == {0: "'age' is VARCHAR and in newer files DOUBLE"}

    def test_lack_a_day_without_a_column_that_is_asked_for(self, root):
        serve(root, 0, ["r0"], age=[1.0], plan=["a"])
        ids, predictions, _ = self.read(root, further=["plan"])
        assert ids == ["r0"]
        assert predictions == {1: "no column 'plan'", 2: "no column 'plan'"}

    def test_lack_those_that_were_discarded(self, root):
        ids, *_ = self.read(root, without={("r1", on(1)), ("r0", on(2))})
        assert ids == ["r0", "r2"]

    def test_of_nothing_are_an_empty_table(self, tmp_path):
        ids, predictions, labels = self.read(tmp_path)
        assert ids == []
        assert set(predictions.values()) == set(labels.values()) == {"no file"}

    def test_say_the_same_as_if_all_files_were_whole(self, root):
        asked = {"first": on(0), "last": on(2), "as_of": on(2), "features": ["age"], "root": root}
        found, _ = readable_labelled_rows(spec_of(), further=[], **asked)
        assert found.equals(labelled_rows(spec_of(), **asked))

    def test_are_refused_where_no_single_file_is_to_blame(self, root):
        with pytest.raises(UnusableName, match="'label' cannot stand beside"):
            self.read(root, features=["label"])
        with pytest.raises(NoLabels):
            readable_labelled_rows(
                spec_of().model_copy(update={"labels": None}), first=on(0), last=on(0),
                as_of=on(0), features=[], further=[], root=root,
            )  # fmt: skip


def test_the_error_of_a_column_that_no_file_has_is_no_error_but_an_empty_answer(tmp_path):
    serve(tmp_path, 0, ["a"])
    tell(tmp_path, 0, ["a"])
    table, found = readable_labelled_rows(
        spec_of(), first=on(0), last=on(0), as_of=on(0), features=["agee"], further=[],
        root=tmp_path,
    )  # fmt: skip
    assert (table.num_rows, found.predictions) == (0, {on(0): "no column 'agee'"})
    with pytest.raises(UnknownColumn, match="agee"):
        labelled_rows(
            spec_of(), first=on(0), last=on(0), as_of=on(0), features=["agee"], root=tmp_path
        )

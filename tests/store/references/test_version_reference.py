"""What a version promised, read once from MLflow and from disk ever after."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.stats.columns.bins import CategoricalBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.models.registry import (
    Registry,
    RegistryUnavailable,
    UnknownReference,
)
from monitoring_dagster.store.references.reference import Reference, SpoiltReference
from monitoring_dagster.store.references.version_reference import (
    REFERENCE_FILE,
    answer_columns,
    folder_of,
    has_probabilities,
    loaded,
    reference_of,
    reference_or_reason,
    role_columns,
)
from tests.tiny import DAY, after, monitor_of, registered, spec_of

ROWS = 240
NUMBERS = {"task": "regression", "predictions": {"path": "{day}.parquet", "score": "score"}}


def rows(**changed):
    """Two days of reference rows; None leaves a column out."""
    at = np.arange(ROWS)
    columns = {
        "age": pa.array(at % 7, pa.float64()),
        "plan": pa.array(np.where(at % 3, "pro", "basic")),
        "country": pa.array(np.where(at % 2, "DE", "FR")),
        "label": pa.array(at % 2),
        "prediction": pa.array(at % 2),
        "score": pa.array((at % 10) / 10),
        "day": pa.array([after(-int(n % 2) - 2) for n in at], pa.date32()),
    } | changed
    return pa.table({name: one for name, one in columns.items() if one is not None})


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path, segments=["country"])


def test_all_that_was_registered_is_there(monitor, monkeypatch):
    registered(monkeypatch, rows())
    found = reference_of(monitor, "1")
    assert (found.version, found.run_id, found.registered_on) == ("1", "run 1", DAY)
    assert (found.baseline, found.importances) == ({"log_loss": 0.5}, {"age": 1.0})
    assert (found.features, found.missing_metadata) == ((("age", "numeric"),), ())
    assert (found.trained_until, found.days, found.has_days) == (after(-2), 2, True)
    assert set(found.bins) == {"score", "prediction", "country", "age", "score: extremes"}
    whole, german = Group("1"), Group("1", "country", "DE")
    assert set(found.profiles) == {whole, german, Group("1", "country", "FR")}
    assert found.profiles[whole].rows == found.outcomes[whole].n == ROWS
    assert found.profiles[german].rows == ROWS // 2


def test_once_read_it_needs_no_mlflow(monitor, monkeypatch):
    asked = registered(monkeypatch, rows())
    first = reference_of(monitor, "1")
    assert reference_of(monitor, "1") is first
    assert asked == ["1"]


class TestWhatLiesThere:
    """Damaged, or as another release wrote it: days go on, from rows that the registry has."""

    @pytest.fixture
    def folder(self, monitor):
        found = folder_of(monitor, "1")
        found.mkdir(parents=True)
        return found

    def test_of_a_former_release_is_fetched_again_and_frozen_days_stay(
        self, monitor, folder, monkeypatch
    ):
        for number in ("3", "4"):
            former = folder.parents[2] / number / monitor.name / "1"
            former.mkdir(parents=True)
            for name in ("bins.parquet", "profiles.parquet", "facts.json", "frozen_5.parquet"):
                (former / name).write_text(f"{name} of format {number}")
        asked = registered(monkeypatch, rows())
        assert reference_of(monitor, "1").profiles[Group("1")].rows == ROWS
        assert reference_of(monitor, "1").days == 2
        assert asked == ["1"]
        assert (folder / "frozen_5.parquet").read_text() == "frozen_5.parquet of format 4"
        assert sorted(one.name for one in former.iterdir()) == [  # for who goes back to it
            "bins.parquet", "facts.json", "frozen_5.parquet", "profiles.parquet",
        ]  # fmt: skip

    @pytest.mark.parametrize("place", [0.0, 0.3, 0.5, 0.7], ids="at {}".format)
    def test_damaged_is_fetched_again(self, monitor, folder, monkeypatch, place):
        registered(monkeypatch, rows())
        whole = reference_of(monitor, "1")
        path = folder / REFERENCE_FILE
        spoilt = bytearray(path.read_bytes())
        spoilt[int(len(spoilt) * place)] ^= 1
        path.write_bytes(bytes(spoilt))
        loaded.cache_clear()  # as another process, which has not read it before
        asked = registered(monkeypatch, rows())
        found = reference_of(monitor, "1")
        assert asked == ["1"]
        assert (found.bins, found.usual) == (whole.bins, whole.usual)
        assert Reference.kept(path).kinds == whole.kinds

    def test_damaged_is_no_reference_while_mlflow_is_down(self, monitor, folder, monkeypatch):
        def down(*_):
            raise RegistryUnavailable

        (folder / REFERENCE_FILE).write_bytes(b"no Parquet")
        monkeypatch.setattr(Registry, "describe", down)
        with pytest.raises(RegistryUnavailable):
            reference_of(monitor, "1")

    def test_nothing_is_no_reference(self, folder):
        with pytest.raises(SpoiltReference):
            loaded(folder)


def test_what_each_column_is_and_why_is_kept(monitor, monkeypatch):
    registered(monkeypatch, rows())
    kinds = reference_of(monitor, "1").kinds
    no_part = "no feature, segment or answer of the model"
    assert {name: (one.kind, one.why) for name, one in kinds.items()} == {
        "score": ("numeric", "a score"),
        "prediction": ("categorical", "a prediction"),
        "country": ("categorical", "a segment"),
        "age": ("numeric", "a feature, by the model's signature"),
        "score: extremes": ("categorical", "read off 'score'"),
        **dict.fromkeys(["plan", "label", "day"], (None, no_part)),
    }


def test_while_mlflow_is_down_a_version_never_read_is_an_error(monitor, monkeypatch):
    def down(*_):
        raise RegistryUnavailable

    monkeypatch.setattr(Registry, "describe", down)
    with pytest.raises(RegistryUnavailable):
        reference_of(monitor, "1")
    assert not folder_of(monitor, "1").exists()


@pytest.mark.parametrize("version", ["", "v1", "-1", "1.0", "../1", "\u0661", "1" * 19, "1\n"])
def test_a_value_that_is_no_number_of_mlflows_is_nobodys_and_mlflow_is_not_asked(
    monitor, monkeypatch, version
):
    asked = registered(monkeypatch, rows())
    assert reference_of(monitor, version) is None
    assert asked == []


def test_a_number_that_nobody_registered_is_nobodys(monitor, monkeypatch):
    asked = registered(monkeypatch, rows())
    assert reference_of(monitor, "9" * 18) is None
    assert asked == ["9" * 18]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        pytest.param(rows()[:0], "holds no row: log the training rows", id="no rows"),
        pytest.param(UnknownReference.of("tiny", "1"), "has no artefact", id="no artefact"),
        pytest.param(pa.ArrowInvalid("rot\nmore"), "cannot be used (rot): log the file anew",
                     id="no Parquet"),
    ],
)  # fmt: skip
def test_why_a_version_that_mlflow_knows_has_none(monitor, monkeypatch, table, words):
    """And none is kept: it may be mended."""
    registered(monkeypatch, table)
    found = reference_or_reason(monitor, "1")
    assert isinstance(found, UnknownReference)
    assert words in str(found)
    assert reference_of(monitor, "1") is None
    registered(monkeypatch, rows())
    assert isinstance(reference_or_reason(monitor, "1"), Reference)


@pytest.mark.parametrize(
    ("changed", "column", "there"),
    [
        pytest.param({"age": None}, "age", False, id="a column that is not there"),
        pytest.param({"age": pa.array([[1.0]] * ROWS)}, "age", False, id="lists of numbers"),
        pytest.param({"score": None}, "score: extremes", False, id="no scores to be extreme"),
        pytest.param({}, "plan", False, id="a column that nobody named"),
    ],
)
def test_columns_that_cannot_be_compared_have_no_bins(monitor, monkeypatch, changed, column, there):
    registered(monkeypatch, rows(**changed))
    found = reference_of(monitor, "1")
    assert (column in found.bins) is there
    assert "country" in found.bins


def test_of_two_columns_of_one_name_neither_is_taken(monitor, monkeypatch):
    table = rows()
    registered(monkeypatch, table.append_column("age", table["score"]))
    assert "age" not in reference_of(monitor, "1").bins


def test_features_that_the_owner_declared_go_before_the_signatures(tmp_path, monkeypatch):
    declared = [{"name": "plan", "kind": "categorical"}, {"name": "age"}]
    registered(monkeypatch, rows(), features=(("age", "categorical"), ("country", "categorical")))
    found = reference_of(monitor_of(tmp_path, features=declared), "1")
    assert isinstance(found.bins["plan"], CategoricalBins)
    assert isinstance(found.bins["age"], CategoricalBins), "as the signature has it"
    assert "country" not in found.bins
    assert found.kinds["plan"].why == found.kinds["age"].why == "a feature, as declared"


def test_without_labels_or_days_it_has_no_outcomes_and_no_days(monitor, monkeypatch):
    registered(monkeypatch, rows(label=None, day=None), training_window=None)
    found = reference_of(monitor, "1")
    assert (found.outcomes, found.days, found.has_days) == ({}, 0, False)
    assert found.trained_until is None


@pytest.mark.parametrize(("n", "days"), [(99, 0), (100, 2)])
def test_a_day_counts_from_a_hundred_rows_on(monitor, monkeypatch, n, days):
    day = [after(-2)] * n + [after(-3)] * n
    registered(monkeypatch, rows()[: 2 * n].set_column(6, "day", pa.array(day, pa.date32())))
    assert reference_of(monitor, "1").days == days


@pytest.mark.parametrize(
    ("changed", "roles", "answers"),
    [
        pytest.param({}, ("score", "prediction"), ("score", "prediction", "score: extremes"),
                     id="probabilities"),
        pytest.param({"predictions": {"path": "{day}.parquet"}}, ("prediction",), ("prediction",),
                     id="no score"),
        pytest.param(NUMBERS, ("score", "prediction"), ("score", "prediction"), id="numbers"),
    ],
)  # fmt: skip
def test_answers_are_told_first_and_extremes_are_of_probabilities(changed, roles, answers):
    spec = spec_of(**changed)
    assert (role_columns(spec), answer_columns(spec)) == (roles, answers)
    assert has_probabilities(spec) is ("score: extremes" in answers)


def test_what_was_asked_of_it_is_no_part_of_it(monitor, monkeypatch):
    registered(monkeypatch, rows())
    found = reference_of(monitor, "1")
    assert replace(found, asked={(Group("1"), ""): {}}) == found
    assert isinstance(found.registered_on, date)

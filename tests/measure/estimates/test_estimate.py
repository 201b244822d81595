"""What is expected of a day before any label: near the raw rows' own, and held to the truth."""

import shutil
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitoring_dagster.measure import contract
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.estimates import estimate
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.estimation.score_estimation import calibrate
from monitoring_dagster.store.days.estimated import estimates_of
from monitoring_dagster.store.models.registry import Registry
from monitoring_dagster.store.references.version_reference import folder_of
from tests.once import mlflow_database
from tests.world import START, World, day_after

DAYS = [day_after(START, n) for n in range(8)]
WHOLE = Group("1")


def expected(world, day=START):
    """Contract to estimate of one day; what the step's check says."""
    for step in (contract, profile, drift, estimate):
        report = step.run(world.monitor, day)
    return report.checks["expected_performance"].words


def changed(world, change, day=START):
    """Serve the day otherwise."""
    world.write(day, log=change(world.served(day)))


def methods(world, day=START):
    rows = world.monitor.results.read("tiny", "estimate", day).to_pylist()
    return {(row["segment"], row["method"]) for row in rows}


def stored(world):
    """The estimates as they lie on disk."""
    folder = world.root / ".monitoring" / "results" / "tiny" / "estimate"
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def column(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@pytest.fixture
def refer(world, monkeypatch):
    """Let version 1 have been registered with another reference."""

    def with_reference(change):
        registered = Registry.reference
        monkeypatch.setattr(Registry, "reference", lambda *given: change(registered(*given)))
        shutil.rmtree(folder_of(world.monitor, "1"))

    return with_reference


@pytest.fixture(scope="module")
def numbers_world(tmp_path_factory):
    """A regression whose noise grows with `debt`."""

    @dataclass
    class Noisy(World):
        def rows(self, day):
            frame = super().rows(day)
            noise = np.random.default_rng(day.toordinal()).normal(size=len(frame))
            return frame.assign(label=30 + frame["income"] + noise * (1 + frame["debt"]))

    world = Noisy(tmp_path_factory.mktemp("regression"), task="regression")
    world.train_first()
    return world


@pytest.fixture(scope="module")
def taught(founded):
    """What scores mean, by the raw rows of the reference."""
    rows = founded.monitor.registry.reference("tiny", "1").to_pandas()
    known = {name: rows[name] for name in ("label", "prediction", "score")}
    return calibrate("binary", **known, block=rows["day"].astype(str))


@pytest.mark.parametrize(
    ("day", "threshold"),
    [(DAYS[0], 0.5), (DAYS[4], 0.5), (DAYS[5], 0.2), (DAYS[6], 0.7), (DAYS[7], -1.0)],
)
def test_stored_counts_say_what_the_raw_rows_say(world, taught, day, threshold):
    """Within 0.0002, though score and prediction were counted each alone (0.002 for the average
    precision, which feels how scores lie within their bins); even where the service answers by
    another threshold than in the reference, or with ones alone."""
    if threshold != 0.5:
        changed(world, lambda log: log.assign(prediction=(log["score"] > threshold) * 1), day)
        expected(world, day)
    log = pd.read_parquet(world.file("predictions", day))
    counted = log[(log["status"] == "ok") & ~log["synthetic"]]
    for group, found in estimates_of(world.monitor, day).items():
        rows = counted[counted[group.segment] == group.value] if group.segment else counted
        raw = taught.estimate(
            prediction=rows["prediction"], score=rows["score"], rng=np.random.default_rng(0)
        )
        assert found.keys() == raw.keys()
        for name, metric in found.items():
            off = 2e-3 if name == "average_precision" else 2e-4
            assert metric.value == pytest.approx(raw[name].value, abs=off), (group, name)
            assert metric.n == raw[name].n == len(rows)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_the_interval_holds_what_the_labels_show_and_says_something(founded, metric):
    held = 0
    for day in DAYS:
        found = estimates_of(founded.monitor, day)[WHOLE][metric]
        log = pd.read_parquet(founded.file("predictions", day))
        counted = log[(log["status"] == "ok") & ~log["synthetic"]]
        rows = counted.merge(founded.rows(day)[["request_id", "label"]])
        right = np.where(rows["label"] == 1, rows["score"], 1 - rows["score"])
        realised = {"log_loss": -np.log(right).mean(), "accuracy": (right > 0.5).mean()}[metric]
        held += found.low <= realised <= found.high
        assert found.high - found.low < 0.2
    assert held >= 7


def test_no_label_of_the_day_is_read_and_neither_runs_nor_their_order_change_a_byte(world):
    before = stored(world)
    assert len(before) >= len(DAYS)
    shutil.rmtree(world.root / "data")
    shutil.rmtree(world.root / ".monitoring" / "results" / "tiny" / "outcomes")
    for day in reversed(DAYS):
        estimate.run(world.monitor, day)
    assert stored(world) == before


def test_a_drifted_day_is_estimated_from_reference_rows_like_its_own(world, refer):
    """Where `debt` is high labels are a coin in the reference, and now it is high everywhere."""

    def coin(table):
        rng = np.random.default_rng(1)
        high = table["debt"].to_numpy() > 5
        tossed = rng.integers(0, 2, table.num_rows)
        return column(table, "label", np.where(high, tossed, table["label"].to_numpy()))

    refer(coin)
    world.spec_changes["multivariate_drift"] = True
    changed(world, lambda log: log.assign(debt=log["debt"] + 5))
    said = expected(world)
    assert methods(world) == {("", "pape"), ("country", "cbpe")}
    weighed = estimates_of(world.monitor, START)[WHOLE]
    assert "log_loss of version 1 is expected to be" in said
    rows = world.joined(START)
    truth = np.random.default_rng(2).integers(0, 2, len(rows))
    right = np.where(truth == 1, rows["score"], 1 - rows["score"])
    assert weighed["log_loss"].low <= -np.log(right).mean() <= weighed["log_loss"].high
    shutil.rmtree(world.root / ".monitoring" / "results" / "tiny" / "drift")
    estimate.run(world.monitor, START)
    plain = estimates_of(world.monitor, START)[WHOLE]
    assert methods(world) == {("", "cbpe"), ("country", "cbpe")}
    assert plain["log_loss"].value < weighed["log_loss"].value
    assert plain["log_loss"].high < weighed["log_loss"].high


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda log: log.assign(income=log["income"] + 1e3, debt=log["debt"] + 1e3, plan="x"),
            id="every row lies where the reference has none",
        ),
        pytest.param(
            lambda log: log.drop(columns="income").assign(debt=log["debt"] + 5),
            id="a feature is not there",
        ),
        pytest.param(
            lambda log: log.assign(income="much", debt=log["debt"] + 5), id="a feature is text"
        ),
        pytest.param(
            lambda log: log.assign(country=log["country"].map({"DE": "FR", "FR": "AT"})),
            id="only a column that the model does not read has drifted",
        ),
    ],
)
def test_where_rows_cannot_be_weighed_what_scores_meant_on_the_whole_is_taken(world, change):
    usual = estimates_of(world.monitor, START)[WHOLE]
    world.spec_changes["multivariate_drift"] = True
    changed(world, change)
    expected(world)
    assert {method for _, method in methods(world)} == {"cbpe"}
    found = estimates_of(world.monitor, START)[WHOLE]
    assert found["log_loss"].value == pytest.approx(usual["log_loss"].value, rel=1e-9)


def test_a_drifted_day_whose_file_is_gone_by_now_is_estimated_all_the_same(world):
    changed(world, lambda log: log.assign(debt=log["debt"] + 5))
    expected(world)
    world.file("predictions", START).unlink()
    estimate.run(world.monitor, START)
    assert methods(world) == {("", "cbpe"), ("country", "cbpe")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            lambda table: table.drop_columns(["label"]), "no row with label", id="no labels"
        ),
        pytest.param(
            lambda table: column(table, "label", [None] * table.num_rows),
            "no row with label",
            id="empty labels",
        ),
        pytest.param(
            lambda table: table.drop_columns(["score"]), "prediction and score", id="no scores"
        ),
        pytest.param(
            lambda table: column(table, "score", np.arange(table.num_rows) - 9.0),
            "log the probability, not a raw score",
            id="raw scores",
        ),
        pytest.param(
            lambda table: column(table, "label", ["yes", "no"] * (table.num_rows // 2)),
            "label 'yes' is neither 0 nor 1",
            id="labels in words",
        ),
    ],
)
def test_a_reference_that_teaches_nothing_is_told_and_drift_is_judged_all_the_same(
    world, refer, change, words
):
    refer(change)
    said = expected(world)
    assert said.startswith("No verdict: nothing is expected of version 1: its reference")
    assert words in said
    assert estimates_of(world.monitor, START) == {}
    assert world.monitor.results.read("tiny", "drift", START).num_rows


def in_one_row(values, value):
    """The values as a list, with another one in the tenth row."""
    found = values.to_pylist()
    found[9] = value
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("score", 1.0000000000000002, id="a score of 1 and a rounding"),
        pytest.param("score", 1.7, id="a score that is no probability"),
        pytest.param("label", 2, id="a label of no class"),
        pytest.param("prediction", 2, id="an answer of no class"),
    ],
)
def test_one_bad_row_of_the_reference_costs_one_row(world, refer, name, value):
    usual = estimates_of(world.monitor, START)[WHOLE]["log_loss"]
    refer(lambda table: column(table, name, in_one_row(table[name], value)))
    assert expected(world) == "within tolerance of the baseline"
    found = estimates_of(world.monitor, START)[WHOLE]["log_loss"]
    assert found.value == pytest.approx(usual.value, abs=2e-3)


def test_a_score_of_1_and_a_rounding_costs_nothing(world):
    usual = estimates_of(world.monitor, START)[WHOLE]["log_loss"]
    changed(world, lambda log: log.assign(score=log["score"].where(log.index != 9, 1 + 2e-16)))
    assert expected(world) == "within tolerance of the baseline"
    found = estimates_of(world.monitor, START)[WHOLE]["log_loss"]
    assert found.value == pytest.approx(usual.value, abs=0.05)


@pytest.mark.parametrize("days", [np.arange(4500) % 28 + 1, ["Mon", "Tue"] * 2250], ids=type)
def test_a_column_called_day_that_tells_of_no_dates_makes_the_reference_one_day(world, refer, days):
    usual = estimates_of(world.monitor, START)[WHOLE]["log_loss"]
    refer(lambda table: column(table, "day", days[: table.num_rows]))
    assert expected(world) == "within tolerance of the baseline"
    found = estimates_of(world.monitor, START)[WHOLE]["log_loss"]
    assert found.value == pytest.approx(usual.value, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            lambda log: log.assign(model_version="7"),
            "nothing is expected of version 7: the registry does not know it",
            id="a version that nobody knows",
        ),
        pytest.param(
            lambda log: log.assign(score=np.nan), "no row has a score", id="no score is known"
        ),
        pytest.param(
            lambda log: log.assign(score=log["score"] * 2), "are no probabilities", id="scores of 2"
        ),
        pytest.param(
            lambda log: log.assign(prediction=7), "that the reference has", id="unheard of"
        ),
        pytest.param(
            lambda log: log.drop(columns="score"), "no rows on 2026-03-02", id="no column"
        ),
        pytest.param(lambda log: log.iloc[:0], "no rows on 2026-03-02", id="no row"),
        pytest.param(
            lambda log: log.assign(status="error"),
            "none of 300 rows on 2026-03-02 is judged",
            id="every request failed",
        ),
    ],
)
def test_a_day_that_allows_no_estimate_says_why(world, change, words):
    changed(world, change)
    said = expected(world)
    assert said.startswith("No verdict: ")
    assert words in said
    assert estimate.run(world.monitor, START).checks["expected_performance"].passed is None
    assert estimates_of(world.monitor, START) == {}


def test_an_unknown_version_beside_a_known_one_is_told_and_takes_nothing_away(world):
    changed(world, lambda log: log.assign(model_version=["1", "7"] * (len(log) // 2)))
    said = expected(world)
    assert said.startswith("within tolerance of the baseline; nothing is expected of version 7")
    assert estimates_of(world.monitor, START)[WHOLE]["accuracy"].n == pytest.approx(150, 5)


def test_judged_metrics_that_no_score_foretells_are_named(world):
    world.spec_changes["rules"] = {"performance": {"bias": {"absolute": 0.1}}}
    report = estimate.run(world.monitor, START)
    check = report.checks["expected_performance"]
    assert (check.passed, check.words) == (
        None,
        "No verdict: no judged metric can be estimated: bias",
    )


def test_an_expected_loss_of_numbers_follows_the_column_that_makes_the_noise(numbers_world):
    found, realised = {}, {}
    for day, more in ((START, 0.0), (day_after(START, 1), 6.0)):
        rows = numbers_world.rows(day)
        rng = np.random.default_rng(3)
        noise = (1 + rows["debt"] + more) * rng.normal(size=len(rows))
        truth = 30 + rows["income"] + noise
        log = numbers_world.served(day).assign(debt=rows["debt"] + more)
        numbers_world.write(day, log=log)
        expected(numbers_world, day)
        assert methods(numbers_world, day) == {("", "dle"), ("country", "dle")}
        found[more] = estimates_of(numbers_world.monitor, day)[WHOLE]
        realised[more] = np.abs(log["prediction"] - truth).mean()
    assert found[6.0]["mae"].value > 1.5 * found[0.0]["mae"].value
    for more, metrics in found.items():
        assert metrics.keys() == {"mae", "mse", "rmse"}
        assert metrics["mae"].low <= realised[more] <= metrics["mae"].high
        assert metrics["rmse"].value == pytest.approx(metrics["mse"].value ** 0.5)
        assert metrics["rmse"].value > metrics["mae"].value


def test_numbers_of_which_the_reference_knows_few_labels_have_no_expected_loss(
    numbers_world, tmp_path, monkeypatch
):
    world = numbers_world.copied_to(tmp_path)
    world.write(START)
    registered = Registry.reference
    monkeypatch.setattr(Registry, "reference", lambda *given: registered(*given).slice(0, 199))
    shutil.rmtree(folder_of(world.monitor, "1"), ignore_errors=True)
    assert "fewer than 200 rows with label" in expected(world)


@pytest.mark.parametrize("prediction", [np.nan, np.inf, "much"])
def test_rows_without_a_number_for_an_answer_have_no_expected_loss(
    numbers_world, tmp_path, prediction
):
    world = numbers_world.copied_to(tmp_path)
    changed(world, lambda log: log.assign(prediction=prediction))
    assert expected(world).endswith("its rows have no prediction")
    changed(world, lambda log: log.assign(prediction=log["prediction"].where(log.index % 2 == 1)))
    expected(world)
    assert estimates_of(world.monitor, START)[WHOLE]["mae"].n == 148


def test_several_classes_are_estimated_each_by_its_own_mistakes(tmp_path, tmp_path_factory):
    mlflow_database(tmp_path_factory, tmp_path / ".monitoring" / "mlflow.db")
    world = World(tmp_path, task="multiclass")
    world.train_first()
    world.write(START)
    assert expected(world) == "within tolerance of the baseline"
    found = estimates_of(world.monitor, START)
    assert {group.segment for group in found} == {"", "country"}
    truth = world.rows(START).merge(world.served(START)[["request_id", "prediction"]])
    accuracy = (truth["label"] == truth["prediction"]).mean()
    assert found[WHOLE].keys() == {"accuracy", "balanced_accuracy", "precision", "recall", "f1"}
    assert found[WHOLE]["accuracy"].low <= accuracy <= found[WHOLE]["accuracy"].high

"""A critical model's week: what it shows that no day and no column shows."""

from dataclasses import replace
from datetime import timedelta
from math import isnan

import numpy as np
import pytest

from monitoring_dagster.decide.judging.statements import of_newest_week
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift, multivariate
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.signals import StoredSignals
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import House, Monitor
from monitoring_dagster.store.references import reference_sample
from monitoring_dagster.store.references.version_reference import reference_of
from tests.world import NUMBERS, START, day_after, stated

ROWS = 600  # of either sample
SUNDAY = day_after(START, 6)
WEEK = [day_after(START, n) for n in range(7)]


@pytest.fixture(scope="module", autouse=True)
def _small_samples():
    """Enough to see what these tests show, in a fraction of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (multivariate, reference_sample):
            patch.setattr(module, "SAMPLE_ROWS", ROWS)
        yield


@pytest.fixture(scope="module")
def critical(founded, tmp_path_factory):
    """The founded world, whose model is critical; its first week has not been looked at."""
    world = founded.copied_to(tmp_path_factory.mktemp("critical"))
    return replace(world, spec_changes={"multivariate_drift": True})


@pytest.fixture(scope="module")
def ordinary(critical, tmp_path_factory):
    """The report on the first week, in a copy of the world."""
    world = critical.copied_to(tmp_path_factory.mktemp("ordinary"))
    return world, multivariate.run(world.monitor, START)


@pytest.fixture(scope="module")
def coupled(critical, tmp_path_factory):
    """A week in which debt suddenly rises with income: the same debts, at other customers."""
    world = critical.copied_to(tmp_path_factory.mktemp("coupled"))
    for day in WEEK:
        log = world.served(day)
        rank = log["income"].rank(method="first").astype(int) - 1
        world.write(day, log=log.assign(debt=np.sort(log["debt"])[rank]))
        for step in (profile, drift):
            step.run(world.monitor, day)
    return world, multivariate.run(world.monitor, START)


@pytest.fixture
def lived(critical, tmp_path):
    """A copy of the critical world, to be broken."""
    return critical.copied_to(tmp_path)


def test_an_ordinary_week_is_no_drift(ordinary):
    _, report = ordinary
    assert report.checks["multivariate_drift"].passed
    assert report.numbers["auc_low"] < 0.55
    assert report.numbers["n_current"] == ROWS
    assert {row["column"] for row in report.table} == {*NUMBERS, "plan"}


def test_a_correlation_that_appears_is_drift_though_each_day_and_column_passes(coupled):
    world, report = coupled
    days = [world.monitor.results.read("tiny", DRIFT, day) for day in WEEK]
    verdicts = {row["verdict"] for table in days for row in table.to_pylist()
                if row["column"] in (*NUMBERS, "plan") and not row["segment"]}  # fmt: skip
    assert verdicts == {"OK"}
    check = report.checks["multivariate_drift"]
    assert not check.passed
    assert "version 1: a classifier tells the rows from the reference" in check.words
    assert {row["column"] for row in report.table[:2]} == {"income", "debt"}
    assert report.numbers["p_mmd"] < 0.01
    assert "income" in (report.picture or "")


def week_of(monitor, day):
    """What the newest week says on a day."""
    return of_newest_week(StoredSignals(monitor, day), day)


def says_nothing(monitor, day):
    (one,) = week_of(monitor, day)
    return isnan(one.value)


def test_the_week_is_told_from_its_end_on_until_it_is_stale(coupled):
    world, _ = coupled
    assert week_of(world.monitor, day_after(SUNDAY, -1)) == []
    for later in (0, 1, 7, 13):
        day = day_after(SUNDAY, later)
        [found] = stated(world.monitor, day, week_of(world.monitor, day))
        assert (found.kind, found.severity, found.subject, found.day) == (
            FindingKind.MULTIVARIATE_DRIFT,
            Severity.P2,
            "all features",
            day_after(SUNDAY, later),
        )
        assert f"in the week from {START}: a classifier" in found.words
    assert week_of(world.monitor, day_after(SUNDAY, 14)) == []


def test_the_next_verdict_opens_an_incident_and_a_good_week_closes_it(coupled, tmp_path):
    world = coupled[0].copied_to(tmp_path)
    assert world.today == day_after(SUNDAY, 2)
    world.live(1)
    assert kinds_open(world) == {FindingKind.MULTIVARIATE_DRIFT}
    world.live(7)  # the second week ends on the way, and two quiet days follow
    assert world.monitor.results.days("tiny", multivariate.STEP) == [START, day_after(START, 7)]
    assert kinds_open(world) == set()


def test_a_week_run_twice_changes_no_byte(ordinary):
    world, report = ordinary
    before = world.memory()
    assert multivariate.run(world.monitor, START) == report
    assert world.memory() == before


def test_days_that_are_missing_or_cannot_be_read_leave_the_others(lived):
    lived.file("predictions", WEEK[1]).unlink()
    lived.file("predictions", WEEK[3]).write_bytes(b"no parquet")
    report = multivariate.run(lived.monitor, START)
    assert report.numbers["days"] == 5
    assert report.numbers["n_current"] == ROWS


def test_a_column_that_came_otherwise_on_one_day_is_left_out_of_the_week(lived):
    """The contract has told about it; the other columns are compared all the same."""
    log = lived.served(WEEK[2])
    several = [[value] for value in log["debt"]]
    lived.write(WEEK[2], log=log.drop(columns="age").assign(debt=several))
    report = multivariate.run(lived.monitor, START)
    assert {row["column"] for row in report.table} == {"income", "plan"}
    assert report.checks["multivariate_drift"].passed


def test_numbers_that_came_as_text_on_one_day_are_compared_as_numbers(lived):
    log = lived.served(WEEK[2])
    lived.write(WEEK[2], log=log.assign(debt=log["debt"].astype(str)))
    report = multivariate.run(lived.monitor, START)
    assert {row["column"] for row in report.table} == {"income", "age", "debt", "plan"}
    assert report.checks["multivariate_drift"].passed


def test_a_week_without_a_row_is_stored_and_says_nothing(lived):
    empty = day_after(START, 700)
    report = multivariate.run(lived.monitor, empty)
    check = report.checks["multivariate_drift"]
    assert (check.passed, check.words) == (
        None,
        "No verdict: no day of this week has rows that can be read",
    )
    assert says_nothing(lived.monitor, day_after(empty, 6))


def test_too_few_rows_are_no_verdict_and_a_version_nobody_knows_is_not_compared(lived):
    for day in WEEK:
        log = lived.served(day)
        lived.write(day, log=log.assign(model_version=["1"] * 20 + ["77"] * (len(log) - 20)))
    report = multivariate.run(lived.monitor, START)
    assert report.checks["multivariate_drift"].passed is None
    assert "version 1: the current data has 105 rows, below the 200" in report.words["compared"]
    assert "77" not in report.words["compared"]
    assert says_nothing(lived.monitor, SUNDAY)


def test_a_sample_that_was_drawn_once_needs_no_mlflow(ordinary, critical):
    """It lies beside the reference; where an older one has none, MLflow is asked."""
    world, _ = ordinary
    cut_off = monitor_without_mlflow(world)
    assert reference_sample.reference_sample(cut_off, reference_of(cut_off, "1")).rows.num_rows
    cut_off = monitor_without_mlflow(critical)
    with pytest.raises(RegistryUnavailable):
        reference_sample.reference_sample(cut_off, reference_of(cut_off, "1"))


def test_what_ordinary_weeks_show_is_no_drift(lived, monkeypatch):
    """Incomes that rise from week to week in the reference may do so ever after."""
    monitor, weeks = lived.monitor, 3
    table = lived.monitor.registry.reference("tiny", "1")
    rows = table.to_pandas()
    rows["day"] = [START - timedelta(days=n % (7 * weeks) + 1) for n in range(len(rows))]
    rows["income"] += [10 * ((START - day).days > 7) for day in rows["day"]]
    moving = type(table).from_pandas(rows, preserve_index=False)
    monkeypatch.setattr(type(monitor.registry), "reference", lambda *_: moving)
    found = reference_sample.reference_sample(monitor, reference_of(monitor, "1"))
    assert found.usual_auc > 0.65
    assert multivariate.run(monitor, START).numbers["usual_auc"] == found.usual_auc


def kinds_open(world):
    return {one.kind for one in world.monitor.ledger.open_incidents("tiny")}


def monitor_without_mlflow(world):
    house = House.at(world.root, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    return Monitor(world.spec, house)

"""A version that cannot be judged costs itself alone: its rows, and no other's."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import contract
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import multivariate
from monitoring_dagster.measure.quality import evaluation
from monitoring_dagster.measure.version_gaps import registration_signals
from monitoring_dagster.store.models.registry import ModelVersion, UnknownReference, UnknownVersion
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.views.backtest import backtest
from monitoring_dagster.views.runbook import walk
from monitoring_dagster.views.status import status_of
from tests.orchestration.small_project import (
    DAYS,
    ROWS,
    OneVersion,
    evaluations,
    rows_of,
    run_days,
)

UNKNOWN, METADATA = FindingKind.UNKNOWN_VERSION, FindingKind.VERSION_METADATA
P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3
STEPS = ("contract", "profile", "drift", "estimate", "outcomes", "verdict")
EACH = 10  # rows of each odd version, in a day of 150


class ManyVersions(OneVersion):
    """Version 1 is as it ought to be; the others lack something, each something else."""

    def describe(self, name: str, version: str) -> ModelVersion:
        if version not in [*map(str, range(1, 9))]:
            raise UnknownVersion.named(name, version, available=["1", "2"])
        whole = super().describe(name, version)
        if version == "5":
            return replace(whole, metrics={})
        if version == "7":
            return replace(whole, features=(), parameters={}, code_hash=None)
        return whole

    def reference(self, name: str, version: str) -> pa.Table:
        rows = super().reference(name, version)
        if version == "2":
            raise UnknownReference.of(name, version)
        if version == "3":
            raise UnknownReference.unreadable(name, version, OSError("Parquet magic bytes not"))
        if version == "8":
            return rows[:0]
        without = {"4": ["amount"], "6": ["score", "prediction"]}.get(version, [])
        if version == "5":
            nested = pa.array([[1.0]] * rows.num_rows)
            rows = rows.set_column(rows.column_names.index("amount"), "amount", nested)
            return rows.drop_columns(["label"])
        return rows.drop_columns(without)


@dataclass(frozen=True)
class Daily(OneVersion):
    """Version 2 has a reference of so many days, of so many rows each."""

    days: int
    rows: int

    def describe(self, name: str, version: str) -> ModelVersion:
        return replace(super().describe(name, version), version=version)

    def reference(self, name: str, version: str) -> pa.Table:
        first = DAYS[0] - timedelta(days=60)
        days = [first + timedelta(days=n) for n in range(max(self.days, 1))]
        table = pa.concat_tables([rows_of(day, rows=self.rows) for day in days])
        table = table.append_column("label", table["prediction"])
        column = [day for day in days for _ in range(self.rows)]
        return table.append_column("day", pa.array(column)) if self.days else table


ODD = ["2", "3", "4", "5", "6", "7", "8", "9", "v2", "champion", "007", "9" * 400]


def serve(monitor: Monitor, day: date, *versions: str) -> None:
    """A day's log of which the first rows, ten each, name other versions than 1; all rows where
    only one is named."""
    each = EACH if len(versions) > 1 else ROWS
    named = [one for one in versions for _ in range(each)]
    log = rows_of(day)
    place = log.column_names.index("model_version")
    column = pa.array([*named, *["1"] * (ROWS - len(named))])
    path = monitor.root / f"data/predictions/{day}.parquet"
    pq.write_table(log.set_column(place, "model_version", column), path)


@pytest.fixture
def served(monitor: Monitor) -> Monitor:
    """The small project, with rows of every odd version on the second of three days."""
    monitor.house.__dict__["registry"] = ManyVersions()
    serve(monitor, DAYS[1], *ODD)
    return monitor


def test_each_odd_version_has_its_finding_and_all_days_are_judged(
    served: Monitor, instance: dg.DagsterInstance
):
    """Three days in one run of Dagster, the middle one with a dozen odd versions."""
    result = run_days(served, instance, STEPS, DAYS[0], DAYS[2])
    assert result.success
    found = {
        one.subject: one
        for one in served.ledger.findings(served.name, DAYS[1], DAYS[1])
        if one.kind in (UNKNOWN, METADATA)
    }
    assert {name: (one.kind, one.severity) for name, one in found.items()} == {
        "2": (METADATA, P1),
        "3": (METADATA, P1),
        "4": (METADATA, P2),
        "5": (METADATA, P2),
        "6": (METADATA, P2),
        "7": (METADATA, P2),
        "8": (METADATA, P1),
        **dict.fromkeys(ODD[7:], (UNKNOWN, P1)),
    }
    said = {name: one.words for name, one in found.items()}
    assert (
        "10 rows of version 2 are counted and not judged: version 2 of 'churn' has no" in said["2"]
    )
    assert "cannot be used (Parquet magic bytes not)" in said["3"]
    assert "without feature 'amount' in its reference" in said["4"]
    assert "not judged: drift of amount" in said["4"]
    assert "a value of log_loss" in said["5"]
    assert "quality by log_loss (rules.performance)" in said["5"]
    assert "column 'prediction' in its reference, column 'score' in its reference" in said["6"]
    assert "features in its signature" in said["7"]
    assert "code_hash" in said["7"]
    assert "holds no row" in said["8"]
    assert said["v2"].endswith("log '2'?")
    judged = {
        (one.partition, one.check_name) for one in evaluations(result) if one.passed is not None
    }
    # On the middle day version 1 has 30 rows, too few to compare.
    assert {day for day, check in judged if check == "feature_drift"} == {
        str(DAYS[0]),
        str(DAYS[2]),
    }
    assert {(str(day), "schema") for day in DAYS[:3]} <= judged
    for day in DAYS[:3]:
        table = served.results.read(served.name, "drift", day)
        versions = set(table["version"].to_pylist())
        assert "1" in versions
        assert day != DAYS[1] or versions == {"1", "4", "5", "6", "7"}
        columns = {row["column"] for row in table.to_pylist() if row["version"] == "1"}
        assert columns == {"score", "score: extremes", "prediction", "amount", "country"}


def test_commands_answer_about_a_model_with_odd_versions(
    served: Monitor, instance: dg.DagsterInstance
):
    run_days(served, instance, STEPS, DAYS[0], DAYS[2])
    assert status_of(served).judged_until == str(DAYS[2])
    assert len(walk(served, today=DAYS[3])) == 8
    assert len(backtest(served).days) == 3


def test_a_reference_of_few_days_says_so_on_the_first_day_alone(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """Once, and as no fault: its check passes."""
    monitor.house.__dict__["registry"] = Daily(3, 700)
    for day in DAYS[:3]:
        serve(monitor, day, "2")
    result = run_days(monitor, instance, ("contract", "profile", "verdict"), DAYS[0], DAYS[2])
    checks = [one for one in evaluations(result) if one.check_name == "versions"]
    first, *others = sorted(checks, key=lambda one: str(one.partition))
    assert "has 3 days of 100 rows or more: limits for drift are wide" in str(first.description)
    assert all("limits" not in str(one.description) for one in others)
    assert all(one.passed for one in checks)
    found = monitor.ledger.findings(monitor.name, DAYS[0], DAYS[2])
    assert [one.day for one in found if one.kind is METADATA] == [DAYS[0]]


@pytest.mark.parametrize(
    ("days", "rows", "words"),
    [
        pytest.param(1, 2000, "has 1 day of 100 rows or more: normal variation", id="one day"),
        pytest.param(5, 400, "has 5 days of 100 rows or more: limits for drift are", id="five"),
        pytest.param(40, 50, "has no days of 100 rows or more: normal variation", id="small days"),
        pytest.param(0, 2000, "has no column 'day': normal variation", id="none told apart"),
        pytest.param(7, 200, "", id="a week"),
    ],
)
def test_how_many_days_a_reference_has_is_counted(
    monitor: Monitor, days: int, rows: int, words: str
):
    monitor.house.__dict__["registry"] = Daily(days, rows)
    serve(monitor, DAYS[1], "2")
    profile.run(monitor, DAYS[1])
    found = [one.reason for one in registration_signals(monitor, DAYS[1])]
    assert len(found) == bool(words)
    assert all(words in one for one in found)


class Forgotten(OneVersion):
    """Its reference rows were deleted after they were read once."""

    def reference(self, name: str, version: str) -> pa.Table:
        raise UnknownReference.of(name, version)


@pytest.mark.parametrize("registry", [ManyVersions, Forgotten])
def test_a_week_with_versions_that_cannot_be_compared_is_judged_for_the_others(
    monitor: Monitor, registry: type[OneVersion]
):
    """Of a critical model: one has no features, one had its rows deleted."""
    critical = replace(monitor, spec=monitor.spec.model_copy(update={"multivariate_drift": True}))
    critical.house.__dict__["registry"] = registry()
    if registry is ManyVersions:
        serve(critical, DAYS[1], *ODD)
    for day in DAYS[:7]:
        contract.run(critical, day)
        profile.run(critical, day)
    multivariate.run(critical, DAYS[0])
    table = critical.results.read(critical.name, multivariate.STEP, DAYS[0])
    versions = {*table["version"].to_pylist()}
    assert versions == ({"1", "4", "5", "6"} if registry is ManyVersions else set())


class Unpromised(OneVersion):
    """A metric is registered under a name that no rule knows, and the reference has no labels."""

    def describe(self, name: str, version: str) -> ModelVersion:
        return replace(super().describe(name, version), version=version, metrics={"log_los": 0.65})

    def reference(self, name: str, version: str) -> pa.Table:
        return super().reference(name, version).drop_columns(["label"])


def test_a_rule_whose_metric_nobody_promised_has_no_verdict(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """Never "within what registration promised": the check is silent, and a finding says why."""
    monitor.house.__dict__["registry"] = Unpromised()
    for day in DAYS[:3]:
        serve(monitor, day, "2")
    steps = (*STEPS, "evaluation")
    result = run_days(monitor, instance, steps, DAYS[0], DAYS[2])
    assert result.success
    said = [one.description for one in evaluations(result) if one.check_name == "performance"]
    assert not any("within what registration promised" in str(words) for words in said)
    check = evaluation.run(monitor, DAYS[0]).checks["performance"]
    assert check.passed is None
    assert "No verdict: nothing to compare log_loss of version 2 with: neither" in check.words
    found = monitor.ledger.findings(monitor.name, DAYS[0], DAYS[0])
    (finding,) = (one for one in found if one.kind is METADATA)
    assert finding.severity is P2
    assert "a value of log_loss" in finding.words
    assert "quality by log_loss (rules.performance)" in finding.words

"""A day that is not as agreed: each fault is one breach, with column, count, example and cause."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import contract
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.step import Tone
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.estimated import ESTIMATE
from monitoring_dagster.store.days.profiles import profiles_of, service_of
from monitoring_dagster.store.days.signals import stored_on
from monitoring_dagster.store.days.usable_rows import quiet_columns
from monitoring_dagster.store.models.registry import UnknownReference
from monitoring_dagster.store.references import version_reference as reference
from tests.world import FEATURES, START, as_table, attributes, stated

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3
ROWS, COUNTED = 300, 295
EPOCH = {"s": 1, "ms": 1_000, "us": 1_000_000}


def written(world, name, change):
    """Today's log with another column *name*: what *change* makes of it, a Series or an array."""
    frame = world.served(world.today)
    table = as_table(frame)
    changed = change(frame[name])
    if isinstance(changed, pd.Series):
        changed = as_table(changed.to_frame(name))[name]
    elif not isinstance(changed, pa.Array):
        changed = pa.array(changed)
    table = table.set_column(table.column_names.index(name), name, changed)
    world.write(world.today)
    pq.write_table(table, world.file("predictions", world.today))


def stated_today(monitor, day):
    """What the contract or the profile of a day states."""
    return stated(monitor, day, stored_on(monitor, day))


def found(world):
    """What the contract says of today."""
    contract.run(world.monitor, world.today)
    return [
        (one.subject, one.severity, one.words) for one in stated_today(world.monitor, world.today)
    ]


def first(rows, value):
    """The first so many values, and those after them as they were."""
    return lambda column: column.where(np.arange(len(column)) >= rows, value)


def epoch(unit):
    """The times as numbers since 1970."""
    return lambda times: [
        int((time - pd.Timestamp("1970-01-01")).total_seconds() * EPOCH[unit]) for time in times
    ]


@pytest.mark.parametrize(
    ("column", "change"),
    [
        pytest.param("age", lambda it: it.astype("int32"), id="a float as an integer"),
        pytest.param("age", lambda it: it.astype("float32"), id="a double as a float"),
        pytest.param("prediction", lambda it: it.astype(float), id="predictions as floats"),
        pytest.param("prediction", lambda it: it.astype(bool).astype(str), id="'True' as text"),
        pytest.param("prediction", lambda it: it.astype(float).astype(str), id="'1.0' as text"),
        pytest.param("plan", lambda it: it.astype("category"), id="codes of words"),
        pytest.param("model_version", lambda it: it.astype(float), id="the version as a float"),
        pytest.param("served_at", lambda it: it.astype(str), id="times as text without a zone"),
        pytest.param("served_at", lambda it: it.dt.strftime("%FT%TZ"), id="times as text, in UTC"),
        pytest.param("served_at", lambda it: it.dt.floor("D"), id="days in place of times"),
        pytest.param("status", lambda it: it.str.upper() + " ", id="status in capitals"),
        pytest.param("synthetic", lambda it: it.astype(float), id="test traffic as floats"),
        pytest.param("score", lambda it: it.clip(upper=0.9) + 0.1 + 1e-16, id="rounded beside 1"),
    ],
)
def test_the_same_values_written_otherwise_are_no_breach(world, column, change):
    written(world, column, change)
    assert found(world) == []
    profile.run(world.monitor, world.today)
    service = service_of(world.monitor, world.today)
    assert (service["rows"], service["counted"], service["versions"]) == (ROWS, COUNTED, {"1": 295})


def test_predictions_as_booleans_are_read_as_the_same(world):
    """No drift, an estimate, and a word for the next planning."""
    written(world, "prediction", lambda it: it.astype(bool))
    world.monitored(world.today)
    (finding,) = world.findings(world.today)
    assert (finding.subject, finding.severity) == ("prediction", P3)
    assert finding.words == (
        "answer 'prediction' arrives as BOOLEAN instead of 1 and 0; the values are read as the same"
    )
    assert world.monitor.results.read("tiny", ESTIMATE, world.today).num_rows


@pytest.mark.parametrize(
    ("column", "change", "severity", "words"),
    [
        pytest.param(
            "age",
            lambda it: it.astype(str),
            P2,
            "should be numeric and arrived as VARCHAR; the numbers in it are read",
            id="numbers as text",
        ),
        pytest.param(
            "age",
            lambda it: first(2, "old")(it.astype(str)),
            P2,
            "2 of 300 values (0.7%) cannot be read, for example 'old'",
            id="two words among them",
        ),
        pytest.param(
            "age",
            lambda it: ["old", "young", "<b>"] * 100,
            P1,
            "arrived as VARCHAR: 300 of 300 values (100.0%) cannot be read,"
            " for example '<b>', 'old', 'young'",
            id="words in place of numbers",
        ),
        pytest.param(
            "age",
            lambda it: [f"{one:.2f}".replace(".", ",") for one in it],
            P1,
            "Numbers with decimal commas, blanks or currency? Write them as 1234.5",
            id="decimal commas",
        ),
        pytest.param(
            "score",
            lambda it: 1 - it,
            P1,
            "where it is 0: the probability of the other class, or of the predicted one?",
            id="scores of the other class",
        ),
        pytest.param("age", lambda it: [[one] for one in it], P1, "as DOUBLE[]", id="lists"),
        pytest.param("age", lambda it: [{"y": one} for one in it], P1, "STRUCT(y", id="structs"),
        pytest.param("age", lambda it: pa.nulls(300), P1, "nothing but missing", id="nulls"),
        pytest.param(
            "plan",
            lambda it: it.factorize()[0],
            P1,
            "arrived as BIGINT: 300 of 300 values (100.0%) are none of the reference's, for example"
            " '0', '1', '2'",
            id="codes in place of words",
        ),
        pytest.param(
            "plan", lambda it: [[one] for one in it], P1, "no categories", id="lists of words"
        ),
        pytest.param(
            "plan",
            lambda it: [b"\xff"] * 300,
            P1,
            "arrived as BLOB: 300 of 300 values (100.0%) cannot be read",
            id="bytes that are no text",
        ),
        pytest.param("country", lambda it: [[one] for one in it], P1, "segment", id="a segment"),
        pytest.param("score", lambda it: ["high"] * 300, P1, "300 of 300 values", id="score words"),
        pytest.param(
            "score",
            lambda it: 100 * it,
            P1,
            "are no probabilities: they run from",
            id="scores in per cent",
        ),
        pytest.param(
            "score", lambda it: np.log(it / (1 - it)), P1, "logits?", id="scores as logits"
        ),
        pytest.param(
            "score",
            lambda it: first(12, 7.0)(it),
            P2,
            "7 of 295 scores (2.4%) are no probabilities",
            id="a few scores of 7",
        ),
        pytest.param(
            "score", lambda it: first(25, np.nan)(it), P2, "20 of 295 rows (6.8%) have no", id="NaN"
        ),
        pytest.param(
            "prediction",
            lambda it: first(205, None)(it.astype(object)),
            P1,
            "200 of 295 rows (67.8%) have no 'prediction' though they count as answered",
            id="predictions that are missing",
        ),
        pytest.param(
            "model_version",
            lambda it: first(8, np.nan)(it.astype(float)),
            P2,
            "3 of 295 rows (1.0%) have no 'model_version': no version is judged by them",
            id="rows without a version",
        ),
        pytest.param(
            "request_id", lambda it: first(35, None)(it), P2, "30 of 295 rows (10.2%)", id="no ids"
        ),
        pytest.param(
            "request_id", lambda it: [""] * 300, P1, "295 of 295 rows (100.0%)", id="empty ids"
        ),
        pytest.param(
            "request_id",
            lambda it: ["x"] * 300,
            P1,
            "294 of 295 rows (99.7%) have the 'request_id' of an earlier row, for example 'x', and"
            " only the first of them counts: a constant in place of an id",
            id="one id for all",
        ),
        pytest.param(
            "request_id",
            lambda it: [f"s{number // 3}" for number in range(300)],
            P2,
            "the id of a customer or a session",
            id="ids of sessions",
        ),
        pytest.param(
            "request_id",
            lambda it: [float(2**60 + number) for number in range(300)],
            P1,
            "was a float and has lost its last digits, for example '1.15",
            id="large ids as floats",
        ),
        pytest.param(
            "request_id", lambda it: ["1.79e+18"] * 300, P1, "its last digits", id="ids of Excel"
        ),
        pytest.param(
            "request_id", lambda it: [{"a": 1}] * 300, P1, "one plain value", id="structs of ids"
        ),
        pytest.param(
            "served_at",
            lambda it: it - timedelta(days=365),
            P1,
            "the times run from 2025-03-10 00:00 to 2025-03-10 04:59: a file of another day, 365"
            " days earlier?",
            id="a year off",
        ),
        pytest.param(
            "served_at",
            lambda it: it - timedelta(days=1),
            P1,
            "a file of another day, 1 day earlier?",
            id="yesterday's file under today's name",
        ),
        pytest.param(
            "served_at",
            lambda it: it.iloc[0] + timedelta(hours=9) + timedelta(minutes=4) * np.arange(300),
            P2,
            "300 rows (25.0%) have a 'served_at' of another UTC day",
            id="a day of local time",
        ),
        pytest.param(
            "served_at",
            lambda it: pa.array(epoch("s")(it), pa.timestamp("ms")),
            P1,
            "from 1970-01-21 12:31 to 1970-01-21 12:31: another unit (seconds, milliseconds)?",
            id="seconds taken for milliseconds",
        ),
        pytest.param(
            "served_at",
            lambda it: pa.array(epoch("ms")(it), pa.timestamp("s")),
            P1,
            "from the year 58,156 to the year 58,157: another unit",
            id="milliseconds taken for seconds",
        ),
        pytest.param(
            "served_at", lambda it: first(30, pd.NaT)(it), P2, "30 of 300 rows", id="no times"
        ),
        pytest.param(
            "served_at",
            lambda it: first(2, it.iloc[0] - timedelta(seconds=1))(it),
            P3,
            "2 of 300 rows (0.7%) have a 'served_at' of another UTC day: the times run from"
            " 2026-03-09 23:59 to 2026-03-10 04:59",
            id="two rows just before midnight",
        ),
        pytest.param(
            "served_at",
            lambda it: it.dt.strftime("%d.%m.%Y %H:%M"),
            P1,
            "cannot be read, for example '10.03.2026 00:00'",
            id="text that is no time",
        ),
        pytest.param(
            "served_at",
            lambda it: list(map(str, epoch("s")(it))),
            P1,
            "(seconds since 1970?)",
            id="seconds as text",
        ),
        pytest.param(
            "synthetic",
            lambda it: ["prod"] * 300,
            P1,
            "300 of 300 values of 'synthetic' are neither true nor false, for example 'prod'",
            id="test traffic in words",
        ),
        pytest.param(
            "latency_ms", lambda it: ["fast"] * 300, P1, "latency 'latency_ms' should be", id="slow"
        ),
    ],
)
def test_a_column_that_is_not_as_agreed_is_one_breach_and_the_others_are_judged(
    world, column, change, severity, words
):
    written(world, column, change)
    ((subject, urgency, said),) = found(world)
    assert (subject, urgency) == (column, severity)
    assert words in said
    assert len(said) < 300
    profile.run(world.monitor, world.today)
    service = service_of(world.monitor, world.today)
    assert service["rows"] == ROWS
    (whole,) = (
        one
        for group, one in profiles_of(world.monitor, world.today).items()
        if group.version == "1" and not group.segment
    )
    assert {"income", "debt"} <= set(whole.columns)
    assert whole.columns["income"].finite == whole.rows > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(epoch("s"), "seconds since 1970", id="seconds"),
        pytest.param(epoch("ms"), "milliseconds since 1970", id="milliseconds"),
        pytest.param(epoch("us"), "microseconds since 1970", id="microseconds"),
        pytest.param(lambda it: list(it.dt.time), "arrives as TIME", id="times of day"),
        pytest.param(lambda it: [True] * 300, "arrives as BOOLEAN", id="booleans"),
    ],
)
def test_a_type_that_is_no_time_is_said_and_the_day_is_not_judged(world, change, words):
    written(world, "served_at", change)
    ((subject, severity, said),) = found(world)
    assert (subject, severity) == ("served_at", P1)
    assert words in said
    assert "which is no time" in said
    profile.run(world.monitor, world.today)
    assert service_of(world.monitor, world.today) == {"rows": 0}


def test_rows_that_were_written_twice_are_said_to_be(world):
    log = world.served(world.today)
    world.write(world.today, log=pd.concat([log, log]))
    ((subject, severity, said),) = found(world)
    assert (subject, severity) == ("request_id", P2)
    assert "295 of 590 rows (50.0%)" in said
    assert said.endswith("they have its time, too, so the rows were written more than once")


def test_a_retry_now_and_then_is_no_breach(world):
    log = world.served(world.today)
    world.write(world.today, log=pd.concat([log, log.iloc[5:25]]))
    assert found(world) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(["age"], [("age", P1)], id="a feature twice"),
        pytest.param(["AGE"], [("age", P1)], id="a feature twice, but for case"),
        pytest.param(["score"], [("score", P1)], id="the score twice"),
        pytest.param(["zzz", "ZZZ"], [], id="a column twice that nobody asks for"),
    ],
)
def test_two_columns_of_one_name_are_a_breach_where_it_matters(world, more, expected):
    world.write(world.today)
    path = world.file("predictions", world.today)
    table = pq.read_table(path)
    for name in more:
        table = table.append_column(name, table["debt"])
    pq.write_table(table, path)
    assert [(subject, severity) for subject, severity, _ in found(world)] == expected


def test_rows_without_a_version_are_said_once_and_are_no_unknown_model(world):
    written(world, "model_version", lambda it: first(65, np.nan)(it.astype(float)))
    world.monitored(world.today)
    (finding,) = world.findings(world.today)
    assert (finding.subject, finding.severity) == ("model_version", P2)
    assert "60 of 295 rows" in finding.words
    assert service_of(world.monitor, world.today)["versions"] == {"": 60, "1": 235}


@pytest.mark.parametrize(
    ("version", "cause"),
    [("v1", "log '1'?"), ("version-1", "log '1'?"), ("latest", "know for 'tiny'")],
)
def test_a_version_that_is_not_the_registrys_is_unknown_with_the_likely_cause(
    world, version, cause
):
    world.write(world.today, log=world.served(world.today).assign(model_version=version))
    world.monitored(world.today)
    (finding,) = world.findings(world.today)
    assert (finding.kind, finding.subject) == (FindingKind.UNKNOWN_VERSION, version)
    assert finding.words.endswith(cause)


def test_a_version_registered_without_reference_rows_costs_its_own_rows_alone(world, monkeypatch):
    """Twenty rows of it: the others are judged as ever."""
    versions = ["2" if 20 <= number < 40 else "1" for number in range(ROWS)]
    world.write(world.today, log=world.served(world.today).assign(model_version=versions))

    def bare(_monitor, version, _folder):
        raise UnknownReference.of(world.spec.name, version)

    monkeypatch.setattr(reference, "_fetch", bare)
    world.monitored(world.today)
    (finding,) = world.findings(world.today)
    assert (finding.kind, finding.subject) == (FindingKind.VERSION_METADATA, "2")
    assert "20 rows of version 2 are counted and not judged" in finding.words
    assert "has no artefact reference/reference.parquet: register it" in finding.words
    assert service_of(world.monitor, world.today)["versions"] == {"1": 275, "2": 20}


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        pytest.param(
            ["success"] * 300,
            "100.0% of 297 requests failed (limit 10%);"
            " status 'success' in 297 rows is none of ok, error, fallback",
            id="one other word",
        ),
        pytest.param(
            ["error"] * 100 + ["timeout"] * 150 + ["x" * 99] * 50,
            f"status 'timeout' in 150 rows and status {'x' * 40!r}... in 50 rows are none of",
            id="two other words, one of them long",
        ),
        pytest.param([None] * 300, "status '(missing)' in 297 rows is none of", id="no status"),
        pytest.param([200] * 300, "status '200' in 297 rows is none of", id="codes of HTTP"),
    ],
)
def test_statuses_that_nobody_knows_are_named_where_requests_failed(world, statuses, words):
    world.write(world.today, log=world.served(world.today).assign(status=statuses))
    world.monitored(world.today)
    (finding,) = (
        one for one in world.findings(world.today) if one.kind is FindingKind.SERVICE_ERRORS
    )
    assert words in finding.words


def test_one_score_of_1_7_among_300_costs_one_row(world):
    """The others are judged: no drift, and an estimate."""
    written(world, "score", lambda it: it.where(np.arange(len(it)) != 20, 1.7))
    for step in (contract, profile):
        step.run(world.monitor, world.today)
    ((_, severity, said),) = found(world)
    assert severity is P3
    assert said.startswith("1 of 295 scores (0.3%) are no probabilities")
    world.monitored(world.today)
    drifted = world.monitor.results.read("tiny", DRIFT, world.today).to_pylist()
    assert {one["verdict"] for one in drifted if not one["segment"]} == {"OK"}
    assert world.monitor.results.read("tiny", ESTIMATE, world.today).num_rows


def test_a_day_of_nothing_but_test_traffic_is_told(world):
    written(world, "synthetic", lambda it: [True] * 300)
    for step in (contract, profile):
        step.run(world.monitor, world.today)
    (finding,) = stated_today(world.monitor, world.today)
    assert (finding.kind, finding.severity) == (FindingKind.EMPTY_DAY, P1)
    assert "all 300 rows" in finding.words
    assert "by 'synthetic', and none is judged" in finding.words


def test_a_folder_of_a_day_is_a_day_like_any_other(world):
    """One that Spark wrote under the name of the file, split by a segment."""
    world.write(world.today)
    path = world.file("predictions", world.today)
    table = pq.read_table(path)
    path.unlink()
    pq.write_to_dataset(table, path, partition_cols=["country"])
    (path / "_SUCCESS").touch()
    world.monitored(world.today)
    assert world.findings(world.today) == []
    assert service_of(world.monitor, world.today)["counted"] == COUNTED
    groups = profiles_of(world.monitor, world.today)
    assert {group.value for group in groups if group.segment == "country"} == {"DE", "FR"}


def test_a_day_that_is_delivered_late_ends_its_incident(world):
    world.write(world.today)
    path = world.file("predictions", world.today)
    path.rename(path.with_suffix(".late"))
    world.monitored(world.today)
    missing = FindingKind.MISSING_DAY
    assert [one.kind for one in world.monitor.ledger.open_incidents()] == [missing]
    path.with_suffix(".late").rename(path)
    world.monitored(world.today)
    assert world.monitor.ledger.open_incidents() == []
    (incident,) = world.monitor.ledger.incidents("tiny")
    assert (incident.kind, incident.closed_on) == (missing, world.today)


def test_half_of_the_nulls_of_a_feature_are_a_breach_before_they_are_drift(world):
    """Its drift is quiet, the other columns are judged, and the day is not learnt from."""
    written(world, "age", lambda it: it.where(np.arange(len(it)) >= 155))
    world.monitored(world.today)
    (finding,) = world.findings(world.today)
    assert (finding.kind, finding.subject, finding.severity) == (
        FindingKind.SCHEMA_BREACH, "age", P1,
    )  # fmt: skip
    assert finding.words == (
        "feature 'age' is missing in 150 of 295 rows (50.8%) of version 1, and never was in the"
        " reference (day quarantined)"
    )
    drifted = world.monitor.results.read("tiny", DRIFT, world.today).to_pylist()
    assert {one["column"] for one in drifted} >= {"income", "debt", "plan", "score"}
    assert "age" not in {one["column"] for one in drifted}


def second_version(world, without):
    """Version 2, registered by a real trainer on all features but one, which is called otherwise
    there: it needs `more` in place of *without*."""
    monitor = world.monitor
    registry, name = monitor.registry, world.spec.mlflow_name
    rows = registry.reference(name, "1")
    renamed = [one if one != without else "more" for one in rows.column_names]
    rows = rows.rename_columns(renamed)
    features = rows.select([one if one != without else "more" for one in FEATURES]).to_pandas()
    numbers = features.select_dtypes("number")
    return registry.log_version(
        name,
        model=LogisticRegression().fit(numbers, rows["label"].to_numpy()),
        task="binary",
        features=numbers,
        reference=rows,
        training_window=(START - timedelta(days=9), START - timedelta(days=2)),
        metrics={"log_loss": 0.5, "bias": 0.0},
        importances={},
        code_hash="abc",
        parameters={"C": 1.0},
        feature_code="ffff",
    )


def test_two_versions_on_one_day_are_each_held_against_their_own_signature(world):
    """Version 2 needs `more`, which rows of version 1 leave null, and leaves `debt` null; then it
    lacks its own feature, and runs on code that is not its own."""
    log = attributes()["predictions"] | {"feature_code": "sha"}
    world.spec_changes = {"predictions": log}
    version = second_version(world, "debt")
    whole = world.served(world.today)
    is_second = np.arange(ROWS) >= 200
    whole["model_version"] = np.where(is_second, version, "1")
    whole["more"] = whole["debt"].where(is_second)
    whole["debt"] = whole["debt"].where(~is_second)
    whole["sha"] = "ffff"
    for change, expected in (
        ({}, set()),
        ({"more": np.nan}, {(FindingKind.SCHEMA_BREACH, "more", P2)}),
        ({"sha": "0000"}, {(FindingKind.FEATURE_CODE_MISMATCH, version, P2)}),
    ):
        world.write(world.today, log=whole.assign(**change))
        world.monitored(world.today)
        found = {(one.kind, one.subject, one.severity) for one in world.findings(world.today)
                 if one.kind is not FindingKind.VERSION_METADATA and one.severity < P3}  # fmt: skip
        assert found == expected


def test_times_of_the_founding_days_are_their_own(world):
    """What is healthy has nothing to say."""
    for day in (START, START + timedelta(days=7)):
        contract.run(world.monitor, day)
        assert stated_today(world.monitor, day) == []


SUITE = [
    {"type": "expect_column_values_to_be_between", "severity": "critical",
     "kwargs": {"column": "age", "min_value": 0, "max_value": 120}},
    {"type": "expect_column_values_to_not_be_null", "severity": "warning",
     "kwargs": {"column": "plan"}},
    {"type": "expect_column_values_to_be_in_set", "severity": "info",
     "kwargs": {"column": "country", "value_set": ["DE", "FR"]}},
    {"type": "expect_column_values_to_be_unique", "severity": "critical",
     "kwargs": {"column": "request_id"}},
]  # fmt: skip


@pytest.fixture
def under_suite(world):
    """Today's rows under a suite, which the change breaks."""

    def change(**values):
        (world.root / "suite.json").write_text(json.dumps({"expectations": SUITE}))
        world.spec_changes = {**world.spec_changes, "expectations": "suite.json"}
        log = world.served(world.today)
        for name, (rows, value) in values.items():
            log[name] = first(rows, value)(log[name])
        world.write(world.today, log=log)

    return change


def test_a_day_that_keeps_its_suite_has_no_breach(world, under_suite):
    under_suite()
    assert found(world) == []


def test_a_broken_suite_says_column_count_share_and_examples_by_its_severity(world, under_suite):
    under_suite(age=(3, 999.0), plan=(30, None), country=(1, "<b>"))
    assert found(world) == [
        ("age", P1, "'age' should be between 0 and 120: 3 of 300 values are not (1 %),"
                    " for example 999"),
        ("plan", P2, "'plan' should not be missing: 30 of 300 rows are (10 %)"),
        ("country", P3, "'country' should be one of 'DE', 'FR': 1 of 300 values is not (0.3 %),"
                        " for example '<b>'"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "passed", "tone"),
    [
        pytest.param({"age": (3, 999.0)}, False, Tone.ERROR, id="critical"),
        pytest.param({"plan": (30, None)}, False, Tone.WARN, id="warning"),
        pytest.param({"country": (1, "XX")}, True, Tone.WARN, id="info"),
    ],
)
def test_the_check_fails_as_severely_as_the_suite_says(world, under_suite, values, passed, tone):
    under_suite(**values)
    check = contract.run(world.monitor, world.today).checks["schema"]
    assert (check.passed, check.tone) == (passed, tone)


def test_of_a_sensitive_column_a_breach_tells_no_value(world, under_suite):
    world.spec_changes = {"sensitive": ["age", "country"]}
    under_suite(age=(3, 999.0), country=(1, "XX"))
    assert [words for _, _, words in found(world)] == [
        "'age' should be between 0 and 120: 3 of 300 values are not (1 %)",
        "'country' should be one of 'DE', 'FR': 1 of 300 values is not (0.3 %)",
    ]


def test_no_breach_of_the_log_tells_a_value_of_a_sensitive_column(world):
    world.spec_changes = {"sensitive": ["age", "score"]}
    log = world.served(world.today)
    log["score"] = first(12, 7.0)(log["score"])
    log["age"] = first(2, "my age")(log["age"].astype(str))
    world.write(world.today, log=log)
    words = {subject: said for subject, _, said in found(world)}
    assert "2 of 300 values (0.7%) cannot be read" in words["age"]
    assert words["score"].startswith("7 of 295 scores (2.4%) are no probabilities. They are read")
    assert "my age" not in words["age"]


def test_a_column_that_breaks_its_suite_names_itself_and_its_drift_is_quiet(world, under_suite):
    """Its own drift is no second verdict; that of a column which keeps its suite still is one."""
    under_suite(age=(300, 999.0), debt=(150, 500.0))
    world.monitored(world.today)
    assert quiet_columns(world.monitor, world.today) == {"age"}
    (finding,) = world.findings(world.today)
    assert (finding.kind, finding.subject) == (FindingKind.SCHEMA_BREACH, "age")
    rows = world.monitor.results.read("tiny", DRIFT, world.today).to_pylist()
    drifted = {one["column"] for one in rows if one["verdict"] != "OK" and not one["segment"]}
    assert "debt" in drifted
    assert "age" not in drifted

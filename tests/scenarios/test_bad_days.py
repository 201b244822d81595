"""A day that is wrong says so once, with the place and the way out; its neighbours go on."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import contract
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.sources.suites.suites import BadSuite
from monitoring_dagster.store.days.known_labels import account_of
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import House, Monitor
from monitoring_dagster.store.results import CorruptResult
from monitoring_dagster.views.runbook import walk
from tests.world import day_after

HOSTILE = "<script>alert(1)</script><!channel>"


def served(change):
    """The day's log, changed before it is written."""
    return lambda world: world.write(world.today, log=change(world.served(world.today)))


def told_labels(change):
    """The day's labels, changed before they are written."""
    return lambda world: world.write(world.today, labels=change(world.arriving(world.today)))


def with_one(column, value):
    """The column with another value in its tenth row."""
    column = column.copy()
    column.iloc[9] = value
    return column


def in_ms(times):
    return times.astype("datetime64[ms]").astype("int64")


def half_a_file(world):
    world.write(world.today)
    path = world.file("predictions", world.today)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def a_spoilt_page(world):
    """Pages of one feature are overwritten; the footer still says that all is well."""
    world.write(world.today)
    path = world.file("predictions", world.today)
    parts = pq.ParquetFile(path).metadata.row_group(0)
    columns = [parts.column(number) for number in range(parts.num_columns)]
    (debt,) = (one for one in columns if one.path_in_schema == "debt")
    with path.open("r+b") as file:
        file.seek(debt.dictionary_page_offset or debt.data_page_offset)
        file.write(b"\xff" * debt.total_compressed_size)


def no_parquet(world):
    world.write(world.today)
    world.file("predictions", world.today).write_text("request_id,score\n1,0.5\n")


def no_file(world):
    world.write(world.today)
    world.file("predictions", world.today).unlink()


def no_labels(world):
    world.write(world.today)
    world.file("labels", world.today).unlink()


SCHEMA, P1, P2, P3 = FindingKind.SCHEMA_BREACH, Severity.P1, Severity.P2, Severity.P3
# Labels of predictions that were lost: on record, where it is said that those are missing.
LOST = {(FindingKind.ORPHAN_LABELS, "labels", severity) for severity in (P2, P3)}
ORPHANS = pd.DataFrame({"request_id": [f"nobody/{n}" for n in range(40)], "label": 1})


@pytest.mark.parametrize(
    ("happens", "expected", "words"),
    [
        pytest.param(
            served(lambda log: log.rename(columns={"income": "incme"})),
            {(SCHEMA, "income", P1), (SCHEMA, "incme", P3)},
            "feature 'income' of version 1 is missing. Did you mean 'incme'?",
            id="a feature is missing, its misspelling is new",
        ),
        pytest.param(
            served(lambda log: log.drop(columns="score")),
            {(SCHEMA, "score", P1)},
            "have no column 'score', which defs.yaml names.",
            id="a column that defs.yaml names is missing",
        ),
        pytest.param(
            served(lambda log: log.assign(age=log["age"].astype(str))),
            {(SCHEMA, "age", P2)},
            "feature 'age' should be numeric and arrived as VARCHAR; the numbers in it are read",
            id="a feature is retyped",
        ),
        pytest.param(
            served(lambda log: log.assign(score=log["score"].astype(str))),
            {(SCHEMA, "score", P2)},
            "'score' should be numeric and arrived as VARCHAR; the numbers in it are read",
            id="the score is retyped",
        ),
        pytest.param(
            served(lambda log: log.assign(shoe_size=42)),
            {(SCHEMA, "shoe_size", P3)},
            "column 'shoe_size' is new: neither defs.yaml nor the signature names it",
            id="a column is added",
        ),
        pytest.param(
            served(lambda log: log[["debt", *log.columns.drop("debt")]]),
            {(SCHEMA, "column order", P3)},
            "another order than in the signature of version 1, from 'debt' on",
            id="columns are reordered",
        ),
        pytest.param(
            no_parquet,
            {(FindingKind.UNREADABLE_DATA, "file", P1)},
            "Write it anew, then re-materialise the days it holds.",
            id="not Parquet",
        ),
        pytest.param(
            half_a_file,
            {(FindingKind.UNREADABLE_DATA, "file", P1)},
            "Write it anew, then re-materialise the days it holds.",
            id="a truncated file",
        ),
        pytest.param(
            a_spoilt_page,
            {(FindingKind.UNREADABLE_DATA, "rows", P1)},
            "Write it anew, then re-materialise the days it holds.",
            id="a page that only the profile reads is spoilt",
        ),
        pytest.param(
            served(lambda log: log[:0]),
            {(FindingKind.EMPTY_DAY, "rows", P1)},
            "hold no row",
            id="an empty file",
        ),
        pytest.param(
            no_file,
            {(FindingKind.MISSING_DAY, "file", P1)},
            "Deliver it, then re-materialise",
            id="no file",
        ),
        pytest.param(
            served(lambda log: log[:100]),
            {(FindingKind.PARTIAL_DAY, "hours", P1), (FindingKind.LOW_VOLUME, "rows", P3)},
            "rows of 3 of 5 hours are missing (02:00 to 05:00 UTC), in which this weekday usually"
            " has 180 of 300 (day quarantined)",
            id="two of five hours",
        ),
        pytest.param(
            served(lambda log: log[::3]),
            {(FindingKind.LOW_VOLUME, "rows", P1)},
            "100 requests where this weekday usually has 300 (limit 50% of it)",
            id="a third of the usual rows",
        ),
        pytest.param(
            served(lambda log: log.assign(model_version="7")),
            {(FindingKind.UNKNOWN_VERSION, "7", P1)},
            "'7', which MLflow does not know for 'tiny'",
            id="a version that nobody registered",
        ),
        pytest.param(
            served(lambda log: log.assign(model_version="../../x")),
            {(FindingKind.UNKNOWN_VERSION, "../../x", P1)},
            "'../../x', which MLflow does not know for 'tiny'",
            id="a version that is a path",
        ),
        pytest.param(
            told_labels(lambda labels: pd.concat([labels, ORPHANS]).ffill()),
            {(FindingKind.ORPHAN_LABELS, "labels", P2)},
            "belong to no prediction",
            id="labels for no prediction",
        ),
        pytest.param(
            told_labels(lambda labels: labels.assign(label="late")),
            {(FindingKind.UNREADABLE_DATA, "labels", P2)},
            "label 'late' is neither 0 nor 1",
            id="labels that are words",
        ),
        pytest.param(
            told_labels(lambda labels: labels.assign(label=with_one(labels["label"], 2))),
            {(FindingKind.UNREADABLE_DATA, "labels", P3)},
            "data/labels/2026-03-10.parquet: 1 of 302 labels are left out for their column 'label'",
            id="one label of a third class",
        ),
        pytest.param(
            told_labels(lambda labels: labels.assign(arrived_at=in_ms(labels["arrived_at"]))),
            {(FindingKind.UNREADABLE_DATA, "labels", P2)},
            "'1773183600000' is no time (epoch milliseconds, likely): deliver timestamps in UTC",
            id="labels with times in milliseconds",
        ),
        pytest.param(
            told_labels(lambda labels: labels.assign(request_id=" " + labels["request_id"])),
            {(FindingKind.ORPHAN_LABELS, "labels", P2)},
            "Likely they differ in blanks around them: write both alike",
            id="labels with a blank before their ids",
        ),
        pytest.param(
            lambda world: world.write(
                world.today, labels=world.arriving(day_after(world.today, -1))
            ),
            {(FindingKind.LABEL_PROCESS, "day of the file", P2)},
            "likely that day's file under this day's name",
            id="yesterday's labels under today's name",
        ),
        pytest.param(
            told_labels(lambda labels: labels.rename(columns={"label": "lable"})),
            {(FindingKind.UNREADABLE_DATA, "labels", P2)},
            "has no column 'label'. Did you mean 'lable'?",
            id="a misspelt label column",
        ),
        pytest.param(
            no_labels,
            {(FindingKind.LATE_LABELS, "labels", P2)},
            "Deliver it, then re-materialise",
            id="no labels",
        ),
    ],
)
def test_a_bad_day_says_what_is_wrong_and_the_next_one_is_fine(world, happens, expected, words):
    if FindingKind.LOW_VOLUME in {kind for kind, *_ in expected}:
        world.live(7)  # a median needs two of the same weekday
    outside = sorted(path for path in world.root.parent.iterdir())
    happens(world)
    world.monitored(world.today, looks_ahead=True)
    found = world.findings(world.today)
    told = {(one.kind, one.subject, one.severity) for one in found}
    assert told - LOST == expected - LOST
    assert told >= expected
    assert words in " ".join(one.words for one in found)
    bad, world.today = world.today, day_after(world.today)
    world.live(1, acts=False)
    neighbours = world.findings(day_after(bad))
    assert {(one.kind, one.subject, one.severity) for one in neighbours} <= LOST
    assert account_of(world.monitor, day_after(bad))["joined"] > 50
    earlier = evaluate(world.monitor, day_after(bad, -2), as_of=world.today)
    assert earlier.metrics
    assert sorted(path for path in world.root.parent.iterdir()) == outside


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        pytest.param(None, "no such file: write it, or take `expectations` out", id="no suite"),
        pytest.param(
            {"expectations": [{"type": "expect_column_values_to_be_nul", "kwargs": {}}]},
            "expectation 0: unknown type 'expect_column_values_to_be_nul'. Did you mean",
            id="unknown type",
        ),
        pytest.param("{", "is not JSON", id="not JSON"),
    ],
)
def test_a_suite_that_cannot_be_judged_is_one_error_and_leaves_nothing_behind(world, suite, words):
    world.spec_changes = {"expectations": "suite.json"}
    if suite is not None:
        text = suite if isinstance(suite, str) else json.dumps(suite)
        (world.root / "suite.json").write_text(text)
    world.write(world.today)
    before = world.memory()
    with pytest.raises(BadSuite) as raised:
        world.monitored(world.today)
    assert str(world.root / "suite.json") in str(raised.value)
    assert words in str(raised.value)
    assert world.memory() == before


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        pytest.param({"expectations": []}, "holds no expectation", id="without an expectation"),
        pytest.param(
            {
                "expectation_suite_name": "tiny",
                "expectations": [
                    {
                        "expectation_type": "expect_column_values_to_be_of_type",
                        "kwargs": {"column": "country", "type_": "object"},
                    }
                ],
            },
            "in the format of Great Expectations 0.18",
            id="of another version",
        ),
    ],
)
def test_a_suite_that_its_owner_may_mend_is_a_p3_beside_a_kept_contract(world, suite, words):
    world.spec_changes = {"expectations": "suite.json"}
    (world.root / "suite.json").write_text(json.dumps(suite))
    world.write(world.today)
    world.monitored(world.today)
    (found,) = world.findings(world.today)
    assert (found.subject, found.severity) == ("suite.json", Severity.P3)
    assert words in found.words


class TestMlflowIsDown:
    def test_days_of_versions_that_were_read_before_are_computed(self, world):
        world.write(world.today)
        monitor = self.cut_off(world)
        for step in steps_of(monitor):
            step.run(monitor, world.today)
        assert service_of(monitor, world.today)["counted"] == 295
        assert world.findings(world.today) == []

    def test_a_version_never_read_before_is_an_error_that_names_the_server(self, world):
        world.write(world.today, log=world.served(world.today).assign(model_version="2"))
        monitor = self.cut_off(world)
        with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1:9 does not answer.*Start it"):
            contract.run(monitor, world.today)
        assert monitor.results.days("tiny", "contract")[-1] != world.today

    def cut_off(self, world):
        return Monitor(
            world.spec, House.at(world.root, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
        )


def test_a_result_that_rotted_is_never_read_and_made_anew_on_demand(world):
    day = day_after(world.today, -1)
    path = world.root / ".monitoring/results/tiny/profile" / f"{day}.parquet"
    before = world.memory()
    spoilt = bytearray(path.read_bytes())
    spoilt[100] ^= 1
    path.write_bytes(spoilt)
    with pytest.raises(CorruptResult, match=f"Re-materialise {day} of profile for tiny"):
        drift.run(world.monitor, day)
    profile.run(world.monitor, day)
    drift.run(world.monitor, day)
    assert world.memory() == before


def test_hostile_values_arrive_as_plain_text_everywhere(world):
    """A version, a category and a segment value that would run, or call everybody."""
    half = np.arange(300) % 2 == 0
    log = world.served(world.today)
    for column in ("plan", "country", "model_version"):
        log[column] = log[column].where(half, HOSTILE)
    log["plan"] = HOSTILE
    world.write(world.today, log=log)
    reports = world.monitored(world.today, looks_ahead=True)
    world.revise([world.today])
    kinds = {one.kind for one in world.findings(world.today)}
    assert kinds == {FindingKind.UNKNOWN_VERSION, FindingKind.FEATURE_DRIFT}
    send(world.house, environment={})
    page = (world.house.outbox / "index.html").read_text()
    lines = (world.house.outbox / "messages.jsonl").read_text()
    assert "&lt;script&gt;" in page
    assert "&lt;!channel&gt;" in lines
    pictures = [report.picture for report in reports.values() if report.picture]
    assert len(pictures) >= 2
    for text in (page, lines, *pictures):
        assert "<script" not in text
        assert "<!channel>" not in text
    told = walk(world.monitor, today=world.today)
    assert HOSTILE in " ".join(one.evidence for one in told)  # a terminal runs nothing

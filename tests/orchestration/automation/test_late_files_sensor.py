"""Files that come, or change, after their day was judged: what is computed again, and when."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.sources.rows.rows import file_of
from monitoring_dagster.spec import Labels, ModelSpec, Predictions
from monitoring_dagster.store.monitor import Monitor
from tests.once import once
from tests.orchestration.small_project import (
    ATTRIBUTES,
    DAYS,
    MISSING,
    OneVersion,
    monitor_at,
    rows_of,
)

LAST = DAYS[-1]
ALL = ["contract", "profile", "drift", "estimate", "outcomes", "verdict"]
OF_LABELS = ["outcomes", "verdict"]
K = FindingKind


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


TODAY = LAST + timedelta(days=1)
MORNING = at(TODAY, 6, 1)


@dataclass
class Clocked:
    """A model whose clock the test moves, with Dagster's records of it."""

    monitor: Monitor
    instance: dg.DagsterInstance
    cursor: str | None = None
    said: str = ""
    asked: list[dg.RunRequest] = field(default_factory=list)

    def file(self, kind: str, day: date) -> Path:
        return self.monitor.root / "data" / kind / f"{day}.parquet"

    def written(self, path: Path, when: datetime) -> None:
        os.utime(path, (when.timestamp(), when.timestamp()))

    def judge(self, *days: date) -> None:
        """What the runs of these days compute, without Dagster."""
        for day in days:
            for step in steps_of(self.monitor):
                if step.name in ALL:
                    step.run(self.monitor, day)

    def tick(self, now: datetime) -> dict[str, list[str]]:
        """One look of the sensor: the steps that it asks for, by day or by span of days."""
        house = replace(self.monitor.house, as_of=now)
        house.__dict__["registry"] = OneVersion()
        definitions = definitions_of(Monitor(self.monitor.spec, house))
        sensor = definitions.resolve_sensor_def(f"{self.monitor.name}_late_files")
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursor,
            repository_def=definitions.get_repository_def(),
            sensor_name=sensor.name,
        )
        data = sensor.evaluate_tick(context)
        self.cursor, self.said = data.cursor, data.skip_message or ""
        self.asked = list(data.run_requests or ())
        self.definitions = definitions
        return {span(one): sorted(key.path[-1] for key in one.asset_selection or ())
                for one in self.asked}  # fmt: skip

    def live(self, *, raise_on_error: bool = True) -> None:
        """Run what was asked for last, as the daemon would."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        for one in self.asked:
            job.execute_in_process(
                instance=self.instance,
                asset_selection=list(one.asset_selection or ()),
                partition_key=one.partition_key,
                tags=dict(one.tags) | {"dagster/run_key": str(one.run_key)},
                raise_on_error=raise_on_error,
            )

    def open(self) -> set[FindingKind]:
        return {one.kind for one in self.monitor.ledger.open_incidents()}


def span(request: dg.RunRequest) -> str:
    first = request.tags.get("dagster/asset_partition_range_start")
    last = request.tags.get("dagster/asset_partition_range_end")
    return f"{first}..{last}" if first else str(request.partition_key)


@pytest.fixture(scope="session")
def _judged(tmp_path_factory: pytest.TempPathFactory, _prepared: Path, spec: ModelSpec) -> Path:
    """The small model, its files there and as old as their days, all judged but the last."""

    def judge(folder: Path) -> Path:
        root = folder / "house"
        shutil.copytree(_prepared, root)
        pq.write_table(rows_of(MISSING), root / f"data/predictions/{MISSING}.parquet")
        for path in (root / "data").rglob("*.parquet"):
            then = at(date.fromisoformat(path.stem) + timedelta(days=1), 2).timestamp()
            os.utime(path, (then, then))
        with dg.DagsterInstance.ephemeral() as nothing:
            Clocked(monitor_at(root, spec), nothing).judge(*DAYS[:-1])
        return root

    return once(tmp_path_factory, "judged", judge)


@pytest.fixture
def clocked(
    tmp_path: Path, _judged: Path, spec: ModelSpec, instance: dg.DagsterInstance
) -> Clocked:
    """The small model on its last day, which is still to be judged."""
    shutil.copytree(_judged, tmp_path / "house")
    return Clocked(monitor_at(tmp_path / "house", spec), instance)


def moved(path: Path) -> Path:
    """The file, somewhere else, as if it had not come."""
    return path.rename(path.with_suffix(".later"))


def arrives(clocked: Clocked, later: Path, when: datetime) -> None:
    path = later.with_suffix(".parquet")
    later.rename(path)
    clocked.written(path, when)


def test_a_quiet_day_asks_for_nothing(clocked: Clocked):
    clocked.judge(LAST)
    assert clocked.tick(MORNING) == {}
    assert "no file came or changed" in clocked.said
    assert clocked.tick(at(TODAY, 23)) == {}


def test_a_quiet_look_is_at_the_last_week_and_reads_no_file(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
):
    """However long the history is: seven days of each source, and nothing of Dagster's runs."""
    clocked.judge(LAST)
    looked: list[date] = []

    def counting(source: Predictions | Labels, day: date, *, root: Path) -> Path | None:
        looked.append(day)
        return file_of(source, day, root=root)

    monkeypatch.setattr("monitoring_dagster.sources.rows.fingerprints.file_of", counting)
    monkeypatch.setattr(dg.DagsterInstance, "get_runs", None)
    for folder in ("predictions", "labels"):
        for path in clocked.file(folder, LAST).parent.glob("*.parquet"):
            path.write_bytes(b"0" * path.stat().st_size)  # nobody can read these
            clocked.written(path, at(date.fromisoformat(path.stem) + timedelta(days=1), 2))
    assert clocked.tick(MORNING) == {}
    assert sorted(looked) == sorted([*DAYS[-7:], *DAYS[-7:]])


def test_a_file_that_lands_at_nine_is_read_and_its_incident_closes(clocked: Clocked):
    later = moved(clocked.file("predictions", LAST))
    clocked.judge(LAST)
    assert K.MISSING_DAY in clocked.open()
    assert clocked.tick(at(TODAY, 8)) == {}
    arrives(clocked, later, at(TODAY, 9))
    assert clocked.tick(at(TODAY, 9, 5)) == {str(LAST): sorted(ALL)}
    (first,) = clocked.asked
    clocked.tick(at(TODAY, 9, 6))
    assert clocked.asked[0].run_key == first.run_key  # nobody has run it: Dagster runs it once
    clocked.live()
    assert K.MISSING_DAY not in clocked.open()
    assert clocked.tick(at(TODAY, 9, 10)) == {}


def test_a_label_file_at_two_in_the_afternoon_is_read_and_its_days_are_evaluated_again(
    clocked: Clocked,
):
    later = moved(clocked.file("labels", LAST))
    clocked.judge(LAST)
    assert K.LATE_LABELS in clocked.open()
    look = automation(clocked)
    look(at(TODAY, 13))
    look(at(TODAY, 13, 5))  # what nobody evaluated yet was asked for
    arrives(clocked, later, at(TODAY, 14))
    assert clocked.tick(at(TODAY, 14, 5)) == {str(LAST): OF_LABELS}
    clocked.live()
    assert K.LATE_LABELS not in clocked.open()
    asked = look(at(TODAY, 14, 10))
    assert LAST in asked["evaluation"]
    assert LAST - timedelta(days=1) in asked["evaluation"]
    assert clocked.tick(at(TODAY, 14, 10)) == {}


def test_days_that_come_days_late_are_one_run_in_their_order(clocked: Clocked):
    """The oldest of them three days late; what is missing no more ends their incident."""
    late = DAYS[-4:]
    later = [moved(clocked.file("predictions", day)) for day in late]
    clocked.judge(*late)
    assert K.MISSING_DAY in clocked.open()
    for one in later:
        arrives(clocked, one, at(TODAY, 10))
    assert clocked.tick(at(TODAY, 10, 5)) == {f"{late[0]}..{late[-1]}": sorted(ALL)}
    clocked.live()
    assert K.MISSING_DAY not in clocked.open()
    assert clocked.tick(at(TODAY, 10, 10)) == {}


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:500]), K.UNREADABLE_DATA,
                     id="corrupt"),
        pytest.param(lambda path: pq.write_table(rows_of(LAST).drop_columns(["amount"]), path),
                     K.SCHEMA_BREACH, id="without a column"),
        pytest.param(lambda path: pq.write_table(rows_of(LAST, rows=0), path),
                     K.EMPTY_DAY, id="empty"),
    ],
)  # fmt: skip
def test_a_repaired_file_is_read_again_and_its_incident_closes(
    spoil: Callable[[Path], object], kind: FindingKind, clocked: Clocked
):
    path = clocked.file("predictions", LAST)
    sound = path.read_bytes()
    spoil(path)
    clocked.written(path, at(TODAY, 2))
    clocked.judge(LAST)
    assert kind in clocked.open()
    path.write_bytes(sound)
    clocked.written(path, at(TODAY, 11))
    assert clocked.tick(at(TODAY, 11, 5)) == {str(LAST): sorted(ALL)}
    clocked.live()
    assert kind not in clocked.open()


def test_a_file_that_is_being_written_is_waited_for(clocked: Clocked):
    clocked.judge(LAST)
    path = clocked.file("predictions", LAST)
    pq.write_table(rows_of(LAST, rows=160), path)
    clocked.written(path, at(TODAY, 9))
    assert clocked.tick(at(TODAY, 9) + timedelta(seconds=30)) == {}
    assert f"{LAST}: its files are still being written" in clocked.said
    assert clocked.tick(at(TODAY, 9) + timedelta(seconds=61)) == {str(LAST): sorted(ALL)}


def test_files_added_to_a_folder_count_as_changed(clocked: Clocked):
    path = clocked.file("predictions", LAST)
    whole = pq.read_table(path)
    path.unlink()
    path.mkdir()
    pq.write_table(whole.slice(0, 40), path / "part-0.parquet")
    clocked.written(path / "part-0.parquet", at(TODAY, 2))
    clocked.judge(LAST)
    pq.write_table(whole.slice(40), path / "part-1.parquet")
    clocked.written(path / "part-1.parquet", at(TODAY, 7))
    assert clocked.tick(at(TODAY, 7, 5)) == {str(LAST): sorted(ALL)}
    clocked.live()
    assert clocked.tick(at(TODAY, 7, 10)) == {}
    (path / "part-0.parquet").unlink()  # retention begins somewhere
    assert clocked.tick(at(TODAY, 7, 15)) == {}


def test_what_is_deleted_after_its_day_was_judged_takes_nothing_back(clocked: Clocked):
    clocked.judge(LAST)
    for kind in ("predictions", "labels"):
        shutil.rmtree(clocked.file(kind, LAST).parent)
    assert clocked.tick(MORNING) == {}


def test_new_predictions_of_a_day_whose_labels_were_deleted_keep_what_these_said(
    clocked: Clocked,
):
    clocked.judge(LAST)
    clocked.file("labels", LAST).unlink()
    path = clocked.file("predictions", LAST)
    pq.write_table(rows_of(LAST, rows=160), path)
    clocked.written(path, at(TODAY, 9))
    steps = [one for one in sorted(ALL) if one != "outcomes"]
    assert clocked.tick(at(TODAY, 9, 5)) == {str(LAST): steps}


def test_a_day_judged_before_fingerprints_were_kept_stays_as_it_is(clocked: Clocked):
    clocked.judge(LAST)
    shutil.rmtree(clocked.monitor.root / ".monitoring" / "seen")
    pq.write_table(rows_of(LAST, rows=160), clocked.file("predictions", LAST))
    assert clocked.tick(at(TODAY, 9)) == {}


def test_days_older_than_a_week_are_left_to_a_person(clocked: Clocked):
    clocked.judge(LAST)
    for day in DAYS[:5]:
        path = clocked.file("predictions", day)
        pq.write_table(rows_of(day, rows=160), path)
        clocked.written(path, at(TODAY, 9))
    assert clocked.tick(at(TODAY, 9, 5)) == {}


def test_a_run_that_fails_is_asked_for_again_later_and_later(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
):
    later = moved(clocked.file("predictions", LAST))
    clocked.judge(LAST)
    arrives(clocked, later, at(TODAY, 9))

    def broken(*_: object) -> None:
        message = "the disk is full"
        raise OSError(message)

    monkeypatch.setattr("monitoring_dagster.measure.profiling.run", broken)
    asked = []
    for minute in range(0, 24 * 60, 5):
        now = at(TODAY, 9, 5) + timedelta(minutes=minute)
        if clocked.tick(now):
            asked.append(minute)
            keys = {one.run_key for one in clocked.asked}
            clocked.live(raise_on_error=False)
            assert len(keys) == 1
    assert asked == [0, 15, 60, 195, 600]
    assert "not again before" in clocked.said
    monkeypatch.undo()
    assert clocked.tick(at(TODAY, 9, 10) + timedelta(days=1)) == {str(LAST): sorted(ALL)}
    clocked.live()
    assert clocked.tick(at(TODAY, 9, 15) + timedelta(days=1)) == {}


def test_files_rewritten_all_the_time_are_no_storm(clocked: Clocked):
    clocked.judge(LAST)
    path = clocked.file("predictions", LAST)
    asked = 0
    for minute in range(0, 24 * 60, 10):
        now = at(TODAY, 7) + timedelta(minutes=minute)
        clocked.written(path, now - timedelta(minutes=2))
        if clocked.tick(now):
            asked += 1
            clocked.live()
    assert asked == 5


def test_a_day_that_runs_already_is_not_asked_for(clocked: Clocked):
    later = moved(clocked.file("predictions", LAST))
    clocked.judge(LAST)
    arrives(clocked, later, at(TODAY, 9))
    run = dg.DagsterRun(
        job_name="__ASSET_JOB",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": str(LAST)},
        asset_selection=frozenset({dg.AssetKey(["churn", "contract"])}),
    )
    clocked.instance.add_run(run)
    assert clocked.tick(at(TODAY, 9, 5)) == {}
    assert "a run of it is under way" in clocked.said
    clocked.instance.delete_run(run.run_id)
    assert clocked.tick(at(TODAY, 9, 10)) == {str(LAST): sorted(ALL)}


# --- the hour


def scheduled(clocked: Clocked, **schedule: object) -> Clocked:
    spec = ModelSpec.model_validate(ATTRIBUTES | {"schedule": schedule})
    return replace(clocked, monitor=monitor_at(clocked.monitor.root, spec))


def automation(clocked: Clocked, *steps: str) -> Callable[[datetime], dict[str, set[date]]]:
    """One look of the automation sensor at a time: the days that it asks for, by step."""
    definitions, cursor = definitions_of(clocked.monitor), None
    of_steps = dg.AssetSelection.assets(*(["churn", step] for step in steps))

    def look(now: datetime) -> dict[str, set[date]]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(
            definitions,
            clocked.instance,
            asset_selection=of_steps if steps else dg.AssetSelection.groups("churn"),
            evaluation_time=now,
            cursor=cursor,
        )
        cursor = result.cursor
        return {
            one.key.path[-1]: {
                date.fromisoformat(str(key)) for key in result.get_requested_partitions(one.key)
            }
            for one in result.results
            if isinstance(one.key, dg.AssetKey) and one.true_subset.size
        }

    return look


@pytest.mark.parametrize(
    ("schedule", "moments"),
    [
        pytest.param({}, [at(TODAY, 6)], id="06:00 UTC by default"),
        pytest.param({"at": "14:30"}, [at(TODAY, 14, 30)], id="another hour"),
        pytest.param({"time_zone": "Europe/Berlin"}, [at(TODAY, 5)], id="in winter in Berlin"),
        pytest.param({"time_zone": "Asia/Tokyo"}, [at(TODAY, 21)],
                     id="in Tokyo the hour after the UTC day has ended"),
        pytest.param({"grace_minutes": 90}, [at(TODAY, 7, 30)], id="at the end of the grace"),
    ],
)  # fmt: skip
def test_missing_days_are_asked_for_at_the_hour(
    schedule: dict[str, object], moments: list[datetime], clocked: Clocked
):
    look = automation(scheduled(clocked, **schedule), "contract")
    look(moments[0] - timedelta(hours=1))
    assert not look(moments[0] - timedelta(seconds=30)).get("contract")
    assert LAST in look(moments[0] + timedelta(seconds=30))["contract"]
    assert not look(moments[0] + timedelta(minutes=5)).get("contract")


@pytest.mark.parametrize(
    "sunday",
    [
        pytest.param(date(2026, 3, 29), id="the clocks go forward"),
        pytest.param(date(2026, 10, 25), id="the clocks go back"),
    ],
)
@pytest.mark.parametrize("hour", ["02:30", "06:00"])
def test_each_day_is_asked_for_once_when_the_clocks_change(
    hour: str, sunday: date, clocked: Clocked
):
    """Neither skipped nor doubled, though the hour is there twice or not at all."""
    model = scheduled(clocked, at=hour, time_zone="Europe/Berlin")
    three = [sunday + timedelta(days=n) for n in (-2, -1, 0)]
    look = automation(model, "contract")
    look(at(sunday - timedelta(days=1), 0))
    asked: dict[date, list[datetime]] = {}
    for half_hours in range(1, 2 * 60):
        now = at(sunday - timedelta(days=1), 0, 5) + timedelta(minutes=30 * half_hours)
        for day in look(now).get("contract", set()):
            asked.setdefault(day, []).append(now)
            model.instance.report_runless_asset_event(
                dg.AssetMaterialization(["churn", "contract"], partition=str(day))
            )
    assert [len(asked[day]) for day in three] == [1, 1, 1]
    for day in three:
        assert abs(asked[day][0] - model.monitor.judged_at(day)) <= timedelta(minutes=35)


def test_within_the_grace_a_day_is_judged_as_soon_as_its_files_are_there(clocked: Clocked):
    model = scheduled(clocked, grace_minutes=120)
    later = moved(model.file("predictions", LAST))
    assert model.tick(at(TODAY, 5, 30)) == {}
    assert model.tick(at(TODAY, 6, 30)) == {}
    arrives(model, later, at(TODAY, 6, 40))
    assert model.tick(at(TODAY, 6, 45)) == {str(LAST): sorted(ALL)}
    model.live()
    assert model.open() <= {K.MISSING_DAY, K.FEATURE_DRIFT}
    assert not automation(model)(at(TODAY, 8, 1)).get("contract")


def test_within_the_grace_nothing_is_called_missing_and_after_it_is(clocked: Clocked):
    model = scheduled(clocked, grace_minutes=120)
    moved(model.file("labels", LAST))
    look = automation(model)
    look(at(TODAY, 5))
    for minutes in range(0, 120, 10):
        now = at(TODAY, 6) + timedelta(minutes=minutes)
        assert model.tick(now) == {}
        assert not look(now).get("contract")
    assert LAST in look(at(TODAY, 8, 1))["contract"]
    assert model.tick(at(TODAY, 8, 1)) == {}


def test_a_message_says_the_hour_at_which_its_day_was_judged(clocked: Clocked):
    model = scheduled(clocked, at="09:00", time_zone="Europe/Berlin")
    assert model.monitor.judged_at(LAST) == at(TODAY, 8)


# --- tables


OF_A_TABLE = ModelSpec.model_validate(
    ATTRIBUTES | {"predictions": {"database": "log.duckdb", "table": "log", "score": "score"}}
)


@pytest.fixture(scope="session")
def _judged_table(tmp_path_factory: pytest.TempPathFactory, _judged: Path) -> Path:
    """The small model with its predictions in a DuckDB table; the last day has not come."""

    def judge(folder: Path) -> Path:
        root = folder / "house"
        shutil.copytree(_judged, root)
        moved(root / f"data/predictions/{LAST}.parquet")
        with duckdb.connect(root / "log.duckdb") as connection:
            connection.execute(
                f"CREATE TABLE log AS FROM read_parquet('{root}/data/predictions/*.parquet')"
            )
        with dg.DagsterInstance.ephemeral() as nothing:
            Clocked(monitor_at(root, OF_A_TABLE), nothing).judge(*DAYS[-7:])
        return root

    return once(tmp_path_factory, "judged_table", judge)


@pytest.fixture
def table(tmp_path: Path, _judged_table: Path, instance: dg.DagsterInstance) -> Clocked:
    """A copy of it, to go on with."""
    shutil.copytree(_judged_table, tmp_path / "house")
    return Clocked(monitor_at(tmp_path / "house", OF_A_TABLE), instance)


def inserted(table: Clocked) -> None:
    later = table.monitor.root / f"data/predictions/{LAST}.later"
    with duckdb.connect(table.monitor.root / "log.duckdb") as connection:
        connection.execute(f"INSERT INTO log FROM read_parquet('{later}')")


def test_rows_that_come_late_into_a_table_are_counted_twice_and_then_read(table: Clocked):
    assert table.tick(MORNING) == {}
    inserted(table)
    assert table.tick(at(TODAY, 9)) == {}
    assert "counted once more" in table.said
    assert table.tick(at(TODAY, 9, 5)) == {str(LAST): sorted(ALL)}
    table.live()
    assert table.tick(at(TODAY, 9, 10)) == {}


def test_a_table_that_cannot_be_opened_is_looked_at_again_later(table: Clocked):
    inserted(table)
    path = table.monitor.root / "log.duckdb"
    path.rename(path.with_suffix(".away"))
    assert table.tick(at(TODAY, 9)) == {}
    assert "no file came" in table.said
    path.with_suffix(".away").rename(path)
    table.tick(at(TODAY, 9, 5))
    assert table.tick(at(TODAY, 9, 10)) == {str(LAST): sorted(ALL)}


def test_labels_that_came_before_their_rows_of_a_table_are_joined_again(table: Clocked):
    """A file is noticed by the days that waited for it; of a table they have to be told."""
    path = table.monitor.root / "log.duckdb"
    before = LAST - timedelta(days=2)
    with duckdb.connect(path) as connection:
        connection.execute(f"CREATE TABLE late AS FROM log WHERE served_at::DATE = '{before}'")
        connection.execute(f"DELETE FROM log WHERE served_at::DATE = '{before}'")
    inserted(table)
    table.judge(*DAYS[-7:])
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO log FROM late")
    table.tick(at(TODAY, 9))
    days = f"{before + timedelta(days=1)}..{LAST}"
    assert table.tick(at(TODAY, 9, 5)) == {str(before): sorted(ALL), days: OF_LABELS}
    table.live()
    assert table.tick(at(TODAY, 9, 10)) == {}

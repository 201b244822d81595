"""A project's house and one model in it: where things lie, and when a day is judged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.spec.record import Misplaced
from monitoring_dagster.store.monitor import House
from monitoring_dagster.store.settings import BadSettings
from tests.tiny import DAY, after, keep, monitor_of, noon, spec_of


def settings(root, text):
    (root / "pyproject.toml").write_text(text)
    return root


def test_a_house_keeps_everything_below_its_root(tmp_path):
    house = House.at(tmp_path, {})
    home = tmp_path / ".monitoring"
    assert home.is_dir()
    assert house.ledger_url == f"sqlite:///{home}/ledger.db"
    assert house.tracking_uri == f"sqlite:///{home}/mlflow.db"
    assert house.results.root == home / "results"
    assert house.outbox == home / "outbox"
    assert house.links.dagster_url == "http://127.0.0.1:3000"
    assert house.links.mlflow_url == "http://127.0.0.1:5000"
    assert house.links.runbook_url is None


def test_the_environment_overrules_each_default(tmp_path):
    house = House.at(
        tmp_path,
        {
            "MONITORING_POSTGRES_URL": "postgresql://db/ml",
            "MLFLOW_TRACKING_URI": "http://mlflow",
            "DAGSTER_UI_URL": "http://dagster",
            "MLFLOW_UI_URL": "http://ui",
            "RUNBOOK_URL": "http://runbooks",
        },
    )
    assert (house.ledger.url, house.tracking_uri) == ("postgresql://db/ml", "http://mlflow")
    links = house.links
    assert (links.dagster_url, links.mlflow_url, links.runbook_url) == (
        "http://dagster", "http://ui", "http://runbooks"
    )  # fmt: skip


def test_a_variable_that_is_empty_says_nothing(tmp_path):
    names = ("MONITORING_POSTGRES_URL", "MLFLOW_TRACKING_URI", "DAGSTER_UI_URL", "RUNBOOK_URL")
    assert House.at(tmp_path, dict.fromkeys(names, "")) == House.at(tmp_path, {})


def test_a_mistake_in_the_settings_is_told_before_anything_is_made(tmp_path):
    with pytest.raises(BadSettings, match="there is no time zone 'Mars'"):
        House.at(settings(tmp_path, "[tool.monitoring_dagster.schedule]\ntime_zone = 'Mars'\n"), {})
    assert not (tmp_path / ".monitoring").exists()


def test_a_replay_says_what_time_it_is(tmp_path):
    house = House.at(tmp_path, {})
    assert abs(datetime.now(UTC) - house.now()) < timedelta(minutes=1)
    assert replace(house, as_of=noon()).now() == noon()


def test_a_model_overrides_what_the_project_says_key_by_key(tmp_path):
    text = '[tool.monitoring_dagster.schedule]\nat = 07:00:00\ntime_zone = "Europe/Berlin"\n'
    house = House.at(settings(tmp_path, text), {})
    assert house.monitor(spec_of()).judged_at(DAY) == datetime(2026, 3, 3, 6, tzinfo=UTC)
    own = house.monitor(spec_of(schedule={"grace_minutes": 30}))
    assert own.schedule.words == "07:00 Europe/Berlin, at 07:30 where files are late"


def test_a_grace_that_the_projects_hour_makes_too_long_is_refused(tmp_path):
    text = "[tool.monitoring_dagster.schedule]\nat = '22:00'\n"
    monitor = House.at(settings(tmp_path, text), {}).monitor(
        spec_of(schedule={"grace_minutes": 120})
    )
    with pytest.raises(Misplaced, match="passes midnight UTC"):
        monitor.judged_at(DAY)


@pytest.mark.parametrize(
    ("now", "history"),
    [
        pytest.param(timedelta(hours=-1), False, id="not judged yet"),
        pytest.param(timedelta(hours=1), False, id="just judged"),
        pytest.param(timedelta(days=60), True, id="two months ago"),
    ],
)
def test_a_day_that_is_long_over_is_history(tmp_path, now, history):
    monitor = monitor_of(tmp_path)
    house = replace(monitor.house, as_of=monitor.judged_at(DAY) + now)
    assert house.monitor(monitor.spec).is_history(DAY) is history


def serve(root, day):
    path = root / "served" / f"{day}.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"request_id": ["a"]}), path)


def test_monitoring_begins_as_declared_else_with_the_earliest_file(tmp_path):
    for day in (after(3), after(1)):
        serve(tmp_path, day)
    assert monitor_of(tmp_path).first_day() == DAY
    assert monitor_of(tmp_path, first_day=None).first_day() == after(1)


def test_without_any_file_it_has_not_begun(tmp_path):
    assert monitor_of(tmp_path, first_day=None).beginning() == (None, "")


def test_while_nobody_can_read_the_predictions_it_begins_with_the_earliest_result(tmp_path):
    log = {"database": "gone.duckdb", "table": "log"}
    monitor = monitor_of(tmp_path, first_day=None, predictions=log)
    assert monitor.beginning().day is None
    keep(monitor, "contract", after(2))
    day, problem = monitor.beginning()
    assert day == after(2)
    assert "gone.duckdb" in problem

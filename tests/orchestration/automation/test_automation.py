"""What runs by itself: which days, when, and never twice."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pytest

from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.store.monitor import Monitor
from tests.orchestration.small_project import DAYS, WINDOW

Requested = dict[str, set[date]]
Tick = Callable[[datetime], Requested]

TODAY = DAYS[-1] + timedelta(days=1)
MORNING = datetime.combine(TODAY, time(6, 0, 30), UTC)
DAILY = ("contract", "profile", "drift", "estimate", "outcomes", "verdict")
STEPS = {*DAILY, "evaluation", "attribution"}


@pytest.fixture
def materialise(monitor: Monitor, instance: dg.DagsterInstance) -> Callable[..., None]:
    """Report steps as done for some days, as a run would."""

    def report(days: set[date] | list[date], *steps: str) -> None:
        for step in steps:
            for day in sorted(days):
                instance.report_runless_asset_event(
                    dg.AssetMaterialization([monitor.name, step], partition=str(day))
                )

    return report


@pytest.fixture
def tick(monitor: Monitor, instance: dg.DagsterInstance) -> Tick:
    """One look of the automation sensor at a given time; what it asks for, by step."""
    definitions = definitions_of(monitor)
    cursor = None

    def look(now: datetime) -> Requested:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(
            definitions,
            instance,
            asset_selection=dg.AssetSelection.groups(monitor.name),
            evaluation_time=now,
            cursor=cursor,
        )
        cursor = result.cursor
        return {
            one.key.path[-1]: {
                date.fromisoformat(key)
                for key in result.get_requested_partitions(one.key)
                if key is not None
            }
            for one in result.results
            if isinstance(one.key, dg.AssetKey) and one.true_subset.size
        }

    return look


@pytest.fixture
def up_to_date(tick: Tick, materialise: Callable[..., None]) -> Tick:
    """A model whose days are all done but the last three: an outage."""
    tick(MORNING - timedelta(hours=7))
    materialise(DAYS[:-3], *STEPS)
    tick(MORNING - timedelta(hours=6))
    return tick


def test_days_that_an_outage_left_out_are_requested_in_the_morning(up_to_date: Tick):
    """Three days down: the three days of every daily step, at 06:00 and not before."""
    assert not up_to_date(MORNING - timedelta(minutes=5)).get("contract")
    asked = up_to_date(MORNING)
    assert {step: asked.get(step) for step in DAILY} == {step: set(DAYS[-3:]) for step in DAILY}


def test_a_week_heals_itself_and_older_days_wait_for_a_backfill(tick: Tick):
    """A new model with a dozen days asks for the last seven, and leaves a year to a person."""
    tick(MORNING - timedelta(minutes=5))
    assert tick(MORNING)["contract"] == set(DAYS[-7:])


def test_what_was_requested_and_done_is_not_requested_again(
    up_to_date: Tick, materialise: Callable[..., None]
):
    """The tick after the run, and the next half hour, ask for nothing more."""
    asked = up_to_date(MORNING)
    for step in sorted(asked):
        materialise(asked[step], step)
    after = up_to_date(MORNING + timedelta(seconds=30))
    for step in sorted(after):
        materialise(after[step], step)
    assert not after.keys() & set(DAILY)
    assert up_to_date(MORNING + timedelta(minutes=1)) == {}
    assert up_to_date(MORNING + timedelta(minutes=30)) == {}


def test_a_day_that_fails_is_tried_again_the_next_morning_only(up_to_date: Tick):
    """Nothing was materialised after the request: no hot loop, one new attempt a day."""
    assert up_to_date(MORNING)["contract"] == set(DAYS[-3:])
    assert "contract" not in up_to_date(MORNING + timedelta(minutes=30))
    assert up_to_date(MORNING + timedelta(days=1))["contract"] == {*DAYS[-3:], TODAY}


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param(DAYS[-1:], id="yesterday's labels"),
        pytest.param([DAYS[-4]], id="labels that were read some days late"),
        pytest.param(DAYS[-3:], id="the labels of three days at once"),
    ],
)
def test_labels_ask_for_exactly_the_days_that_they_may_belong_to(
    arrivals: list[date], up_to_date: Tick, materialise: Callable[..., None]
):
    """Labels of one arrival day revise that day and the days within the maturing time before."""
    settle(up_to_date, materialise)
    materialise(arrivals, "outcomes")
    asked = up_to_date(MORNING + timedelta(hours=2))
    window = {day - timedelta(days=lag) for day in arrivals for lag in range(WINDOW + 1)}
    assert asked == {"evaluation": window, "attribution": window}
    materialise(window, "evaluation", "attribution")
    assert up_to_date(MORNING + timedelta(hours=3)) == {}


def test_labels_of_long_ago_are_no_news(up_to_date: Tick, materialise: Callable[..., None]):
    """Somebody backfills old outcomes: revising those days is part of the backfill."""
    settle(up_to_date, materialise)
    materialise([DAYS[0]], "outcomes")
    assert up_to_date(MORNING + timedelta(hours=2)) == {}


def settle(tick: Tick, materialise: Callable[..., None]) -> None:
    """Do all that is asked for until nothing is."""
    for seconds in range(0, 300, 30):
        asked = tick(MORNING + timedelta(seconds=seconds))
        if not asked:
            return
        for step in sorted(asked):
            materialise(asked[step], step)
    pytest.fail(f"still asked for: {asked}")

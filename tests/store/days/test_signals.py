"""Signals lie in the file of the step that wrote them, and come back as they were."""

from datetime import date, timedelta
from math import nan

import pyarrow as pa
import pytest

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.rules.own_rule import AREAS
from monitoring_dagster.store.days.signals import noted, signals, stored_on
from monitoring_dagster.store.results import CorruptResult
from tests.world import World

DAY = date(2026, 3, 2)
FULL = Signal.on(
    DAY, "service.error_rate", 0.5, subject="s", version="1", segment="country",
    segment_value="DE\n'\"", known_on=DAY, low=0.4, high=0.6, n=8, good=4, total=8, baseline=0.1,
    baseline_name="training", baseline_low=0.05, baseline_high=0.2, baseline_n=9, spread=0.4,
    severity="P2", p_value=0.01, effect=0.2, reason="half of them failed",
)  # fmt: skip


@pytest.fixture
def monitor(tmp_path):
    return World(tmp_path).monitor


def write(monitor, *found, step="profile", day=DAY, **notes):
    table = pa.table({"x": [1]})
    monitor.results.write("tiny", step, day, table, metadata={**noted(found), **notes})


def test_every_field_comes_back(monitor):
    write(monitor, FULL)
    assert signals(monitor, "service.error_rate", first=DAY, last=DAY) == [FULL]


def test_what_is_unknown_stays_so(monitor):
    write(monitor, Signal.on(DAY, "volume.rows", nan))
    (one,) = signals(monitor, "volume.rows", first=DAY, last=DAY)
    assert one.known_on is None
    assert (str(one.value), str(one.low)) == ("nan", "nan")


def test_they_are_written_with_the_result_and_beside_its_other_notes(monitor):
    write(monitor, FULL, service="{}")
    assert monitor.results.read("tiny", "profile", DAY).to_pylist() == [{"x": 1}]
    assert monitor.results.metadata("tiny", "profile", DAY)["service"] == "{}"
    write(monitor)  # the step ran again, and found nothing
    assert signals(monitor, "service.error_rate", first=DAY, last=DAY) == []


def test_a_range_comes_by_day_and_days_without_a_file_are_left_out(monitor):
    days = [DAY, DAY + timedelta(days=2)]
    for day in reversed(days):
        write(monitor, Signal.on(day, "volume.rows", 3), day=day)
    found = signals(monitor, "volume.rows", first=DAY, last=DAY + timedelta(days=5))
    assert [one.day for one in found] == days
    assert signals(monitor, "volume.rows", first=days[1], last=days[1])[0].day == days[1]


def test_a_day_of_before_signals_has_none(monitor):
    monitor.results.write("tiny", "profile", DAY, pa.table({"x": [1]}))
    assert stored_on(monitor, DAY) == []


def test_a_name_that_no_step_writes_has_none(monitor):
    assert signals(monitor, "weather.rain", first=DAY, last=DAY) == []


def test_a_flipped_bit_is_told(monitor):
    write(monitor, FULL)
    path = monitor.results.root / "tiny" / "profile" / f"{DAY}.parquet"
    written = bytearray(path.read_bytes())
    written[-60] ^= 1
    path.write_bytes(bytes(written))
    with pytest.raises(CorruptResult):
        signals(monitor, "service.error_rate", first=DAY, last=DAY)


def test_every_step_of_a_lived_day_writes_its_areas(founded):
    """By name, so that a rule can be written on each of them."""
    day = max(founded.monitor.results.days("tiny", "verdict"))
    areas = {one.name.partition(".")[0] for one in stored_on(founded.monitor, day)}
    only_where_there_is_something = {
        "outside", "estimate_accuracy", "revision", "label_feed", "freshness", "traffic"
    }  # fmt: skip
    beyond_a_short_life = {"multivariate", "registration", "variation"}
    missing = only_where_there_is_something | beyond_a_short_life
    assert areas == set(AREAS) - missing


def test_signals_of_a_lived_day_agree_with_its_results(founded):
    day = max(founded.monitor.results.days("tiny", "verdict"))

    def values(name):
        return {
            (one.version, one.subject): one.value
            for one in signals(founded.monitor, name, first=day, last=day)
            if not one.segment
        }

    table = founded.monitor.results.read("tiny", "drift", day).to_pylist()
    whole = {(row["version"], row["column"]): row for row in table if not row["segment"]}
    assert values("drift.effect") == {key: row["effect"] for key, row in whole.items()}
    estimates = founded.monitor.results.read("tiny", "estimate", day).to_pylist()
    (log_loss,) = [
        row["estimate"] for row in estimates if row["metric"] == "log_loss" and not row["segment"]
    ]
    assert values("estimate.log_loss") == {("1", ""): log_loss}
    assert values("volume.rows") == {("", ""): founded.rows_a_day}

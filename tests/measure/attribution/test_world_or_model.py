"""World or model: the rows of both windows say whether inputs or their meaning changed."""

from dataclasses import replace
from math import isnan

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.measure.attribution.windows import windows_of
from monitoring_dagster.measure.attribution.world_or_model import world_or_model
from monitoring_dagster.measure.quality.arrived_labels import run as join
from monitoring_dagster.stats.columns.groups import Group
from tests.tiny import (
    after,
    counted,
    log_of,
    monitor_of,
    noon,
    put,
    reference_rows,
    registered,
    replaced,
)

LAST, CHANGED_ON = after(11), after(7)
ROWS = 120
FEATURES = (("age", "numeric"), ("debt", "numeric"))


def served(day, change):
    """A day's rows, by which the labels are drawn: as ever, of other people, or the reverse."""
    log = log_of(ROWS, day)
    if day < CHANGED_ON or change is None:
        return log
    if change == "inputs":  # they are all nearer to where the score says nothing
        age = log["age"].to_numpy() * 0.3
        score = 1 / (1 + np.exp(-1.5 * age))
        rng = np.random.default_rng(day.toordinal())
        label = (rng.uniform(size=ROWS) < score).astype(int)
        return replaced(log, age=age, score=score, label=label)
    return replaced(log, label=1 - log["label"].to_numpy())


@pytest.fixture
def lived(tmp_path, monkeypatch):
    """Twelve judged days, the last five of them changed."""

    def live(change, **spec):
        registered(monkeypatch, reference_rows(4), features=FEATURES)
        monitor = monitor_of(tmp_path, **spec)
        for number in range(12):
            day = after(number)
            log = served(day, change)
            put(tmp_path, "served", log.drop_columns(["label"]), day)
            arrived = pa.array([noon(day)] * ROWS, pa.timestamp("us", "UTC"))
            told = {"request_id": log["request_id"], "label": log["label"], "arrived_at": arrived}
            put(tmp_path, "told", told, day)
            counted(monitor, {"1": ROWS}, day)
            join(monitor, day)
        return monitor

    return live


def parts(monitor):
    """The windows, the signals of the whole by their quantity, and all signals."""
    windows = windows_of(monitor, LAST, as_of=LAST)
    found = list(world_or_model(monitor, windows, "1"))
    whole = {one.name.partition(".")[2]: one for one in found if one.subject == "log_loss"}
    return windows, whole, found


@pytest.mark.parametrize(
    ("change", "moved", "still"),
    [
        pytest.param("inputs", "inputs", "relation", id="harder cases"),
        pytest.param("relation", "relation", "inputs", id="labels mean the opposite"),
    ],
)
def test_the_part_that_changed_is_the_fall_and_the_other_is_not(lived, change, moved, still):
    _, whole, _ = parts(lived(change))
    assert whole[moved].low > 0, "worse"
    assert whole[still].low <= 0 <= whole[still].high
    assert whole[moved].value >= 0.75 * whole["change"].value
    total = whole["inputs"].value + whole["relation"].value
    assert total == pytest.approx(whole["change"].value, abs=1e-12)


def test_it_is_the_change_of_the_counts_against_the_window_before(lived):
    windows, whole, _ = parts(lived("relation"))
    means = [windows.total(Group("1"), before=one).mean for one in (True, False)]
    assert whole["change"].value == pytest.approx(means[1] - means[0], abs=1e-9)
    assert whole["change"].baseline_name == windows.before_name
    assert {one.version for one in whole.values()} == {"1"}


def test_features_are_named_by_what_their_shift_adds(lived):
    _, _, found = parts(lived("inputs"))
    first = [one.subject for one in found if one.name == "attribution.feature"]
    assert first == ["age", "debt"]


def test_a_version_that_served_too_little_before_is_held_against_its_reference(lived):
    monitor = lived("relation")
    windows = windows_of(monitor, LAST, as_of=LAST)
    eve = {day: one for day, one in windows.before.items() if day == windows.last_before}
    found = list(world_or_model(monitor, replace(windows, before=eve), "1"))
    assert {one.baseline_name for one in found} == {"reference of version 1"}
    assert found[0].n > 1000


def test_where_nothing_can_be_read_it_says_why(lived, tmp_path):
    monitor = lived("relation")
    windows = windows_of(monitor, LAST, as_of=LAST)
    for path in (tmp_path / "served").glob("*.parquet"):
        path.unlink()
    inputs, relation = world_or_model(monitor, windows, "1")
    assert isnan(inputs.value)
    assert relation.reason == (
        "no labelled row of version 1 from the newest judged days can be read"
    )

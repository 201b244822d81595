"""The change and its parts, by version and by segment."""

from math import isnan

import numpy as np
import pytest

from monitoring_dagster.measure.attribution.attribution import run
from monitoring_dagster.stats.columns.groups import Group
from tests.measure.attribution.judged_days import (
    CHANGED_ON,
    LAST,
    lived,
    one_of,
    rows,
    signals,
    wave,
)
from tests.tiny import DAY, after, counted, labelled


def test_harder_cases_of_a_segment_are_mix_and_a_worse_segment_is_within(monitor):
    def traffic(day):
        share = 0.2 if day < CHANGED_ON else 0.6
        return {("2", "FR"): (round(1000 * share), 0.6), ("2", "DE"): (round(1000 - 1000 * share),
                                                                       0.9)}  # fmt: skip

    lived(monitor, traffic)
    found = signals(monitor)
    assert one_of(found, "mix", subject="country").value == pytest.approx(0.12)
    assert one_of(found, "within", subject="country").value == pytest.approx(0, abs=1e-12)
    assert one_of(found, "mix", subject="version").value == pytest.approx(0, abs=1e-12)
    assert one_of(found, "within", subject="version").value == pytest.approx(0.12)
    of_france = one_of(
        found, "mix", subject="country", segment="country", segment_value="FR"
    )  # fmt: skip
    assert of_france.value > 0


def test_the_parts_of_every_dimension_add_up_to_the_change(monitor):
    rng = np.random.default_rng(1)

    def traffic(_):
        return {(version, country): (int(rng.integers(50, 300)), rng.uniform(0.5, 0.9))
                for version in ("2", "3", "10") for country in ("DE", "FR")}  # fmt: skip

    lived(monitor, traffic)
    found = signals(monitor)
    change = one_of(found, "change", subject="accuracy").value
    for dimension in ("version", "country"):
        mix, within = (one_of(found, name, subject=dimension).value for name in ("mix", "within"))
        assert mix + within == pytest.approx(change, abs=1e-12)
    run(monitor, LAST)
    table = monitor.results.read("tiny", "attribution", LAST).to_pylist()
    for dimension in ("version", "country"):
        parts = [one for one in table if one["dimension"] == dimension]
        total = sum(one["mix"] + one["within"] for one in parts)
        assert total == pytest.approx(change, abs=1e-12)
    versions = [one["value"] for one in table if one["dimension"] == "version"]
    assert versions == ["2", "3", "10"], "as they are counted"


def test_signals_name_both_windows_and_the_day_up_to_which_labels_were_known(monitor):
    lived(monitor, lambda day: {("2", "DE"): (400, 0.8 + wave(day))})
    for one in signals(monitor):
        assert (one.start.date(), one.end.date()) == (CHANGED_ON, after(30))
        assert one.baseline_name == f"{DAY.replace(month=2, day=27)} to {after(24)}"
        assert one.known_on == LAST


def test_the_first_judged_day_has_nothing_to_compare_with(monitor):
    counted(monitor, {"1": 100})
    labelled(monitor, {(DAY, Group("1")): rows(100, 0.8)})
    report = run(monitor, DAY)
    assert report.words["attribution"].startswith("no judged day from 2026-02-02")
    (change,) = signals(monitor, DAY)
    assert isnan(change.value)

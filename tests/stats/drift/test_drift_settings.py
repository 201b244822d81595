"""The recommended values keep their order, and what is settled for a day stays settled."""

from dataclasses import FrozenInstanceError

import pytest

from monitoring_dagster.stats.drift.drift_settings import DriftSettings


def test_a_moderate_shift_is_less_than_an_alert_and_that_less_than_a_significant_one():
    usual = DriftSettings()
    assert 0 < usual.psi_moderate < usual.psi_alert < usual.psi_significant


def test_the_recommended_values_are_those_of_the_readme():
    """5 % of rows in other bins, or 2 % more missing, infinite, out of range or new; 100 rows."""
    usual = DriftSettings()
    assert (usual.alpha, usual.min_rows, usual.min_effect) == (0.05, 100, 0.05)
    assert {usual.min_missing, usual.min_infinite, usual.min_out_of_range,
            usual.min_new_category} == {0.02}  # fmt: skip


def test_settings_cannot_be_changed_while_columns_are_judged():
    with pytest.raises(FrozenInstanceError):
        DriftSettings().alpha = 0.5

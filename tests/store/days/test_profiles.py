"""What a day's rows said about the service, and why a day has none that is judged."""

import numpy as np
import pytest

from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import empty_column
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_to_table
from monitoring_dagster.store.days.profiles import PROFILE, profiles_of, service_of, why_no_profile
from tests.tiny import DAY, after, keep, monitor_of, served_by


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


def profile(rows):
    return Profile(rows, {"age": empty_column(NumericBins(np.array([1.0, 2.0])))})


def test_profiles_come_back_and_again_once_they_were_written_anew(monitor):
    keep(monitor, PROFILE, rows=profiles_to_table({Group("1"): profile(3)}))
    (group,) = profiles_of(monitor, DAY)
    assert group == Group("1")
    assert profiles_of(monitor, DAY)[group].rows == 3
    keep(monitor, PROFILE, rows=profiles_to_table({Group("1"): profile(4)}))
    assert profiles_of(monitor, DAY)[group].rows == 4


def test_a_day_that_was_not_profiled_is_empty(monitor):
    assert profiles_of(monitor, DAY) == {}
    assert service_of(monitor, DAY) == {}


def test_the_service_is_read_as_it_was_noted(monitor):
    served_by(monitor, {"1": 3, "": 1}, errors=2)
    assert service_of(monitor, DAY)["versions"] == {"1": 3, "": 1}
    assert service_of(monitor, DAY)["errors"] == 2
    assert service_of(monitor, after(1)) == {}


@pytest.mark.parametrize(
    ("service", "words"),
    [
        pytest.param(None, "no rows on 2026-03-02, see contract:schema", id="never profiled"),
        pytest.param({"rows": 0}, "no rows on 2026-03-02, see contract:schema", id="no rows"),
        pytest.param(
            {"rows": 1200},
            "none of 1,200 rows on 2026-03-02 is judged (errors, fallback or synthetic)",
            id="rows that do not count",
        ),
    ],
)
def test_why_a_day_has_no_row_that_is_judged(monitor, service, words):
    if service is not None:
        keep(monitor, PROFILE, service=service)
    assert why_no_profile(monitor, DAY) == words

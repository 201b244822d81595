"""What a command says where it cannot say how a model does: the reason and the way out."""

from datetime import date, datetime

import pytest

from monitoring_dagster.cli.refusals import NoModels, NothingStored, SomeUnknown
from monitoring_dagster.errors import MonitoringError

FIRST, LAST = datetime(2026, 3, 2), datetime(2026, 3, 9)  # noqa: DTZ001 - as click has them


def test_a_project_without_a_model_is_told_how_to_write_the_first():
    assert str(NoModels.in_project()) == (
        "no monitored model is declared under assets/: `dg scaffold defs"
        " monitoring_dagster.orchestration.MonitoredModel NAME` writes the first"
    )


@pytest.mark.parametrize(
    ("first", "last", "between"),
    [
        pytest.param(None, None, "", id="all days"),
        pytest.param(FIRST, None, " between 2026-03-02 and the last", id="from a day on"),
        pytest.param(None, LAST, " between the first and 2026-03-09", id="up to a day"),
        pytest.param(FIRST, LAST, " between 2026-03-02 and 2026-03-09", id="between two"),
    ],
)
def test_days_of_which_nothing_is_stored(first, last, between):
    assert str(NothingStored.of("tiny", first=first, last=last)) == (
        f"tiny has no stored day{between}: materialise its assets in Dagster first (make ui), or"
        " ask for other days"
    )


def test_days_of_which_no_label_has_come():
    said = str(NothingStored.of_labels("tiny", first=date(2026, 3, 2), last=date(2026, 3, 9)))
    assert said == (
        "no label of tiny belongs to a prediction of 2026-03-02 to 2026-03-09: wait for labels, or"
        " ask for other days"
    )


def test_models_of_which_nothing_is_known_are_named_each_reason_once():
    errors = [MonitoringError("a is broken"), MonitoringError("b rots"), MonitoringError("b rots")]
    assert str(SomeUnknown.of(errors)) == "a is broken; b rots"

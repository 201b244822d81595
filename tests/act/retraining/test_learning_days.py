"""Which days are worth what to a training, as known on the day that is asked about."""

import pytest

from monitoring_dagster.act.retraining.enough_labels import LabelState
from monitoring_dagster.act.retraining.learning_days import learning_days
from monitoring_dagster.decide.signal import Signal
from tests.tiny import DAY, after, keep, monitor_of

KNOWN, WAITING, THIN, UNUSABLE, QUARANTINED = LabelState
WAIT = 5
POLICY = {"trainer": "a:b", "train_days": 2, "holdout_days": 1, "min_labelled_rows": 10}
TABLE = {"database": "log.duckdb", "table": "log"}


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path, retraining=POLICY)


def serve(monitor, n, labels=None, *, counted=100, came=None, file=True, **service):
    """A day with a file, a profile, and so many labels that came on that day."""
    if file:
        path = monitor.root / "served" / f"{after(n)}.parquet"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    if counted is not None:
        keep(monitor, "profile", after(n), service={"counted": counted, **service})
    by_day = {} if labels is None else {str(after(n)): labels}
    keep(monitor, "outcomes", after(n if came is None else came), account={"by_day": by_day})


def states(monitor, lag):
    return [(one.day, one.state) for one in learning_days(monitor, after(lag)).days]


@pytest.mark.parametrize(
    ("labels", "lag", "state"),
    [
        pytest.param(80, WAIT, KNOWN, id="enough, and the wait is over"),
        pytest.param(79, WAIT, THIN, id="one too few"),
        pytest.param(100, WAIT - 1, WAITING, id="all of them, a day before it is over"),
        pytest.param(0, WAIT, THIN, id="none came"),
        pytest.param(-3, WAIT, THIN, id="more were taken away than came"),
    ],
)
def test_a_day_counts_once_its_wait_is_over(monitor, labels, lag, state):
    serve(monitor, 0, labels)
    assert states(monitor, lag) == [(DAY, state)]


@pytest.mark.parametrize(
    ("served", "found"),
    [
        pytest.param({"counted": 0}, [], id="nothing was served: it does not count"),
        pytest.param({"counted": 0, "error": "rot"}, [(DAY, UNUSABLE)], id="it could not be read"),
        pytest.param({"counted": None}, [(DAY, KNOWN)], id="never profiled: by its age alone"),
        pytest.param({"file": False}, [], id="its file is gone"),
    ],
)
def test_days_of_which_nothing_was_counted(monitor, served, found):
    serve(monitor, 0, 90, **served)
    assert states(monitor, WAIT) == found


def test_what_the_contract_called_unusable_is_said_to_be(monitor):
    serve(monitor, 0, 90, counted=0)
    keep(monitor, "contract", usable="0")
    assert states(monitor, WAIT) == [(DAY, UNUSABLE)]


def test_a_day_in_quarantine_is_passed_over_for_the_one_before_it(monitor):
    for n in range(4):
        serve(monitor, n, 90)
    broken = Signal.stating(after(2), "contract.schema_breach", "age", "odd", severity="P1")
    keep(monitor, "contract", after(2), signals=[broken])
    assert states(monitor, 3 + WAIT) == [
        (DAY, KNOWN), (after(1), KNOWN), (after(2), QUARANTINED), (after(3), KNOWN)
    ]  # fmt: skip
    keep(monitor, "contract", after(2))  # delivered anew
    assert states(monitor, 3 + WAIT) == [(after(n), KNOWN) for n in (1, 2, 3)]


def test_a_label_that_came_after_the_day_asked_about_is_not_known_on_it(monitor):
    serve(monitor, 0, 90, came=WAIT + 1)
    assert states(monitor, WAIT) == [(DAY, THIN)]
    assert states(monitor, WAIT + 1) == [(DAY, KNOWN)]


def test_as_many_known_days_as_a_training_takes_and_all_after_them(monitor):
    for n in range(6):
        serve(monitor, n, 10 if n == 3 else 90)
    found = learning_days(monitor, after(5 + WAIT - 1))
    assert [one.day for one in found.days] == [after(n) for n in (1, 2, 3, 4, 5)]
    assert [one.state for one in found.days] == [KNOWN, KNOWN, THIN, KNOWN, WAITING]
    assert found.training_rows == 180


def test_once_the_usual_delays_are_known_nothing_is_waited_for_that_has_come(monitor):
    for n in range(20):
        serve(monitor, n, 90)
    assert states(monitor, 19) == [(after(n), KNOWN) for n in (17, 18, 19)]


def test_a_model_that_was_never_served_learns_from_no_day(monitor):
    assert learning_days(monitor, DAY).days == ()


def test_of_a_table_the_days_before_its_first_profile_may_hold_rows(tmp_path):
    monitor = monitor_of(tmp_path, predictions=TABLE, retraining=POLICY)
    serve(monitor, 0, 90, file=False)
    found = states(monitor, WAIT)
    assert found[-1] == (DAY, KNOWN)
    assert [day for day, _ in found] == [after(-2), after(-1), DAY]


def test_a_model_without_retraining_is_never_asked(tmp_path):
    with pytest.raises(AssertionError, match="learns from no day"):
        learning_days(monitor_of(tmp_path), DAY)
